/* SPDX-License-Identifier: MIT */
/* Runs tests/npm/device-state.test.js: the device SDK of the service of old, with a back end on the other side. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/e2e/npm.h"

#define TESTS_MS 110000

static struct e2e_hub hub;

static void test_npm__device_state(void **state)
{
    (void)state;
    e2e_npm_run(&hub, "device-state.test.js", NULL, TESTS_MS);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_npm_hub_start(&hub, "hub", true, "");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"node", "ip", "openssl", NULL};
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_npm__device_state)};
    int result = e2e_begin(E2E_NAMESPACES, programs);
    if (result == 0 && !e2e_npm_has("azure-iothub")) {
        result = e2e_cannot_run("the npm packages are not installed (tools/deps test)");
    }
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("npm", tests, make_scene, NULL));
}
