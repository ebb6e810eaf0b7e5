/* SPDX-License-Identifier: MIT */
/* JSON text in one form: members by name, numbers by value, strings without escapes that they do not need. What is equal is the same text. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

/* What is deeper within stays the text that it is. */
#define DEPTH_MAX 200

struct member {
    struct vd_str name;
    struct vd_str value;
    size_t place;   /* of equal names the first comes first */
    size_t written; /* where its name is among those written anew */
};

/* Names with escapes are written anew before they are compared. */
struct members {
    struct vd_buf names;
    struct member *items;
    size_t count;
    size_t capacity;
};

static void append(struct vd_udf_call *call, struct vd_str text)
{
    vd_buf_append(call->out, text.data, text.length);
}

/* ---- Numbers ---- */

/* -0, 1.0 and 1e0 are whole; what is no long is written as short as it can be. */
static void append_number(struct vd_udf_call *call, struct vd_str text)
{
    char copy[64];
    char *end;
    double number;
    long long whole;

    if (vd_str_copy(text, copy, sizeof copy) != VD_OK) {
        append(call, text);
        return;
    }
    errno = 0;
    whole = strtoll(copy, &end, 10);
    if (*end == '\0' && errno == 0) {
        vd_buf_printf(call->out, "%lld", whole);
        return;
    }
    number = strtod(copy, &end);
    if (*end != '\0' || !isfinite(number)) {
        append(call, text);
    } else if (number == trunc(number) && fabs(number) < 9e18) {
        vd_buf_printf(call->out, "%lld", (long long)number);
    } else {
        for (int digits = 15; digits <= 17; digits++) {
            snprintf(copy, sizeof copy, "%.*g", digits, number);
            if (strtod(copy, NULL) == number) {
                break;
            }
        }
        vd_buf_append_text(call->out, copy);
    }
}

/* ---- Strings ---- */

/* In quotation marks, escaped as DuckDB does it. */
static void append_escaped(struct vd_buf *out, const char *text, size_t length)
{
    static const char plain[] = "\"\\\b\f\n\r\t";
    static const char letters[] = "\"\\bfnrt";

    vd_buf_append(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        const char *special = text[i] != '\0' ? strchr(plain, text[i]) : NULL;

        if (special != NULL) {
            const char pair[] = {'\\', letters[special - plain]};

            vd_buf_append(out, pair, sizeof pair);
        } else if ((unsigned char)text[i] < 0x20) {
            vd_buf_printf(out, "\\u%04X", (unsigned)text[i]);
        } else {
            vd_buf_append(out, &text[i], 1);
        }
    }
    vd_buf_append(out, "\"", 1);
}

static void append_string(struct vd_buf *out, struct vd_str json)
{
    struct vd_buf text = {0};

    if (memchr(json.data, '\\', json.length) == NULL) {
        vd_buf_append(out, json.data, json.length);
        return;
    }
    vd_udf_json_text(json, &text);
    if (text.error == VD_OK) {
        append_escaped(out, text.data != NULL ? (const char *)text.data : "", text.length);
    } else {
        out->error = text.error;
    }
    vd_buf_release(&text);
}

/* ---- Values ---- */

static void append_value(struct vd_udf_call *call, struct vd_str json, int depth);

static bool add(struct members *list, struct vd_str name, struct vd_str value)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? list->capacity * 2 : 16;
        struct member *items = reallocarray(list->items, capacity, sizeof *items);

        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count] = (struct member){name, value, list->count, 0};
    list->count++;
    return true;
}

static bool read_members(struct members *list, struct vd_udf_json *walk)
{
    struct vd_str name;
    struct vd_str value;

    while (vd_udf_json_next(walk, &name, &value)) {
        struct member *last;

        if (!add(list, name, value)) {
            return false;
        }
        last = &list->items[list->count - 1];
        if (memchr(name.data, '\\', name.length) != NULL) {
            last->written = list->names.length;
            append_string(&list->names, name);
            last->name.data = NULL;
            last->name.length = list->names.length - last->written;
        }
    }
    for (size_t i = 0; i < list->count && list->names.error == VD_OK; i++) {
        struct member *member = &list->items[i];

        if (member->name.data == NULL) {
            member->name.data = (const char *)list->names.data + member->written;
        }
    }
    return list->names.error == VD_OK;
}

static int compare(const void *left, const void *right)
{
    const struct member *a = left;
    const struct member *b = right;
    const size_t shorter = a->name.length < b->name.length ? a->name.length : b->name.length;
    const int order = memcmp(a->name.data, b->name.data, shorter);

    if (order != 0) {
        return order;
    }
    if (a->name.length != b->name.length) {
        return a->name.length < b->name.length ? -1 : 1;
    }
    return (a->place > b->place) - (a->place < b->place);
}

static void append_object(struct vd_udf_call *call, struct vd_udf_json *walk, int depth)
{
    struct members list = {0};

    if (!read_members(&list, walk)) {
        call->error = "Out of memory";
    }
    if (call->error == NULL && list.count > 1) {
        qsort(list.items, list.count, sizeof *list.items, compare);
    }
    vd_buf_append(call->out, "{", 1);
    for (size_t i = 0; call->error == NULL && i < list.count; i++) {
        vd_buf_append(call->out, ",", i > 0 ? 1 : 0);
        append_string(call->out, list.items[i].name);
        vd_buf_append(call->out, ":", 1);
        append_value(call, list.items[i].value, depth);
    }
    vd_buf_append(call->out, "}", 1);
    free(list.items);
    vd_buf_release(&list.names);
}

static void append_array(struct vd_udf_call *call, struct vd_udf_json *walk, int depth)
{
    struct vd_str value;

    vd_buf_append(call->out, "[", 1);
    for (bool is_first = true; vd_udf_json_next(walk, NULL, &value); is_first = false) {
        vd_buf_append(call->out, ",", is_first ? 0 : 1);
        append_value(call, value, depth);
    }
    vd_buf_append(call->out, "]", 1);
}

static void append_value(struct vd_udf_call *call, struct vd_str json, int depth)
{
    struct vd_udf_json walk;

    /* The text is read once on each level. */
    if (call->error != NULL || call->out->error != VD_OK || !vd_udf_spend(call, json.length)) {
        return;
    }
    if (json.length == 0 || depth == DEPTH_MAX) {
        append(call, json);
    } else if (json.data[0] == '"') {
        append_string(call->out, json);
    } else if (json.data[0] == '-' || (json.data[0] >= '0' && json.data[0] <= '9')) {
        append_number(call, json);
    } else if (!vd_udf_json_open(json, 0, &walk)) {
        append(call, json);
    } else if (json.data[0] == '[') {
        append_array(call, &walk, depth + 1);
    } else {
        append_object(call, &walk, depth + 1);
    }
}

/* kql_canonical(json) */
static bool canonical(struct vd_udf_call *call)
{
    append_value(call, call->args[0].text, 0);
    return true;
}

const struct vd_udf vd_udf_canonical[] = {
    {"kql_canonical", "s", 's', false, canonical},
    {NULL, NULL, 0, false, NULL},
};
