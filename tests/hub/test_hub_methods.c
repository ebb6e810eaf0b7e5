/* SPDX-License-Identifier: MIT */
/* Direct methods through a running hub: sent, answered, waited for, and ended once whatever happens. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <pthread.h>

#include "tests/hub/live_hub.h"

#define METHODS     "$iothub/methods/POST/#"
#define LONG_MS     20000
#define BODY_LENGTH 64

/* What a completion said. */
struct outcome {
    _Atomic int count;
    int error;
    int status;
    char payload[BODY_LENGTH];
    size_t length;
};

static void note_end(void *context, const struct vd_method_answer *answer)
{
    struct outcome *outcome = context;

    outcome->error = answer->error;
    outcome->status = answer->status;
    outcome->length = answer->payload.length;
    memcpy(outcome->payload, answer->payload.data,
        outcome->length < BODY_LENGTH ? outcome->length : BODY_LENGTH);
    outcome->count++;
}

static void expect_end(const struct outcome *outcome, int error)
{
    LIVE_AWAIT(outcome->count > 0);
    assert_int_equal(outcome->count, 1);
    assert_int_equal(outcome->error, error);
}

static int call_for(struct live_hub *f, const char *device_id, const char *module_id,
    struct vd_str payload, uint32_t connect_ms, uint32_t response_ms, struct outcome *outcome)
{
    const struct vd_method_call call = {.device_id = device_id,
        .module_id = module_id,
        .name = "reboot",
        .payload = payload,
        .response_timeout_ms = response_ms,
        .connect_timeout_ms = connect_ms};

    *outcome = (struct outcome){.count = 0};
    return vd_hub_call_method(f->hub, &call, note_end, outcome);
}

/* A call of dev1 with time enough. */
static void call_dev1(struct live_hub *f, struct outcome *outcome)
{
    assert_int_equal(
        call_for(f, "dev1", NULL, VD_STR_LITERAL("{\"in\":5}"), LONG_MS, LONG_MS, outcome), VD_OK);
}

static void subscribe(struct tls_client *client, uint8_t qos)
{
    struct vd_buf packet = {0};
    const char suback[] = {(char)0x90, 3, 0, 5, (char)qos};

    packet_subscribe(&packet, 5, METHODS, qos);
    live_send(client, &packet);
    live_expect(client, suback, sizeof suback);
}

/* Reads a PUBLISH at QoS 0 whole: topic and payload as texts. */
static void read_call(struct tls_client *client, char topic[256], char *payload, size_t size)
{
    uint8_t byte = 0;
    uint8_t length[2];
    size_t remaining = 0;
    size_t topic_length;

    live_expect(client, "\x30", 1);
    for (int shift = 0; shift < 28; shift += 7) {
        assert_true(tls_client_read(client, &byte, 1));
        remaining |= (size_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            break;
        }
    }
    assert_true(tls_client_read(client, length, 2));
    topic_length = (size_t)length[0] << 8 | length[1];
    assert_true(topic_length < 256 && remaining - 2 - topic_length < size);
    assert_true(tls_client_read(client, topic, topic_length));
    topic[topic_length] = '\0';
    remaining -= 2 + topic_length;
    assert_true(tls_client_read(client, payload, remaining));
    payload[remaining] = '\0';
}

/* Reads a call of "reboot" and gives its request id. */
static void expect_call(struct tls_client *client, char rid[32])
{
    static const char prefix[] = "$iothub/methods/POST/reboot/?$rid=";
    char topic[256];
    char payload[BODY_LENGTH];

    read_call(client, topic, payload, sizeof payload);
    assert_memory_equal(topic, prefix, sizeof prefix - 1);
    assert_string_equal(payload, "{\"in\":5}");
    assert_int_equal(vd_text_copy(topic + sizeof prefix - 1, rid, 32), VD_OK);
}

static void answer(struct tls_client *client, const char *rid, uint16_t packet_id)
{
    struct vd_buf packet = {0};
    char topic[128];

    snprintf(topic, sizeof topic, "$iothub/methods/res/207/?$rid=%s", rid);
    packet_publish(&packet, packet_id != 0 ? 2 : 0, topic, packet_id, "{\"out\":6}", 9);
    live_send(client, &packet);
}

static void expect_answered(const struct outcome *outcome)
{
    expect_end(outcome, VD_OK);
    assert_int_equal(outcome->status, 207);
    assert_int_equal(outcome->length, 9);
    assert_memory_equal(outcome->payload, "{\"out\":6}", 9);
}

/* The operation at `index` is a call of dev1's method that came to this. */
static void expect_recorded(
    struct live_hub *f, uint32_t index, const char *result, int response_bytes)
{
    json_t *record = NULL;
    json_t *properties = NULL;
    const char *type = NULL;
    const char *category = NULL;
    const char *text = NULL;
    const char *device = NULL;
    int request_size = 0;
    int response_size = 0;

