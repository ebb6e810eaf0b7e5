/* SPDX-License-Identifier: MIT */
/* Sets the device up and down, and reads what its hub took. */

#include "tests/netxduo/fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture fx;

static const char security_property[] = "%24.ifid=urn%3Aazureiot%3ASecurity%3ASecurityAgent%3A1";

int fixture_setup(void **state)
{
    const uint32_t address6[] = {0x20010db8, 0, 0, OURS};
    struct asc_settings settings = asc_settings_default();

    (void)state;
    memset(&fx, 0, sizeof fx);
    settings.security_module_id = "netxduo-device";
    settings.high_interval_s = 10;
    (void)asc_netxduo_settings_set(&settings);
    sim_clock_set(FIXTURE_UTC_S);
    sim_ip_create(&fx.ip, OURS, 0xffffff00);
    sim_ip_address6(&fx.ip, &fx.address6, address6);
    sim_azure_create(&fx.azure, &fx.ip);
    sim_hub_open(&fx.hub, &fx.azure);
    sim_hub_state(&fx.hub, NX_AZURE_IOT_HUB_CLIENT_STATUS_CONNECTED);
    assert_int_equal(nx_azure_iot_security_module_enable(&fx.azure), NX_AZURE_IOT_SUCCESS);
    sim_cloud_run(&fx.azure);
    fixture_mark();
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    assert_int_equal(nx_azure_iot_security_module_disable(NX_NULL), NX_AZURE_IOT_SUCCESS);
    assert_ptr_equal(fx.ip.nx_ip_packet_filter_extended, NX_NULL);
    assert_int_equal(fx.azure.nx_azure_iot_cloud.nx_cloud_modules_count, 0);
    sim_hub_close(&fx.hub);
    sim_ip_delete(&fx.ip);
    assert_int_equal(sim_packets(), 0);
    return 0;
}

void fixture_mark(void)
{
    fx.before = asc_netxduo_counters();
}

struct asc_counters fixture_counted(void)
{
    struct asc_counters now = asc_netxduo_counters();

    now.packets_counted -= fx.before.packets_counted;
    now.packets_overflowed -= fx.before.packets_overflowed;
    now.packets_malformed -= fx.before.packets_malformed;
    now.packets_ignored -= fx.before.packets_ignored;
    return now;
}

static void keep(char *out, size_t size, const char *text)
{
    if (text != NULL) {
        snprintf(out, size, "%s", text);
    }
}

static void read_message(const struct sim_message *sent)
{
    static struct check_message message;

    assert_null(check_message(sent->bytes, sent->length, &message));
    assert_string_equal(sent->properties, security_property);
    assert_string_equal(message.id, "netxduo-device");
    for (unsigned e = 0; e < message.events; e++) {
        assert_in_range(fx.ids, 0, FIXTURE_IDS_MAX - 1);
        memcpy(fx.id[fx.ids++], message.event[e].id, 16);
        keep(fx.os, sizeof fx.os, message.event[e].information[0]);
        keep(fx.kernel, sizeof fx.kernel, message.event[e].information[1]);
        fx.time = message.event[e].time;
    }
    for (unsigned f = 0; f < message.flows; f++) {
        assert_in_range(fx.flows, 0, FIXTURE_FLOWS_MAX - 1);
        fx.flow[fx.flows++] = message.flow[f];
    }
}

unsigned fixture_collect(void)
{
    fx.flows = 0;
    fx.ids = 0;
    sim_seconds(&fx.azure, 45);
    assert_in_range(fx.hub.messages - fx.seen, 0, SIM_MESSAGES_MAX);
    while (fx.seen < fx.hub.messages) {
        read_message(&fx.hub.message[fx.seen++ % SIM_MESSAGES_MAX]);
    }
    return fx.flows;
}

uint32_t fixture_pass(UINT direction, const struct device_packet *packet)
{
    uint8_t bytes[DEVICE_PACKET_MAX];
    const size_t length = device_packet_build(bytes, packet);

    assert_true(sim_pass(&fx.ip, direction, bytes, length, 0, 0));
    return (uint32_t)length - (packet->version == 4 ? 20u + 4u * packet->option_words : 40u);
}

uint32_t fixture_pass_udp(UINT direction, uint16_t remote_port, uint16_t data_bytes)
{
    const bool in = direction == NX_IP_PACKET_IN;
    const struct device_packet packet = {
        .version = 4,
        .protocol = 17,
        .source = in ? REMOTE : OURS,
        .destination = in ? OURS : REMOTE,
        .source_port = in ? remote_port : 5000,
        .destination_port = in ? 5000 : remote_port,
        .data_bytes = data_bytes,
    };

    return fixture_pass(direction, &packet);
}
