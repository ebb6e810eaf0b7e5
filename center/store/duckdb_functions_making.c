/* SPDX-License-Identifier: MIT */
/* Arrays and bags made of values, and made anew: packed, counted, repeated, shifted, with a member set. */

#include <string.h>

#include "center/store/duckdb_functions_internal.h"
#include "lib/json_text.h"

static const struct vd_str null_text = {"null", 4};

static struct vd_str value_of(const struct vd_udf_value *value)
{
    return value->is_null ? null_text : value->text;
}

static void append(struct vd_buf *out, struct vd_str text)
{
    vd_buf_append(out, text.data, text.length);
}

static void append_next(struct vd_buf *out, struct vd_str text)
{
    vd_buf_append(out, ",", out->length > 1 ? 1 : 0);
    append(out, text);
}

static void append_member(struct vd_buf *out, struct vd_str name, struct vd_str value)
{
    append_next(out, name);
    vd_buf_append(out, ":", 1);
    append(out, value);
}

bool vd_udf_refuse_elements(struct vd_udf_call *call)
{
    call->error = "range and repeat make at most 10000 elements";
    return false;
}

/* ---- Of values ---- */

/* kql_first_text(text, ...): the first that is not empty. */
static bool first_text(struct vd_udf_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        if (!call->args[i].is_null && call->args[i].text.length > 0) {
            append(call->out, call->args[i].text);
            return true;
        }
    }
    return true;
}

