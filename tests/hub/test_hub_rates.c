/* SPDX-License-Identifier: MIT */
/* The rates of a hub: who is over one is turned away, refused or made to wait, and nobody else is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/hub/live_hub.h"

#define TOPIC1 "devices/dev1/messages/events/"
#define TOPIC2 "devices/dev2/messages/events/"

/* Sends a CONNECT with the key that the letter makes, and returns the answer's code; the client stays open. */
static uint8_t connect_with(
    struct live_hub *f, struct tls_client *client, const char *device, char letter)
{
    const struct vd_key key = memory_key(letter);
    struct vd_buf packet = {0};
    uint8_t answer[4];

    live_open(f, client);
    packet_connect_device(&packet, device, NULL, &key, live_in_s(3600), 60);
    live_send(client, &packet);
    assert_true(tls_client_read(client, answer, sizeof answer));
    assert_int_equal(answer[0], 0x20);
    return answer[3];
}

/* As connect_with; a client that was refused sees the end, one that was let in leaves. */
static uint8_t try_login(struct live_hub *f, const char *device, char letter)
{
    struct tls_client client;
    const uint8_t code = connect_with(f, &client, device, letter);

    if (code != 0) {
        live_expect_end(&client);
    } else {
        tls_client_close(&client);
    }
    return code;
}

static void test_rates__an_address_that_connects_too_often_is_turned_away(void **state)
{
    struct live_hub *f = *state;
    int sockets[2 * VD_HUB_BURST_S];
    struct tls_client client;
    bool is_in = false;

    f->rates.address_connects_per_s = 1;
    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < 2 * VD_HUB_BURST_S; i++) {
        sockets[i] = tls_client_tcp(vd_hub_port(f->hub));
        assert_true(sockets[i] >= 0);
    }
    LIVE_AWAIT(live_stats(f).connections + live_stats(f).connects_limited == 2 * VD_HUB_BURST_S);
    /* A slow machine may have taken some seconds over it. */
    assert_in_range(live_stats(f).connections, VD_HUB_BURST_S, 2 * VD_HUB_BURST_S - 1);
    LIVE_AWAIT(live_stats(f).connects_limited == live_stats(f).connects_refused);
    for (size_t i = 0; i < 2 * VD_HUB_BURST_S; i++) {
        close(sockets[i]);
    }
    /* It may again at its rate. */
    LIVE_AWAIT((is_in = is_in || tls_client_open(&client, vd_hub_port(f->hub), f->certificate, 0)));
    tls_client_close(&client);
}

