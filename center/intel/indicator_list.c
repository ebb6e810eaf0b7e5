/* SPDX-License-Identifier: MIT */
/* Text to ranges of addresses. */

#include "center/intel/indicator_list.h"

#include <arpa/inet.h>

#define IPV4_BITS   32
#define IPV6_BITS   128
#define MAPPED_BITS 96

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct vd_str trim(struct vd_str s)
{
    while (s.length > 0 && is_blank(s.data[0])) {
        s.data++;
        s.length--;
    }
    while (s.length > 0 && is_blank(s.data[s.length - 1])) {
        s.length--;
    }
    return s;
}

/* Up to three digits without sign or leading zeros; -1 for anything else. */
static int parse_prefix(struct vd_str s)
{
    int value = 0;

    if (s.length < 1 || s.length > 3 || (s.data[0] == '0' && s.length > 1)) {
        return -1;
    }
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (s.data[i] - '0');
    }
    return value;
}

/* Clears (`set` false) or sets the bits behind the first `prefix` of the 128. */
static void fill_behind(struct vd_address *address, int prefix, bool set)
{
    for (int bit = prefix; bit < IPV6_BITS; bit++) {
        uint8_t mask = (uint8_t)(0x80 >> (bit % 8));

        if (set) {
            address->bytes[bit / 8] |= mask;
        } else {
            address->bytes[bit / 8] &= (uint8_t)~mask;
        }
    }
}

static void write_text(struct vd_indicator_line *out, bool ipv4, int prefix)
{
    char address[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(&out->range.from, !ipv4, address);
    if (prefix == IPV6_BITS) {
        snprintf(out->text, sizeof out->text, "%s", address);
    } else {
        snprintf(
            out->text, sizeof out->text, "%s/%d", address, ipv4 ? prefix - MAPPED_BITS : prefix);
    }
}

static const char *parse_prefixed(struct vd_str text, struct vd_indicator_line *out)
{
    const char *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
    struct vd_str host = {text.data, slash != NULL ? (size_t)(slash - text.data) : text.length};
    char host_text[VD_INDICATOR_TEXT];
    struct vd_indicator_range range;
    uint8_t bytes[4];
    bool ipv4;
    int prefix;

    if (vd_str_copy(host, host_text, sizeof host_text) != VD_OK) {
        return "not an address or CIDR range";
    }
    if (inet_pton(AF_INET, host_text, bytes) == 1) {
        range.from = vd_address_from_ipv4(bytes);
    } else if (inet_pton(AF_INET6, host_text, range.from.bytes) != 1) {
        return "not an address or CIDR range";
    }
    ipv4 = strchr(host_text, ':') == NULL;
    prefix = IPV6_BITS;
    if (slash != NULL) {
        prefix = parse_prefix((struct vd_str){slash + 1, text.length - host.length - 1});
        if (prefix < 0 || prefix > (ipv4 ? IPV4_BITS : IPV6_BITS)) {
            return ipv4 ? "the prefix must be 1 to 32" : "the prefix must be 1 to 128";
        }
        if (prefix == 0) {
            return "a prefix of 0 would match every address";
        }
        prefix += ipv4 ? MAPPED_BITS : 0;
    }
    fill_behind(&range.from, prefix, false);
    range.to = range.from;
    fill_behind(&range.to, prefix, true);
    out->range = range;
    write_text(out, ipv4, prefix);
    return NULL;
}

/* "a-b", both addresses of one family; blanks around the hyphen are allowed. */
static const char *parse_ends(struct vd_str a, struct vd_str b, struct vd_indicator_line *out)
{
    struct vd_indicator_line from;
    struct vd_indicator_line to;

    if (memchr(a.data, '/', a.length) != NULL || memchr(b.data, '/', b.length) != NULL ||
        parse_prefixed(a, &from) != NULL || parse_prefixed(b, &to) != NULL) {
        return "not a range of addresses";
    }
    if (vd_address_is_ipv4(&from.range.from) != vd_address_is_ipv4(&to.range.from)) {
        return "the ends of the range are of two families";
    }
    if (memcmp(&from.range.from, &to.range.from, sizeof from.range.from) > 0) {
        return "the range ends before it begins";
    }
    if (memcmp(&from.range.from, &to.range.from, sizeof from.range.from) == 0) {
        *out = from;
        return NULL;
    }
    if ((strcmp(from.text, "0.0.0.0") == 0 && strcmp(to.text, "255.255.255.255") == 0) ||
        (strcmp(from.text, "::") == 0 &&
            strcmp(to.text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff") == 0)) {
        return "the range would match every address";
    }
    out->range.from = from.range.from;
    out->range.to = to.range.from;
    snprintf(out->text, sizeof out->text, "%.46s-%.46s", from.text, to.text);
    return NULL;
}

const char *vd_indicator_parse(struct vd_str text, struct vd_indicator_line *out)
{
    const char *hyphen = text.length > 0 ? memchr(text.data, '-', text.length) : NULL;
    struct vd_str first;

    if (hyphen == NULL) {
        return parse_prefixed(text, out);
    }
    first = (struct vd_str){text.data, (size_t)(hyphen - text.data)};
    return parse_ends(
        trim(first), trim((struct vd_str){hyphen + 1, text.length - first.length - 1}), out);
}
