/* SPDX-License-Identifier: MIT */
/* `vedette prove`: every row of the catalogue from a real cause to its alert, and nothing left behind. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

/* A window of a minute must begin and end. */
#define PROVE_MS 290000
#define ROWS     25
/* Of these, alerts; the others are recommendations. */
#define ROWS_OF_ALERTS 21

static struct e2e_hub hub;

static int set_up(void **state)
{
    FILE *config;
    char path[160];

    (void)state;
    e2e_hub_init_as(&hub, "localhost", "prove", NULL, "127.0.0.1", 0);
    snprintf(path, sizeof path, "%s/vedette.conf", hub.data);
    config = fopen(path, "a");
    assert_non_null(config);
    fputs("detection.lateness_s = 1\n", config);
    fclose(config);
    return 0;
}

static json_t *prove(const char *what)
{
    const char *const arguments[] = {
        e2e_vedette(), "prove", what, "--output", "json", "--data-dir", hub.data, NULL};
    const struct e2e_start start = {.argv = arguments};
    struct e2e_result result = e2e_run(&start, PROVE_MS);
    json_t *json = json_loads(result.out, 0, NULL);

    if (json == NULL) {
        fail_msg("prove %s: %s%s", what, result.out, result.err);
    }
    e2e_result_release(&result);
    return json;
}

static json_int_t number(const json_t *json, const char *name)
{
    return json_integer_value(json_object_get(json, name));
}

static size_t devices_there(void)
{
    const char *const arguments[] = {"device", "list", NULL};
    json_t *json = e2e_cli_json(&hub, arguments);
    const size_t count = json_array_size(json);

    assert_true(json_is_array(json));
    json_decref(json);
    return count;
}

static void expect_nothing_made(void)
{
    const char *const groups[] = {"group", "list", NULL};
    const char *const certificates[] = {"certificate", "list", NULL};
    const char *const filter[] = {"ip-filter", "list", NULL};
    json_t *json;

    assert_int_equal(devices_there(), 0);
    json = e2e_cli_json(&hub, groups);
    assert_true(json_is_array(json_object_get(json, "groups")));
    assert_int_equal(json_array_size(json_object_get(json, "groups")), 0);
    json_decref(json);
    json = e2e_cli_json(&hub, certificates);
    assert_true(json_is_array(json));
    assert_int_equal(json_array_size(json), 0);
    json_decref(json);
    json = e2e_cli_json(&hub, filter);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(json, "properties"), "ipFilterRules")), 0);
    json_decref(json);
}

static bool has_rows(void *context)
{
    json_t *result = e2e_cli_json(&hub, E2E_ARGS("query", "--alert", context));
    const size_t rows = json_array_size(json_object_get(result, "rows"));

    json_decref(result);
    return rows > 0;
}

/* Whatever an alert was raised for, its query shows something of it. */
static void expect_evidence(void)
{
    json_t *alerts = e2e_alerts(&hub);

    assert_true(json_array_size(alerts) >= ROWS_OF_ALERTS);
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);
        const char *id = json_string_value(json_object_get(alert, "id"));

        if (!e2e_wait(5000, has_rows, (void *)(uintptr_t)id)) {
            fail_msg("no rows for %s: %s", json_string_value(json_object_get(alert, "alertType")),
                json_string_value(json_object_get(alert, "query")));
        }
    }
    printf("%zu alerts, each with rows\n", json_array_size(alerts));
    json_decref(alerts);
}

static void expect_nothing_left(void)
{
    json_t *alerts = e2e_alerts(&hub);

    expect_nothing_made();
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);

        if (strcmp(json_string_value(json_object_get(alert, "status")), "Resolved") != 0) {
            char *text = json_dumps(alert, 0);

            fail_msg("left: %s", text);
        }
    }
    json_decref(alerts);
}

/* Without a service there is nothing to prove. */
static void test_prove__needs_a_service(void **state)
{
    const char *const arguments[] = {
        e2e_vedette(), "prove", "IoT_TiConnection", "--data-dir", hub.data, NULL};
    const struct e2e_start start = {.argv = arguments};
    struct e2e_result result = e2e_run(&start, 20000);

    (void)state;
    assert_int_equal(result.status, 1);
    assert_non_null(strstr(result.err, "vedette serve"));
    e2e_result_release(&result);
}

