/* SPDX-License-Identifier: MIT */
/* What the firmware's messages say, read with flatc, against QEMU's capture: each packet of each flow, and the ledger. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/agent/certificates.h"
#include "tests/agent/hub_server.h"
#include "tests/e2e/message.h"
#include "tests/firmware/machine.h"
#include "tests/firmware/pcap.h"
#include "tests/firmware/reports.h"

#define DEVICE  "cortex-m3"
#define BOOT_MS 30000
#define WAIT_MS 30000

/* What all messages together say of one flow, and of the device. */
struct told_flow {
    char remote[16];
    json_int_t local_port;
    json_int_t remote_port;
    char protocol[8];
    json_int_t packets[2];
    json_int_t bytes[2];
    bool opened_by_device;
};

static struct {
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *server;
    struct machine machine;
    struct told_flow flow[PCAP_FLOWS_MAX];
    size_t count;
    unsigned read; /* messages of the server that have been read */
    json_t *last;  /* the newest message, decoded */
    struct hub_server_message newest;
    json_int_t seen; /* packets, by the sum over all ledgers */
    json_int_t counted;
    json_int_t lost;   /* overflowed, malformed, given up or withheld */
    unsigned messages; /* without those that came again */
    unsigned again;    /* these */
} scene;

static json_int_t number(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_integer(value)) {
        fail_msg("no number \"%s\"", name);
    }
    return json_integer_value(value);
}

static struct told_flow *flow_of(const struct told_flow *wanted)
{
    for (size_t i = 0; i < scene.count; i++) {
        struct told_flow *flow = &scene.flow[i];
        if (strcmp(flow->remote, wanted->remote) == 0 &&
            strcmp(flow->protocol, wanted->protocol) == 0 &&
            flow->local_port == wanted->local_port && flow->remote_port == wanted->remote_port) {
            return flow;
        }
    }
    assert_true(scene.count < PCAP_FLOWS_MAX);
    scene.flow[scene.count] = *wanted;
    return &scene.flow[scene.count++];
}

static void add_flow(json_t *activity)
{
    json_t *addresses = json_object_get(activity, "addresses");
    json_t *common = json_object_get(activity, "common");
    const char *opened_by = json_string_value(json_object_get(common, "opened_by"));
    struct told_flow wanted = {
        .local_port = number(common, "local_port"), .remote_port = number(common, "remote_port")};
    char local[16];
    e2e_ipv4_text(local, sizeof(local), (uint32_t)number(addresses, "local_address"));
    assert_string_equal(local, MACHINE_ADDRESS);
    e2e_ipv4_text(
        wanted.remote, sizeof(wanted.remote), (uint32_t)number(addresses, "remote_address"));
    snprintf(wanted.protocol, sizeof(wanted.protocol), "%s",
        json_string_value(json_object_get(common, "protocol")));
    struct told_flow *flow = flow_of(&wanted);
    flow->packets[PCAP_IN] += number(common, "packets_in");
    flow->packets[PCAP_OUT] += number(common, "packets_out");
    flow->bytes[PCAP_IN] += number(common, "bytes_in");
    flow->bytes[PCAP_OUT] += number(common, "bytes_out");
    assert_non_null(opened_by);
    assert_string_not_equal(opened_by, "REMOTE");
    flow->opened_by_device |= strcmp(opened_by, "DEVICE") == 0;
}

static void add_events(json_t *message)
{
    size_t i;
    size_t at;
    json_t *event;
    json_t *activity;
    json_array_foreach(json_object_get(message, "events"), i, event)
    {
        const char *type = json_string_value(json_object_get(event, "payload_type"));
        json_t *payload = json_object_get(event, "payload");
        if (type != NULL && strcmp(type, "NetworkActivity") == 0) {
            json_array_foreach(json_object_get(payload, "ipv4_activity"), at, activity)
            {
                add_flow(activity);
            }
        }
    }
}

/* A message follows the one before it, or is that one again, byte for byte. */
static void read_message(const struct hub_server_message *message)
{
    json_t *decoded = e2e_message_decode(message->payload, message->length);
    json_t *ledger = json_object_get(decoded, "ledger");
    if (scene.last != NULL) {
        json_t *before = json_object_get(scene.last, "ledger");
        json_int_t step = number(ledger, "sequence") - number(before, "sequence");
        assert_int_equal(number(ledger, "boot_id"), number(before, "boot_id"));
        assert_in_range(step, 0, 1);
        if (step == 0) {
            assert_int_equal(message->length, scene.newest.length);
            assert_memory_equal(message->payload, scene.newest.payload, message->length);
            scene.again++;
            json_decref(decoded);
            return;
        }
    }
    add_events(decoded);
    scene.seen += number(ledger, "packets_seen");
    scene.counted += number(ledger, "packets_counted");
    scene.lost += number(ledger, "packets_overflowed") + number(ledger, "packets_malformed") +
        number(ledger, "packets_given_up") + number(ledger, "packets_withheld");
    scene.messages++;
    scene.newest = *message;
    json_decref(scene.last);
    scene.last = decoded;
}

static void read_messages(void)
{
    while (scene.read < hub_server_messages(scene.server)) {
        struct hub_server_message message = hub_server_message(scene.server, scene.read);
        read_message(&message);
        scene.read++;
    }
}

