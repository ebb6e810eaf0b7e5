/* SPDX-License-Identifier: MIT */
/* Arrays and bags: slices, sorting, sets, merging. Elements stay the text that they are. */

#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

/* ---- A growing list of elements ---- */

struct elements {
    struct vd_str *items;
    size_t count;
    size_t capacity;
};

static bool add(struct elements *list, struct vd_str item)
{
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity > 0 ? list->capacity * 2 : 64;
        struct vd_str *items = reallocarray(list->items, capacity, sizeof *items);

        if (items == NULL) {
            return false;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = item;
    return true;
}

/* False: it is no array, or there is no memory (then the call's error is set). */
static bool read_array(struct vd_udf_call *call, struct vd_str json, struct elements *out)
{
    struct vd_udf_json walk;
    struct vd_str value;

    if (!vd_udf_json_open(json, '[', &walk)) {
        return false;
    }
    while (vd_udf_json_next(&walk, NULL, &value)) {
        if (!add(out, value)) {
            call->error = "Out of memory";
            return false;
        }
    }
    return true;
}

static void append_element(struct vd_buf *out, struct vd_str value)
{
    if (out->length > 1) {
        vd_buf_append(out, ",", 1);
    }
    vd_buf_append(out, value.data, value.length);
}

static void append_member(struct vd_buf *out, struct vd_str name, struct vd_str value)
{
    append_element(out, name);
    vd_buf_append(out, ":", 1);
    vd_buf_append(out, value.data, value.length);
}

static void append_elements(struct vd_buf *out, const struct elements *list, size_t from, size_t to)
{
    vd_buf_append(out, "[", 1);
    for (size_t i = from; i < to; i++) {
        append_element(out, list->items[i]);
    }
    vd_buf_append(out, "]", 1);
}

/* ---- Arrays ---- */

/* kql_array_concat(arrays): what is no array is left out; null of none. */
static bool array_concat(struct vd_udf_call *call)
{
    struct vd_udf_json walk;
    struct vd_str json;
    struct vd_str value;
    size_t at = 0;
    bool any = false;

    vd_buf_append(call->out, "[", 1);
    while (vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &json)) {
        if (!vd_udf_json_open(json, '[', &walk)) {
            continue;
        }
        any = true;
        while (vd_udf_json_next(&walk, NULL, &value)) {
            append_element(call->out, value);
        }
    }
    vd_buf_append(call->out, "]", 1);
    return any;
}

static size_t place_of(int64_t place, size_t count)
{
    const int64_t all = (int64_t)count;

    return (size_t)(place >= 0 ? (place < all ? place : all) : (place < -all ? 0 : all + place));
}

/* kql_array_slice(array, first, last), both within; negative places count from the end. */
static bool array_slice(struct vd_udf_call *call)
{
    struct elements list = {0};
    const bool ok = read_array(call, call->args[0].text, &list);

    if (ok) {
        const int64_t last = call->args[2].integer;
        const size_t from = place_of(call->args[1].integer, list.count);
        size_t to = place_of(last, list.count);

        to += to < list.count && last >= -(int64_t)list.count ? 1 : 0;
        append_elements(call->out, &list, from, to > from ? to : from);
    }
    free(list.items);
    return ok;
}

/* kql_array_index_of(array, element, start, length or -1, occurrence) */
static bool array_index_of(struct vd_udf_call *call)
{
    const int64_t length = call->args[3].integer;
    int64_t left = call->args[4].integer;
    struct elements list = {0};
    bool ok;

    if (length < -1 || left < 1) {
        return false;
    }
    ok = read_array(call, call->args[0].text, &list);
    call->result.integer = -1;
    if (ok) {
        size_t at = place_of(call->args[2].integer, list.count);
        const size_t end =
            length >= 0 && length < (int64_t)(list.count - at) ? at + (size_t)length : list.count;

        for (; at < end && call->result.integer < 0; at++) {
            if (vd_str_equal(list.items[at], call->args[1].text) && --left == 0) {
                call->result.integer = (int64_t)at;
            }
        }
    }
    free(list.items);
    return ok;
}

