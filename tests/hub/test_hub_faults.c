/* SPDX-License-Identifier: MIT */
/* The hub over real TLS on loopback: durability, and what bad clients and a failing system cost. */

#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "lib/pulse.h"
#include "tests/hub/live_hub.h"

#define MANY 200

/* Clients that never finish: no handshake, half a handshake, half a CONNECT, half a PUBLISH. */
static void test_hub__never_ending(void **state)
{
    static const struct vd_hub_times hurried = {
        .connect_ms = 300, .packet_ms = 300, .write_ms = 300, .linger_ms = 300, .stop_ms = 200};
    struct live_hub *f = *state;
    struct tls_client half;
    struct tls_client part;
    char byte;
    int silent;
    int cut;

    live_start(f, &hurried, 0);
    silent = tls_client_tcp(vd_hub_port(f->hub));
    cut = tls_client_tcp(vd_hub_port(f->hub));
    assert_true(silent >= 0 && cut >= 0);
    assert_int_equal(send(cut, "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL), 6);
    assert_true(recv(silent, &byte, 1, 0) <= 0);
    assert_true(recv(cut, &byte, 1, 0) <= 0);
    close(silent);
    close(cut);
    live_open(f, &half);
    assert_true(tls_client_write(&half, "\x10\x20\x00\x04MQ", 6));
    live_expect_end(&half);
    live_log_in_until(f, &part, "dev1", live_in_s(3600), 0);
    assert_true(tls_client_write(&part, "\x32\x80\x08\x00", 4));
    live_expect_end(&part);
    LIVE_AWAIT(live_stats(f).connections == 0);
}

/* No PUBACK before the append is done; all of them once it is, in order. */
static void test_hub__durable(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct tls_client other;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    live_log_in(f, &other, "dev2");
    fault_log_hold(&f->log, true);
    live_publish(&client, LIVE_TOPIC, 1);
    assert_true(fault_log_await_waiting(&f->log));
    for (uint16_t id = 2; id <= 50; id++) {
        live_publish(&client, LIVE_TOPIC, id);
    }
    live_publish(&other, "devices/dev2/messages/events/", 9);
    /* Everything else goes on. */
    live_ping(&other);
    assert_true(tls_client_is_silent(&client, 50));
    assert_int_equal(fault_log_count(&f->log), 0);
    fault_log_hold(&f->log, false);
    for (uint16_t id = 1; id <= 50; id++) {
        live_expect_puback(&client, id);
    }
    live_expect_puback(&other, 9);
    assert_int_equal(fault_log_count(&f->log), 51);
    tls_client_close(&client);
    tls_client_close(&other);
}

/* While an append hangs the committer does not beat, and the loop goes on to. */
static void test_hub__beats(void **state)
{
    struct live_hub *f = *state;
    struct vd_hub_beats first;
    struct vd_hub_beats beats;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    vd_hub_beats_get(f->hub, &first);
    assert_true(first.loop_ms > 0 && first.committer_ms > 0);
    LIVE_AWAIT((vd_hub_beats_get(f->hub, &beats), beats.loop_ms > first.loop_ms));
    LIVE_AWAIT((vd_hub_beats_get(f->hub, &beats), beats.committer_ms > first.committer_ms));
    live_log_in(f, &client, "dev1");
    fault_log_hold(&f->log, true);
    live_publish(&client, LIVE_TOPIC, 1);
    assert_true(fault_log_await_waiting(&f->log));
    vd_hub_beats_get(f->hub, &first);
    LIVE_AWAIT((vd_hub_beats_get(f->hub, &beats), beats.loop_ms > first.loop_ms + VD_PULSE_MS));
    assert_int_equal(beats.committer_ms, first.committer_ms);
    fault_log_hold(&f->log, false);
    live_expect_puback(&client, 1);
    LIVE_AWAIT((vd_hub_beats_get(f->hub, &beats), beats.committer_ms > first.committer_ms));
    tls_client_close(&client);
}

static void test_hub__full_disk(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    fault_log_fail(&f->log, VD_E_FULL);
    live_publish(&client, LIVE_TOPIC, 1);
    assert_true(fault_log_await_failed(&f->log, 3));
    assert_int_equal(live_stats(f).log_unwritable, 1);
    assert_true(live_stats(f).append_failures >= 2);
    live_publish(&client, LIVE_TOPIC, 2);
    assert_true(tls_client_is_silent(&client, 20));
    fault_log_fail(&f->log, VD_OK);
    live_expect_puback(&client, 1);
    live_expect_puback(&client, 2);
    assert_int_equal(live_stats(f).log_unwritable, 0);
    assert_int_equal(fault_log_count(&f->log), 2);
    tls_client_close(&client);
}

/* A connection that is gone when its message becomes durable costs nobody else an acknowledgement. */
static void test_hub__gone_before_durable(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct tls_client next;

    live_start(f, &live_patient, 1);
    live_log_in(f, &client, "dev1");
    fault_log_hold(&f->log, true);
    live_publish(&client, LIVE_TOPIC, 1);
    assert_true(fault_log_await_waiting(&f->log));
    tls_client_close(&client);
    LIVE_AWAIT(live_stats(f).connections == 0);
    live_log_in(f, &next, "dev2"); /* in the same slot */
    fault_log_hold(&f->log, false);
    live_publish(&next, "devices/dev2/messages/events/", 5);
    live_expect_puback(&next, 5);
    assert_int_equal(fault_log_count(&f->log), 2);
    tls_client_close(&next);
}

struct flood {
    struct tls_client client;
    unsigned messages;
    bool failed;
};

static void *flood(void *argument)
{
    static uint8_t body[32768];
    struct flood *work = argument;
    struct vd_buf packet = {0};

    for (unsigned i = 0; i < work->messages && !work->failed; i++) {
        vd_buf_clear(&packet);
        packet_publish(&packet, 2, LIVE_TOPIC, (uint16_t)(i + 1), body, sizeof body);
        work->failed = !tls_client_write(&work->client, packet.data, packet.length);
    }
    vd_buf_release(&packet);
    return NULL;
}

/* While the log takes nothing a publisher is stopped within two batches; others are served, and all goes on after. */
static void test_hub__backpressure(void **state)
{
    struct live_hub *f = *state;
    struct flood work = {.messages = 1000};
    struct tls_client other;
    pthread_t thread;

    live_start(f, &live_patient, 0);
    live_log_in(f, &work.client, "dev1");
    live_log_in(f, &other, "dev2");
    fault_log_hold(&f->log, true);
    assert_int_equal(pthread_create(&thread, NULL, flood, &work), 0);
    /* 32 MB are more than two batches of 4 and what the sockets hold. */
    LIVE_AWAIT(live_stats(f).messages_telemetry >= VD_HUB_BATCH_MAX_BYTES / 33000);
    live_ping(&other);
    assert_true(live_stats(f).messages_telemetry * 32768 <= 2 * VD_HUB_BATCH_MAX_BYTES + 4 * 32768);
    fault_log_hold(&f->log, false);
    /* One connection, two threads: each has a direction, so the client reads only when all is written. */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(work.failed);
    for (unsigned i = 0; i < work.messages; i++) {
        live_expect_puback(&work.client, (uint16_t)(i + 1));
    }
    assert_int_equal(fault_log_count(&f->log), work.messages);
    live_ping(&work.client);
    tls_client_close(&work.client);
    tls_client_close(&other);
}

/* A client that sends and never reads is cut off when its answers fill their bound. */
static void test_hub__slow_reader(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    char pings[4096];
    int small = 4096;

    for (size_t i = 0; i < sizeof pings; i += 2) {
        pings[i] = (char)0xc0;
        pings[i + 1] = 0;
    }
    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 100000 && tls_client_write(&client, pings, sizeof pings); i++) {
    }
    LIVE_AWAIT(live_stats(f).connections == 0);
    tls_client_close(&client);
}

static void test_hub__many_connections(void **state)
{
    static struct tls_client clients[MANY];
    static char ids[MANY][16];
    struct live_hub *f = *state;

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "many%u", i);
        memory_registry_add(&f->registry, ids[i], "", 'a', 'b');
    }
    live_start(f, &live_patient, 0);
    for (unsigned i = 0; i < MANY; i++) {
        live_log_in(f, &clients[i], ids[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char topic[64];

        snprintf(topic, sizeof topic, "devices/%s/messages/events/", ids[i]);
        live_publish(&clients[i], topic, (uint16_t)(i + 1));
    }
    for (unsigned i = 0; i < MANY; i++) {
        live_expect_puback(&clients[i], (uint16_t)(i + 1));
    }
    assert_int_equal(live_stats(f).authenticated, MANY);
    assert_int_equal(fault_log_count(&f->log), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        tls_client_close(&clients[i]);
    }
    LIVE_AWAIT(live_stats(f).connections == 0);
}

static void test_hub__connection_limit(void **state)
{
    struct live_hub *f = *state;
    struct tls_client first;
    struct tls_client second;
    struct tls_client third;

    live_start(f, &live_patient, 2);
    live_log_in(f, &first, "dev1");
    live_log_in(f, &second, "dev2");
    assert_false(tls_client_open(&third, vd_hub_port(f->hub), f->certificate, 0));
    assert_int_equal(live_stats(f).connects_refused, 1);
    live_ping(&first);
    tls_client_close(&second);
    LIVE_AWAIT(live_stats(f).connections == 1);
    live_log_in(f, &second, "dev2");
    tls_client_close(&first);
    tls_client_close(&second);
}

/* Without descriptors accepting rests; those who are in are served, and the next gets in when there is room. */
static void test_hub__out_of_descriptors(void **state)
{
    struct live_hub *f = *state;
    struct rlimit limit;
    struct rlimit tight;
    struct tls_client client;
    struct tls_client later;
    int waiting;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    close(waiting);
    tight = limit;
    tight.rlim_cur = (rlim_t)waiting + 1; /* one more: the client's end */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    waiting = tls_client_tcp(vd_hub_port(f->hub));
    assert_true(waiting >= 0);
    live_ping(&client);
    live_publish(&client, LIVE_TOPIC, 1);
    live_expect_puback(&client, 1);
    assert_int_equal(live_stats(f).connections, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    live_log_in(f, &later, "dev2");
    close(waiting);
    tls_client_close(&client);
    tls_client_close(&later);
}

static void test_hub__stop_acknowledges(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    size_t length = 0;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    live_publish(&client, LIVE_TOPIC, 1);
    live_publish(&client, LIVE_TOPIC, 2);
    assert_true(fault_log_await_records(&f->log, 2));
    vd_hub_stop(f->hub);
    f->hub = NULL;
    assert_true(tls_client_read_end(&client, &length));
    assert_int_equal(length, 8);
    tls_client_close(&client);
}

/* A log that takes nothing does not keep the hub from stopping, and nothing of it is acknowledged. */
static void test_hub__stop_with_full_disk(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    size_t length = 1;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    fault_log_fail(&f->log, VD_E_FULL);
    live_publish(&client, LIVE_TOPIC, 1);
    assert_true(fault_log_await_failed(&f->log, 1));
    vd_hub_stop(f->hub);
    f->hub = NULL;
    assert_true(tls_client_read_end(&client, &length));
    assert_int_equal(length, 0);
    tls_client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_hub__never_ending),
        LIVE_TEST(test_hub__durable),
        LIVE_TEST(test_hub__beats),
        LIVE_TEST(test_hub__full_disk),
        LIVE_TEST(test_hub__gone_before_durable),
        LIVE_TEST(test_hub__backpressure),
        LIVE_TEST(test_hub__slow_reader),
        LIVE_TEST(test_hub__many_connections),
        LIVE_TEST(test_hub__connection_limit),
        LIVE_TEST(test_hub__out_of_descriptors),
        LIVE_TEST(test_hub__stop_acknowledges),
        LIVE_TEST(test_hub__stop_with_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
