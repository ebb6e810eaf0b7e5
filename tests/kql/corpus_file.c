/* SPDX-License-Identifier: MIT */
/* Files of the corpus, and its data in DuckDB. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/kql/tables.h"
#include "tests/kql/corpus.h"

#define FILE_MAX  (1u << 20)
#define CASES_MAX 400
#define ROWS_MAX  100

struct vd_str corpus_read(const char *path, struct vd_arena *arena)
{
    FILE *file = fopen(path, "rb");
    char *data = vd_arena_alloc(arena, FILE_MAX);
    size_t length;

    if (file == NULL) {
        fail_msg("cannot read %s", path);
    }
    assert_non_null(data);
    length = fread(data, 1, FILE_MAX, file);
    assert_true(length < FILE_MAX);
    fclose(file);
    return (struct vd_str){data, length};
}

bool corpus_next(struct vd_str *text, char separator, struct vd_str *out)
{
    const char *end;

    if (text->data == NULL) {
        return false;
    }
    end = memchr(text->data, separator, text->length);
    if (end == NULL) {
        *out = *text;
        *text = (struct vd_str){NULL, 0};
        return true;
    }
    *out = (struct vd_str){text->data, (size_t)(end - text->data)};
    *text = (struct vd_str){end + 1, text->length - out->length - 1};
    return true;
}

/* Cuts `prefix` off `text` if it begins so. */
static bool cut(struct vd_str *text, const char *prefix)
{
    const size_t length = strlen(prefix);

    if (text->length < length || memcmp(text->data, prefix, length) != 0) {
        return false;
    }
    text->data += length;
    text->length -= length;
    return true;
}

static uint32_t cut_number(struct vd_str *text)
{
    uint32_t value = 0;

    while (text->length > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        value = value * 10 + (uint32_t)(text->data[0] - '0');
        text->data++;
        text->length--;
    }
    return value;
}

struct reading {
    struct vd_str rest;
    const char *name;
    uint32_t line;
    struct vd_arena *arena;
};

static bool next_line(struct reading *r, struct vd_str *line)
{
    r->line++;
    return corpus_next(&r->rest, '\n', line);
}

/* The line that begins with "---". */
static void read_expectation(struct reading *r, struct vd_str line, struct corpus_case *out)
{
    if (cut(&line, " error ")) {
        out->is_error = true;
        out->line = cut_number(&line);
        if (!cut(&line, ":") || (out->column = cut_number(&line)) == 0) {
            fail_msg("%s:%u: error LINE:COLUMN text", r->name, r->line);
        }
        (void)cut(&line, " ");
        out->text = line;
    } else if (cut(&line, " sorted")) {
        out->is_sorted = true;
    } else if (line.length > 0) {
        fail_msg("%s:%u: what is \"%.*s\"?", r->name, r->line, VD_STR_ARG(line));
    }
}

static void read_rows(struct reading *r, struct corpus_case *out)
{
    struct vd_str *rows = vd_arena_alloc(r->arena, ROWS_MAX * sizeof *rows);
    struct vd_str line;

    assert_non_null(rows);
    if (!next_line(r, &out->columns) || out->columns.length == 0) {
        fail_msg("%s:%u: no columns", r->name, r->line);
    }
    while (next_line(r, &line) && line.length > 0) {
        assert_true(out->row_count < ROWS_MAX);
        rows[out->row_count++] = line;
    }
    out->rows = rows;
}

/* From behind "=== ". */
static void read_case(struct reading *r, struct vd_str heading, struct corpus_case *out)
{
    const char *begin = r->rest.data;
    struct vd_str line = {0};

    (void)corpus_next(&heading, ' ', &out->name);
    out->is_golden = vd_str_equal_text(heading, "golden");
    if (heading.length > 0 && !out->is_golden) {
        fail_msg("%s:%u: a name has no spaces", r->name, r->line);
    }
    for (;;) {
        if (!next_line(r, &line) || (line.length >= 3 && memcmp(line.data, "===", 3) == 0)) {
            fail_msg("%s:%u: %.*s has no \"---\"", r->name, r->line, VD_STR_ARG(out->name));
        }
        if (cut(&line, "---")) {
            break;
        }
        out->query = (struct vd_str){begin, (size_t)(line.data + line.length - begin)};
    }
    read_expectation(r, line, out);
    if (!out->is_error) {
        read_rows(r, out);
    }
}

struct corpus_file corpus_parse(struct vd_str text, const char *name, struct vd_arena *arena)
{
    struct reading r = {text, name, 0, arena};
    struct corpus_case *cases = vd_arena_alloc(arena, CASES_MAX * sizeof *cases);
    struct corpus_file file = {vd_str_from(name), cases, 0};
    struct vd_str line;

    assert_non_null(cases);
    while (next_line(&r, &line)) {
        if (cut(&line, "=== ")) {
            assert_true(file.count < CASES_MAX);
            cases[file.count] = (struct corpus_case){0};
            read_case(&r, line, &cases[file.count]);
            for (uint32_t i = 0; i < file.count; i++) {
                if (vd_str_equal(cases[i].name, cases[file.count].name)) {
                    fail_msg("%s: two cases are called %.*s", name, VD_STR_ARG(cases[i].name));
                }
            }
            file.count++;
        } else if (file.count > 0 && line.length > 0) {
            fail_msg("%s:%u: between cases: %.*s", name, r.line, VD_STR_ARG(line));
        }
    }
    return file;
}

/* ---- Data ---- */

static void run(duckdb_connection connection, const char *sql)
{
    duckdb_result result;

    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        fail_msg("%s: %s", sql, duckdb_result_error(&result));
    }
    duckdb_destroy_result(&result);
}