#define ZIP_MAX 64

/* The next elements of all arrays as one; false: all are at their ends. */
static bool zip_next(struct vd_udf_json *walks, size_t count, struct vd_buf *out)
{
    struct vd_str values[ZIP_MAX];
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        if (walks[i].at != walks[i].end && vd_udf_json_next(&walks[i], NULL, &values[i])) {
            any = true;
        } else {
            walks[i].at = walks[i].end;
            values[i] = VD_STR_LITERAL("null");
        }
    }
    if (!any) {
        return false;
    }
    vd_buf_append_text(out, out->length > 1 ? ",[" : "[");
    for (size_t i = 0; i < count; i++) {
        vd_buf_append(out, ",", i > 0 ? 1 : 0);
        vd_buf_append(out, values[i].data, values[i].length);
    }
    vd_buf_append(out, "]", 1);
    return out->error == VD_OK;
}

/* kql_zip(array, ...): the elements in the same place together, null where an array is shorter or none. */
static bool zip(struct vd_udf_call *call)
{
    struct vd_udf_json walks[ZIP_MAX];
    const size_t count = call->count < ZIP_MAX ? call->count : ZIP_MAX;

    for (size_t i = 0; i < count; i++) {
        const struct vd_str json = call->args[i].is_null ? VD_STR_LITERAL("") : call->args[i].text;

        if (!vd_udf_json_open(json, '[', &walks[i])) {
            walks[i].at = walks[i].end;
        }
    }
    vd_buf_append(call->out, "[", 1);
    while (zip_next(walks, count, call->out)) {
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

/* Order of kinds: numbers, texts, the rest; null is last, whichever way the others go. */
static int kind_of(struct vd_str item)
{
    const char c = item.data[0];

    if (c == '-' || (c >= '0' && c <= '9')) {
        return 0;
    }
    return c == '"' ? 1 : (vd_str_equal_text(item, "null") ? 3 : 2);
}

static double number_of(struct vd_str item)
{
    char copy[64];

    return vd_str_copy(item, copy, sizeof copy) == VD_OK ? strtod(copy, NULL) : 0;
}

static int compare_texts(struct vd_str a, struct vd_str b)
{
    const int order = memcmp(a.data, b.data, a.length < b.length ? a.length : b.length);

    return order != 0 ? order : (a.length > b.length) - (a.length < b.length);
}

struct sorted {
    struct vd_str item;
    size_t place; /* equal ones stay in their order */
    double number;
    int kind;
};

static int compare_up(const void *left, const void *right)
{
    const struct sorted *a = left;
    const struct sorted *b = right;
    int order = (a->kind > b->kind) - (a->kind < b->kind);

    if (order == 0) {
        order = a->kind == 0 ? (a->number > b->number) - (a->number < b->number)
                             : compare_texts(a->item, b->item);
    }
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

static int compare_down(const void *left, const void *right)
{
    const struct sorted *a = left;
    const struct sorted *b = right;

    return a->kind == 3 || b->kind == 3 ? compare_up(left, right) : compare_up(right, left);
}

/* kql_array_sort(array, downwards) */
static bool array_sort(struct vd_udf_call *call)
{
    struct elements list = {0};
    struct sorted *sorted = NULL;
    bool ok = read_array(call, call->args[0].text, &list);

    if (ok && list.count > 0) {
        sorted = calloc(list.count, sizeof *sorted);
        ok = sorted != NULL;
        call->error = ok ? NULL : "Out of memory";
    }
    if (ok) {
        for (size_t i = 0; i < list.count; i++) {
            sorted[i] =
                (struct sorted){list.items[i], i, number_of(list.items[i]), kind_of(list.items[i])};
        }
        if (list.count > 1) {
            qsort(sorted, list.count, sizeof *sorted,
                call->args[1].integer != 0 ? compare_down : compare_up);
        }
        for (size_t i = 0; i < list.count; i++) {
            list.items[i] = sorted[i].item;
        }
        append_elements(call->out, &list, 0, list.count);
    }
    free(sorted);
    free(list.items);
    return ok;
}

/* kql_array_sum(array): null if an element is no number */
static bool array_sum(struct vd_udf_call *call)
{
    struct vd_udf_json walk;
    struct vd_str value;

    call->result.real = 0;
    if (!vd_udf_json_open(call->args[0].text, '[', &walk)) {
        return false;
    }
    while (vd_udf_json_next(&walk, NULL, &value)) {
        if (kind_of(value) != 0) {
            return false;
        }
        call->result.real += number_of(value);
    }
    return true;
}

/* kql_array_join(array, between): what is no text as JSON, null as nothing */
static bool array_join(struct vd_udf_call *call)
{
    struct vd_udf_json walk;
    struct vd_str value;

    if (!vd_udf_json_open(call->args[0].text, '[', &walk)) {
        return false;
    }
    for (bool is_first = true; vd_udf_json_next(&walk, NULL, &value); is_first = false) {
        if (!is_first) {
            vd_buf_append(call->out, call->args[1].text.data, call->args[1].text.length);
        }
        if (!vd_str_equal_text(value, "null")) {
            vd_udf_json_text(value, call->out);
        }
    }
    return true;
}

/* ---- Sets ---- */

/* Adds the array's elements to the set; appends those that are new and, if there is `only`, in it. */
static bool collect(struct vd_udf_call *call, struct vd_str json, const struct vd_udf_set *only,
    struct vd_udf_set *set, bool appends)
{
    struct vd_udf_json walk;
    struct vd_str value;

    if (!vd_udf_json_open(json, '[', &walk)) {
        return false;
    }
    while (vd_udf_json_next(&walk, NULL, &value)) {
        if (only != NULL && !vd_udf_set_has(only, value)) {
            continue;
        }
        switch (vd_udf_set_add(set, value)) {
        case 1:
            if (appends) {
                append_element(call->out, value);
            }
            break;
        case 0:
            break;
        default:
            call->error = "Out of memory";
            return false;
        }
    }
    return true;
}

/* kql_set_union(arrays), in the order in which elements come first */
static bool set_union(struct vd_udf_call *call)
{
    struct vd_udf_set set = {0};
    struct vd_str json;
    size_t at = 0;
    bool ok = true;

    vd_buf_append(call->out, "[", 1);
    while (ok && vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &json)) {
        ok = collect(call, json, NULL, &set, true);
    }
    vd_buf_append(call->out, "]", 1);
    vd_udf_set_release(&set);
    return ok;
}

/* kql_set_intersect(arrays) */
static bool set_intersect(struct vd_udf_call *call)
{
    struct vd_udf_set set = {0};
    struct vd_str json;
    size_t at = 0;
    bool ok = true;

    vd_buf_append(call->out, "[]", 2);
    for (uint32_t i = 0; ok && vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &json); i++) {
        struct vd_udf_set next = {0};

        vd_buf_clear(call->out);
        vd_buf_append(call->out, "[", 1);
        ok = collect(call, json, i > 0 ? &set : NULL, &next, true);
        vd_buf_append(call->out, "]", 1);
        vd_udf_set_release(&set);
        set = next;
    }
    vd_udf_set_release(&set);
    return ok;
}

/* kql_set_difference(arrays): what the first has and no other */
static bool set_difference(struct vd_udf_call *call)
{
    struct vd_udf_set others = {0};
    struct vd_str first;
    struct vd_str json;
    size_t at = 0;
    bool ok = vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &first);

    while (ok && vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &json)) {
        ok = collect(call, json, NULL, &others, false);
    }
    vd_buf_append(call->out, "[", 1);
    ok = ok && collect(call, first, NULL, &others, true);
    vd_buf_append(call->out, "]", 1);
    vd_udf_set_release(&others);
    return ok;
}

