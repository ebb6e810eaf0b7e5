/* SPDX-License-Identifier: MIT */
/* Runs the SDKs of the service of old that speak to the HTTPS port, tests/npm, against a hub: those for back ends and for
 * management, and that for devices over WebSocket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define TESTS_MS 80000
#define MODULES  VD_DEPS_DIR "/npm-tests/node_modules"

static struct e2e_hub hub;

/* A hub in the data directory of that name, with some lines of configuration. */
static void make_scene(const char *name, const char *config)
{
    char path[128];
    e2e_hub_init_as(&hub, "localhost", name, NULL, "127.0.0.1", 0);
    snprintf(path, sizeof(path), "%s/vedette.conf", hub.data);
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    /* The SDK knows this port only: hence the network of the test's own. */
    assert_true(fprintf(file, "https.listen = 127.0.0.1:443\n%s", config) >= 0);
    assert_int_equal(fclose(file), 0);
    e2e_hub_start(&hub);
}

static void run_script(const char *script)
{
    char host[64];
    char ca[160];
    char trust[160];
    char program[512];
    char data[160];
    snprintf(host, sizeof(host), "VEDETTE_TEST_HOST=localhost:%u", hub.port);
    snprintf(ca, sizeof(ca), "VEDETTE_TEST_CA=%s", hub.ca);
    snprintf(trust, sizeof(trust), "NODE_EXTRA_CA_CERTS=%s", hub.ca);
    snprintf(program, sizeof(program), "VEDETTE_TEST_PROGRAM=%s", e2e_vedette());
    snprintf(data, sizeof(data), "VEDETTE_TEST_DATA=%s", hub.data);
    struct e2e_start start = {
        .argv = E2E_ARGS("node", "--test", script),
        .env = E2E_ARGS("NODE_PATH=" MODULES, host, ca, trust, program, data,
            "VEDETTE_TEST_PRIMARY_KEY=" E2E_PRIMARY_KEY,
            "VEDETTE_TEST_SECONDARY_KEY=" E2E_SECONDARY_KEY),
    };
    struct e2e_result result = e2e_run(&start, TESTS_MS);
    printf("%s%s", result.out, result.err);
    assert_int_equal(result.status, 0);
    e2e_result_release(&result);
    e2e_hub_stop(&hub);
}

static void test_npm__service_sdk(void **state)
{
    (void)state;
    make_scene("backends", "");
    run_script(VD_SOURCE_DIR "/tests/npm/iothub.test.js");
}

static void test_npm__management_sdk(void **state)
{
    (void)state;
    make_scene("management", "");
    e2e_device_create(&hub, "device-1");
    run_script(VD_SOURCE_DIR "/tests/npm/arm-iothub.test.js");
}

static void test_npm__device_sdk_over_websocket(void **state)
{
    (void)state;
    make_scene("devices", "");
    e2e_device_create(&hub, "device-1");
    run_script(VD_SOURCE_DIR "/tests/npm/websocket.test.js");
}

/* The receiver is the script's, with the hub's certificate. */
static void test_npm__monitoring_sdk(void **state)
{
    (void)state;
    make_scene("monitoring",
        "diagnostics.webhook = https://user:hidden@localhost:8443/in?code=unsaid\n"
        "diagnostics.webhook_ca = ca.pem\n");
    e2e_device_create(&hub, "device-1");
    run_script(VD_SOURCE_DIR "/tests/npm/arm-monitor.test.js");
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
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    if (result == 0 && access(MODULES "/@azure/arm-monitor", R_OK) != 0) {
        result = e2e_cannot_run("the npm packages are not installed (tools/deps test)");
    }
    return result != 0 ? result : e2e_end(cmocka_run_group_tests_name("npm", tests, NULL, NULL));
}
