/* SPDX-License-Identifier: MIT */
/* Words to the service manager, as a socket in its place hears them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/manager.h"
#include "lib/clock.h"

#define ONE(id) ((vd_health_reasons)1 << VD_HEALTH_##id)

static int manager = -1;
static char heard[1024];

static int set_up(void **state)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[64];

    (void)state;
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(name, sizeof name, "@vedette-manager-%d", (int)getpid());
    memcpy(address.sun_path, name, strlen(name));
    address.sun_path[0] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return bind(manager, (struct sockaddr *)&address,
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)));
}

static int tear_down(void **state)
{
    (void)state;
    return close(manager);
}

/* What was said and not heard yet; "": nothing. Datagrams are there when the sender has gone on. */
static const char *hear(void)
{
    const ssize_t length = recv(manager, heard, sizeof heard - 1, MSG_DONTWAIT);

    heard[length > 0 ? length : 0] = '\0';
    return heard;
}

static void test_manager__words(void **state)
{
    static const char reloading[] = "RELOADING=1\nMONOTONIC_USEC=";
    const char *said;
    long long usec;
    int64_t before_ms;

    (void)state;
    vd_manager_ready();
    assert_string_equal(hear(), "READY=1\nSTATUS=ready");
    vd_manager_stopping();
    assert_string_equal(hear(), "STOPPING=1\nSTATUS=stopping");
    before_ms = vd_clock_monotonic_ms();
    vd_manager_reloading();
    said = hear();
    assert_memory_equal(said, reloading, sizeof reloading - 1);
    usec = strtoll(said + sizeof reloading - 1, NULL, 10);
    assert_true(usec >= before_ms * 1000 && usec <= (vd_clock_monotonic_ms() + 1) * 1000);
    vd_manager_reloaded();
    assert_string_equal(hear(), "READY=1");
    unsetenv("NOTIFY_SOCKET");
    vd_manager_ready();
    assert_string_equal(hear(), "");
}

static void begin(struct vd_manager_watch *watch, const char *usec, const char *pid)
{
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid != NULL) {
        setenv("WATCHDOG_PID", pid, 1);
    }
    vd_manager_watch_begin(watch);
}

static void test_manager__watchdog_of_whom(void **state)
{
    struct vd_manager_watch watch;
    char pid[32];

    (void)state;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    begin(&watch, "3000000", NULL);
    assert_int_equal(watch.interval_ms, 3000);
    begin(&watch, "3000000", pid);
    assert_int_equal(watch.interval_ms, 3000);
    begin(&watch, "3000000", "1");
    assert_int_equal(watch.interval_ms, 0);
    begin(&watch, "3s", pid);
    assert_int_equal(watch.interval_ms, 0);
    begin(&watch, "-5", pid);
    assert_int_equal(watch.interval_ms, 0);
    unsetenv("WATCHDOG_USEC");
    vd_manager_watch_begin(&watch);
    assert_int_equal(watch.interval_ms, 0);
    vd_manager_watch_tick(&watch, 0, 1000);
    assert_string_equal(hear(), "");
}

/* Twice an interval while the service lives, ready or not. A loop whose beat grows old takes the word away until it beats again. */
static void test_manager__watchdog_word(void **state)
{
    struct vd_health_facts facts = {.taken_ms = 1000,
        .hub_ms = 1000,
        .free_bytes = UINT64_MAX,
        .free_files = UINT64_MAX,
        .audit_passes = 1};
    struct vd_manager_watch watch;

    (void)state;
    begin(&watch, "2000000", NULL);
    vd_manager_watch_tick(&watch, vd_health_judge(&facts, 1000), 1000);
    assert_string_equal(hear(), "WATCHDOG=1");
    vd_manager_watch_tick(&watch, vd_health_judge(&facts, 1999), 1999);
    assert_string_equal(hear(), "");
    vd_manager_watch_tick(&watch, vd_health_judge(&facts, 2000), 2000);
    assert_string_equal(hear(), "WATCHDOG=1");

    facts.log_is_unwritable = true;
    vd_manager_watch_tick(&watch, vd_health_judge(&facts, 3000), 3000);
    assert_string_equal(hear(), "STATUS=not ready: log-unwritable");
    assert_string_equal(hear(), "WATCHDOG=1");

    /* The hub's loop stops; what judges goes on. */
    facts.log_is_unwritable = false;
    facts.taken_ms = 1001 + VD_HEALTH_LOOP_MS;
    for (int64_t now_ms = facts.taken_ms; now_ms < facts.taken_ms + 10000; now_ms += 500) {
        vd_manager_watch_tick(&watch, vd_health_judge(&facts, now_ms), now_ms);
        assert_string_equal(hear(), now_ms == facts.taken_ms ? "STATUS=stuck: hub-stuck" : "");
    }
    facts.taken_ms += 10000;
    facts.hub_ms = facts.taken_ms;
    vd_manager_watch_tick(&watch, vd_health_judge(&facts, facts.taken_ms), facts.taken_ms);
    assert_string_equal(hear(), "STATUS=ready");
    assert_string_equal(hear(), "WATCHDOG=1");
    assert_string_equal(hear(), "");
}

/* All reasons at once fit, or are cut. */
static void test_manager__many_reasons(void **state)
{
    struct vd_manager_watch watch = {.interval_ms = 1000};

    (void)state;
    vd_manager_watch_tick(&watch, ((vd_health_reasons)1 << VD_HEALTH_REASON_COUNT) - 1, 1);
    assert_memory_equal(hear(), "STATUS=stuck: prober-stuck,hub-stuck,", 37);
    assert_string_equal(hear(), "");
    vd_manager_watch_tick(&watch, ONE(STOPPING), 2);
    assert_string_equal(hear(), "STATUS=not ready: stopping");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_manager__words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manager__watchdog_of_whom, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manager__watchdog_word, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_manager__many_reasons, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
