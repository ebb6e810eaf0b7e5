/* SPDX-License-Identifier: MIT */
/* The whole compiler, for both dialects: an error with its place, or a statement, which DuckDB prepares with as many columns. */

#include <assert.h>
#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/kql/kql.h"
#include "center/kql/tables.h"
#include "center/store/duckdb_functions.h"
#include "fuzz/replay.h"

static duckdb_connection connection;

static const char *sql_type(enum vd_kql_type type)
{
    static const char *const names[VD_KQL_TYPE_COUNT] = {[VD_KQL_BOOL] = "BOOLEAN",
        [VD_KQL_DATETIME] = "TIMESTAMP",
        [VD_KQL_DYNAMIC] = "VARCHAR",
        [VD_KQL_GUID] = "VARCHAR",
        [VD_KQL_INT] = "INTEGER",
        [VD_KQL_LONG] = "BIGINT",
        [VD_KQL_REAL] = "DOUBLE",
        [VD_KQL_STRING] = "VARCHAR",
        [VD_KQL_TIMESPAN] = "BIGINT"};

    return names[type];
}

static void make_table(const struct vd_kql_table *table)
{
    struct vd_buf sql = {0};

    vd_buf_printf(&sql, "CREATE TABLE %s(", table->name);
    for (uint32_t i = 0; i < table->column_count; i++) {
        vd_buf_printf(&sql, "%s\"%s\" %s", i > 0 ? ", " : "", table->columns[i].name,
            sql_type(table->columns[i].type));
    }
    for (uint32_t i = 0; i < table->member_count; i++) {
        vd_buf_printf(
            &sql, ", \"%s\" %s", table->members[i].view_column, sql_type(table->members[i].type));
    }
    vd_buf_append(&sql, ")", 2);
    assert(duckdb_query(connection, (const char *)sql.data, NULL) == DuckDBSuccess);
    vd_buf_release(&sql);
}

/* Named arguments, as the store's table has them. */
static void make_lookups(const struct vd_kql_table *table)
{
    struct vd_buf sql = {0};

    vd_buf_printf(&sql, "CREATE MACRO %s(since := NULL, until := NULL", table->name);
    for (uint32_t i = 0; i < table->lookup_count; i++) {
        vd_buf_printf(&sql, ", \"%s\" := NULL", table->lookups[i]);
    }
    vd_buf_printf(&sql, ") AS TABLE SELECT * FROM %s", table->name);
    vd_buf_append(&sql, "", 1);
    assert(duckdb_query(connection, (const char *)sql.data, NULL) == DuckDBSuccess);
    vd_buf_release(&sql);
}

/* One instance with all tables, empty, for as long as the process lives. */
static void connect(void)
{
    static duckdb_database database;
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);

    if (database != NULL) {
        return;
    }
    assert(duckdb_open(NULL, &database) == DuckDBSuccess);
    assert(duckdb_connect(database, &connection) == DuckDBSuccess);
    assert(duckdb_query(connection, "SET threads = 1", NULL) == DuckDBSuccess);
    assert(vd_duckdb_functions_register(connection) == VD_OK);
    for (uint32_t i = 0; i < count; i++) {
        make_table(&tables[i]);
        if (tables[i].lookup_count > 0) {
            make_lookups(&tables[i]);
        }
    }
}

static void check_prepares(const struct vd_kql_compiled *compiled)
{
    duckdb_prepared_statement statement = NULL;

    if (duckdb_prepare(connection, compiled->sql, &statement) != DuckDBSuccess) {
        fprintf(stderr, "%s\n%s\n", compiled->sql, duckdb_prepare_error(statement));
        abort();
    }
    assert(duckdb_prepared_statement_type(statement) == DUCKDB_STATEMENT_TYPE_SELECT);
    assert(duckdb_nparams(statement) == 0);
    duckdb_destroy_prepare(&statement);
}

static void compile(struct vd_str query, enum vd_kql_dialect dialect)
{
    const struct vd_kql_options options = {
        .dialect = dialect, .now_ms = 1700000000000, .lacks_values = true};
    struct vd_arena arena = {0};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem problem;
    const int error = vd_kql_compile(query, &options, &arena, &compiled, &problem);

    if (error == VD_OK) {
        for (uint32_t i = 0; i < compiled.column_count; i++) {
            assert(compiled.columns[i].type < VD_KQL_TYPE_COUNT);
        }
        if (dialect == VD_KQL_DUCKDB) {
            check_prepares(&compiled);
        }
    } else {
        assert(error == VD_E_INVALID || error == VD_E_LIMIT || error == VD_E_UNSUPPORTED);
        assert(problem.text[0] != '\0' && problem.line > 0 && problem.column > 0);
        assert(problem.offset <= query.length);
    }
    vd_arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct vd_str query = {(const char *)data, size};

    connect();
    for (enum vd_kql_dialect dialect = 0; dialect < VD_KQL_DIALECT_COUNT; dialect++) {
        compile(query, dialect);
    }
    return 0;
}
