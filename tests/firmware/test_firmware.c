/* SPDX-License-Identifier: MIT */
/* A Cortex-M3 in QEMU, its firmware with the module in it, its hub: from packets to the alert, and no packet missing. */

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/firmware/machine.h"
#include "tests/firmware/pcap.h"
#include "tests/firmware/reports.h"

#define DEVICE   "cortex-m3"
#define BOOT_MS  30000
#define ALERT_MS 15000

static struct {
    struct e2e_hub hub;
    struct machine machine;
} scene;

/* ---- The scene. ---- */

static int make_scene(void **state)
{
    (void)state;
    reports_start();
    e2e_hub_init(&scene.hub, "hub", NULL, "127.0.0.1", 0);
    e2e_hub_start(&scene.hub);
    /* The port of the first start is that of all, since the device knows no other. */
    e2e_shell("sed -i 's/^mqtt.listen = .*/mqtt.listen = 127.0.0.1:%u/' '%s/vedette.conf'",
        scene.hub.port, scene.hub.data);
    e2e_device_create(&scene.hub, DEVICE);
    e2e_intel_import(&scene.hub, MACHINE_PEER "\n");
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    reports_end();
    return 0;
}

/* ---- What the center holds against what QEMU captured. ---- */

static const char *protocol_name(uint8_t protocol)
{
    return protocol == IPPROTO_TCP ? "TCP" : protocol == IPPROTO_UDP ? "UDP" : "ICMP";
}

/* The center's flows, each with its sums over all events. */
static json_t *flow_rows(void)
{
    return e2e_query(&scene.hub,
        "SELECT json_extract_string(EventDetails, '$.RemoteAddress'),"
        " json_extract_string(EventDetails, '$.Protocol'),"
        " CAST(json_extract(EventDetails, '$.LocalPort') AS BIGINT),"
        " CAST(json_extract(EventDetails, '$.RemotePort') AS BIGINT),"
        " sum(CAST(json_extract(EventDetails, '$.BytesIn') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.BytesOut') AS BIGINT))"
        " FROM SecurityIoTRawEvent WHERE DeviceId = '" DEVICE "'"
        " AND RawEventName = 'NetworkActivity'"
        " AND json_extract_string(EventDetails, '$.LocalAddress') = '" MACHINE_ADDRESS "'"
        " GROUP BY ALL");
}

static bool row_is(json_t *row, const struct pcap_flow *flow)
{
    return strcmp(json_string_value(json_array_get(row, 0)), flow->remote) == 0 &&
        strcmp(json_string_value(json_array_get(row, 1)), protocol_name(flow->protocol)) == 0 &&
        json_number_value(json_array_get(row, 2)) == flow->local_port &&
        json_number_value(json_array_get(row, 3)) == flow->remote_port;
}

/* How many of the captured flows the center has with the same bytes; `say` prints the others. */
static size_t agreeing(const struct pcap_tally *tally, json_t *rows, bool say)
{
    size_t agree = 0;
    for (size_t i = 0; i < tally->count; i++) {
        const struct pcap_flow *flow = &tally->flow[i];
        double in = -1;
        double out = -1;
        size_t at;
        json_t *row;
        json_array_foreach(rows, at, row)
        {
            if (row_is(row, flow)) {
                in = json_number_value(json_array_get(row, 4));
                out = json_number_value(json_array_get(row, 5));
            }
        }
        if (in == (double)flow->bytes[PCAP_IN] && out == (double)flow->bytes[PCAP_OUT]) {
            agree++;
        } else if (say) {
            print_error("%s %u - %s:%u: captured %llu in, %llu out; the center has %.0f, %.0f\n",
                protocol_name(flow->protocol), flow->local_port, flow->remote, flow->remote_port,
                (unsigned long long)flow->bytes[PCAP_IN], (unsigned long long)flow->bytes[PCAP_OUT],
                in, out);
        }
    }
    return agree;
}

