/* SPDX-License-Identifier: MIT */
/* The sink that is syslog, against a receiver that reads strictly: order, breaks, the outbox. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <time.h>
#include <unistd.h>

#include "center/notify/notifier.h"
#include "center/store/alert_store.h"
#include "center/store/sinks.h"
#include "lib/clock.h"
#include "tests/center/alerts.h"
#include "tests/center/message.h"
#include "tests/center/syslog_fixture.h"

/* ---- What is sent ---- */

static void test_syslog__messages(void **state)
{
    const struct syslog_fixture *f = *state;
    const struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver = receiver_start(&plan, 0);
    struct vd_notify_sink *sink = syslog_sink_of(syslog_tls_settings(f, receiver_port(receiver)));
    char process[24];
    enum {
        COUNT = 40
    };

    snprintf(process, sizeof process, "%ld", (long)getpid());
    for (int i = 0; i < COUNT; i++) {
        syslog_expect_delivered(sink, i);
    }
    receiver_await_messages(receiver, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const struct syslog_message *message = receiver_message(receiver, (size_t)i);

        assert_int_equal(message->facility, 10);
        assert_int_equal(message->severity, 2);
        assert_string_equal(message->time, "2023-11-14T22:13:20.123Z");
        assert_string_equal(message->app, "vedette");
        assert_string_equal(message->process, process);
        assert_string_equal(message->id, "stateChanged");
        assert_int_equal(message->sequence, i + 1);
        syslog_expect_message(receiver, (size_t)i, i);
    }
    assert_int_equal(receiver_connection_count(receiver), 1);
    sink->ops->free(sink);
    receiver_free(receiver);
}

/* JSON over plain TCP on loopback; texts that look like the end of a frame. */
static void test_syslog__json(void **state)
{
    static const char hostile[] = "a\n12 <34>1 - - - - - -\r\n\"\\|=\xc3\xa4";
    static const char *const formats[] = {"vedette", "ocsf"};
    static const char *const members[] = {"id", "class_name"};
    static const char *const values[] = {"0badcafe-5.1", "Detection Finding"};
    const struct receiver_plan plan = {0};
    struct receiver *receiver = receiver_start(&plan, 0);

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *settings = syslog_tcp_settings(receiver_port(receiver));
        struct vd_notify_sink *sink;
        json_t *json;

        json_object_set_new(settings, "format", json_string(formats[i]));
        sink = syslog_sink_of(settings);
        assert_int_equal(syslog_deliver(sink, 5, hostile, NULL), VD_OK);
        receiver_await_messages(receiver, i + 1);
        json = json_loads(receiver_message(receiver, i)->text, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(json, members[i])), values[i]);
        assert_string_equal(json_string_value(i == 0
                                    ? json_object_get(json_object_get(json, "alert"), "description")
                                    : json_object_get(json, "message")),
            hostile);
        json_decref(json);
        sink->ops->free(sink);
    }
    receiver_free(receiver);
}

/* ---- Breaks ---- */

static void test_syslog__down_and_up(void **state)
{
    const struct syslog_fixture *f = *state;
    const struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver = receiver_start(&plan, 0);
    const uint16_t port = receiver_port(receiver);
    struct vd_notify_sink *sink = syslog_sink_of(syslog_tls_settings(f, port));
    char reason[VD_HTTP_POST_REASON_SIZE];

    syslog_expect_delivered(sink, 1);
    receiver_await_messages(receiver, 1);
    receiver_stop(receiver);
    assert_int_equal(syslog_deliver(sink, 2, "", reason), VD_E_IO);
    assert_non_null(strstr(reason, "connect"));
    receiver_free(receiver);
    receiver = receiver_start(&plan, port);
    syslog_expect_delivered(sink, 2);
    syslog_expect_delivered(sink, 3);
    receiver_await_messages(receiver, 2);
    syslog_expect_message(receiver, 0, 2);
    syslog_expect_message(receiver, 1, 3);
    sink->ops->free(sink);
    receiver_free(receiver);
}

