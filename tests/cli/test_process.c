/* SPDX-License-Identifier: MIT */
/* The demo's children: started, collected, ended, whatever they do. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/demo/process.h"
#include "lib/clock.h"
#include "tests/cli/folder.h"

#define SHELL(text) ((const char *const[]){"sh", "-c", text, NULL})

static void test_process__run_takes_output(void **state)
{
    struct vd_children children = {{0}};
    struct vd_spawn spawn = {.netns = -1, .out = -1};
    struct vd_buf output = {0};

    (void)state;
    spawn.argv = SHELL("echo one; echo two");
    assert_true(vd_children_run(&children, &spawn, &output, 10000));
    assert_int_equal(output.length, 8);
    assert_memory_equal(output.data, "one\ntwo\n", 8);
    spawn.argv = SHELL("exit 3");
    assert_false(vd_children_run(&children, &spawn, NULL, 10000));
    spawn.argv = SHELL("kill -9 $$");
    assert_false(vd_children_run(&children, &spawn, NULL, 10000));
    vd_buf_release(&output);
}

static void test_process__unknown_program(void **state)
{
    const struct folder *folder = *state;
    struct vd_children children = {{0}};
    char log[96];
    char text[256] = "";
    const struct vd_spawn spawn = {
        .argv = (const char *const[]){"no-such-program", NULL}, .netns = -1, .log = log, .out = -1};
    FILE *file;

    snprintf(log, sizeof log, "%s/log", folder->path);
    assert_false(vd_children_run(&children, &spawn, NULL, 10000));
    file = fopen(log, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    assert_non_null(strstr(text, "no-such-program: No such file"));
}

static void test_process__run_has_a_time_limit(void **state)
{
    struct vd_children children = {{0}};
    const struct vd_spawn spawn = {
        .argv = SHELL("trap '' TERM; while :; do sleep 1; done"), .netns = -1, .out = -1};
    int64_t start = vd_clock_monotonic_ms();

    (void)state;
    assert_false(vd_children_run(&children, &spawn, NULL, 200));
    assert_true(vd_clock_monotonic_ms() - start < 20000);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* Also what a child has started itself. */
static void test_process__end_ends_the_group(void **state)
{
    struct vd_children children = {{0}};
    struct vd_buf output = {0};
    char byte;
    int ends[2];
    struct vd_spawn spawn = {.argv = SHELL("sleep 1000 & sleep 1000 & echo up; wait"), .netns = -1};
    pid_t pid;

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    spawn.out = ends[1];
    pid = vd_children_start(&children, &spawn);
    close(ends[1]);
    assert_true(pid > 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_true(vd_child_runs(&children, pid));
    vd_child_end(&children, pid, 5000);
    assert_false(vd_child_runs(&children, pid));
    /* The pipe closes when the last of them is gone. */
    while (read(ends[0], &byte, 1) == 1) {
    }
    close(ends[0]);
    vd_buf_release(&output);
}

static void test_process__end_all(void **state)
{
    struct vd_children children = {{0}};
    const struct vd_spawn patient = {.argv = SHELL("sleep 1000"), .netns = -1, .out = -1};
    const struct vd_spawn stubborn = {
        .argv = SHELL("trap '' TERM; while :; do sleep 1; done"), .netns = -1, .out = -1};
    pid_t pids[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        pids[i] = vd_children_start(&children, i == 2 ? &stubborn : &patient);
        assert_true(pids[i] > 0);
    }
    vd_children_end(&children, 300);
    for (size_t i = 0; i < 6; i++) {
        assert_false(vd_child_runs(&children, pids[i]));
        assert_int_equal(kill(pids[i], 0), -1);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    vd_children_end(&children, 300);
}

static void test_process__as_many_as_there_is_room_for(void **state)
{
    struct vd_children children = {{0}};
    const struct vd_spawn spawn = {
        .argv = (const char *const[]){"sleep", "1000", NULL}, .netns = -1, .out = -1};

    (void)state;
    for (size_t i = 0; i < VD_CHILDREN_MAX; i++) {
        assert_true(vd_children_start(&children, &spawn) > 0);
    }
    assert_int_equal(vd_children_start(&children, &spawn), 0);
    vd_child_end(&children, children.list[5], 5000);
    assert_true(vd_children_start(&children, &spawn) > 0);
    vd_children_end(&children, 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process__run_takes_output),
        cmocka_unit_test_setup_teardown(
            test_process__unknown_program, folder_set_up, folder_tear_down),
        cmocka_unit_test(test_process__run_has_a_time_limit),
        cmocka_unit_test(test_process__end_ends_the_group),
        cmocka_unit_test(test_process__end_all),
        cmocka_unit_test(test_process__as_many_as_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
