/* SPDX-License-Identifier: MIT */
/* Scalar functions of the evaluator. */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kql/eval_internal.h"

#define ARGUMENTS_MAX 16
#define DAY           864000000000LL
/* From the beginning of the calendar to 1970-01-01, in ticks. */
#define CALENDAR (719162 * DAY)

struct call {
    struct eval *e;
    struct vd_kql_value arguments[ARGUMENTS_MAX];
    uint32_t count;
};

typedef struct vd_kql_value function(struct call *c);

static void needs(struct call *c, uint32_t at, enum vd_kql_type type)
{
    if (at >= c->count || c->arguments[at].type != type) {
        eval_fail(c->e, "argument %u is to be %s", at, vd_kql_type_text(type));
    }
}

/* ---- Conditions ---- */

/* The type of values of several branches. */
static enum vd_kql_type common_type(struct eval *e, enum vd_kql_type a, enum vd_kql_type b)
{
    if (a == b) {
        return a;
    }
    if (!eval_is_number(a) || !eval_is_number(b)) {
        eval_fail(e, "branches of two types");
    }
    return a == VD_KQL_REAL || b == VD_KQL_REAL ? VD_KQL_REAL : VD_KQL_LONG;
}

static struct vd_kql_value converted(struct vd_kql_value value, enum vd_kql_type type)
{
    if (value.type != type && type == VD_KQL_REAL && !value.is_null) {
        value.real = (double)value.integer;
    }
    value.type = type;
    return value;
}

/* condition, value, condition, value ..., else */
static struct vd_kql_value call_case(struct call *c)
{
    enum vd_kql_type type = c->arguments[c->count - 1].type;
    uint32_t taken = c->count - 1;

    for (uint32_t i = 0; i + 1 < c->count; i += 2) {
        needs(c, i, VD_KQL_BOOL);
        type = common_type(c->e, type, c->arguments[i + 1].type);
        if (taken == c->count - 1 && !c->arguments[i].is_null && c->arguments[i].integer != 0) {
            taken = i + 1;
        }
    }
    return converted(c->arguments[taken], type);
}

static bool is_empty(const struct vd_kql_value *value)
{
    return value->is_null || (value->type == VD_KQL_STRING && value->text.length == 0);
}

static struct vd_kql_value call_coalesce(struct call *c)
{
    enum vd_kql_type type = c->arguments[0].type;
    uint32_t taken = 0;

    for (uint32_t i = 1; i < c->count; i++) {
        type = common_type(c->e, type, c->arguments[i].type);
    }
    while (taken + 1 < c->count && is_empty(&c->arguments[taken])) {
        taken++;
    }
    return converted(c->arguments[taken], type);
}

static struct vd_kql_value call_not(struct call *c)
{
    needs(c, 0, VD_KQL_BOOL);
    return c->arguments[0].is_null ? c->arguments[0] : eval_of_bool(c->arguments[0].integer == 0);
}

static struct vd_kql_value call_isnull(struct call *c)
{
    return eval_of_bool(c->arguments[0].is_null);
}

static struct vd_kql_value call_isnotnull(struct call *c)
{
    return eval_of_bool(!c->arguments[0].is_null);
}

static struct vd_kql_value call_isempty(struct call *c)
{
    return eval_of_bool(is_empty(&c->arguments[0]));
}

static struct vd_kql_value call_isnotempty(struct call *c)
{
    return eval_of_bool(!is_empty(&c->arguments[0]));
}

/* ---- Conversions ---- */

static struct vd_kql_value call_tostring(struct call *c)
{
    return eval_of_text(eval_to_text(c->e, &c->arguments[0]));
}

/* A decimal number without anything around it. */
static bool read_whole(struct vd_str text, int64_t *out)
{
    const bool is_minus = text.length > 0 && text.data[0] == '-';
    size_t i = is_minus ? 1 : 0;

    *out = 0;
    if (i == text.length || text.length > 18) {
        return false;
    }
    for (; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
        *out = *out * 10 + (text.data[i] - '0');
    }
    *out = is_minus ? -*out : *out;
    return true;
}

static struct vd_kql_value call_tolong(struct call *c)
{
    const struct vd_kql_value *from = &c->arguments[0];
    int64_t value;

    if (from->is_null) {
        return eval_null(VD_KQL_LONG);
    }
    if (from->type == VD_KQL_REAL) {
        return eval_of_integer(VD_KQL_LONG, (int64_t)from->real);
    }
    if (from->type == VD_KQL_STRING || from->type == VD_KQL_DYNAMIC) {
        const struct vd_str text = eval_to_text(c->e, from);

        if (read_whole(text, &value)) {
            return eval_of_integer(VD_KQL_LONG, value);
        }
        if (text.length > 0 && strchr("-0123456789[{tf", text.data[0]) != NULL) {
            eval_fail(c->e, "no plain number: %.*s", VD_STR_ARG(text));
        }
        return eval_null(VD_KQL_LONG);
    }
    return eval_of_integer(VD_KQL_LONG, from->integer);
}