/* The end comes with the message: it counts as not delivered, and goes again when the receiver stays. */
static void test_syslog__closes_at_once(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    struct receiver *next;
    struct vd_notify_sink *sink;

    plan.end = RECEIVER_CLOSES;
    plan.after = 1;
    receiver = receiver_start(&plan, 0);
    sink = syslog_sink_of(syslog_tls_settings(f, receiver_port(receiver)));
    syslog_expect_failure(sink, 1, NULL);
    receiver_stop(receiver);
    plan.end = RECEIVER_GOES_ON;
    next = receiver_start(&plan, receiver_port(receiver));
    syslog_expect_delivered(sink, 1);
    syslog_expect_delivered(sink, 2);
    receiver_await_messages(next, 2);
    syslog_expect_message(next, 0, 1);
    syslog_expect_message(next, 1, 2);
    sink->ops->free(sink);
    receiver_free(receiver);
    receiver_free(next);
}

/* The kernel acknowledged what nobody read: it comes again, in order, with its id. */
static void test_syslog__reset_before_read(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    struct receiver *next;
    struct vd_notify_sink *sink;
    uint16_t port;

    plan.end = RECEIVER_IS_STUCK;
    plan.after = 2;
    receiver = receiver_start(&plan, 0);
    port = receiver_port(receiver);
    sink = syslog_sink_of(syslog_tls_settings(f, port));
    for (int i = 1; i <= 5; i++) {
        syslog_expect_delivered(sink, i);
    }
    receiver_await_messages(receiver, 2);
    receiver_stop(receiver);
    plan.end = RECEIVER_GOES_ON;
    next = receiver_start(&plan, port);
    syslog_expect_delivered(sink, 6);
    receiver_await_messages(next, 6);
    for (int i = 1; i <= 6; i++) {
        syslog_expect_message(next, (size_t)i - 1, i);
        assert_int_equal(receiver_message(next, (size_t)i - 1)->sequence, i);
    }
    assert_int_equal(receiver_message_count(receiver), 2);
    sink->ops->free(sink);
    receiver_free(receiver);
    receiver_free(next);
}

/* What it had read may have died with it. */
static void test_syslog__dies(void **state)
{
    const struct syslog_fixture *f = *state;
    struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver;
    struct receiver *next;
    struct vd_notify_sink *sink;

    plan.end = RECEIVER_DIES;
    receiver = receiver_start(&plan, 0);
    sink = syslog_sink_of(syslog_tls_settings(f, receiver_port(receiver)));
    for (int i = 1; i <= 3; i++) {
        syslog_expect_delivered(sink, i);
    }
    receiver_await_messages(receiver, 3);
    receiver_stop(receiver);
    assert_int_equal(syslog_deliver(sink, 4, "", NULL), VD_E_IO);
    next = receiver_start(&plan, receiver_port(receiver));
    syslog_expect_delivered(sink, 4);
    receiver_await_messages(next, 4);
    for (int i = 1; i <= 4; i++) {
        syslog_expect_message(next, (size_t)i - 1, i);
        assert_int_equal(receiver_message(next, (size_t)i - 1)->sequence, i);
    }
    sink->ops->free(sink);
    receiver_free(receiver);
    receiver_free(next);
}

/* After an end in order, and where nothing was in doubt, nothing comes again. */
static void test_syslog__no_repeats(void **state)
{
    const struct syslog_fixture *f = *state;
    const struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver = receiver_start(&plan, 0);
    struct receiver *next;
    struct vd_notify_sink *sink = syslog_sink_of(syslog_tls_settings(f, receiver_port(receiver)));

    for (int i = 1; i <= 3; i++) {
        syslog_expect_delivered(sink, i);
    }
    receiver_await_messages(receiver, 3);
    receiver_stop(receiver);
    next = receiver_start(&plan, receiver_port(receiver));
    syslog_expect_delivered(sink, 4);
    receiver_await_messages(next, 1);
    syslog_expect_message(next, 0, 4);
    assert_int_equal(receiver_message_count(next), 1);
    sink->ops->free(sink);
    receiver_free(receiver);
    receiver_free(next);
}

/* It resets each connection when it has read one message: that attempt is a failure. */
static void test_syslog__resets(void **state)
{
    struct receiver_plan plan = {.end = RECEIVER_RESETS, .after = 1};
    struct receiver *receiver = receiver_start(&plan, 0);
    struct vd_notify_sink *sink = syslog_sink_of(syslog_tcp_settings(receiver_port(receiver)));

    (void)state;
    syslog_expect_failure(sink, 1, NULL);
    syslog_expect_failure(sink, 1, NULL);
    receiver_await_connections(receiver, 2);
    sink->ops->free(sink);
    receiver_free(receiver);
}