static bool center_agrees(void *context)
{
    const struct pcap_tally *tally = context;
    json_t *rows = flow_rows();
    bool same =
        json_array_size(rows) == tally->count && agreeing(tally, rows, false) == tally->count;
    json_decref(rows);
    return same;
}

/* The number behind `name` in the firmware's last lines, which begin with its counters. */
static unsigned long counter(const char *name)
{
    char *uart = e2e_read_file(scene.machine.uart, NULL);
    const char *line = uart == NULL ? NULL : strstr(uart, "stopped counted=");
    const char *at = line != NULL ? strstr(line, name) : NULL;
    if (at == NULL) {
        fail_msg("the firmware did not say its%s", name);
        return 0;
    }
    unsigned long value = strtoul(at + strlen(name), NULL, 10);
    free(uart);
    return value;
}

/* ---- The tests: one life of one device, in order. ---- */

static bool alert_raised(void *context)
{
    json_t **alert = context;
    json_t *alerts = e2e_alerts(&scene.hub);
    *alert = json_incref(e2e_alert_find(alerts, DEVICE, MACHINE_PEER, NULL));
    json_decref(alerts);
    return *alert != NULL;
}

static void check_text(json_t *object, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL || strcmp(text, wanted) != 0) {
        fail_msg("\"%s\" is %s, not %s", name, text != NULL ? text : "absent", wanted);
    }
}

static void test_firmware__its_traffic_raises_the_alert(void **state)
{
    struct firmware_config config;
    json_t *alert = NULL;
    size_t i;
    json_t *item;
    (void)state;
    machine_configure(&config, scene.hub.ca, scene.hub.port, DEVICE, reports_port());
    machine_start(&scene.machine, "device", &config);
    machine_wait(&scene.machine, "hub_connected", 1, BOOT_MS);
    machine_wait(&scene.machine, "fetched bytes=", 2, BOOT_MS);
    if (!e2e_wait(ALERT_MS, alert_raised, &alert)) {
        fail_msg("no alert about " MACHINE_PEER);
    }
    check_text(alert, "displayName", "Communication with a suspicious IP address detected");
    check_text(json_object_get(alert, "indicator"), "value", MACHINE_PEER);
    assert_true(json_array_size(json_object_get(alert, "evidence")) > 0);
    json_array_foreach(json_object_get(alert, "evidence"), i, item)
    {
        check_text(item, "protocol", "TCP");
        check_text(item, "localAddress", MACHINE_ADDRESS);
        check_text(item, "remoteAddress", MACHINE_PEER);
        assert_int_equal(
            json_integer_value(json_object_get(item, "remotePort")), MACHINE_PEER_PORT);
        assert_true(json_integer_value(json_object_get(item, "bytesOut")) > 0);
    }
    json_decref(alert);
}

static void test_firmware__comes_back_to_a_restarted_hub(void **state)
{
    (void)state;
    e2e_hub_kill(&scene.hub);
    machine_wait(&scene.machine, "hub_lost", 1, 60000);
    unsigned fetched = machine_said(&scene.machine, "fetched bytes=");
    machine_wait(&scene.machine, "fetched bytes=", fetched + 3, 60000);
    e2e_hub_start(&scene.hub);
    machine_wait(&scene.machine, "hub_connected", 2, 60000);
}

static void test_firmware__what_it_counted_is_what_qemu_captured(void **state)
{
    static const char *const last[] = {
        [PCAP_IN] = FIRMWARE_COMMAND_STOP, [PCAP_OUT] = FIRMWARE_ANSWER_STOPPED};
    static struct pcap_tally tally;
    (void)state;
    reports_stop_device();
    machine_wait(&scene.machine, "memory tls_peak=", 1, 20000); /* the line behind the counters */
    pcap_count(scene.machine.pcap, MACHINE_ADDRESS, last, &tally);
    assert_true(tally.count > 8);
    assert_int_equal(counter(" lost="), 0);
    assert_int_equal(counter(" malformed="), 0);
    assert_int_equal(counter(" overflowed="), 0);
    assert_int_equal(counter(" ignored="), 0);
    assert_int_equal(counter(" counted="), tally.packets);
    if (!e2e_wait(20000, center_agrees, &tally)) {
        json_t *rows = flow_rows();
        size_t agree = agreeing(&tally, rows, true);
        fail_msg("of %zu captured flows the center has %zu right, and %zu in all", tally.count,
            agree, json_array_size(rows));
    }
    print_message("%llu packets in %zu flows, none missing\n", (unsigned long long)tally.packets,
        tally.count);
}

