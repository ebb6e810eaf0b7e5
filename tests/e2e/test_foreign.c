/* SPDX-License-Identifier: MIT */
/* A client that this project did not write: mosquitto_pub, with a token that a shell script made. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/message.h"
#include "tests/e2e/mqtt.h"

#define WAIT_MS      10000
#define EVENTS       "devices/device-1/messages/events/"
#define OLD_HUB_NAME "another.vedette.test"
#define LIFE_S       600

static struct e2e_hub hub;

/* How a connection is made; fields that are NULL or 0 are those of a device that is right. */
struct attempt {
    const char *what;
    const char *hub_in_user_name;
    const char *user_name_form; /* what follows hub and device */
    const char *device;
    const char *token_device; /* whom the token is for */
    const char *key;
    int life_s;
    const char *password; /* instead of a token */
    int connack;          /* wanted */
};

static void make_token(char *out, size_t size, const struct attempt *attempt)
{
    char expiry[32];
    const char *device = attempt->device != NULL ? attempt->device : "device-1";
    snprintf(expiry, sizeof(expiry), "%lld",
        (long long)time(NULL) + (attempt->life_s != 0 ? attempt->life_s : LIFE_S));
    struct e2e_start start = {
        .argv = E2E_ARGS(VD_SOURCE_DIR "/tests/e2e/token.sh", E2E_HUB_NAME,
            attempt->token_device != NULL ? attempt->token_device : device,
            attempt->key != NULL ? attempt->key : E2E_PRIMARY_KEY, expiry),
    };
    struct e2e_result token = e2e_run(&start, 5000);
    assert_int_equal(token.status, 0);
    assert_in_range(strlen(token.out), 60, size - 1);
    memcpy(out, token.out, strlen(token.out) + 1);
    e2e_result_release(&token);
}

/* Runs mosquitto_pub; `more`: topic, message and so on, NULL-terminated. */
static struct e2e_result publish(const struct attempt *attempt, const char *const *more)
{
    char port[8];
    char user_name[256];
    char token[600];
    const char *device = attempt->device != NULL ? attempt->device : "device-1";
    const char *host = attempt->hub_in_user_name != NULL ? attempt->hub_in_user_name : E2E_HUB_NAME;
    snprintf(port, sizeof(port), "%u", hub.port);
    if (attempt->user_name_form != NULL) {
        snprintf(user_name, sizeof(user_name), "%s/%s/%s", host, device, attempt->user_name_form);
    } else {
        snprintf(user_name, sizeof(user_name), "%s/%s/?api-version=2021-04-12", host, device);
    }
    make_token(token, sizeof(token), attempt);
    const char *argv[32] = {"timeout", "10", "mosquitto_pub", "-d", "-h", "localhost", "-p", port,
        "--cafile", hub.ca, "-V", "mqttv311", "-i", device, "-u", user_name, "-P",
        attempt->password != NULL ? attempt->password : token};
    size_t count = 18;
    for (; *more != NULL; more++) {
        argv[count++] = *more;
    }
    struct e2e_start start = {.argv = argv};
    return e2e_run(&start, 15000);
}

static json_int_t hub_counter(const char *name)
{
    json_t *status = e2e_status(&hub);
    json_t *value = json_object_get(json_object_get(status, "hub"), name);
    assert_true(json_is_integer(value));
    json_int_t number = json_integer_value(value);
    json_decref(status);
    return number;
}

/* Messages of devices that the hub has put into its log. */
static json_int_t messages_taken(void)
{
    return hub_counter("telemetry") + hub_counter("security");
}

/* ---- What is taken. ---- */

static const struct attempt good[] = {
    {.what = "primary key"},
    {.what = "secondary key", .key = E2E_SECONDARY_KEY},
    {.what = "user name of old devices", .user_name_form = "api-version=2016-11-14"},
    {.what = "more in the user name",
        .user_name_form = "?api-version=2021-04-12&DeviceClientType=by%20hand&model-id=dtmi:a;1"},
};

static void test_foreign__telemetry_is_acknowledged(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        json_int_t before = hub_counter("telemetry");
        struct e2e_result sent = publish(&good[i],
            E2E_ARGS("-q", "1", "-t", EVENTS "%24.ct=text%2Fplain&room=kitchen", "-m", "21.5"));
        if (sent.status != 0 || strstr(sent.out, "PUBACK") == NULL) {
            fail_msg("%s: status %d\n%s%s", good[i].what, sent.status, sent.out, sent.err);
        }
        e2e_result_release(&sent);
        assert_int_equal(hub_counter("telemetry"), before + 1);
    }
}

static void test_foreign__the_largest_message_is_taken(void **state)
{
    static char body[262144];
    char path[128];
    (void)state;
    memset(body, 'x', sizeof(body));
    snprintf(path, sizeof(path), "%s/large", e2e_folder());
    e2e_write_file(path, body, sizeof(body));
    struct e2e_result sent = publish(&good[0], E2E_ARGS("-q", "1", "-t", EVENTS, "-f", path));
    assert_int_equal(sent.status, 0);
    e2e_result_release(&sent);
}

