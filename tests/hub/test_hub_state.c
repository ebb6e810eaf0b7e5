/* SPDX-License-Identifier: MIT */
/* A live hub with what it remembers: kept sessions, twins and messages to devices, through restarts. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <jansson.h>

#include "hub/topic.h"
#include "tests/hub/live_messages.h"

#define DEVICEBOUND "devices/dev1/messages/devicebound/#"
#define TWIN_RES    "$iothub/twin/res/#"
#define DESIRED     "$iothub/twin/PATCH/properties/desired/#"
#define GET         "$iothub/twin/GET/?$rid="
#define PATCH       "$iothub/twin/PATCH/properties/reported/?$rid="

static void start(struct live_hub *f)
{
    live_open_state(f);
    live_start(f, &live_patient, 0);
}

static void restart(struct live_hub *f)
{
    live_stop(f);
    start(f);
}

static void subscribe(struct tls_client *client, const char *filter, uint8_t qos)
{
    const char suback[] = {(char)0x90, 3, 0, 7, (char)qos};
    struct vd_buf packet = {0};

    packet_subscribe(&packet, 7, filter, qos);
    live_send(client, &packet);
    live_expect(client, suback, sizeof suback);
}

static void publish(struct tls_client *client, const char *topic, const char *body)
{
    struct vd_buf packet = {0};

    packet_publish(&packet, 0, topic, 0, body, strlen(body));
    live_send(client, &packet);
}

static void expect(struct tls_client *client, const char *topic, const char *payload)
{
    struct live_publish got;

    live_read_publish(client, &got);
    assert_string_equal(got.topic, topic);
    assert_string_equal(got.payload, payload);
    assert_int_equal(got.publish.qos, 0);
}

/* ---- Twins ---- */

static void test_twin(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    start(f);
    live_log_in(f, &client, "dev1");
    subscribe(&client, TWIN_RES, 0);
    publish(&client, GET "1", " ");
    expect(&client, "$iothub/twin/res/200/?$rid=1",
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    publish(&client, PATCH "2", "{\"a\":1,\"b\":{\"c\":\"x\"}}");
    expect(&client, "$iothub/twin/res/204/?$rid=2&$version=2", "");
    publish(&client, PATCH "3", "{\"a\":null}");
    expect(&client, "$iothub/twin/res/204/?$rid=3&$version=3", "");
    publish(&client, GET "4", "");
    expect(&client, "$iothub/twin/res/200/?$rid=4",
        "{\"desired\":{\"$version\":1},\"reported\":{\"b\":{\"c\":\"x\"},\"$version\":3}}");
    tls_client_close(&client);

    restart(f);
    live_log_in_kept(f, &client, "dev1", true);
    publish(&client, GET "5", "");
    expect(&client, "$iothub/twin/res/200/?$rid=5",
        "{\"desired\":{\"$version\":1},\"reported\":{\"b\":{\"c\":\"x\"},\"$version\":3}}");
    tls_client_close(&client);
}

/* What is asked for at once is done in that order, and what is behind it waits. */
static void test_twin__pipelined(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packets = {0};
    char topic[64];

    start(f);
    live_log_in(f, &client, "dev1");
    subscribe(&client, TWIN_RES, 0);
    for (int i = 0; i < 20; i++) {
        char body[32];

        snprintf(topic, sizeof topic, PATCH "%d", i);
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        packet_publish(&packets, 0, topic, 0, body, strlen(body));
    }
    vd_buf_append(&packets, "\xc0\x00", 2);
    live_send(&client, &packets);
    for (int i = 0; i < 20; i++) {
        snprintf(topic, sizeof topic, "$iothub/twin/res/204/?$rid=%d&$version=%d", i, i + 2);
        expect(&client, topic, "");
    }
    live_expect(&client, "\xd0\x00", 2);
    tls_client_close(&client);
}

static void expect_fault(struct tls_client *client, const char *topic, int code)
{
    struct live_publish got;
    json_t *fault;

    live_read_publish(client, &got);
    assert_string_equal(got.topic, topic);
    fault = json_loads(got.payload, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(fault, "errorCode")), code);
    assert_true(json_string_length(json_object_get(fault, "message")) > 0);
    json_decref(fault);
}

/* True once one was recorded whose member is this text. */
static bool has_operation(struct live_hub *f, const char *member, const char *text)
{
    bool has = false;
    json_t *operation;

    for (uint32_t i = 0; !has && (operation = fault_log_operation(&f->log, i)) != NULL; i++) {
        has = strcmp(json_string_value(json_object_get(operation, member)), text) == 0;
        json_decref(operation);
    }
    return has;
}