/* ---- With the outbox ---- */

static bool is_failing(struct vd_notifier *notifier)
{
    json_t *states = vd_notifier_json(notifier);
    const char *text = json_string_value(json_object_get(json_array_get(states, 0), "state"));
    const bool failing = text != NULL && strcmp(text, "failing") == 0;

    json_decref(states);
    return failing;
}

static bool has_delivered(struct vd_alert_store *store)
{
    json_t *sinks = NULL;
    bool has;

    assert_int_equal(vd_sinks_list(store, &sinks), VD_OK);
    has = json_integer_value(json_object_get(json_array_get(sinks, 0), "delivered")) > 0;
    json_decref(sinks);
    return has;
}

static void nap_until(int64_t until_ms)
{
    assert_true(vd_clock_monotonic_ms() < until_ms);
    nanosleep(&(struct timespec){0, 2 * 1000000L}, NULL);
}

/* The receiver is not there when alerts are raised, and goes away between others. */
static void test_syslog__nothing_is_lost(void **state)
{
    static const uint8_t key[VD_MASTER_KEY_BYTES] = {7, 1, 9};
    static const struct vd_notify_rhythm fast = {
        .pause_min_ms = 5, .pause_max_ms = 20, .refusals_max = 3, .age_max_ms = 3600000};
    const struct syslog_fixture *f = *state;
    const struct receiver_plan plan = syslog_tls_plan(f);
    struct receiver *receiver = receiver_start(&plan, 0);
    const uint16_t port = receiver_port(receiver);
    json_t *settings = syslog_tls_settings(f, port);
    const struct vd_sink_row row = {"siem", "syslog", settings, VD_STR_LITERAL(""), "Low"};
    const int64_t until_ms = vd_clock_monotonic_ms() + 20000;
    struct vd_alert_store *store = NULL;
    struct vd_notifier *notifier = NULL;
    char path[SYSLOG_FILE_SIZE];

    snprintf(path, sizeof path, "%s/center.db", f->folder);
    assert_int_equal(vd_alert_store_open(path, &store), VD_OK);
    vd_sinks_set_key(store, key);
    assert_int_equal(vd_sinks_add(store, &row), VD_OK);
    assert_int_equal(vd_notifier_start(store, &fast, &notifier), VD_OK);
    test_alert_happen(store, 1, "High");
    while (!has_delivered(store)) {
        nap_until(until_ms);
    }
    receiver_stop(receiver);
    for (uint64_t id = 2; id <= 10; id++) {
        test_alert_happen(store, id, "High");
    }
    while (!is_failing(notifier)) {
        nap_until(until_ms);
    }
    receiver_free(receiver);
    receiver = receiver_start(&plan, port);
    receiver_await_messages(receiver, 9);
    for (uint64_t id = 2; id <= 10; id++) {
        const struct vd_uuid uuid = test_uuid(id);
        const struct syslog_message *message = receiver_message(receiver, (size_t)id - 2);
        json_t *cef = cef_read(message->text);
        char expected[VD_UUID_TEXT_SIZE];

        vd_uuid_format(&uuid, expected);
        assert_string_equal(message->id, "raised");
        assert_string_equal(
            json_string_value(json_object_get(json_object_get(cef, "extension"), "externalId")),
            expected);
        json_decref(cef);
    }
    vd_notifier_stop(notifier);
    vd_alert_store_close(store);
    json_decref(settings);
    receiver_free(receiver);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_syslog__messages),
        cmocka_unit_test(test_syslog__json),
        cmocka_unit_test(test_syslog__down_and_up),
        cmocka_unit_test(test_syslog__closes_at_once),
        cmocka_unit_test(test_syslog__reset_before_read),
        cmocka_unit_test(test_syslog__dies),
        cmocka_unit_test(test_syslog__no_repeats),
        cmocka_unit_test(test_syslog__resets),
        cmocka_unit_test(test_syslog__nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, syslog_setup, syslog_teardown);
}