static bool raw_event_is_there(void *context)
{
    return e2e_query_number(&hub,
               "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1' AND"
               " IoTRawEventId = '%s'",
               (const char *)context) == 1;
}

static void test_foreign__a_security_message_reaches_the_center(void **state)
{
    static struct e2e_message message;
    const struct e2e_flow flow = {"192.0.2.7", "198.51.100.7", 1024, 443, 5, 6, "TCP"};
    char path[128];
    char id[E2E_UUID_TEXT];
    (void)state;
    e2e_message_build(&message, &flow, 1);
    e2e_message_set_id(&message, 4, 2);
    e2e_message_id_text(id, 4, 2);
    snprintf(path, sizeof(path), "%s/security", e2e_folder());
    e2e_write_file(path, message.bytes, message.length);
    struct e2e_result sent =
        publish(&good[0], E2E_ARGS("-q", "1", "-t", EVENTS E2E_SECURITY_BAG, "-f", path));
    assert_int_equal(sent.status, 0);
    e2e_result_release(&sent);
    assert_true(e2e_wait(WAIT_MS, raw_event_is_there, id));
}

/* ---- What is refused. ---- */

static const struct attempt refused[] = {
    {.what = "wrong key", .key = E2E_OTHER_KEY, .connack = 5},
    {.what = "expired token", .life_s = -1, .connack = 5},
    {.what = "unknown device", .device = "nobody", .connack = 5},
    {.what = "token of another device", .token_device = "device-2", .connack = 5},
    {.what = "wrong hub name", .hub_in_user_name = OLD_HUB_NAME, .connack = 4},
    {.what = "no api version", .user_name_form = "", .connack = 4},
    {.what = "no token", .password = "letmein", .connack = 4},
    {.what = "client id with a blank", .device = "not an id", .connack = 2},
};

static void test_foreign__refusals_have_their_codes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        json_int_t taken = messages_taken();
        char connack[32];
        snprintf(connack, sizeof(connack), "CONNACK (%d)", refused[i].connack);
        struct e2e_result sent =
            publish(&refused[i], E2E_ARGS("-q", "1", "-t", EVENTS, "-m", "let me in"));
        if (sent.status != refused[i].connack || strstr(sent.out, connack) == NULL) {
            fail_msg("%s: status %d\n%s%s", refused[i].what, sent.status, sent.out, sent.err);
        }
        e2e_result_release(&sent);
        assert_int_equal(messages_taken(), taken);
    }
}

static bool closed_for(const char *device, const struct e2e_publish *publish_this)
{
    struct e2e_mqtt mqtt;
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&mqtt, device), 0);
    bool closed = e2e_mqtt_publish(&mqtt, publish_this) && e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS);
    e2e_mqtt_close(&mqtt);
    return closed;
}

static const struct {
    const char *what;
    const char *topic;
    const char *qos;
} forbidden[] = {
    {"QoS 2", EVENTS, "2"},
    {"another device's topic", "devices/device-2/messages/events/", "1"},
    {"a topic of nobody's", "home/kitchen", "1"},
    {"a module's topic", "devices/device-1/modules/m/messages/events/", "1"},
    {"a property bag that is none", EVENTS "%zz=1", "1"},
};

static void test_foreign__forbidden_publishes_close_the_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++) {
        json_int_t taken = messages_taken();
        json_int_t accepted = hub_counter("accepted");
        struct e2e_result sent = publish(
            &good[0], E2E_ARGS("-q", forbidden[i].qos, "-t", forbidden[i].topic, "-m", "no"));
        if (sent.status == 0 || strstr(sent.out, "PUBACK") != NULL ||
            strstr(sent.out, "PUBREC") != NULL) {
            fail_msg("%s: status %d\n%s%s", forbidden[i].what, sent.status, sent.out, sent.err);
        }
        e2e_result_release(&sent);
        assert_true(hub_counter("accepted") > accepted); /* it was let in, then thrown out */
        struct e2e_publish message = {.topic = forbidden[i].topic,
            .body = "no",
            .length = 2,
            .packet_id = 1,
            .qos = (uint8_t)(forbidden[i].qos[0] - '0')};
        if (!closed_for("device-1", &message)) {
            fail_msg("%s: the connection stays open", forbidden[i].what);
        }
        assert_int_equal(messages_taken(), taken);
    }
}

static void test_foreign__nothing_without_tls(void **state)
{
    char port[8];
    char token[600];
    (void)state;
    snprintf(port, sizeof(port), "%u", hub.port);
    make_token(token, sizeof(token), &good[0]);
    struct e2e_start start = {
        .argv = E2E_ARGS("timeout", "5", "mosquitto_pub", "-d", "-h", "localhost", "-p", port, "-V",
            "mqttv311", "-i", "device-1", "-u", E2E_HUB_NAME "/device-1/?api-version=2021-04-12",
            "-P", token, "-t", EVENTS, "-q", "1", "-m", "in clear"),
    };
    struct e2e_result sent = e2e_run(&start, 10000);
    assert_int_not_equal(sent.status, 0);
    assert_null(strstr(sent.out, "CONNACK"));
    e2e_result_release(&sent);
}

