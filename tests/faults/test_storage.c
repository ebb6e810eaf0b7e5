/* SPDX-License-Identifier: MIT */
/* A disk that fails or is full, store by store: the service says so, answers no for what it cannot keep, and goes on afterwards. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/faults/scene.h"

#define PACE_MS 10

static struct scene scene;
static unsigned number; /* of the last change */

static void aim(const char *below)
{
    snprintf(scene.faults->below, sizeof scene.faults->below, "%s", below);
}

/* Each change is another one: the same again would not be written. */
static struct e2e_result change_twin(void)
{
    char patch[64];

    snprintf(patch, sizeof patch, "{\"tags\":{\"n\":%u}}", ++number);
    return e2e_cli(&scene.hub, E2E_ARGS("device", "twin", "device-0", "--patch", patch));
}

static struct e2e_result create_device(void)
{
    char name[32];

    snprintf(name, sizeof name, "made-%u", ++number);
    return e2e_cli(&scene.hub, E2E_ARGS("device", "create", name));
}

/* A store, what of it needs it, and what is said of it that cannot be written. */
static const struct {
    const char *below;
    const char *reason;                /* NULL: it shows when it is asked for */
    struct e2e_result (*change)(void); /* that is refused; NULL: devices write it */
} stores[] = {
    {"/hub/events.db", "log-unwritable", NULL},
    {"/hub/alerts.db", "center-stalled", NULL},
    {"/hub/analytics/", "center-stalled", NULL},
    {"/hub/state.db", "state-unwritable", change_twin},
    {"/hub/audit.db", NULL, change_twin},
    {"/hub/registry.db", NULL, create_device},
};

static void expect(struct e2e_result (*change)(void), bool good)
{
    struct e2e_result result = change();

    if ((result.status == 0) != good) {
        fail_msg("%s: %s%s", scene.faults->below, result.out, result.err);
    }
    e2e_result_release(&result);
}

static void fail_each_store(int error)
{
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        aim(stores[i].below);
        atomic_store(&scene.faults->write_errno, error);
        if (stores[i].change != NULL) {
            expect(stores[i].change, false);
        }
        if (stores[i].reason != NULL) {
            scene_await_reason(&scene, stores[i].reason);
        }
        atomic_store(&scene.faults->write_errno, 0);
        if (stores[i].change != NULL) {
            expect(stores[i].change, true);
        }
        scene_await_reason(&scene, NULL);
        scene_check(&scene);
    }
}

static void test_storage__failing_writes(void **state)
{
    (void)state;
    fail_each_store(EIO);
}

static void test_storage__full_disk(void **state)
{
    (void)state;
    fail_each_store(ENOSPC);
}

static void test_storage__short_writes(void **state)
{
    (void)state;
    aim("/hub/");
    atomic_store(&scene.faults->short_writes, true);
    expect(change_twin, true);
    expect(create_device, true);
    scene_check(&scene);
    atomic_store(&scene.faults->short_writes, false);
    scene_await_reason(&scene, NULL);
}

/* What the caches hold is not read again, so that not each store has to say so. */
static void test_storage__failing_reads(void **state)
{
    static const char *const belows[] = {"/hub/alerts.db", "/hub/analytics/", "/hub/events.db"};

    (void)state;
    for (size_t i = 0; i < sizeof belows / sizeof belows[0]; i++) {
        aim(belows[i]);
        atomic_store(&scene.faults->read_errno, EIO);
        for (unsigned d = 0; d < SCENE_DEVICES; d++) {
            (void)e2e_sender_progress(scene.senders[d], 10, 2000);
        }
        if (strcmp(belows[i], "/hub/events.db") == 0) {
            scene_await_reason(&scene, "center-stalled");
        }
        atomic_store(&scene.faults->read_errno, 0);
        scene_check(&scene);
    }
    /* It works again; that pages could not be read is said until the next start. */
    e2e_hub_stop(&scene.hub);
    scene_restart(&scene);
    scene_await_reason(&scene, NULL);
}

static void test_storage__the_log_says_so(void **state)
{
    static const char *const events[] = {"event=hub.log_unwritable", "event=hub.log_writable",
        "event=center.stalled", "event=center.resumed", "event=analytics.append_failed"};

    (void)state;
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (!e2e_wait_text(scene.hub.log, events[i], SCENE_WAIT_MS)) {
            fail_msg("%s is not in the log", events[i]);
        }
    }
}

static void test_storage__all_is_whole(void **state)
{
    (void)state;
    scene_end(&scene);
    e2e_cli_ok(&scene.hub, E2E_ARGS("verify"));
    e2e_cli_ok(&scene.hub, E2E_ARGS("audit", "verify"));
}

static int make_scene(void **state)
{
    (void)state;
    scene_make(&scene, "hub", NULL, PACE_MS);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_storage__failing_writes),
    cmocka_unit_test(test_storage__full_disk),
    cmocka_unit_test(test_storage__short_writes),
    cmocka_unit_test(test_storage__failing_reads),
    cmocka_unit_test(test_storage__the_log_says_so),
    cmocka_unit_test(test_storage__all_is_whole),
};

SCENE_MAIN(0, "storage", tests, make_scene, NULL)
