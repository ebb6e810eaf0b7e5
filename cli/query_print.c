/* SPDX-License-Identifier: MIT */
/* Results of queries for people and programs, and what is wrong with a query. */

#include "cli/query_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/limits.h"
#include "cli/table.h"

/* A cell as text, in `out` where it is no string itself. */
const char *vd_query_cell_text(const json_t *value, char **out)
{
    *out = NULL;
    if (value == NULL || json_is_null(value)) {
        return NULL;
    }
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    *out = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    return *out;
}

static bool is_ended(const atomic_bool *is_unwanted)
{
    return is_unwanted != NULL && atomic_load(is_unwanted);
}

static void print_table(const json_t *result, const atomic_bool *is_unwanted)
{
    const json_t *columns = json_object_get(result, "columns");
    const json_t *rows = json_object_get(result, "rows");
    const char *names[VD_TABLE_COLUMNS_MAX];
    struct vd_table table = {.columns = names, .is_unwanted = is_unwanted};
    const json_t *row;
    size_t i;

    for (;
         table.column_count < json_array_size(columns) && table.column_count < VD_TABLE_COLUMNS_MAX;
         table.column_count++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(columns, table.column_count), "name"));

        names[table.column_count] = name != NULL ? name : "";
    }
    json_array_foreach(rows, i, row)
    {
        for (size_t column = 0; column < table.column_count; column++) {
            char *made;

            vd_table_add(&table, vd_query_cell_text(json_array_get(row, column), &made));
            free(made);
        }
    }
    if (table.column_count > 0) {
        vd_table_print(&table, true);
    }
    if (is_ended(is_unwanted)) {
        return;
    }
    printf("(%zu row%s%s)\n", json_array_size(rows), vd_plural((long long)json_array_size(rows)),
        json_is_true(json_object_get(result, "truncated")) ? ", the rest was cut off" : "");
}

/* As RFC 4180 quotes: where a comma, a quote or a line end is in it. */
static void print_csv_cell(const char *text, bool first)
{
    if (!first) {
        putchar(',');
    }
    if (text == NULL) {
        return;
    }
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            putchar('"');
        }
        putchar(*text);
    }
    putchar('"');
}

typedef void print_cell(const char *text, bool first);

static void print_separated(const json_t *result, print_cell *print, const atomic_bool *is_unwanted)
{
    const json_t *columns = json_object_get(result, "columns");
    const json_t *rows = json_object_get(result, "rows");
    const json_t *row;
    size_t count = json_array_size(columns);
    size_t i;

    for (size_t column = 0; column < count; column++) {
        print(json_string_value(json_object_get(json_array_get(columns, column), "name")),
            column == 0);
    }
    putchar('\n');
    json_array_foreach(rows, i, row)
    {
        if (is_ended(is_unwanted)) {
            return;
        }
        for (size_t column = 0; column < count; column++) {
            char *made;

            print(vd_query_cell_text(json_array_get(row, column), &made), column == 0);
            free(made);
        }
        putchar('\n');
    }
}

/* Tabs and line ends within a cell as \\t, \\n, \\r; a backslash as two. */
static void print_tsv_cell(const char *text, bool first)
{
    if (!first) {
        putchar('\t');
    }
    for (; text != NULL && *text != '\0'; text++) {
        const char *escape = *text == '\t' ? "\\t"
            : *text == '\n'                ? "\\n"
            : *text == '\r'                ? "\\r"
            : *text == '\\'                ? "\\\\"
                                           : NULL;

        if (escape != NULL) {
            fputs(escape, stdout);
        } else {
            putchar(*text);
        }
    }
}

static int print_part(const char *part, size_t size, void *context)
{
    const atomic_bool *const *is_unwanted = context;

    return is_ended(*is_unwanted) || fwrite(part, 1, size, stdout) != size ? -1 : 0;
}

void vd_query_print(const json_t *result, enum vd_output output, const atomic_bool *is_unwanted)
{
    if (output == VD_OUTPUT_JSON) {
        (void)json_dump_callback(result, print_part, &is_unwanted, JSON_INDENT(2));
        putchar('\n');
    } else if (output == VD_OUTPUT_CSV) {
        print_separated(result, print_csv_cell, is_unwanted);
    } else if (output == VD_OUTPUT_TSV) {
        print_separated(result, print_tsv_cell, is_unwanted);
    } else {
        print_table(result, is_unwanted);
    }
}

bool vd_query_tell_cut(const json_t *result)
{
    const char *limit = json_string_value(json_object_get(result, "cutBy"));

    if (limit == NULL) {
        return false;
    }
    fflush(stdout);
    if (strcmp(limit, "rows") == 0) {
        fprintf(stderr,
            "vedette: there is more: the result was cut off after %zu rows, the limit of "
            "query.max_rows; raise it in vedette.conf and `vedette reload`, or narrow the "
            "query\n",
            json_array_size(json_object_get(result, "rows")));
    } else if (strcmp(limit, "values") == 0) {
        fprintf(stderr,
            "vedette: there is more: the result was cut off after %zu rows, where it had %d values, "
            "the most that a result has; narrow the query, or leave out columns\n",
            json_array_size(json_object_get(result, "rows")), VD_QUERY_RESULT_VALUES_MAX);
    } else {
        fprintf(stderr,
            "vedette: there is more: the result was cut off after %zu rows, where it had %d MiB of "
            "text, the most that a result has; narrow the query, or leave out columns\n",
            json_array_size(json_object_get(result, "rows")), VD_QUERY_RESULT_BYTES_MAX >> 20);
    }
    return true;
}

void vd_query_print_problem(const char *text, const json_t *error)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    const json_t *place = json_object_get(error, "place");
    const size_t all = text != NULL ? strlen(text) : 0;
    size_t from = (size_t)json_integer_value(json_object_get(place, "offset"));
    size_t length = (size_t)json_integer_value(json_object_get(place, "length"));
    size_t start;
    size_t end;

    fprintf(
        stderr, "vedette: %s\n", message != NULL ? message : "the service failed without a word");
    if (place == NULL || text == NULL) {
        return;
    }
    from = from > all ? all : from;
    for (start = from; start > 0 && text[start - 1] != '\n'; start--) {
    }
    end = from + strcspn(text + from, "\n");
    length = length > end - from ? end - from : length;
    fprintf(stderr, "  %.*s\n  ", (int)(end - start), text + start);
    for (size_t i = start; i < from + (length > 0 ? length : 1); i++) {
        /* Bytes behind the first of a character take no room. */
        if (i >= end || ((unsigned char)text[i] & 0xc0) != 0x80) {
            fputc(i < from ? (text[i] == '\t' ? '\t' : ' ') : '^', stderr);
        }
    }
    fputc('\n', stderr);
}
