/* SPDX-License-Identifier: MIT */
/* Arrays and bags: JSON text, several of them with \1 between. */

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/duckdb_functions.h"
#include "lib/url.h"

#define SEPARATOR '\1'
#define DECODE    (JSON_DECODE_ANY | JSON_ALLOW_NUL)
#define ENCODE    (JSON_COMPACT | JSON_ENCODE_ANY)

/* NULL: the text is no JSON. */
static json_t *read(struct vd_str text)
{
    return json_loadb(text.data, text.length, DECODE, NULL);
}

/* Appends the value and lets it go. */
static void write(struct vd_duckdb_row *row, json_t *value)
{
    char *text = value != NULL ? json_dumps(value, ENCODE) : NULL;

    if (text == NULL) {
        row->is_null = true;
    } else {
        vd_buf_append_text(row->text, text);
    }
    free(text);
    json_decref(value);
}

/* The next of a list; false: there is none. */
static bool next_of(struct vd_str *list, json_t **out)
{
    const char *end;
    struct vd_str one;

    if (list->data == NULL) {
        return false;
    }
    end = memchr(list->data, SEPARATOR, list->length);
    one = (struct vd_str){list->data, end != NULL ? (size_t)(end - list->data) : list->length};
    list->length = end != NULL ? list->length - one.length - 1 : 0;
    list->data = end != NULL ? end + 1 : NULL;
    *out = read(one);
    return true;
}

/* mv-expand: the elements of what is one, as an array. */
static void expand(struct vd_duckdb_row *row)
{
    json_t *value = read(row->arguments[0].text);
    json_t *elements = value;
    const char *key;
    json_t *member;

    if (json_is_object(value)) {
        elements = json_array();
        json_object_foreach(value, key, member)
        {
            json_t *bag = json_object();

            json_object_set(bag, key, member);
            json_array_append_new(elements, bag);
        }
        json_decref(value);
    } else if (value != NULL && !json_is_array(value)) {
        elements = json_array();
        json_array_append_new(elements, value);
    }
    write(row, elements);
}

static void array_concat(struct vd_duckdb_row *row)
{
    struct vd_str list = row->arguments[0].text;
    json_t *all = json_array();
    json_t *one;

    while (next_of(&list, &one)) {
        if (json_is_array(one)) {
            json_array_extend(all, one);
        }
        json_decref(one);
    }
    write(row, all);
}

/* array_slice(array, from, to): both inclusive, negative ones from the end. */
static void array_slice(struct vd_duckdb_row *row)
{
    json_t *array = read(row->arguments[0].text);
    const int64_t size = (int64_t)json_array_size(array);
    int64_t from = row->arguments[1].integer;
    int64_t to = row->arguments[2].integer;
    json_t *slice = json_is_array(array) ? json_array() : NULL;

    from = from < 0 ? (from + size < 0 ? 0 : from + size) : from;
    to = to < 0 ? to + size : (to >= size ? size - 1 : to);
    for (int64_t i = from; slice != NULL && i <= to; i++) {
        json_array_append(slice, json_array_get(array, (size_t)i));
    }
    json_decref(array);
    write(row, slice);
}

/* ---- Sorting ---- */

static int compare(const void *a, const void *b)
{
    const json_t *const first = *(json_t *const *)a;
    const json_t *const second = *(json_t *const *)b;

    if (json_is_number(first) && json_is_number(second)) {
        const double x = json_number_value(first);
        const double y = json_number_value(second);

        return (x > y) - (x < y);
    }
    if (json_is_string(first) && json_is_string(second)) {
        return strcmp(json_string_value(first), json_string_value(second));
    }
    return (int)json_typeof(first) - (int)json_typeof(second);
}

static void array_sort(struct vd_duckdb_row *row)
{
    json_t *array = read(row->arguments[0].text);
    const size_t size = json_array_size(array);
    const bool descends = row->arguments[1].integer != 0;
    json_t **items = malloc((size + 1) * sizeof(json_t *));
    json_t *sorted = json_is_array(array) && items != NULL ? json_array() : NULL;

    for (size_t i = 0; sorted != NULL && i < size; i++) {
        items[i] = json_array_get(array, i);
    }
    if (sorted != NULL) {
        qsort(items, size, sizeof(json_t *), compare);
    }
    for (size_t i = 0; sorted != NULL && i < size; i++) {
        json_array_append(sorted, items[descends ? size - 1 - i : i]);
    }
    free(items);
    json_decref(array);
    write(row, sorted);
}

