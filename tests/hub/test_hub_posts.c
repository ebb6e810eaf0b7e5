/* SPDX-License-Identifier: MIT */
/* Messages that come to a live hub otherwise than over MQTT: told when durable, in order, within rates, and at the end. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "tests/hub/live_hub.h"

struct outcome {
    _Atomic int ended; /* how often */
    int error;
};

static void note(void *context, int error)
{
    struct outcome *outcome = context;

    outcome->error = error;
    outcome->ended++;
}

static int post(struct live_hub *f, const char *device, const char *body, struct outcome *outcome)
{
    const struct vd_event event = {
        .kind = VD_EVENT_TELEMETRY,
        .enqueued_ms = 1,
        .device_id = vd_str_from(device),
        .address = VD_STR_LITERAL("192.0.2.1"),
        .properties = VD_STR_LITERAL("a=b"),
        .body = vd_str_from(body),
    };

    return vd_hub_post(f->hub, &event, note, outcome);
}

static void test_posts__durable(void **state)
{
    struct live_hub *f = *state;
    struct outcome outcomes[3] = {{0}};
    struct tls_client client;
    struct vd_event event;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    fault_log_hold(&f->log, true);
    assert_int_equal(post(f, "dev1", "one", &outcomes[0]), VD_OK);
    assert_true(fault_log_await_waiting(&f->log));
    live_publish(&client, LIVE_TOPIC, 1);
    live_ping(&client);
    assert_int_equal(post(f, "dev2", "two", &outcomes[1]), VD_OK);
    live_ping(&client);
    assert_int_equal(outcomes[0].ended + outcomes[1].ended, 0);
    fault_log_hold(&f->log, false);
    live_expect_puback(&client, 1);
    LIVE_AWAIT(outcomes[1].ended == 1);
    assert_int_equal(outcomes[0].ended, 1);
    assert_int_equal(outcomes[0].error, VD_OK);
    assert_int_equal(outcomes[1].error, VD_OK);
    assert_true(fault_log_get(&f->log, 0, &event));
    assert_true(vd_str_equal_text(event.body, "one"));
    assert_true(vd_str_equal_text(event.properties, "a=b"));
    assert_true(fault_log_get(&f->log, 2, &event));
    assert_true(vd_str_equal_text(event.device_id, "dev2"));
    assert_int_equal(live_stats(f).messages_telemetry, 3);
    tls_client_close(&client);
}

static void test_posts__rate(void **state)
{
    struct live_hub *f = *state;
    struct outcome outcome = {0};
    int error = VD_OK;
    int taken = 0;

    f->rates.identity_messages_per_s = 1;
    live_start(f, &live_patient, 0);
    while (taken < 1000 && (error = post(f, "dev1", "x", &outcome)) == VD_OK) {
        taken++;
    }
    assert_int_equal(error, VD_E_LIMIT);
    assert_in_range(taken, VD_HUB_BURST_S, VD_HUB_BURST_S + 5);
    assert_int_equal(post(f, "dev2", "x", &outcome), VD_OK); /* nobody else starves */
    LIVE_AWAIT(outcome.ended == taken + 1);
}

static void test_posts__rate_of_bytes(void **state)
{
    static char body[100 * 1024 + 1];
    struct live_hub *f = *state;
    struct outcome outcome = {0};
    int error = VD_OK;
    int taken = 0;

    memset(body, 'x', sizeof body - 1);
    f->rates.identity_kib_per_s = 100;
    live_start(f, &live_patient, 0);
    while (taken < 1000 && (error = post(f, "dev1", body, &outcome)) == VD_OK) {
        taken++;
    }
    assert_int_equal(error, VD_E_LIMIT);
    assert_in_range(taken, VD_HUB_BURST_S, VD_HUB_BURST_S + 5);
    assert_int_equal(post(f, "dev1", "x", &outcome), VD_E_LIMIT);
    assert_int_equal(post(f, "dev2", "x", &outcome), VD_OK);
    LIVE_AWAIT(outcome.ended == taken + 1);
}

/* Far more than fit: what is taken ends, each once. */
static void test_posts__bounded(void **state)
{
    static char body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    struct live_hub *f = *state;
    struct outcome outcome = {0};
    int error = VD_OK;
    int taken = 0;

    memset(body, 'x', sizeof body - 1);
    live_start(f, &live_patient, 0);
    fault_log_hold(&f->log, true);
    while (taken < 1000 && (error = post(f, "dev1", body, &outcome)) == VD_OK) {
        taken++;
    }
    assert_int_equal(error, VD_E_LIMIT);
    assert_in_range(taken, 32, 64);
    fault_log_hold(&f->log, false);
    LIVE_AWAIT(outcome.ended == taken);
    assert_int_equal(fault_log_count(&f->log), taken);
    assert_int_equal(post(f, "dev1", "x", &outcome), VD_OK);
    LIVE_AWAIT(outcome.ended == taken + 1);
}

/* However many wait, a message over MQTT does not wait for all of them. */
static void test_posts__take_turns_with_connections(void **state)
{
    static char body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    struct live_hub *f = *state;
    struct outcome outcome = {0};
    struct tls_client client;
    struct tls_client witness;
    struct vd_event event = {0};
    uint32_t at = 0;
    int taken = 0;

    memset(body, 'x', sizeof body - 1);
    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    live_log_in(f, &witness, "dev2");
    fault_log_hold(&f->log, true);
    while (taken < 1000 && post(f, "dev2", body, &outcome) == VD_OK) {
        taken++;
    }
    assert_true(taken >= 40);
    live_ping(&witness);
    live_publish(&client, LIVE_TOPIC, 1);
    live_ping(&witness);
    live_ping(&witness);
    fault_log_hold(&f->log, false);
    live_expect_puback(&client, 1);
    LIVE_AWAIT(outcome.ended == taken);
    while (fault_log_get(&f->log, at, &event) && !vd_str_equal_text(event.body, "body")) {
        at++;
    }
    assert_true(at < (uint32_t)taken - 10);
    tls_client_close(&client);
    tls_client_close(&witness);
}

/* A hub that is stopped tells all: what is durable, and of the rest that it may not be. */
static void test_posts__stop(void **state)
{
    struct live_hub *f = *state;
    struct outcome durable = {0};
    struct outcome lost = {0};

    live_start(f, &live_patient, 0);
    assert_int_equal(post(f, "dev1", "x", &durable), VD_OK);
    LIVE_AWAIT(durable.ended == 1);
    fault_log_fail(&f->log, VD_E_FULL);
    assert_int_equal(post(f, "dev1", "y", &lost), VD_OK);
    assert_true(fault_log_await_failed(&f->log, 1));
    live_stop(f);
    assert_int_equal(lost.ended, 1);
    assert_int_equal(lost.error, VD_E_CLOSED);
    assert_int_equal(fault_log_count(&f->log), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_posts__durable),
        LIVE_TEST(test_posts__rate),
        LIVE_TEST(test_posts__rate_of_bytes),
        LIVE_TEST(test_posts__bounded),
        LIVE_TEST(test_posts__take_turns_with_connections),
        LIVE_TEST(test_posts__stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
