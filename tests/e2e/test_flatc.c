/* SPDX-License-Identifier: MIT */
/* The reference implementation of the wire format reads what the agent sends, and writes what the center reads. */

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
#include "tests/e2e/netns.h"

#define HUB_ADDRESS "10.78.0.2"
#define PEER        "198.51.100.9"
#define PEER6       "2001:db8:9::9"
#define WAIT_MS     15000
#define TOPIC       "devices/device-1/messages/events/"

static struct e2e_hub hub; /* gives the certificates; its place is taken by mosquitto at first */
static char sink_log[128];
static char received[128];

/* mosquitto with the hub's certificate: whatever connects may do anything. */
static pid_t start_broker(void)
{
    char configuration[128];
    char text[512];
    snprintf(configuration, sizeof(configuration), "%s/mosquitto.conf", e2e_folder());
    snprintf(sink_log, sizeof(sink_log), "%s/mosquitto.log", e2e_folder());
    int length = snprintf(text, sizeof(text),
        "user root\nlistener 8883 %s\ncertfile %s/server.pem\nkeyfile %s/server.key\n"
        "allow_anonymous true\nlog_type all\n",
        HUB_ADDRESS, hub.data, hub.data);
    e2e_write_file(configuration, text, (size_t)length);
    struct e2e_start start = {
        .argv = E2E_ARGS("mosquitto", "-c", configuration),
        .netns = "hub",
        .stdout_path = sink_log,
    };
    pid_t broker = e2e_start(&start);
    if (!e2e_wait_text(sink_log, "running", WAIT_MS)) {
        fail_msg("mosquitto does not start");
    }
    return broker;
}

static pid_t start_subscriber(void)
{
    snprintf(received, sizeof(received), "%s/received.txt", e2e_folder());
    struct e2e_start start = {
        .argv = E2E_ARGS("mosquitto_sub", "-h", HUB_ADDRESS, "-p", "8883", "--cafile", hub.ca, "-i",
            "sink", "-t", "#", "-q", "1", "-F", "%t %x"),
        .netns = "hub",
        .stdout_path = received,
    };
    pid_t subscriber = e2e_start(&start);
    if (!e2e_wait_text(sink_log, "Sending SUBACK to sink", WAIT_MS)) {
        fail_msg("mosquitto_sub does not subscribe");
    }
    return subscriber;
}

static pid_t start_agent(void)
{
    static char connection[320];
    static char log[128];
    snprintf(connection, sizeof(connection),
        "VEDETTE_CONNECTION_STRING=HostName=%s;DeviceId=device-1;SharedAccessKey=%s;"
        "GatewayHostName=%s",
        E2E_HUB_NAME, E2E_PRIMARY_KEY, HUB_ADDRESS);
    snprintf(log, sizeof(log), "%s/agent.log", e2e_folder());
    struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "agent", "--interface", "eth0", "--ca", hub.ca,
            "--interval", "1", "--id", "flatc-reads-me"),
        .netns = "dev1",
        .env = E2E_ARGS(connection),
        .stdout_path = log,
    };
    return e2e_start(&start);
}

static int make_scene(void **state)
{
    (void)state;
    e2e_net_init();
    e2e_net_add("wan", "10.78.0.1/24", "fd78::1/64", NULL, NULL);
    e2e_net_add("hub", HUB_ADDRESS "/24", "fd78::2/64", NULL, NULL);
    e2e_net_add("dev1", "10.78.0.11/24", "fd78::11/64", "10.78.0.1", "fd78::1");
    e2e_net_address("wan", PEER "/32");
    e2e_net_address("wan", PEER6 "/128");
    e2e_hub_init(&hub, "hub", "hub", HUB_ADDRESS, 8883);
    return 0;
}

/* ---- What the agent sends, read by flatc. ---- */

/* What was found in the messages so far. */
struct found {
    uint64_t udp_out;
    uint64_t ping_in;
    uint64_t ping_out;
    uint64_t ping6_in;
    uint64_t ping6_out;
    unsigned heartbeats;
    unsigned systems;
    unsigned messages;
};

static json_int_t common_number(json_t *flow, const char *name)
{
    return json_integer_value(json_object_get(json_object_get(flow, "common"), name));
}

static bool protocol_is(json_t *flow, const char *name)
{
    json_t *protocol = json_object_get(json_object_get(flow, "common"), "protocol");
    return json_is_string(protocol) && strcmp(json_string_value(protocol), name) == 0;
}

