/* SPDX-License-Identifier: MIT */
/* The sweeper: what removed identities left goes, at the start and after a removal; what is another generation's stays. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/sweeper.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "tests/hub/state_file.h"

#define NOW     STATE_FILE_NOW_MS
#define WAIT_MS 30000

static struct state_file file;
static struct vd_state *state;
static struct vd_registry *registry;
static struct vd_sweeper *sweeper;

static void open_all(void)
{
    static const uint8_t master[VD_MASTER_KEY_BYTES] = {7};
    char path[STATE_FILE_PATH_SIZE + 16];

    snprintf(path, sizeof path, "%s/registry.db", file.folder);
    assert_int_equal(vd_registry_sqlite_open(path, master, &registry), VD_OK);
    assert_int_equal(vd_state_open(file.path, &state), VD_OK);
}

static void close_all(void)
{
    vd_sweeper_stop(sweeper);
    sweeper = NULL;
    if (state != NULL) {
        vd_state_stop(state);
        vd_state_close(state);
        state = NULL;
    }
    vd_registry_close(registry);
    registry = NULL;
}

static int set_up(void **unused)
{
    (void)unused;
    state_file_make(&file);
    open_all();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    close_all();
    state_file_remove(&file);
    return 0;
}

/* ---- Identities and what they have ---- */

static int run_fill(void *context, struct vd_state_store *store)
{
    const struct vd_state_key *key = context;
    const struct vd_c2d_message message = {
        .message_id = VD_STR_LITERAL("m"), .body = VD_STR_LITERAL("body")};
    int error = vd_state_twin_put(store, key, VD_STR_LITERAL("twin"), 0, NULL);

    if (error == VD_OK) {
        error = vd_state_subscriptions_put(store, key, 5);
    }
    return error == VD_OK ? vd_state_c2d_send(store, key, &message, NOW, NULL) : error;
}

/* Makes the identity, with a twin, subscriptions and a message. */
static struct vd_state_key make(const char *device_id, const char *module_id)
{
    struct vd_identity identity = {
        .enabled = true, .primary_key = {.length = 32}, .secondary_key = {.length = 32}};
    struct vd_state_key key = {0};

    snprintf(identity.device_id, sizeof identity.device_id, "%s", device_id);
    snprintf(identity.module_id, sizeof identity.module_id, "%s", module_id);
    assert_int_equal(vd_registry_create(registry, &identity), VD_OK);
    snprintf(key.device_id, sizeof key.device_id, "%s", device_id);
    snprintf(key.module_id, sizeof key.module_id, "%s", module_id);
    snprintf(key.generation_id, sizeof key.generation_id, "%s", identity.generation_id);
    assert_int_equal(vd_state_do(state, run_fill, &key), VD_OK);
    return key;
}

struct contents {
    const struct vd_state_key *key;
    bool has_twin;
    uint32_t filters;
    size_t messages;
};

static int run_read(void *context, struct vd_state_store *store)
{
    struct contents *contents = context;
    struct vd_buf document = {0};
    uint64_t revision;
    int error = vd_state_twin_get(store, contents->key, &document, &revision);

    contents->has_twin = error == VD_OK;
    vd_buf_release(&document);
    if (error == VD_OK || error == VD_E_NOT_FOUND) {
        error = vd_state_subscriptions_get(store, contents->key, &contents->filters);
    }
    return error == VD_OK ? vd_state_c2d_count(store, contents->key, NOW, &contents->messages, NULL)
                          : error;
}

static void assert_state(const struct vd_state_key *key, bool is_there)
{
    struct contents contents = {.key = key};

    assert_int_equal(vd_state_do(state, run_read, &contents), VD_OK);
    assert_int_equal(contents.has_twin, is_there);
    assert_int_equal(contents.filters, is_there ? 5 : 0);
    assert_int_equal(contents.messages, is_there ? 1 : 0);
}

/* ---- Sweeps ---- */

static void start(void)
{
    assert_int_equal(vd_sweeper_start(state, registry, &sweeper), VD_OK);
}

static struct vd_sweeper_stats stats(void)
{
    struct vd_sweeper_stats now;

    vd_sweeper_stats_get(sweeper, &now);
    return now;
}

static void wait_for(bool (*is_reached)(uint64_t number), uint64_t number)
{
    const struct timespec step = {0, 1000000};
    const int64_t until = vd_clock_monotonic_ms() + WAIT_MS;

    while (!is_reached(number)) {
        assert_true(vd_clock_monotonic_ms() < until);
        nanosleep(&step, NULL);
    }
}