/* ---- Bags ---- */

/* kql_bag_merge(bags): of equal names the first counts. Null of no bag. */
static bool bag_merge(struct vd_udf_call *call)
{
    struct vd_udf_set names = {0};
    struct vd_udf_json walk;
    struct vd_str json;
    struct vd_str name;
    struct vd_str value;
    size_t at = 0;
    bool any = false;

    vd_buf_append(call->out, "{", 1);
    while (vd_udf_part(call->args[0].text, VD_UDF_SEPARATOR, &at, &json)) {
        if (!vd_udf_json_open(json, '{', &walk)) {
            continue;
        }
        any = true;
        while (vd_udf_json_next(&walk, &name, &value)) {
            const int is_new = vd_udf_set_add(&names, name);

            if (is_new < 0) {
                call->error = "Out of memory";
            } else if (is_new > 0) {
                append_member(call->out, name, value);
            }
        }
    }
    vd_buf_append(call->out, "}", 1);
    vd_udf_set_release(&names);
    return any;
}

/* kql_bag_remove_keys(bag, array of names) */
static bool bag_remove_keys(struct vd_udf_call *call)
{
    struct vd_udf_set names = {0};
    struct vd_udf_json walk;
    struct vd_str name;
    struct vd_str value;
    bool ok = collect(call, call->args[1].text, NULL, &names, false) &&
        vd_udf_json_open(call->args[0].text, '{', &walk);

    if (ok) {
        vd_buf_append(call->out, "{", 1);
        while (vd_udf_json_next(&walk, &name, &value)) {
            if (!vd_udf_set_has(&names, name)) {
                append_member(call->out, name, value);
            }
        }
        vd_buf_append(call->out, "}", 1);
    }
    vd_udf_set_release(&names);
    return ok;
}

