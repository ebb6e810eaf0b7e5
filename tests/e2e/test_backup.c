/* SPDX-License-Identifier: MIT */
/* A backup under load, restored: each message acknowledged before it is there once, and the service proves every alert. */

#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"

#define DEVICES     4
#define WINDOW      16
#define MESSAGES    1200
#define WAIT_MS     30000
#define SETTLE_MS   60000
#define LISTED      "203.0.113.66"
#define ROWS_A_PAGE 5000
#define PROVE_MS    290000
#define ROWS        25

static struct e2e_hub hub;
static struct e2e_hub restored;
static struct e2e_sender *senders[DEVICES];
static char names[DEVICES][16];
static bool must_be_there[DEVICES][E2E_SENDER_MAX];

/* ---- Senders ---- */

static unsigned acknowledged(void)
{
    unsigned sum = 0;

    for (size_t i = 0; i < DEVICES; i++) {
        sum += atomic_load(&senders[i]->acknowledged);
    }
    return sum;
}

static bool acknowledged_reached(void *context)
{
    return acknowledged() >= *(unsigned *)context;
}

static void await_messages(unsigned more)
{
    unsigned goal = acknowledged() + more;

    assert_true(e2e_wait(WAIT_MS, acknowledged_reached, &goal));
}

static void start_senders(void)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.10", LISTED, 40000, 443, 10, 20, "TCP"};

    e2e_message_build(&message, &flow, 1);
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(names[i], sizeof(names[i]), "device-%u", i);
        e2e_device_create(&hub, names[i]);
        senders[i] = e2e_sender_start(&hub, names[i], 100 + i, WINDOW, 0, &message);
    }
}

/* What has its PUBACK now. */
static void note_acknowledged(void)
{
    for (unsigned i = 0; i < DEVICES; i++) {
        for (unsigned n = 0; n < E2E_SENDER_MAX; n++) {
            must_be_there[i][n] = must_be_there[i][n] || senders[i]->is_acknowledged[n];
        }
    }
}

/* ---- What is there ---- */

static bool tables_settled(void *context)
{
    json_t *status = e2e_status(context);
    json_t *center = json_object_get(status, "center");
    const json_int_t end = json_integer_value(json_object_get(status, "logEnd"));
    const json_int_t next = json_integer_value(json_object_get(center, "nextOffset"));

    json_decref(status);
    return end > 0 && next == end;
}

/* Ticks off each id among `seen`; fails on one that is there twice. */
static unsigned read_ids(unsigned device, bool *seen)
{
    unsigned count = 0;

    for (unsigned page = 0;; page++) {
        json_t *rows = e2e_query(&restored,
            "SELECT CAST(IoTRawEventId AS VARCHAR) FROM SecurityIoTRawEvent WHERE DeviceId = '%s'"
            " ORDER BY 1 LIMIT %d OFFSET %u",
            names[device], ROWS_A_PAGE, page * ROWS_A_PAGE);
        const size_t read = json_array_size(rows);

        for (size_t i = 0; i < read; i++) {
            const char *id = json_string_value(json_array_get(json_array_get(rows, i), 0));
            unsigned series = 0;
            unsigned number = 0;

            /* NOLINTNEXTLINE(cert-err34-c): eight digits at most, and their number is checked */
            assert_int_equal(sscanf(id, "%8x-0000-4000-8000-0000%8x", &series, &number), 2);
            assert_int_equal(series, 100 + device);
            assert_in_range(number, 0, E2E_SENDER_MAX - 1);
            if (seen[number]) {
                fail_msg("%s is there twice", id);
            }
            seen[number] = true;
        }
        count += (unsigned)read;
        json_decref(rows);
        if (read < ROWS_A_PAGE) {
            return count;
        }
    }
}

