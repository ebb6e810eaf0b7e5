/* SPDX-License-Identifier: MIT */
/* Addresses: IPv4 and IPv6, each maybe with a prefix behind a slash. What is no address gives null. */

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

#define ADDRESS_TEXT_SIZE 64

/* "n" of at most `most`. */
static bool read_prefix(const char *text, int64_t most, int64_t *out)
{
    int64_t value = 0;

    if (text[0] == '\0' || strlen(text) > 3) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        value = value * 10 + (*text - '0');
    }
    *out = value;
    return value <= most;
}

static uint32_t mask_of(int64_t prefix)
{
    return prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
}

/* Not yet masked. */
static bool read_ipv4(struct vd_str text, uint32_t *address, int64_t *prefix)
{
    char copy[ADDRESS_TEXT_SIZE];
    struct in_addr binary;
    char *slash;

    *prefix = 32;
    if (vd_str_copy(text, copy, sizeof copy) != VD_OK) {
        return false;
    }
    slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!read_prefix(slash + 1, 32, prefix)) {
            return false;
        }
    }
    if (inet_pton(AF_INET, copy, &binary) != 1) {
        return false;
    }
    *address = ntohl(binary.s_addr);
    return true;
}

static bool parse_ipv4(struct vd_udf_call *call)
{
    uint32_t address;
    int64_t prefix;

    if (!read_ipv4(call->args[0].text, &address, &prefix)) {
        return false;
    }
    call->result.integer = address & mask_of(prefix);
    return true;
}

static void append_ipv4(uint32_t address, struct vd_buf *out)
{
    vd_buf_printf(
        out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

/* kql_format_ipv4(number, prefix) */
static bool format_ipv4(struct vd_udf_call *call)
{
    const int64_t address = call->args[0].integer;
    const int64_t prefix = call->args[1].integer;

    if (address < 0 || address > UINT32_MAX || prefix < 0 || prefix > 32) {
        return false;
    }
    append_ipv4((uint32_t)address & mask_of(prefix), call->out);
    return true;
}

/* kql_format_ipv4_mask(number, prefix): with the prefix behind it */
static bool format_ipv4_mask(struct vd_udf_call *call)
{
    if (!format_ipv4(call)) {
        return false;
    }
    vd_buf_printf(call->out, "/%d", (int)call->args[1].integer);
    return true;
}

/* The same of an address as text, which may have a prefix itself: the shorter one counts. */
static bool format_text(struct vd_udf_call *call, vd_udf_function format)
{
    const int64_t prefix = call->args[1].integer;
    struct vd_udf_value numbers[2] = {0};
    struct vd_udf_call inner = *call;
    uint32_t address;

    if (!read_ipv4(call->args[0].text, &address, &numbers[1].integer)) {
        return false;
    }
    numbers[0].integer = address;
    numbers[1].integer = prefix < numbers[1].integer ? prefix : numbers[1].integer;
    inner.args = numbers;
    return format(&inner);
}

static bool format_ipv4_text(struct vd_udf_call *call)
{
    return format_text(call, format_ipv4);
}

static bool format_ipv4_text_mask(struct vd_udf_call *call)
{
    return format_text(call, format_ipv4_mask);
}

/* -1, 0 or 1 of two addresses, as far as both prefixes and the third argument reach. */
static bool ipv4_compare(struct vd_udf_call *call)
{
    uint32_t a;
    uint32_t b;
    int64_t prefix_a;
    int64_t prefix_b;
    int64_t prefix = call->args[2].integer;

    if (prefix < 0 || prefix > 32 || !read_ipv4(call->args[0].text, &a, &prefix_a) ||
        !read_ipv4(call->args[1].text, &b, &prefix_b)) {
        return false;
    }
    prefix = prefix_a < prefix ? prefix_a : prefix;
    prefix = prefix_b < prefix ? prefix_b : prefix;
    a &= mask_of(prefix);
    b &= mask_of(prefix);
    call->result.integer = (a > b) - (a < b);
    return true;
}

static bool ipv4_is_match(struct vd_udf_call *call)
{
    const bool ok = ipv4_compare(call);

    call->result.integer = call->result.integer == 0;
    return ok;
}

static bool is_in_range(struct vd_str text, struct vd_str range, bool *is_in)
{
    uint32_t address;
    uint32_t base;
    int64_t prefix;
    int64_t range_prefix;

    if (!read_ipv4(text, &address, &prefix) || !read_ipv4(range, &base, &range_prefix)) {
        return false;
    }
    *is_in = prefix >= range_prefix && ((address ^ base) & mask_of(range_prefix)) == 0;
    return true;
}

static bool ipv4_is_in_range(struct vd_udf_call *call)
{
    bool is_in = false;
    const bool ok = is_in_range(call->args[0].text, call->args[1].text, &is_in);

    call->result.integer = is_in;
    return ok;
}

/* kql_ipv4_is_in_any_range(address, ranges); ranges that are none are passed over. */
static bool ipv4_is_in_any_range(struct vd_udf_call *call)
{
    uint32_t address;
    int64_t prefix;
    struct vd_str range;
    size_t at = 0;
    bool is_in = false;

    if (!read_ipv4(call->args[0].text, &address, &prefix) ||
        !vd_udf_spend(call, call->args[1].text.length * 4)) {
        return false;
    }
    while (!is_in && vd_udf_part(call->args[1].text, VD_UDF_SEPARATOR, &at, &range)) {
        (void)is_in_range(call->args[0].text, range, &is_in);
    }
    call->result.integer = is_in;
    return true;
}

/* 10/8, 172.16/12, 192.168/16 (RFC 1918). */
static bool ipv4_is_private(struct vd_udf_call *call)
{
    static const struct {
        uint32_t base;
        int prefix;
    } nets[] = {{0x0A000000, 8}, {0xAC100000, 12}, {0xC0A80000, 16}};
    uint32_t address;
    int64_t prefix;

    if (!read_ipv4(call->args[0].text, &address, &prefix)) {
        return false;
    }
    call->result.integer = false;
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        if (prefix >= nets[i].prefix && (address & mask_of(nets[i].prefix)) == nets[i].base) {
            call->result.integer = true;
        }
    }
    return true;
}

static bool ipv4_netmask_suffix(struct vd_udf_call *call)
{
    uint32_t address;

    return read_ipv4(call->args[0].text, &address, &call->result.integer);
}

/* ---- IPv6; an IPv4 address is the mapped one, its prefix 96 longer ---- */

static bool read_ipv6(struct vd_str text, uint8_t address[16], int64_t *prefix)
{
    char copy[ADDRESS_TEXT_SIZE];
    uint32_t v4;
    char *slash;

    if (read_ipv4(text, &v4, prefix)) {
        memset(address, 0, 10);
        memset(address + 10, 0xFF, 2);
        v4 = htonl(v4);
        memcpy(address + 12, &v4, 4);
        *prefix += 96;
        return true;
    }
    *prefix = 128;
    if (vd_str_copy(text, copy, sizeof copy) != VD_OK) {
        return false;
    }
    slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!read_prefix(slash + 1, 128, prefix)) {
            return false;
        }
    }
    return inet_pton(AF_INET6, copy, address) == 1;
}

