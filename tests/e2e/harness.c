/* SPDX-License-Identifier: MIT */
/* What every end-to-end test starts from. */

#include "tests/e2e/harness.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"

#define START_MS      30000
#define CLI_MS        30000
#define MAX_ARGUMENTS 24

static char folder[64];

const char *e2e_folder(void)
{
    return folder;
}

const char *e2e_vedette(void)
{
    return VD_VEDETTE;
}

/* ---- Beginning and end. ---- */

int e2e_cannot_run(const char *why)
{
    const char *all = getenv("VEDETTE_REQUIRE_ALL");
    bool required = all != NULL && strcmp(all, "1") == 0;
    fprintf(stderr, "%s: %s\n", required ? "cannot run, and VEDETTE_REQUIRE_ALL is set" : "skipped",
        why);
    return required ? 1 : E2E_SKIP;
}

static bool in_path(const char *program)
{
    if (strchr(program, '/') != NULL) {
        return access(program, X_OK) == 0;
    }
    const char *path = getenv("PATH");
    while (path != NULL && *path != '\0') {
        size_t length = strcspn(path, ":");
        char candidate[512];
        snprintf(candidate, sizeof(candidate), "%.*s/%s", (int)length, path, program);
        if (access(candidate, X_OK) == 0) {
            return true;
        }
        path += length + (path[length] == ':');
    }
    return false;
}

/*
 * Whatever the test makes from here on, interfaces, named namespaces, mounts, is its own and vanishes with its last
 * process, even one that was killed.
 */
static const char *own_namespaces(void)
{
    if (unshare(CLONE_NEWNS | CLONE_NEWNET) != 0) {
        return "namespaces are not allowed here (root is needed)";
    }
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        return "mounts cannot be made private";
    }
    if (mkdir("/run/netns", 0755) != 0 && errno != EEXIST) {
        return "/run/netns cannot be made";
    }
    if (mount("e2e", "/run/netns", "tmpfs", 0, "size=1m,mode=755") != 0) {
        return "a tmpfs cannot be mounted";
    }
    return NULL;
}

int e2e_begin(unsigned needs, const char *const *programs)
{
    static char why[128];
    if (access(e2e_vedette(), X_OK) != 0) {
        return e2e_cannot_run("the program vedette is not built");
    }
    for (size_t i = 0; programs != NULL && programs[i] != NULL; i++) {
        if (!in_path(programs[i])) {
            snprintf(why, sizeof(why), "%s is not installed", programs[i]);
            return e2e_cannot_run(why);
        }
    }
    if ((needs & E2E_RAW) != 0 && geteuid() != 0) {
        return e2e_cannot_run("root is needed");
    }
    if ((needs & E2E_NAMESPACES) != 0) {
        const char *problem = own_namespaces();
        if (problem != NULL) {
            return e2e_cannot_run(problem);
        }
    }
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%.30s/vedette-e2e-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "cannot make %s: %s\n", folder, strerror(errno));
        return 1;
    }
    if ((needs & E2E_NAMESPACES) != 0 && in_path("ip")) {
        e2e_shell("ip link set lo up");
    }
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

int e2e_end(int failures)
{
    e2e_processes_end(failures != 0);
    const char *keep = getenv("VEDETTE_E2E_KEEP");
    if (keep != NULL) {
        fprintf(stderr, "kept: %s\n", folder);
    } else {
        vd_folder_remove(folder);
    }
    return failures != 0;
}

/* ---- The hub. ---- */

void e2e_hub_init(
    struct e2e_hub *hub, const char *name, const char *netns, const char *address, uint16_t port)
{
    e2e_hub_init_as(hub, E2E_HUB_NAME, name, netns, address, port);
}

