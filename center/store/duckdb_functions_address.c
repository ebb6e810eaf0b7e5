/* SPDX-License-Identifier: MIT */
/* IPv4 and IPv6 addresses with or without a prefix. */

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions.h"

#define SEPARATOR '\1'

/* An address of IPv6, or of IPv4 in its last 32 bits. */
struct address {
    uint8_t bytes[16];
    unsigned prefix; /* of 128 */
};

/* The number behind a slash, at most `most`; false: it is none. */
static bool read_prefix(const char *text, unsigned most, unsigned *prefix)
{
    char *end;
    const long number = strtol(text, &end, 10);

    if (*text < '0' || *text > '9' || *end != '\0' || number < 0 || number > (long)most) {
        return false;
    }
    *prefix = (unsigned)number;
    return true;
}

static bool read_ipv4(struct vd_str text, struct address *out)
{
    char copy[32];
    char *slash;
    unsigned prefix = 32;

    if (vd_str_copy(text, copy, sizeof copy) != VD_OK) {
        return false;
    }
    slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!read_prefix(slash + 1, 32, &prefix)) {
            return false;
        }
    }
    memset(out->bytes, 0, 10);
    memset(out->bytes + 10, 0xff, 2);
    out->prefix = 96 + prefix;
    return inet_pton(AF_INET, copy, out->bytes + 12) == 1;
}

/* IPv4 as well. */
static bool read_ipv6(struct vd_str text, struct address *out)
{
    char copy[64];
    char *slash;

    if (read_ipv4(text, out)) {
        return true;
    }
    if (vd_str_copy(text, copy, sizeof copy) != VD_OK) {
        return false;
    }
    out->prefix = 128;
    slash = strchr(copy, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!read_prefix(slash + 1, 128, &out->prefix)) {
            return false;
        }
    }
    return inet_pton(AF_INET6, copy, out->bytes) == 1;
}

typedef bool read_address(struct vd_str text, struct address *out);

/* Compares the first `prefix` bits. */
static int compare(const struct address *a, const struct address *b, unsigned prefix)
{
    const unsigned whole = prefix / 8;
    const int result = memcmp(a->bytes, b->bytes, whole);

    if (result != 0 || prefix % 8 == 0) {
        return result;
    }
    return (a->bytes[whole] >> (8 - prefix % 8)) - (b->bytes[whole] >> (8 - prefix % 8));
}

/* Of two, by the shortest of three prefixes; null: one is none. */
static bool compare_arguments(
    struct vd_duckdb_row *row, read_address *read, unsigned bits, int *result)
{
    struct address a;
    struct address b;
    int64_t prefix = row->arguments[2].integer;

    if (!read(row->arguments[0].text, &a) || !read(row->arguments[1].text, &b) || prefix < 0 ||
        prefix > (int64_t)bits) {
        row->is_null = true;
        return false;
    }
    prefix += 128 - bits;
    prefix = prefix < a.prefix ? prefix : a.prefix;
    prefix = prefix < b.prefix ? prefix : b.prefix;
    *result = compare(&a, &b, (unsigned)prefix);
    return true;
}

static void set_match(struct vd_duckdb_row *row, read_address *read, unsigned bits)
{
    int result = 0;

    if (compare_arguments(row, read, bits, &result)) {
        row->result.integer = result == 0;
    }
}

static void set_compare(struct vd_duckdb_row *row, read_address *read, unsigned bits)
{
    int result = 0;

    if (compare_arguments(row, read, bits, &result)) {
        row->result.integer = (result > 0) - (result < 0);
    }
}

static void ipv4_is_match(struct vd_duckdb_row *row)
{
    set_match(row, read_ipv4, 32);
}

static void ipv4_compare(struct vd_duckdb_row *row)
{
    set_compare(row, read_ipv4, 32);
}

static void ipv6_is_match(struct vd_duckdb_row *row)
{
    set_match(row, read_ipv6, 128);
}

static void ipv6_compare(struct vd_duckdb_row *row)
{
    set_compare(row, read_ipv6, 128);
}

static void is_in_range(struct vd_duckdb_row *row, read_address *read)
{
    struct address address;
    struct address range;

    row->is_null = !read(row->arguments[0].text, &address) || !read(row->arguments[1].text, &range);
    row->result.integer = !row->is_null && compare(&address, &range, range.prefix) == 0;
}

static void ipv4_is_in_range(struct vd_duckdb_row *row)
{
    is_in_range(row, read_ipv4);
}

static void ipv6_is_in_range(struct vd_duckdb_row *row)
{
    is_in_range(row, read_ipv6);
}

/* The next text of a list; false: there is none. */
static bool next_of(struct vd_str *list, struct vd_str *out)
{
    const char *end;

    if (list->data == NULL) {
        return false;
    }
    end = memchr(list->data, SEPARATOR, list->length);
    *out = (struct vd_str){list->data, end != NULL ? (size_t)(end - list->data) : list->length};
    list->length = end != NULL ? list->length - out->length - 1 : 0;
    list->data = end != NULL ? end + 1 : NULL;
    return true;
}

static void ipv4_is_in_any_range(struct vd_duckdb_row *row)
{
    struct vd_str list = row->arguments[1].text;
    struct vd_str one;
    struct address address;
    struct address range;

    row->is_null = !read_ipv4(row->arguments[0].text, &address);
    row->result.integer = 0;
    while (!row->is_null && row->result.integer == 0 && next_of(&list, &one)) {
        row->result.integer =
            read_ipv4(one, &range) && compare(&address, &range, range.prefix) == 0;
    }
}

