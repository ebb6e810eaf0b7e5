/* SPDX-License-Identifier: MIT */
/* Runs the SDKs of the service of old that speak to the HTTPS port, tests/npm, against a hub: those for back ends and for
 * management, and that for devices over WebSocket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/npm.h"

#define TESTS_MS 80000

static struct e2e_hub hub;

static void test_npm__service_sdk(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "backends", true, "");
    e2e_npm_run(&hub, "iothub.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static void test_npm__management_sdk(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "management", true, "");
    e2e_device_create(&hub, "device-1");
    e2e_npm_run(&hub, "arm-iothub.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static void test_npm__security_sdk_alerts(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "alerts", true, "");
    e2e_device_create(&hub, "device-1");
    e2e_npm_run(&hub, "arm-security-alerts.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static void test_npm__security_sdk(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "security", true, "");
    e2e_npm_run(&hub, "arm-security.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static void test_npm__log_query_sdks(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "queries", true, "");
    e2e_device_create(&hub, "device-1");
    e2e_npm_run(&hub, "monitor-query.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static void test_npm__device_sdk_over_websocket(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "devices", true, "");
    e2e_device_create(&hub, "device-1");
    e2e_npm_run(&hub, "websocket.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

/* The receiver is the script's, with the hub's certificate. */
static void test_npm__monitoring_sdk(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "monitoring", true,
        "diagnostics.webhook = https://user:hidden@localhost:8443/in?code=unsaid\n"
        "diagnostics.webhook_ca = ca.pem\n");
    e2e_device_create(&hub, "device-1");
    e2e_npm_run(&hub, "arm-monitor.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
    char *log = e2e_read_file(hub.log, NULL);
    assert_non_null(strstr(log, "event=export.failed"));
    assert_null(strstr(log, "unsaid"));
    assert_null(strstr(log, "hidden"));
    free(log);
}

int main(void)
{
    static const char *const programs[] = {"node", "ip", "openssl", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npm__service_sdk),
        cmocka_unit_test(test_npm__management_sdk),
        cmocka_unit_test(test_npm__device_sdk_over_websocket),
        cmocka_unit_test(test_npm__monitoring_sdk),
        cmocka_unit_test(test_npm__security_sdk_alerts),
        cmocka_unit_test(test_npm__security_sdk),
        cmocka_unit_test(test_npm__log_query_sdks),
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    if (result == 0 && !e2e_npm_has("@azure/monitor-query-logs")) {
        result = e2e_cannot_run("the npm packages are not installed (tools/deps test)");
    }
    return result != 0 ? result : e2e_end(cmocka_run_group_tests_name("npm", tests, NULL, NULL));
}
