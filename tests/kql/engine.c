/* SPDX-License-Identifier: MIT */
/* Compiles and runs. */

#include "tests/kql/engine.h"

#include <duckdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/kql/kql.h"
#include "center/store/duckdb_functions.h"

struct engine {
    duckdb_database database;
    duckdb_connection connection;
};

struct engine *engine_new(void)
{
    struct engine *engine = calloc(1, sizeof *engine);

    if (engine == NULL || duckdb_open(NULL, &engine->database) != DuckDBSuccess ||
        duckdb_connect(engine->database, &engine->connection) != DuckDBSuccess ||
        duckdb_query(engine->connection, "SET threads = 1", NULL) != DuckDBSuccess ||
        vd_duckdb_functions_register(engine->connection) != VD_OK) {
        abort();
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    duckdb_disconnect(&engine->connection);
    duckdb_close(&engine->database);
    free(engine);
}

/* ---- Values ---- */

static void *allocate(struct vd_arena *arena, size_t size)
{
    void *memory = vd_arena_alloc(arena, size > 0 ? size : 1);

    if (memory == NULL) {
        abort();
    }
    memset(memory, 0, size > 0 ? size : 1);
    return memory;
}

static struct vd_kql_value read_value(
    struct vd_arena *arena, enum vd_kql_type type, duckdb_type stored, void *data, idx_t row)
{
    struct vd_kql_value value = {.type = type};
    duckdb_string_t *text;

    switch (stored) {
    case DUCKDB_TYPE_BOOLEAN:
        value.integer = ((bool *)data)[row];
        break;
    case DUCKDB_TYPE_INTEGER:
        value.integer = ((int32_t *)data)[row];
        break;
    case DUCKDB_TYPE_BIGINT:
        value.integer = ((int64_t *)data)[row];
        break;
    case DUCKDB_TYPE_TIMESTAMP:
        value.integer = ((int64_t *)data)[row] * 10;
        break;
    case DUCKDB_TYPE_DOUBLE:
        value.real = ((double *)data)[row];
        break;
    default:
        text = (duckdb_string_t *)data + row;
        value.text =
            vd_arena_copy(arena, duckdb_string_t_data(text), duckdb_string_t_length(*text));
        if (type == VD_KQL_DYNAMIC && vd_str_equal_text(value.text, "null")) {
            value.is_null = true;
        }
    }
    return value;
}

static bool fits(enum vd_kql_type type, duckdb_type stored)
{
    static const duckdb_type wanted[VD_KQL_TYPE_COUNT] = {[VD_KQL_BOOL] = DUCKDB_TYPE_BOOLEAN,
        [VD_KQL_DATETIME] = DUCKDB_TYPE_TIMESTAMP,
        [VD_KQL_DYNAMIC] = DUCKDB_TYPE_VARCHAR,
        [VD_KQL_GUID] = DUCKDB_TYPE_VARCHAR,
        [VD_KQL_INT] = DUCKDB_TYPE_INTEGER,
        [VD_KQL_LONG] = DUCKDB_TYPE_BIGINT,
        [VD_KQL_REAL] = DUCKDB_TYPE_DOUBLE,
        [VD_KQL_STRING] = DUCKDB_TYPE_VARCHAR,
        [VD_KQL_TIMESPAN] = DUCKDB_TYPE_BIGINT};

    return wanted[type] == stored;
}

static void read_column(struct vd_arena *arena, struct eval_table *out, duckdb_vector vector,
    duckdb_type stored, uint32_t column, uint32_t from)
{
    void *data = duckdb_vector_get_data(vector);
    uint64_t *validity = duckdb_vector_get_validity(vector);

    for (uint32_t row = from; row < out->row_count; row++) {
        struct vd_kql_value *value = &out->rows[row][column];

        if (validity != NULL && !duckdb_validity_row_is_valid(validity, row - from)) {
            *value = (struct vd_kql_value){.type = out->columns[column].type, .is_null = true};
        } else {
            *value = read_value(arena, out->columns[column].type, stored, data, row - from);
        }
    }
}

static bool read_rows(
    struct vd_arena *arena, struct eval_table *out, duckdb_result *result, char problem[400])
{
    duckdb_data_chunk chunk;

    out->rows = allocate(arena, (duckdb_row_count(result) + 1) * sizeof(struct vd_kql_value *));
    for (uint32_t i = 0; i < out->column_count; i++) {
        if (!fits(out->columns[i].type, duckdb_column_type(result, i))) {
            snprintf(problem, 400, "column %u is %s, but DuckDB's type is %d", i,
                vd_kql_type_text(out->columns[i].type), (int)duckdb_column_type(result, i));
            return false;
        }
    }
    while ((chunk = duckdb_fetch_chunk(*result)) != NULL) {
        const uint32_t from = out->row_count;

        for (idx_t i = duckdb_data_chunk_get_size(chunk); i > 0; i--) {
            out->rows[out->row_count++] =
                allocate(arena, (out->column_count + 1) * sizeof(struct vd_kql_value));
        }
        for (uint32_t i = 0; i < out->column_count; i++) {
            read_column(arena, out, duckdb_data_chunk_get_vector(chunk, i),
                duckdb_column_type(result, i), i, from);
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    return true;
}

static bool run(struct engine *engine, const struct vd_kql_compiled *compiled,
    struct vd_arena *arena, struct eval_table *out, char problem[400])
{
    duckdb_result result;
    bool is_good = false;

    out->is_sorted = compiled->is_sorted;
    out->column_count = compiled->column_count;
    out->columns = allocate(arena, (out->column_count + 1) * sizeof *out->columns);
    for (uint32_t i = 0; i < out->column_count; i++) {
        out->columns[i] =
            (struct eval_column){vd_str_from(compiled->columns[i].name), compiled->columns[i].type};
    }
    if (duckdb_query(engine->connection, compiled->sql, &result) != DuckDBSuccess) {
        snprintf(problem, 400, "DuckDB: %s", duckdb_result_error(&result));
    } else {
        is_good = read_rows(arena, out, &result, problem);
    }
    duckdb_destroy_result(&result);
    return is_good;
}

bool engine_query(struct engine *engine, struct vd_str query, struct vd_arena *arena,
    struct eval_table *out, char problem[400])
{
    const struct vd_kql_options options = {.dialect = VD_KQL_DUCKDB, .now_ms = 1700000000000};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem place;

    *out = (struct eval_table){0};
    if (vd_kql_compile(query, &options, arena, &compiled, &place) != VD_OK) {
        snprintf(problem, 400, "%u:%u %.300s", place.line, place.column, place.text);
        return false;
    }
    return run(engine, &compiled, arena, out, problem);
}
