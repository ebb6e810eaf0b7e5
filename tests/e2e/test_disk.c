/* SPDX-License-Identifier: MIT */
/* A full disk: the hub stops acknowledging and says so, resumes when there is room, and nothing is lost or doubled. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"

#define DISK_OPTIONS "size=96m,mode=700"
#define WAIT_MS      30000
#define LISTED       "203.0.113.66"

static struct e2e_hub hub;
static struct e2e_sender *sender;
static char ballast[160];

/* Takes all the room that is left. */
static void fill_disk(void)
{
    static char block[65536];
    int fd = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    memset(block, 'b', sizeof(block));
    for (size_t size = sizeof(block); size >= 1; size /= 2) {
        while (write(fd, block, size) == (ssize_t)size) {
        }
    }
    close(fd);
}

static bool log_unwritable(void *context)
{
    json_t *status = e2e_status(&hub);
    json_t *flag = json_object_get(json_object_get(status, "hub"), "logUnwritable");
    bool wanted = *(bool *)context;
    assert_true(json_is_boolean(flag));
    bool agrees = json_is_true(flag) == wanted;
    json_decref(status);
    return agrees;
}

/* A store may still give room back: that is taken as well. */
static bool log_unwritable_on_full_disk(void *context)
{
    fill_disk();
    return log_unwritable(context);
}

/* Room that the log's file still has inside is used up first: until then acknowledging is right. */
static void await_unwritable(void)
{
    bool unwritable = true;
    if (!e2e_wait(WAIT_MS, log_unwritable_on_full_disk, &unwritable)) {
        fail_msg("the disk is full and the hub acknowledges on: %u of %u",
            atomic_load(&sender->acknowledged), atomic_load(&sender->sent));
    }
}

struct stillness {
    unsigned acknowledged;
    int64_t since_ms;
};

/* No acknowledgement for a second, though messages are waiting for one. */
static bool is_still(void *context)
{
    struct stillness *still = context;
    unsigned acknowledged = atomic_load(&sender->acknowledged);
    if (acknowledged != still->acknowledged) {
        *still = (struct stillness){acknowledged, e2e_now_ms()};
    }
    return e2e_now_ms() - still->since_ms >= 1000 && atomic_load(&sender->sent) > acknowledged;
}

struct stored {
    int64_t rows;
    int64_t ids;
    unsigned sent;
};

static bool all_stored(void *context)
{
    struct stored *stored = context;
    json_t *rows =
        e2e_query(&hub, "SELECT count(*), count(DISTINCT IoTRawEventId) FROM SecurityIoTRawEvent");
    json_t *row = json_array_get(rows, 0);
    stored->rows = (int64_t)json_number_value(json_array_get(row, 0));
    stored->ids = (int64_t)json_number_value(json_array_get(row, 1));
    json_decref(rows);
    return stored->rows >= stored->sent;
}

static json_int_t alert_count(void)
{
    json_t *alerts = e2e_alerts(&hub);
    json_int_t count = 0;
    size_t i;
    json_t *alert;
    json_array_foreach(alerts, i, alert)
    {
        count += json_integer_value(json_object_get(alert, "count"));
    }
    json_decref(alerts);
    return count;
}

static bool alerts_counted(void *context)
{
    return alert_count() >= (json_int_t) * (unsigned *)context;
}

static void check_tables(void)
{
    struct stored stored = {.sent = atomic_load(&sender->sent)};
    e2e_wait(WAIT_MS, all_stored, &stored);
    assert_int_equal(stored.rows, stored.sent);
    assert_int_equal(stored.ids, stored.sent);
    e2e_wait(WAIT_MS, alerts_counted, &stored.sent);
    assert_int_equal(alert_count(), stored.sent);
}

static void test_disk__full_and_room_again(void **state)
{
    bool writable = false;
    (void)state;
    assert_true(e2e_sender_progress(sender, 50, WAIT_MS));
    for (int round = 0; round < 2; round++) {
        await_unwritable();
        struct stillness still = {.since_ms = e2e_now_ms()};
        assert_true(e2e_wait(WAIT_MS, is_still, &still));

        assert_int_equal(unlink(ballast), 0);
        assert_true(e2e_wait(WAIT_MS, log_unwritable, &writable));
        assert_true(e2e_sender_progress(sender, 50, WAIT_MS));
    }
    assert_true(e2e_sender_drain(sender, WAIT_MS));
    assert_int_equal(atomic_load(&sender->faults), 0);
    check_tables();
    print_message("%u messages\n", atomic_load(&sender->sent));
}

static void test_disk__the_log_says_so(void **state)
{
    (void)state;
    char *log = e2e_read_file(hub.log, NULL);
    assert_non_null(log);
    assert_non_null(strstr(log, "hub.log_unwritable"));
    assert_non_null(strstr(log, "hub.log_writable"));
    free(log);
}

static void test_disk__killed_while_full(void **state)
{
    bool writable = false;
    (void)state;
    e2e_sender_free(sender);
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.3", LISTED, 1, 2, 3, 4, "UDP"};
    e2e_message_build(&message, &flow, 1);
    int64_t before = e2e_query_number(&hub, "SELECT count(*) FROM SecurityIoTRawEvent");
    sender = e2e_sender_start(&hub, "device-1", 2, 32, 0, &message);
    assert_true(e2e_sender_progress(sender, 50, WAIT_MS));
    await_unwritable();
    e2e_hub_kill(&hub);
    assert_int_equal(unlink(ballast), 0);
    e2e_hub_start(&hub);
    e2e_sender_port(sender, hub.port);
    assert_true(e2e_wait(WAIT_MS, log_unwritable, &writable));
    assert_true(e2e_sender_progress(sender, 50, WAIT_MS));
    assert_true(e2e_sender_drain(sender, WAIT_MS));
    struct stored stored = {.sent = (unsigned)before + atomic_load(&sender->sent)};
    e2e_wait(WAIT_MS, all_stored, &stored);
    assert_int_equal(stored.rows, stored.sent);
    assert_int_equal(stored.ids, stored.sent);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.3", LISTED, 1, 2, 3, 4, "UDP"};
    char disk[96];
    (void)state;
    snprintf(disk, sizeof(disk), "%s/disk", e2e_folder());
    snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
    assert_int_equal(mkdir(disk, 0700), 0);
    assert_int_equal(mount("e2e", disk, "tmpfs", 0, DISK_OPTIONS), 0);
    e2e_hub_init(&hub, "disk/hub", NULL, "127.0.0.1", 0);
    snprintf(hub.log, sizeof(hub.log), "%s/hub.log", e2e_folder()); /* not on the full disk */
    snprintf(hub.ready, sizeof(hub.ready), "%s/hub.ready", e2e_folder());
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    e2e_intel_import(&hub, LISTED "\n");
    e2e_message_build(&message, &flow, 1);
    sender = e2e_sender_start(&hub, "device-1", 1, 32, 0, &message);
    return 0;
}

static int end_scene(void **state)
{
    char disk[96];
    (void)state;
    e2e_sender_free(sender);
    if (hub.pid != 0) {
        e2e_hub_kill(&hub);
    }
    snprintf(disk, sizeof(disk), "%s/disk", e2e_folder());
    umount2(disk, MNT_DETACH);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"flatc", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk__full_and_room_again),
        cmocka_unit_test(test_disk__the_log_says_so),
        cmocka_unit_test(test_disk__killed_while_full),
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("disk", tests, make_scene, end_scene));
}
