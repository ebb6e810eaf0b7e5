/* SPDX-License-Identifier: MIT */
/* Reads the words of an exchange and does what they say. */

#include "tests/hub/exchange.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "hub/sas.h"

#define BYTES_MAX  4096
#define NESTED_MAX 4
#define METHOD     "$iothub/methods/POST/reboot/?$rid="

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t length;
};

/* What a call of a method ended with. */
struct outcome {
    _Atomic bool is_over;
    int error;
    int status;
};

struct exchange {
    struct live_hub *hub;
    const char *name;
    const char *at;
    struct tls_client clients[2];
    size_t who;
    uint32_t base; /* messages in the log when it began */
    int64_t sent_ms;
    uint16_t packet_ids[128]; /* of messages to the device, by their bodies; 0: it has none */
};

/* Not on the stack: a call may end after the test that made it has failed. */
static struct outcome outcomes[2];

#define EXPECT(exchange, condition, ...)                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            print_error("%s, before `%.60s`: ", (exchange)->name, (exchange)->at); \
            fail_msg(__VA_ARGS__);                                                 \
        }                                                                          \
    } while (0)

static struct tls_client *client_of(struct exchange *exchange)
{
    return &exchange->clients[exchange->who];
}

static void put(struct exchange *exchange, struct bytes *out, const void *data, size_t length)
{
    EXPECT(exchange, length <= BYTES_MAX - out->length, "too many bytes");
    memcpy(out->data + out->length, data, length);
    out->length += length;
}

/* What logs a device in: `user:ID` or `token:ID`. */
static void put_credential(struct exchange *exchange, struct bytes *out, bool is_token)
{
    const struct vd_key key = memory_key('a');
    char id[64];
    char text[1024];
    size_t length = 0;

    while (isalnum((unsigned char)*exchange->at) && length < sizeof id - 1) {
        id[length++] = *exchange->at++;
    }
    id[length] = '\0';
    if (is_token) {
        char resource[128];

        snprintf(resource, sizeof resource, PACKET_HUB_NAME "/devices/%s", id);
        assert_int_equal(
            vd_sas_make(resource, &key, live_in_s(3600), NULL, text, sizeof text), VD_OK);
    } else {
        snprintf(text, sizeof text, PACKET_HUB_NAME "/%s/?api-version=2021-04-12", id);
    }
    put(exchange, out, text, strlen(text));
}

static void put_hex(struct exchange *exchange, struct bytes *out)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *high = strchr(digits, exchange->at[0]);
    const char *low =
        high != NULL && exchange->at[1] != '\0' ? strchr(digits, exchange->at[1]) : NULL;
    uint8_t byte;

    EXPECT(exchange, low != NULL, "two digits make a byte");
    byte = (uint8_t)((high - digits) << 4 | (low - digits));
    put(exchange, out, &byte, 1);
    exchange->at += 2;
}

/* Closes what was opened at `start`: the length of what is behind it goes in front. */
static void close_bracket(
    struct exchange *exchange, struct bytes *out, size_t start, bool is_packet)
{
    const size_t length = out->length - start;
    size_t left = length;
    uint8_t prefix[4] = {(uint8_t)(length >> 8), (uint8_t)length};
    size_t size = 2;