/* ---- Sets ---- */

static bool is_among(const json_t *array, const json_t *value)
{
    size_t i;
    json_t *item;

    json_array_foreach(array, i, item)
    {
        if (json_equal(item, value)) {
            return true;
        }
    }
    return false;
}

static void append_new_ones(json_t *all, const json_t *from)
{
    size_t i;
    json_t *item;

    json_array_foreach(from, i, item)
    {
        if (!is_among(all, item)) {
            json_array_append(all, item);
        }
    }
}

static void set_union(struct vd_duckdb_row *row)
{
    struct vd_str list = row->arguments[0].text;
    json_t *all = json_array();
    json_t *one;

    while (next_of(&list, &one)) {
        append_new_ones(all, one);
        json_decref(one);
    }
    write(row, all);
}

/* Of the first set, what is in every other, or in none. */
static void set_of_first(struct vd_duckdb_row *row, bool wants_in)
{
    struct vd_str list = row->arguments[0].text;
    json_t *all = json_array();
    json_t *one = NULL;

    (void)next_of(&list, &one);
    append_new_ones(all, one);
    json_decref(one);
    while (next_of(&list, &one)) {
        for (size_t i = json_array_size(all); i-- > 0;) {
            if (is_among(one, json_array_get(all, i)) != wants_in) {
                json_array_remove(all, i);
            }
        }
        json_decref(one);
    }
    write(row, all);
}

static void set_intersect(struct vd_duckdb_row *row)
{
    set_of_first(row, true);
}

static void set_difference(struct vd_duckdb_row *row)
{
    set_of_first(row, false);
}

/* ---- Bags ---- */

/* Of a member that several have, the first. */
static void bag_merge(struct vd_duckdb_row *row)
{
    struct vd_str list = row->arguments[0].text;
    json_t *all = json_object();
    json_t *one;

    while (next_of(&list, &one)) {
        if (json_is_object(one)) {
            json_object_update_missing(all, one);
        }
        json_decref(one);
    }
    write(row, all);
}

static void bag_remove_keys(struct vd_duckdb_row *row)
{
    json_t *bag = read(row->arguments[0].text);
    json_t *keys = read(row->arguments[1].text);
    size_t i;
    json_t *key;

    json_array_foreach(keys, i, key)
    {
        if (json_is_string(key)) {
            (void)json_object_del(bag, json_string_value(key));
        }
    }
    json_decref(keys);
    write(row, bag);
}

/* ---- Texts ---- */

static void parse_csv(struct vd_duckdb_row *row)
{
    const struct vd_str text = row->arguments[0].text;
    json_t *fields = json_array();
    struct vd_buf field = {.max = VD_DUCKDB_VALUE_MAX};
    bool is_quoted = false;

    for (size_t i = 0; i <= text.length; i++) {
        const char c = i < text.length ? text.data[i] : '\n';

        if (is_quoted && i < text.length) {
            if (c == '"' && i + 1 < text.length && text.data[i + 1] == '"') {
                i++;
            } else if (c == '"') {
                is_quoted = false;
                continue;
            }
            vd_buf_append(&field, &text.data[i], 1);
        } else if (c == '"' && field.length == 0) {
            is_quoted = true;
        } else if (c == ',' || c == '\n') {
            json_array_append_new(fields,
                json_stringn_nocheck(
                    field.length > 0 ? (const char *)field.data : "", field.length));
            vd_buf_clear(&field);
            if (c == '\n') {
                break;
            }
        } else if (c != '\r') {
            vd_buf_append(&field, &c, 1);
        }
    }
    vd_buf_release(&field);
    write(row, fields);
}

/* "a=1&b=2" as a bag. */
static json_t *query_bag(struct vd_str text)
{
    json_t *bag = json_object();

    while (text.length > 0) {
        const char *end = memchr(text.data, '&', text.length);
        const size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        const char *equals = memchr(text.data, '=', length);
        const size_t key = equals != NULL ? (size_t)(equals - text.data) : length;

        if (key > 0) {
            json_object_setn_new_nocheck(bag, text.data, key,
                equals != NULL ? json_stringn_nocheck(equals + 1, length - key - 1)
                               : json_string(""));
        }
        text.data += length + (end != NULL ? 1 : 0);
        text.length -= length + (end != NULL ? 1 : 0);
    }
    return bag;
}