/* What docs/lwip.md says of it. */
static void test_firmware__needs_no_more_memory_than_is_written(void **state)
{
    (void)state;
    print_message("mbed TLS %lu bytes, stack %lu, connection %lu, module %lu\n",
        counter(" tls_peak="), counter(" stack_peak="), counter(" hub="), counter(" module="));
    assert_in_range(counter(" tls_peak="), 4096, 13312);
    assert_in_range(counter(" stack_peak="), 1024, 4096);
    assert_in_range(counter(" hub="), 1024, 1536);
}

static void test_firmware__one_alert_for_all_of_it(void **state)
{
    int how_many = 0;
    (void)state;
    json_t *alerts = e2e_alerts(&scene.hub);
    assert_non_null(e2e_alert_find(alerts, DEVICE, MACHINE_PEER, &how_many));
    assert_int_equal(how_many, 1);
    assert_int_equal(json_array_size(alerts), 1);
    json_decref(alerts);
    machine_stop(&scene.machine);
}

/* A hub that cannot prove itself gets no token: the firmware says why and tries later. */
static void check_refuses(const char *name, const struct firmware_config *config, const char *why)
{
    struct machine machine = {.pid = 0};
    machine_start(&machine, name, config);
    machine_wait(&machine, why, 1, BOOT_MS);
    assert_int_equal(machine_said(&machine, "greeting"), 0);
    assert_int_equal(machine_said(&machine, "hub_connected"), 0);
    machine_stop(&machine);
}

static void test_firmware__refuses_a_hub_of_another_ca(void **state)
{
    struct firmware_config config;
    struct e2e_hub other;
    (void)state;
    e2e_hub_init(&other, "other", NULL, "127.0.0.1", 0);
    machine_configure(&config, other.ca, scene.hub.port, DEVICE, reports_port());
    check_refuses("other-ca", &config, "reason=\"the hub's certificate is not signed by the CA\"");
}

static void test_firmware__refuses_a_hub_of_another_name(void **state)
{
    struct firmware_config config;
    (void)state;
    machine_configure(&config, scene.hub.ca, scene.hub.port, DEVICE, reports_port());
    snprintf(config.hub_name, sizeof(config.hub_name), "other.vedette.test");
    check_refuses("other-name", &config, "reason=\"the hub's certificate is for another name\"");
}

static void test_firmware__refuses_a_certificate_of_another_time(void **state)
{
    struct firmware_config config;
    (void)state;
    machine_configure(&config, scene.hub.ca, scene.hub.port, DEVICE, reports_port());
    config.time_utc_s = 1577836800; /* 2020 */
    check_refuses(
        "other-time", &config, "reason=\"the hub's certificate is not valid at this time\"");
}

int main(void)
{
    static const char *const programs[] = {MACHINE_PROGRAMS, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_firmware__its_traffic_raises_the_alert),
        cmocka_unit_test(test_firmware__comes_back_to_a_restarted_hub),
        cmocka_unit_test(test_firmware__what_it_counted_is_what_qemu_captured),
        cmocka_unit_test(test_firmware__needs_no_more_memory_than_is_written),
        cmocka_unit_test(test_firmware__one_alert_for_all_of_it),
        cmocka_unit_test(test_firmware__refuses_a_hub_of_another_ca),
        cmocka_unit_test(test_firmware__refuses_a_hub_of_another_name),
        cmocka_unit_test(test_firmware__refuses_a_certificate_of_another_time),
    };
    int result = e2e_begin(0, programs);
    if (result == 0) {
        result = machine_begin();
    }
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("firmware", tests, make_scene, end_scene));
}