    if (is_packet) {
        size = 0;
        do {
            prefix[size++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
            left >>= 7;
        } while (left > 0);
    }
    put(exchange, out, prefix, size);
    memmove(out->data + start + size, out->data + start, length);
    memcpy(out->data + start, prefix, size);
}

static bool take(struct exchange *exchange, const char *word)
{
    const size_t length = strlen(word);

    if (strncmp(exchange->at, word, length) != 0) {
        return false;
    }
    exchange->at += length;
    return true;
}

static void skip_spaces(struct exchange *exchange)
{
    while (*exchange->at == ' ') {
        exchange->at++;
    }
}

static void put_text(struct exchange *exchange, struct bytes *out)
{
    const char *end = strchr(exchange->at, '\'');

    EXPECT(exchange, end != NULL, "a text has no end");
    put(exchange, out, exchange->at, (size_t)(end - exchange->at));
    exchange->at = end + 1;
}

/* Reads bytes up to the next word that is none. */
static void read_bytes(struct exchange *exchange, struct bytes *out)
{
    size_t starts[NESTED_MAX] = {0};
    size_t nested = 0;

    out->length = 0;
    for (skip_spaces(exchange); *exchange->at != '\0'; skip_spaces(exchange)) {
        if (take(exchange, "(") || take(exchange, "[")) {
            EXPECT(exchange, nested < NESTED_MAX, "nested too deeply");
            starts[nested++] = out->length;
        } else if (*exchange->at == ')' || *exchange->at == ']') {
            EXPECT(exchange, nested > 0, "nothing is open");
            close_bracket(exchange, out, starts[--nested], *exchange->at++ == ']');
        } else if (take(exchange, "'")) {
            put_text(exchange, out);
        } else if (take(exchange, "user:")) {
            put_credential(exchange, out, false);
        } else if (take(exchange, "token:")) {
            put_credential(exchange, out, true);
        } else if (isdigit((unsigned char)*exchange->at) || isupper((unsigned char)*exchange->at)) {
            put_hex(exchange, out);
        } else {
            break;
        }
    }
    EXPECT(exchange, nested == 0, "something is open");
}

static void send_bytes(struct exchange *exchange, const struct bytes *bytes)
{
    exchange->sent_ms = vd_clock_monotonic_ms();
    EXPECT(exchange, tls_client_write(client_of(exchange), bytes->data, bytes->length),
        "could not send");
}

static void expect_bytes(struct exchange *exchange, const struct bytes *bytes)
{
    for (size_t i = 0; i < bytes->length; i++) {
        uint8_t byte = 0;

        EXPECT(exchange, tls_client_read(client_of(exchange), &byte, 1),
            "no byte %zu, %02X was to come", i, bytes->data[i]);
        EXPECT(exchange, byte == bytes->data[i], "byte %zu is %02X, not %02X", i, byte,
            bytes->data[i]);
    }
}

static void say(struct exchange *exchange)
{
    struct bytes bytes;

    read_bytes(exchange, &bytes);
    send_bytes(exchange, &bytes);
}

static void hear(struct exchange *exchange)
{
    struct bytes bytes;

    read_bytes(exchange, &bytes);
    expect_bytes(exchange, &bytes);
}

/* Plays words that stand for others. */
static void play_words(struct exchange *exchange, void (*step)(struct exchange *), const char *text)
{
    const char *rest = exchange->at;

    exchange->at = text;
    step(exchange);
    exchange->at = rest;
}

static void open_client(struct exchange *exchange)
{
    EXPECT(exchange, client_of(exchange)->ssl == NULL, "is open");
    live_open(exchange->hub, client_of(exchange));
}

static void leave(struct exchange *exchange)
{
    tls_client_close(client_of(exchange));
    *client_of(exchange) = (struct tls_client){.fd = -1};
}

static void log_in(struct exchange *exchange)
{
    open_client(exchange);
    play_words(exchange, say, "10 [('MQTT') 04 C2 003C ('dev1') (user:dev1) (token:dev1)]");
    play_words(exchange, hear, "20020000");
}

static void ping(struct exchange *exchange)
{
    play_words(exchange, say, "C000");
    play_words(exchange, hear, "D000");
}

static void expect_end(struct exchange *exchange)
{
    size_t length = 0;

    EXPECT(exchange, tls_client_read_end(client_of(exchange), &length), "it does not close");
    EXPECT(exchange, length == 0, "%zu bytes before it closed", length);
    leave(exchange);
}

static void note_outcome(void *context, const struct vd_method_answer *answer)
{
    struct outcome *ended = context;

    ended->error = answer->error;
    ended->status = answer->status;
    ended->is_over = true;
}

/* The payload is one character. */
static void call_dev1(
    struct exchange *exchange, const char *payload, uint32_t connect_ms, struct outcome *ended)
{
    const struct vd_method_call call = {.device_id = "dev1",
        .name = "reboot",
        .payload = vd_str_from(payload),
        .response_timeout_ms = LIVE_AWAIT_MS,
        .connect_timeout_ms = connect_ms};

