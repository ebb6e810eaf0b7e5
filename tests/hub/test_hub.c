/* SPDX-License-Identifier: MIT */
/* The hub over real TLS on loopback: refusals, takeover, deadlines, durability, and what bad clients cost. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/server.h"
#include "lib/clock.h"
#include "tests/hub/fault_log.h"
#include "tests/hub/memory_registry.h"
#include "tests/hub/packets.h"
#include "tests/hub/tls_client.h"

#define TOPIC    "devices/dev1/messages/events/a=b"
#define AWAIT_MS 20000
#define MANY     200

struct fixture {
    char folder[64];
    char certificate[96];
    char key[96];
    struct memory_registry registry;
    struct fault_log log;
    struct vd_hub *hub;
};

static const struct vd_hub_times patient = {
    .connect_ms = 20000, .packet_ms = 20000, .write_ms = 20000, .linger_ms = 3000, .stop_ms = 200};

static void start(struct fixture *f, const struct vd_hub_times *times, uint32_t max_connections)
{
    struct vd_hub_config config = {
        .host_name = PACKET_HUB_NAME,
        .listen_address = "127.0.0.1",
        .certificate_file = f->certificate,
        .private_key_file = f->key,
        .max_connections = max_connections,
    };
    char error_text[256];

    assert_int_equal(vd_hub_start_timed(&config, times, &f->log.base, &f->registry.base, &f->hub,
                         error_text, sizeof error_text),
        VD_OK);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    snprintf(f->folder, sizeof f->folder, "/tmp/vd_hub_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->certificate, sizeof f->certificate, "%s/cert.pem", f->folder);
    snprintf(f->key, sizeof f->key, "%s/key.pem", f->folder);
    assert_true(tls_client_make_certificate(f->certificate, f->key));
    memory_registry_init(&f->registry);
    memory_registry_add(&f->registry, "dev1", "", 'a', 'b');
    memory_registry_add(&f->registry, "dev1", "mod", 'a', 'b');
    memory_registry_add(&f->registry, "dev2", "", 'a', 'b');
    fault_log_init(&f->log);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    fault_log_hold(&f->log, false);
    vd_hub_stop(f->hub);
    fault_log_release(&f->log);
    unlink(f->certificate);
    unlink(f->key);
    rmdir(f->folder);
    free(f);
    return 0;
}

static struct vd_hub_stats stats_of(struct fixture *f)
{
    struct vd_hub_stats stats;

    vd_hub_stats_get(f->hub, &stats);
    return stats;
}

/* Asks until `condition` holds; there is nothing else to wait on where the hub only changes a counter. */
#define AWAIT(condition)                                              \
    do {                                                              \
        int64_t await_end = vd_clock_monotonic_ms() + AWAIT_MS;       \
        while (!(condition) && vd_clock_monotonic_ms() < await_end) { \
            usleep(1000);                                             \
        }                                                             \
        assert_true(condition);                                       \
    } while (0)

static int64_t in_s(int64_t seconds)
{
    return vd_clock_utc_ms() / 1000 + seconds;
}

static void open_client(struct fixture *f, struct tls_client *client)
{
    assert_true(tls_client_open(client, vd_hub_port(f->hub), f->certificate, 0));
}

static void send_buf(struct tls_client *client, struct vd_buf *bytes)
{
    assert_int_equal(bytes->error, VD_OK);
    assert_true(tls_client_write(client, bytes->data, bytes->length));
    vd_buf_release(bytes);
}

static void expect(struct tls_client *client, const char *bytes, size_t length)
{
    char got[16];

    assert_true(tls_client_read(client, got, length));
    assert_memory_equal(got, bytes, length);
}

static void log_in_until(struct fixture *f, struct tls_client *client, const char *device,
    int64_t expiry_s, uint16_t keep_alive_s)
{
    struct vd_key key = memory_key('a');
    struct vd_buf packet = {0};

    open_client(f, client);
    packet_connect_device(&packet, device, NULL, &key, expiry_s, keep_alive_s);
    send_buf(client, &packet);
    expect(client, "\x20\x02\x00\x00", 4);
}

