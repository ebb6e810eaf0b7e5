/* SPDX-License-Identifier: MIT */
/* Security messages made and read by flatc from the project's schema. */

#include "tests/e2e/message.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define SCHEMA VD_SOURCE_DIR "/proto/security_message.fbs"

static void make_id(uint8_t out[16], uint32_t series, uint32_t number)
{
    const uint8_t id[16] = {(uint8_t)(series >> 24), (uint8_t)(series >> 16),
        (uint8_t)(series >> 8), (uint8_t)series, 0, 0, 0x40, 0, 0x80, 0, 0, 0,
        (uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
    memcpy(out, id, sizeof(id));
}

static json_t *bytes_json(const uint8_t *bytes, size_t length)
{
    json_t *array = json_array();
    for (size_t i = 0; i < length; i++) {
        json_array_append_new(array, json_integer(bytes[i]));
    }
    return array;
}

/* The numbers of an address: one for IPv4, four for IPv6, each four bytes as they lie in the packet. */
static json_t *address_numbers(const char *text)
{
    uint32_t words[4];
    if (inet_pton(AF_INET, text, words) == 1) {
        return json_integer(words[0]);
    }
    assert_int_equal(inet_pton(AF_INET6, text, words), 1);
    json_t *array = json_array();
    for (size_t i = 0; i < 4; i++) {
        json_array_append_new(array, json_integer(words[i]));
    }
    return array;
}

static json_t *flow_json(const struct e2e_flow *flow)
{
    return json_pack("{s:{s:o,s:o},s:{s:i,s:i,s:I,s:I,s:s}}", "addresses", "local_address",
        address_numbers(flow->local), "remote_address", address_numbers(flow->remote), "common",
        "local_port", (int)flow->local_port, "remote_port", (int)flow->remote_port, "bytes_in",
        (json_int_t)flow->bytes_in, "bytes_out", (json_int_t)flow->bytes_out, "protocol",
        flow->protocol);
}

static void run_flatc(const char *const *argv)
{
    struct e2e_start start = {.argv = argv};
    struct e2e_result result = e2e_run(&start, 10000);
    if (result.status != 0) {
        print_error("flatc: %s%s\n", result.out, result.err);
        fail();
    }
    e2e_result_release(&result);
}

void e2e_message_build(struct e2e_message *message, const struct e2e_flow *flows, size_t count)
{
    uint8_t id[16];
    make_id(id, 1, 0);
    json_t *v4 = json_array();
    json_t *v6 = json_array();
    for (size_t i = 0; i < count; i++) {
        bool is_v6 = strchr(flows[i].remote, ':') != NULL;
        json_array_append_new(is_v6 ? v6 : v4, flow_json(&flows[i]));
    }
    json_t *json =
        json_pack("{s:s,s:i,s:[{s:{s:o},s:I,s:i,s:s,s:{s:o,s:o}}]}", "security_module_id",
            "made-by-flatc", "security_module_version", 0x03050004, "events", "id", "bytes",
            bytes_json(id, sizeof(id)), "time", (json_int_t)time(NULL), "collection_interval", 10,
            "payload_type", "NetworkActivity", "payload", "ipv4_activity", v4, "ipv6_activity", v6);
    assert_non_null(json);

    char text_path[128];
    char binary_path[128];
    snprintf(text_path, sizeof(text_path), "%s/message.json", e2e_folder());
    snprintf(binary_path, sizeof(binary_path), "%s/message.bin", e2e_folder());
    assert_int_equal(json_dump_file(json, text_path, 0), 0);
    json_decref(json);
    run_flatc(E2E_ARGS("flatc", "--binary", "-o", e2e_folder(), SCHEMA, text_path));

    size_t length = 0;
    char *bytes = e2e_read_file(binary_path, &length);
    assert_non_null(bytes);
    assert_in_range(length, 1, sizeof(message->bytes));
    memcpy(message->bytes, bytes, length);
    message->length = length;
    const uint8_t *found = memmem(message->bytes, length, id, sizeof(id));
    assert_non_null(found);
    message->id_at = (size_t)(found - message->bytes);
    free(bytes);
}

void e2e_message_set_id(struct e2e_message *message, uint32_t series, uint32_t number)
{
    make_id(message->bytes + message->id_at, series, number);
}

void e2e_message_id_text(char out[E2E_UUID_TEXT], uint32_t series, uint32_t number)
{
    snprintf(out, E2E_UUID_TEXT, "%08x-0000-4000-8000-0000%08x", series, number);
}

json_t *e2e_message_decode(const void *bytes, size_t length)
{
    char binary_path[128];
    char text_path[128];
    snprintf(binary_path, sizeof(binary_path), "%s/received.bin", e2e_folder());
    snprintf(text_path, sizeof(text_path), "%s/received.json", e2e_folder());
    e2e_write_file(binary_path, bytes, length);
    remove(text_path);
    run_flatc(E2E_ARGS("flatc", "--json", "--strict-json", "--defaults-json", "--raw-binary", "-o",
        e2e_folder(), SCHEMA, "--", binary_path));
    json_error_t error;
    json_t *json = json_load_file(text_path, 0, &error);
    if (json == NULL) {
        fail_msg("what flatc printed is not JSON: %s", error.text);
    }
    return json;
}

void e2e_security_topic(char *out, size_t size, const char *device_id)
{
    snprintf(out, size, "devices/%s/messages/events/%s", device_id, E2E_SECURITY_BAG);
}

void e2e_ipv4_text(char *out, size_t size, uint32_t address)
{
    assert_non_null(inet_ntop(AF_INET, &address, out, (socklen_t)size));
}

void e2e_ipv6_text(char *out, size_t size, json_t *numbers)
{
    uint32_t words[4];
    assert_int_equal(json_array_size(numbers), 4);
    for (size_t i = 0; i < 4; i++) {
        words[i] = (uint32_t)json_integer_value(json_array_get(numbers, i));
    }
    assert_non_null(inet_ntop(AF_INET6, words, out, (socklen_t)size));
}