/*
 * kql_expand(value): the array of what mv-expand makes rows of. Of a bag a bag for each member; a value alone, and null,
 * is one row.
 */
static bool expand(struct vd_udf_call *call)
{
    const struct vd_udf_value *value = &call->args[0];
    struct vd_udf_json walk;
    struct vd_str name;
    struct vd_str member;

    if (value->is_null) {
        vd_buf_append_text(call->out, "[null]");
        return true;
    }
    if (!vd_udf_json_open(value->text, 0, &walk)) {
        vd_buf_append(call->out, "[", 1);
        vd_buf_append(call->out, value->text.data, value->text.length);
        vd_buf_append(call->out, "]", 1);
        return true;
    }
    if (walk.close == ']') {
        vd_buf_append(call->out, value->text.data, value->text.length);
        return true;
    }
    vd_buf_append(call->out, "[", 1);
    while (vd_udf_json_next(&walk, &name, &member)) {
        append_element(call->out, (struct vd_str){"{", 1});
        vd_buf_append(call->out, name.data, name.length);
        vd_buf_append(call->out, ":", 1);
        vd_buf_append(call->out, member.data, member.length);
        vd_buf_append(call->out, "}", 1);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

const struct vd_udf vd_udf_arrays[] = {
    {"kql_array_concat", "s", 's', false, array_concat},
    {"kql_array_slice", "sll", 's', false, array_slice},
    {"kql_array_index_of", "sslll", 'l', false, array_index_of},
    {"kql_zip", "s*", 's', true, zip},
    {"kql_array_sum", "s", 'r', false, array_sum},
    {"kql_array_join", "ss", 's', false, array_join},
    {"kql_array_sort", "sb", 's', false, array_sort},
    {"kql_set_union", "s", 's', false, set_union},
    {"kql_set_intersect", "s", 's', false, set_intersect},
    {"kql_set_difference", "s", 's', false, set_difference},
    {"kql_bag_merge", "s", 's', false, bag_merge},
    {"kql_bag_remove_keys", "ss", 's', false, bag_remove_keys},
    {"kql_expand", "s", 's', true, expand},
    {NULL, NULL, 0, false, NULL},
};
