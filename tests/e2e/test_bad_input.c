/* SPDX-License-Identifier: MIT */
/* Peers that break the protocol are shown out, while a good device beside them loses nothing. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/mqtt.h"
#include "tests/e2e/sender.h"

#define WAIT_MS 10000
/* The hub's deadline for a CONNECT is 10 s. */
#define CONNECT_DEADLINE_MS 10000
#define SLACK_MS            8000
#define PACE_MS             20

static struct e2e_hub hub;
static struct e2e_sender *good;

/* The good device's messages go on being acknowledged. */
static void check_good_device(const char *beside)
{
    unsigned connections = atomic_load(&good->connections);
    if (!e2e_sender_progress(good, 5, WAIT_MS)) {
        fail_msg("beside \"%s\" the good device is not served any more", beside);
    }
    if (atomic_load(&good->connections) != connections) {
        fail_msg("beside \"%s\" the good device lost its connection", beside);
    }
}

/* What a peer sends after TLS is up, and after CONNECT if `connected`. */
struct bad_bytes {
    const char *what;
    bool connected;
    size_t length;
    const char *bytes;
};

#define BYTES(text)    sizeof(text) - 1, text
#define BYTES_OF(text) text, sizeof(text) - 1

static const struct bad_bytes closed_at_once[] = {
    {"a first packet that is no CONNECT", false, BYTES("\x30\x05\x00\x01tme")},
    {"another protocol's name", false, BYTES("\x10\x10\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x02id")},
    {"a length of five bytes", false, BYTES("\x10\xff\xff\xff\xff\x7f")},
    {"a CONNECT longer than any can be", false, BYTES("\x10\xff\xff\x7f")},
    {"a CONNECT whose strings are longer than it", false,
        BYTES("\x10\x0e\x00\x04MQTT\x04\xc2\x00\x3c\xff\xff"
              "id")},
    {"HTTP", false, BYTES("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
    {"a second CONNECT", true, BYTES("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")},
    {"a topic longer than its packet", true,
        BYTES("\x32\x08\xff\xff"
              "abcdef")},
    {"a packet id cut off", true,
        BYTES("\x32\x05\x00\x03"
              "abc")},
    {"packet id zero", true,
        BYTES("\x32\x20\x00\x1d"
              "devices/bad/messages/events/x\x00\x00")},
    {"a packet larger than any may be", true, BYTES("\x32\xff\xff\xff\x7f")},
    {"reserved flags", true, BYTES("\x8f\x05\x00\x01\x00\x00\x00")},
    {"a packet of the server's", true, BYTES("\x20\x02\x00\x00")},
    {"packet type 0", true, BYTES("\x00\x00")},
    {"packet type 15", true, BYTES("\xf0\x00")},
    {"a SUBSCRIBE without a filter", true, BYTES("\x82\x02\x00\x01")},
    {"a topic that is not UTF-8", true, BYTES("\x30\x04\x00\x02\xc0\xaf")},
};

static void send_bad_bytes(const struct bad_bytes *bad)
{
    struct e2e_mqtt mqtt;
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    if (bad->connected) {
        assert_int_equal(e2e_mqtt_connect(&mqtt, "bad"), 0);
    }
    assert_true(e2e_mqtt_write(&mqtt, bad->bytes, bad->length));
    if (!e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS / 2)) {
        fail_msg("after %s the connection stays open", bad->what);
    }
    e2e_mqtt_close(&mqtt);
    check_good_device(bad->what);
}

static void test_bad_input__malformed_packets_close_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(closed_at_once) / sizeof(closed_at_once[0]); i++) {
        send_bad_bytes(&closed_at_once[i]);
    }
}

/* A PUBLISH that its sender does not finish, and then goes away: nothing of it may be stored. */
static void test_bad_input__a_truncated_packet_is_not_stored(void **state)
{
    static const char start[] = "\x32\x64\x00\x1c"
                                "devices/bad/messages/events/"
                                "\x00\x01"
                                "only";
    (void)state;
    for (size_t length = 1; length < sizeof(start) - 1; length += 3) {
        struct e2e_mqtt mqtt;
        assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
        assert_int_equal(e2e_mqtt_connect(&mqtt, "bad"), 0);
        assert_true(e2e_mqtt_write(&mqtt, start, length));
        e2e_mqtt_close(&mqtt);
    }
    check_good_device("a truncated packet");
    json_t *status = e2e_status(&hub);
    json_t *telemetry = json_object_get(json_object_get(status, "hub"), "telemetry");
    assert_int_equal(json_integer_value(telemetry), 0);
    json_decref(status);
}

