/* SPDX-License-Identifier: MIT */
/* Table functions of DuckDB over center.db: the columns that a query needs, slice by slice, by several threads. */

#include "center/store/duckdb_center.h"

#include <sqlite3.h>
#include <stdatomic.h>

#include "center/detect/attack.h"
#include "center/recommend/recommend.h"
#include "lib/json_text.h"
#include "lib/sqlite.h"
#include "lib/url.h"

/* Numbers that one call reads: a vector's rows. */
#define SLICE           2048
#define BUSY_TIMEOUT_MS 5000
#define COLUMNS_MAX     32
/* What SQL of columns may name. */
#define RESOURCE_ID "?3"
#define HUB_NAME    "?4"

enum kind {
    TEXT,
    TIME,
    REAL,
    BOOL
};

struct column {
    const char *name;
    enum kind kind;
    const char *sql; /* of SQLite; a time in ms. A text is not null. */
};

struct source {
    const char *function;
    const char *view;
    const char *table; /* with a row for each of the view's */
    const char *from;
    const char *number; /* its rowid, in `from` */
    const struct column *columns;
    size_t column_count;
};

/* ---- SecurityAlert ---- */

#define IS_ADDRESS                                                                     \
    "subject NOT GLOB '*[^0-9a-fA-F.:]*' AND (subject GLOB '*.*.*.*' OR subject GLOB " \
    "'*:*:*')"

static const struct column alert_columns[] = {
    {"TimeGenerated", TIME, "generated_ms"},
    {"DisplayName", TEXT, "display_name"},
    {"AlertName", TEXT, "display_name"},
    {"AlertSeverity", TEXT, "severity"},
    {"Description", TEXT, "description"},
    {"ProviderName", TEXT, "'IoTSecurity'"},
    {"VendorName", TEXT, "'Vedette'"},
    {"VendorOriginalId", TEXT, "id"},
    {"SystemAlertId", TEXT, "id"},
    {"ResourceId", TEXT, RESOURCE_ID},
    {"SourceComputerId", TEXT, "''"},
    {"AlertType", TEXT, "type"},
    {"ConfidenceLevel", TEXT, "'Unknown'"},
    {"ConfidenceScore", REAL, "NULL"},
    {"IsIncident", BOOL, "0"},
    {"StartTime", TIME, "start_ms"},
    {"EndTime", TIME, "end_ms"},
    {"ProcessingEndTime", TIME, "generated_ms"},
    {"RemediationSteps", TEXT, "remediation"},
    /* A patch leaves out what is null. */
    {"ExtendedProperties", TEXT,
        "json_patch('{}', json_object('DeviceId', nullif(device_id, ''),"
        " 'ModuleId', nullif(module_id, ''), 'Subject', nullif(subject, ''),"
        " 'Cause', nullif(cause, ''), 'State', status, 'Count', CAST(count AS TEXT),"
        " 'Indicator', indicator_value, 'IndicatorSource', indicator_source,"
        " 'Verdict', json_extract(assessment, '$.verdict'), 'SuppressedBy', suppressed_by))"},
    {"Entities", TEXT,
        "(SELECT json_group_array(json(entity)) FROM"
        " (SELECT json_object('$id', '1', 'Type', 'azure-resource', 'ResourceId', " RESOURCE_ID
        ") AS entity UNION ALL SELECT json_object('$id', '2', 'Type', 'iotdevice',"
        " 'DeviceId', device_id, 'IoTHub', json_object('$ref', '1')) WHERE device_id <> ''"
        " UNION ALL SELECT json_object('$id', '3', 'Type', 'ip', 'Address', subject)"
        " WHERE " IS_ADDRESS "))"},
    {"SourceSystem", TEXT, "'Detection'"},
    {"ProductName", TEXT, "'Vedette'"},
    {"ProductComponentName", TEXT, "'IoT Hub'"},
    {"AlertLink", TEXT, "''"},
    {"Status", TEXT, "status"},
    {"CompromisedEntity", TEXT, "iif(device_id <> '', device_id, " HUB_NAME ")"},
    {"Tactics", TEXT, "vd_intent(type)"},
    /* Alerts of version 1 have the ids alone. */
    {"Techniques", TEXT,
        "(SELECT json_group_array(iif(t.type = 'object', json_extract(t.value, '$.id'), t.value))"
        " FROM json_each(techniques) AS t)"},
    {"Type", TEXT, "'SecurityAlert'"},
};