static void log_in(struct fixture *f, struct tls_client *client, const char *device)
{
    log_in_until(f, client, device, in_s(3600), 60);
}

static void publish(struct tls_client *client, const char *topic, uint16_t packet_id)
{
    struct vd_buf packet = {0};

    packet_publish(&packet, packet_id != 0 ? 2 : 0, topic, packet_id, "body", 4);
    send_buf(client, &packet);
}

static void expect_puback(struct tls_client *client, uint16_t packet_id)
{
    const char puback[] = {0x40, 2, (char)(packet_id >> 8), (char)packet_id};

    expect(client, puback, sizeof puback);
}

static void expect_end(struct tls_client *client)
{
    size_t length = 1;

    assert_true(tls_client_read_end(client, &length));
    assert_int_equal(length, 0);
    tls_client_close(client);
}

static void ping(struct tls_client *client)
{
    assert_true(tls_client_write(client, "\xc0\x00", 2));
    expect(client, "\xd0\x00", 2);
}

static void test_hub__telemetry(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct fixture *f = *state;
    struct vd_key key = memory_key('b');

    start(f, &patient, 0);
    for (size_t i = 0; i < 2; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};
        struct vd_event event;
        uint32_t base = fault_log_count(&f->log);

        assert_true(tls_client_open(&client, vd_hub_port(f->hub), f->certificate, versions[i]));
        packet_connect_device(&packet, "dev1", i == 0 ? NULL : "mod", &key, in_s(60), 0);
        send_buf(&client, &packet);
        expect(&client, "\x20\x02\x00\x00", 4);
        assert_true(vd_hub_is_connected(f->hub, "dev1", i == 0 ? NULL : "mod"));
        publish(&client, i == 0 ? TOPIC : "devices/dev1/modules/mod/messages/events/a=b/", 7);
        expect_puback(&client, 7);
        assert_int_equal(fault_log_count(&f->log), base + 1);
        assert_true(fault_log_get(&f->log, base, &event));
        assert_true(vd_str_equal_text(event.device_id, "dev1"));
        assert_true(vd_str_equal_text(event.module_id, i == 0 ? "" : "mod"));
        assert_true(vd_str_equal_text(event.address, "127.0.0.1"));
        assert_true(vd_str_equal_text(event.body, "body"));
        assert_int_equal(event.kind, VD_EVENT_TELEMETRY);
        publish(&client, i == 0 ? TOPIC : "devices/dev1/modules/mod/messages/events/", 0);
        assert_true(fault_log_await_records(&f->log, base + 2));
        ping(&client);
        assert_true(tls_client_write(&client, "\xe0\x00", 2));
        expect_end(&client);
        AWAIT(!vd_hub_is_connected(f->hub, "dev1", i == 0 ? NULL : "mod"));
    }
    assert_int_equal(stats_of(f).messages_telemetry, 4);
    AWAIT(stats_of(f).connections == 0);
}

static void test_hub__old_tls(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;

    start(f, &patient, 0);
    assert_false(tls_client_open(&client, vd_hub_port(f->hub), f->certificate, TLS1_1_VERSION));
    AWAIT(stats_of(f).connections == 0);
}