static void test_bad_input__a_message_over_the_limit_closes(void **state)
{
    static uint8_t body[262145];
    struct e2e_mqtt mqtt;
    struct e2e_publish message = {.topic = "devices/bad/messages/events/",
        .body = body,
        .length = sizeof(body),
        .packet_id = 1,
        .qos = 1};
    (void)state;
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "bad"), 0);
    e2e_mqtt_publish(&mqtt, &message); /* the hub may be gone before the last byte is out */
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
    check_good_device("a message of more than 256 KiB");
}

/* Garbage where a TLS handshake should be. */
static void test_bad_input__no_tls(void **state)
{
    static const char *const garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\x10\x0e\x00\x04MQTT\x04\x02",
        "\x16\x03\x01\xff\xff\x01zzzzzzzzzz"};
    (void)state;
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        char answer[256];
        static const char filler[16384];
        int fd = e2e_tcp(hub.port);
        assert_true(fd >= 0);
        size_t length = i == 1 ? 10 : strlen(garbage[i]);
        length = i == 2 ? 16 : length;
        assert_int_equal(send(fd, garbage[i], length, MSG_NOSIGNAL), length);
        send(fd, filler, sizeof(filler), MSG_NOSIGNAL); /* may fail: the hub may have closed */
        ssize_t got = 1;
        while (got > 0) { /* an alert may come; then the end, within the socket's 10 s */
            got = recv(fd, answer, sizeof(answer), 0);
            assert_false(got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
        }
        close(fd);
        check_good_device("no TLS");
    }
}

/* ---- Peers that never come to the point: all at once, for each waits for the hub's deadline. ---- */

#define DAWDLERS 4

struct dawdlers {
    struct e2e_mqtt mqtt[2]; /* shook hands: one sends nothing, one a CONNECT byte by byte */
    int fd[2];               /* no handshake: one sends nothing, one a ClientHello's first byte */
    uint8_t connect[512];
    size_t length;
    size_t sent;
    int64_t next_ms;
    bool gone[DAWDLERS];
};

static bool fd_is_gone(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}

/* One look at each: true once the hub has closed them all. */
static bool all_gone(void *context)
{
    struct dawdlers *d = context;
    if (!d->gone[1] && e2e_now_ms() >= d->next_ms && d->sent + 1 < d->length) {
        d->gone[1] = !e2e_mqtt_write(&d->mqtt[1], &d->connect[d->sent++], 1);
        d->next_ms = e2e_now_ms() + 200;
    }
    bool all = true;
    for (size_t i = 0; i < 2; i++) {
        d->gone[i] = d->gone[i] || e2e_mqtt_closed_by_hub(&d->mqtt[i], 0);
        d->gone[2 + i] = d->gone[2 + i] || fd_is_gone(d->fd[i]);
        all = all && d->gone[i] && d->gone[2 + i];
    }
    return all;
}

static void test_bad_input__a_connect_that_never_ends(void **state)
{
    static struct dawdlers d;
    (void)state;
    d.length = e2e_mqtt_connect_packet(d.connect, sizeof(d.connect), "bad",
        E2E_HUB_NAME "/bad/?api-version=2021-04-12",
        "SharedAccessSignature sr=hub&sig=x&se=4000000000");
    for (size_t i = 0; i < 2; i++) {
        assert_true(e2e_mqtt_open(&d.mqtt[i], hub.port, hub.ca));
        d.fd[i] = e2e_tcp(hub.port);
        assert_true(d.fd[i] >= 0);
    }
    assert_int_equal(send(d.fd[1], "\x16", 1, MSG_NOSIGNAL), 1);
    check_good_device("peers that do not finish CONNECT");
    if (!e2e_wait(CONNECT_DEADLINE_MS + SLACK_MS, all_gone, &d)) {
        fail_msg("still open: %s%s%s%s", d.gone[0] ? "" : "silence after the handshake; ",
            d.gone[1] ? "" : "CONNECT byte by byte; ", d.gone[2] ? "" : "silence; ",
            d.gone[3] ? "" : "half a ClientHello");
    }
    for (size_t i = 0; i < 2; i++) {
        e2e_mqtt_close(&d.mqtt[i]);
        close(d.fd[i]);
    }
    check_good_device("peers that did not finish CONNECT");
}

/* ---- Messages that are no messages. ---- */