/* ---- SecurityRecommendation ---- */

/* What was said when the state changed, of the newest row what is said now. */
#define NOW_OR_THEN(column) "coalesce(r." column ", c." column ")"

static const struct column recommendation_columns[] = {
    {"TimeGenerated", TIME, "c.time_ms"},
    {"AssessedResourceId", TEXT, RESOURCE_ID},
    {"DeviceId", TEXT, "''"},
    {"RecommendationId", TEXT, RESOURCE_ID " || '/' || c.type"},
    {"RecommendationName", TEXT, "c.type"},
    {"RecommendationDisplayName", TEXT, "vd_recommendation(c.type, 0)"},
    {"RecommendationSeverity", TEXT, "vd_recommendation(c.type, 1)"},
    {"RecommendationState", TEXT, "iif(c.is_active, 'Active', 'NotActive')"},
    {"Description", TEXT, NOW_OR_THEN("description")},
    {"RemediationDescription", TEXT, "vd_recommendation(c.type, 2)"},
    {"RecommendationAdditionalData", TEXT,
        "json_object('Resources', json(" NOW_OR_THEN(
            "resources") "),"
                         " 'ResourceCount', " NOW_OR_THEN(
                             "resource_count") ","
                                               " 'UnhealthyDeviceCount', " NOW_OR_THEN(
                                                   "unhealthy_devices") ")"},
    {"DiscoveredTimeUTC", TIME, "c.time_ms"},
    {"PolicyDefinitionId", TEXT, "''"},
    {"ResourceRegion", TEXT, "''"},
    {"Type", TEXT, "'SecurityRecommendation'"},
};

#define COUNT(list) (sizeof(list) / sizeof(list)[0])

_Static_assert(COUNT(alert_columns) <= COLUMNS_MAX && COUNT(recommendation_columns) <= COLUMNS_MAX,
    "COLUMNS_MAX is too small");

static const struct source sources[] = {
    {"vd_center_alerts", "SecurityAlert", "alerts", "alerts", "number", alert_columns,
        COUNT(alert_columns)},
    {"vd_center_recommendations", "SecurityRecommendation", "recommendation_changes",
        "recommendation_changes AS c LEFT JOIN recommendations AS r ON r.type = c.type AND"
        " c.number = (SELECT max(number) FROM recommendation_changes WHERE type = c.type)",
        "c.number", recommendation_columns, COUNT(recommendation_columns)},
};

/* ---- What SQLite is to know of the program's tables ---- */

static void result_text(sqlite3_context *context, const char *text)
{
    sqlite3_result_text(context, text != NULL ? text : "", -1, SQLITE_TRANSIENT);
}

static const char *text_argument(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);

    return text != NULL ? text : "";
}

/* vd_intent(type of alert) */
static void intent_function(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    (void)count;
    result_text(context, vd_attack_intent(text_argument(arguments[0])));
}

static void result_steps(sqlite3_context *context, const char *const *steps)
{
    struct vd_buf text = {0};

    for (size_t i = 0; steps[i] != NULL; i++) {
        vd_buf_printf(&text, "%s%s", i > 0 ? "\n" : "", steps[i]);
    }
    vd_buf_append(&text, "", 1);
    if (text.error == VD_OK) {
        result_text(context, (const char *)text.data);
    } else {
        sqlite3_result_error_nomem(context);
    }
    vd_buf_release(&text);
}