static void test_rates__failed_logins_are_refused_unjudged(void **state)
{
    struct live_hub *f = *state;

    f->rates.failed_logins_per_min = 3;
    live_start(f, &live_patient, 0);
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_ACCEPTED);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(try_login(f, "dev1", 'x'), VD_CONNACK_NOT_AUTHORISED);
    }
    /* Now not even the right key is looked at. */
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_UNAVAILABLE);
    assert_int_equal(try_login(f, "dev1", 'x'), VD_CONNACK_UNAVAILABLE);
    assert_int_equal(try_login(f, "dev2", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(live_stats(f).connects_limited, 2);
    assert_int_equal(live_stats(f).connects_refused, 5);
}

static void test_rates__logins_of_an_identity_are_counted_where_they_succeed(void **state)
{
    struct live_hub *f = *state;

    f->rates.identity_logins_per_min = 2;
    live_start(f, &live_patient, 0);
    for (unsigned i = 0; i < 5; i++) {
        /* Somebody who has no key uses up nothing. */
        assert_int_equal(try_login(f, "dev1", 'x'), VD_CONNACK_NOT_AUTHORISED);
    }
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_UNAVAILABLE);
    assert_int_equal(try_login(f, "dev2", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(live_stats(f).connects_limited, 1);
}

/* Sends `count` messages of `size` bytes at once, and reads their acknowledgements. Returns how long it took. */
static int64_t publish_many(struct tls_client *client, unsigned count, size_t size)
{
    const int64_t begin_ms = vd_clock_monotonic_ms();
    struct vd_buf packets = {0};
    uint8_t *body = calloc(1, size);

    assert_non_null(body);
    for (unsigned i = 1; i <= count; i++) {
        packet_publish(&packets, 2, TOPIC1, (uint16_t)i, body, size);
    }
    live_send(client, &packets);
    for (unsigned i = 1; i <= count; i++) {
        live_expect_puback(client, (uint16_t)i);
    }
    free(body);
    return vd_clock_monotonic_ms() - begin_ms;
}

static void test_rates__messages_wait_and_none_is_lost(void **state)
{
    struct live_hub *f = *state;
    struct tls_client noisy;
    struct tls_client quiet;
    int64_t took_ms;

    f->rates.identity_messages_per_s = 300;
    live_start(f, &live_patient, 0);
    live_log_in(f, &noisy, "dev1");
    live_log_in(f, &quiet, "dev2");
    /* The burst is ten seconds' worth; what is read at once, some 64 KiB, goes beyond it. */
    took_ms = publish_many(&noisy, 300 * VD_HUB_BURST_S + 300, 4);
    took_ms += publish_many(&noisy, 600, 4);
    assert_true(took_ms >= 900);
    assert_int_equal(fault_log_count(&f->log), 300 * VD_HUB_BURST_S + 900);
    assert_true(live_stats(f).throttled > 0);
    /* One that keeps still has its acknowledgement at once, and one that was throttled its ping. */
    live_publish(&quiet, TOPIC2, 1);
    live_expect_puback(&quiet, 1);
    live_ping(&noisy);
    tls_client_close(&noisy);
    tls_client_close(&quiet);
}

/* Nobody has his burst anew by connecting again: not for what he sends, nor for what he sends behind CONNECT. */
static void test_rates__hold_from_one_connection_to_the_next(void **state)
{
    const struct vd_key key = memory_key('a');
    struct live_hub *f = *state;
    struct tls_client noisy;
    struct vd_buf packets = {0};
    int64_t begin_ms;

    f->rates.identity_messages_per_s = 300;
    live_open_state(f);
    live_start(f, &live_patient, 0);
    live_log_in_kept(f, &noisy, "dev1", false);
    begin_ms = vd_clock_monotonic_ms();
    (void)publish_many(&noisy, 300 * VD_HUB_BURST_S + 300, 4);
    tls_client_close(&noisy);
    live_open(f, &noisy);
    packet_connect_device(&packets, "dev1", NULL, &key, live_in_s(3600), 60);
    for (unsigned i = 1; i <= 600; i++) {
        packet_publish(&packets, 2, TOPIC1, (uint16_t)i, "body", 4);
    }
    live_send(&noisy, &packets);
    live_expect(&noisy, "\x20\x02\x00\x00", 4);
    for (unsigned i = 1; i <= 600; i++) {
        live_expect_puback(&noisy, (uint16_t)i);
    }
    assert_true(vd_clock_monotonic_ms() - begin_ms >= 900);
    tls_client_close(&noisy);
}

/* Subscriptions that are kept are written, as messages are. */
static void test_rates__subscriptions_count(void **state)
{
    static const char filter[] = "$iothub/twin/res/#";
    struct live_hub *f = *state;
    struct tls_client noisy;
    struct vd_buf packets = {0};

    f->rates.identity_messages_per_s = 1;
    live_open_state(f);
    live_start(f, &live_patient, 0);
    live_log_in_kept(f, &noisy, "dev1", false);
    for (unsigned i = 0; i < 2 * VD_HUB_BURST_S; i++) {
        packet_subscribe(&packets, 7, filter, 0);
        packet_raw(&packets, 0xa2, "\x00\x06\x00\x12$iothub/twin/res/#", 4 + sizeof filter - 1);
    }
    live_send(&noisy, &packets);
    LIVE_AWAIT(live_stats(f).throttled > 0);
    tls_client_close(&noisy);
}

static void test_rates__bytes_wait_likewise(void **state)
{
    struct live_hub *f = *state;
    struct tls_client noisy;
    int64_t took_ms;

    f->rates.identity_kib_per_s = 100;
    live_start(f, &live_patient, 0);
    live_log_in(f, &noisy, "dev1");
    took_ms = publish_many(&noisy, 12, 100 * 1024);
    assert_true(took_ms >= 1000);
    assert_int_equal(fault_log_count(&f->log), 12);
    assert_true(live_stats(f).throttled > 0);
    assert_int_equal(live_stats(f).protocol_errors, 0);
    tls_client_close(&noisy);
}

/* Others while it runs: for who has used one up, and for who is connected. */
static void test_rates__change(void **state)
{
    struct live_hub *f = *state;
    struct vd_hub_rates next = {.identity_kib_per_s = 100};
    struct tls_client client;

    f->rates.identity_logins_per_min = 1;
    live_start(f, &live_patient, 0);
    assert_int_equal(connect_with(f, &client, "dev1", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(try_login(f, "dev1", 'a'), VD_CONNACK_UNAVAILABLE);
    vd_hub_set_rates(f->hub, &next);
    assert_int_equal(try_login(f, "dev2", 'a'), VD_CONNACK_ACCEPTED);
    assert_int_equal(try_login(f, "dev2", 'a'), VD_CONNACK_ACCEPTED);
    assert_true(publish_many(&client, 12, 100 * 1024) >= 1000);
    assert_true(live_stats(f).throttled > 0);
    tls_client_close(&client);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(test_rates__an_address_that_connects_too_often_is_turned_away),
        LIVE(test_rates__failed_logins_are_refused_unjudged),
        LIVE(test_rates__logins_of_an_identity_are_counted_where_they_succeed),
        LIVE(test_rates__messages_wait_and_none_is_lost),
        LIVE(test_rates__hold_from_one_connection_to_the_next),
        LIVE(test_rates__subscriptions_count),
        LIVE(test_rates__bytes_wait_likewise),
        LIVE(test_rates__change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