static void mask_ipv6(uint8_t address[16], int64_t prefix)
{
    for (int i = 0; i < 16; i++) {
        const int64_t bits = prefix - 8 * i;

        if (bits < 8) {
            address[i] &= (uint8_t)(bits <= 0 ? 0 : 0xFF << (8 - bits));
        }
    }
}

/* All eight groups with all digits. */
static bool parse_ipv6(struct vd_udf_call *call)
{
    uint8_t address[16];
    int64_t prefix;

    if (!read_ipv6(call->args[0].text, address, &prefix)) {
        return false;
    }
    mask_ipv6(address, prefix);
    for (int i = 0; i < 16; i += 2) {
        vd_buf_printf(call->out, "%s%02x%02x", i > 0 ? ":" : "", address[i], address[i + 1]);
    }
    return true;
}

static bool ipv6_compare(struct vd_udf_call *call)
{
    uint8_t a[16];
    uint8_t b[16];
    int64_t prefix_a;
    int64_t prefix_b;
    int64_t prefix = call->args[2].integer;
    int order;

    if (prefix < 0 || prefix > 128 || !read_ipv6(call->args[0].text, a, &prefix_a) ||
        !read_ipv6(call->args[1].text, b, &prefix_b)) {
        return false;
    }
    prefix = prefix_a < prefix ? prefix_a : prefix;
    prefix = prefix_b < prefix ? prefix_b : prefix;
    mask_ipv6(a, prefix);
    mask_ipv6(b, prefix);
    order = memcmp(a, b, 16);
    call->result.integer = (order > 0) - (order < 0);
    return true;
}

static bool ipv6_is_match(struct vd_udf_call *call)
{
    const bool ok = ipv6_compare(call);

    call->result.integer = call->result.integer == 0;
    return ok;
}

static bool ipv6_is_in_range(struct vd_udf_call *call)
{
    uint8_t address[16];
    uint8_t base[16];
    int64_t prefix;
    int64_t range_prefix;

    if (!read_ipv6(call->args[0].text, address, &prefix) ||
        !read_ipv6(call->args[1].text, base, &range_prefix)) {
        return false;
    }
    mask_ipv6(address, range_prefix);
    mask_ipv6(base, range_prefix);
    call->result.integer = prefix >= range_prefix && memcmp(address, base, 16) == 0;
    return true;
}

const struct vd_udf vd_udf_network[] = {
    {"kql_parse_ipv4", "s", 'l', false, parse_ipv4},
    {"kql_format_ipv4", "ll", 's', false, format_ipv4},
    {"kql_format_ipv4_mask", "ll", 's', false, format_ipv4_mask},
    {"kql_format_ipv4_text", "sl", 's', false, format_ipv4_text},
    {"kql_format_ipv4_text_mask", "sl", 's', false, format_ipv4_text_mask},
    {"kql_ipv4_compare", "ssl", 'l', false, ipv4_compare},
    {"kql_ipv4_is_match", "ssl", 'b', false, ipv4_is_match},
    {"kql_ipv4_is_in_range", "ss", 'b', false, ipv4_is_in_range},
    {"kql_ipv4_is_in_any_range", "ss", 'b', false, ipv4_is_in_any_range},
    {"kql_ipv4_is_private", "s", 'b', false, ipv4_is_private},
    {"kql_ipv4_netmask_suffix", "s", 'l', false, ipv4_netmask_suffix},
    {"kql_parse_ipv6", "s", 's', false, parse_ipv6},
    {"kql_ipv6_compare", "ssl", 'l', false, ipv6_compare},
    {"kql_ipv6_is_match", "ssl", 'b', false, ipv6_is_match},
    {"kql_ipv6_is_in_range", "ss", 'b', false, ipv6_is_in_range},
    {NULL, NULL, 0, false, NULL},
};
