/* SPDX-License-Identifier: MIT */
/* Tables on the terminal, and JSON for programs. */

#ifndef VEDETTE_CLI_TABLE_H
#define VEDETTE_CLI_TABLE_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define VD_TABLE_COLUMNS_MAX 128

/* Rows of text; the columns are as wide as their widest cell. Zero-initialised but for the columns. */
struct vd_table {
    const char *const *columns;
    size_t column_count; /* at most VD_TABLE_COLUMNS_MAX */
    char **cells;        /* row by row */
    size_t cell_count;
    size_t cell_capacity;
    size_t coloured_column;         /* holds a severity; 0: none */
    bool failed;                    /* memory ran out */
    const atomic_bool *is_unwanted; /* printing ends once it is true; NULL: it is not asked */
};

/* Appends a cell; copied, with control characters made harmless. NULL is shown as "-". */
void vd_table_add(struct vd_table *table, const char *text);
void vd_table_add_number(struct vd_table *table, long long number);

/* Prints the table and releases it; `header`: with the names of the columns. False if memory had run out. */
bool vd_table_print(struct vd_table *table, bool header);

/* Prints the text with control characters made harmless: it may come from a device. */
void vd_print_safe(const char *text);

/* "s" behind the word of a number, "" of one. */
const char *vd_plural(long long number);

/* Prints JSON for programs, one line feed behind. */
void vd_print_json(const json_t *json);

/* True if colours are wanted on stdout: a terminal, and no NO_COLOR. */
bool vd_wants_colour(void);

/* Starts the colour of a severity (High, Medium ...), or ends it with NULL; nothing where colours are not wanted. */
const char *vd_colour(const char *severity);

#endif
