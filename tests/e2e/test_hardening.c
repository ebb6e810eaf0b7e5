/* SPDX-License-Identifier: MIT */
/* A running service has given up what it needs not, says so, and keeps secrets out of its files, its log and the process list. */

#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"

#define WAIT_MS    20000
#define DEVICE     "d1"
#define CREDENTIAL "Cr3dential-of-the-feed"
#define WEBHOOK    "whsec_c2VjcmV0IG9mIGEgd2ViaG9vayBvZiB0aGUgdGVzdA=="

static struct e2e_hub hub;

/* ---- What was given up ---- */

/* A file of /proc/PID of the service; the caller's to free. */
static char *proc_text(const char *name)
{
    char path[64];
    FILE *file;
    char *text = calloc(1, 16384);

    snprintf(path, sizeof path, "/proc/%d/%s", (int)hub.pid, name);
    file = fopen(path, "r");
    assert_true(file != NULL && text != NULL);
    assert_true(fread(text, 1, 16383, file) > 0);
    fclose(file);
    return text;
}

static bool has_line(const char *name, const char *line)
{
    char *text = proc_text(name);
    const bool has = strstr(text, line) != NULL;

    free(text);
    return has;
}

static const json_t *sandbox_of(const json_t *status, const char *name)
{
    return json_object_get(json_object_get(status, "sandbox"), name);
}

static void test_hardening__rights_are_given_up(void **state)
{
    json_t *status = e2e_status(&hub);
    struct stat about;
    char path[64];

    (void)state;
    assert_true(has_line("status", "NoNewPrivs:\t1\n"));
    assert_true(has_line("status", "Seccomp:\t2\n"));
    assert_true(has_line("limits", "Max core file size        0                    0 "));
    assert_true(json_is_true(sandbox_of(status, "noNewPrivileges")));
    assert_true(json_is_true(sandbox_of(status, "noCoreDumps")));
    assert_true(json_is_true(sandbox_of(status, "systemCalls")));
    assert_true(json_is_boolean(sandbox_of(status, "files"))); /* not each kernel has Landlock */
    json_decref(status);
    /* Not dumpable: its memory belongs to root. */
    snprintf(path, sizeof path, "/proc/%d/mem", (int)hub.pid);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_uid, 0);
    assert_true(e2e_wait_text(hub.log, "event=serve.sandbox no_new_privileges=1", WAIT_MS));
}

static void check_refused(const char *const *arguments)
{
    struct e2e_result result = e2e_cli(&hub, arguments);

    if (result.status != 1 || strstr(result.err, "security.folders") == NULL) {
        fail_msg("%s: status %d, \"%s\"", arguments[0], result.status, result.err);
    }
    e2e_result_release(&result);
}

static void test_hardening__files_outside_are_refused_by_name(void **state)
{
    json_t *status = e2e_status(&hub);
    const bool restricts = json_is_true(sandbox_of(status, "files"));
    char path[160];

    (void)state;
    json_decref(status);
    if (!restricts) {
        skip();
    }
    check_refused(E2E_ARGS("backup", "/var/tmp/vedette-e2e-hardening"));
    assert_int_equal(access("/var/tmp/vedette-e2e-hardening", F_OK), -1);
    check_refused(E2E_ARGS("notify", "add", "file", "out", "/var/tmp/vedette-e2e-alerts.jsonl"));
    check_refused(E2E_ARGS("intel", "add", "out", "--watch", "/var/tmp/vedette-e2e-list.txt"));
    /* What security.folders names is as before. */
    snprintf(path, sizeof path, "%s/backup", e2e_folder());
    e2e_cli_ok(&hub, E2E_ARGS("backup", path));
    snprintf(path, sizeof path, "%s/alerts.jsonl", e2e_folder());
    e2e_cli_ok(&hub, E2E_ARGS("notify", "add", "file", "in", path));
    e2e_cli_ok(&hub, E2E_ARGS("notify", "test", "in"));
    assert_true(e2e_wait_text(path, "{", WAIT_MS));
}