/* vd_recommendation(type, 0: its display name, 1: its severity, 2: its steps) */
static void recommendation_function(sqlite3_context *context, int count, sqlite3_value **arguments)
{
    const char *type = text_argument(arguments[0]);
    const int what = sqlite3_value_int(arguments[1]);

    (void)count;
    for (size_t i = 0; i < VD_RECOMMENDATIONS; i++) {
        const struct vd_recommendation *row = vd_recommendation_at(i);

        if (strcmp(row->type, type) != 0) {
            continue;
        }
        if (what == 2) {
            result_steps(context, row->remediation_steps);
        } else {
            result_text(context, what == 0 ? row->display_name : row->severity);
        }
        return;
    }
    result_text(context, what == 0 ? type : "");
}

static int open_center(const struct vd_duckdb *store, sqlite3 **out)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    sqlite3 *db = NULL;
    int code =
        sqlite3_open_v2(store->center_path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        code = sqlite3_exec(db, "PRAGMA query_only=1", NULL, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code =
            sqlite3_create_function(db, "vd_intent", 1, flags, NULL, intent_function, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_create_function(
            db, "vd_recommendation", 2, flags, NULL, recommendation_function, NULL, NULL);
    }
    if (code != SQLITE_OK) {
        sqlite3_close(db);
        return vd_sqlite_error(code);
    }
    *out = db;
    return VD_OK;
}

/* ---- Binding: the columns ---- */

/* What a function is registered with. */
struct registered {
    const struct source *source;
    const struct vd_duckdb *store;
};

static void bind(duckdb_bind_info info)
{
    static const duckdb_type types[] = {[TEXT] = DUCKDB_TYPE_VARCHAR,
        [TIME] = DUCKDB_TYPE_TIMESTAMP,
        [REAL] = DUCKDB_TYPE_DOUBLE,
        [BOOL] = DUCKDB_TYPE_BOOLEAN};
    const struct registered *registered = duckdb_bind_get_extra_info(info);

    for (size_t i = 0; i < registered->source->column_count; i++) {
        const struct column *column = &registered->source->columns[i];
        duckdb_logical_type type = duckdb_create_logical_type(types[column->kind]);

        duckdb_bind_add_result_column(info, column->name, type);
        duckdb_destroy_logical_type(&type);
    }
}

/* ---- A scan: the numbers there are now ---- */

struct scan {
    int64_t last;
    _Atomic int64_t next; /* the first number of the slice that is taken next */
};

/* The numbers of the source's rows; none: first is larger than last. */
static int read_range(const struct registered *registered, int64_t *first, int64_t *last)
{
    struct vd_buf sql = {0};
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int code = SQLITE_NOMEM;
    const int error = open_center(registered->store, &db);

    if (error != VD_OK) {
        return error;
    }
    /* Each by itself, or SQLite reads all rows. */
    vd_buf_printf(&sql,
        "SELECT coalesce((SELECT min(rowid) FROM %s), 1),"
        " coalesce((SELECT max(rowid) FROM %s), 0)",
        registered->source->table, registered->source->table);
    if (sql.error == VD_OK) {
        code = sqlite3_prepare_v2(db, (const char *)sql.data, (int)sql.length, &statement, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
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
    struct scan *scan = calloc(1, sizeof *scan);
    int64_t first = 1;
    int64_t last = 0;
    int error = scan != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && registered->store->center_path != NULL) {
        error = read_range(registered, &first, &last);
    }
    if (error != VD_OK) {
        duckdb_init_set_error(info, vd_error_text(error));
        free(scan);
        return;
    }
    scan->last = last;
    atomic_init(&scan->next, first);
    duckdb_init_set_init_data(info, scan, free);
    duckdb_init_set_max_threads(info, (idx_t)((last - first) / SLICE + 1));
}

/* ---- A thread of a scan ---- */

struct reader {
    const struct source *source;
    sqlite3 *db; /* NULL: there is no file */
    sqlite3_stmt *statement;
    size_t count;
    size_t columns
        [COLUMNS_MAX]; /* those that the query needs; SIZE_MAX: it needs a row, whatever is in it */
};

static void reader_free(void *of)
{
    struct reader *reader = of;

    sqlite3_finalize(reader->statement);
    sqlite3_close(reader->db);
    free(reader);
}

/* ?1, ?2: from this number to before that one. */
static int prepare_reader(struct reader *reader, const struct vd_duckdb *store)
{
    struct vd_buf sql = {0};
    int code;
    int error;

    vd_buf_append_text(&sql, "SELECT 0");
    for (size_t i = 0; i < reader->count; i++) {
        vd_buf_printf(&sql, ", %s",
            reader->columns[i] != SIZE_MAX ? reader->source->columns[reader->columns[i]].sql : "0");
    }
    vd_buf_printf(&sql, " FROM %s WHERE %s >= ?1 AND %s < ?2 ORDER BY %s", reader->source->from,
        reader->source->number, reader->source->number, reader->source->number);
    if (sql.error != VD_OK) {
        vd_buf_release(&sql);
        return VD_E_NOMEM;
    }
    error = open_center(store, &reader->db);
    if (error == VD_OK) {
        code = sqlite3_prepare_v2(
            reader->db, (const char *)sql.data, (int)sql.length, &reader->statement, NULL);
        error = vd_sqlite_error(code);
    }
    if (error == VD_OK) {
        /* No harm where no column names them. */
        sqlite3_bind_text(reader->statement, 3, store->resource_id, -1, SQLITE_STATIC);
        sqlite3_bind_text(reader->statement, 4, store->hub, -1, SQLITE_STATIC);
    }
    vd_buf_release(&sql);
    return error;
}

static void init_reader(duckdb_init_info info)
{
    const struct registered *registered = duckdb_init_get_extra_info(info);
    const idx_t count = duckdb_init_get_column_count(info);
    struct reader *reader = calloc(1, sizeof *reader);
    int error = reader != NULL && count <= COLUMNS_MAX ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK) {
        reader->source = registered->source;
        reader->count = count;
        for (idx_t i = 0; i < count; i++) {
            const idx_t column = duckdb_init_get_column_index(info, i);

            reader->columns[i] = column < registered->source->column_count ? column : SIZE_MAX;
        }
        if (registered->store->center_path != NULL) {
            error = prepare_reader(reader, registered->store);
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

static void set_value(duckdb_vector vector, enum kind kind, idx_t row, sqlite3_stmt *s, int column)
{
    void *data = duckdb_vector_get_data(vector);

    if (kind == TEXT) {
        const char *text = (const char *)sqlite3_column_text(s, column);

        set_text(vector, row,
            (struct vd_str){text != NULL ? text : "", (size_t)sqlite3_column_bytes(s, column)});
    } else if (sqlite3_column_type(s, column) == SQLITE_NULL) {
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_validity_set_row_invalid(duckdb_vector_get_validity(vector), row);
    } else if (kind == TIME) {
        ((int64_t *)data)[row] = sqlite3_column_int64(s, column) * 1000;
    } else if (kind == REAL) {
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

int vd_duckdb_center_register(struct vd_duckdb *store)
{
    int error = duckdb_vector_size() >= SLICE ? VD_OK : VD_E_UNSUPPORTED;

    for (size_t i = 0; error == VD_OK && i < COUNT(sources); i++) {
        duckdb_table_function function = duckdb_create_table_function();
        struct registered *registered = calloc(1, sizeof *registered);

        if (registered == NULL) {
            duckdb_destroy_table_function(&function);
            return VD_E_NOMEM;
        }
        *registered = (struct registered){&sources[i], store};
        duckdb_table_function_set_name(function, sources[i].function);
        duckdb_table_function_set_extra_info(function, registered, free);
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

    for (size_t i = 0; error == VD_OK && i < COUNT(sources); i++) {
        char sql[160];

        snprintf(sql, sizeof sql, "CREATE VIEW memory.main.%s AS SELECT * FROM %s()",
            sources[i].view, sources[i].function);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    return error;
}