static struct vd_kql_value call_toint(struct call *c)
{
    struct vd_kql_value value = call_tolong(c);

    value.type = VD_KQL_INT;
    return value;
}

static struct vd_kql_value call_toreal(struct call *c)
{
    const struct vd_kql_value *from = &c->arguments[0];

    if (from->type == VD_KQL_STRING || from->type == VD_KQL_DYNAMIC) {
        const struct vd_kql_value value = call_tolong(c);

        return value.is_null ? eval_null(VD_KQL_REAL) : eval_of_real((double)value.integer);
    }
    return from->is_null ? eval_null(VD_KQL_REAL) : eval_of_real(eval_number(from));
}

static struct vd_kql_value call_tobool(struct call *c)
{
    const struct vd_kql_value *from = &c->arguments[0];

    if (from->type != VD_KQL_STRING && from->type != VD_KQL_DYNAMIC) {
        return from->is_null ? eval_null(VD_KQL_BOOL) : eval_of_bool(eval_number(from) != 0);
    }
    {
        const struct vd_str text = eval_lower(c->e, eval_to_text(c->e, from));

        if (vd_str_equal_text(text, "true") || vd_str_equal_text(text, "1")) {
            return eval_of_bool(true);
        }
        return vd_str_equal_text(text, "false") || vd_str_equal_text(text, "0")
            ? eval_of_bool(false)
            : eval_null(VD_KQL_BOOL);
    }
}

/* ---- Texts ---- */

static struct vd_kql_value call_strcat(struct call *c)
{
    struct vd_buf out = {0};
    struct vd_kql_value value;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct vd_str text = eval_to_text(c->e, &c->arguments[i]);

        vd_buf_append(&out, text.data, text.length);
    }
    value = eval_of_text(eval_text(c->e, out.data, out.length));
    vd_buf_release(&out);
    return value;
}