/* kql_pack_array(json, ...) */
static bool pack_array(struct vd_udf_call *call)
{
    vd_buf_append(call->out, "[", 1);
    for (uint32_t i = 0; i < call->count; i++) {
        append_next(call->out, value_of(&call->args[i]));
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_bag_pack(name, json, ...), names as JSON too */
static bool bag_pack(struct vd_udf_call *call)
{
    vd_buf_append(call->out, "{", 1);
    for (uint32_t i = 0; i + 1 < call->count; i += 2) {
        const struct vd_str name = value_of(&call->args[i]);

        if (name.length >= 2 && name.data[0] == '"') {
            append_member(call->out, name, value_of(&call->args[i + 1]));
        }
    }
    vd_buf_append(call->out, "}", 1);
    return true;
}

/* kql_bag_zip(names, values): null where there is no value, values without a name are left out. */
static bool bag_zip(struct vd_udf_call *call)
{
    struct vd_udf_json names;
    struct vd_udf_json values;
    struct vd_str name;
    struct vd_str value;

    if (!vd_udf_json_open(call->args[0].text, '[', &names) ||
        !vd_udf_json_open(call->args[1].text, '[', &values)) {
        return false;
    }
    vd_buf_append(call->out, "{", 1);
    while (vd_udf_json_next(&names, NULL, &name)) {
        if (!vd_udf_json_next(&values, NULL, &value)) {
            value = null_text;
            values.at = values.end;
        }
        if (name.data[0] == '"') {
            append_member(call->out, name, value);
        }
    }
    vd_buf_append(call->out, "}", 1);
    return true;
}

/* kql_repeat(json, how often) */
static bool repeat(struct vd_udf_call *call)
{
    const int64_t count = call->args[1].integer;

    if (count > VD_UDF_ELEMENTS_MAX) {
        return vd_udf_refuse_elements(call);
    }
    if (count < 0) {
        return false;
    }
    vd_buf_append(call->out, "[", 1);
    for (int64_t i = 0; i < count && call->out->error == VD_OK; i++) {
        append_next(call->out, call->args[0].text);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_range(first, last, step) */
static bool range(struct vd_udf_call *call)
{
    const int64_t last = call->args[1].integer;
    const int64_t step = call->args[2].integer;
    int64_t at = call->args[0].integer;
    bool more = step > 0 ? at <= last : at >= last;

    if (step == 0) {
        return false;
    }
    vd_buf_append(call->out, "[", 1);
    for (int64_t i = 0; more && call->out->error == VD_OK; i++) {
        if (i == VD_UDF_ELEMENTS_MAX) {
            return vd_udf_refuse_elements(call);
        }
        vd_buf_printf(call->out, "%s%lld", i > 0 ? "," : "", (long long)at);
        more = !__builtin_add_overflow(at, step, &at) && (step > 0 ? at <= last : at >= last);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_range_real(first, last, step) */
static bool range_real(struct vd_udf_call *call)
{
    const double first = call->args[0].real;
    const double last = call->args[1].real;
    const double step = call->args[2].real;

    if (!(step != 0)) {
        return false;
    }
    vd_buf_append(call->out, "[", 1);
    for (int64_t i = 0; call->out->error == VD_OK; i++) {
        const double at = first + (double)i * step;

        if (!(step > 0 ? at <= last : at >= last)) {
            break;
        }
        if (i == VD_UDF_ELEMENTS_MAX) {
            return vd_udf_refuse_elements(call);
        }
        vd_buf_append(call->out, ",", i > 0 ? 1 : 0);
        vd_udf_append_real_json(at, call->out);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* ---- Arrays made anew ---- */

static int64_t length_of(struct vd_str json)
{
    struct vd_udf_json walk;
    struct vd_str value;
    int64_t count = 0;

    if (!vd_udf_json_open(json, '[', &walk)) {
        return -1;
    }
    while (vd_udf_json_next(&walk, NULL, &value)) {
        count++;
    }
    return count;
}

/* The elements from one place on, up to another. */
static void append_slice(struct vd_buf *out, struct vd_str json, int64_t from, int64_t to)
{
    struct vd_udf_json walk;
    struct vd_str value;

    if (!vd_udf_json_open(json, '[', &walk)) {
        return;
    }
    for (int64_t i = 0; i < to && vd_udf_json_next(&walk, NULL, &value); i++) {
        if (i >= from) {
            append_next(out, value);
        }
    }
}

/* kql_array_shift(array, places to the left, what comes in) */
static bool array_shift(struct vd_udf_call *call)
{
    const struct vd_str json = call->args[0].text;
    const int64_t length = length_of(json);
    int64_t places = call->args[1].integer;

    if (length < 0) {
        return false;
    }
    places = places > length ? length : (places < -length ? -length : places);
    vd_buf_append(call->out, "[", 1);
    for (int64_t i = places; i < 0; i++) {
        append_next(call->out, call->args[2].text);
    }
    append_slice(call->out, json, places > 0 ? places : 0, places > 0 ? length : length + places);
    for (int64_t i = 0; i < places; i++) {
        append_next(call->out, call->args[2].text);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_array_rotate(array, places to the left) */
static bool array_rotate(struct vd_udf_call *call)
{
    const struct vd_str json = call->args[0].text;
    const int64_t length = length_of(json);
    int64_t places;

    if (length < 0) {
        return false;
    }
    places = length > 0 ? call->args[1].integer % length : 0;
    places += places < 0 ? length : 0;
    vd_buf_append(call->out, "[", 1);
    append_slice(call->out, json, places, length);
    append_slice(call->out, json, 0, places);
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* kql_array_iff(conditions, json, json): a value that is an array gives its element in the same place. */
static bool array_iff(struct vd_udf_call *call)
{
    struct vd_udf_json conditions;
    struct vd_udf_json sides[2];
    struct vd_str condition;
    bool is_array[2];

    if (!vd_udf_json_open(call->args[0].text, '[', &conditions)) {
        return false;
    }
    for (int side = 0; side < 2; side++) {
        is_array[side] = vd_udf_json_open(call->args[1 + side].text, '[', &sides[side]);
    }
    vd_buf_append(call->out, "[", 1);
    while (vd_udf_json_next(&conditions, NULL, &condition)) {
        const bool is_true = vd_str_equal_text(condition, "true") ||
            (condition.data[0] >= '1' && condition.data[0] <= '9');
        const bool is_false = vd_str_equal_text(condition, "false") || condition.data[0] == '0';
        struct vd_str values[2];

        for (int side = 0; side < 2; side++) {
            values[side] = call->args[1 + side].text;
            if (is_array[side] && !vd_udf_json_next(&sides[side], NULL, &values[side])) {
                values[side] = null_text;
                sides[side].at = sides[side].end;
            }
        }
        append_next(call->out, is_true ? values[0] : (is_false ? values[1] : null_text));
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* ---- Bags made anew ---- */

/* kql_bag_full(bag): without members that are null or empty texts. */
static bool bag_full(struct vd_udf_call *call)
{
    struct vd_udf_json walk;
    struct vd_str name;
    struct vd_str value;

    if (!vd_udf_json_open(call->args[0].text, '{', &walk)) {
        return false;
    }
    vd_buf_append(call->out, "{", 1);
    while (vd_udf_json_next(&walk, &name, &value)) {
        if (!vd_str_equal_text(value, "null") && !vd_str_equal_text(value, "\"\"")) {
            append_member(call->out, name, value);
        }
    }
    vd_buf_append(call->out, "}", 1);
    return true;
}

/* The next name of a path $.a['b'], or all of what is no path. False: there is none, or what stands there is no name. */
static bool next_name(struct vd_str path, size_t *at, struct vd_str *name)
{
    const char *rest = path.data + *at;
    const size_t left = path.length - *at;
    size_t length = 1;

    if (*at == 0 && (left < 3 || rest[0] != '$' || (rest[1] != '.' && rest[1] != '['))) {
        *name = path;
        *at = path.length;
        return path.length > 0;
    }
    if (*at == 0) {
        *at = 1;
        return next_name(path, at, name);
    }
    if (left > 1 && rest[0] == '.') {
        while (length < left && rest[length] != '.' && rest[length] != '[') {
            length++;
        }
        *name = (struct vd_str){rest + 1, length - 1};
        *at += length;
        return length > 1;
    }
    if (left > 4 && rest[0] == '[' && (rest[1] == '\'' || rest[1] == '"')) {
        const char *close = memchr(rest + 2, rest[1], left - 2);

        length = close != NULL ? (size_t)(close - rest) + 2 : 0;
        if (close == NULL || length > left || close[1] != ']') {
            return false;
        }
        *name = (struct vd_str){rest + 2, (size_t)(close - rest) - 2};
        *at += length;
        return true;
    }
    return false;
}

static bool is_named(struct vd_str json, struct vd_str name)
{
    struct vd_buf text = {0};
    bool is;

    vd_udf_json_text(json, &text);
    is = text.length == name.length &&
        (name.length == 0 || memcmp(text.data, name.data, name.length) == 0);
    vd_buf_release(&text);
    return is;
}

#define PATH_MAX_DEPTH 32

/* Sets the member, in bags that are made where there are none. False: the path is none. */
static bool set_member(struct vd_buf *out, struct vd_str json, struct vd_str path, size_t at,
    struct vd_str value, int depth)
{
    struct vd_udf_json walk;
    struct vd_str name;
    struct vd_str member;
    struct vd_str old;
    struct vd_str inner = {"{}", 2};
    bool is_first = true;

    if (at > 0 && at == path.length) {
        append(out, value);
        return true;
    }
    if (depth > PATH_MAX_DEPTH || !next_name(path, &at, &name)) {
        return false;
    }
    vd_buf_append(out, "{", 1);
    if (vd_udf_json_open(json, '{', &walk)) {
        while (vd_udf_json_next(&walk, &member, &old)) {
            if (is_named(member, name)) {
                inner = old;
                continue;
            }
            vd_buf_append(out, ",", is_first ? 0 : 1);
            append(out, member);
            vd_buf_append(out, ":", 1);
            append(out, old);
            is_first = false;
        }
    }
    vd_buf_append(out, ",", is_first ? 0 : 1);
    vd_json_append_string(out, name);
    vd_buf_append(out, ":", 1);
    if (!set_member(out, inner, path, at, value, depth + 1)) {
        return false;
    }
    vd_buf_append(out, "}", 1);
    return true;
}

/* kql_bag_set_key(bag, name or path, json); null of what is no bag, and of a path that is none */
static bool bag_set_key(struct vd_udf_call *call)
{
    struct vd_udf_json walk;

    return vd_udf_json_open(call->args[0].text, '{', &walk) &&
        set_member(call->out, call->args[0].text, call->args[1].text, 0, call->args[2].text, 0);
}

const struct vd_udf vd_udf_making[] = {
    {"kql_first_text", "s*", 's', true, first_text},
    {"kql_pack_array", "s*", 's', true, pack_array},
    {"kql_bag_pack", "s*", 's', true, bag_pack},
    {"kql_bag_zip", "ss", 's', false, bag_zip},
    {"kql_repeat", "sl", 's', false, repeat},
    {"kql_range", "lll", 's', false, range},
    {"kql_range_real", "rrr", 's', false, range_real},
    {"kql_array_shift", "sls", 's', false, array_shift},
    {"kql_array_rotate", "sl", 's', false, array_rotate},
    {"kql_array_iff", "sss", 's', false, array_iff},
    {"kql_bag_full", "s", 's', false, bag_full},
    {"kql_bag_set_key", "sss", 's', false, bag_set_key},
    {NULL, NULL, 0, false, NULL},
};
