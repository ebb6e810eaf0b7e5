/* SPDX-License-Identifier: MIT */
/* The registry loses its power: each change that was answered is there, one that was not is there whole or not at all. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hub/registry.h"
#include "lib/secret.h"
#include "tests/power/power.h"

#define CHANGES    200
#define IDENTITIES 8
#define SETTING    "power"

static const uint8_t master[VD_MASTER_KEY_BYTES] = {7};

/* What the registry must hold. */
struct model {
    struct vd_identity identities[IDENTITIES]; /* etag 0: it is not there */
    char setting[32];
    char policy_key; /* 32 of which are the primary key of a policy of ours; 0: it is not there */
};

static struct model before;
static struct model after;
static unsigned change; /* the number of the one that is made */

static uint32_t random_below(uint32_t limit)
{
    static uint32_t random_state = 3;

    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % limit;
}

/* ---- Changes ---- */

static void change_identity(struct vd_registry *registry)
{
    struct vd_identity *identity = &after.identities[random_below(IDENTITIES)];
    size_t index = (size_t)(identity - after.identities);

    if (identity->etag == 0) {
        *identity = (struct vd_identity){
            .enabled = true, .primary_key = {.length = 32}, .secondary_key = {.length = 32}};
        snprintf(identity->device_id, sizeof identity->device_id, "device-%zu", index);
        memset(identity->primary_key.bytes, (int)change, 32);
        assert_int_equal(vd_registry_create(registry, identity), VD_OK);
    } else if (random_below(3) == 0) {
        assert_int_equal(
            vd_registry_remove(registry, identity->device_id, "", identity->etag), VD_OK);
        identity->etag = 0;
    } else {
        identity->enabled = !identity->enabled;
        snprintf(identity->status_reason, sizeof identity->status_reason, "change %u", change);
        assert_int_equal(vd_registry_update(registry, identity, identity->etag), VD_OK);
    }
}

static void change_setting(struct vd_registry *registry)
{
    uint64_t etag;

    snprintf(after.setting, sizeof after.setting, "change %u", change);
    assert_int_equal(
        vd_registry_setting_put(registry, SETTING, vd_str_from(after.setting), 0, &etag), VD_OK);
}

static void change_policy(struct vd_registry *registry)
{
    struct vd_policy policy = {.name = SETTING,
        .rights = VD_RIGHT_SERVICE_CONNECT,
        .primary_key = {.length = 32},
        .secondary_key = {.length = 32}};

    if (after.policy_key != 0 && random_below(3) == 0) {
        assert_int_equal(vd_registry_policy_remove(registry, SETTING, 0), VD_OK);
        after.policy_key = 0;
        return;
    }
    after.policy_key = (char)('a' + random_below(26));
    memset(policy.primary_key.bytes, after.policy_key, 32);
    assert_int_equal(vd_registry_policy_put(registry, &policy, 0), VD_OK);
}

/* ---- Comparing ---- */

struct listing {
    const struct model *model;
    unsigned found;
    bool differs;
};

static bool compare_identity(void *context, const struct vd_identity *found)
{
    struct listing *listing = context;
    unsigned index = 0;
    const struct vd_identity *expected;

    /* NOLINTNEXTLINE(cert-err34-c): one digit, and its number is checked */
    if (sscanf(found->device_id, "device-%1u", &index) != 1 || index >= IDENTITIES) {
        listing->differs = true;
        return false;
    }
    expected = &listing->model->identities[index];
    listing->found++;
    listing->differs = listing->differs || expected->etag != found->etag ||
        strcmp(expected->generation_id, found->generation_id) != 0 ||
        strcmp(expected->status_reason, found->status_reason) != 0 ||
        expected->enabled != found->enabled ||
        memcmp(expected->primary_key.bytes, found->primary_key.bytes, 32) != 0;
    return true;
}

static const char *registry_differs(struct vd_registry *registry, const struct model *model)
{
    struct listing listing = {.model = model};
    struct vd_policy policy = {.name = ""};
    struct vd_buf setting = {0};
    unsigned expected = 0;
    uint64_t etag;
    int error = vd_registry_list(registry, NULL, NULL, compare_identity, &listing);
    bool is_same;

    for (size_t i = 0; i < IDENTITIES; i++) {
        expected += model->identities[i].etag != 0 ? 1 : 0;
    }
    if (error != VD_OK || listing.differs || listing.found != expected) {
        return "identities";
    }
    error = vd_registry_setting_get(registry, SETTING, &setting, &etag);
    is_same = model->setting[0] == '\0' ? error == VD_E_NOT_FOUND
                                        : error == VD_OK &&
            vd_str_equal_text(
                (struct vd_str){(const char *)setting.data, setting.length}, model->setting);
    vd_buf_release(&setting);
    if (!is_same) {
        return "the setting";
    }
    error = vd_registry_policy_get(registry, SETTING, &policy);
    is_same = model->policy_key == 0
        ? error == VD_E_NOT_FOUND
        : error == VD_OK && policy.primary_key.bytes[0] == (uint8_t)model->policy_key;
    return is_same ? NULL : "the policy";
}

static const char *image_differs(size_t index, const struct model *model)
{
    struct vd_registry *registry = NULL;
    const char *differs = "a file that does not open";

    power_image_write(index);
    if (vd_registry_sqlite_open(power_image_path("registry.db"), master, &registry) == VD_OK) {
        differs = registry_differs(registry, model);
    }
    vd_registry_close(registry);
    return differs;
}

static void check_images(void)
{
    const size_t count = power_images();

    for (size_t i = 0; i < count; i++) {
        const char *differs = image_differs(i, &after);

        if (differs != NULL && i + 1 < count) {
            differs = image_differs(i, &before);
        }
        if (differs != NULL) {
            fail_msg("change %u, image %zu of %zu: %s", change, i, count, differs);
        }
    }
    power_images_drop();
}

static void test_power_registry__keeps_what_was_answered(void **state)
{
    struct vd_registry *registry = NULL;

    (void)state;
    assert_int_equal(vd_registry_sqlite_open(power_path("registry.db"), master, &registry), VD_OK);
    power_images_drop();
    for (change = 1; change <= CHANGES; change++) {
        uint32_t kind = random_below(10);

        before = after;
        if (kind < 7) {
            change_identity(registry);
        } else if (kind < 9) {
            change_setting(registry);
        } else {
            change_policy(registry);
        }
        power_cut();
        assert_in_range(power_images(), 3, 1000); /* it was synced */
        check_images();
    }
    before = after;
    vd_registry_close(registry);
    power_cut();
    check_images();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_power_registry__keeps_what_was_answered, power_set_up, power_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