static bool has_swept(uint64_t number)
{
    return stats().sweeps >= number;
}

static bool has_removed(uint64_t number)
{
    return stats().removed >= number;
}

static bool has_failed(uint64_t number)
{
    return stats().failures >= number;
}

static void test_sweeper__removes_at_the_start_what_is_gone(void **unused)
{
    /* Removed, and the process ended before any sweep. */
    struct vd_state_key gone[40];
    struct vd_state_key kept[40];
    char id[16];

    (void)unused;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "gone%u", i);
        gone[i] = make(id, "");
        snprintf(id, sizeof id, "kept%u", i);
        kept[i] = make(id, "");
    }
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(vd_registry_remove(registry, gone[i].device_id, "", 0), VD_OK);
    }
    close_all();
    open_all();
    start();
    wait_for(has_swept, 1);
    assert_int_equal(stats().removed, 40);
    for (unsigned i = 0; i < 40; i++) {
        assert_state(&gone[i], false);
        assert_state(&kept[i], true);
    }
}

static void test_sweeper__removes_a_device_with_its_modules(void **unused)
{
    struct vd_state_key device = make("dev", "");
    struct vd_state_key module = make("dev", "mod");
    struct vd_state_key other = make("dev2", "");

    (void)unused;
    start();
    wait_for(has_swept, 1);
    assert_int_equal(stats().removed, 0);
    assert_int_equal(vd_registry_remove(registry, "dev", "", 0), VD_OK);
    vd_sweeper_notice(sweeper, "dev");
    wait_for(has_swept, 2);
    assert_int_equal(stats().removed, 2);
    assert_state(&device, false);
    assert_state(&module, false);
    assert_state(&other, true);
}

static void test_sweeper__keeps_the_device_of_a_removed_module(void **unused)
{
    struct vd_state_key device = make("dev", "");
    struct vd_state_key module = make("dev", "mod");
    struct vd_state_key second = make("dev", "mod2");

    (void)unused;
    start();
    assert_int_equal(vd_registry_remove(registry, "dev", "mod", 0), VD_OK);
    vd_sweeper_notice(sweeper, "dev");
    wait_for(has_swept, 2);
    assert_int_equal(stats().removed, 1);
    assert_state(&device, true);
    assert_state(&module, false);
    assert_state(&second, true);
}

static void test_sweeper__keeps_the_next_generation(void **unused)
{
    struct vd_state_key first = make("dev", "");
    struct vd_state_key second;

    (void)unused;
    assert_int_equal(vd_registry_remove(registry, "dev", "", 0), VD_OK);
    second = make("dev", "");
    start();
    vd_sweeper_notice(sweeper, "dev");
    wait_for(has_swept, 2);
    assert_int_equal(stats().removed, 1);
    assert_state(&first, false);
    assert_state(&second, true);
}

static void test_sweeper__sweeps_all_when_more_wait_than_it_keeps(void **unused)
{
    struct vd_state_key last;

    (void)unused;
    start();
    wait_for(has_swept, 1);
    last = make("last", "");
    assert_int_equal(vd_registry_remove(registry, "last", "", 0), VD_OK);
    for (unsigned i = 0; i < 4 * VD_HUB_SWEEPS_WAITING_MAX; i++) {
        vd_sweeper_notice(sweeper, "nobody");
    }
    vd_sweeper_notice(sweeper, "last");
    wait_for(has_removed, 1);
    assert_state(&last, false);
}

static void test_sweeper__keeps_what_cannot_be_told(void **unused)
{
    struct vd_state_key gone = make("gone", "");

    (void)unused;
    assert_int_equal(vd_registry_remove(registry, "gone", "", 0), VD_OK);
    vd_state_stop(state);
    start();
    wait_for(has_failed, 1);
    vd_sweeper_stop(sweeper);
    sweeper = NULL;
    vd_state_close(state);
    state = NULL;
    close_all();
    open_all();
    assert_state(&gone, true);
    start();
    wait_for(has_swept, 1);
    assert_state(&gone, false);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_sweeper__removes_at_the_start_what_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_sweeper__removes_a_device_with_its_modules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_sweeper__keeps_the_device_of_a_removed_module, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sweeper__keeps_the_next_generation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_sweeper__sweeps_all_when_more_wait_than_it_keeps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sweeper__keeps_what_cannot_be_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