void e2e_hub_init_as(struct e2e_hub *hub, const char *host_name, const char *name,
    const char *netns, const char *address, uint16_t port)
{
    *hub = (struct e2e_hub){.netns = netns, .address = address};
    snprintf(hub->data, sizeof(hub->data), "%s/%s", folder, name);
    snprintf(hub->ca, sizeof(hub->ca), "%s/ca.pem", hub->data);
    snprintf(hub->log, sizeof(hub->log), "%s/%s.log", folder, name);
    snprintf(hub->ready, sizeof(hub->ready), "%s/%s.ready", folder, name);
    e2e_cli_ok(hub, E2E_ARGS("init", "--hub-name", host_name, "--san", address));

    char configuration[256];
    char path[128];
    snprintf(path, sizeof(path), "%s/vedette.conf", hub->data);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    int length = snprintf(configuration, sizeof(configuration),
        strchr(address, ':') != NULL ? "\nmqtt.listen = [%s]:%u\nsecurity.folders = %s\n"
                                     : "\nmqtt.listen = %s:%u\nsecurity.folders = %s\n",
        address, port, folder);
    assert_int_equal(fwrite(configuration, 1, (size_t)length, file), length);
    assert_int_equal(fclose(file), 0);
}

void e2e_hub_serve_https(const struct e2e_hub *hub)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/vedette.conf", hub->data);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs("https.listen = 127.0.0.1:0\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The text of the newest ready line, or NULL while this start has not written one. */
static const char *newest_ready_line(const char *text, unsigned starts)
{
    const char *line = text;
    for (unsigned seen = 0; line != NULL; line++) {
        line = strstr(line, "ready ");
        if (line == NULL) {
            return NULL;
        }
        if (++seen == starts) {
            return strchr(line, '\n') != NULL ? line : NULL;
        }
    }
    return NULL;
}

/* The port of what is named so in the line; 0: it is not there. */
static uint16_t port_in(const char *line, const char *name)
{
    const char *where = strstr(line, name);
    const char *end = strchr(line, '\n');
    char endpoint[80] = "";
    if (where == NULL || where > end) {
        return 0;
    }
    sscanf(where + strlen(name), "%79[^ \n]", endpoint);
    const char *colon = strrchr(endpoint, ':');
    unsigned long port = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static bool read_ports(struct e2e_hub *hub)
{
    char *text = e2e_read_file(hub->ready, NULL);
    const char *line = text != NULL ? newest_ready_line(text, hub->starts) : NULL;
    if (line != NULL) {
        hub->port = port_in(line, " mqtt=");
        hub->https_port = port_in(line, " https=");
    }
    free(text);
    return hub->port != 0;
}

static bool ready_or_ended(void *context)
{
    struct e2e_hub *hub = context;
    return read_ports(hub) || e2e_ended(hub->pid, NULL);
}

bool e2e_hub_try(struct e2e_hub *hub)
{
    struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "serve", "--data-dir", hub->data),
        .netns = hub->netns,
        .env = hub->env,
        .stdout_path = hub->ready,
        .stderr_path = hub->log,
    };
    hub->starts++;
    hub->port = 0;
    hub->pid = e2e_start(&start);
    if (!e2e_wait(START_MS, ready_or_ended, hub)) {
        fail_msg("serve did not say within %d ms that it is ready", START_MS);
    }
    /* It may have said so just before its end. */
    if (hub->port == 0 && !read_ports(hub)) {
        hub->starts--; /* of which there is no line */
    }
    return hub->port != 0;
}

void e2e_hub_start(struct e2e_hub *hub)
{
    int status = 0;
    if (!e2e_hub_try(hub)) {
        (void)e2e_ended(hub->pid, &status);
        fail_msg("serve ended with %d instead of being ready", status);
    }
}

void e2e_hub_kill(struct e2e_hub *hub)
{
    assert_int_equal(e2e_stop(hub->pid, SIGKILL, 10000), 128 + SIGKILL);
    hub->pid = 0;
}

void e2e_hub_stop(struct e2e_hub *hub)
{
    int status = e2e_stop(hub->pid, SIGTERM, 10000);
    hub->pid = 0;
    if (status != 0) {
        fail_msg("serve ended with %d on SIGTERM", status);
    }
}

/* ---- The CLI. ---- */

static struct e2e_result run_cli(
    const struct e2e_hub *hub, const char *const *arguments, const char *output)
{
    const char *argv[MAX_ARGUMENTS] = {e2e_vedette()};
    size_t count = 1;
    for (; *arguments != NULL; arguments++) {
        assert_true(count < MAX_ARGUMENTS - 6);
        argv[count++] = *arguments;
    }
    if (output != NULL) {
        argv[count++] = "--output";
        argv[count++] = output;
    }
    argv[count++] = "--data-dir";
    argv[count++] = hub->data;
    struct e2e_start start = {.argv = argv};
    return e2e_run(&start, CLI_MS);
}

