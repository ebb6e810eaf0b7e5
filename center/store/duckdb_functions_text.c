/* SPDX-License-Identifier: MIT */
/* Texts: terms, joining and replacing. */

#include <string.h>

#include "center/store/duckdb_functions.h"

#define SEPARATOR '\1' /* between the texts of a list */

/* Letters and digits of ASCII, and all that is not ASCII, belong to a term. */
static bool is_term_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        (unsigned char)c >= 0x80;
}

enum ends {
    END_BEFORE = 1,
    END_BEHIND = 2,
};

/* Whether `part` is in the text with the ends of a term where `ends` says. */
static bool has_part(struct vd_str text, struct vd_str part, unsigned ends)
{
    const char *at = text.data;
    const char *end = text.data + text.length;

    if (part.length == 0) {
        return true;
    }
    while ((size_t)(end - at) >= part.length) {
        const char *found = memmem(at, (size_t)(end - at), part.data, part.length);
        const char *behind;

        if (found == NULL) {
            return false;
        }
        behind = found + part.length;
        if (((ends & END_BEFORE) == 0 || found == text.data || !is_term_letter(found[-1]) ||
                !is_term_letter(part.data[0])) &&
            ((ends & END_BEHIND) == 0 || behind == end || !is_term_letter(*behind) ||
                !is_term_letter(part.data[part.length - 1]))) {
            return true;
        }
        at = found + 1;
    }
    return false;
}

static void has(struct vd_duckdb_row *row)
{
    row->result.integer =
        has_part(row->arguments[0].text, row->arguments[1].text, END_BEFORE | END_BEHIND);
}

static void hasprefix(struct vd_duckdb_row *row)
{
    row->result.integer = has_part(row->arguments[0].text, row->arguments[1].text, END_BEFORE);
}

static void hassuffix(struct vd_duckdb_row *row)
{
    row->result.integer = has_part(row->arguments[0].text, row->arguments[1].text, END_BEHIND);
}

/* The next text of a list; false: there is none. */
static bool next_of(struct vd_str *list, bool *is_over, struct vd_str *out)
{
    const char *end;

    if (*is_over) {
        return false;
    }
    end = list->length > 0 ? memchr(list->data, SEPARATOR, list->length) : NULL;
    *out = (struct vd_str){list->data, end != NULL ? (size_t)(end - list->data) : list->length};
    *is_over = end == NULL;
    if (end != NULL) {
        list->length -= out->length + 1;
        list->data = end + 1;
    }
    return true;
}

/* The number of the first that the text has; -1: none. */
static int64_t first_of(struct vd_str text, struct vd_str list, bool want)
{
    struct vd_str part;
    bool is_over = false;

    for (int64_t i = 0; next_of(&list, &is_over, &part); i++) {
        if (has_part(text, part, END_BEFORE | END_BEHIND) == want) {
            return i;
        }
    }
    return -1;
}

static void has_any(struct vd_duckdb_row *row)
{
    row->result.integer = first_of(row->arguments[0].text, row->arguments[1].text, true) >= 0;
}

static void has_all(struct vd_duckdb_row *row)
{
    row->result.integer = first_of(row->arguments[0].text, row->arguments[1].text, false) < 0;
}

static void has_any_index(struct vd_duckdb_row *row)
{
    row->result.integer = first_of(row->arguments[0].text, row->arguments[1].text, true);
}

static void concat(struct vd_duckdb_row *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        vd_buf_append(row->text, row->arguments[i].text.data, row->arguments[i].text.length);
    }
}

static void replace(struct vd_duckdb_row *row)
{
    const struct vd_str from = row->arguments[1].text;
    const struct vd_str to = row->arguments[2].text;
    struct vd_str rest = row->arguments[0].text;

    while (from.length > 0 && rest.length >= from.length) {
        const char *found = memmem(rest.data, rest.length, from.data, from.length);

        if (found == NULL) {
            break;
        }
        vd_buf_append(row->text, rest.data, (size_t)(found - rest.data));
        vd_buf_append(row->text, to.data, to.length);
        rest.length -= (size_t)(found - rest.data) + from.length;
        rest.data = found + from.length;
    }
    vd_buf_append(row->text, rest.data, rest.length);
}

/* strrep(text, how often, between); no more than 1024 times, as Kusto's. */
static void strrep(struct vd_duckdb_row *row)
{
    const int64_t times = row->arguments[1].integer < 1024 ? row->arguments[1].integer : 1024;

    for (int64_t i = 0; i < times && row->text->error == VD_OK; i++) {
        if (i > 0) {
            vd_buf_append(row->text, row->arguments[2].text.data, row->arguments[2].text.length);
        }
        vd_buf_append(row->text, row->arguments[0].text.data, row->arguments[0].text.length);
    }
}

static int64_t characters(const char *from, const char *to)
{
    int64_t count = 0;

    for (; from < to; from++) {
        count += ((unsigned char)*from & 0xc0) != 0x80;
    }
    return count;
}

/* indexof(text, part, from): by characters; -1: it is not there. */
static void indexof(struct vd_duckdb_row *row)
{
    const struct vd_str text = row->arguments[0].text;
    const struct vd_str part = row->arguments[1].text;
    const int64_t all = characters(text.data, text.data + text.length);
    int64_t skip = row->arguments[2].integer;
    const char *at = text.data;
    const char *end = text.data + text.length;
    const char *found;

    skip = skip < 0 ? (skip + all < 0 ? 0 : skip + all) : skip;
    while (at < end && skip > 0) {
        at++;
        skip -= at == end || ((unsigned char)*at & 0xc0) != 0x80;
    }
    found = skip > 0       ? NULL
        : part.length == 0 ? at
                           : memmem(at, (size_t)(end - at), part.data, part.length);
    row->result.integer = found != NULL ? characters(text.data, found) : -1;
}

/* countof(text, part, "normal"): overlapping ones as well. */
static void countof(struct vd_duckdb_row *row)
{
    const struct vd_str text = row->arguments[0].text;
    const struct vd_str part = row->arguments[1].text;
    const char *at = text.data;
    const char *end = text.data + text.length;

    row->result.integer = 0;
    if (!vd_str_equal_text(row->arguments[2].text, "normal")) {
        row->error = "countof counts by 'normal' only";
        return;
    }
    while (part.length > 0 && (size_t)(end - at) >= part.length &&
        (at = memmem(at, (size_t)(end - at), part.data, part.length)) != NULL) {
        row->result.integer++;
        at++;
    }
}

const struct vd_duckdb_function vd_duckdb_text_functions[] = {
    {"kql_has", "ss", 'b', has},
    {"kql_hasprefix", "ss", 'b', hasprefix},
    {"kql_hassuffix", "ss", 'b', hassuffix},
    {"kql_has_any", "ss", 'b', has_any},
    {"kql_has_all", "ss", 'b', has_all},
    {"kql_has_any_index", "ss", 'l', has_any_index},
    {"kql_concat", "s*", 's', concat},
    {"kql_replace", "sss", 's', replace},
    {"kql_strrep", "sls", 's', strrep},
    {"kql_indexof", "ssl", 'l', indexof},
    {"kql_countof", "sss", 'l', countof},
    {NULL, NULL, 0, NULL},
};