static size_t characters(struct vd_str text, size_t bytes)
{
    size_t count = 0;

    for (size_t i = 0; i < bytes; i++) {
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

static struct vd_kql_value call_strlen(struct call *c)
{
    needs(c, 0, VD_KQL_STRING);
    return eval_of_integer(
        VD_KQL_LONG, (int64_t)characters(c->arguments[0].text, c->arguments[0].text.length));
}

static size_t byte_of(struct vd_str text, int64_t character)
{
    size_t at = 0;

    while (at < text.length && character > 0) {
        at++;
        while (at < text.length && ((unsigned char)text.data[at] & 0xc0) == 0x80) {
            at++;
        }
        character--;
    }
    return at;
}

/* From a place that is not negative. */
static struct vd_kql_value call_substring(struct call *c)
{
    const struct vd_str text = c->arguments[0].text;
    const int64_t from = c->arguments[1].integer;
    const int64_t length = c->count > 2 ? c->arguments[2].integer : INT32_MAX;
    const size_t begin = byte_of(text, from);
    const struct vd_str rest = {text.data + begin, text.length - begin};

    needs(c, 0, VD_KQL_STRING);
    if (from < 0 || length < 0) {
        eval_fail(c->e, "substring from the end");
    }
    return eval_of_text((struct vd_str){rest.data, byte_of(rest, length)});
}

static struct vd_kql_value call_tolower(struct call *c)
{
    needs(c, 0, VD_KQL_STRING);
    return eval_of_text(eval_lower(c->e, c->arguments[0].text));
}

static struct vd_kql_value call_indexof(struct call *c)
{
    const struct vd_str text = c->arguments[0].text;
    const struct vd_str part = c->arguments[1].text;

    needs(c, 0, VD_KQL_STRING);
    needs(c, 1, VD_KQL_STRING);
    for (size_t at = 0; at + part.length <= text.length; at++) {
        if (part.length == 0 || memcmp(text.data + at, part.data, part.length) == 0) {
            return eval_of_integer(VD_KQL_LONG, (int64_t)characters(text, at));
        }
    }
    return eval_of_integer(VD_KQL_LONG, -1);
}

/* By a text that is not empty. */
static struct vd_kql_value call_split(struct call *c)
{
    const struct vd_str text = c->arguments[0].text;
    const struct vd_str by = c->arguments[1].text;
    json_t *parts;
    size_t begin = 0;

    needs(c, 0, VD_KQL_STRING);
    needs(c, 1, VD_KQL_STRING);
    if (by.length == 0) {
        eval_fail(c->e, "split by nothing");
    }
    parts = json_array();
    for (size_t at = 0; at + by.length <= text.length; at++) {
        if (at >= begin && memcmp(text.data + at, by.data, by.length) == 0) {
            json_array_append_new(parts, json_stringn(text.data + begin, at - begin));
            begin = at + by.length;
        }
    }
    json_array_append_new(parts, json_stringn(text.data + begin, text.length - begin));
    return eval_of_json(c->e, parts);
}

static struct vd_kql_value call_replace_string(struct call *c)
{
    const struct vd_str text = c->arguments[0].text;
    const struct vd_str part = c->arguments[1].text;
    struct vd_buf out = {0};
    struct vd_kql_value value;

    needs(c, 0, VD_KQL_STRING);
    needs(c, 1, VD_KQL_STRING);
    needs(c, 2, VD_KQL_STRING);
    if (part.length == 0) {
        eval_fail(c->e, "nothing replaced");
    }
    for (size_t at = 0; at < text.length;) {
        if (at + part.length <= text.length &&
            memcmp(text.data + at, part.data, part.length) == 0) {
            vd_buf_append(&out, c->arguments[2].text.data, c->arguments[2].text.length);
            at += part.length;
        } else {
            vd_buf_append(&out, text.data + at++, 1);
        }
    }
    value = eval_of_text(eval_text(c->e, out.data, out.length));
    vd_buf_release(&out);
    return value;
}

/* ---- Numbers and times ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

static struct vd_kql_value call_bin(struct call *c)
{
    const struct vd_kql_value *value = &c->arguments[0];
    const struct vd_kql_value *size = &c->arguments[1];
    const bool is_real = value->type == VD_KQL_REAL || size->type == VD_KQL_REAL;
    const int64_t from = value->type == VD_KQL_DATETIME ? CALENDAR : 0;
    enum vd_kql_type type = value->type == VD_KQL_INT ? VD_KQL_LONG : value->type;

    type = is_real ? VD_KQL_REAL : type;
    if (value->is_null) {
        return eval_null(type);
    }
    if (is_real) {
        return eval_of_real(floor(eval_number(value) / eval_number(size)) * eval_number(size));
    }
    return eval_of_integer(
        type, floor_div(value->integer + from, size->integer) * size->integer - from);
}

static struct vd_kql_value call_startofday(struct call *c)
{
    needs(c, 0, VD_KQL_DATETIME);
    c->arguments[1] = eval_of_integer(VD_KQL_TIMESPAN, DAY);
    return call_bin(c);
}

static struct vd_kql_value call_hourofday(struct call *c)
{
    needs(c, 0, VD_KQL_DATETIME);
    if (c->arguments[0].is_null) {
        return eval_null(VD_KQL_INT);
    }
    return eval_of_integer(VD_KQL_INT, (c->arguments[0].integer + CALENDAR) % DAY / (DAY / 24));
}

/* A timespan since Sunday; 0001-01-01 was a Monday. */
static struct vd_kql_value call_dayofweek(struct call *c)
{
    needs(c, 0, VD_KQL_DATETIME);
    if (c->arguments[0].is_null) {
        return eval_null(VD_KQL_TIMESPAN);
    }
    return eval_of_integer(
        VD_KQL_TIMESPAN, ((c->arguments[0].integer + CALENDAR) / DAY + 1) % 7 * DAY);
}

static struct vd_kql_value call_abs(struct call *c)
{
    struct vd_kql_value value = c->arguments[0];

    if (!eval_is_number(value.type) && value.type != VD_KQL_TIMESPAN) {
        eval_fail(c->e, "abs of %s", vd_kql_type_text(value.type));
    }
    if (!value.is_null && value.type == VD_KQL_REAL) {
        value.real = fabs(value.real);
    } else if (!value.is_null) {
        value.integer = llabs(value.integer);
    }
    return value;
}

static struct vd_kql_value extreme(struct call *c, int sign)
{
    struct vd_kql_value best = eval_null(c->arguments[0].type);
    enum vd_kql_type type = c->arguments[0].type;

    for (uint32_t i = 0; i < c->count; i++) {
        const struct vd_kql_value *value = &c->arguments[i];

        type = common_type(c->e, type, value->type);
        if (!value->is_null && (best.is_null || eval_compare(c->e, value, &best) * sign > 0)) {
            best = *value;
        }
    }
    return converted(best, type);
}

static struct vd_kql_value call_max_of(struct call *c)
{
    return extreme(c, 1);
}

static struct vd_kql_value call_min_of(struct call *c)
{
    return extreme(c, -1);
}

/* ---- Dynamic values ---- */

static struct vd_kql_value call_array_length(struct call *c)
{
    json_t *json;
    struct vd_kql_value value = eval_null(VD_KQL_LONG);

    needs(c, 0, VD_KQL_DYNAMIC);
    json = eval_json(c->e, &c->arguments[0]);
    if (json_is_array(json)) {
        value = eval_of_integer(VD_KQL_LONG, (int64_t)json_array_size(json));
    }
    json_decref(json);
    return value;
}

static struct vd_kql_value call_pack_array(struct call *c)
{
    json_t *array = json_array();

    for (uint32_t i = 0; i < c->count; i++) {
        json_t *item = eval_as_json(c->e, &c->arguments[i]);

        json_array_append_new(array, item != NULL ? item : json_null());
    }
    return eval_of_json(c->e, array);
}

static struct vd_kql_value call_bag_pack(struct call *c)
{
    json_t *bag = json_object();

    for (uint32_t i = 0; i + 1 < c->count; i += 2) {
        json_t *item = eval_as_json(c->e, &c->arguments[i + 1]);

        json_object_setn_new(bag, c->arguments[i].text.data, c->arguments[i].text.length,
            item != NULL ? item : json_null());
    }
    return eval_of_json(c->e, bag);
}

static struct vd_kql_value call_set_has_element(struct call *c)
{
    json_t *array = eval_json(c->e, &c->arguments[0]);
    json_t *item = eval_as_json(c->e, &c->arguments[1]);
    bool found = false;

    for (size_t i = 0; i < json_array_size(array); i++) {
        found = found || (item != NULL && eval_is_equal_json(json_array_get(array, i), item));
    }
    json_decref(array);
    json_decref(item);
    return eval_of_bool(found);
}

/* ---- All of them ---- */

static const struct {
    const char *name;
    function *call;
    uint32_t least;
} functions[] = {
    {"abs", call_abs, 1},
    {"array_length", call_array_length, 1},
    {"bag_pack", call_bag_pack, 2},
    {"bin", call_bin, 2},
    {"case", call_case, 3},
    {"coalesce", call_coalesce, 2},
    {"dayofweek", call_dayofweek, 1},
    {"hourofday", call_hourofday, 1},
    {"iff", call_case, 3},
    {"iif", call_case, 3},
    {"indexof", call_indexof, 2},
    {"isempty", call_isempty, 1},
    {"isnotempty", call_isnotempty, 1},
    {"isnotnull", call_isnotnull, 1},
    {"isnull", call_isnull, 1},
    {"max_of", call_max_of, 2},
    {"min_of", call_min_of, 2},
    {"not", call_not, 1},
    {"pack_array", call_pack_array, 1},
    {"replace_string", call_replace_string, 3},
    {"set_has_element", call_set_has_element, 2},
    {"split", call_split, 2},
    {"startofday", call_startofday, 1},
    {"strcat", call_strcat, 1},
    {"strlen", call_strlen, 1},
    {"substring", call_substring, 2},
    {"tobool", call_tobool, 1},
    {"toint", call_toint, 1},
    {"tolong", call_tolong, 1},
    {"tolower", call_tolower, 1},
    {"toreal", call_toreal, 1},
    {"tostring", call_tostring, 1},
};

/* A function of a let, whose parameters are values: its body sees them, and the lets before it. */
static struct vd_kql_value call_let(
    struct eval *e, const struct eval_let *let, const struct vd_kql_node *call)
{
    struct eval inner = *e;
    const struct vd_kql_node *argument = call->first;
    const struct vd_kql_node *part = let->function->first;
    struct vd_kql_value value;

    inner.lets = let->outer;
    for (; part->kind == VD_KQL_PARAMETER; part = part->next) {
        struct eval_let *bound = eval_new(e, sizeof *bound);

        if (argument == NULL) {
            eval_fail(e, "an argument is missing");
        }

        bound->name = part->text;
        bound->value = eval_expr(e, argument);
        bound->outer = inner.lets;
        inner.lets = bound;
        argument = argument->next;
    }
    inner.table = NULL;
    memcpy(inner.failed, e->failed, sizeof inner.failed);
    value = eval_expr(&inner, part->first->first);
    return value;
}

struct vd_kql_value eval_call(struct eval *e, const struct vd_kql_node *call)
{
    const struct eval_let *let = eval_find_let(e, call->text);
    struct call c = {.e = e};
    struct vd_kql_value result;

    if (let != NULL && let->function != NULL) {
        return call_let(e, let, call);
    }
    if (e->has_group && eval_aggregate(e, call, &result)) {
        return result;
    }
    for (const struct vd_kql_node *a = call->first; a != NULL; a = a->next) {
        if (c.count == ARGUMENTS_MAX) {
            eval_fail(e, "too many arguments");
        }
        c.arguments[c.count++] = eval_expr(e, a);
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (vd_str_equal_text(call->text, functions[i].name) && c.count >= functions[i].least) {
            return functions[i].call(&c);
        }
    }
    eval_fail(e, "function %.*s", VD_STR_ARG(call->text));
}