/* Every code reaches the client before the connection ends. */
static void test_hub__refusals(void **state)
{
    static const struct {
        struct packet_connect connect;
        const char *answer;
    } cases[] = {
        {{"", "x", "y", 0}, "\x20\x02\x00\x02"},
        {{"dev1", "hub.example/dev1", "y", 0}, "\x20\x02\x00\x04"},
        {{"dev1", "hub.example/dev1/?api-version=2021-04-12", "y", 0}, "\x20\x02\x00\x04"},
        {{"dev1", "hub.example/dev1/?api-version=2021-04-12",
             "SharedAccessSignature sr=hub.example&sig=b&se=9999999999", 0},
            "\x20\x02\x00\x05"},
    };
    struct fixture *f = *state;

    start(f, &patient, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};

        open_client(f, &client);
        packet_connect(&packet, &cases[i].connect);
        /* What a client sends on top must not let a reset overtake the answer. */
        packet_publish(&packet, 2, TOPIC, 1, "body", 4);
        send_buf(&client, &packet);
        expect(&client, cases[i].answer, 4);
        expect_end(&client);
    }
    AWAIT(stats_of(f).connections == 0);
    assert_int_equal(stats_of(f).connects_refused, 4);
    assert_int_equal(stats_of(f).connects_accepted, 0);
    assert_int_equal(fault_log_count(&f->log), 0);
}

static void test_hub__violations(void **state)
{
    static const struct {
        uint8_t flags;
        const char *topic;
    } cases[] = {
        {4, TOPIC},
        {2, "devices/dev2/messages/events/"},
        {2, "home/light"},
        {2, "$iothub/twin/GET/?$rid=1"},
        {2, "devices/dev1/messages/events/malformed"},
    };
    struct fixture *f = *state;

    start(f, &patient, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};

        log_in(f, &client, "dev1");
        packet_publish(&packet, cases[i].flags, cases[i].topic, 1, "body", 4);
        send_buf(&client, &packet);
        expect_end(&client);
        assert_int_equal(stats_of(f).protocol_errors, i + 1);
    }
    assert_int_equal(fault_log_count(&f->log), 0);
    AWAIT(stats_of(f).authenticated == 0);
}

static void test_hub__takeover(void **state)
{
    struct fixture *f = *state;
    struct tls_client first;
    struct tls_client second;
    struct tls_client other;

    start(f, &patient, 0);
    log_in(f, &first, "dev1");
    log_in(f, &other, "dev2");
    log_in(f, &second, "dev1");
    expect_end(&first);
    assert_int_equal(stats_of(f).takeovers, 1);
    publish(&second, TOPIC, 1);
    expect_puback(&second, 1);
    ping(&other);
    assert_true(vd_hub_is_connected(f->hub, "dev1", NULL));
    assert_int_equal(stats_of(f).authenticated, 2);
    tls_client_close(&second);
    tls_client_close(&other);
}

static void test_hub__disconnect(void **state)
{
    struct fixture *f = *state;
    struct tls_client first;
    struct tls_client other;

    start(f, &patient, 0);
    log_in(f, &first, "dev1");
    log_in(f, &other, "dev2");
    vd_hub_disconnect(f->hub, "nobody", NULL);
    vd_hub_disconnect(f->hub, "dev1", "mod");
    ping(&first);
    vd_hub_disconnect(f->hub, "dev1", NULL);
    expect_end(&first);
    assert_false(vd_hub_is_connected(f->hub, "dev1", NULL));
    ping(&other);
    tls_client_close(&other);
}

static void test_hub__keep_alive(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;
    int64_t start_ms;

    start(f, &patient, 0);
    log_in_until(f, &client, "dev1", in_s(3600), 1);
    start_ms = vd_clock_monotonic_ms();
    expect_end(&client);
    assert_true(vd_clock_monotonic_ms() - start_ms >= 1400);
    assert_true(vd_clock_monotonic_ms() - start_ms < 10000);
}

static void test_hub__token_expiry(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;

    start(f, &patient, 0);
    log_in_until(f, &client, "dev1", in_s(2), 0);
    expect_end(&client);
    assert_true(vd_clock_utc_ms() / 1000 >= in_s(0));
    AWAIT(stats_of(f).connections == 0);
    assert_int_equal(stats_of(f).protocol_errors, 0);
}

