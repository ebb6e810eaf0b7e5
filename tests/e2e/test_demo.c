/* SPDX-License-Identifier: MIT */
/* The demo shows an alert, and leaves nothing behind however it ends. */

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define DEMO_MS         90000
#define STOP_MS         20000
#define TITLE           "Communication with a suspicious IP address detected"
#define LISTED          "203.0.113.66"
#define LISTED_LOOPBACK "127.66.0.66"

static char temporary[128]; /* the demo's TMPDIR */
static char output[128];
static char *links_before;

static pid_t start_demo(const char *option, const char *second)
{
    static char variable[160];
    snprintf(variable, sizeof(variable), "TMPDIR=%s", temporary);
    remove(output);
    struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "demo", option, second),
        .env = E2E_ARGS(variable),
        .stdout_path = output,
    };
    return e2e_start(&start);
}

static struct e2e_result list_links(void)
{
    struct e2e_start start = {.argv = E2E_ARGS("ip", "-o", "-br", "link", "show")};
    struct e2e_result links = e2e_run(&start, 5000);
    assert_int_equal(links.status, 0);
    return links;
}

static size_t entries_of(const char *path)
{
    DIR *entries = opendir(path);
    size_t count = 0;
    if (entries == NULL) {
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            print_error("left: %s/%s\n", path, entry->d_name);
            count++;
        }
    }
    closedir(entries);
    return count;
}

static bool no_process_left(void *context)
{
    (void)context;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/*
 * The test runs in network and mount namespaces of its own, with its own /run/netns, and orphans become its children:
 * whatever is there now, the demo left.
 */
static void check_nothing_left(void)
{
    if (!e2e_wait(2000, no_process_left, NULL)) {
        fail_msg("a process of the demo still runs");
    }
    assert_int_equal(entries_of("/run/netns"), 0);
    assert_int_equal(entries_of(temporary), 0);
    struct e2e_result links = list_links();
    if (strcmp(links.out, links_before) != 0) {
        fail_msg("the interfaces were\n%sand are now\n%s", links_before, links.out);
    }
    e2e_result_release(&links);
}

static void check_output(const char *text)
{
    char *said = e2e_read_file(output, NULL);
    if (said == NULL || strstr(said, text) == NULL) {
        fail_msg("the demo did not say \"%s\"", text);
    }
    free(said);
}

static void check_once(const char *option, const char *listed)
{
    pid_t demo = start_demo("--once", option);
    int status = 0;
    int64_t deadline = e2e_now_ms() + DEMO_MS;
    while (!e2e_ended(demo, &status) && e2e_now_ms() < deadline) {
        e2e_pause();
    }
    assert_true(e2e_ended(demo, &status));
    assert_int_equal(status, 0);
    check_output(TITLE);
    check_output(listed);
    check_nothing_left();
}

static void test_demo__once_shows_the_alert_and_ends(void **state)
{
    (void)state;
    check_once(NULL, LISTED);
}

static void test_demo__on_the_loopback_interface(void **state)
{
    (void)state;
    check_once("--loopback", LISTED_LOOPBACK);
}

static void test_demo__ctrl_c_while_it_shows_alerts(void **state)
{
    (void)state;
    pid_t demo = start_demo(NULL, NULL);
    assert_true(e2e_wait_text(output, TITLE, DEMO_MS));
    assert_int_not_equal(e2e_stop(demo, SIGINT, STOP_MS), 124);
    check_nothing_left();
}

/* By the signal of a service manager, while it is still building its network or starting its programs. */
static void test_demo__ended_while_it_starts(void **state)
{
    static const char *const moments[] = {"Vedette demo", "hub ", "intel ", "device "};
    (void)state;
    for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
        pid_t demo = start_demo(NULL, NULL);
        assert_true(e2e_wait_text(output, moments[i], STOP_MS));
        assert_int_not_equal(e2e_stop(demo, SIGTERM, STOP_MS), 124);
        check_nothing_left();
    }
}

static int make_scene(void **state)
{
    (void)state;
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    snprintf(temporary, sizeof(temporary), "%s/tmp", e2e_folder());
    snprintf(output, sizeof(output), "%s/demo.out", e2e_folder());
    assert_int_equal(mkdir(temporary, 0700), 0);
    struct e2e_result links = list_links();
    links_before = links.out;
    free(links.err);
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    free(links_before);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"ip", "busybox", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_demo__once_shows_the_alert_and_ends),
        cmocka_unit_test(test_demo__on_the_loopback_interface),
        cmocka_unit_test(test_demo__ctrl_c_while_it_shows_alerts),
        cmocka_unit_test(test_demo__ended_while_it_starts),
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("demo", tests, make_scene, end_scene));
}
