/* SPDX-License-Identifier: MIT */
/* Pages that rot, in each store: `verify` names the file, the service gives no wrong answer, and the backup is good for all of it. */

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/folder.h"
#include "tests/e2e/mqtt.h"
#include "tests/faults/scene.h"

#define MESSAGES 300
#define PROVE_MS 120000
#define ROWS     "SELECT count(*) FROM (SELECT DISTINCT * FROM SecurityIoTRawEvent)"

static struct scene scene;
static struct e2e_hub hurt; /* works in what was restored and then damaged */
static char backup[128];
static int64_t rows;
static json_int_t counted; /* by all alerts */

static json_int_t count_alerts(const struct e2e_hub *hub)
{
    json_t *alerts = e2e_alerts(hub);
    json_int_t count = 0;
    size_t i;
    const json_t *alert;

    json_array_foreach(alerts, i, alert)
    {
        count += json_integer_value(json_object_get(alert, "count"));
    }
    json_decref(alerts);
    return count;
}

static void restore(void)
{
    const struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "restore", backup, "--data-dir", hurt.data)};
    struct e2e_result result;

    vd_folder_remove(hurt.data);
    result = e2e_run(&start, SCENE_WAIT_MS);
    if (result.status != 0) {
        fail_msg("%s%s", result.out, result.err);
    }
    e2e_result_release(&result);
}

/* The middle third of the file, so that what says what kind of file it is stays. */
static void damage(const char *path)
{
    unsigned char rot[4096];
    struct stat about;
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0 && fstat(fd, &about) == 0);
    for (size_t i = 0; i < sizeof rot; i++) {
        rot[i] = (unsigned char)(i * 131 + i / 7);
    }
    for (off_t at = about.st_size / 3 / 4096 * 4096 + 4096; at < about.st_size * 2 / 3;
         at += (off_t)sizeof rot) {
        assert_int_equal(pwrite(fd, rot, sizeof rot, at), sizeof rot);
    }
    close(fd);
}

static void check_verify(const char *name)
{
    struct e2e_result result = e2e_cli(&hurt, E2E_ARGS("verify"));

    if (result.status != 1 || strstr(result.out, name) == NULL) {
        fail_msg("%s: verify said %d: %s%s", name, result.status, result.out, result.err);
    }
    e2e_result_release(&result);
}

/* An answer is the right one, or none. */
static void check_answers(const char *name)
{
    struct e2e_result result = e2e_cli(&hurt, E2E_ARGS("query", "--sql", ROWS, "--output", "json"));
    json_t *json = json_loads(result.out, 0, NULL);
    const json_t *row = json_array_get(json_object_get(json, "rows"), 0);

    if (result.status == 0 && json_integer_value(json_array_get(row, 0)) != rows) {
        fail_msg("%s: %s", name, result.out);
    }
    json_decref(json);
    e2e_result_release(&result);
    result = e2e_cli(&hurt, E2E_ARGS("alert", "list"));
    if (result.status == 0 && count_alerts(&hurt) != counted) {
        fail_msg("%s: %s", name, result.out);
    }
    e2e_result_release(&result);
}

/* Has each store read: by a login, by who asks for all that there is, and by the questions above. */
static bool is_told(void *context)
{
    static const char *const readers[][4] = {{"device", "twin", "device-0"}, {"device", "list"},
        {"policy", "list"}, {"certificate", "list"}, {"token", "list"},
        {"query", "--sql", "SELECT DISTINCT * FROM AzureDiagnostics"},
        {"query", "--sql", "SELECT DISTINCT * FROM AzureActivity"}};
    struct e2e_mqtt mqtt;
    struct e2e_result result;
    bool told;

    if (e2e_mqtt_open(&mqtt, hurt.port, hurt.ca)) {
        (void)e2e_mqtt_connect(&mqtt, "device-0");
        e2e_mqtt_close(&mqtt);
    }
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        result = e2e_cli(&hurt, readers[i]);
        e2e_result_release(&result);
    }
    check_answers(context);
    result = e2e_cli(&hurt, E2E_ARGS("health"));
    told = result.status == 3 && strstr(result.out, "store-damaged") != NULL;
    e2e_result_release(&result);
    return told;
}