/* Clients that never finish: no handshake, half a handshake, half a CONNECT, half a PUBLISH. */
static void test_hub__never_ending(void **state)
{
    static const struct vd_hub_times hurried = {
        .connect_ms = 300, .packet_ms = 300, .write_ms = 300, .linger_ms = 300, .stop_ms = 200};
    struct fixture *f = *state;
    struct tls_client half;
    struct tls_client part;
    char byte;
    int silent;
    int cut;

    start(f, &hurried, 0);
    silent = tls_client_tcp(vd_hub_port(f->hub));
    cut = tls_client_tcp(vd_hub_port(f->hub));
    assert_true(silent >= 0 && cut >= 0);
    assert_int_equal(send(cut, "\x16\x03\x01\x02\x00\x01", 6, MSG_NOSIGNAL), 6);
    assert_true(recv(silent, &byte, 1, 0) <= 0);
    assert_true(recv(cut, &byte, 1, 0) <= 0);
    close(silent);
    close(cut);
    open_client(f, &half);
    assert_true(tls_client_write(&half, "\x10\x20\x00\x04MQ", 6));
    expect_end(&half);
    log_in_until(f, &part, "dev1", in_s(3600), 0);
    assert_true(tls_client_write(&part, "\x32\x80\x08\x00", 4));
    expect_end(&part);
    AWAIT(stats_of(f).connections == 0);
}

static void test_hub__large_messages(void **state)
{
    static uint8_t body[VD_MESSAGE_BODY_MAX_BYTES + 1];
    struct fixture *f = *state;
    struct tls_client client;
    struct vd_event event;
    struct vd_buf packet = {0};

    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (uint8_t)(i * 7 + i / 251);
    }
    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    packet_publish(&packet, 2, TOPIC, 1, body, sizeof body - 1);
    packet_publish(&packet, 2, TOPIC, 2, body, 1);
    send_buf(&client, &packet);
    expect_puback(&client, 1);
    expect_puback(&client, 2);
    assert_true(fault_log_get(&f->log, 0, &event));
    assert_int_equal(event.body.length, sizeof body - 1);
    assert_memory_equal(event.body.data, body, sizeof body - 1);
    packet_publish(&packet, 2, TOPIC, 3, body, sizeof body);
    /* The hub may end before it has read all: a failing write is no fault then. */
    tls_client_write(&client, packet.data, packet.length);
    vd_buf_release(&packet);
    expect_end(&client);
    assert_int_equal(fault_log_count(&f->log), 2);
}

/* No PUBACK before the append is done; all of them once it is, in order. */
static void test_hub__durable(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;
    struct tls_client other;

    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    log_in(f, &other, "dev2");
    fault_log_hold(&f->log, true);
    publish(&client, TOPIC, 1);
    assert_true(fault_log_await_waiting(&f->log));
    for (uint16_t id = 2; id <= 50; id++) {
        publish(&client, TOPIC, id);
    }
    publish(&other, "devices/dev2/messages/events/", 9);
    /* Everything else goes on. */
    ping(&other);
    assert_true(tls_client_is_silent(&client, 50));
    assert_int_equal(fault_log_count(&f->log), 0);
    fault_log_hold(&f->log, false);
    for (uint16_t id = 1; id <= 50; id++) {
        expect_puback(&client, id);
    }
    expect_puback(&other, 9);
    assert_int_equal(fault_log_count(&f->log), 51);
    tls_client_close(&client);
    tls_client_close(&other);
}

static void test_hub__full_disk(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;

    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    fault_log_fail(&f->log, VD_E_FULL);
    publish(&client, TOPIC, 1);
    assert_true(fault_log_await_failed(&f->log, 3));
    assert_int_equal(stats_of(f).log_unwritable, 1);
    assert_true(stats_of(f).append_failures >= 2);
    publish(&client, TOPIC, 2);
    assert_true(tls_client_is_silent(&client, 20));
    fault_log_fail(&f->log, VD_OK);
    expect_puback(&client, 1);
    expect_puback(&client, 2);
    assert_int_equal(stats_of(f).log_unwritable, 0);
    assert_int_equal(fault_log_count(&f->log), 2);
    tls_client_close(&client);
}