struct e2e_result e2e_cli(const struct e2e_hub *hub, const char *const *arguments)
{
    return run_cli(hub, arguments, NULL);
}

static void require_success(const struct e2e_result *result, const char *const *arguments)
{
    if (result->status != 0) {
        print_error("vedette %s %s ended with %d:\n%s%s\n", arguments[0],
            arguments[1] != NULL ? arguments[1] : "", result->status, result->out, result->err);
        fail();
    }
}

json_t *e2e_cli_json(const struct e2e_hub *hub, const char *const *arguments)
{
    struct e2e_result result = run_cli(hub, arguments, "json");
    require_success(&result, arguments);
    json_error_t error;
    json_t *json = json_loads(result.out, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        print_error("not JSON (%s): %s\n", error.text, result.out);
        fail();
    }
    e2e_result_release(&result);
    return json;
}

void e2e_cli_ok(const struct e2e_hub *hub, const char *const *arguments)
{
    struct e2e_result result = run_cli(hub, arguments, NULL);
    require_success(&result, arguments);
    e2e_result_release(&result);
}

void e2e_device_create(const struct e2e_hub *hub, const char *device_id)
{
    e2e_cli_ok(hub,
        E2E_ARGS("device", "create", "--primary-key", E2E_PRIMARY_KEY, "--secondary-key",
            E2E_SECONDARY_KEY, device_id));
}

void e2e_intel_import(const struct e2e_hub *hub, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/indicators.txt", folder);
    e2e_write_file(path, text, strlen(text));
    e2e_cli_ok(hub, E2E_ARGS("intel", "import", "--feed", "e2e", path));
}

static json_t *query(const struct e2e_hub *hub, const char *sql)
{
    json_t *result = e2e_cli_json(hub, E2E_ARGS("query", "--sql", sql));
    if (json_is_true(json_object_get(result, "truncated"))) {
        fail_msg("the query gave more rows than it shows: %s", sql);
    }
    json_t *rows = json_incref(json_object_get(result, "rows"));
    if (!json_is_array(rows)) {
        fail_msg("the answer to %s holds no rows", sql);
    }
    json_decref(result);
    return rows;
}

json_t *e2e_query(const struct e2e_hub *hub, const char *format, ...)
{
    char sql[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    return query(hub, sql);
}

int64_t e2e_query_number(const struct e2e_hub *hub, const char *format, ...)
{
    char sql[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    json_t *rows = query(hub, sql);
    json_t *value = json_array_get(json_array_get(rows, 0), 0);
    if (!json_is_number(value)) {
        fail_msg("no number: %s", sql);
    }
    int64_t number = (int64_t)json_number_value(value);
    json_decref(rows);
    return number;
}

/* The array that an answer is, or holds as its member `name`. */
static json_t *array_of(json_t *answer, const char *name)
{
    json_t *array = json_is_array(answer) ? answer : json_object_get(answer, name);
    if (!json_is_array(array)) {
        fail_msg("the answer holds no array \"%s\"", name);
    }
    json_incref(array);
    json_decref(answer);
    return array;
}

json_t *e2e_alerts(const struct e2e_hub *hub)
{
    return array_of(e2e_cli_json(hub, E2E_ARGS("alert", "list")), "alerts");
}

json_t *e2e_alert_find(json_t *alerts, const char *device, const char *subject, int *how_many)
{
    json_t *found = NULL;
    int count = 0;
    size_t i;
    json_t *alert;
    json_array_foreach(alerts, i, alert)
    {
        const char *its_device = json_string_value(json_object_get(alert, "deviceId"));
        const char *its_subject = json_string_value(json_object_get(alert, "subject"));
        if (its_device != NULL && its_subject != NULL && strcmp(its_device, device) == 0 &&
            strcmp(its_subject, subject) == 0) {
            found = alert;
            count++;
        }
    }
    if (how_many != NULL) {
        *how_many = count;
    }
    return found;
}

json_t *e2e_status(const struct e2e_hub *hub)
{
    return e2e_cli_json(hub, E2E_ARGS("status"));
}
