/* SPDX-License-Identifier: MIT */
/* Runs the tests in tests/npm, the device SDK of the service of old, against a hub. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/message.h"

#define TESTS_MS 110000
#define MODULES  VD_DEPS_DIR "/npm-tests/node_modules"

static struct e2e_hub hub;

/* A message for the SDK to send; its event's id is told along. */
static void make_message(char *path, size_t path_size, char id[E2E_UUID_TEXT])
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.5", "198.51.100.5", 1024, 443, 1, 2, "TCP"};
    e2e_message_build(&message, &flow, 1);
    e2e_message_set_id(&message, 5, 6);
    e2e_message_id_text(id, 5, 6);
    snprintf(path, path_size, "%s/security-message", e2e_folder());
    e2e_write_file(path, message.bytes, message.length);
}

static void test_npm__device_sdk(void **state)
{
    char host[64];
    char ca[160];
    char program[512];
    char data[160];
    char message_path[128];
    char message[192];
    char id[E2E_UUID_TEXT];
    char message_id[96];
    (void)state;
    make_message(message_path, sizeof(message_path), id);
    snprintf(host, sizeof(host), "VEDETTE_TEST_HOST=localhost:%u", hub.port);
    snprintf(ca, sizeof(ca), "VEDETTE_TEST_CA=%s", hub.ca);
    snprintf(program, sizeof(program), "VEDETTE_TEST_PROGRAM=%s", e2e_vedette());
    snprintf(data, sizeof(data), "VEDETTE_TEST_DATA=%s", hub.data);
    snprintf(message, sizeof(message), "VEDETTE_TEST_MESSAGE=%s", message_path);
    snprintf(message_id, sizeof(message_id), "VEDETTE_TEST_MESSAGE_ID=%s", id);
    struct e2e_start start = {
        .argv = E2E_ARGS("node", "--test", VD_SOURCE_DIR "/tests/npm/device.test.js"),
        .env = E2E_ARGS("NODE_PATH=" MODULES, host, ca, program, data, message, message_id,
            "VEDETTE_TEST_PRIMARY_KEY=" E2E_PRIMARY_KEY,
            "VEDETTE_TEST_SECONDARY_KEY=" E2E_SECONDARY_KEY),
    };
    struct e2e_result result = e2e_run(&start, TESTS_MS);
    printf("%s%s", result.out, result.err);
    assert_int_equal(result.status, 0);
    e2e_result_release(&result);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    /* The name that the SDK connects to is the hub's: only the port is added. */
    e2e_hub_init_as(&hub, "localhost", "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"node", "flatc", NULL};
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_npm__device_sdk)};
    int result = e2e_begin(0, programs);
    if (result == 0 && access(MODULES "/azure-iot-device", R_OK) != 0) {
        result = e2e_cannot_run("the npm packages are not installed (tools/deps test)");
    }
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("npm", tests, make_scene, NULL));
}
