/* SPDX-License-Identifier: MIT */
/* Walks JSON text, and sets of texts. */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "center/store/duckdb_functions_internal.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct vd_udf_json *walk)
{
    while (walk->at < walk->end && is_space(*walk->at)) {
        walk->at++;
    }
}

bool vd_udf_json_open(struct vd_str text, char wanted, struct vd_udf_json *walk)
{
    *walk = (struct vd_udf_json){text.data, text.data + text.length, 0, true};
    skip_spaces(walk);
    if (walk->at == walk->end || (*walk->at != '[' && *walk->at != '{') ||
        (wanted != 0 && *walk->at != wanted)) {
        return false;
    }
    walk->close = *walk->at++ == '[' ? ']' : '}';
    return true;
}

/* Behind the string that begins at `at`; NULL: it has no end. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end; at++) {
        if (*at == '"') {
            return at + 1;
        }
        at += *at == '\\' ? 1 : 0;
    }
    return NULL;
}

/* Behind the value that begins at `at`; NULL: it has no end. */
static const char *value_end(const char *at, const char *end)
{
    size_t depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            if (at == NULL) {
                return NULL;
            }
        } else if (*at == '[' || *at == '{') {
            depth++;
            at++;
        } else if (*at == ']' || *at == '}') {
            if (depth == 0) {
                return at;
            }
            depth--;
            at++;
        } else if (depth == 0 && (*at == ',' || is_space(*at))) {
            return at;
        } else {
            at++;
            continue;
        }
        if (depth == 0) {
            return at;
        }
    }
    return depth == 0 ? at : NULL;
}

static bool next_value(struct vd_udf_json *walk, struct vd_str *value)
{
    const char *end;

    skip_spaces(walk);
    end = value_end(walk->at, walk->end);
    if (end == NULL || end == walk->at) {
        return false;
    }
    *value = (struct vd_str){walk->at, (size_t)(end - walk->at)};
    walk->at = end;
    return true;
}

bool vd_udf_json_next(struct vd_udf_json *walk, struct vd_str *name, struct vd_str *value)
{
    struct vd_str member = {"", 0};

    skip_spaces(walk);
    if (walk->at == walk->end || *walk->at == walk->close) {
        return false;
    }
    if (!walk->is_first && *walk->at++ != ',') {
        return false;
    }
    walk->is_first = false;
    if (walk->close == '}') {
        skip_spaces(walk);
        if (walk->at == walk->end || *walk->at != '"' || !next_value(walk, &member)) {
            return false;
        }
        skip_spaces(walk);
        if (walk->at == walk->end || *walk->at++ != ':') {
            return false;
        }
    }
    if (name != NULL) {
        *name = member;
    }
    return next_value(walk, value);
}

/* ---- Strings ---- */

/* Four hexadecimal digits; -1: they are none. */
static int32_t read_hex(const char *at, const char *end)
{
    int32_t value = 0;

    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        const char c = at[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) {
            return -1;
        }
        value = value * 16 + (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static void append_utf8(int32_t c, struct vd_buf *out)
{
    char bytes[4];
    size_t length = 0;

    if (c < 0x80) {
        bytes[length++] = (char)c;
    } else if (c < 0x800) {
        bytes[length++] = (char)(0xC0 | c >> 6);
        bytes[length++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        bytes[length++] = (char)(0xE0 | c >> 12);
        bytes[length++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[length++] = (char)(0x80 | (c & 0x3F));
    } else {
        bytes[length++] = (char)(0xF0 | c >> 18);
        bytes[length++] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[length++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[length++] = (char)(0x80 | (c & 0x3F));
    }
    vd_buf_append(out, bytes, length);
}

/* \uXXXX, and a pair of them for one character; half a pair becomes U+FFFD. Behind it. */
static const char *append_escaped(const char *at, const char *end, struct vd_buf *out)
{
    int32_t c = read_hex(at, end);
    int32_t low;

    if (c < 0) {
        return at;
    }
    at += 4;
    if (c >= 0xD800 && c < 0xDC00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' &&
        (low = read_hex(at + 2, end)) >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
    }
    append_utf8(c >= 0xD800 && c < 0xE000 ? 0xFFFD : c, out);
    return at;
}

void vd_udf_json_text(struct vd_str json, struct vd_buf *out)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    const char *at = json.data;
    const char *end = json.data + json.length;

    if (json.length < 2 || *at != '"' || end[-1] != '"') {
        vd_buf_append(out, json.data, json.length);
        return;
    }
    end--;
    for (at++; at < end && out->error == VD_OK;) {
        const char *plain = at;
        const char *letter;

        while (at < end && *at != '\\') {
            at++;
        }
        vd_buf_append(out, plain, (size_t)(at - plain));
        if (end - at < 2) {
            return;
        }
        at++;
        if (*at == 'u') {
            at = append_escaped(at + 1, end, out);
            continue;
        }
        letter = strchr(letters, *at);
        vd_buf_append(out, letter != NULL ? &meant[letter - letters] : at, 1);
        at++;
    }
}

/* ---- Sets ---- */

static struct vd_str *slot_of(
    struct vd_str *slots, size_t capacity, uint64_t seed, struct vd_str text)
{
    size_t at = (size_t)vd_udf_hash(text, seed) & (capacity - 1);

    while (slots[at].data != NULL && !vd_str_equal(slots[at], text)) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

static bool grow(struct vd_udf_set *set)
{
    const size_t capacity = set->capacity > 0 ? set->capacity * 2 : 64;
    struct vd_str *slots = calloc(capacity, sizeof *slots);

    if (slots == NULL) {
        return false;
    }
    if (set->capacity == 0 && getrandom(&set->seed, sizeof set->seed, 0) < 0) {
        free(slots);
        return false;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].data != NULL) {
            *slot_of(slots, capacity, set->seed, set->slots[i]) = set->slots[i];
        }
    }
    free(set->slots);
    set->slots = slots;
    set->capacity = capacity;
    return true;
}

int vd_udf_set_add(struct vd_udf_set *set, struct vd_str text)
{
    struct vd_str *slot;

    if (set->count * 2 >= set->capacity && !grow(set)) {
        return -1;
    }
    slot = slot_of(set->slots, set->capacity, set->seed, text);
    if (slot->data != NULL) {
        return 0;
    }
    *slot = text;
    set->count++;
    return 1;
}

bool vd_udf_set_has(const struct vd_udf_set *set, struct vd_str text)
{
    return set->capacity > 0 && slot_of(set->slots, set->capacity, set->seed, text)->data != NULL;
}

void vd_udf_set_release(struct vd_udf_set *set)
{
    free(set->slots);
    *set = (struct vd_udf_set){0};
}