static unsigned check_device(unsigned device)
{
    static bool seen[E2E_SENDER_MAX];
    unsigned missing = 0;
    unsigned count;

    memset(seen, 0, sizeof(seen));
    count = read_ids(device, seen);
    for (unsigned i = 0; i < E2E_SENDER_MAX; i++) {
        missing += must_be_there[device][i] && !seen[i];
    }
    if (missing > 0) {
        fail_msg("%u acknowledged messages of %s are not in the table", missing, names[device]);
    }
    return count;
}

/* Both stores count each message once, and the same ones. */
static unsigned check_all(void)
{
    unsigned rows = 0;
    json_int_t counted = 0;
    json_t *alerts;
    size_t i;
    json_t *alert;

    for (unsigned device = 0; device < DEVICES; device++) {
        rows += check_device(device);
    }
    alerts = e2e_alerts(&restored);
    json_array_foreach(alerts, i, alert)
    {
        assert_string_equal(json_string_value(json_object_get(alert, "subject")), LISTED);
        counted += json_integer_value(json_object_get(alert, "count"));
    }
    json_decref(alerts);
    assert_int_equal(counted, rows);
    return rows;
}

/* ---- The steps ---- */

static const char *path_of(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", e2e_folder(), name);
    return path;
}

/* Runs the program with just these arguments. */
static struct e2e_result vedette(const char *const *arguments)
{
    const struct e2e_start start = {.argv = arguments};

    return e2e_run(&start, SETTLE_MS);
}

static void expect(struct e2e_result result, int status, const char *said)
{
    if (result.status != status ||
        (strstr(result.out, said) == NULL && strstr(result.err, said) == NULL)) {
        fail_msg("status %d, wanted %d and \"%s\": %s%s", result.status, status, said, result.out,
            result.err);
    }
    e2e_result_release(&result);
}

static void test_backup__under_load(void **state)
{
    json_t *backup;
    char key[128];

    (void)state;
    e2e_intel_import(&hub, LISTED "\n");
    start_senders();
    await_messages(MESSAGES);
    note_acknowledged();
    backup = e2e_cli_json(&hub, E2E_ARGS("backup", path_of("saved")));
    print_message("%lld us without the center\n",
        (long long)json_integer_value(json_object_get(backup, "pauseMicroseconds")));
    assert_false(json_is_true(json_object_get(backup, "hasMasterKey")));
    json_decref(backup);
    await_messages(MESSAGES); /* of which the backup knows nothing */
    snprintf(key, sizeof(key), "%s/master.key", hub.data);
    expect(vedette(E2E_ARGS(e2e_vedette(), "verify", path_of("saved"), "--master-key", key)), 0,
        "all is well");
    expect(e2e_cli(&hub, E2E_ARGS("verify")), 1, "Verify a backup");
    expect(e2e_cli(&hub, E2E_ARGS("restore", path_of("saved"), "--master-key", key)), 1,
        "initialised already");
}

static void test_backup__has_no_room_to_be_restored_in(void **state)
{
    struct e2e_hub small = hub;
    char key[128];
    char target[128];

    (void)state;
    snprintf(key, sizeof(key), "%s/master.key", hub.data);
    snprintf(target, sizeof(target), "%s/small", e2e_folder());
    snprintf(small.data, sizeof(small.data), "%s/small/data", e2e_folder());
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(mount("e2e", target, "tmpfs", 0, "size=200k"), 0);
    expect(e2e_cli(&small, E2E_ARGS("restore", path_of("saved"), "--master-key", key)), 1,
        "/small/data.init-");
    expect(e2e_cli(&small, E2E_ARGS("restore", path_of("saved"), "--master-key", key)), 1,
        "make room on its file system");
    assert_int_equal(umount(target), 0);
}

