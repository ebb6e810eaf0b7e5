/* SPDX-License-Identifier: MIT */
/* Texts: put together, replaced, searched, counted, hashed. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"
#include "lib/json_text.h"
#include "lib/secret.h"
#include "lib/url.h"

bool vd_udf_part(struct vd_str text, char separator, size_t *at, struct vd_str *part)
{
    const char *end;

    if (*at > text.length) {
        return false;
    }
    end = text.length > *at ? memchr(text.data + *at, separator, text.length - *at) : NULL;
    *part = (struct vd_str){
        text.data + *at, (end != NULL ? (size_t)(end - text.data) : text.length) - *at};
    *at += part->length + 1;
    return true;
}

/* ---- XXH64 (github.com/Cyan4973/xxHash, doc/xxhash_spec.md) ---- */

#define PRIME_1 0x9E3779B185EBCA87ull
#define PRIME_2 0xC2B2AE3D27D4EB4Full
#define PRIME_3 0x165667B19E3779F9ull
#define PRIME_4 0x85EBCA77C2B2AE63ull
#define PRIME_5 0x27D4EB2F165667C5ull

static uint64_t rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t mix_lane(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t hash_stripes(struct vd_reader *reader, uint64_t seed)
{
    uint64_t lanes[4] = {seed + PRIME_1 + PRIME_2, seed + PRIME_2, seed, seed - PRIME_1};
    uint64_t hash;

    while (vd_reader_left(reader) >= 32) {
        for (int i = 0; i < 4; i++) {
            lanes[i] = mix_lane(lanes[i], vd_reader_u64_le(reader));
        }
    }
    hash = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (int i = 0; i < 4; i++) {
        hash = (hash ^ mix_lane(0, lanes[i])) * PRIME_1 + PRIME_4;
    }
    return hash;
}

uint64_t vd_udf_hash(struct vd_str text, uint64_t seed)
{
    struct vd_reader reader;
    uint64_t hash;

    vd_reader_init(&reader, text.data, text.length);
    hash = (text.length >= 32 ? hash_stripes(&reader, seed) : seed + PRIME_5) + text.length;
    while (vd_reader_left(&reader) >= 8) {
        hash = rotate(hash ^ mix_lane(0, vd_reader_u64_le(&reader)), 27) * PRIME_1 + PRIME_4;
    }
    if (vd_reader_left(&reader) >= 4) {
        hash = rotate(hash ^ vd_reader_u32_le(&reader) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    }
    while (vd_reader_left(&reader) > 0) {
        hash = rotate(hash ^ vd_reader_u8(&reader) * PRIME_5, 11) * PRIME_1;
    }
    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}

static bool hash(struct vd_udf_call *call)
{
    const uint64_t value = vd_udf_hash(call->args[0].text, 0);

    memcpy(&call->result.integer, &value, sizeof value);
    return true;
}

/* ---- Put together ---- */

static bool concat(struct vd_udf_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        vd_buf_append(call->out, call->args[i].text.data, call->args[i].text.length);
    }
    return true;
}

/* kql_join(between, texts) */
static bool join(struct vd_udf_call *call)
{
    for (uint32_t i = 1; i < call->count; i++) {
        if (i > 1) {
            vd_buf_append(call->out, call->args[0].text.data, call->args[0].text.length);
        }
        vd_buf_append(call->out, call->args[i].text.data, call->args[i].text.length);
    }
    return true;
}

/* kql_replace(text, what, by) */
static bool replace(struct vd_udf_call *call)
{
    const struct vd_str what = call->args[1].text;
    struct vd_str rest = call->args[0].text;
    const char *found;

    while (what.length > 0 && call->out->error == VD_OK &&
        (found = memmem(rest.data, rest.length, what.data, what.length)) != NULL) {
        const size_t before = (size_t)(found - rest.data);

        vd_buf_append(call->out, rest.data, before);
        vd_buf_append(call->out, call->args[2].text.data, call->args[2].text.length);
        rest.data += before + what.length;
        rest.length -= before + what.length;
    }
    vd_buf_append(call->out, rest.data, rest.length);
    return true;
}

/* kql_strrep(text, times, between); 1,024 times at most, as the language has it. */
static bool strrep(struct vd_udf_call *call)
{
    const int64_t times = call->args[1].integer < 1024 ? call->args[1].integer : 1024;

    for (int64_t i = 0; i < times && call->out->error == VD_OK; i++) {
        if (i > 0) {
            vd_buf_append(call->out, call->args[2].text.data, call->args[2].text.length);
        }
        vd_buf_append(call->out, call->args[0].text.data, call->args[0].text.length);
    }
    return true;
}

/* ---- Looked at before DuckDB makes something longer of them ---- */

/* kql_matched(text): the text, of which a list of all matches of a pattern is made; of 16 bytes and the match each, and they may be empty. */
static bool matched(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;

    vd_buf_append(call->out, text.data, text.length);
    call->growth = text.length * 3;
    return true;
}

/* kql_replaced(text, by): the text, in which all matches of a pattern are replaced; at each byte and at the end there may be one. */
static bool replaced(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    const struct vd_str by = call->args[1].text;

    vd_buf_append(call->out, text.data, text.length);
    if (by.length > 0 && text.length >= VD_UDF_TEXT_MAX / by.length) {
        call->error = "a text of this query could become longer than 16 MiB: replacing by regular "
                      "expression needs shorter texts";
        return false;
    }
    call->growth = (text.length + 1) * by.length;
    return true;
}

/* ---- Searched ---- */

/* Bytes of the first `characters` characters. */
static size_t bytes_of(struct vd_str text, int64_t characters)
{
    size_t at = 0;

    while (at < text.length && characters > 0) {
        at++;
        while (at < text.length && ((unsigned char)text.data[at] & 0xC0) == 0x80) {
            at++;
        }
        characters--;
    }
    return at;
}

static int64_t characters_of(struct vd_str text)
{
    int64_t count = 0;

    for (size_t i = 0; i < text.length; i++) {
        count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return count;
}

/*
 * kql_indexof(text, what, start, length, which): in characters. start may count from the end; length -1 is all the rest, and
 * is counted anew behind each that was found, as Kusto does.
 */
static bool indexof(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    const struct vd_str what = call->args[1].text;
    const int64_t length = call->args[3].integer;
    const int64_t which = call->args[4].integer;
    int64_t start = call->args[2].integer;
    struct vd_str rest;
    size_t from;

    if (which < 1 || length < -1) {
        return false;
    }
    if (start < 0) {
        const int64_t all = characters_of(text);

        start = start < -all ? 0 : all + start;
    }
    from = bytes_of(text, start);
    rest = (struct vd_str){text.data + from, text.length - from};
    call->result.integer = -1;
    for (int64_t i = 1; i <= which; i++) {
        const size_t window = length < 0 ? rest.length : bytes_of(rest, length);
        const char *found = memmem(rest.data, window, what.data, what.length);

        if (found == NULL || (what.length == 0 && i > 1) ||
            !vd_udf_spend(call, what.length + (length < 0 ? 0 : window))) {
            return call->error == NULL;
        }
        if (i == which) {
            call->result.integer =
                characters_of((struct vd_str){text.data, (size_t)(found - text.data)});
        }
        rest.length -= (size_t)(found - rest.data) + what.length;
        rest.data = found + what.length;
    }
    return true;
}

/* kql_substring(text, start, length): in characters; start may count from the end. */
static bool substring(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    int64_t start = call->args[1].integer;
    struct vd_str rest;
    size_t from;

    if (start < 0) {
        const int64_t all = characters_of(text);

        start = start < -all ? 0 : all + start;
    }
    from = bytes_of(text, start);
    rest = (struct vd_str){text.data + from, text.length - from};
    vd_buf_append(call->out, rest.data, bytes_of(rest, call->args[2].integer));
    return true;
}

static void append_part(struct vd_buf *out, struct vd_str part)
{
    vd_buf_append(out, ",", out->length > 1 ? 1 : 0);
    vd_json_append_string(out, part);
}

/* kql_split(text, delimiter, which): an array of all parts, or, if which is not negative, of that alone. */
static bool split(struct vd_udf_call *call)
{
    const struct vd_str by = call->args[1].text;
    const int64_t which = call->args[2].integer;
    struct vd_str rest = call->args[0].text;
    bool is_over = false;

    vd_buf_append(call->out, "[", 1);
    for (int64_t i = 0; !is_over && call->out->error == VD_OK; i++) {
        const char *found =
            by.length > 0 ? memmem(rest.data, rest.length, by.data, by.length) : NULL;
        const struct vd_str part = {
            rest.data, found != NULL ? (size_t)(found - rest.data) : rest.length};

        if (which < 0 || which == i) {
            append_part(call->out, part);
        }
        is_over = found == NULL || which == i;
        if (!is_over) {
            rest.data = found + by.length;
            rest.length -= part.length + by.length;
        }
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_countof(text, what): occurrences may overlap. */
static bool countof(struct vd_udf_call *call)
{
    const struct vd_str what = call->args[1].text;
    struct vd_str rest = call->args[0].text;
    const char *found;

    call->result.integer = 0;
    while (what.length > 0 && vd_udf_spend(call, what.length) &&
        (found = memmem(rest.data, rest.length, what.data, what.length)) != NULL) {
        call->result.integer++;
        rest.length -= (size_t)(found - rest.data) + 1;
        rest.data = found + 1;
    }
    return call->error == NULL;
}

/* ---- In other letters ---- */

static bool base64_decode(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    uint8_t *bytes = vd_buf_reserve(call->out, text.length + 1);
    size_t length = 0;

    if (bytes == NULL || vd_base64_decode(text, bytes, text.length + 1, &length) != VD_OK ||
        !vd_utf8_is_valid((struct vd_str){(const char *)bytes, length})) {
        return false;
    }
    call->out->length = length;
    return true;
}

static bool base64_encode(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;
    const size_t length = VD_BASE64_LENGTH(text.length);
    uint8_t *out = vd_buf_reserve(call->out, length + 1);

    if (out != NULL && vd_base64_encode(text.data, text.length, (char *)out, length + 1) == VD_OK) {
        call->out->length = length;
    }
    return true;
}

static bool url_encode(struct vd_udf_call *call)
{
    vd_url_encode(call->args[0].text, call->out);
    return true;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0'
        : c >= 'a' && c <= 'f'  ? c - 'a' + 10
        : c >= 'A' && c <= 'F'  ? c - 'A' + 10
                                : -1;
}

/* What is no escape stands for itself; null if what comes out is no text. */
static bool url_decode(struct vd_udf_call *call)
{
    const struct vd_str text = call->args[0].text;

    for (size_t i = 0; i < text.length && call->out->error == VD_OK; i++) {
        char c = (char)(text.data[i] == '+' ? ' ' : text.data[i]);

        if (c == '%' && text.length - i > 2 && hex_value(text.data[i + 1]) >= 0 &&
            hex_value(text.data[i + 2]) >= 0) {
            c = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
            i += 2;
        }
        vd_buf_append(call->out, &c, 1);
    }
    return call->out->data == NULL ||
        vd_utf8_is_valid((struct vd_str){(const char *)call->out->data, call->out->length});
}

/* kql_tohex(number, least digits) */
static bool tohex(struct vd_udf_call *call)
{
    const int64_t digits = call->args[1].integer < 0 ? 0
        : call->args[1].integer > 1024               ? 1024
                                                     : call->args[1].integer;

    vd_buf_printf(call->out, "%0*llx", (int)digits, (unsigned long long)call->args[0].integer);
    return true;
}

/* kql_format_bytes(number, digits behind the point at most, unit; empty: the largest that leaves 1 or more) */
static bool format_bytes(struct vd_udf_call *call)
{
    static const char *const units[] = {"Bytes", "KB", "MB", "GB", "TB", "PB", "EB"};
    const struct vd_str wanted = call->args[2].text;
    const int64_t asked = call->args[1].integer;
    double size = call->args[0].real;
    size_t unit = 0;
    char number[400];

    while (unit < 6 &&
        (wanted.length > 0 ? !vd_str_equal_text(wanted, units[unit])
                           : size >= 1024 || size <= -1024)) {
        size /= 1024;
        unit++;
    }
    if (wanted.length > 0 && !vd_str_equal_text(wanted, units[unit])) {
        return false;
    }
    snprintf(number, sizeof number, "%.*f", asked < 0 ? 0 : asked > 15 ? 15 : (int)asked, size);
    if (strchr(number, '.') != NULL) {
        for (size_t last = strlen(number); number[last - 1] == '0'; last--) {
            number[last - 1] = '\0';
        }
        if (number[strlen(number) - 1] == '.') {
            number[strlen(number) - 1] = '\0';
        }
    }
    vd_buf_printf(call->out, "%s %s", number, units[unit]);
    return true;
}

const struct vd_udf vd_udf_texts[] = {
    {"kql_hash", "s", 'l', false, hash},
    {"kql_concat", "s*", 's', true, concat},
    {"kql_join", "s*", 's', true, join},
    {"kql_substring", "sll", 's', false, substring},
    {"kql_split", "ssl", 's', false, split},
    {"kql_replace", "sss", 's', false, replace},
    {"kql_strrep", "sls", 's', false, strrep},
    {"kql_indexof", "sslll", 'l', false, indexof},
    {"kql_countof", "ss", 'l', false, countof},
    {"kql_matched", "s", 's', false, matched},
    {"kql_replaced", "ss", 's', false, replaced},
    {"kql_base64_encode", "s", 's', false, base64_encode},
    {"kql_url_encode", "s", 's', false, url_encode},
    {"kql_base64_decode", "s", 's', false, base64_decode},
    {"kql_url_decode", "s", 's', false, url_decode},
    {"kql_format_bytes", "rls", 's', false, format_bytes},
    {"kql_tohex", "ll", 's', false, tohex},
    {NULL, NULL, 0, false, NULL},
};
