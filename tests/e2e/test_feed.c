/* SPDX-License-Identifier: MIT */
/* A feed from a server over TLS, to the alert about a flow to one of its addresses; the list changes, and the server fails. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"

#define WAIT_MS      20000
#define DEVICE       "d1"
#define SECRET       "S3cret-of-the-feed"
#define LISTED       "203.0.113.66"
#define BESIDE       "203.0.113.67"
#define LISTED_LATER "203.0.113.70"

static struct e2e_hub hub;
static pid_t server;
static char ca[160];
static char url[96];

static void write_list(const char *text)
{
    char path[160];

    snprintf(path, sizeof path, "%s/list.csv", e2e_folder());
    e2e_write_file(path, text, strlen(text));
}

/* OpenSSL's own server of files, which knows no status but 200. */
static void start_server(void)
{
    char script[512];
    char log[160];
    char *text;
    const char *at;
    const struct e2e_start start = {.argv = E2E_ARGS("sh", "-c", script), .stdout_path = log};

    snprintf(ca, sizeof ca, "%s/server.pem", e2e_folder());
    snprintf(log, sizeof log, "%s/server.log", e2e_folder());
    e2e_shell("cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
              " -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
              " -keyout server.key -out server.pem 2>/dev/null",
        e2e_folder());
    snprintf(script, sizeof script,
        "cd '%s' && exec openssl s_server -WWW -accept 127.0.0.1:0 -cert server.pem -key server.key",
        e2e_folder());
    server = e2e_start(&start);
    assert_true(e2e_wait_text(log, "ACCEPT 127.0.0.1:", WAIT_MS));
    text = e2e_read_file(log, NULL);
    at = strstr(text, "ACCEPT 127.0.0.1:") + strlen("ACCEPT 127.0.0.1:");
    snprintf(url, sizeof url, "https://localhost:%u/list.csv", (unsigned)strtoul(at, NULL, 10));
    free(text);
}

static void send_flows(void)
{
    static const struct e2e_flow flows[] = {
        {"10.0.0.5", LISTED, 40000, 443, 100, 200, "TCP"},
        {"10.0.0.5", BESIDE, 40001, 443, 100, 200, "TCP"},
    };

    e2e_send_once(&hub, DEVICE, flows, sizeof flows / sizeof flows[0]);
}

static bool alert_is_there(void *context)
{
    json_t *alerts = e2e_alerts(&hub);
    const bool is_there = e2e_alert_find(alerts, DEVICE, context, NULL) != NULL;

    json_decref(alerts);
    return is_there;
}

static bool is_recorded(void *context)
{
    (void)context;
    return e2e_query_number(&hub,
               "SELECT count(*) FROM AzureActivity WHERE OperationNameValue = 'Vedette/feeds/write'"
               " AND ActivityStatusValue = 'Succeeded'") == 1;
}

static bool matches(const char *address)
{
    json_t *found = e2e_cli_json(&hub, E2E_ARGS("intel", "check", address));
    const bool is = json_is_object(json_object_get(found, "matches"));

    json_decref(found);
    return is;
}

static void expect_error(const char *command, const char *text)
{
    json_t *feed = e2e_cli_json(&hub, E2E_ARGS("intel", command, "web"));
    const char *error = json_string_value(json_object_get(feed, "error"));

    if ((text == NULL) != (error == NULL) || (text != NULL && strstr(error, text) == NULL)) {
        fail_msg("%s: %s", command, error != NULL ? error : "no error");
    }
    json_decref(feed);
}

static void test_feed__from_url_to_alert(void **state)
{
    json_t *alerts;
    json_t *feed;
    char *evidence;

    char secret[160];

    (void)state;
    write_list("ip,why,score\n" LISTED ",seen in a botnet,90\n");
    snprintf(secret, sizeof secret, "%s/secret", e2e_folder());
    e2e_write_file(secret, SECRET "\n", strlen(SECRET "\n"));
    e2e_cli_ok(&hub,
        E2E_ARGS("intel", "add", "web", "--url", url, "--ca-file", ca, "--description-column",
            "why", "--confidence-column", "score", "--credential", "bearer", "--secret-file",
            secret));
    feed = e2e_cli_json(&hub, E2E_ARGS("intel", "show", "web"));
    assert_int_equal(json_integer_value(json_object_get(feed, "alerts")), 0);
    assert_true(json_is_null(json_object_get(feed, "lastAlert")));
    json_decref(feed);
    expect_error("show", NULL);
    send_flows();
    assert_true(e2e_wait(WAIT_MS, alert_is_there, LISTED));
    alerts = e2e_alerts(&hub);
    assert_int_equal(json_array_size(alerts), 1);
    evidence = json_dumps(json_array_get(alerts, 0), 0);
    assert_non_null(strstr(evidence, "seen in a botnet"));
    assert_non_null(strstr(evidence, "on the list \\\"web\\\""));
    assert_non_null(strstr(evidence, "with confidence 90"));
    free(evidence);
    json_decref(alerts);
    feed = e2e_cli_json(&hub, E2E_ARGS("intel", "show", "web"));
    assert_int_equal(json_integer_value(json_object_get(feed, "alerts")), 1);
    assert_non_null(json_string_value(json_object_get(feed, "lastAlert")));
    json_decref(feed);
    assert_true(e2e_wait(WAIT_MS, is_recorded, NULL));
    e2e_shell("! grep -rqF '" SECRET "' '%s' '%s'", hub.data, hub.log);
}

static void test_feed__changes_and_failures(void **state)
{
    char path[160];

    (void)state;
    write_list("ip\n" LISTED_LATER "\n");
    expect_error("refresh", NULL);
    assert_true(matches(LISTED_LATER));
    assert_false(matches(LISTED));
    /* A page that says so with status 200, and then nobody: what was good stays, also over a restart. */
    snprintf(path, sizeof path, "%s/list.csv", e2e_folder());
    assert_int_equal(remove(path), 0);
    expect_error("refresh", "column");
    assert_true(matches(LISTED_LATER));
    (void)e2e_stop(server, SIGKILL, WAIT_MS);
    expect_error("refresh", "onnect");
    e2e_hub_stop(&hub);
    e2e_hub_start(&hub);
    assert_true(matches(LISTED_LATER));
    expect_error("show", "onnect");
    e2e_cli_ok(&hub, E2E_ARGS("intel", "remove", "web"));
    assert_false(matches(LISTED_LATER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_feed__from_url_to_alert),
        cmocka_unit_test(test_feed__changes_and_failures),
    };
    int result = e2e_begin(0, E2E_ARGS("openssl"));

    if (result != 0) {
        return result;
    }
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, DEVICE);
    start_server();
    result = cmocka_run_group_tests(tests, NULL, NULL);
    if (result == 0) {
        e2e_hub_stop(&hub);
    }
    return e2e_end(result);
}
