/* SPDX-License-Identifier: MIT */
/* The records of operations: their form, and what a running hub records of whom. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>

#include "hub/operation.h"
#include "tests/hub/live_hub.h"

#define TOPIC1 "devices/dev1/messages/events/"

/* The record, and what its properties say; both the caller's. */
static json_t *write_and_read(const struct vd_operation *operation, json_t **properties)
{
    struct vd_buf text = {0};
    struct vd_event event = {0};
    json_t *record;

    assert_int_equal(vd_operation_event(operation, "hub.example", &text, &event), VD_OK);
    assert_int_equal(event.kind, VD_EVENT_OPERATION);
    record = json_loadb(event.body.data, event.body.length, 0, NULL);
    vd_buf_release(&text);
    assert_non_null(record);
    *properties = json_loads(json_string_value(json_object_get(record, "properties")), 0, NULL);
    assert_non_null(*properties);
    return record;
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "(none)";
}

static void test_operation__form(void **state)
{
    const struct vd_principal who = {.device_id = "dev1", .by_policy = true};
    const struct vd_operation operation = {
        .category = VD_OPERATION_CONNECTIONS,
        .name = "deviceConnect",
        .result = vd_result_of_refusal(VD_REFUSED_SIGNATURE),
        .reason = "signature_wrong",
        .time_ms = 1764000000123,
        .duration_ms = 45,
        .device_id = "dev1",
        .module_id = "mod",
        .protocol = "Mqtt",
        .auth_type = vd_operation_auth_type(&who),
        .address = "192.0.2.77",
        .client_type = VD_STR_LITERAL("py-azure%20%22x%22"),
    };
    json_t *properties;
    json_t *record = write_and_read(&operation, &properties);

    (void)state;
    assert_string_equal(text_of(record, "time"), "2025-11-24T16:00:00.123Z");
    assert_string_equal(text_of(record, "resourceId"), "HUB.EXAMPLE");
    assert_string_equal(text_of(record, "operationName"), "deviceConnect");
    assert_string_equal(text_of(record, "category"), "Connections");
    assert_string_equal(text_of(record, "level"), "Error");
    assert_string_equal(text_of(record, "resultType"), "401003");
    assert_string_equal(text_of(record, "resultDescription"), "IotHubUnauthorized");
    assert_string_equal(text_of(record, "durationMs"), "45");
    assert_string_equal(text_of(properties, "protocol"), "Mqtt");
    assert_string_equal(text_of(properties, "authType"),
        "{\"scope\":\"hub\",\"type\":\"sas\",\"issuer\":\"iothub\"}");
    assert_string_equal(text_of(properties, "deviceId"), "dev1");
    assert_string_equal(text_of(properties, "moduleId"), "mod");
    assert_string_equal(text_of(properties, "reason"), "signature_wrong");
    assert_string_equal(text_of(properties, "maskedIpAddress"), "192.0.2.XXX");
    assert_string_equal(text_of(properties, "sdkVersion"), "py-azure \"x\"");
    assert_int_equal(json_integer_value(json_object_get(properties, "statusCode")), 401);
    json_decref(properties);
    json_decref(record);
}

/* What a client says of itself cannot spoil the record. */
static void test_operation__client_types_that_are_none(void **state)
{
    static const char *const types[] = {"", "%ff%fe", "%zz", "%00", "a%00b"};

    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const struct vd_operation operation = {
            .category = VD_OPERATION_TELEMETRY,
            .name = "ingress",
            .device_id = "dev1",
            .address = "",
            .client_type = vd_str_from(types[i]),
        };
        json_t *properties;
        json_t *record = write_and_read(&operation, &properties);

        assert_null(json_object_get(properties, "sdkVersion"));
        assert_string_equal(text_of(record, "level"), "Information");
        assert_string_equal(text_of(record, "resultType"), "");
        json_decref(properties);
        json_decref(record);
    }
}

