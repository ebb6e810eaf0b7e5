/* SPDX-License-Identifier: MIT */
/* Table functions of DuckDB over center.db: the columns that a query needs, slice by slice, by several threads. */

#include "center/store/duckdb_center.h"

#include <stdatomic.h>

#include "center/store/duckdb_center_internal.h"
#include "lib/json_text.h"
#include "lib/sqlite.h"
#include "lib/url.h"

/* Numbers that one call reads: a vector's rows. */
#define SLICE 2048
/* Parameters of SQL; 3 and 4 are the columns'. */
#define FIRST_LOOKUP 7

/* What a function is registered with. */
struct registered {
    const struct vd_center_source *source;
    const struct vd_duckdb *store;
};

/* ---- Binding: the columns, and the bounds that were given ---- */

struct bounds {
    int64_t since_ms;
    int64_t until_ms;                   /* inclusive */
    char *equal[VD_CENTER_LOOKUPS_MAX]; /* DuckDB's; NULL: any */
};

static void bounds_free(void *of)
{
    struct bounds *bounds = of;

    for (size_t i = 0; i < VD_CENTER_LOOKUPS_MAX; i++) {
        duckdb_free(bounds->equal[i]);
    }
    free(bounds);
}

static void bind_columns(duckdb_bind_info info, const struct vd_center_source *source)
{
    static const duckdb_type types[] = {[VD_CENTER_TEXT] = DUCKDB_TYPE_VARCHAR,
        [VD_CENTER_TIME] = DUCKDB_TYPE_TIMESTAMP,
        [VD_CENTER_REAL] = DUCKDB_TYPE_DOUBLE,
        [VD_CENTER_BOOL] = DUCKDB_TYPE_BOOLEAN};

    for (size_t i = 0; i < source->column_count; i++) {
        duckdb_logical_type type = duckdb_create_logical_type(types[source->columns[i].kind]);

        duckdb_bind_add_result_column(info, source->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
}

/* Rounded down to ms; `otherwise` where there is none, or NULL, which no row is compared with anyway. */
static int64_t bind_time(duckdb_bind_info info, const char *name, int64_t otherwise)
{
    duckdb_value value = duckdb_bind_get_named_parameter(info, name);
    int64_t ms = otherwise;

    if (value != NULL && !duckdb_is_null_value(value)) {
        const int64_t us = duckdb_get_timestamp(value).micros;

        ms = us / 1000 - (us % 1000 < 0 ? 1 : 0);
    }
    duckdb_destroy_value(&value);
    return ms;
}

/* A text that a row is asked for as it is stored: not one that stands for a repaired one, and not the hub, which stands for
 * alerts of no device. */
static char *bind_text(duckdb_bind_info info, const struct registered *registered,
    const struct vd_center_lookup *lookup)
{
    duckdb_value value = duckdb_bind_get_named_parameter(info, lookup->name);
    char *text = value != NULL && !duckdb_is_null_value(value) ? duckdb_get_varchar(value) : NULL;

    duckdb_destroy_value(&value);
    if (text != NULL &&
        (strstr(text, "\xef\xbf\xbd") != NULL || strcmp(text, registered->store->hub) == 0)) {
        duckdb_free(text);
        text = NULL;
    }
    return text;
}

static void bind(duckdb_bind_info info)
{
    const struct registered *registered = duckdb_bind_get_extra_info(info);
    const struct vd_center_source *source = registered->source;
    struct bounds *bounds = calloc(1, sizeof *bounds);

    if (bounds == NULL) {
        duckdb_bind_set_error(info, vd_error_text(VD_E_NOMEM));
        return;
    }
    bind_columns(info, source);
    bounds->since_ms = INT64_MIN;
    bounds->until_ms = INT64_MAX;
    if (source->time != NULL) {
        bounds->since_ms = bind_time(info, "since", INT64_MIN);
        bounds->until_ms = bind_time(info, "until", INT64_MAX);
    }
    for (size_t i = 0; i < source->lookup_count; i++) {
        bounds->equal[i] = bind_text(info, registered, &source->lookups[i]);
    }
    duckdb_bind_set_bind_data(info, bounds, bounds_free);
}

/* ---- A scan: the numbers there are now ---- */

struct scan {
    int64_t last;
    _Atomic int64_t next; /* the first number of the slice that is taken next */
};

/* The lookup that meets fewest rows; NULL: none was given that meets few. */
static const struct vd_center_lookup *best_lookup(
    const struct vd_center_source *source, const struct bounds *bounds, size_t *number)
{
    for (size_t i = 0; i < source->lookup_count; i++) {
        if (bounds->equal[i] != NULL && source->lookups[i].is_selective) {
            *number = i;
            return &source->lookups[i];
        }
    }
    return NULL;
}

/*
 * The least and the largest number that the rows can have; NULL: there are none. Later alerts mostly have larger numbers, but
 * a clock may have been set back: so they are looked for in the index of times, as far as it is between the bounds.
 */
static void append_range(
    struct vd_buf *sql, const struct vd_center_source *source, const struct bounds *bounds)
{
    size_t i;
    const struct vd_center_lookup *lookup = best_lookup(source, bounds, &i);

    if (lookup != NULL) {
        vd_buf_printf(sql, "SELECT min(rowid), max(rowid) FROM %s WHERE %s = ?%zu", source->table,
            lookup->column, FIRST_LOOKUP + i);
    } else if (bounds->since_ms != INT64_MIN || bounds->until_ms != INT64_MAX) {
        vd_buf_printf(sql, "SELECT min(rowid), max(rowid) FROM %s WHERE %s BETWEEN ?5 AND ?6",
            source->table, source->time);
    } else {
        /* Each by itself, or SQLite reads all rows. */
        vd_buf_printf(sql, "SELECT (SELECT min(rowid) FROM %s), (SELECT max(rowid) FROM %s)",
            source->table, source->table);
    }
}

/* No harm where the statement does not name them. The bounds outlive it. */
static void bind_parameters(
    sqlite3_stmt *statement, const struct registered *registered, const struct bounds *bounds)
{
    sqlite3_bind_text(statement, 3, registered->store->resource_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, registered->store->hub, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, bounds->since_ms);
    sqlite3_bind_int64(statement, 6, bounds->until_ms);
    for (size_t i = 0; i < registered->source->lookup_count; i++) {
        if (bounds->equal[i] != NULL) {
            sqlite3_bind_text(
                statement, FIRST_LOOKUP + (int)i, bounds->equal[i], -1, SQLITE_STATIC);
        }
    }
}

/* Nothing is changed where there are none. */
static int read_range(
    const struct registered *registered, const struct bounds *bounds, int64_t *first, int64_t *last)
{
    struct vd_buf sql = {0};
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int code = SQLITE_NOMEM;
    const int error = vd_center_open(registered->store, &db);

    if (error != VD_OK) {
        return error;
    }
    append_range(&sql, registered->source, bounds);
    if (sql.error == VD_OK) {
        code = sqlite3_prepare_v2(db, (const char *)sql.data, (int)sql.length, &statement, NULL);
    }
    if (code == SQLITE_OK) {
        bind_parameters(statement, registered, bounds);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW && sqlite3_column_type(statement, 0) != SQLITE_NULL &&
        sqlite3_column_type(statement, 1) != SQLITE_NULL) {
        *first = sqlite3_column_int64(statement, 0);
        *last = sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    vd_buf_release(&sql);
    return vd_sqlite_error(code);
}

static void init(duckdb_init_info info)
{
    const struct registered *registered = duckdb_init_get_extra_info(info);
    const struct bounds *bounds = duckdb_init_get_bind_data(info);
    struct scan *scan = calloc(1, sizeof *scan);
    int64_t first = 1;
    int64_t last = 0;
    int error = scan != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && registered->store->center_path != NULL) {
        error = read_range(registered, bounds, &first, &last);
    }
    if (error != VD_OK) {
        duckdb_init_set_error(info, vd_error_text(error));
        free(scan);
        return;
    }
    scan->last = last;
    atomic_init(&scan->next, first);
    duckdb_init_set_init_data(info, scan, free);
    duckdb_init_set_max_threads(info, last >= first ? (idx_t)((last - first) / SLICE + 1) : 1);
}

/* ---- A thread of a scan ---- */

struct reader {
    const struct vd_center_source *source;
    sqlite3 *db; /* NULL: there is no file */
    sqlite3_stmt *statement;
    size_t count;
    size_t columns[VD_CENTER_COLUMNS_MAX]; /* those that the query needs; SIZE_MAX: it needs a row,
                                               whatever is in it */
};

static void reader_free(void *of)
{
    struct reader *reader = of;

    sqlite3_finalize(reader->statement);
    sqlite3_close(reader->db);
    free(reader);
}

/* Whether the narrow index has all that is needed, and no other finds the rows better. */
static bool reads_narrow(const struct reader *reader, const struct bounds *bounds)
{
    const struct vd_center_source *source = reader->source;
    bool is_narrow = source->narrow != NULL;
    size_t lookup;

    for (size_t i = 0; i < reader->count; i++) {
        is_narrow = is_narrow &&
            (reader->columns[i] == SIZE_MAX || source->columns[reader->columns[i]].is_narrow);
    }
    return is_narrow && best_lookup(source, bounds, &lookup) == NULL;
}

/* ?1, ?2: from this number to before that one. A + keeps SQLite from going by the index of what stands behind it. */
static void append_condition(
    struct vd_buf *sql, const struct vd_center_source *source, const struct bounds *bounds)
{
    const char *mark = "";

    vd_buf_printf(sql, " WHERE %s >= ?1 AND %s < ?2", source->number, source->number);
    if (bounds->since_ms != INT64_MIN) {
        vd_buf_printf(sql, " AND +%s >= ?5", source->time);
    }
    if (bounds->until_ms != INT64_MAX) {
        vd_buf_printf(sql, " AND +%s <= ?6", source->time);
    }
    for (size_t i = 0; i < source->lookup_count; i++) {
        if (bounds->equal[i] != NULL) {
            vd_buf_printf(
                sql, " AND %s%s = ?%zu", mark, source->lookups[i].column, FIRST_LOOKUP + i);
            mark = "+";
        }
    }
    vd_buf_printf(sql, " ORDER BY %s", source->number);
}

static int prepare_reader(
    struct reader *reader, const struct registered *registered, const struct bounds *bounds)
{
    const struct vd_center_source *source = reader->source;
    struct vd_buf sql = {0};
    int error;

    vd_buf_append_text(&sql, "SELECT 0");
    for (size_t i = 0; i < reader->count; i++) {
        vd_buf_printf(&sql, ", %s",
            reader->columns[i] != SIZE_MAX ? source->columns[reader->columns[i]].sql : "0");
    }
    vd_buf_printf(&sql, " FROM %s", reads_narrow(reader, bounds) ? source->narrow : source->from);
    append_condition(&sql, source, bounds);
    error = sql.error != VD_OK ? VD_E_NOMEM : vd_center_open(registered->store, &reader->db);
    if (error == VD_OK) {
        error = vd_sqlite_error(sqlite3_prepare_v2(
            reader->db, (const char *)sql.data, (int)sql.length, &reader->statement, NULL));
    }
    if (error == VD_OK) {
        bind_parameters(reader->statement, registered, bounds);
    }
    vd_buf_release(&sql);
    return error;
}

static void init_reader(duckdb_init_info info)
{
    const struct registered *registered = duckdb_init_get_extra_info(info);
    const idx_t count = duckdb_init_get_column_count(info);
    struct reader *reader = calloc(1, sizeof *reader);
    int error = reader != NULL && count <= VD_CENTER_COLUMNS_MAX ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK) {
        reader->source = registered->source;
        reader->count = count;
        for (idx_t i = 0; i < count; i++) {
            const idx_t column = duckdb_init_get_column_index(info, i);

            reader->columns[i] = column < registered->source->column_count ? column : SIZE_MAX;
        }
        if (registered->store->center_path != NULL) {
            error = prepare_reader(reader, registered, duckdb_init_get_bind_data(info));
        }
    }
    if (error != VD_OK) {
        duckdb_init_set_error(info, vd_error_text(error));
        if (reader != NULL) {
            reader_free(reader);
        }
        return;
    }
    duckdb_init_set_init_data(info, reader, reader_free);
}

/* What is no text in UTF-8 is repaired, as all readers of alerts do. */
static void set_text(duckdb_vector vector, idx_t row, struct vd_str text)
{
    json_t *json = NULL;

    if (!vd_utf8_is_valid(text)) {
        json = vd_json_text(text);
        text = (struct vd_str){json_string_value(json), json_string_length(json)};
    }
    duckdb_vector_assign_string_element_len(
        vector, row, text.data != NULL ? text.data : "", text.length);
    json_decref(json);
}

static void set_value(
    duckdb_vector vector, enum vd_center_kind kind, idx_t row, sqlite3_stmt *s, int column)
{
    void *data = duckdb_vector_get_data(vector);

    if (kind == VD_CENTER_TEXT) {
        const char *text = (const char *)sqlite3_column_text(s, column);

        set_text(vector, row,
            (struct vd_str){text != NULL ? text : "", (size_t)sqlite3_column_bytes(s, column)});
    } else if (sqlite3_column_type(s, column) == SQLITE_NULL) {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    } else if (kind == VD_CENTER_TIME) {
        ((int64_t *)data)[row] = sqlite3_column_int64(s, column) * 1000;
    } else if (kind == VD_CENTER_REAL) {
        ((double *)data)[row] = sqlite3_column_double(s, column);
    } else {
        ((bool *)data)[row] = sqlite3_column_int(s, column) != 0;
    }
}

/* The rows of a slice. */
static int read_slice(struct reader *reader, int64_t from, duckdb_data_chunk output, idx_t *rows)
{
    sqlite3_stmt *s = reader->statement;
    int code;

    sqlite3_bind_int64(s, 1, from);
    sqlite3_bind_int64(s, 2, from + SLICE);
    for (*rows = 0; (code = sqlite3_step(s)) == SQLITE_ROW; ++*rows) {
        for (size_t i = 0; i < reader->count; i++) {
            if (reader->columns[i] != SIZE_MAX) {
                set_value(duckdb_data_chunk_get_vector(output, i),
                    reader->source->columns[reader->columns[i]].kind, *rows, s, (int)i + 1);
            }
        }
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

static void read_rows(duckdb_function_info info, duckdb_data_chunk output)
{
    struct scan *scan = duckdb_function_get_init_data(info);
    struct reader *reader = duckdb_function_get_local_init_data(info);
    idx_t rows = 0;

    while (rows == 0 && reader->db != NULL) {
        const int64_t from = atomic_fetch_add(&scan->next, SLICE);
        int error;

        if (from > scan->last) {
            break;
        }
        error = read_slice(reader, from, output, &rows);
        if (error != VD_OK) {
            duckdb_function_set_error(info, vd_error_text(error));
            return;
        }
    }
    duckdb_data_chunk_set_size(output, rows);
}

/* ---- Registering ---- */

static void add_parameter(duckdb_table_function function, const char *name, duckdb_type id)
{
    duckdb_logical_type type = duckdb_create_logical_type(id);

    duckdb_table_function_add_named_parameter(function, name, type);
    duckdb_destroy_logical_type(&type);
}

static void add_parameters(duckdb_table_function function, const struct vd_center_source *source)
{
    if (source->time != NULL) {
        add_parameter(function, "since", DUCKDB_TYPE_TIMESTAMP);
        add_parameter(function, "until", DUCKDB_TYPE_TIMESTAMP);
    }
    for (size_t i = 0; i < source->lookup_count; i++) {
        add_parameter(function, source->lookups[i].name, DUCKDB_TYPE_VARCHAR);
    }
}

int vd_duckdb_center_register(struct vd_duckdb *store)
{
    int error = duckdb_vector_size() >= SLICE ? VD_OK : VD_E_UNSUPPORTED;

    for (size_t i = 0; error == VD_OK && i < VD_CENTER_SOURCES; i++) {
        duckdb_table_function function = duckdb_create_table_function();
        struct registered *registered = calloc(1, sizeof *registered);

        if (registered == NULL) {
            duckdb_destroy_table_function(&function);
            return VD_E_NOMEM;
        }
        *registered = (struct registered){&vd_center_sources[i], store};
        duckdb_table_function_set_name(function, vd_center_sources[i].name);
        duckdb_table_function_set_extra_info(function, registered, free);
        add_parameters(function, &vd_center_sources[i]);
        duckdb_table_function_set_bind(function, bind);
        duckdb_table_function_set_init(function, init);
        duckdb_table_function_set_local_init(function, init_reader);
        duckdb_table_function_set_function(function, read_rows);
        duckdb_table_function_supports_projection_pushdown(function, true);
        if (duckdb_register_table_function(store->writer, function) != DuckDBSuccess) {
            error = VD_E_INVALID;
        }
        duckdb_destroy_table_function(&function);
    }
    return error;
}

int vd_duckdb_center_views_make(struct vd_duckdb *store, char *text, size_t text_size)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < VD_CENTER_SOURCES; i++) {
        char sql[160];

        snprintf(sql, sizeof sql, "CREATE VIEW memory.main.%s AS SELECT * FROM %s()",
            vd_center_sources[i].name, vd_center_sources[i].name);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    return error;
}
