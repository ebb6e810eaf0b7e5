/* SPDX-License-Identifier: MIT */
/* Values of the evaluator. */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

struct vd_kql_value eval_null(enum vd_kql_type type)
{
    struct vd_kql_value value = {.type = type, .is_null = type != VD_KQL_STRING};

    if (type == VD_KQL_STRING) {
        value.text = VD_STR_LITERAL("");
    }
    return value;
}

struct vd_kql_value eval_of_bool(bool value)
{
    return (struct vd_kql_value){.type = VD_KQL_BOOL, .integer = value ? 1 : 0};
}

struct vd_kql_value eval_of_integer(enum vd_kql_type type, int64_t value)
{
    return (struct vd_kql_value){.type = type, .integer = value};
}

struct vd_kql_value eval_of_real(double value)
{
    return (struct vd_kql_value){.type = VD_KQL_REAL, .real = value};
}

struct vd_kql_value eval_of_text(struct vd_str text)
{
    return (struct vd_kql_value){.type = VD_KQL_STRING, .text = text};
}

/* ---- Dynamic values ---- */

struct vd_kql_value eval_of_json(struct eval *e, json_t *json)
{
    struct vd_kql_value value = eval_null(VD_KQL_DYNAMIC);
    char *text;

    if (json == NULL) {
        return value;
    }
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    value.is_null = false;
    value.text = eval_text(e, text, strlen(text));
    free(text);
    json_decref(json);
    return value;
}

json_t *eval_json(struct eval *e, const struct vd_kql_value *value)
{
    json_t *json;

    if (value->is_null) {
        return NULL;
    }
    json = json_loadb(value->text.data, value->text.length, JSON_DECODE_ANY, NULL);
    if (json == NULL) {
        eval_fail(e, "no JSON: %.*s", VD_STR_ARG(value->text));
    }
    return json;
}

json_t *eval_as_json(struct eval *e, const struct vd_kql_value *value)
{
    struct vd_str text;

    if (value->is_null) {
        return NULL;
    }
    switch (value->type) {
    case VD_KQL_BOOL:
        return json_boolean(value->integer);
    case VD_KQL_INT:
    case VD_KQL_LONG:
        return json_integer(value->integer);
    case VD_KQL_REAL:
        return json_real(value->real);
    case VD_KQL_DYNAMIC:
        return eval_json(e, value);
    default:
        text = eval_to_text(e, value);
        return json_stringn(text.data, text.length);
    }
}

struct vd_kql_value eval_grouped(struct eval *e, const struct vd_kql_value *value)
{
    struct vd_kql_value grouped = *value;

    if (value->type == VD_KQL_DYNAMIC && !value->is_null) {
        json_t *json = eval_json(e, value);
        char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);

        grouped.text = eval_text(e, text, strlen(text));
        free(text);
        json_decref(json);
    }
    return grouped;
}

/* ---- Texts ---- */

static struct vd_str of_json_text(struct eval *e, const struct vd_kql_value *value)
{
    json_t *json = eval_json(e, value);
    struct vd_str text = value->text;

    if (json_is_string(json)) {
        text = eval_text(e, json_string_value(json), json_string_length(json));
    } else if (json_is_null(json)) {
        text = VD_STR_LITERAL("");
    }
    json_decref(json);
    return text;
}

static void append_clock(uint64_t ticks, bool all_digits, struct vd_buf *out)
{
    const uint64_t seconds = ticks / 10000000;

    vd_buf_printf(out, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    if (all_digits || ticks % 10000000 != 0) {
        vd_buf_printf(out, ".%07u", (unsigned)(ticks % 10000000));
    }
}

static void append_day(int64_t days_since_1970, struct vd_buf *out)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = days_since_1970;
    int year = 1970;
    int month = 0;

#define IS_LEAP(y) (((y) % 4 == 0 && (y) % 100 != 0) || (y) % 400 == 0)
    for (; day < 0; day += IS_LEAP(year) ? 366 : 365) {
        year--;
    }
    for (; day >= (IS_LEAP(year) ? 366 : 365); year++) {
        day -= IS_LEAP(year) ? 366 : 365;
    }
    for (; day >= lengths[month] + (month == 1 && IS_LEAP(year) ? 1 : 0); month++) {
        day -= lengths[month] + (month == 1 && IS_LEAP(year) ? 1 : 0);
    }
#undef IS_LEAP
    vd_buf_printf(out, "%04d-%02d-%02dT", year, month + 1, (int)day + 1);
}