static void test_foreign__the_expiry_of_the_token_ends_the_connection(void **state)
{
    struct e2e_mqtt mqtt;
    uint8_t connect[2048];
    char token[512];
    char user_name[256];
    struct e2e_packet packet;
    (void)state;
    e2e_token(token, sizeof(token), "device-1", E2E_PRIMARY_KEY, (int64_t)time(NULL) + 3);
    e2e_user_name(user_name, sizeof(user_name), "device-1");
    size_t length = e2e_mqtt_connect_packet(connect, sizeof(connect), "device-1", user_name, token);
    assert_true(e2e_mqtt_open(&mqtt, hub.port, hub.ca));
    assert_true(e2e_mqtt_write(&mqtt, connect, length));
    assert_int_equal(e2e_mqtt_read(&mqtt, &packet, WAIT_MS), E2E_READ_PACKET);
    assert_int_equal(packet.body[1], 0);
    assert_true(e2e_mqtt_closed_by_hub(&mqtt, WAIT_MS));
    e2e_mqtt_close(&mqtt);
}

static void test_foreign__a_new_connection_closes_the_old(void **state)
{
    struct e2e_mqtt old;
    struct e2e_mqtt new;
    struct e2e_publish message = {
        .topic = EVENTS, .body = "1", .length = 1, .packet_id = 1, .qos = 1};
    (void)state;
    json_int_t before = hub_counter("takeovers");
    assert_true(e2e_mqtt_open(&old, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&old, "device-1"), 0);
    assert_true(e2e_mqtt_open(&new, hub.port, hub.ca));
    assert_int_equal(e2e_mqtt_connect(&new, "device-1"), 0);
    assert_true(e2e_mqtt_closed_by_hub(&old, WAIT_MS));
    assert_true(e2e_mqtt_send(&new, &message, WAIT_MS));
    e2e_mqtt_close(&old);
    e2e_mqtt_close(&new);
    assert_int_equal(hub_counter("takeovers"), before + 1);
    assert_true(e2e_wait_text(hub.log, "400027", WAIT_MS));
}

/* Who connects, who is turned away and who leaves is in the query tables, with the reason. */
static void test_foreign__operations_can_be_queried(void **state)
{
    static const char *const codes[] = {"", "401003", "404001", "400027", "404104"};
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char sql[256];
        int64_t end = e2e_now_ms() + WAIT_MS;
        snprintf(sql, sizeof(sql),
            "SELECT count(*) FROM AzureDiagnostics WHERE Category = 'Connections' AND ResultType = '%s'"
            " AND properties_s LIKE '%%127.0.0.XXX%%'",
            codes[i]);
        while (e2e_query_number(&hub, "%s", sql) == 0) {
            if (e2e_now_ms() > end) {
                fail_msg("no record of result \"%s\"", codes[i]);
            }
        }
    }
}

static void test_foreign__no_secret_is_in_the_log(void **state)
{
    (void)state;
    char *log = e2e_read_file(hub.log, NULL);
    assert_non_null(log);
    assert_null(strstr(log, "SharedAccessSignature"));
    assert_null(strstr(log, "sig="));
    assert_null(strstr(log, E2E_PRIMARY_KEY));
    assert_non_null(strstr(log, "device-1")); /* it does say who */
    free(log);
    e2e_hub_stop(&hub);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_hub_init(&hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    e2e_device_create(&hub, "device-2");
    return 0;
}

int main(void)
{
    static const char *const programs[] = {"mosquitto_pub", "openssl", "timeout", "flatc", NULL};
    const struct CMUnitTest tests[] = {
        /* first: the hub logs only so many lines of a kind that peers can cause */
        cmocka_unit_test(test_foreign__a_new_connection_closes_the_old),
        cmocka_unit_test(test_foreign__telemetry_is_acknowledged),
        cmocka_unit_test(test_foreign__the_largest_message_is_taken),
        cmocka_unit_test(test_foreign__a_security_message_reaches_the_center),
        cmocka_unit_test(test_foreign__refusals_have_their_codes),
        cmocka_unit_test(test_foreign__forbidden_publishes_close_the_connection),
        cmocka_unit_test(test_foreign__nothing_without_tls),
        cmocka_unit_test(test_foreign__the_expiry_of_the_token_ends_the_connection),
        cmocka_unit_test(test_foreign__operations_can_be_queried),
        cmocka_unit_test(test_foreign__no_secret_is_in_the_log),
    };
    int result = e2e_begin(0, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("foreign", tests, make_scene, NULL));
}