    LIVE_AWAIT(record != NULL || (record = fault_log_operation(&f->log, index)) != NULL);
    assert_int_equal(json_unpack(record, "{s:s, s:s, s:s}", "resultType", &type, "category",
                         &category, "properties", &text),
        0);
    assert_string_equal(category, "DirectMethods");
    assert_string_equal(type, result);
    properties = json_loads(text, 0, NULL);
    assert_int_equal(json_unpack(properties, "{s:s, s:i, s:i}", "deviceId", &device, "RequestSize",
                         &request_size, "ResponseSize", &response_size),
        0);
    assert_string_equal(device, "dev1");
    assert_int_equal(request_size, 8);
    assert_int_equal(response_size, response_bytes);
    json_decref(properties);
    json_decref(record);
}

static void test_hub_methods__answered(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome outcome;
    char rid[32];
    char other[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    for (uint8_t qos = 0; qos <= 1; qos++) {
        subscribe(&client, qos);
        call_dev1(f, &outcome);
        expect_call(&client, rid); /* at QoS 0, whatever was granted */
        answer(&client, rid, 0);
        expect_answered(&outcome);
        expect_recorded(f, 1 + 2U * qos, "", 9);
        call_dev1(f, &outcome);
        expect_call(&client, other);
        assert_string_not_equal(rid, other);
        answer(&client, other, 9);
        live_expect_puback(&client, 9);
        expect_answered(&outcome);
    }
    assert_int_equal(live_stats(f).methods_answered, 4);
    assert_int_equal(live_stats(f).methods_unanswered, 0);
    assert_int_equal(fault_log_count(&f->log), 0); /* an answer is no message */
    tls_client_close(&client);
}

/* A PUBACK of an answer waits for those of the messages before it [MQTT-4.6.0-2]. */
static void test_hub_methods__acknowledged_in_order(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome outcome;
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    call_dev1(f, &outcome);
    expect_call(&client, rid);
    fault_log_hold(&f->log, true);
    live_publish(&client, LIVE_TOPIC, 1);
    answer(&client, rid, 2);
    live_publish(&client, LIVE_TOPIC, 3);
    expect_answered(&outcome); /* the caller need not wait for the log */
    live_ping(&client);
    fault_log_hold(&f->log, false);
    live_expect_puback(&client, 1);
    live_expect_puback(&client, 2);
    live_expect_puback(&client, 3);
    tls_client_close(&client);
}

/* A call waits until the device is connected and has subscribed. */
static void test_hub_methods__waits_for_the_device(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome first;
    struct outcome second;
    char rid[32];

    live_start(f, &live_patient, 0);
    call_dev1(f, &first);
    live_log_in(f, &client, "dev1");
    live_ping(&client);
    call_dev1(f, &second);
    live_ping(&client);
    assert_int_equal(first.count + second.count, 0);
    subscribe(&client, 0);
    expect_call(&client, rid);
    answer(&client, rid, 0);
    expect_answered(&first); /* the older one first */
    expect_call(&client, rid);
    answer(&client, rid, 0);
    expect_answered(&second);
    tls_client_close(&client);
}

static void test_hub_methods__not_online(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome outcome;

    live_start(f, &live_patient, 0);
    assert_int_equal(call_for(f, "dev1", "", VD_STR_LITERAL("1"), 0, LONG_MS, &outcome), VD_OK);
    expect_end(&outcome, VD_E_NOT_FOUND);
    assert_int_equal(call_for(f, "dev1", "", VD_STR_LITERAL("1"), 50, LONG_MS, &outcome), VD_OK);
    expect_end(&outcome, VD_E_NOT_FOUND);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    /* The device is there, its module is not. */
    assert_int_equal(call_for(f, "dev1", "mod", VD_STR_LITERAL("1"), 0, LONG_MS, &outcome), VD_OK);
    expect_end(&outcome, VD_E_NOT_FOUND);
    assert_true(tls_client_write(&client, "\xa2\x1a\x00\x06\x00\x16$iothub/methods/POST/#", 28));
    live_expect(&client, "\xb0\x02\x00\x06", 4);
    assert_int_equal(call_for(f, "dev1", "", VD_STR_LITERAL("1"), 0, LONG_MS, &outcome), VD_OK);
    expect_end(&outcome, VD_E_NOT_FOUND);
    assert_int_equal(live_stats(f).methods_unanswered, 4);
    tls_client_close(&client);
}

static void test_hub_methods__too_late(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome outcome;
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    assert_int_equal(
        call_for(f, "dev1", NULL, VD_STR_LITERAL("{\"in\":5}"), 0, 50, &outcome), VD_OK);
    expect_call(&client, rid);
    expect_end(&outcome, VD_E_TIMEOUT);
    answer(&client, rid, 0); /* too late: it is ignored, the device stays */
    answer(&client, "1", 0);
    answer(&client, "what?", 3);
    live_expect_puback(&client, 3);
    LIVE_AWAIT(live_stats(f).method_answers_ignored == 3);
    assert_int_equal(outcome.count, 1);
    live_ping(&client);
    tls_client_close(&client);
}

/* Nobody answers for another, not even a module for its device. */
static void test_hub_methods__foreign_answer(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct tls_client other;
    struct outcome outcome;
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    live_log_in(f, &other, "dev2");
    subscribe(&client, 0);
    subscribe(&other, 0);
    call_dev1(f, &outcome);
    expect_call(&client, rid);
    answer(&other, rid, 4);
    live_expect_puback(&other, 4);
    assert_int_equal(live_stats(f).method_answers_ignored, 1);
    assert_int_equal(outcome.count, 0);
    answer(&client, rid, 0);
    expect_answered(&outcome);
    answer(&client, rid, 0); /* twice */
    LIVE_AWAIT(live_stats(f).method_answers_ignored == 2);
    assert_int_equal(outcome.count, 1);
    tls_client_close(&client);
    tls_client_close(&other);
}

static void test_hub_methods__malformed_answer(void **state)
{
    static const char *const topics[] = {"$iothub/methods/res/ok/?$rid=1",
        "$iothub/methods/res/200/",
        "$iothub/methods/res/200/?$rid=", "$iothub/methods/res//?$rid=1"};
    struct live_hub *f = *state;
    struct outcome outcome;
    char rid[32];

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        struct tls_client client;
        struct vd_buf packet = {0};

        live_log_in(f, &client, "dev1");
        subscribe(&client, 0);
        call_dev1(f, &outcome);
        expect_call(&client, rid);
        packet_publish(&packet, 0, topics[i], 0, "{}", 2);
        live_send(&client, &packet);
        live_expect_end(&client);
        expect_end(&outcome, VD_E_NOT_FOUND); /* gone before it answered */
    }
    assert_int_equal(live_stats(f).protocol_errors, 4);
}

