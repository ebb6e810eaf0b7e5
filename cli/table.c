/* SPDX-License-Identifier: MIT */
/* Aligned tables, safe text, JSON. */

#include "cli/table.h"

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

/* Replaces control characters (C0, DEL, C1 as UTF-8) in place: a device must not drive the operator's terminal. */
static void make_safe(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f) {
            *at = '?';
        } else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f) {
            at[0] = '?';
            at[1] = '?';
        }
    }
}

/* Characters of UTF-8: what is not a continuation byte. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return width;
}

void vd_table_add(struct vd_table *table, const char *text)
{
    char *copy;

    if (table->failed) {
        return;
    }
    if (table->cell_count == table->cell_capacity) {
        size_t capacity = table->cell_capacity == 0 ? 64 : table->cell_capacity * 2;
        char **cells = realloc(table->cells, capacity * sizeof *cells);

        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->cell_capacity = capacity;
    }
    copy = strdup(text != NULL ? text : "-");
    if (copy == NULL) {
        table->failed = true;
        return;
    }
    make_safe(copy);
    table->cells[table->cell_count++] = copy;
}

void vd_table_add_number(struct vd_table *table, long long number)
{
    char text[24];

    snprintf(text, sizeof text, "%lld", number);
    vd_table_add(table, text);
}

static void print_row(const struct vd_table *table, const char *const *cells,
    const size_t widths[VD_TABLE_COLUMNS_MAX], bool header)
{
    for (size_t i = 0; i < table->column_count; i++) {
        bool last = i + 1 == table->column_count;
        int pad = last ? 0 : (int)(widths[i] - width_of(cells[i])) + 2;
        bool coloured = i > 0 && i == table->coloured_column && !header;

        printf("%s%s%s%*s", coloured ? vd_colour(cells[i]) : "", cells[i],
            coloured ? vd_colour(NULL) : "", pad, "");
    }
    putchar('\n');
}

static void measure(const struct vd_table *table, bool header, size_t widths[VD_TABLE_COLUMNS_MAX])
{
    for (size_t i = 0; i < table->column_count; i++) {
        widths[i] = header ? width_of(table->columns[i]) : 0;
    }
    for (size_t i = 0; i < table->cell_count && table->column_count > 0; i++) {
        size_t column = i % table->column_count;
        size_t width = width_of(table->cells[i]);

        widths[column] = width > widths[column] ? width : widths[column];
    }
}

bool vd_table_print(struct vd_table *table, bool header)
{
    size_t widths[VD_TABLE_COLUMNS_MAX];
    bool good = !table->failed;

    if (good) {
        measure(table, header, widths);
        if (header) {
            print_row(table, table->columns, widths, true);
        }
        for (size_t i = 0; i + table->column_count <= table->cell_count &&
             (table->is_unwanted == NULL || !atomic_load(table->is_unwanted));
             i += table->column_count) {
            print_row(table, (const char *const *)table->cells + i, widths, false);
        }
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        free(table->cells[i]);
    }
    free(table->cells);
    table->cells = NULL;
    table->cell_count = 0;
    table->cell_capacity = 0;
    return good;
}

void vd_print_safe(const char *text)
{
    char *copy = strdup(text);

    if (copy != NULL) {
        make_safe(copy);
        fputs(copy, stdout);
        free(copy);
    }
}

const char *vd_plural(long long number)
{
    return number == 1 ? "" : "s";
}

void vd_print_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
    putchar('\n');
}

bool vd_wants_colour(void)
{
    const char *no = getenv("NO_COLOR");

    return isatty(STDOUT_FILENO) == 1 && (no == NULL || no[0] == '\0');
}

const char *vd_colour(const char *severity)
{
    if (!vd_wants_colour()) {
        return "";
    }
    if (severity == NULL) {
        return "\033[0m";
    }
    if (strcmp(severity, "High") == 0) {
        return "\033[1;31m";
    }
    if (strcmp(severity, "Medium") == 0) {
        return "\033[1;33m";
    }
    return "\033[36m";
}
