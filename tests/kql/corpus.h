/* SPDX-License-Identifier: MIT */
/* The corpus of queries: its files, its data in DuckDB, and values in the form in which files have them. */

#ifndef VEDETTE_TESTS_KQL_CORPUS_H
#define VEDETTE_TESTS_KQL_CORPUS_H

#include <duckdb.h>

#include "center/arena.h"
#include "center/kql/kql.h"

/* What now() is: 2024-03-02T12:00:00Z. */
#define CORPUS_NOW_MS 1709380800000LL

/*
 * Files corpus/?.kqlt hold cases. Lines before the first "===" say what the file is about. A case:
 *
 *   === name               of letters, digits and hyphens; "=== name golden": its SQL is a file of golden/
 *   the query, any lines
 *   --- [sorted]           sorted: rows in this order, and the compiler knows it
 *   a:long<TAB>b:string    the columns
 *   1<TAB>text             the rows; see corpus_expected. An empty line ends them.
 *
 * or, for a query that is wrong, instead of columns and rows: "--- error LINE:COLUMN part of the text".
 */
struct corpus_case {
    struct vd_str name;
    struct vd_str query;
    struct vd_str columns; /* the line */
    const struct vd_str *rows;
    uint32_t row_count;
    bool is_golden;
    bool is_sorted;
    bool is_error;
    uint32_t line; /* of the error */
    uint32_t column;
    struct vd_str text;
};

struct corpus_file {
    struct vd_str name; /* without folder and ".kqlt" */
    const struct corpus_case *cases;
    uint32_t count;
};

/* A whole file; fails the test if there is none. */
struct vd_str corpus_read(const char *path, struct vd_arena *arena);
/* Takes the text of a file apart; fails the test with the line where it is not as said above. */
struct corpus_file corpus_parse(struct vd_str text, const char *name, struct vd_arena *arena);

/* Cuts what is before the next `separator` off `text`. False: `text` is used up. */
bool corpus_next(struct vd_str *text, char separator, struct vd_str *out);

/* A table for each that queries know, with the rows of data.tsv; then no access to anything else. */
void corpus_load(duckdb_connection connection, struct vd_arena *arena);

/*
 * The value of row and column as text: null (of all types but string, and JSON's), true, 12, 1.5 (ten digits), 2024-03-01T10:00:00Z (with
 * as many digits of the second as there are), 1.02:03:04.5000000; a string as it is with \t \n \\, empty as ""; dynamic as compact JSON
 * with sorted keys.
 */
void corpus_actual(duckdb_result *result, uint32_t column, uint64_t row, enum vd_kql_type type,
    struct vd_buf *out);
/* The value of a file in the same form: numbers and JSON may be written otherwise there. */
void corpus_expected(struct vd_str text, enum vd_kql_type type, struct vd_buf *out);

#endif