    *ended = (struct outcome){.is_over = false};
    assert_int_equal(vd_hub_call_method(exchange->hub->hub, &call, note_outcome, ended), VD_OK);
}

/* Reads the call with this payload, as a PUBLISH at QoS 0 without DUP and RETAIN, and answers it. */
static void answer_call(struct exchange *exchange, const char *payload)
{
    char topic[128] = "";
    char answer[256];
    uint8_t head[4];
    char body = '\0';

    EXPECT(exchange, tls_client_read(client_of(exchange), head, sizeof head), "no call came");
    EXPECT(exchange, head[0] == 0x30, "its first byte is %02X", head[0]);
    EXPECT(exchange, head[2] == 0 && head[3] < sizeof topic && head[1] == head[3] + 3,
        "its lengths are %02X, %02X%02X", head[1], head[2], head[3]);
    EXPECT(exchange, tls_client_read(client_of(exchange), topic, head[3]), "no topic came");
    EXPECT(exchange, strncmp(topic, METHOD, sizeof METHOD - 1) == 0, "its topic is %s", topic);
    EXPECT(exchange, tls_client_read(client_of(exchange), &body, 1), "no payload came");
    EXPECT(exchange, body == *payload, "its payload is %c", body);
    snprintf(answer, sizeof answer, "30 [('$iothub/methods/res/207/?$rid=%s') '{}']",
        topic + sizeof METHOD - 1);
    play_words(exchange, say, answer);
}

static void expect_answered(struct exchange *exchange, const struct outcome *ended)
{
    LIVE_AWAIT(ended->is_over);
    EXPECT(exchange, ended->error == VD_OK && ended->status == 207, "it ended with %d, %d",
        ended->error, ended->status);
}

static void expect_call(struct exchange *exchange)
{
    call_dev1(exchange, "1", LIVE_AWAIT_MS, &outcomes[0]);
    answer_call(exchange, "1");
    expect_answered(exchange, &outcomes[0]);
}

static void expect_calls_in_order(struct exchange *exchange)
{
    call_dev1(exchange, "1", LIVE_AWAIT_MS, &outcomes[0]);
    call_dev1(exchange, "2", LIVE_AWAIT_MS, &outcomes[1]);
    answer_call(exchange, "1");
    answer_call(exchange, "2");
    expect_answered(exchange, &outcomes[0]);
    expect_answered(exchange, &outcomes[1]);
}

static void expect_no_call(struct exchange *exchange)
{
    call_dev1(exchange, "1", 0, &outcomes[0]);
    LIVE_AWAIT(outcomes[0].is_over);
    EXPECT(exchange, outcomes[0].error == VD_E_NOT_FOUND, "it ended with %d", outcomes[0].error);
}

static uint8_t read_body(struct exchange *exchange)
{
    const uint8_t body = (uint8_t)*exchange->at;

    EXPECT(exchange, isalpha(body), "no body");
    exchange->at++;
    return body;
}

static void send_message(struct exchange *exchange)
{
    const char body[2] = {(char)read_body(exchange)};

    live_send_message(exchange->hub, body, 0);
}

/* The packet id of a message that comes with this body. */
static uint16_t read_message(struct exchange *exchange, uint8_t body, bool dup)
{
    struct live_publish got;

    live_read_publish(client_of(exchange), &got);
    EXPECT(exchange, (uint8_t)got.payload[0] == body, "it is %s", got.payload);
    EXPECT(exchange, got.publish.qos == 1 && got.publish.dup == dup, "QoS %d, DUP %d",
        got.publish.qos, got.publish.dup);
    return got.publish.packet_id;
}

static void expect_given(struct exchange *exchange)
{
    const uint8_t body = read_body(exchange);
    const uint16_t packet_id = read_message(exchange, body, false);

    for (size_t i = 0; i < sizeof exchange->packet_ids / sizeof exchange->packet_ids[0]; i++) {
        EXPECT(exchange, exchange->packet_ids[i] != packet_id, "%c has its packet id", (int)i);
    }
    exchange->packet_ids[body] = packet_id;
}

static void expect_again(struct exchange *exchange)
{
    const uint8_t body = read_body(exchange);

    EXPECT(exchange, read_message(exchange, body, true) == exchange->packet_ids[body],
        "under another packet id");
}

static void take_message(struct exchange *exchange)
{
    uint16_t *packet_id = &exchange->packet_ids[read_body(exchange)];
    const struct bytes puback = {{0x40, 2, (uint8_t)(*packet_id >> 8), (uint8_t)*packet_id}, 4};

    send_bytes(exchange, &puback);
    *packet_id = 0;
}

static void expect_settled(struct exchange *exchange)
{
    LIVE_AWAIT(live_messages_waiting(exchange->hub) == 0);
}

static long read_number(struct exchange *exchange)
{
    char *end = NULL;
    const long number = strtol(exchange->at, &end, 10);

    EXPECT(exchange, end != exchange->at, "no number");
    exchange->at = end;
    return number;
}

static void expect_records(struct exchange *exchange)
{
    const uint32_t count = exchange->base + (uint32_t)read_number(exchange);

    EXPECT(exchange, fault_log_await_records(&exchange->hub->log, count), "too few records");
    EXPECT(exchange, fault_log_count(&exchange->hub->log) == count, "%u records",
        fault_log_count(&exchange->hub->log) - exchange->base);
}

/* Compares the rest of the word. */
static void expect_text(struct exchange *exchange, struct vd_str text)
{
    const size_t length = strcspn(exchange->at, " ");

    EXPECT(exchange, vd_str_equal(text, (struct vd_str){exchange->at, length}), "it is %.*s",
        (int)text.length, text.data);
    exchange->at += length;
}

static void expect_bodies(struct exchange *exchange)
{
    struct fault_log *log = &exchange->hub->log;
    struct vd_buf bodies = {0};
    struct vd_event event;

    for (uint32_t i = exchange->base; fault_log_get(log, i, &event); i++) {
        vd_buf_append(&bodies, event.body.data, event.body.length);
    }
    expect_text(exchange, (struct vd_str){(const char *)bodies.data, bodies.length});
    vd_buf_release(&bodies);
}

static void expect_bag(struct exchange *exchange)
{
    struct fault_log *log = &exchange->hub->log;
    struct vd_event event;

    EXPECT(exchange, fault_log_count(log) > exchange->base, "no record");
    assert_true(fault_log_get(log, fault_log_count(log) - 1, &event));
    expect_text(exchange, event.properties);
}

static void expect_end_after(struct exchange *exchange)
{
    const long least_ms = read_number(exchange);
    int64_t took_ms;

    expect_end(exchange);
    took_ms = vd_clock_monotonic_ms() - exchange->sent_ms;
    EXPECT(exchange, took_ms >= least_ms, "it closed after %lld ms", (long long)took_ms);
}

static void change_client(struct exchange *exchange)
{
    exchange->who = 1 - exchange->who;
}

/* `@FILE TEST`: so that the name of a test that moved does not stay behind. */
static void expect_test(struct exchange *exchange)
{
    char path[256];
    char wanted[128];
    char line[256];
    const size_t length = strcspn(exchange->at, " ");
    bool is_found = false;
    FILE *file;

    snprintf(path, sizeof path, VD_SOURCE_DIR "/tests/hub/%.*s", (int)length, exchange->at);
    snprintf(wanted, sizeof wanted, "static void %s(void **state)\n", exchange->at + length + 1);
    file = fopen(path, "r");
    EXPECT(exchange, file != NULL, "there is no %s", path);
    while (fgets(line, sizeof line, file) != NULL) {
        is_found = is_found || strcmp(line, wanted) == 0;
    }
    fclose(file);
    EXPECT(exchange, is_found, "there is no such test");
    exchange->at += strlen(exchange->at);
}

/* Longer words first where one begins another. */
static const struct {
    const char *word;
    void (*step)(struct exchange *exchange);
} words[] = {
    {"open", open_client},
    {"login", log_in},
    {"other", change_client},
    {">", say},
    {"<", hear},
    {"alive", ping},
    {"end-after:", expect_end_after},
    {"end", expect_end},
    {"leave", leave},
    {"records:", expect_records},
    {"bodies:", expect_bodies},
    {"bag:", expect_bag},
    {"called-in-order", expect_calls_in_order},
    {"called", expect_call},
    {"uncalled", expect_no_call},
    {"message:", send_message},
    {"given:", expect_given},
    {"again:", expect_again},
    {"taken:", take_message},
    {"settled", expect_settled},
    {"@", expect_test},
};

static void play_word(struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (take(exchange, words[i].word)) {
            words[i].step(exchange);
            return;
        }
    }
    EXPECT(exchange, false, "no such word");
}

void exchange_play(struct live_hub *hub, const char *name, const char *text)
{
    struct exchange exchange = {.hub = hub,
        .name = name,
        .at = text,
        .clients = {{.fd = -1}, {.fd = -1}},
        .base = fault_log_count(&hub->log)};

    for (skip_spaces(&exchange); *exchange.at != '\0'; skip_spaces(&exchange)) {
        play_word(&exchange);
    }
    for (exchange.who = 0; exchange.who < 2; exchange.who++) {
        if (client_of(&exchange)->ssl != NULL) {
            leave(&exchange);
        }
    }
}