static void test_hub_methods__device_gone(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct tls_client next;
    struct outcome sent;
    struct outcome unsent;
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    call_dev1(f, &sent);
    expect_call(&client, rid);
    live_log_in(f, &next, "dev1"); /* takes over */
    live_expect_end(&client);
    expect_end(&sent, VD_E_NOT_FOUND);
    /* What was not sent yet waits for the new connection. */
    call_dev1(f, &unsent);
    subscribe(&next, 0);
    expect_call(&next, rid);
    vd_hub_disconnect(f->hub, "dev1", NULL);
    expect_end(&unsent, VD_E_NOT_FOUND);
    live_expect_end(&next);
}

static void test_hub_methods__bounds(void **state)
{
    static char large[VD_METHOD_PAYLOAD_MAX_BYTES + 1];
    static char payload[sizeof large];
    struct live_hub *f = *state;
    struct vd_str body = {large, sizeof large - 1};
    struct tls_client client;
    struct outcome outcomes[VD_HUB_METHODS_PER_IDENTITY + 1];
    struct outcome outcome;
    char topic[256];

    live_start(f, &live_patient, 0);
    memset(large, '7', sizeof large);
    assert_int_equal(
        call_for(f, "dev1", NULL, (struct vd_str){large, sizeof large}, 0, LONG_MS, &outcome),
        VD_E_INVALID);
    assert_int_equal(call_for(f, "dev1", NULL, body, 0, 0, &outcome), VD_E_INVALID);
    for (size_t i = 0; i < VD_HUB_METHODS_PER_IDENTITY; i++) {
        assert_int_equal(call_for(f, "dev1", NULL, body, LONG_MS, LONG_MS, &outcomes[i]), VD_OK);
    }
    assert_int_equal(call_for(f, "dev1", NULL, body, LONG_MS, LONG_MS, &outcome), VD_OK);
    expect_end(&outcome, VD_E_LIMIT);
    /* The largest payload arrives whole; what finds no room in the output is refused, and the device stays. */
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    read_call(&client, topic, payload, sizeof payload);
    assert_int_equal(strlen(payload), VD_METHOD_PAYLOAD_MAX_BYTES);
    assert_memory_equal(payload, large, VD_METHOD_PAYLOAD_MAX_BYTES);
    for (size_t i = 1; i < VD_HUB_METHODS_PER_IDENTITY; i++) {
        LIVE_AWAIT(outcomes[i].count == 0 || outcomes[i].error == VD_E_LIMIT);
    }
    assert_int_equal(outcomes[0].count, 0);
    assert_true(vd_hub_is_connected(f->hub, "dev1", NULL));
    vd_hub_disconnect(f->hub, "dev1", NULL);
    for (size_t i = 0; i < VD_HUB_METHODS_PER_IDENTITY; i++) {
        LIVE_AWAIT(outcomes[i].count == 1);
    }
    tls_client_close(&client);
}