static void test_twin__faults(void **state)
{
    static char large[40000];
    struct live_hub *f = *state;
    struct tls_client client;
    size_t at = 1;

    start(f);
    live_log_in(f, &client, "dev1");
    subscribe(&client, TWIN_RES, 0);
    publish(&client, PATCH "1", "{\"a\":");
    expect_fault(&client, "$iothub/twin/res/400/?$rid=1", 400001);
    publish(&client, PATCH "2", "{\"a b\":1}");
    expect_fault(&client, "$iothub/twin/res/400/?$rid=2", 400001);
    large[0] = '{';
    for (int i = 0; i < 9; i++) {
        at += (size_t)snprintf(
            large + at, sizeof large - at, "%s\"k%d\":\"%04000d\"", i > 0 ? "," : "", i, 0);
    }
    large[at] = '}';
    publish(&client, PATCH "3", large);
    expect_fault(&client, "$iothub/twin/res/413/?$rid=3", 413001);
    LIVE_AWAIT(has_operation(f, "resultType", "400001"));
    LIVE_AWAIT(has_operation(f, "resultType", "413001"));
    publish(&client, GET "4", "");
    expect(&client, "$iothub/twin/res/200/?$rid=4",
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    tls_client_close(&client);
}

static void test_twin__no_state(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    subscribe(&client, TWIN_RES, 0);
    publish(&client, GET "1", "");
    expect_fault(&client, "$iothub/twin/res/503/?$rid=1", 503001);
    live_ping(&client);
    tls_client_close(&client);
}

/* At QoS 1 the PUBACK follows what came before, and the answer is there too. */
static void test_twin__qos_1(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packets = {0};

    start(f);
    live_log_in(f, &client, "dev1");
    packet_publish(&packets, 2, LIVE_TOPIC, 1, "body", 4);
    packet_publish(&packets, 2, PATCH "1", 2, "{}", 2);
    packet_publish(&packets, 2, LIVE_TOPIC, 3, "body", 4);
    live_send(&client, &packets);
    live_expect_puback(&client, 1);
    live_expect_puback(&client, 2);
    live_expect_puback(&client, 3);
    tls_client_close(&client);
}

static void test_desired(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    start(f);
    live_log_in(f, &client, "dev1");
    vd_hub_desired_changed(f->hub, "dev1", NULL, 2, VD_STR_LITERAL("{\"a\":1,\"$version\":2}"));
    live_ping(&client);
    subscribe(&client, DESIRED, 0);
    vd_hub_desired_changed(f->hub, "dev1", "mod", 3, VD_STR_LITERAL("{\"$version\":3}"));
    vd_hub_desired_changed(f->hub, "dev1", NULL, 4, VD_STR_LITERAL("{\"a\":2,\"$version\":4}"));
    expect(
        &client, "$iothub/twin/PATCH/properties/desired/?$version=4", "{\"a\":2,\"$version\":4}");
    tls_client_close(&client);
}

/* ---- Sessions ---- */

static void test_session__kept(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packet = {0};

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    subscribe(&client, DESIRED, 0);
    tls_client_close(&client);
    for (int i = 0; i < 2; i++) {
        live_log_in_kept(f, &client, "dev1", true);
        vd_hub_desired_changed(f->hub, "dev1", NULL, 4, VD_STR_LITERAL("{}"));
        expect(&client, "$iothub/twin/PATCH/properties/desired/?$version=4", "{}");
        tls_client_close(&client);
        restart(f);
    }
    /* Another identity has its own. */
    live_log_in_kept(f, &client, "dev2", false);
    tls_client_close(&client);
    /* What is unsubscribed stays so. */
    live_log_in_kept(f, &client, "dev1", true);
    packet_raw(&packet, 0xa2, "\x00\x06\x00\x27" DESIRED, 4 + sizeof DESIRED - 1);
    live_send(&client, &packet);
    live_expect(&client, "\xb0\x02\x00\x06", 4);
    tls_client_close(&client);
    live_log_in_kept(f, &client, "dev1", false);
    tls_client_close(&client);
}

/* A clean session forgets the one before, and leaves nothing. */
static void test_session__clean(void **state)
{
    const struct vd_key key = memory_key('a');
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packet = {0};
    size_t at = 1;

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    subscribe(&client, DESIRED, 0);
    tls_client_close(&client);
    live_open(f, &client);
    packet_connect_device(&packet, "dev1", NULL, &key, live_in_s(3600), 60);
    while ((packet.data[at] & 0x80) != 0) {
        at++;
    }
    packet.data[at + 8] |= 2;
    live_send(&client, &packet);
    live_expect(&client, "\x20\x02\x00\x00", 4);
    subscribe(&client, TWIN_RES, 0);
    tls_client_close(&client);
    live_log_in_kept(f, &client, "dev1", false);
    tls_client_close(&client);
}

/* A re-created identity is another one. */
static void test_session__generation(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    subscribe(&client, TWIN_RES, 0);
    publish(&client, PATCH "1", "{\"a\":1}");
    expect(&client, "$iothub/twin/res/204/?$rid=1&$version=2", "");
    tls_client_close(&client);
    f->registry.identities[0].generation_id[0] = '1';
    live_log_in_kept(f, &client, "dev1", false);
    subscribe(&client, TWIN_RES, 0);
    publish(&client, GET "2", "");
    expect(&client, "$iothub/twin/res/200/?$rid=2",
        "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    tls_client_close(&client);
}

/* When a device was heard of is known: it connects, is silent, and leaves. */
static void test_activity(void **state)
{
    struct live_hub *f = *state;
    const int64_t begun_ms = vd_clock_utc_ms();
    struct vd_state_activity connected;
    struct tls_client client;

    start(f);
    assert_int_equal(live_activity(f).seen_ms, 0);
    live_log_in(f, &client, "dev1");
    LIVE_AWAIT(live_activity(f).connection_ms >= begun_ms);
    connected = live_activity(f);
    assert_int_equal(connected.seen_ms, connected.connection_ms);
    usleep(2000); /* so that the next time is another one */
    live_ping(&client);
    tls_client_close(&client);
    LIVE_AWAIT(live_activity(f).connection_ms > connected.connection_ms);
    assert_in_range(
        live_activity(f).seen_ms, connected.seen_ms + 1, live_activity(f).connection_ms);
    restart(f);
    assert_true(live_activity(f).seen_ms > connected.seen_ms);
}

/* ---- Messages ---- */

static uint16_t expect_message(struct tls_client *client, const char *body, uint8_t qos, bool dup)
{
    struct live_publish got;

    live_read_publish(client, &got);
    assert_string_equal(got.topic, "devices/dev1/messages/devicebound/a=b");
    assert_string_equal(got.payload, body);
    assert_int_equal(got.publish.qos, qos);
    assert_int_equal(got.publish.dup, dup);
    assert_int_equal(got.publish.packet_id != 0, qos == 1);
    return got.publish.packet_id;
}

static void acknowledge(struct tls_client *client, uint16_t packet_id)
{
    const char puback[] = {0x40, 2, (char)(packet_id >> 8), (char)packet_id};

    assert_true(tls_client_write(client, puback, sizeof puback));
}

static void test_c2d(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    uint16_t ids[3];

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    live_send_message(f, "one", 0); /* nobody subscribed: it waits */
    live_ping(&client);
    subscribe(&client, DEVICEBOUND, 1);
    ids[0] = expect_message(&client, "one", 1, false);
    live_send_message(f, "two", 0);
    ids[1] = expect_message(&client, "two", 1, false);
    acknowledge(&client, ids[1]);
    acknowledge(&client, 4711); /* nobody's */
    LIVE_AWAIT(live_messages_waiting(f) == 1);
    tls_client_close(&client);

    /* Away: what was not acknowledged comes first, under its own packet id, whatever happened to the hub. It is
       away once the hub began again; until then "three" may have been tried on the connection that closes. */
    restart(f);
    live_send_message(f, "three", 0);
    restart(f);
    live_log_in_kept(f, &client, "dev1", true);
    assert_int_equal(expect_message(&client, "one", 1, true), ids[0]);
    ids[2] = expect_message(&client, "three", 1, false);
    assert_true(ids[2] != ids[0]);
    acknowledge(&client, ids[0]);
    acknowledge(&client, ids[2]);
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    live_ping(&client);
    tls_client_close(&client);
}

static void test_c2d__qos_0(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    for (int i = 0; i < 20; i++) {
        live_send_message(f, "x", 0);
    }
    subscribe(&client, DEVICEBOUND, 0);
    for (int i = 0; i < 20; i++) {
        expect_message(&client, "x", 0, false);
    }
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    tls_client_close(&client);
}

/* So many are on their way at once and no more. */
static void test_c2d__window(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    uint16_t ids[VD_HUB_C2D_IN_FLIGHT];
    char body[16];

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    for (int i = 0; i <= VD_HUB_C2D_IN_FLIGHT; i++) {
        snprintf(body, sizeof body, "m%d", i);
        live_send_message(f, body, 0);
    }
    subscribe(&client, DEVICEBOUND, 1);
    for (int i = 0; i < VD_HUB_C2D_IN_FLIGHT; i++) {
        snprintf(body, sizeof body, "m%d", i);
        ids[i] = expect_message(&client, body, 1, false);
    }
    vd_hub_c2d_waiting(f->hub, "dev1");
    live_ping(&client);
    acknowledge(&client, ids[3]);
    snprintf(body, sizeof body, "m%d", VD_HUB_C2D_IN_FLIGHT);
    expect_message(&client, body, 1, false);
    tls_client_close(&client);
}

/* Given so often without a PUBACK it is over, and the sender hears of it. */
static void test_c2d__exhausted(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    start(f);
    live_send_message(f, "x", 0);
    for (int i = 0; i < VD_HUB_C2D_DELIVERIES_MAX; i++) {
        live_log_in_kept(f, &client, "dev1", i > 0);
        if (i == 0) {
            subscribe(&client, DEVICEBOUND, 1);
        }
        expect_message(&client, "x", 1, i > 0);
        tls_client_close(&client);
    }
    LIVE_AWAIT(live_first_feedback(f) == VD_C2D_EXHAUSTED);
    live_log_in_kept(f, &client, "dev1", true);
    live_ping(&client);
    assert_int_equal(live_messages_waiting(f), 0);
    tls_client_close(&client);
}

static void test_c2d__expired(void **state)
{
    struct live_hub *f = *state;

    start(f);
    live_send_message(f, "x", vd_clock_utc_ms() + 50);
    LIVE_AWAIT(live_first_feedback(f) == VD_C2D_EXPIRED);
    LIVE_AWAIT(has_operation(f, "operationName", "messageExpired"));
}

/* A taken over connection gives what it had to the one that comes. */
static void test_c2d__taken_over(void **state)
{
    struct live_hub *f = *state;
    struct tls_client old;
    struct tls_client client;
    uint16_t id;

    start(f);
    live_log_in_kept(f, &old, "dev1", false);
    subscribe(&old, DEVICEBOUND, 1);
    live_send_message(f, "x", 0);
    id = expect_message(&old, "x", 1, false);
    live_log_in_kept(f, &client, "dev1", true);
    live_expect_end(&old);
    assert_int_equal(expect_message(&client, "x", 1, true), id);
    acknowledge(&client, id);
    LIVE_AWAIT(live_messages_waiting(f) == 0);
    assert_int_equal(live_first_feedback(f), VD_C2D_COMPLETED);
    tls_client_close(&client);
}

/* ---- Stopping ---- */

/* What was answered is there, however the hub is stopped in the midst of it. */
static void test_stop(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;
    struct vd_buf packets = {0};
    struct live_publish got;
    const char *topic = "$iothub/twin/res/204/?$rid=1&$version=";
    long long version = 1;

    start(f);
    live_log_in_kept(f, &client, "dev1", false);
    subscribe(&client, TWIN_RES, 0);
    for (int i = 0; i < 500; i++) {
        packet_publish(&packets, 0, PATCH "1", 0, "{\"a\":1}", 7);
    }
    live_send(&client, &packets);
    live_read_publish(&client, &got);
    live_stop(f);
    do {
        assert_memory_equal(got.topic, topic, strlen(topic));
        version = strtoll(got.topic + strlen(topic), NULL, 10);
    } while (live_next_publish(&client, &got));
    assert_true(version < 501); /* else it was not in the midst */
    tls_client_close(&client);
    start(f);
    live_log_in_kept(f, &client, "dev1", true);
    publish(&client, PATCH "1", "{}");
    live_read_publish(&client, &got);
    assert_memory_equal(got.topic, topic, strlen(topic));
    assert_true(strtoll(got.topic + strlen(topic), NULL, 10) > version);
    tls_client_close(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE_TEST(test_twin),
        LIVE_TEST(test_twin__pipelined),
        LIVE_TEST(test_twin__faults),
        LIVE_TEST(test_twin__no_state),
        LIVE_TEST(test_twin__qos_1),
        LIVE_TEST(test_desired),
        LIVE_TEST(test_session__kept),
        LIVE_TEST(test_session__clean),
        LIVE_TEST(test_session__generation),
        LIVE_TEST(test_activity),
        LIVE_TEST(test_c2d),
        LIVE_TEST(test_c2d__qos_0),
        LIVE_TEST(test_c2d__window),
        LIVE_TEST(test_c2d__exhausted),
        LIVE_TEST(test_c2d__expired),
        LIVE_TEST(test_c2d__taken_over),
        LIVE_TEST(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