static void count_flow(struct found *found, json_t *flow, bool ipv6)
{
    char remote[64];
    json_t *address = json_object_get(json_object_get(flow, "addresses"), "remote_address");
    if (ipv6) {
        e2e_ipv6_text(remote, sizeof(remote), address);
    } else {
        e2e_ipv4_text(remote, sizeof(remote), (uint32_t)json_integer_value(address));
    }
    uint64_t in = (uint64_t)common_number(flow, "bytes_in");
    uint64_t out = (uint64_t)common_number(flow, "bytes_out");
    if (strcmp(remote, PEER) == 0 && protocol_is(flow, "UDP")) {
        assert_int_equal(common_number(flow, "remote_port"), 5683);
        found->udp_out += out;
    } else if (strcmp(remote, PEER) == 0 && protocol_is(flow, "ICMP")) {
        found->ping_in += in;
        found->ping_out += out;
    } else if (strcmp(remote, PEER6) == 0 && protocol_is(flow, "ICMP")) {
        found->ping6_in += in;
        found->ping6_out += out;
    }
}

static void count_event(struct found *found, json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "payload_type"));
    json_t *payload = json_object_get(event, "payload");
    size_t i;
    json_t *flow;
    assert_non_null(type);
    assert_int_equal(json_array_size(json_object_get(json_object_get(event, "id"), "bytes")), 16);
    json_int_t age = (json_int_t)time(NULL) - json_integer_value(json_object_get(event, "time"));
    assert_in_range(age + 1, 0, 60);
    found->heartbeats += strcmp(type, "Heartbeat") == 0;
    if (strcmp(type, "SystemInformation") == 0) {
        assert_string_not_equal(json_string_value(json_object_get(payload, "os_info")), "");
        found->systems++;
    }
    if (strcmp(type, "NetworkActivity") == 0) {
        assert_true(json_integer_value(json_object_get(event, "collection_interval")) > 0);
        json_array_foreach(json_object_get(payload, "ipv4_activity"), i, flow)
        {
            count_flow(found, flow, false);
        }
        json_array_foreach(json_object_get(payload, "ipv6_activity"), i, flow)
        {
            count_flow(found, flow, true);
        }
    }
}

static void count_message(struct found *found, const char *hex, size_t length)
{
    static uint8_t bytes[65536];
    assert_in_range(length, 2, 2 * sizeof(bytes));
    for (size_t i = 0; i < length / 2; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    json_t *message = e2e_message_decode(bytes, length / 2);
    assert_string_equal(
        json_string_value(json_object_get(message, "security_module_id")), "flatc-reads-me");
    size_t i;
    json_t *event;
    json_array_foreach(json_object_get(message, "events"), i, event)
    {
        count_event(found, event);
    }
    json_decref(message);
    found->messages++;
}

/* Reads every whole line "topic payload-as-hex" that mosquitto_sub has written so far. */
static bool all_found(void *context)
{
    struct found *found = context;
    *found = (struct found){0};
    char *text = e2e_read_file(received, NULL);
    char *line = text;
    for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
        char *payload = memchr(line, ' ', (size_t)(end - line));
        assert_non_null(payload);
        assert_memory_equal(line, TOPIC, strlen(TOPIC));
        *payload = '\0';
        assert_non_null(strstr(line + strlen(TOPIC), E2E_SECURITY_BAG));
        count_message(found, payload + 1, (size_t)(end - payload - 1));
    }
    free(text);
    /* IP payload: 8 bytes of UDP or ICMP header with the data; the ping is answered with as much. */
    return found->udp_out == 8 + 300 && found->ping_in == 8 + 56 && found->ping_out == 8 + 56 &&
        found->ping6_in == 8 + 40 && found->ping6_out == 8 + 40 && found->heartbeats > 0 &&
        found->systems > 0;
}

static void test_flatc__reads_what_the_agent_sends(void **state)
{
    struct found found = {0};
    (void)state;
    pid_t broker = start_broker();
    pid_t subscriber = start_subscriber();
    pid_t agent = start_agent();
    if (!e2e_wait_text(received, TOPIC, WAIT_MS)) {
        fail_msg("nothing arrived from the agent");
    }
    int sink = e2e_net_udp_sink("wan", 5683);
    e2e_net_udp("dev1", PEER, 5683, 300);
    assert_true(e2e_net_ping("dev1", PEER, 56));
    assert_true(e2e_net_ping("dev1", PEER6, 40));
    if (!e2e_wait(WAIT_MS, all_found, &found)) {
        fail_msg("%u messages: udp %llu, ping %llu in %llu out, ping6 %llu in %llu out, "
                 "%u heartbeats, %u system information",
            found.messages, (unsigned long long)found.udp_out, (unsigned long long)found.ping_in,
            (unsigned long long)found.ping_out, (unsigned long long)found.ping6_in,
            (unsigned long long)found.ping6_out, found.heartbeats, found.systems);
    }
    close(sink);
    assert_int_equal(e2e_stop(agent, SIGTERM, 10000), 0);
    e2e_stop(subscriber, SIGTERM, 5000);
    e2e_stop(broker, SIGTERM, 5000);
}

/* ---- What flatc writes, read by the center. ---- */

