/* SPDX-License-Identifier: MIT */
/* kill -9 under load, again and again: every acknowledged message is in the tables exactly once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/sender.h"

#define DEVICES 6
#define WINDOW  16
#define KILLS   10
/* Of all devices together, between two kills. */
#define MESSAGES_A_ROUND 400
#define ROUND_MS         30000
#define SETTLE_MS        60000
#define LISTED           "203.0.113.66"
#define ROWS_A_PAGE      5000

static struct e2e_hub hub;
static struct e2e_sender *senders[DEVICES];
static char names[DEVICES][16];

static unsigned total(bool acknowledged)
{
    unsigned sum = 0;
    for (size_t i = 0; i < DEVICES; i++) {
        sum += atomic_load(acknowledged ? &senders[i]->acknowledged : &senders[i]->sent);
    }
    return sum;
}

static bool acknowledged_reached(void *context)
{
    return total(true) >= *(unsigned *)context;
}

static void await_messages(unsigned more)
{
    unsigned goal = total(true) + more;
    if (!e2e_wait(ROUND_MS, acknowledged_reached, &goal)) {
        fail_msg("%u of %u messages acknowledged", total(true), goal);
    }
}

static void start_senders(void)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.10", LISTED, 40000, 443, 10, 20, "TCP"};
    e2e_message_build(&message, &flow, 1);
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(names[i], sizeof(names[i]), "device-%u", i);
        e2e_device_create(&hub, names[i]);
        senders[i] = e2e_sender_start(&hub, names[i], 100 + i, WINDOW, 0, &message);
    }
}

static bool tables_settled(void *context)
{
    json_t *status = e2e_status(&hub);
    json_t *center = json_object_get(status, "center");
    json_int_t end = json_integer_value(json_object_get(status, "logEnd"));
    json_int_t next = json_integer_value(json_object_get(center, "nextOffset"));
    (void)context;
    json_decref(status);
    return end > 0 && next == end;
}

/* Ticks off each id of a device among `seen`; fails on one that is twice there or was never sent. */
static void read_ids(unsigned device, bool *seen, unsigned sent)
{
    for (unsigned page = 0;; page++) {
        json_t *rows = e2e_query(&hub,
            "SELECT CAST(IoTRawEventId AS VARCHAR) FROM SecurityIoTRawEvent WHERE DeviceId = '%s'"
            " ORDER BY 1 LIMIT %d OFFSET %u",
            names[device], ROWS_A_PAGE, page * ROWS_A_PAGE);
        size_t i;
        json_t *row;
        json_array_foreach(rows, i, row)
        {
            const char *id = json_string_value(json_array_get(row, 0));
            unsigned series = 0;
            unsigned number = 0;
            /* NOLINTNEXTLINE(cert-err34-c): eight digits at most, and their number is checked */
            assert_int_equal(sscanf(id, "%8x-0000-4000-8000-0000%8x", &series, &number), 2);
            assert_int_equal(series, 100 + device);
            assert_in_range(number, 0, sent - 1);
            if (seen[number]) {
                fail_msg("%s is there twice", id);
            }
            seen[number] = true;
        }
        size_t count = json_array_size(rows);
        json_decref(rows);
        if (count < ROWS_A_PAGE) {
            return;
        }
    }
}

static void check_device(unsigned device)
{
    static bool seen[E2E_SENDER_MAX];
    struct e2e_sender *sender = senders[device];
    unsigned sent = atomic_load(&sender->sent);
    unsigned missing = 0;
    memset(seen, 0, sizeof(seen));
    read_ids(device, seen, sent);
    for (unsigned i = 0; i < sent; i++) {
        missing += sender->is_acknowledged[i] && !seen[i];
    }
    if (missing > 0) {
        fail_msg("%u acknowledged messages of %s are not in the table", missing, names[device]);
    }
    assert_int_equal(atomic_load(&sender->faults), 0);
    assert_true(atomic_load(&sender->connections) >= 2);
}

/* The alerts, written in another store than the raw events, counted each message once as well. */
static void check_alerts(void)
{
    json_t *alerts = e2e_alerts(&hub);
    json_int_t counted = 0;
    size_t i;
    json_t *alert;
    json_array_foreach(alerts, i, alert)
    {
        assert_string_equal(json_string_value(json_object_get(alert, "subject")), LISTED);
        counted += json_integer_value(json_object_get(alert, "count"));
    }
    assert_in_range(json_array_size(alerts), DEVICES, 2 * DEVICES); /* or over midnight */
    assert_int_equal(counted, total(false));
    json_decref(alerts);
}

static void test_crash__acknowledged_messages_are_there_exactly_once(void **state)
{
    (void)state;
    e2e_intel_import(&hub, LISTED "\n");
    start_senders();
    for (int round = 0; round < KILLS; round++) {
        await_messages(MESSAGES_A_ROUND);
        e2e_hub_kill(&hub);
        e2e_hub_start(&hub);
        for (size_t i = 0; i < DEVICES; i++) {
            e2e_sender_port(senders[i], hub.port);
        }
    }
    await_messages(MESSAGES_A_ROUND);
    for (size_t i = 0; i < DEVICES; i++) {
        if (!e2e_sender_drain(senders[i], ROUND_MS)) {
            fail_msg("%s: messages stay unacknowledged", names[i]);
        }
    }
    assert_true(e2e_wait(SETTLE_MS, tables_settled, NULL));
    print_message("%u messages over %d kills\n", total(false), KILLS);
    assert_int_equal(
        e2e_query_number(&hub, "SELECT count(*) FROM SecurityIoTRawEvent"), total(false));
    for (unsigned i = 0; i < DEVICES; i++) {
        check_device(i);
    }
    check_alerts();
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    for (size_t i = 0; i < DEVICES; i++) {
        e2e_sender_free(senders[i]);
    }
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"flatc", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crash__acknowledged_messages_are_there_exactly_once),
    };
    int result = e2e_begin(0, programs);
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("crash", tests, make_scene, end_scene));
}
