/* SPDX-License-Identifier: MIT */
/* kill -9 of the whole service while it records and exports: the file has every record of the table, whole, and says what came twice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hub/export/setting.h"
#include "hub/registry.h"
#include "lib/secret.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/mqtt.h"

#define KILLS       10
#define ROUND_MS    20000
#define CONNECTS    8 /* of a round, at least */
#define SETTLE_MS   30000
#define RECORDS_MAX 20000

static struct e2e_hub hub;

/* As the management API stores it. */
static void store_setting(void)
{
    static const char text[] =
        "{\"settings\":[{\"name\":\"crash\",\"properties\":{\"storageAccountId\":\"/s\","
        "\"logs\":[{\"categoryGroup\":\"allLogs\",\"enabled\":true}]}}]}";
    uint8_t key[VD_MASTER_KEY_BYTES];
    struct vd_registry *registry = NULL;
    uint64_t etag;
    char path[160];
    snprintf(path, sizeof(path), "%s/master.key", hub.data);
    assert_int_equal(vd_secret_key_file_read(path, key), VD_OK);
    snprintf(path, sizeof(path), "%s/registry.db", hub.data);
    assert_int_equal(vd_registry_sqlite_open(path, key, &registry), VD_OK);
    assert_int_equal(
        vd_registry_setting_put(registry, VD_DIAGNOSTIC_SETTINGS, vd_str_from(text), 0, &etag),
        VD_OK);
    vd_registry_close(registry);
}

/* The file's lines, each whole; the caller's to free. */
static char *exported(void)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/diagnostics/crash.jsonl", hub.data);
    return e2e_read_file(path, NULL);
}

/* Connections come and go until enough were made and the file has grown in this round. */
static bool connected_and_exported(void *context)
{
    size_t *before = context;
    struct e2e_mqtt m = {.fd = -1};
    if (e2e_mqtt_open(&m, hub.port, hub.ca)) {
        assert_int_equal(e2e_mqtt_connect(&m, "device-1"), 0);
        e2e_mqtt_close(&m);
    }
    char *text = exported();
    bool has_grown = text != NULL && strlen(text) > *before;
    free(text);
    return has_grown;
}

static void round_of(void)
{
    char *text = exported();
    size_t before = text != NULL ? strlen(text) : 0;
    free(text);
    for (int i = 0; i < CONNECTS; i++) {
        (void)connected_and_exported(&before);
    }
    assert_true(e2e_wait(ROUND_MS, connected_and_exported, &before));
    e2e_hub_kill(&hub);
    e2e_hub_start(&hub);
}

static bool caught_up(void *context)
{
    json_t *status = e2e_status(&hub);
    json_t *sink = json_array_get(json_object_get(status, "exports"), 0);
    json_t *center = json_object_get(status, "center");
    bool done = json_integer_value(json_object_get(sink, "behind")) == 0 &&
        json_integer_value(json_object_get(center, "behind")) == 0;
    (void)context;
    assert_non_null(sink);
    assert_int_equal(json_integer_value(json_object_get(sink, "skipped")), 0);
    json_decref(status);
    return done;
}

/* How many different records the file has; *repeated counts those that came again. */
static unsigned count_records(unsigned *repeated)
{
    static bool seen[RECORDS_MAX];
    unsigned count = 0;
    char *text = exported();
    assert_non_null(text);
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        const char *id = json_string_value(json_object_get(record, "recordId"));
        assert_non_null(id);
        unsigned long number = strtoul(strchr(id, '-') + 1, NULL, 10);
        assert_in_range(number, 0, RECORDS_MAX - 1);
        *repeated += seen[number];
        count += !seen[number];
        seen[number] = true;
        json_decref(record);
        line = end + 1;
    }
    free(text);
    return count;
}

static void test_export__survives_kills(void **state)
{
    unsigned repeated = 0;
    (void)state;
    for (int i = 0; i < KILLS; i++) {
        round_of();
    }
    assert_true(e2e_wait(SETTLE_MS, caught_up, NULL));
    unsigned records = count_records(&repeated);
    print_message("%u records over %d kills, %u of them twice\n", records, KILLS, repeated);
    assert_int_equal(e2e_query_number(&hub, "SELECT count(*) FROM AzureDiagnostics"), records);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    store_setting();
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {NULL};
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_export__survives_kills)};
    int result = e2e_begin(0, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("export", tests, make_scene, NULL));
}
