/* SPDX-License-Identifier: MIT */
/* Runs the tests of portal/e2e: a browser that looks at the portal of a service, and devices that send to it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/e2e/npm.h"

#define TESTS_MS 420000
#define CHROMIUM "/usr/bin/chromium"

static struct e2e_hub hub;

static void run_file(const char *file)
{
    char portal[64];
    char mqtt[64];
    char ca[160];
    char program[512];
    char data[160];
    char temporary[96];
    char path[512];
    struct e2e_result result;

    snprintf(
        portal, sizeof portal, "VEDETTE_TEST_PORTAL=https://localhost:%u/portal", hub.https_port);
    snprintf(mqtt, sizeof mqtt, "VEDETTE_TEST_MQTT_PORT=%u", hub.port);
    snprintf(ca, sizeof ca, "VEDETTE_TEST_CA=%s", hub.ca);
    snprintf(program, sizeof program, "VEDETTE_TEST_PROGRAM=%s", e2e_vedette());
    snprintf(data, sizeof data, "VEDETTE_TEST_DATA=%s", hub.data);
    snprintf(temporary, sizeof temporary, "TMPDIR=%s", e2e_folder());
    snprintf(path, sizeof path, VD_SOURCE_DIR "/portal/e2e/%s.test.js", file);
    result = e2e_run(&(struct e2e_start){.argv = E2E_ARGS("node", "--test", path),
                         .env = E2E_ARGS(portal, mqtt, ca, program, data, temporary)},
        TESTS_MS);
    printf("%s%s", result.out, result.err);
    assert_int_equal(result.status, 0);
    e2e_result_release(&result);
}

/* A test of this name runs the file of that name. */
#define FILE_TEST(name)                                 \
    static void test_portal_pages__##name(void **state) \
    {                                                   \
        (void)state;                                    \
        run_file(#name);                                \
    }

FILE_TEST(session)
FILE_TEST(alerts)
FILE_TEST(devices)
FILE_TEST(groups)
FILE_TEST(intel)
FILE_TEST(query)
FILE_TEST(settings)
FILE_TEST(keyboard)
FILE_TEST(pages)

/* Nothing that the pages asked for made the service complain. */
static void test_portal_pages__ends_cleanly(void **state)
{
    (void)state;
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init_as(&hub, "localhost", "hub", NULL, "127.0.0.1", 0);
    e2e_hub_serve_https(&hub);
    e2e_hub_start(&hub);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"node", "flatc", CHROMIUM, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_portal_pages__session),
        cmocka_unit_test(test_portal_pages__alerts),
        cmocka_unit_test(test_portal_pages__devices),
        cmocka_unit_test(test_portal_pages__groups),
        cmocka_unit_test(test_portal_pages__intel),
        cmocka_unit_test(test_portal_pages__query),
        cmocka_unit_test(test_portal_pages__settings),
        cmocka_unit_test(test_portal_pages__keyboard),
        cmocka_unit_test(test_portal_pages__pages),
        cmocka_unit_test(test_portal_pages__ends_cleanly),
    };
    int result = e2e_begin(0, programs);
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("portal_pages", tests, make_scene, NULL));
}
