/* SPDX-License-Identifier: MIT */
/* The tables of a day's file, how files of earlier versions become such, and the views over all days. */

#include "center/store/duckdb_internal.h"

#define RAW_EVENT_COLUMNS                                                                      \
    "(time_generated TIMESTAMP_MS, time_stamp TIMESTAMP_MS, event_id UUID,"                    \
    " device_id VARCHAR, agent_version VARCHAR, name VARCHAR, type VARCHAR, category VARCHAR," \
    " is_empty BOOLEAN, details VARCHAR)"

#define DIAGNOSTIC_COLUMNS                                                                         \
    "(time_generated TIMESTAMP_MS, resource_id VARCHAR, category VARCHAR, operation_name VARCHAR," \
    " level VARCHAR, result_type VARCHAR, result_description VARCHAR, duration_ms BIGINT,"         \
    " location VARCHAR, properties VARCHAR, correlation_id VARCHAR)"

#define ACTIVITY_COLUMNS                                                              \
    "(time_generated TIMESTAMP_MS, caller VARCHAR, operation_name VARCHAR,"           \
    " status VARCHAR, resource_id VARCHAR, caller_address VARCHAR, category VARCHAR," \
    " properties VARCHAR, correlation_id VARCHAR)"

int vd_duckdb_day_migrate(
    struct vd_duckdb *store, const char *catalog, int64_t version, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "BEGIN TRANSACTION; ");
    vd_buf_printf(&sql,
        version < 2
            ? "CREATE TABLE %s.main.diagnostic" DIAGNOSTIC_COLUMNS "; "
            : "ALTER TABLE %s.main.diagnostic ADD COLUMN correlation_id VARCHAR DEFAULT ''; ",
        catalog);
    vd_buf_printf(&sql,
        version < 3 ? "CREATE TABLE %s.main.activity" ACTIVITY_COLUMNS "; "
                    : "ALTER TABLE %s.main.activity ADD COLUMN correlation_id VARCHAR DEFAULT ''; ",
        catalog);
    vd_buf_printf(&sql, "UPDATE %s.main.vd_meta SET schema_version = %d; COMMIT", catalog,
        VD_DUCKDB_DAY_VERSION);
    /* After a failure the day is not taken in, and the instance with all that is open is closed. */
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

int vd_duckdb_day_fill(struct vd_duckdb *store, const char *catalog, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_printf(&sql, "CREATE TABLE %s.main.raw_event" RAW_EVENT_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "CREATE TABLE %s.main.diagnostic" DIAGNOSTIC_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "CREATE TABLE %s.main.activity" ACTIVITY_COLUMNS "; ", catalog);
    vd_buf_printf(&sql,
        "CREATE TABLE %s.main.vd_meta(schema_version BIGINT, next_offset UBIGINT); "
        "INSERT INTO %s.main.vd_meta VALUES (%d, 0); CHECKPOINT %s",
        catalog, catalog, VD_DUCKDB_DAY_VERSION, catalog);
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

int vd_duckdb_empty_make(struct vd_duckdb *store, char *text, size_t text_size)
{
    return vd_duckdb_run(store->writer,
        "CREATE TABLE memory.main.vd_no_raw_event" RAW_EVENT_COLUMNS
        "; CREATE TABLE memory.main.vd_no_diagnostic" DIAGNOSTIC_COLUMNS
        "; CREATE TABLE memory.main.vd_no_activity" ACTIVITY_COLUMNS,
        text, text_size);
}

/* Appends the rows of a table over the files of all days; vd_no_{table} gives the columns where there are none. */
static void append_all_days(struct vd_buf *sql, const struct vd_duckdb *store, const char *table)
{
    vd_buf_printf(sql, " FROM (SELECT * FROM memory.main.vd_no_%s", table);
    for (size_t i = 0; i < store->day_count; i++) {
        char catalog[32];

        vd_duckdb_day_catalog(store->days[i], catalog);
        vd_buf_printf(sql, " UNION ALL SELECT * FROM %s.main.%s", catalog, table);
    }
    vd_buf_append_text(sql, ")");
}

static int make_raw_event_view(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql,
        "CREATE OR REPLACE VIEW memory.main.SecurityIoTRawEvent AS SELECT"
        " CAST(time_generated AS TIMESTAMP) AS TimeGenerated,"
        " CAST(time_stamp AS TIMESTAMP) AS \"TimeStamp\","
        " CAST(event_id AS VARCHAR) AS IoTRawEventId, device_id AS DeviceId, ");
    vd_duckdb_append_literal(&sql, store->resource_id);
    vd_buf_append_text(&sql,
        " AS AssociatedResourceId, '' AS AzureSubscriptionId, agent_version AS AgentVersion,"
        " name AS RawEventName, type AS RawEventType, category AS RawEventCategory,"
        " is_empty AS IsEmpty, details AS EventDetails, 'SecurityIoTRawEvent' AS \"Type\"");
    append_all_days(&sql, store, "raw_event");
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

static int make_diagnostic_view(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql,
        "CREATE OR REPLACE VIEW memory.main.AzureDiagnostics AS SELECT"
        " CAST(time_generated AS TIMESTAMP) AS TimeGenerated, resource_id AS ResourceId,"
        " category AS Category, operation_name AS OperationName, level AS Level,"
        " result_type AS ResultType, result_description AS ResultDescription,"
        " duration_ms AS DurationMs, location AS Location, properties AS properties_s,"
        " correlation_id AS CorrelationId,"
        " 'AzureDiagnostics' AS \"Type\"");
    append_all_days(&sql, store, "diagnostic");
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

static int make_activity_view(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql,
        "CREATE OR REPLACE VIEW memory.main.AzureActivity AS SELECT"
        " CAST(time_generated AS TIMESTAMP) AS TimeGenerated, caller AS Caller,"
        " operation_name AS OperationNameValue, status AS ActivityStatusValue,"
        " resource_id AS ResourceId, caller_address AS CallerIpAddress, category AS Category,"
        " properties AS Properties, correlation_id AS CorrelationId, 'AzureActivity' AS \"Type\"");
    append_all_days(&sql, store, "activity");
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

int vd_duckdb_views_make(struct vd_duckdb *store, char *text, size_t text_size)
{
    int error = make_raw_event_view(store, text, text_size);

    if (error == VD_OK) {
        error = make_diagnostic_view(store, text, text_size);
    }
    return error == VD_OK ? make_activity_view(store, text, text_size) : error;
}