static json_t *dead_letters(void)
{
    json_t *answer = e2e_cli_json(&hub, E2E_ARGS("dead-letter", "list"));
    json_t *letters = json_is_array(answer) ? answer : json_object_get(answer, "deadLetters");
    assert_true(json_is_array(letters));
    json_incref(letters);
    json_decref(answer);
    return letters;
}

static bool dead_letters_reached(void *context)
{
    json_t *letters = dead_letters();
    bool reached = json_array_size(letters) == *(size_t *)context;
    json_decref(letters);
    return reached;
}

static void test_bad_input__what_does_not_decode_is_a_dead_letter(void **state)
{
    static const struct {
        const char *body;
        size_t length;
    } bodies[] = {
        {BYTES_OF("\xff\xff\xff\xff garbage, not a FlatBuffers message")},
        {BYTES_OF("")},
        {BYTES_OF("{\"AgentVersion\": 1")},
    };
    size_t count = sizeof(bodies) / sizeof(bodies[0]);
    struct e2e_mqtt mqtt;
    char topic[256];
    (void)state;
    e2e_security_topic(topic, sizeof(topic), "bad");
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, "bad"), 0);
    for (size_t i = 0; i < count; i++) {
        struct e2e_publish message = {.topic = topic,
            .body = bodies[i].body,
            .length = bodies[i].length,
            .packet_id = (uint16_t)(i + 1),
            .qos = 1};
        assert_true(e2e_mqtt_send(&mqtt, &message, WAIT_MS)); /* delivered is not decoded */
    }
    e2e_mqtt_close(&mqtt);
    assert_true(e2e_wait(WAIT_MS, dead_letters_reached, &count));
    json_t *letters = dead_letters();
    size_t i;
    json_t *letter;
    json_array_foreach(letters, i, letter)
    {
        const char *reason = json_string_value(json_object_get(letter, "reason"));
        assert_string_equal(json_string_value(json_object_get(letter, "deviceId")), "bad");
        assert_non_null(reason);
        assert_true(strlen(reason) > 5);
        /* the newest first */
        assert_int_equal(
            json_integer_value(json_object_get(letter, "bodyBytes")), bodies[count - 1 - i].length);
    }
    json_decref(letters);
    check_good_device("messages that do not decode");
}

struct stored {
    unsigned sent;
    int64_t rows;
    int64_t ids;
};

static bool all_stored(void *context)
{
    struct stored *stored = context;
    json_t *rows = e2e_query(&hub,
        "SELECT count(*), count(DISTINCT IoTRawEventId)"
        " FROM SecurityIoTRawEvent WHERE DeviceId = 'good'");
    json_t *row = json_array_get(rows, 0);
    stored->rows = (int64_t)json_number_value(json_array_get(row, 0));
    stored->ids = (int64_t)json_number_value(json_array_get(row, 1));
    json_decref(rows);
    return stored->rows >= stored->sent;
}

static void test_bad_input__the_good_device_lost_nothing(void **state)
{
    struct stored stored = {0};
    (void)state;
    assert_true(e2e_sender_drain(good, WAIT_MS));
    assert_int_equal(atomic_load(&good->connections), 1);
    assert_int_equal(atomic_load(&good->faults), 0);
    stored.sent = atomic_load(&good->sent);
    e2e_wait(WAIT_MS, all_stored, &stored);
    assert_int_equal(stored.rows, stored.sent);
    assert_int_equal(stored.ids, stored.sent);
    e2e_sender_free(good);
    good = NULL;
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.3", "198.51.100.3", 1, 2, 3, 4, "UDP"};
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "good");
    e2e_device_create(&hub, "bad");
    e2e_message_build(&message, &flow, 1);
    good = e2e_sender_start(&hub, "good", 1, 4, PACE_MS, &message);
    return e2e_sender_progress(good, 1, WAIT_MS) ? 0 : -1;
}

static int end_scene(void **state)
{
    (void)state;
    e2e_sender_free(good);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"flatc", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_input__malformed_packets_close_the_connection),
        cmocka_unit_test(test_bad_input__a_truncated_packet_is_not_stored),
        cmocka_unit_test(test_bad_input__a_message_over_the_limit_closes),
        cmocka_unit_test(test_bad_input__no_tls),
        cmocka_unit_test(test_bad_input__a_connect_that_never_ends),
        cmocka_unit_test(test_bad_input__what_does_not_decode_is_a_dead_letter),
        cmocka_unit_test(test_bad_input__the_good_device_lost_nothing),
    };
    int result = e2e_begin(0, programs);
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("bad_input", tests, make_scene, end_scene));
}
