/* SPDX-License-Identifier: MIT */
/* URL encoding, UTF-8, and property bags. */

#include "lib/url.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes the character at *at and moves past it; -1 for a bad escape. */
static int decode_one(struct vd_str in, size_t *at)
{
    int high;
    int low;

    if (in.data[*at] != '%') {
        return (unsigned char)in.data[(*at)++];
    }
    if (in.length - *at < 3) {
        return -1;
    }
    high = hex_value(in.data[*at + 1]);
    low = hex_value(in.data[*at + 2]);
    *at += 3;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int vd_url_decode(struct vd_str in, char *out, size_t size, size_t *length)
{
    size_t n = 0;
    size_t at = 0;

    while (at < in.length) {
        int c = decode_one(in, &at);

        if (c < 0) {
            return VD_E_INVALID;
        }
        if (n == size) {
            return VD_E_LIMIT;
        }
        out[n++] = (char)c;
    }
    *length = n;
    return VD_OK;
}

bool vd_url_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '_' || c == '.' || c == '~';
}

void vd_url_encode(struct vd_str in, struct vd_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t length = in.length;
    uint8_t *at;

    for (size_t i = 0; i < in.length; i++) {
        length += vd_url_is_unreserved(in.data[i]) ? 0 : 2;
    }
    at = vd_buf_reserve(out, length);
    if (at == NULL) {
        return;
    }
    for (size_t i = 0; i < in.length; i++) {
        const unsigned char c = (unsigned char)in.data[i];

        if (vd_url_is_unreserved(in.data[i])) {
            *at++ = c;
        } else {
            *at++ = '%';
            *at++ = (uint8_t)digits[c >> 4];
            *at++ = (uint8_t)digits[c & 15];
        }
    }
    out->length += length;
}

void vd_bag_add(struct vd_buf *bag, const char *name, const char *value)
{
    if (bag->length > 0) {
        vd_buf_append_text(bag, "&");
    }
    vd_url_encode(vd_str_from(name), bag);
    vd_buf_append_text(bag, "=");
    vd_url_encode(vd_str_from(value), bag);
}

bool vd_url_equal(struct vd_str encoded, struct vd_str plain)
{
    size_t at = 0;
    size_t i = 0;

    while (at < encoded.length && i < plain.length) {
        if (decode_one(encoded, &at) != (unsigned char)plain.data[i++]) {
            return false;
        }
    }
    return at == encoded.length && i == plain.length;
}

/* The length of the sequence that `first` leads, and the least and greatest second byte (RFC 3629, section 4). */
static size_t utf8_sequence(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        return 2;
    }
    if (first >= 0xe0 && first <= 0xef) {
        *low = first == 0xe0 ? 0xa0 : 0x80;
        *high = first == 0xed ? 0x9f : 0xbf; /* no surrogates */
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        *low = first == 0xf0 ? 0x90 : 0x80;
        *high = first == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

bool vd_utf8_is_valid(struct vd_str s)
{
    const uint8_t *p = (const uint8_t *)s.data;
    const uint8_t *end = p + s.length;

    while (p < end) {
        uint8_t low;
        uint8_t high;
        size_t length;

        if (*p < 0x80) {
            if (*p++ == 0) {
                return false;
            }
            continue;
        }
        length = utf8_sequence(*p, &low, &high);
        if (length == 0 || length > (size_t)(end - p) || p[1] < low || p[1] > high) {
            return false;
        }
        for (size_t i = 2; i < length; i++) {
            if (p[i] < 0x80 || p[i] > 0xbf) {
                return false;
            }
        }
        p += length;
    }
    return true;
}

/* True if the part has only good escapes and is UTF-8 once they are decoded. */
static bool part_is_valid(struct vd_str part)
{
    char decoded[512] = {0};
    size_t kept = 0;
    size_t at = 0;

    if (part.length == 0 || memchr(part.data, '%', part.length) == NULL) {
        return vd_utf8_is_valid(part);
    }
    /* Checked in pieces that end between two characters, so that no bag needs a copy of its size. */
    while (at < part.length) {
        int c = decode_one(part, &at);

        if (c < 0) {
            return false;
        }
        if (kept >= sizeof decoded - 4 && (c & 0xc0) != 0x80) {
            if (!vd_utf8_is_valid((struct vd_str){decoded, kept})) {
                return false;
            }
            kept = 0;
        }
        if (kept == sizeof decoded) {
            return false;
        }
        decoded[kept++] = (char)c;
    }
    return vd_utf8_is_valid((struct vd_str){decoded, kept});
}

/* The text before `c`, or all; *rest is what follows it. */
static struct vd_str cut(struct vd_str s, char c, struct vd_str *rest)
{
    const char *at = s.length > 0 ? memchr(s.data, c, s.length) : NULL;

    if (at == NULL) {
        *rest = (struct vd_str){"", 0};
        return s;
    }
    *rest = (struct vd_str){at + 1, s.length - (size_t)(at - s.data) - 1};
    return (struct vd_str){s.data, (size_t)(at - s.data)};
}

int vd_bag_next(struct vd_bag *bag, struct vd_str *name, struct vd_str *value)
{
    struct vd_str left = bag->bag;
    struct vd_str rest;
    struct vd_str pair;
    struct vd_str n;
    struct vd_str v;

    if (left.length > 0 && left.data[left.length - 1] == '/') {
        left.length--;
    }
    if (left.length == 0) {
        return VD_E_NOT_FOUND;
    }
    pair = cut(left, '&', &rest);
    n = cut(pair, '=', &v);
    if (n.length == 0 || n.length == pair.length || bag->count == VD_BAG_MAX_PROPERTIES ||
        !part_is_valid(n) || !part_is_valid(v)) {
        return VD_E_INVALID;
    }
    if (rest.length == 0 && pair.length < left.length) {
        return VD_E_INVALID; /* an '&' with nothing behind it */
    }
    /* `rest` has lost the slash at the end: what is walked next must not lose another one. */
    bag->bag = rest.length > 0 ? (struct vd_str){rest.data, bag->bag.length - pair.length - 1}
                               : (struct vd_str){"", 0};
    bag->count++;
    *name = n;
    *value = v;
    return VD_OK;
}

int vd_bag_find(struct vd_str bag, const char *name, char *out, size_t size)
{
    struct vd_bag walk = {.bag = bag};
    struct vd_str wanted = vd_str_from(name);
    struct vd_str n;
    struct vd_str v;
    size_t length;
    int error;

    while ((error = vd_bag_next(&walk, &n, &v)) == VD_OK) {
        if (!vd_url_equal(n, wanted)) {
            continue;
        }
        if (size == 0) {
            return VD_E_LIMIT;
        }
        error = vd_url_decode(v, out, size - 1, &length);
        if (error == VD_OK) {
            out[length] = '\0';
        }
        return error;
    }
    return error;
}
