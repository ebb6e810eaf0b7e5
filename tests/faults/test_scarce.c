/* SPDX-License-Identifier: MIT */
/* No descriptors and no memory, for a while: who is connected goes on, what was acknowledged stays, and all recovers by itself. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/mqtt.h"
#include "tests/faults/scene.h"

#define PACE_MS      10
#define MESSAGES     300 /* of each device while there are no descriptors: three seconds at least */
#define LINES_MAX    3   /* of the log meanwhile */
#define ROUNDS       12
#define ROUNDS_ALL   200
#define FAILURES_MAX 64

static struct scene scene;

/* ---- Descriptors ---- */

static rlim_t count_descriptors(void)
{
    char path[64];
    rlim_t count = 0;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)scene.hub.pid);
    dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        count += entry->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

static unsigned count_lines(const char *text)
{
    char *log = e2e_read_file(scene.hub.log, NULL);
    unsigned count = 0;

    assert_non_null(log);
    for (const char *at = log; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    free(log);
    return count;
}

static bool is_let_in(void)
{
    struct e2e_mqtt mqtt;
    const bool good = e2e_mqtt_open(&mqtt, scene.hub.port, scene.hub.ca) &&
        e2e_mqtt_connect(&mqtt, "device-2") == 0;

    e2e_mqtt_close(&mqtt);
    return good;
}

static void test_scarce__descriptors(void **state)
{
    struct rlimit limit;
    struct rlimit tight;
    int waiting;

    (void)state;
    assert_int_equal(prlimit(scene.hub.pid, RLIMIT_NOFILE, NULL, &limit), 0);
    tight = (struct rlimit){count_descriptors(), limit.rlim_max};
    assert_int_equal(prlimit(scene.hub.pid, RLIMIT_NOFILE, &tight, NULL), 0);
    waiting = e2e_tcp(scene.hub.port);
    assert_true(waiting >= 0); /* by the system alone */
    assert_true(e2e_wait_text(scene.hub.log, "event=hub.accept_failed", SCENE_WAIT_MS));
    for (unsigned i = 0; i < SCENE_DEVICES; i++) {
        assert_true(e2e_sender_progress(scene.senders[i], MESSAGES, SCENE_WAIT_MS));
    }
    assert_in_range(count_lines("event=hub.accept_failed"), 1, LINES_MAX);
    assert_int_equal(prlimit(scene.hub.pid, RLIMIT_NOFILE, &limit, NULL), 0);
    close(waiting);
    assert_true(is_let_in());
    assert_true(e2e_wait_text(scene.hub.log, "event=hub.accept_resumed", SCENE_WAIT_MS));
    scene_check(&scene);
    scene_await_reason(&scene, NULL);
}

/* ---- Memory ---- */

static bool had_all(void *context)
{
    (void)context;
    return atomic_load(&scene.faults->no_memory) == 0 || e2e_ended(scene.hub.pid, NULL);
}

static void test_scarce__memory(void **state)
{
    const unsigned rounds = scene_is_thorough() ? ROUNDS_ALL : ROUNDS;

    (void)state;
    for (unsigned round = 0; round < rounds; round++) {
        atomic_store(&scene.faults->no_memory, 1 + (unsigned)rand() % FAILURES_MAX);
        (void)is_let_in();
        assert_true(e2e_wait(SCENE_WAIT_MS, had_all, NULL));
        atomic_store(&scene.faults->no_memory, 0);
        assert_false(e2e_ended(scene.hub.pid, NULL));
        for (unsigned i = 0; i < SCENE_DEVICES; i++) {
            assert_true(e2e_sender_progress(scene.senders[i], 5, SCENE_WAIT_MS));
        }
    }
    scene_await_reason(&scene, NULL);
    scene_check(&scene);
    print_message("%u allocations failed\n", atomic_load(&scene.faults->no_memory_had));
}

static int make_scene(void **state)
{
    (void)state;
    scene_make(&scene, "hub", NULL, PACE_MS);
    e2e_device_create(&scene.hub, "device-2");
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    scene_end(&scene);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_scarce__descriptors),
    cmocka_unit_test(test_scarce__memory),
};

SCENE_MAIN(E2E_RAW, "scarce", tests, make_scene, end_scene)