static void test_hub_methods__largest_answer(void **state)
{
    static char large[VD_METHOD_PAYLOAD_MAX_BYTES + 1];
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome outcome;
    struct vd_buf packet = {0};
    char topic[128];
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    memset(large, '8', sizeof large);
    for (size_t over = 0; over <= 1; over++) {
        call_dev1(f, &outcome);
        expect_call(&client, rid);
        snprintf(topic, sizeof topic, "$iothub/methods/res/0/?$rid=%s", rid);
        packet_publish(&packet, 0, topic, 0, large, VD_METHOD_PAYLOAD_MAX_BYTES + over);
        live_send(&client, &packet);
        expect_end(&outcome, over == 0 ? VD_OK : VD_E_NOT_FOUND);
        assert_int_equal(outcome.length, over == 0 ? VD_METHOD_PAYLOAD_MAX_BYTES : 0);
    }
    live_expect_end(&client);
}

/* Records of calls that the hub did not take, or gave up. */
static unsigned count_refused(struct live_hub *f)
{
    unsigned count = 0;
    json_t *record;

    for (uint32_t i = 0; (record = fault_log_operation(&f->log, i)) != NULL; i++) {
        const char *result = json_string_value(json_object_get(record, "resultType"));
        const char *category = json_string_value(json_object_get(record, "category"));

        count += strcmp(category, "DirectMethods") == 0 && strcmp(result, "503001") == 0;
        json_decref(record);
    }
    return count;
}

/* Calls under way and calls that still come end when the hub refuses them, and when it stops. */
static void test_hub_methods__stopping(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct outcome sent;
    struct outcome unsent;
    struct outcome late;
    char rid[32];

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, 0);
    call_dev1(f, &sent);
    expect_call(&client, rid);
    assert_int_equal(
        call_for(f, "dev2", NULL, VD_STR_LITERAL("1"), LONG_MS, LONG_MS, &unsent), VD_OK);
    vd_hub_refuse_methods(f->hub);
    expect_end(&sent, VD_E_CLOSED);
    expect_end(&unsent, VD_E_CLOSED);
    assert_int_equal(
        call_for(f, "dev1", NULL, VD_STR_LITERAL("1"), 0, LONG_MS, &late), VD_E_CLOSED);
    assert_int_equal(late.count, 0);
    live_ping(&client); /* the rest goes on */
    tls_client_close(&client);
    /* What was not taken is recorded like what was. */
    LIVE_AWAIT(count_refused(f) == 3);
}

#define CALLERS          4
#define CALLS_PER_CALLER 50

struct caller {
    struct live_hub *f;
    struct outcome outcomes[CALLS_PER_CALLER];
    int taken;
};

static void *call_often(void *argument)
{
    struct caller *caller = argument;

    while (caller->taken < CALLS_PER_CALLER &&
        call_for(caller->f, "dev2", NULL, VD_STR_LITERAL("1"), LONG_MS, LONG_MS,
            &caller->outcomes[caller->taken]) == VD_OK) {
        caller->taken++;
    }
    return NULL;
}

/* Threads that call while the hub stops: each call that was taken ends once. */
static void test_hub_methods__stop_under_load(void **state)
{
    static struct caller callers[CALLERS];
    struct live_hub *f = *state;
    pthread_t threads[CALLERS];

    live_start(f, &live_patient, 0);
    for (size_t i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.f = f};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    vd_hub_refuse_methods(f->hub);
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
    }
    vd_hub_stop(f->hub);
    f->hub = NULL;
    for (size_t i = 0; i < CALLERS; i++) {
        for (int j = 0; j < callers[i].taken; j++) {
            assert_int_equal(callers[i].outcomes[j].count, 1);
            assert_true(callers[i].outcomes[j].error == VD_E_CLOSED ||
                callers[i].outcomes[j].error == VD_E_LIMIT);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_hub_methods__answered),
        LIVE_TEST(test_hub_methods__acknowledged_in_order),
        LIVE_TEST(test_hub_methods__waits_for_the_device),
        LIVE_TEST(test_hub_methods__not_online),
        LIVE_TEST(test_hub_methods__too_late),
        LIVE_TEST(test_hub_methods__foreign_answer),
        LIVE_TEST(test_hub_methods__malformed_answer),
        LIVE_TEST(test_hub_methods__device_gone),
        LIVE_TEST(test_hub_methods__bounds),
        LIVE_TEST(test_hub_methods__largest_answer),
        LIVE_TEST(test_hub_methods__stopping),
        LIVE_TEST(test_hub_methods__stop_under_load),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