/* A connection that is gone when its message becomes durable costs nobody else an acknowledgement. */
static void test_hub__gone_before_durable(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;
    struct tls_client next;

    start(f, &patient, 1);
    log_in(f, &client, "dev1");
    fault_log_hold(&f->log, true);
    publish(&client, TOPIC, 1);
    assert_true(fault_log_await_waiting(&f->log));
    tls_client_close(&client);
    AWAIT(stats_of(f).connections == 0);
    log_in(f, &next, "dev2"); /* in the same slot */
    fault_log_hold(&f->log, false);
    publish(&next, "devices/dev2/messages/events/", 5);
    expect_puback(&next, 5);
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
        packet_publish(&packet, 2, TOPIC, (uint16_t)(i + 1), body, sizeof body);
        work->failed = !tls_client_write(&work->client, packet.data, packet.length);
    }
    vd_buf_release(&packet);
    return NULL;
}

/* While the log takes nothing a publisher is stopped within two batches; others are served, and all goes on after. */
static void test_hub__backpressure(void **state)
{
    struct fixture *f = *state;
    struct flood work = {.messages = 1000};
    struct tls_client other;
    pthread_t thread;

    start(f, &patient, 0);
    log_in(f, &work.client, "dev1");
    log_in(f, &other, "dev2");
    fault_log_hold(&f->log, true);
    assert_int_equal(pthread_create(&thread, NULL, flood, &work), 0);
    /* 32 MB are more than two batches of 4 and what the sockets hold. */
    AWAIT(stats_of(f).messages_telemetry >= VD_HUB_BATCH_MAX_BYTES / 33000);
    ping(&other);
    assert_true(stats_of(f).messages_telemetry * 32768 <= 2 * VD_HUB_BATCH_MAX_BYTES + 4 * 32768);
    fault_log_hold(&f->log, false);
    /* One connection, two threads: each has a direction, so the client reads only when all is written. */
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(work.failed);
    for (unsigned i = 0; i < work.messages; i++) {
        expect_puback(&work.client, (uint16_t)(i + 1));
    }
    assert_int_equal(fault_log_count(&f->log), work.messages);
    ping(&work.client);
    tls_client_close(&work.client);
    tls_client_close(&other);
}

/* A client that sends and never reads is cut off when its answers fill their bound. */
static void test_hub__slow_reader(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;
    char pings[4096];
    int small = 4096;

    for (size_t i = 0; i < sizeof pings; i += 2) {
        pings[i] = (char)0xc0;
        pings[i + 1] = 0;
    }
    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 100000 && tls_client_write(&client, pings, sizeof pings); i++) {
    }
    AWAIT(stats_of(f).connections == 0);
    tls_client_close(&client);
}