static void append_value(const struct vd_kql_value *value, struct vd_buf *out)
{
    const int64_t day = 864000000000;
    const int64_t days = value->integer / day - (value->integer % day < 0 ? 1 : 0);

    switch (value->type) {
    case VD_KQL_BOOL:
        vd_buf_append_text(out, value->integer != 0 ? "true" : "false");
        break;
    case VD_KQL_DATETIME:
        append_day(days, out);
        append_clock((uint64_t)(value->integer - days * day), true, out);
        vd_buf_append_text(out, "Z");
        break;
    case VD_KQL_TIMESPAN:
        vd_buf_append_text(out, value->integer < 0 ? "-" : "");
        if (llabs(value->integer) >= day) {
            vd_buf_printf(out, "%" PRId64 ".", (int64_t)llabs(value->integer) / day);
        }
        append_clock((uint64_t)llabs(value->integer), false, out);
        break;
    default:
        vd_buf_printf(out, "%" PRId64, value->integer);
    }
}

struct vd_str eval_to_text(struct eval *e, const struct vd_kql_value *value)
{
    struct vd_buf out = {0};
    struct vd_str text;

    if (value->is_null) {
        return VD_STR_LITERAL("");
    }
    if (value->type == VD_KQL_STRING || value->type == VD_KQL_GUID) {
        return value->text;
    }
    if (value->type == VD_KQL_DYNAMIC) {
        return of_json_text(e, value);
    }
    if (value->type == VD_KQL_REAL) {
        eval_fail(e, "reals as text");
    }
    append_value(value, &out);
    text = eval_text(e, out.data, out.length);
    vd_buf_release(&out);
    return text;
}

/* ASCII, and the letters of Latin-1 in two bytes. */
struct vd_str eval_lower(struct eval *e, struct vd_str text)
{
    char *copy = eval_new(e, text.length);

    for (size_t i = 0; i < text.length; i++) {
        const unsigned char c = (unsigned char)text.data[i];

        if (c >= 'A' && c <= 'Z') {
            copy[i] = (char)(c | 0x20);
        } else if (i > 0 && (unsigned char)text.data[i - 1] == 0xc3 && c >= 0x80 && c <= 0x9e &&
            c != 0x97) {
            copy[i] = (char)(c + 0x20);
        } else {
            copy[i] = (char)c;
        }
    }
    return (struct vd_str){copy, text.length};
}

/* ---- Comparing ---- */

bool eval_is_number(enum vd_kql_type type)
{
    return type == VD_KQL_INT || type == VD_KQL_LONG || type == VD_KQL_REAL;
}

double eval_number(const struct vd_kql_value *value)
{
    return value->type == VD_KQL_REAL ? value->real : (double)value->integer;
}

static int compare_text(struct vd_str a, struct vd_str b)
{
    const size_t length = a.length < b.length ? a.length : b.length;
    const int order = length > 0 ? memcmp(a.data, b.data, length) : 0;

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return a.length < b.length ? -1 : (a.length > b.length ? 1 : 0);
}

bool eval_is_equal_json(const json_t *a, const json_t *b)
{
    const json_t *item;
    const char *name;
    size_t i;

    if (json_is_number(a) && json_is_number(b)) {
        return json_is_integer(a) && json_is_integer(b)
            ? json_integer_value(a) == json_integer_value(b)
            : json_number_value(a) == json_number_value(b);
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        json_array_foreach(a, i, item)
        {
            if (!eval_is_equal_json(item, json_array_get(b, i))) {
                return false;
            }
        }
        return true;
    }
    if (json_is_object(a) && json_is_object(b) && json_object_size(a) == json_object_size(b)) {
        json_object_foreach((json_t *)a, name, item)
        {
            if (!eval_is_equal_json(item, json_object_get(b, name))) {
                return false;
            }
        }
        return true;
    }
    return json_equal(a, b) == 1;
}

static bool is_equal_dynamic(
    struct eval *e, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    json_t *x = eval_json(e, a);
    json_t *y = eval_json(e, b);
    const bool is_equal = eval_is_equal_json(x, y);

    json_decref(x);
    json_decref(y);
    return is_equal;
}

int eval_compare(struct eval *e, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    if (eval_is_number(a->type) && eval_is_number(b->type) &&
        (a->type == VD_KQL_REAL || b->type == VD_KQL_REAL)) {
        const double x = eval_number(a);
        const double y = eval_number(b);

        return x < y ? -1 : (x > y ? 1 : 0);
    }
    if (a->type != b->type && !(eval_is_number(a->type) && eval_is_number(b->type))) {
        eval_fail(e, "values of two types compared");
    }
    if (a->type == VD_KQL_STRING || a->type == VD_KQL_GUID) {
        return compare_text(a->text, b->text);
    }
    if (a->type == VD_KQL_DYNAMIC) {
        eval_fail(e, "dynamic values compared");
    }
    return a->integer < b->integer ? -1 : (a->integer > b->integer ? 1 : 0);
}

bool eval_is_same(struct eval *e, const struct vd_kql_value *a, const struct vd_kql_value *b)
{
    if (a->is_null || b->is_null) {
        return a->is_null && b->is_null;
    }
    if (a->type == VD_KQL_DYNAMIC && b->type == VD_KQL_DYNAMIC) {
        return is_equal_dynamic(e, a, b);
    }
    return eval_compare(e, a, b) == 0;
}