static void test_operation__addresses_are_masked(void **state)
{
    static const char *const cases[][2] = {
        {"192.0.2.77", "192.0.2.XXX"},
        {"2001:db8::1", "2001:db8::XXX"},
        {"::1", "::XXX"},
        {"::ffff:192.0.2.1", "::ffff:192.0.2.XXX"},
        {"", ""},
    };
    char out[64];
    char small[8];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vd_address_mask(cases[i][0], out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
    vd_address_mask("192.0.2.77", small, sizeof small);
    assert_string_equal(small, "");
}

/* Waits for the operation at `index` and checks who did what, and how it went. */
static void expect_operation(
    struct live_hub *f, uint32_t index, const char *name, const char *device, const char *result)
{
    json_t *record = NULL;
    json_t *properties;

    LIVE_AWAIT(record != NULL || (record = fault_log_operation(&f->log, index)) != NULL);
    properties = json_loads(text_of(record, "properties"), 0, NULL);
    assert_string_equal(text_of(record, "operationName"), name);
    assert_string_equal(text_of(record, "resultType"), result);
    assert_string_equal(text_of(properties, "deviceId"), device);
    assert_string_equal(text_of(properties, "maskedIpAddress"), "127.0.0.XXX");
    json_decref(properties);
    json_decref(record);
}

/* How many there are of that name and result, once the hub has stopped. */
static uint32_t count_operations(struct live_hub *f, const char *name, const char *result)
{
    uint32_t count = 0;
    struct vd_reader reader;
    struct vd_event event;

    vd_reader_init(&reader, f->log.operations.bytes.data, f->log.operations.bytes.length);
    while (vd_event_next(&reader, &event) == VD_OK) {
        json_t *record = json_loadb(event.body.data, event.body.length, 0, NULL);

        count += strcmp(text_of(record, "operationName"), name) == 0 &&
            strcmp(text_of(record, "resultType"), result) == 0;
        json_decref(record);
    }
    return count;
}

/* What the records say of all minutes together, once the hub has stopped. */
static void check_messages_counted(struct live_hub *f, int64_t messages)
{
    int64_t counted = 0;
    int64_t bytes = 0;
    json_t *record;

    for (uint32_t i = 0; (record = fault_log_operation(&f->log, i)) != NULL; i++) {
        json_t *properties = json_loads(text_of(record, "properties"), 0, NULL);

        counted += json_integer_value(json_object_get(properties, "messageCount"));
        bytes += json_integer_value(json_object_get(properties, "messageSizeInBytes"));
        json_decref(properties);
        json_decref(record);
    }
    assert_int_equal(counted, messages);
    assert_true(bytes > 0 && bytes % messages == 0);
}

static void test_operation__of_connections(void **state)
{
    const struct vd_key wrong = memory_key('x');
    struct live_hub *f = *state;
    struct vd_buf packet = {0};
    struct tls_client first;
    struct tls_client second;
    struct tls_client stranger;

    live_start(f, &live_patient, 0);
    live_log_in(f, &first, "dev1");
    expect_operation(f, 0, "deviceConnect", "dev1", "");
    live_open(f, &stranger);
    packet_connect_device(&packet, "dev2", NULL, &wrong, live_in_s(3600), 60);
    live_send(&stranger, &packet);
    live_expect(&stranger, "\x20\x02\x00\x05", 4);
    live_expect_end(&stranger);
    expect_operation(f, 1, "deviceConnect", "dev2", "401003");
    live_log_in(f, &second, "dev1");
    live_expect_end(&first);
    expect_operation(f, 2, "deviceDisconnect", "dev1", "400027");
    expect_operation(f, 3, "deviceConnect", "dev1", "");
    assert_true(tls_client_write(&second, "\xe0\x00", 2));
    live_expect_end(&second);
    expect_operation(f, 4, "deviceDisconnect", "dev1", "404104");
    assert_int_equal(live_stats(f).operations_lost, 0);
}

/* What is recorded while the hub stops is written before it has stopped. */
static void test_operation__of_stopping(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    expect_operation(f, 0, "deviceConnect", "dev1", "");
    vd_hub_stop(f->hub);
    f->hub = NULL;
    expect_operation(f, 1, "deviceDisconnect", "dev1", "500001");
    tls_client_close(&client);
}

static void test_operation__of_throttling_once_a_minute(void **state)
{
    struct live_hub *f = *state;
    struct tls_client client;

    f->rates.identity_messages_per_s = 20;
    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    for (int i = 1; i <= 20 * VD_HUB_BURST_S + 20; i++) {
        live_publish(&client, TOPIC1, (uint16_t)i);
        live_expect_puback(&client, (uint16_t)i);
    }
    expect_operation(f, 1, "ingress", "dev1", "429001");
    assert_true(live_stats(f).throttled > 1);
    tls_client_close(&client);
    vd_hub_stop(f->hub);
    f->hub = NULL;
    assert_int_equal(count_operations(f, "ingress", "429001"), 1);
    check_messages_counted(f, 20 * VD_HUB_BURST_S + 20);
}

/* ---- Refused logins ---- */

static void expect_refused(struct live_hub *f, const char *device, uint8_t code)
{
    const struct vd_key wrong = memory_key('x');
    const char answer[] = {0x20, 2, 0, (char)code};
    struct vd_buf packet = {0};
    struct tls_client client;

    live_open(f, &client);
    packet_connect_device(&packet, device, NULL, &wrong, live_in_s(3600), 60);
    live_send(&client, &packet);
    live_expect(&client, answer, sizeof answer);
    live_expect_end(&client);
}

/* How many records were held back by what others say, once the hub has stopped. */
static int64_t count_held_back(struct live_hub *f)
{
    int64_t held_back = 0;
    json_t *record;

    for (uint32_t i = 0; (record = fault_log_operation(&f->log, i)) != NULL; i++) {
        json_t *properties = json_loads(text_of(record, "properties"), 0, NULL);

        held_back += json_integer_value(json_object_get(properties, "recordsHeldBack"));
        json_decref(properties);
        json_decref(record);
    }
    return held_back;
}

/* Who is let in nowhere does not fill the log; and what alerts come of is recorded meanwhile. */
static void test_operation__of_refusals_in_bounds(void **state)
{
    enum {
        STRANGERS = 90,
        FAILURES = 3,
        OFTEN = 5
    };
    const uint32_t at_once = VD_HUB_REFUSALS_MINUTE / VD_HUB_REFUSALS_OTHER_COST + 1;
    const int64_t begun_ms = vd_clock_monotonic_ms();
    struct live_hub *f = *state;
    uint32_t most;
    uint32_t recorded;

    f->rates.failed_logins_per_min = FAILURES;
    live_start(f, &live_patient, 0);
    for (int i = 0; i < STRANGERS; i++) {
        char device[24];

        snprintf(device, sizeof device, "nobody%d", i);
        expect_refused(f, device, VD_CONNACK_NOT_AUTHORISED);
    }
    for (int i = 0; i < FAILURES + OFTEN; i++) {
        expect_refused(
            f, "dev1", i < FAILURES ? VD_CONNACK_NOT_AUTHORISED : VD_CONNACK_UNAVAILABLE);
    }
    expect_refused(f, "dev2", VD_CONNACK_NOT_AUTHORISED);
    most = at_once + (uint32_t)(vd_clock_monotonic_ms() - begun_ms) / 1000 + 1;
    vd_hub_stop(f->hub);
    f->hub = NULL;
    recorded = count_operations(f, "deviceConnect", "404001");
    assert_in_range(recorded, at_once, most < STRANGERS ? most : STRANGERS);
    assert_int_equal(count_operations(f, "deviceConnect", "401003"), FAILURES + 1);
    assert_in_range(count_operations(f, "deviceConnect", "429001"), 1, 3);
    /* dev2's tells of the last ones. */
    assert_int_equal(count_held_back(f) + recorded + FAILURES + 1 +
            count_operations(f, "deviceConnect", "429001"),
        STRANGERS + FAILURES + OFTEN + 1);
}

/* ---- From other threads ---- */

#define THREADS    4
#define PER_THREAD 500

struct recorder {
    pthread_t thread;
    struct vd_hub *hub;
    int number;
};

static void *record_many(void *argument)
{
    const struct recorder *recorder = argument;
    char device[16];

    snprintf(device, sizeof device, "dev%d", recorder->number);
    for (int i = 0; i < PER_THREAD; i++) {
        vd_hub_record(recorder->hub,
            &(struct vd_operation){
                .category = VD_OPERATION_METHODS,
                .name = "send",
                .device_id = device,
                .properties = {{"RequestSize", NULL, i}, {"x", "text", 0}},
            });
    }
    return NULL;
}

static json_t *properties_of(const json_t *record)
{
    json_t *properties = json_loads(text_of(record, "properties"), 0, NULL);

    assert_non_null(properties);
    return properties;
}

/* Each thread's come in their order, every one of them once. */
static void test_operation__from_many_threads(void **state)
{
    struct live_hub *f = *state;
    struct recorder recorders[THREADS];
    int64_t next[THREADS] = {0};

    live_start(f, &live_patient, 0);
    for (int i = 0; i < THREADS; i++) {
        recorders[i] = (struct recorder){.hub = f->hub, .number = i};
        assert_int_equal(pthread_create(&recorders[i].thread, NULL, record_many, &recorders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(recorders[i].thread, NULL);
    }
    /* What waits when the hub stops is written before it has stopped. */
    vd_hub_stop(f->hub);
    f->hub = NULL;
    for (uint32_t i = 0; i < THREADS * PER_THREAD; i++) {
        json_t *record = fault_log_operation(&f->log, i);
        json_t *properties = properties_of(record);
        const int thread = text_of(properties, "deviceId")[3] - '0';

        assert_string_equal(text_of(record, "category"), "DirectMethods");
        assert_string_equal(text_of(properties, "x"), "text");
        assert_int_equal(
            json_integer_value(json_object_get(properties, "RequestSize")), next[thread]++);
        json_decref(properties);
        json_decref(record);
    }
    assert_null(fault_log_operation(&f->log, THREADS * PER_THREAD));
}

/* A log that takes nothing holds up nobody: what fits waits, the rest is counted, and all that fits is written. */
static void test_operation__while_the_log_takes_nothing(void **state)
{
    const struct vd_operation operation = {.category = VD_OPERATION_C2D, .name = "send"};
    struct live_hub *f = *state;
    struct tls_client client;
    json_t *last = NULL;
    uint32_t offered = 0;
    uint64_t lost;

    live_start(f, &live_patient, 0);
    live_log_in(f, &client, "dev1");
    expect_operation(f, 0, "deviceConnect", "dev1", "");
    fault_log_hold(&f->log, true);
    live_publish(&client, TOPIC1, 1);
    assert_true(fault_log_await_waiting(&f->log));
    while (live_stats(f).operations_lost == 0) {
        vd_hub_record(f->hub, &operation);
        offered++;
        assert_true(offered <=
            VD_HUB_BATCH_RESERVE * VD_HUB_BATCH_MAX_RECORDS + VD_HUB_RECORDS_WAITING_MAX + 1);
    }
    lost = live_stats(f).operations_lost;
    fault_log_hold(&f->log, false);
    live_expect_puback(&client, 1);
    LIVE_AWAIT(
        last != NULL || (last = fault_log_operation(&f->log, (uint32_t)(offered - lost))) != NULL);
    json_decref(last);
    tls_client_close(&client);
    vd_hub_stop(f->hub);
    f->hub = NULL;
    assert_int_equal(count_operations(f, "send", ""), offered - lost);
}

static void test_operation__long_text_is_cut_between_characters(void **state)
{
    static const struct {
        size_t ahead;
        size_t kept;
    } cases[] = {{0, 4096}, {1, 4095}};
    char text[VD_OPERATION_TEXT_MAX + 64];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct vd_operation operation = {
            .category = VD_OPERATION_TWIN_QUERIES,
            .name = "query",
            .properties = {{"query", text, 0}},
        };
        json_t *properties;
        json_t *record;

        memset(text, 'a', sizeof text);
        for (size_t at = cases[i].ahead; at + 2 < sizeof text; at += 2) {
            memcpy(text + at, "\xc3\xa9", 2);
        }
        text[sizeof text - 2] = '\0';
        record = write_and_read(&operation, &properties);
        assert_int_equal(strlen(text_of(properties, "query")), cases[i].kept);
        assert_null(json_object_get(properties, "deviceId"));
        assert_null(json_object_get(properties, "maskedIpAddress"));
        json_decref(properties);
        json_decref(record);
    }
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operation__form),
        cmocka_unit_test(test_operation__client_types_that_are_none),
        cmocka_unit_test(test_operation__addresses_are_masked),
        cmocka_unit_test(test_operation__long_text_is_cut_between_characters),
        LIVE(test_operation__of_connections),
        LIVE(test_operation__of_stopping),
        LIVE(test_operation__of_throttling_once_a_minute),
        LIVE(test_operation__of_refusals_in_bounds),
        LIVE(test_operation__from_many_threads),
        LIVE(test_operation__while_the_log_takes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