/* As after the loss of the machine: the devices come back to what the backup knows. */
static void test_backup__restored(void **state)
{
    const struct e2e_hub lost = hub;
    char key[128];

    (void)state;
    snprintf(key, sizeof(key), "%s/master.key", lost.data);
    e2e_hub_kill(&hub);
    restored = lost;
    restored.pid = 0;
    restored.starts = 0;
    snprintf(restored.data, sizeof(restored.data), "%s/restored", e2e_folder());
    snprintf(restored.log, sizeof(restored.log), "%s/restored.log", e2e_folder());
    snprintf(restored.ready, sizeof(restored.ready), "%s/restored.ready", e2e_folder());
    expect(e2e_cli(&restored, E2E_ARGS("restore", path_of("saved"))), 1, "--master-key");
    expect(e2e_cli(&restored, E2E_ARGS("restore", path_of("saved"), "--master-key", key)), 0,
        "as it was");
    expect(e2e_cli(&restored, E2E_ARGS("verify")), 0, "all is well");
    e2e_hub_start(&restored);
    for (size_t i = 0; i < DEVICES; i++) {
        e2e_sender_port(senders[i], restored.port);
    }
    for (size_t i = 0; i < DEVICES; i++) {
        if (!e2e_sender_drain(senders[i], WAIT_MS)) {
            fail_msg("%s: messages stay unacknowledged", names[i]);
        }
        assert_int_equal(atomic_load(&senders[i]->faults), 0);
    }
    assert_true(e2e_wait(SETTLE_MS, tables_settled, &restored));
    print_message("%u messages after the restore\n", check_all());
}

/* Its own devices go to the hub by its name, which has to lead here. */
static void test_backup__restored_proves_every_alert(void **state)
{
    const char *const arguments[] = {
        e2e_vedette(), "prove", "--all", "--output", "json", "--data-dir", restored.data, NULL};
    const struct e2e_start start = {.argv = arguments};
    struct e2e_result result;
    json_t *json;

    (void)state;
    e2e_hub_stop(&restored);
    e2e_shell("sed -i 's/^hub.name = .*/hub.name = localhost/' '%s/vedette.conf'", restored.data);
    e2e_hub_start(&restored);
    result = e2e_run(&start, PROVE_MS);
    json = json_loads(result.out, 0, NULL);
    if (json_integer_value(json_object_get(json, "total")) != ROWS ||
        json_integer_value(json_object_get(json, "proved")) != ROWS) {
        fail_msg("%s%s", result.out, result.err);
    }
    json_decref(json);
    e2e_result_release(&result);
    e2e_hub_stop(&restored);
}

static bool is_begun(void *pattern)
{
    glob_t found = {0};
    const bool is_there = glob(pattern, 0, NULL, &found) == 0;

    globfree(&found);
    return is_there;
}

/* A backup of a feed without end: it would take longer than the service has to stop. */
static void test_backup__given_up_when_the_service_stops(void **state)
{
    const char *const arguments[] = {
        e2e_vedette(), "backup", path_of("again"), "--data-dir", restored.data, NULL};
    const struct e2e_start start = {.argv = arguments};
    char pattern[192];
    pid_t pid;

    (void)state;
    snprintf(pattern, sizeof(pattern), "%s/again.partial-*", e2e_folder());
    e2e_hub_start(&restored);
    e2e_shell("truncate -s 16G $(find '%s/intel' -type f ! -name indicators.set)", restored.data);
    pid = e2e_start(&start);
    assert_true(e2e_wait(WAIT_MS, is_begun, pattern));
    e2e_hub_stop(&restored);
    assert_false(is_begun(pattern));
    assert_int_equal(e2e_stop(pid, SIGTERM, WAIT_MS), 1);
}

static int make_scene(void **state)
{
    FILE *config;

    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    config = fopen(path_of("hub/vedette.conf"), "a");
    assert_non_null(config);
    fputs("detection.lateness_s = 1\n", config);
    fclose(config);
    e2e_hub_start(&hub);
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < DEVICES; i++) {
        e2e_sender_free(senders[i]);
    }
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"flatc", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backup__under_load),
        cmocka_unit_test(test_backup__has_no_room_to_be_restored_in),
        cmocka_unit_test(test_backup__restored),
        cmocka_unit_test(test_backup__restored_proves_every_alert),
        cmocka_unit_test(test_backup__given_up_when_the_service_stops),
    };
    int result = e2e_begin(0, programs);

    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("backup", tests, make_scene, end_scene));
}