static const struct told_flow *told(const struct pcap_flow *flow)
{
    const char *protocol = flow->protocol == IPPROTO_TCP ? "TCP"
        : flow->protocol == IPPROTO_UDP                  ? "UDP"
                                                         : "ICMP";
    for (size_t i = 0; i < scene.count; i++) {
        const struct told_flow *t = &scene.flow[i];
        if (strcmp(t->remote, flow->remote) == 0 && strcmp(t->protocol, protocol) == 0 &&
            t->local_port == flow->local_port && t->remote_port == flow->remote_port) {
            return t;
        }
    }
    return NULL;
}

static bool same(const struct told_flow *t, const struct pcap_flow *flow)
{
    bool equal = t != NULL;
    for (int way = PCAP_IN; equal && way <= PCAP_OUT; way++) {
        equal = (uint64_t)t->packets[way] == flow->packets[way] &&
            (uint64_t)t->bytes[way] == flow->bytes[way];
    }
    return equal;
}

static size_t agreeing(const struct pcap_tally *tally)
{
    size_t agree = 0;
    for (size_t i = 0; i < tally->count; i++) {
        agree += same(told(&tally->flow[i]), &tally->flow[i]);
    }
    return agree;
}

static bool all_agree(void *context)
{
    const struct pcap_tally *tally = context;
    read_messages();
    return scene.count == tally->count && agreeing(tally) == tally->count;
}

static void print_flows(const struct pcap_tally *tally)
{
    for (size_t i = 0; i < tally->count; i++) {
        const struct pcap_flow *flow = &tally->flow[i];
        const struct told_flow *t = told(flow);
        print_error("%u %u - %s:%u: captured %llu/%llu packets, %llu/%llu bytes; told",
            flow->protocol, flow->local_port, flow->remote, flow->remote_port,
            (unsigned long long)flow->packets[PCAP_IN], (unsigned long long)flow->packets[PCAP_OUT],
            (unsigned long long)flow->bytes[PCAP_IN], (unsigned long long)flow->bytes[PCAP_OUT]);
        if (t == NULL) {
            print_error(" nothing\n");
        } else {
            print_error(" %lld/%lld, %lld/%lld\n", (long long)t->packets[PCAP_IN],
                (long long)t->packets[PCAP_OUT], (long long)t->bytes[PCAP_IN],
                (long long)t->bytes[PCAP_OUT]);
        }
    }
}

static void check_ledger(const struct pcap_tally *tally)
{
    json_t *ledger = json_object_get(scene.last, "ledger");
    assert_int_equal(scene.seen, tally->packets);
    assert_int_equal(scene.counted, tally->packets);
    assert_int_equal(scene.lost, 0);
    assert_int_equal(number(ledger, "sequence"), scene.messages);
    assert_int_equal(number(ledger, "messages_given_up"), 0);
    assert_int_equal(number(ledger, "messages_sent"), scene.messages - 1); /* before this one */
    assert_true(number(ledger, "messages_kept") >= 1);
}

static void test_ledger__each_packet_of_each_flow(void **state)
{
    static const char *const last[] = {
        [PCAP_IN] = FIRMWARE_COMMAND_STOP, [PCAP_OUT] = FIRMWARE_ANSWER_STOPPED};
    static struct pcap_tally tally;
    (void)state;
    machine_wait(&scene.machine, "message_delivered", 2, BOOT_MS);
    /* A message goes out and is never acknowledged: it must come again, and count once. */
    hub_server_set(scene.server, HUB_SERVER_DROP_PUBLISH, 0);
    machine_wait(&scene.machine, "message_kept", 2, WAIT_MS);
    hub_server_set(scene.server, HUB_SERVER_NORMAL, 0);
    machine_wait(&scene.machine, "message_delivered", 4, WAIT_MS);
    reports_stop_device();
    machine_wait(&scene.machine, "memory tls_peak=", 1, WAIT_MS);
    pcap_count(scene.machine.pcap, MACHINE_ADDRESS, last, &tally);
    assert_true(tally.count > 8);
    if (!e2e_wait(WAIT_MS, all_agree, &tally)) {
        print_flows(&tally);
        fail_msg("of %zu captured flows %zu were told right, and %zu in all", tally.count,
            agreeing(&tally), scene.count);
    }
    assert_true(scene.again >= 1);
    check_ledger(&tally);
    for (size_t i = 0; i < scene.count; i++) {
        assert_int_equal(
            scene.flow[i].opened_by_device, strcmp(scene.flow[i].protocol, "TCP") == 0);
    }
    print_message("%llu packets in %zu flows, each told, by %u messages\n",
        (unsigned long long)tally.packets, tally.count, scene.messages);
}

static int make_scene(void **state)
{
    struct firmware_config config;
    char ca[128];
    (void)state;
    snprintf(ca, sizeof(ca), "%s/ca.pem", e2e_folder());
    scene.ca = test_ca_new("test CA");
    test_ca_write(&scene.ca, ca);
    scene.context = test_server_context(&scene.ca, "DNS:" E2E_HUB_NAME, -3600, 86400);
    scene.server = hub_server_start(scene.context, "127.0.0.1");
    reports_start();
    machine_configure(&config, ca, hub_server_port(scene.server), DEVICE, reports_port());
    machine_start(&scene.machine, "device", &config);
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    machine_stop(&scene.machine);
    reports_end();
    hub_server_stop(scene.server);
    SSL_CTX_free(scene.context);
    test_ca_release(&scene.ca);
    json_decref(scene.last);
    return 0;
}

int main(void)
{
    static const char *const programs[] = {MACHINE_PROGRAMS, "flatc", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ledger__each_packet_of_each_flow),
    };
    int result = e2e_begin(0, programs);
    if (result == 0) {
        result = machine_begin();
    }
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("firmware_ledger", tests, make_scene, end_scene));
}