/* It does not start, or says that it is not well; either names the store. */
static void check_service(const char *store)
{
    if (e2e_hub_try(&hurt)) {
        if (!e2e_wait(SCENE_WAIT_MS, is_told, (void *)(uintptr_t)store)) {
            fail_msg("%s: health says nothing", store);
        }
        (void)e2e_stop(hurt.pid, SIGTERM, 10000);
    }
    hurt.pid = 0;
    if (!e2e_wait_text(hurt.log, store, 0)) {
        fail_msg("%s is not named", store);
    }
}

/* `name` is that of the store, or of its folder. */
static void check_damaged(const char *name, const char *file)
{
    char path[300];

    restore();
    snprintf(path, sizeof path, "%s/%s", hurt.data, file);
    damage(path);
    check_verify(file);
    (void)unlink(hurt.log);
    check_service(name);
}

static void test_corrupt__pages_of_each_store(void **state)
{
    static const char *const names[] = {
        "events.db", "alerts.db", "state.db", "registry.db", "audit.db"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        check_damaged(names[i], names[i]);
    }
}

static void test_corrupt__pages_of_a_day(void **state)
{
    char path[300];
    DIR *dir;
    const struct dirent *entry;
    unsigned days = 0;

    (void)state;
    snprintf(path, sizeof path, "%s/analytics", backup);
    dir = opendir(path);
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        if (strstr(entry->d_name, ".duckdb") != NULL) {
            snprintf(path, sizeof path, "analytics/%s", entry->d_name);
            check_damaged("analytics", path);
            days++;
        }
    }
    closedir(dir);
    assert_true(days > 0);
}

/* e2e_backup has all alerts proved. The devices of the proof go to the hub by its name, which has to lead here. */
static void test_corrupt__the_backup_proves_an_alert(void **state)
{
    const struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "prove", "IoT_TiConnection", "--data-dir", hurt.data)};
    struct e2e_result result;

    (void)state;
    restore();
    e2e_cli_ok(&hurt, E2E_ARGS("verify"));
    e2e_shell("sed -i 's/^hub.name = .*/hub.name = localhost/' '%s/vedette.conf'", hurt.data);
    e2e_hub_start(&hurt);
    assert_int_equal(e2e_query_number(&hurt, ROWS), rows);
    assert_int_equal(count_alerts(&hurt), counted);
    result = e2e_run(&start, PROVE_MS);
    if (result.status != 0) {
        fail_msg("%s%s", result.out, result.err);
    }
    e2e_result_release(&result);
    e2e_hub_stop(&hurt);
}

static int make_scene(void **state)
{
    (void)state;
    scene_make(&scene, "hub", "detection.lateness_s = 1\n", 0);
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], MESSAGES, SCENE_WAIT_MS));
    }
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        e2e_sender_free(scene.senders[i]);
        scene.senders[i] = NULL;
    }
    scene_await_settled(&scene);
    rows = e2e_query_number(&scene.hub, ROWS);
    counted = count_alerts(&scene.hub);
    assert_int_equal(counted, rows);
    snprintf(backup, sizeof backup, "%s/backup", e2e_folder());
    e2e_cli_ok(&scene.hub, E2E_ARGS("backup", "--with-master-key", backup));
    scene_end(&scene);
    hurt = (struct e2e_hub){.address = scene.hub.address};
    snprintf(hurt.data, sizeof hurt.data, "%s/hurt", e2e_folder());
    snprintf(hurt.ca, sizeof hurt.ca, "%s/ca.pem", hurt.data);
    snprintf(hurt.log, sizeof hurt.log, "%s/hurt.log", e2e_folder());
    snprintf(hurt.ready, sizeof hurt.ready, "%s/hurt.ready", e2e_folder());
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_corrupt__pages_of_each_store),
    cmocka_unit_test(test_corrupt__pages_of_a_day),
    cmocka_unit_test(test_corrupt__the_backup_proves_an_alert),
};

SCENE_MAIN(0, "corrupt", tests, make_scene, NULL)