static void publish_file(const char *path)
{
    char token[512];
    char user_name[256];
    e2e_token(token, sizeof(token), "device-1", E2E_SECONDARY_KEY, (int64_t)time(NULL) + 600);
    e2e_user_name(user_name, sizeof(user_name), "device-1");
    struct e2e_start start = {
        .argv = E2E_ARGS("mosquitto_pub", "-h", HUB_ADDRESS, "-p", "8883", "--cafile", hub.ca, "-V",
            "mqttv311", "-i", "device-1", "-u", user_name, "-P", token, "-t",
            TOPIC E2E_SECURITY_BAG, "-q", "1", "-f", path),
        .netns = "dev1",
    };
    struct e2e_result result = e2e_run(&start, 10000);
    if (result.status != 0) {
        fail_msg("mosquitto_pub: %s", result.err);
    }
    e2e_result_release(&result);
}

static bool alert_is_there(void *context)
{
    json_t *alerts = e2e_alerts(&hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", context, NULL);
    json_decref(alerts);
    return alert != NULL;
}

/* One raw event of the built message. */
static void check_row(const struct e2e_flow *flow)
{
    char id[E2E_UUID_TEXT];
    e2e_message_id_text(id, 7, 7);
    json_t *rows = e2e_query(&hub,
        "SELECT json_extract_string(EventDetails, '$.LocalAddress'),"
        " json_extract_string(EventDetails, '$.Protocol'),"
        " CAST(json_extract(EventDetails, '$.LocalPort') AS INTEGER),"
        " CAST(json_extract(EventDetails, '$.RemotePort') AS INTEGER),"
        " CAST(json_extract(EventDetails, '$.BytesIn') AS BIGINT),"
        " CAST(json_extract(EventDetails, '$.BytesOut') AS BIGINT),"
        " DeviceId, AgentVersion, RawEventName FROM SecurityIoTRawEvent"
        " WHERE IoTRawEventId = '%s' AND json_extract_string(EventDetails, '$.RemoteAddress') ="
        " '%s'",
        id, flow->remote);
    assert_int_equal(json_array_size(rows), 1);
    json_t *row = json_array_get(rows, 0);
    assert_string_equal(json_string_value(json_array_get(row, 0)), flow->local);
    assert_string_equal(json_string_value(json_array_get(row, 1)), flow->protocol);
    assert_int_equal(json_number_value(json_array_get(row, 2)), flow->local_port);
    assert_int_equal(json_number_value(json_array_get(row, 3)), flow->remote_port);
    assert_int_equal(json_number_value(json_array_get(row, 4)), flow->bytes_in);
    assert_int_equal(json_number_value(json_array_get(row, 5)), flow->bytes_out);
    assert_string_equal(json_string_value(json_array_get(row, 6)), "device-1");
    assert_string_equal(json_string_value(json_array_get(row, 7)), "3.5.4");
    assert_string_equal(json_string_value(json_array_get(row, 8)), "NetworkActivity");
    json_decref(rows);
}

static void test_flatc__the_center_reads_what_it_writes(void **state)
{
    static const struct e2e_flow flows[] = {
        {"192.0.2.10", "203.0.113.66", 40000, 443, 1234567, 89, "TCP"},
        {"192.0.2.10", "198.51.100.1", 5683, 5684, 0, 4000000000U, "UDP"},
        {"2001:db8::10", "2001:db8:bad::1", 0, 0, 77, 78, "ICMP"},
    };
    static struct e2e_message message;
    char path[128];
    (void)state;
    e2e_hub_start(&hub);
    e2e_device_create(&hub, "device-1");
    e2e_intel_import(&hub, "203.0.113.66\n2001:db8:bad::1\n");
    e2e_message_build(&message, flows, sizeof(flows) / sizeof(flows[0]));
    e2e_message_set_id(&message, 7, 7);
    snprintf(path, sizeof(path), "%s/to-send.bin", e2e_folder());
    e2e_write_file(path, message.bytes, message.length);
    publish_file(path);

    assert_true(e2e_wait(WAIT_MS, alert_is_there, (void *)(uintptr_t)flows[0].remote));
    assert_true(e2e_wait(WAIT_MS, alert_is_there, (void *)(uintptr_t)flows[2].remote));
    assert_false(alert_is_there((void *)(uintptr_t)flows[1].remote));
    for (size_t i = 0; i < sizeof(flows) / sizeof(flows[0]); i++) {
        check_row(&flows[i]);
    }
    e2e_hub_stop(&hub);
}

int main(void)
{
    static const char *const programs[] = {
        "ip", "flatc", "mosquitto", "mosquitto_pub", "mosquitto_sub", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flatc__reads_what_the_agent_sends),
        cmocka_unit_test(test_flatc__the_center_reads_what_it_writes),
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    return result != 0 ? result
                       : e2e_end(cmocka_run_group_tests_name("flatc", tests, make_scene, NULL));
}