static void test_hub__many_connections(void **state)
{
    static struct tls_client clients[MANY];
    static char ids[MANY][16];
    struct fixture *f = *state;

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "many%u", i);
        memory_registry_add(&f->registry, ids[i], "", 'a', 'b');
    }
    start(f, &patient, 0);
    for (unsigned i = 0; i < MANY; i++) {
        log_in(f, &clients[i], ids[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char topic[64];

        snprintf(topic, sizeof topic, "devices/%s/messages/events/", ids[i]);
        publish(&clients[i], topic, (uint16_t)(i + 1));
    }
    for (unsigned i = 0; i < MANY; i++) {
        expect_puback(&clients[i], (uint16_t)(i + 1));
    }
    assert_int_equal(stats_of(f).authenticated, MANY);
    assert_int_equal(fault_log_count(&f->log), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        tls_client_close(&clients[i]);
    }
    AWAIT(stats_of(f).connections == 0);
}

static void test_hub__connection_limit(void **state)
{
    struct fixture *f = *state;
    struct tls_client first;
    struct tls_client second;
    struct tls_client third;

    start(f, &patient, 2);
    log_in(f, &first, "dev1");
    log_in(f, &second, "dev2");
    assert_false(tls_client_open(&third, vd_hub_port(f->hub), f->certificate, 0));
    assert_int_equal(stats_of(f).connects_refused, 1);
    ping(&first);
    tls_client_close(&second);
    AWAIT(stats_of(f).connections == 1);
    log_in(f, &second, "dev2");
    tls_client_close(&first);
    tls_client_close(&second);
}

/* Without descriptors accepting rests; those who are in are served, and the next gets in when there is room. */
static void test_hub__out_of_descriptors(void **state)
{
    struct fixture *f = *state;
    struct rlimit limit;
    struct rlimit tight;
    struct tls_client client;
    struct tls_client later;
    int waiting;

    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    waiting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    close(waiting);
    tight = limit;
    tight.rlim_cur = (rlim_t)waiting + 1; /* one more: the client's end */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    waiting = tls_client_tcp(vd_hub_port(f->hub));
    assert_true(waiting >= 0);
    ping(&client);
    publish(&client, TOPIC, 1);
    expect_puback(&client, 1);
    assert_int_equal(stats_of(f).connections, 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    log_in(f, &later, "dev2");
    close(waiting);
    tls_client_close(&client);
    tls_client_close(&later);
}

static void test_hub__stop_acknowledges(void **state)
{
    struct fixture *f = *state;
    struct tls_client client;
    size_t length = 0;

    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    publish(&client, TOPIC, 1);
    publish(&client, TOPIC, 2);
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
    struct fixture *f = *state;
    struct tls_client client;
    size_t length = 1;

    start(f, &patient, 0);
    log_in(f, &client, "dev1");
    fault_log_fail(&f->log, VD_E_FULL);
    publish(&client, TOPIC, 1);
    assert_true(fault_log_await_failed(&f->log, 1));
    vd_hub_stop(f->hub);
    f->hub = NULL;
    assert_true(tls_client_read_end(&client, &length));
    assert_int_equal(length, 0);
    tls_client_close(&client);
}

static void test_hub__start_errors(void **state)
{
    struct fixture *f = *state;
    struct vd_hub_config good = {.host_name = PACKET_HUB_NAME,
        .listen_address = "127.0.0.1",
        .certificate_file = f->certificate,
        .private_key_file = f->key};
    struct vd_hub_config config = good;
    struct vd_hub *hub = NULL;
    char text[256];

    start(f, &patient, 0);
    config.port = vd_hub_port(f->hub);
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text), VD_E_BUSY);
    config = good;
    config.listen_address = "localhost";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_non_null(strstr(text, "localhost"));
    config = good;
    config.certificate_file = "/nonexistent.pem";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_non_null(strstr(text, "/nonexistent.pem"));
    config = good;
    config.private_key_file = f->certificate;
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text),
        VD_E_INVALID);
    assert_null(hub);
    vd_hub_stop(NULL);
    config = good;
    config.listen_address = "::1";
    assert_int_equal(
        vd_hub_start(&config, &f->log.base, &f->registry.base, &hub, text, sizeof text), VD_OK);
    assert_string_equal(text, "");
    vd_hub_stop(hub);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_hub__##name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(telemetry),
        TEST(old_tls),
        TEST(refusals),
        TEST(violations),
        TEST(takeover),
        TEST(disconnect),
        TEST(keep_alive),
        TEST(token_expiry),
        TEST(never_ending),
        TEST(large_messages),
        TEST(durable),
        TEST(full_disk),
        TEST(gone_before_durable),
        TEST(backpressure),
        TEST(slow_reader),
        TEST(many_connections),
        TEST(connection_limit),
        TEST(out_of_descriptors),
        TEST(stop_acknowledges),
        TEST(stop_with_full_disk),
        TEST(start_errors),
    };

    signal(SIGPIPE, SIG_IGN);
    vd_log_set_level(VD_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
