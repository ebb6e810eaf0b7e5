/* SPDX-License-Identifier: MIT */
/* Escaping of strings for JSON, with repair of what is not UTF-8. */

#include "lib/json_text.h"

/* Bytes of the well-formed UTF-8 sequence at `at` (RFC 3629); 0 if there is none. */
static size_t utf8_sequence(const uint8_t *at, size_t left)
{
    uint8_t low = 0x80;
    uint8_t high = 0xbf;
    size_t length;

    if (at[0] < 0x80) {
        return 1;
    }
    if (at[0] < 0xc2 || at[0] > 0xf4) {
        return 0;
    }
    length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (left < length) {
        return 0;
    }
    /* Overlong forms, surrogates and what lies above U+10FFFF differ in the second byte. */
    if (at[0] == 0xe0) {
        low = 0xa0;
    } else if (at[0] == 0xed) {
        high = 0x9f;
    } else if (at[0] == 0xf0) {
        low = 0x90;
    } else if (at[0] == 0xf4) {
        high = 0x8f;
    }
    if (at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

static bool is_plain(uint8_t c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

void vd_json_append_string(struct vd_buf *out, struct vd_str text)
{
    const uint8_t *at = (const uint8_t *)text.data;
    size_t i = 0;

    vd_buf_append(out, "\"", 1);
    while (i < text.length) {
        size_t run = i;
        size_t length;

        while (run < text.length && is_plain(at[run])) {
            run++;
        }
        vd_buf_append(out, at + i, run - i);
        i = run;
        if (i == text.length) {
            break;
        }
        length = utf8_sequence(at + i, text.length - i);
        if (length == 0) {
            vd_buf_append(out, "\xef\xbf\xbd", 3);
            i++;
        } else if (length == 1) {
            if (at[i] == '"' || at[i] == '\\') {
                vd_buf_append(out, "\\", 1);
                vd_buf_append(out, at + i, 1);
            } else {
                vd_buf_printf(out, "\\u%04x", at[i]);
            }
            i++;
        } else {
            vd_buf_append(out, at + i, length);
            i += length;
        }
    }
    vd_buf_append(out, "\"", 1);
}

static void append_name(struct vd_buf *out, const char *name)
{
    if (out->length > 0 && out->data[out->length - 1] != '{') {
        vd_buf_append(out, ",", 1);
    }
    vd_buf_append(out, "\"", 1);
    vd_buf_append_text(out, name);
    vd_buf_append(out, "\":", 2);
}

void vd_json_append_text_member(struct vd_buf *out, const char *name, struct vd_str value)
{
    append_name(out, name);
    vd_json_append_string(out, value);
}

static void append_digits(struct vd_buf *out, uint64_t value)
{
    char digits[21];
    char *at = digits + sizeof digits;

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    vd_buf_append(out, at, (size_t)(digits + sizeof digits - at));
}

void vd_json_append_number_member(struct vd_buf *out, const char *name, uint64_t value)
{
    append_name(out, name);
    append_digits(out, value);
}

void vd_json_append_signed_member(struct vd_buf *out, const char *name, int64_t value)
{
    append_name(out, name);
    vd_buf_append(out, "-", value < 0 ? 1 : 0);
    append_digits(out, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

json_t *vd_json_text(struct vd_str text)
{
    json_t *value = json_stringn(text.data != NULL ? text.data : "", text.length);
    struct vd_buf repaired = {0};

    if (value == NULL) {
        vd_json_append_string(&repaired, text);
        if (repaired.error == VD_OK) {
            value = json_loadb((const char *)repaired.data, repaired.length,
                JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        }
        vd_buf_release(&repaired);
    }
    return value;
}

/* ---- Memory ---- */

/* What Jansson 2.14 takes for an object with the eight places that it begins with, and one of its members; for an array with
 * as many, and a short string in it; for what follows a comma or a colon: half of a member, whose value may be a short string
 * and whose share of the table is largest while that grows, or a string in an array. Lengths of strings come to that. */
#define JSON_OBJECT_BYTES 328
#define JSON_ARRAY_BYTES  208
#define JSON_PART_BYTES   104
/* The reader itself; and the token that it is at: a buffer of up to twice its length, which grows by copying, and copies. */
#define JSON_READER_BYTES 1024
#define JSON_TOKEN_COPIES 4

/* 0: it is part of a token, or space. */
static uint64_t memory_of(char c)
{
    switch (c) {
    case '{':
        return JSON_OBJECT_BYTES;
    case '[':
        return JSON_ARRAY_BYTES;
    case ',':
    case ':':
        return JSON_PART_BYTES;
    default:
        return 0;
    }
}

uint64_t vd_json_memory(struct vd_str text)
{
    uint64_t total = JSON_READER_BYTES + text.length;
    size_t longest = 0; /* token, with the space around it */
    size_t last = 0;
    bool in_string = false;

    for (size_t i = 0; i < text.length; i++) {
        const char c = text.data[i];
        const uint64_t memory = in_string ? 0 : memory_of(c);

        if (in_string && c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        }
        if (memory > 0) {
            total += memory;
            longest = i - last > longest ? i - last : longest;
            last = i;
        }
    }
    longest = text.length - last > longest ? text.length - last : longest;
    return total + JSON_TOKEN_COPIES * longest;
}
