/* SPDX-License-Identifier: MIT */
/* Runs the device SDK of the service of old, in tests/npm, against a hub. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/e2e/message.h"
#include "tests/e2e/npm.h"

#define TESTS_MS 110000

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
    char path[128];
    char message[192];
    char id[E2E_UUID_TEXT];
    char message_id[96];
    (void)state;
    make_message(path, sizeof(path), id);
    snprintf(message, sizeof(message), "VEDETTE_TEST_MESSAGE=%s", path);
    snprintf(message_id, sizeof(message_id), "VEDETTE_TEST_MESSAGE_ID=%s", id);
    e2e_npm_run(&hub, "device.test.js", E2E_ARGS(message, message_id), TESTS_MS);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "hub", false, "");
    e2e_device_create(&hub, "device-1");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"node", "flatc", NULL};
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_npm__device_sdk)};
    int result = e2e_begin(0, programs);
    if (result == 0 && !e2e_npm_has("azure-iot-device")) {
        result = e2e_cannot_run("the npm packages are not installed (tools/deps test)");
    }
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("npm", tests, make_scene, NULL));
}
