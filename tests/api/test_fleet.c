/* SPDX-License-Identifier: MIT */
/* The fleet as the center sees it, out of a real registry and real twins. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/fleet.h"
#include "api/twins.h"
#include "tests/api/service_fixture.h"

static struct vd_api_fleet fleet;

static void make(const char *device, const char *module, bool enabled)
{
    struct vd_identity identity = {.enabled = enabled};

    snprintf(identity.device_id, sizeof identity.device_id, "%s", device);
    snprintf(identity.module_id, sizeof identity.module_id, "%s", module);
    identity.primary_key.length = identity.secondary_key.length = 32;
    identity.secondary_key.bytes[0] = 1;
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
}

static void tag(const char *device, const char *module, const char *tags)
{
    const struct vd_twins twins = {.registry = registry, .state = hub_state};
    char body[512];
    struct vd_twins_change change = {
        .device_id = device, .module_id = module, .how = VD_TWIN_PATCH, .body = {body, 0}};
    struct vd_twin_problem problem;
    json_t *json = NULL;

    change.body.length = (size_t)snprintf(body, sizeof body, "{\"tags\":%s}", tags);
    assert_int_equal(vd_twins_update(&twins, &change, &json, &problem), VD_OK);
    json_decref(json);
}

static void expect_device(const char *device, const char *group, bool has_module, bool has_tag)
{
    struct vd_fleet_device found;

    assert_int_equal(vd_fleet_get(&fleet.base, device, &found), VD_OK);
    assert_string_equal(found.device_id, device);
    assert_string_equal(found.group, group);
    assert_int_equal(found.has_security_module, has_module);
    assert_int_equal(found.has_group_tag, has_tag);
    assert_true(found.created_ms > 0);
}

static void test_fleet__groups_come_from_the_modules_twin(void **unused)
{
    (void)unused;
    vd_api_fleet_init(&fleet, registry, hub_state);
    make("plain", "", true);
    expect_device("plain", "default", false, false);
    make("old", "", true);
    make("old", VD_SECURITY_MODULE_ID, true);
    expect_device("old", "default", true, false);
    tag("old", VD_SECURITY_MODULE_ID, "{\"SecurityGroup\":\"lab\"}");
    expect_device("old", "lab", true, true);
    make("rtos", "", true);
    make("rtos", VD_SECURITY_MODULE_ID_RTOS, true);
    tag("rtos", VD_SECURITY_MODULE_ID_RTOS, "{\"SecurityGroup\":\"pumps\"}");
    expect_device("rtos", "pumps", true, true);
    /* The first name counts first, once it says anything. */
    make("rtos", VD_SECURITY_MODULE_ID, true);
    expect_device("rtos", "pumps", true, true);
    tag("rtos", VD_SECURITY_MODULE_ID, "{\"SecurityGroup\":\"valves\"}");
    expect_device("rtos", "valves", true, true);
    /* Neither another module's twin, nor the device's own, nor a tag of another kind or spelling. */
    make("other", "", true);
    make("other", "camera", true);
    tag("other", "camera", "{\"SecurityGroup\":\"lab\"}");
    tag("other", NULL, "{\"SecurityGroup\":\"lab\"}");
    expect_device("other", "default", false, false);
    tag("old", VD_SECURITY_MODULE_ID, "{\"SecurityGroup\":{\"a\":1},\"securitygroup\":\"x\"}");
    expect_device("old", "default", true, false);
}

static void test_fleet__get_of_what_is_not_there(void **unused)
{
    struct vd_fleet_device found;

    (void)unused;
    vd_api_fleet_init(&fleet, registry, NULL);
    assert_int_equal(vd_fleet_get(&fleet.base, "none", &found), VD_E_NOT_FOUND);
    make("d", "", false);
    make("d", VD_SECURITY_MODULE_ID, true);
    tag("d", VD_SECURITY_MODULE_ID, "{\"SecurityGroup\":\"lab\"}");
    expect_device("d", "default", true, false); /* without a state */
    assert_int_equal(vd_fleet_get(&fleet.base, "d", &found), VD_OK);
    assert_false(found.is_enabled);
}

struct walk {
    size_t count;
    size_t lab;
    size_t until;
    char last[VD_FLEET_ID_MAX + 1];
};

static bool count_device(void *context, const struct vd_fleet_device *device)
{
    struct walk *walk = context;

    assert_true(strcmp(walk->last, device->device_id) < 0);
    memcpy(walk->last, device->device_id, sizeof walk->last);
    walk->lab += strcmp(device->group, "lab") == 0 ? 1 : 0;
    return ++walk->count < walk->until;
}

/* More than are looked at at once; every third has a group. */
static void test_fleet__each(void **unused)
{
    struct walk walk = {.until = 10000};
    char id[16];

    (void)unused;
    vd_api_fleet_init(&fleet, registry, hub_state);
    assert_int_equal(vd_fleet_each(&fleet.base, count_device, &walk), VD_OK);
    assert_int_equal(walk.count, 0);
    for (int i = 0; i < 1100; i++) {
        snprintf(id, sizeof id, "dev-%04d", i);
        make(id, "", true);
        if (i % 3 == 0) {
            make(id, VD_SECURITY_MODULE_ID, true);
            tag(id, VD_SECURITY_MODULE_ID, "{\"SecurityGroup\":\"lab\"}");
        }
    }
    assert_int_equal(vd_fleet_each(&fleet.base, count_device, &walk), VD_OK);
    assert_int_equal(walk.count, 1100);
    assert_int_equal(walk.lab, 367);
    walk = (struct walk){.until = 7};
    assert_int_equal(vd_fleet_each(&fleet.base, count_device, &walk), VD_OK);
    assert_int_equal(walk.count, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define FLEET_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        FLEET_TEST(test_fleet__groups_come_from_the_modules_twin),
        FLEET_TEST(test_fleet__get_of_what_is_not_there),
        FLEET_TEST(test_fleet__each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