static void test_prove__all(void **state)
{
    json_t *json;
    json_t *proofs;

    (void)state;
    e2e_hub_start(&hub);
    json = prove("--all");
    proofs = json_object_get(json, "proofs");
    for (size_t i = 0; i < json_array_size(proofs); i++) {
        const json_t *proof = json_array_get(proofs, i);

        printf("%-52s %-8s %6lld ms %s\n", json_string_value(json_object_get(proof, "name")),
            json_string_value(json_object_get(proof, "state")),
            (long long)number(proof, "milliseconds"),
            json_string_value(json_object_get(proof, "problem")));
    }
    assert_int_equal(number(json, "total"), ROWS);
    assert_int_equal(number(json, "proved"), ROWS);
    json_decref(json);
    expect_evidence();
    expect_nothing_left();
}

static bool has_devices(void *context)
{
    (void)context;
    return devices_there() >= 4; /* of two rows */
}

/* Who gives up waiting for a window to close leaves no devices with keys behind. */
static void test_prove__interrupted(void **state)
{
    const char *const arguments[] = {e2e_vedette(), "prove",
        "IoT_CA_MqttC2DMessagesNotInAllowedRange", "--data-dir", hub.data, NULL};
    const struct e2e_start start = {.argv = arguments};
    const pid_t pid = e2e_start(&start);

    (void)state;
    assert_true(e2e_wait(20000, has_devices, NULL));
    assert_int_equal(e2e_stop(pid, SIGINT, 20000), 1);
    expect_nothing_made();
}

static void add_feed(const char *name, const char *text)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s.txt", e2e_folder(), name);
    e2e_write_file(path, text, strlen(text));
    e2e_cli_ok(&hub, E2E_ARGS("intel", "add", name, path));
}

/* Lists of networks that nobody has are common: the counter-example goes where none of them reaches, or the row is left out. */
static void test_prove__beside_feeds_of_the_owner(void **state)
{
    json_t *json;

    (void)state;
    add_feed("some", "198.51.100.0/24\n203.0.113.112\n");
    json = prove("IoT_TiConnection");
    assert_int_equal(number(json, "proved"), 1);
    json_decref(json);
    add_feed("all", "203.0.113.0/24\n192.0.2.0/24\n198.18.0.0/15\n");
    json = prove("IoT_TiConnection");
    assert_int_equal(number(json, "skipped"), 1);
    json_decref(json);
    e2e_cli_ok(&hub, E2E_ARGS("intel", "remove", "some"));
    e2e_cli_ok(&hub, E2E_ARGS("intel", "remove", "all"));
    expect_nothing_made();
}

/* Where it would open the hub it is not caused, and says so. */
static void test_prove__does_no_harm(void **state)
{
    const char *const refuse[] = {"ip-filter", "rest", "reject", NULL};
    const char *const accept[] = {
        "ip-filter", "add", "--first", "here", "accept", "127.0.0.0/8", NULL};
    json_t *json = NULL;

    (void)state;
    e2e_cli_ok(&hub, accept);
    e2e_cli_ok(&hub, refuse);
    /* The recommendation is judged anew a moment after the filter was changed. */
    for (int i = 0; i < 100 && (json == NULL || number(json, "skipped") == 0); i++) {
        json_decref(json);
        json = prove("IoT_IPFilter_DenyAll");
    }
    assert_int_equal(number(json, "skipped"), 1);
    json_decref(json);
    e2e_hub_stop(&hub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prove__needs_a_service),
        cmocka_unit_test(test_prove__all),
        cmocka_unit_test(test_prove__interrupted),
        cmocka_unit_test(test_prove__beside_feeds_of_the_owner),
        cmocka_unit_test(test_prove__does_no_harm),
    };
    int cannot = e2e_begin(0, NULL);

    return cannot != 0 ? cannot : e2e_end(cmocka_run_group_tests(tests, set_up, NULL));
}
