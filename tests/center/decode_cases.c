/* SPDX-License-Identifier: MIT */
/* The messages as JSON for flatc, and decoding from an allocation of their very length. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/center/decode_cases.h"

int decode_exact(struct vd_security_message *message, const void *data, size_t length, char *reason)
{
    char *copy = malloc(length > 0 ? length : 1);
    int error;

    assert_non_null(copy);
    if (length > 0) {
        memcpy(copy, data, length);
    }
    error = vd_security_message_decode(message, (struct vd_str){copy, length}, reason);
    free(copy);
    return error;
}

const char *const decode_vectors[DECODE_VECTORS] = {"01_heartbeat", "02_system_information",
    "04_ipv4_tcp_udp_icmp_in_out", "05_ipv6_tcp_udp_icmp_in_out", "08_64_ipv4_flows", "12_one_flow",
    "14_other_payloads"};

void decode_check_address(const char *expected, const struct vd_address *actual, bool ipv6)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(actual, ipv6, text);
    assert_string_equal(text, expected);
}

static const char old_json[] =
    "{security_module_id: \"from-flatc\", security_module_version: 50659332, timezone: -3, events: ["
    "{id: {bytes: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}, time: 1700000000,"
    " collection_interval: 10, payload_type: \"NetworkActivity\", payload: {"
    "  ipv4_activity: [{addresses: {local_address: 33554442, remote_address: 117901322},"
    "   common: {local_port: 40000, remote_port: 443, bytes_in: 1, bytes_out: 4294967295,"
    "   protocol: \"UDP\", process_id: 65535, user_id: 7, executable: \"/bin/x\","
    "   commandline: \"x \\u00e9\"}}],"
    "  ipv6_activity: [{addresses: {local_address: [1,2,3,4], remote_address: [5,6,7,8]},"
    "   common: {}}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2]}, payload_type: \"Heartbeat\", payload: {}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3]}, payload_type: \"ListeningPorts\","
    " payload: {ipv4_ports: [{local_address: 0, common: {local_port: 22, protocol: \"TCP\"}},"
    "  {local_address: 1, common: {local_port: 53, protocol: \"UDP\"}}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,4]}, payload_type: \"Process\","
    " payload: {executable: \"/sbin/init\"}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,5]}, payload_type: \"Log\","
    " payload: {logs: [{message: \"m\", level: \"WARN\", timestamp: 9007199254740993, line: 3,"
    "  filename: \"f\"}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,6]}, payload_type: \"Baseline\","
    " payload: {baseline_checks: [{id: \"b\", result: \"ERROR\", severity: \"WARNING\"}]}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,7]}, payload_type: \"SystemInformation\","
    " payload: {os_info: \"o\", kernel_info: \"k\", hw_info: \"h\"}}]}";

void decode_old_message(struct vd_buf *out)
{
    test_flatc(old_json, out);
}

static const char new_json[] =
    "{security_module_id: \"ours\", events: ["
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1]}, payload_type: \"NetworkActivity\", payload: {"
    "  ipv4_activity: [{addresses: {local_address: 33554442, remote_address: 117901322},"
    "    common: {bytes_in: 1, packets_in: 4294967295, opened_by: \"DEVICE\"}},"
    "   {addresses: {local_address: 33554442, remote_address: 117901322},"
    "    common: {packets_out: 3, opened_by: 7}}],"
    "  ipv6_activity: [{addresses: {local_address: [1,2,3,4], remote_address: [5,6,7,8]},"
    "    common: {packets_in: 5, packets_out: 6, opened_by: \"REMOTE\"}}],"
    "  overflow_packets: 11, overflow_bytes_in: 12, overflow_bytes_out: 4294967295,"
    "  overflow_flows: 14}},"
    "{id: {bytes: [0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,2]}, payload_type: \"Heartbeat\", payload: {}}],"
    "ledger: {boot_id: 4294967295, sequence: 2, packets_seen: 3, packets_counted: 4,"
    " packets_overflowed: 5, packets_malformed: 6, packets_given_up: 7, packets_withheld: 8,"
    " messages_kept: 9, messages_sent: 10, messages_given_up: 11}}";

void decode_new_message(struct vd_buf *out)
{
    test_flatc(new_json, out);
}