static void test_hardening__off_is_off(void **state)
{
    char path[128];
    char *before;
    size_t length = 0;
    FILE *file;
    json_t *status;

    (void)state;
    snprintf(path, sizeof path, "%s/vedette.conf", hub.data);
    before = e2e_read_file(path, &length);
    e2e_hub_stop(&hub);
    file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs("security.sandbox = off\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    e2e_hub_start(&hub);
    assert_true(has_line("status", "Seccomp:\t0\n"));
    status = e2e_status(&hub);
    assert_true(json_is_false(sandbox_of(status, "systemCalls")));
    assert_true(json_is_false(sandbox_of(status, "files")));
    json_decref(status);
    e2e_hub_stop(&hub);
    e2e_write_file(path, before, length);
    free(before);
    e2e_hub_start(&hub);
}

/* ---- Secrets ---- */

static const char *secrets[16];
static size_t lengths[16];
static size_t secret_count;
static unsigned files_read;
static char found[512];

static void look_for(const char *secret, size_t length)
{
    assert_true(length >= 16 && secret_count < 16);
    secrets[secret_count] = secret;
    lengths[secret_count++] = length;
}

static void look_into(const char *path)
{
    size_t length = 0;
    char *data = e2e_read_file(path, &length);

    files_read++;
    for (size_t i = 0; data != NULL && i < secret_count; i++) {
        if (memmem(data, length, secrets[i], lengths[i]) != NULL) {
            snprintf(found, sizeof found, "secret %zu is in %s", i, path);
        }
    }
    free(data);
}

static int visit(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    if (kind == FTW_F && strcmp(path + place->base, "master.key") != 0 && S_ISREG(about->st_mode)) {
        look_into(path);
    }
    return 0;
}

static void check_files(void)
{
    found[0] = '\0';
    files_read = 0;
    assert_int_equal(nftw(hub.data, visit, 16, FTW_PHYS), 0);
    assert_true(files_read > 8); /* stores, certificates, tables */
    look_into(hub.log);
    look_into(hub.ready);
    if (found[0] != '\0') {
        fail_msg("%s", found);
    }
}

static void send_message(void)
{
    static const struct e2e_flow flows[] = {
        {"10.0.0.5", "198.51.100.7", 40000, 443, 100, 200, "TCP"},
    };

    e2e_send_once(&hub, DEVICE, flows, sizeof flows / sizeof flows[0]);
}

static const char *write_secret(char *path, size_t size, const char *name, const char *secret)
{
    snprintf(path, size, "%s/%s", e2e_folder(), name);
    e2e_write_file(path, secret, strlen(secret));
    assert_int_equal(chmod(path, 0600), 0);
    return path;
}

static bool has_stored(void *context)
{
    (void)context;
    return e2e_query_number(&hub, "SELECT count(*) FROM SecurityIoTRawEvent") > 0;
}

/* A webhook and a feed that nobody answers for: what fails is logged. */
static void give_secrets(void)
{
    char path[160];

    e2e_device_create(&hub, DEVICE);
    e2e_cli_ok(&hub,
        E2E_ARGS("notify", "add", "webhook", "hook", "https://localhost:1/in", "--secret-file",
            write_secret(path, sizeof path, "hook.secret", WEBHOOK)));
    e2e_cli_ok(&hub,
        E2E_ARGS("intel", "add", "feed", "--url", "https://localhost:1/list", "--credential",
            "bearer", "--secret-file", write_secret(path, sizeof path, "feed.secret", CREDENTIAL)));
    e2e_cli_ok(&hub, E2E_ARGS("notify", "test", "hook"));
}

static void test_hardening__secrets_are_in_no_file(void **state)
{
    static const char raw[] = "primary key of a device under te";
    static const char raw_2[] = "secondary key of a device under ";
    char path[128];
    size_t length = 0;
    char *master;
    json_t *token;
    json_t *policy;
    const char *key;

    (void)state;
    give_secrets();
    token = e2e_cli_json(&hub, E2E_ARGS("token", "create", "--name", "alice", "--role", "reader"));
    policy = e2e_cli_json(&hub, E2E_ARGS("policy", "show", "iothubowner"));
    key = json_string_value(json_object_get(policy, "primaryKey"));
    snprintf(path, sizeof path, "%s/master.key", hub.data);
    master = e2e_read_file(path, &length);
    assert_non_null(master);
    assert_non_null(key);
    look_for(E2E_PRIMARY_KEY, strlen(E2E_PRIMARY_KEY));
    look_for(E2E_SECONDARY_KEY, strlen(E2E_SECONDARY_KEY));
    look_for(raw, strlen(raw));
    look_for(raw_2, strlen(raw_2));
    look_for(WEBHOOK + strlen("whsec_"), strlen(WEBHOOK) - strlen("whsec_"));
    look_for("secret of a webhook of the test", strlen("secret of a webhook of the test"));
    look_for(CREDENTIAL, strlen(CREDENTIAL));
    look_for("SharedAccessSignature sr=", strlen("SharedAccessSignature sr="));
    look_for(json_string_value(json_object_get(token, "token")),
        json_string_length(json_object_get(token, "token")));
    look_for(key, strlen(key));
    look_for(master, length);
    send_message();
    assert_true(e2e_wait(WAIT_MS, has_stored, NULL));
    check_files(); /* with write-ahead logs */
    e2e_hub_stop(&hub);
    check_files();
    /* The look finds what is there. */
    secret_count = 0;
    look_for("-----BEGIN CERTIFICATE-----", strlen("-----BEGIN CERTIFICATE-----"));
    look_into(hub.ca);
    assert_true(found[0] != '\0');
    free(master);
    json_decref(token);
    json_decref(policy);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hardening__rights_are_given_up),
        cmocka_unit_test(test_hardening__files_outside_are_refused_by_name),
        cmocka_unit_test(test_hardening__off_is_off),
        cmocka_unit_test(test_hardening__secrets_are_in_no_file),
    };
    static const char *const programs[] = {"flatc", NULL};
    int result = e2e_begin(0, programs);

    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("hardening", tests, make_scene, NULL));
}
