/* SPDX-License-Identifier: MIT */
/* Killed at every commit point of a service that is at work, and at random writes: what was answered is there, once. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/faults/scene.h"

#define PACE_MS       20
#define SOME_POINTS   8 /* kills of a short run, and as many at random */
#define RANDOM_ROUNDS 200

static struct scene scene;
static unsigned number;   /* of the round: what is written last says it */
static unsigned answered; /* the last round whose change of the twin, */
static unsigned ruled;    /* and of the rule was answered */
static unsigned backups;  /* that were answered */
static unsigned saved;    /* the round of the last */

/* ---- One round ---- */

static const char *path_of(const char *name, unsigned n)
{
    static char path[160];

    snprintf(path, sizeof path, "%s/%s-%u", e2e_folder(), name, n);
    return path;
}

static bool is_dead(void *context)
{
    (void)context;
    return e2e_ended(scene.hub.pid, NULL);
}

/* False: the service is dead, and nothing is known of what was asked. */
static bool was_answered(const char *const *arguments)
{
    struct e2e_result result = e2e_cli(&scene.hub, arguments);
    const bool good = result.status == 0;

    if (!good && !is_dead(NULL) && !e2e_wait(2000, is_dead, NULL)) {
        fail_msg("%s: %s%s", arguments[0], result.out, result.err);
    }
    e2e_result_release(&result);
    return good;
}

static void change_twin(void)
{
    char patch[96];

    snprintf(patch, sizeof patch, "{\"tags\":{\"n\":%u},\"properties\":{\"desired\":{\"n\":%u}}}",
        number, number);
    if (was_answered(E2E_ARGS("device", "twin", "device-0", "--patch", patch))) {
        answered = number;
    }
}

static void change_rule(void)
{
    char rules[256];

    snprintf(rules, sizeof rules,
        "{\"timeWindowRules\":[{\"ruleType\":\"ActiveConnectionsNotInAllowedRange\",\"isEnabled\":true,"
        "\"minThreshold\":0,\"maxThreshold\":%u,\"timeWindowSize\":\"PT5M\"}]}",
        1000000 + number);
    e2e_write_file(path_of("rules", 0), rules, strlen(rules));
    if (was_answered(E2E_ARGS("group", "set", "pumps", path_of("rules", 0)))) {
        ruled = number;
    }
}

static void write_backup(void)
{
    if (was_answered(E2E_ARGS("backup", path_of("backup", number)))) {
        backups++;
        saved = number;
    }
}

/* Stops as the service does by itself, and starts: both write. */
static void start_anew(void)
{
    if (e2e_stop(scene.hub.pid, SIGTERM, 20000) == 0) {
        (void)e2e_hub_try(&scene.hub);
    }
}

static void do_messages(void)
{
    for (unsigned i = 0; i < SCENE_DEVICES && !is_dead(NULL); i++) {
        (void)e2e_sender_progress(scene.senders[i], 3, 2000);
    }
}

/* Until it is dead, or all is done. */
static void do_work(void)
{
    static void (*const steps[])(void) = {
        do_messages, change_twin, change_rule, do_messages, write_backup, start_anew};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && !is_dead(NULL); i++) {
        steps[i]();
    }
}

/* ---- What must be there ---- */

static json_int_t number_in(json_t *json, const char *const *path)
{
    const json_t *at = json;

    for (; *path != NULL; path++) {
        at = json_is_array(at) ? json_array_get(at, 0) : json_object_get(at, *path);
    }
    return json_integer_value(at);
}

/* What was answered last, or what was begun and not answered. */
static void check_changes(void)
{
    json_t *twin = e2e_cli_json(&scene.hub, E2E_ARGS("device", "twin", "device-0"));
    const json_int_t tag = number_in(twin, E2E_ARGS("tags", "n"));
    const json_int_t desired = number_in(twin, E2E_ARGS("properties", "desired", "n"));

    json_decref(twin);
    assert_in_range(tag, answered, number);
    assert_int_equal(desired, tag);
    if (ruled > 0) {
        json_t *group = e2e_cli_json(&scene.hub, E2E_ARGS("group", "show", "pumps"));

        assert_in_range(
            number_in(group, E2E_ARGS("properties", "timeWindowRules", "0", "maxThreshold")) -
                1000000,
            ruled, number);
        json_decref(group);
    }
}

static void check_round(void)
{
    scene_check(&scene);
    check_changes();
}

/* Works, is killed at that point, starts, and is judged. False: it did not come to that point. */
static bool round_is_killed(unsigned point)
{
    bool killed;

    number++;
    atomic_store(&scene.faults->points, 0);
    atomic_store(&scene.faults->kill_at, point);
    do_work();
    atomic_store(&scene.faults->kill_at, 0);
    /* It may have come to the point just now, behind the last step. */
    killed = point != 0 && atomic_load(&scene.faults->points) >= point &&
        e2e_wait(SCENE_WAIT_MS, is_dead, NULL);
    if (killed) {
        int status = 0;

        (void)e2e_ended(scene.hub.pid, &status);
        assert_int_equal(status, 128 + SIGKILL);
        scene_restart(&scene);
    } else {
        scene_follow(&scene);
    }
    check_round();
    return killed;
}

/* ---- The tests ---- */

static unsigned count_points(void)
{
    assert_false(round_is_killed(0));
    return atomic_load(&scene.faults->points);
}

static void test_kill__at_every_commit_point(void **state)
{
    const unsigned points = count_points();
    const unsigned step = scene_is_thorough() ? 1 : points / SOME_POINTS;
    unsigned kills = 0;

    (void)state;
    assert_true(points > SOME_POINTS);
    for (unsigned point = 1 + (unsigned)time(NULL) % step; point <= points; point += step) {
        kills += round_is_killed(point);
    }
    print_message("%u commit points, %u kills, %u backups\n", points, kills, backups);
    assert_true(kills > 0);
}

static void test_kill__at_random_writes(void **state)
{
    const unsigned rounds = scene_is_thorough() ? RANDOM_ROUNDS : SOME_POINTS;
    unsigned kills = 0;
    unsigned writes;

    (void)state;
    atomic_store(&scene.faults->counts_writes, true);
    writes = count_points();
    srand((unsigned)time(NULL));
    for (unsigned i = 0; i < rounds; i++) {
        const bool killed = round_is_killed(1 + (unsigned)rand() % writes);

        writes = killed ? writes : atomic_load(&scene.faults->points);
        kills += killed;
    }
    print_message("%u writes, %u rounds, %u kills\n", writes, rounds, kills);
    assert_true(kills > 0);
    atomic_store(&scene.faults->counts_writes, false);
}

/* Every file from end to end; and the last backup that was said to be whole is. */
static void test_kill__leaves_whole_stores(void **state)
{
    char key[128];

    (void)state;
    scene_end(&scene);
    e2e_cli_ok(&scene.hub, E2E_ARGS("verify"));
    e2e_cli_ok(&scene.hub, E2E_ARGS("audit", "verify"));
    assert_true(backups > 0);
    snprintf(key, sizeof key, "%s/master.key", scene.hub.data);
    e2e_cli_ok(&scene.hub, E2E_ARGS("verify", path_of("backup", saved), "--master-key", key));
}

static int make_scene(void **state)
{
    (void)state;
    scene_make(&scene, "hub", NULL, PACE_MS);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_kill__at_every_commit_point),
    cmocka_unit_test(test_kill__at_random_writes),
    cmocka_unit_test(test_kill__leaves_whole_stores),
};

SCENE_MAIN(0, "kill", tests, make_scene, NULL)