static const char *type_in_sql(enum vd_kql_type type)
{
    switch (type) {
    case VD_KQL_BOOL:
        return "BOOLEAN";
    case VD_KQL_DATETIME:
        return "TIMESTAMP";
    case VD_KQL_LONG:
        return "BIGINT";
    case VD_KQL_REAL:
        return "DOUBLE";
    case VD_KQL_DYNAMIC:
        return "VARCHAR";
    default:
        return "VARCHAR NOT NULL DEFAULT ''";
    }
}

static void make_table(
    duckdb_connection connection, const struct vd_kql_table *table, struct vd_buf *sql)
{
    vd_buf_clear(sql);
    vd_buf_printf(sql, "CREATE TABLE %s(", table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        vd_buf_printf(sql, "%s\"%s\" %s", i > 0 ? "," : "", table->columns[i].name,
            type_in_sql(table->columns[i].type));
    }
    /* The store has members of JSON in columns of their own. */
    for (uint32_t i = 0; i < table->member_count; i++) {
        vd_buf_printf(
            sql, ",\"%s\" %s", table->members[i].view_column, type_in_sql(table->members[i].type));
    }
    vd_buf_append(sql, ")", 2);
    run(connection, (const char *)sql->data);
}

static void fill_members(
    duckdb_connection connection, const struct vd_kql_table *table, struct vd_buf *sql)
{
    for (uint32_t i = 0; i < table->member_count; i++) {
        const struct vd_kql_table_member *member = &table->members[i];
        const bool is_text = member->type == VD_KQL_STRING;

        vd_buf_clear(sql);
        vd_buf_printf(sql,
            "UPDATE %s SET \"%s\" = %sjson_extract_string(\"%s\", '$.%s')%s"
            " WHERE json_valid(\"%s\")",
            table->name, member->view_column, is_text ? "coalesce(" : "", member->column,
            member->member, is_text ? ", '')" : "", member->column);
        vd_buf_append(sql, "", 1);
        run(connection, (const char *)sql->data);
    }
}

/* \n and \t in data stand for themselves. */
static void append_literal(struct vd_str value, struct vd_buf *sql)
{
    vd_buf_append_text(sql, "'");
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] == '\'') {
            vd_buf_append_text(sql, "''");
        } else {
            vd_buf_append(sql, &value.data[i], 1);
        }
    }
    vd_buf_append_text(sql, "'");
}

static void insert_row(duckdb_connection connection, struct vd_str table, struct vd_str columns,
    struct vd_str row, struct vd_buf *sql)
{
    struct vd_str cell;
    uint32_t count = 0;

    vd_buf_clear(sql);
    vd_buf_printf(sql, "INSERT INTO %.*s(", VD_STR_ARG(table));
    while (corpus_next(&columns, '\t', &cell)) {
        vd_buf_printf(sql, "%s\"%.*s\"", count++ > 0 ? "," : "", VD_STR_ARG(cell));
    }
    vd_buf_append_text(sql, ",Type) VALUES (");
    while (corpus_next(&row, '\t', &cell)) {
        if (vd_str_equal_text(cell, "null")) {
            vd_buf_append_text(sql, "NULL");
        } else {
            append_literal(cell, sql);
        }
        vd_buf_append_text(sql, ",");
    }
    append_literal(table, sql);
    vd_buf_append(sql, ")", 2);
    run(connection, (const char *)sql->data);
}

/* A table that looks rows up, as the store has it: what a query gives it may only leave rows out that it does not want. */
static void make_lookups(
    duckdb_connection connection, const struct vd_kql_table *table, struct vd_buf *sql)
{
    vd_buf_clear(sql);
    vd_buf_printf(sql, "CREATE MACRO %s(since := NULL, until := NULL", table->name);
    for (uint32_t i = 0; i < table->lookup_count; i++) {
        vd_buf_printf(sql, ", \"%s\" := NULL", table->lookups[i]);
    }
    vd_buf_printf(sql,
        ") AS TABLE SELECT * FROM %s AS t WHERE (since IS NULL OR t.%s >= since)"
        " AND (until IS NULL OR t.%s <= until)",
        table->name, table->time_column, table->time_column);
    for (uint32_t i = 0; i < table->lookup_count; i++) {
        vd_buf_printf(sql, " AND (\"%s\" IS NULL OR t.\"%s\" = \"%s\")", table->lookups[i],
            table->lookups[i], table->lookups[i]);
    }
    vd_buf_append(sql, "", 1);
    run(connection, (const char *)sql->data);
}

void corpus_load(duckdb_connection connection, struct vd_arena *arena)
{
    struct vd_str text = corpus_read(VD_SOURCE_DIR "/tests/kql/corpus/data.tsv", arena);
    struct vd_str table = {0};
    struct vd_str columns = {0};
    struct vd_str line;
    struct vd_buf sql = {0};
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);

    for (uint32_t i = 0; i < count; i++) {
        make_table(connection, &tables[i], &sql);
        if (tables[i].lookup_count > 0) {
            make_lookups(connection, &tables[i], &sql);
        }
    }
    while (corpus_next(&text, '\n', &line)) {
        if (cut(&line, "=== ")) {
            table = line;
            assert_true(corpus_next(&text, '\n', &columns));
        } else if (table.length > 0 && line.length > 0) {
            insert_row(connection, table, columns, line, &sql);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        fill_members(connection, &tables[i], &sql);
    }
    vd_buf_release(&sql);
    run(connection, "SET enable_external_access = false");
    run(connection, "SET lock_configuration = true");
}