static void parse_urlquery(struct vd_duckdb_row *row)
{
    write(row, json_pack("{s:o}", "Query Parameters", query_bag(row->arguments[0].text)));
}

/* What is in front of the mark, which goes too; all of it if there is no mark. */
static struct vd_str cut(struct vd_str *text, const char *mark, bool *found)
{
    const char *at = text->length > 0 ? memmem(text->data, text->length, mark, strlen(mark)) : NULL;
    struct vd_str front = *text;

    *found = at != NULL;
    if (at != NULL) {
        front.length = (size_t)(at - text->data);
        text->data = at + strlen(mark);
        text->length -= front.length + strlen(mark);
    }
    return front;
}

static json_t *text_json(struct vd_str text)
{
    return json_stringn_nocheck(text.length > 0 ? text.data : "", text.length);
}

static void parse_url(struct vd_duckdb_row *row)
{
    struct vd_str rest = row->arguments[0].text;
    struct vd_str scheme;
    struct vd_str authority;
    struct vd_str user = VD_STR_LITERAL("");
    struct vd_str password = VD_STR_LITERAL("");
    struct vd_str port = VD_STR_LITERAL("");
    struct vd_str path;
    struct vd_str query = VD_STR_LITERAL("");
    struct vd_str fragment = VD_STR_LITERAL("");
    size_t length = 0;
    bool found;

    scheme = cut(&rest, "://", &found);
    if (!found) {
        row->is_null = true;
        return;
    }
    path = cut(&rest, "#", &found);
    fragment = found ? rest : fragment;
    rest = path;
    path = cut(&rest, "?", &found);
    query = found ? rest : query;
    while (length < path.length && path.data[length] != '/') {
        length++;
    }
    authority = (struct vd_str){path.data, length};
    path = (struct vd_str){path.data + length, path.length - length};
    user = cut(&authority, "@", &found);
    if (found) {
        struct vd_str name = cut(&user, ":", &found);

        password = found ? user : password;
        user = name;
    } else {
        user = VD_STR_LITERAL("");
    }
    if (authority.length == 0 || authority.data[0] != '[') {
        struct vd_str host = cut(&authority, ":", &found);

        port = found ? authority : port;
        authority = host;
    }
    write(row,
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "Scheme", text_json(scheme), "Host",
            text_json(authority), "Port", text_json(port), "Path", text_json(path), "Username",
            text_json(user), "Password", text_json(password), "Query Parameters", query_bag(query),
            "Fragment", text_json(fragment)));
}

static int base64_value(char c)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c != '\0' ? strchr(letters, c) : NULL;

    return at != NULL ? (int)(at - letters) : -1;
}

/* Text in UTF-8 only. */
static void base64_decode(struct vd_duckdb_row *row)
{
    struct vd_str text = row->arguments[0].text;
    uint32_t bits = 0;
    unsigned count = 0;

    while (text.length > 0 && text.data[text.length - 1] == '=') {
        text.length--;
    }
    for (size_t i = 0; i < text.length; i++) {
        const int value = base64_value(text.data[i]);

        if (value < 0) {
            row->is_null = true;
            return;
        }
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            const uint8_t byte = (uint8_t)(bits >> (count - 8));

            count -= 8;
            vd_buf_append(row->text, &byte, 1);
        }
    }
    row->is_null = !vd_utf8_is_valid((struct vd_str){
        row->text->length > 0 ? (const char *)row->text->data : "", row->text->length});
}

const struct vd_duckdb_function vd_duckdb_json_functions[] = {
    {"kql_expand", "s", 's', expand},
    {"kql_array_concat", "s", 's', array_concat},
    {"kql_array_slice", "sll", 's', array_slice},
    {"kql_array_sort", "sb", 's', array_sort},
    {"kql_set_union", "s", 's', set_union},
    {"kql_set_intersect", "s", 's', set_intersect},
    {"kql_set_difference", "s", 's', set_difference},
    {"kql_bag_merge", "s", 's', bag_merge},
    {"kql_bag_remove_keys", "ss", 's', bag_remove_keys},
    {"kql_parse_csv", "s", 's', parse_csv},
    {"kql_parse_url", "s", 's', parse_url},
    {"kql_parse_urlquery", "s", 's', parse_urlquery},
    {"kql_base64_decode", "s", 's', base64_decode},
    {NULL, NULL, 0, NULL},
};