static void ipv4_is_private(struct vd_duckdb_row *row)
{
    static const char *const ranges[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
    struct address address;
    struct address range;

    row->is_null = !read_ipv4(row->arguments[0].text, &address);
    row->result.integer = 0;
    for (size_t i = 0; !row->is_null && i < sizeof ranges / sizeof ranges[0]; i++) {
        if (read_ipv4(vd_str_from(ranges[i]), &range) &&
            compare(&address, &range, range.prefix) == 0) {
            row->result.integer = 1;
        }
    }
}

static void ipv4_netmask_suffix(struct vd_duckdb_row *row)
{
    struct address address;

    row->is_null = !read_ipv4(row->arguments[0].text, &address);
    row->result.integer = row->is_null ? 0 : (int64_t)address.prefix - 96;
}

/* The address as a number, its prefix applied. */
static void parse_ipv4(struct vd_duckdb_row *row)
{
    struct address address;
    uint32_t number;

    row->is_null = !read_ipv4(row->arguments[0].text, &address);
    if (!row->is_null) {
        const unsigned prefix = address.prefix - 96;

        number = (uint32_t)address.bytes[12] << 24 | (uint32_t)address.bytes[13] << 16 |
            (uint32_t)address.bytes[14] << 8 | address.bytes[15];
        row->result.integer = prefix == 0 ? 0 : number & (UINT32_MAX << (32 - prefix));
    }
}

static void format_ipv4(struct vd_duckdb_row *row)
{
    const int64_t number = row->arguments[0].integer;
    const int64_t prefix = row->arguments[1].integer;
    uint32_t masked;

    if (number < 0 || number > UINT32_MAX || prefix < 0 || prefix > 32) {
        row->is_null = true;
        return;
    }
    masked = prefix == 0 ? 0 : (uint32_t)number & (UINT32_MAX << (32 - prefix));
    vd_buf_printf(row->text, "%u.%u.%u.%u", masked >> 24, masked >> 16 & 255, masked >> 8 & 255,
        masked & 255);
}

/* All eight groups with four digits each. */
static void parse_ipv6(struct vd_duckdb_row *row)
{
    struct address address;

    row->is_null = !read_ipv6(row->arguments[0].text, &address);
    for (unsigned bit = 0; !row->is_null && bit < 128; bit++) {
        if (bit >= address.prefix) {
            address.bytes[bit / 8] &= (uint8_t) ~(0x80u >> (bit % 8));
        }
    }
    for (int i = 0; !row->is_null && i < 16; i += 2) {
        vd_buf_printf(
            row->text, "%s%02x%02x", i > 0 ? ":" : "", address.bytes[i], address.bytes[i + 1]);
    }
}

static bool is_part_of_address(char c)
{
    return (c >= '0' && c <= '9') || c == '.';
}

static bool is_letter(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Whether the address stands in the text, not within a longer number or word. */
static bool has_address(struct vd_str text, struct vd_str wanted)
{
    struct address address;
    const char *at = text.data;
    const char *end = text.data + text.length;

    if (!read_ipv4(wanted, &address)) {
        return false;
    }
    while ((size_t)(end - at) >= wanted.length &&
        (at = memmem(at, (size_t)(end - at), wanted.data, wanted.length)) != NULL) {
        const char *behind = at + wanted.length;
        const bool starts = at == text.data || (!is_letter(at[-1]) && !is_part_of_address(at[-1]));
        const bool ends = behind == end ||
            (!is_letter(*behind) && (*behind != '.' || behind + 1 == end || !is_letter(behind[1])));

        if (starts && ends) {
            return true;
        }
        at++;
    }
    return false;
}

static void has_ipv4(struct vd_duckdb_row *row)
{
    row->result.integer = has_address(row->arguments[0].text, row->arguments[1].text);
}

static void has_any_ipv4(struct vd_duckdb_row *row)
{
    struct vd_str list = row->arguments[1].text;
    struct vd_str one;

    row->result.integer = 0;
    while (row->result.integer == 0 && next_of(&list, &one)) {
        row->result.integer = has_address(row->arguments[0].text, one);
    }
}

const struct vd_duckdb_function vd_duckdb_address_functions[] = {
    {"kql_parse_ipv4", "s", 'l', parse_ipv4},
    {"kql_format_ipv4", "ll", 's', format_ipv4},
    {"kql_parse_ipv6", "s", 's', parse_ipv6},
    {"kql_ipv4_is_match", "ssl", 'b', ipv4_is_match},
    {"kql_ipv4_compare", "ssl", 'l', ipv4_compare},
    {"kql_ipv4_is_in_range", "ss", 'b', ipv4_is_in_range},
    {"kql_ipv4_is_in_any_range", "ss", 'b', ipv4_is_in_any_range},
    {"kql_ipv4_is_private", "s", 'b', ipv4_is_private},
    {"kql_ipv4_netmask_suffix", "s", 'l', ipv4_netmask_suffix},
    {"kql_ipv6_is_match", "ssl", 'b', ipv6_is_match},
    {"kql_ipv6_compare", "ssl", 'l', ipv6_compare},
    {"kql_ipv6_is_in_range", "ss", 'b', ipv6_is_in_range},
    {"kql_has_ipv4", "ss", 'b', has_ipv4},
    {"kql_has_any_ipv4", "ss", 'b', has_any_ipv4},
    {NULL, NULL, 0, NULL},
};
