/* SPDX-License-Identifier: MIT */
/* The tables of a day's file, how files of earlier versions become such, and the views over all days. */

#include "center/store/duckdb_internal.h"

#define RAW_EVENT_COLUMNS                                                                      \
    "(time_generated TIMESTAMP_MS, time_stamp TIMESTAMP_MS, event_id UUID,"                    \
    " device_id VARCHAR, agent_version VARCHAR, name VARCHAR, type VARCHAR, category VARCHAR," \
    " is_empty BOOLEAN, details VARCHAR)"

#define FLOW_COLUMNS                                                                       \
    "(time_generated TIMESTAMP, time_stamp TIMESTAMP, event_id UUID, device_id VARCHAR,"   \
    " agent_version VARCHAR, local_address VARCHAR, local_port USMALLINT,"                 \
    " remote_address VARCHAR, remote_port USMALLINT, protocol VARCHAR, bytes_in UINTEGER," \
    " bytes_out UINTEGER, packets_in UINTEGER, packets_out UINTEGER, opened_by UTINYINT,"  \
    " process_id INTEGER, user_id INTEGER, executable VARCHAR, command_line VARCHAR,"      \
    " others VARCHAR)"

#define DIAGNOSTIC_COLUMNS                                                                         \
    "(time_generated TIMESTAMP_MS, resource_id VARCHAR, category VARCHAR, operation_name VARCHAR," \
    " level VARCHAR, result_type VARCHAR, result_description VARCHAR, duration_ms BIGINT,"         \
    " location VARCHAR, properties VARCHAR, correlation_id VARCHAR)"

#define ACTIVITY_COLUMNS                                                              \
    "(time_generated TIMESTAMP_MS, caller VARCHAR, operation_name VARCHAR,"           \
    " status VARCHAR, resource_id VARCHAR, caller_address VARCHAR, category VARCHAR," \
    " properties VARCHAR, correlation_id VARCHAR)"

const struct vd_duckdb_table vd_duckdb_tables[VD_DUCKDB_TABLES] = {
    {"flow", VD_ANALYTICS_RAW_EVENTS, "device_id, time_generated, event_id"},
    {"raw_event", VD_ANALYTICS_RAW_EVENTS, "device_id, time_generated, event_id"},
    {"diagnostic", VD_ANALYTICS_DIAGNOSTICS, "category, operation_name, time_generated"},
    {"activity", VD_ANALYTICS_ACTIVITY, "time_generated"},
};

int vd_duckdb_day_migrate(
    struct vd_duckdb *store, const char *catalog, int64_t version, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "BEGIN TRANSACTION; ");
    if (version < 4) {
        vd_buf_printf(&sql,
            version < 2
                ? "CREATE TABLE %s.main.diagnostic" DIAGNOSTIC_COLUMNS "; "
                : "ALTER TABLE %s.main.diagnostic ADD COLUMN correlation_id VARCHAR DEFAULT ''; ",
            catalog);
        vd_buf_printf(&sql,
            version < 3
                ? "CREATE TABLE %s.main.activity" ACTIVITY_COLUMNS "; "
                : "ALTER TABLE %s.main.activity ADD COLUMN correlation_id VARCHAR DEFAULT ''; ",
            catalog);
    }
    /* Its flows stay where they are: the view reads their JSON. */
    vd_buf_printf(&sql, "CREATE TABLE %s.main.flow" FLOW_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "UPDATE %s.main.vd_meta SET schema_version = %d; COMMIT", catalog,
        VD_DUCKDB_DAY_VERSION);
    /* After a failure the day is not taken in, and the instance with all that is open is closed. */
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

int vd_duckdb_day_fill(
    duckdb_connection connection, const char *catalog, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_printf(&sql, "CREATE TABLE %s.main.raw_event" RAW_EVENT_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "CREATE TABLE %s.main.flow" FLOW_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "CREATE TABLE %s.main.diagnostic" DIAGNOSTIC_COLUMNS "; ", catalog);
    vd_buf_printf(&sql, "CREATE TABLE %s.main.activity" ACTIVITY_COLUMNS "; ", catalog);
    vd_buf_printf(&sql,
        "CREATE TABLE %s.main.vd_meta(schema_version BIGINT, next_offset UBIGINT); "
        "INSERT INTO %s.main.vd_meta VALUES (%d, 0); CHECKPOINT %s",
        catalog, catalog, VD_DUCKDB_DAY_VERSION, catalog);
    return vd_duckdb_run_built_on(connection, &sql, text, text_size);
}

int vd_duckdb_empty_make(struct vd_duckdb *store, char *text, size_t text_size)
{
    return vd_duckdb_run(store->writer,
        "CREATE TABLE memory.main.vd_no_raw_event" RAW_EVENT_COLUMNS
        "; CREATE TABLE memory.main.vd_no_flow" FLOW_COLUMNS
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

        vd_duckdb_day_catalog(&store->days[i], catalog);
        vd_buf_printf(sql, " UNION ALL SELECT * FROM %s.main.%s", catalog, table);
    }
    vd_buf_append_text(sql, ")");
}

/* EventDetails of a flow as text: an object with what is known of it. */
static const char flow_details[] =
    "'{\"LocalAddress\":\"' || local_address || '\",\"LocalPort\":' || local_port"
    " || ',\"RemoteAddress\":\"' || remote_address || '\",\"RemotePort\":' || remote_port"
    " || ',\"Protocol\":\"' || protocol || '\",\"BytesIn\":' || bytes_in"
    " || ',\"BytesOut\":' || bytes_out"
    " || CASE WHEN packets_in <> 0 OR packets_out <> 0"
    "    THEN ',\"PacketsIn\":' || packets_in || ',\"PacketsOut\":' || packets_out ELSE '' END"
    " || CASE opened_by WHEN 0 THEN '' WHEN 1 THEN ',\"OpenedBy\":\"Device\"'"
    "    WHEN 2 THEN ',\"OpenedBy\":\"Remote\"' ELSE ',\"OpenedBy\":' || opened_by END"
    " || CASE WHEN process_id >= 0"
    "    THEN ',\"ProcessId\":' || process_id || ',\"UserId\":' || user_id ELSE '' END"
    " || CASE WHEN executable <> '' THEN ',\"Executable\":' || executable ELSE '' END"
    " || CASE WHEN command_line <> '' THEN ',\"CommandLine\":' || command_line ELSE '' END"
    " || CASE WHEN others <> '' THEN ',' || others ELSE '' END || '}'";

#define OTHER(name) \
    "CASE WHEN others = '' THEN '' ELSE coalesce(('{' || others || '}')->>'$." name "', '') END"

/* Members that queries read without JSON where the row is a flow; those that are no numbers are never NULL. */
static const struct {
    const char *name;
    const char *of_flow;
    bool is_number;
} members[] = {
    {"LocalAddress", "local_address", false},
    {"LocalPort", "CAST(local_port AS VARCHAR)", false},
    {"RemoteAddress", "remote_address", false},
    {"RemotePort", "CAST(remote_port AS VARCHAR)", false},
    {"Protocol", "protocol", false},
    {"Direction", "''", false},
    {"BytesIn", "CAST(bytes_in AS BIGINT)", true},
    {"BytesOut", "CAST(bytes_out AS BIGINT)", true},
    {"PacketsIn",
        "CASE WHEN packets_in <> 0 OR packets_out <> 0 THEN CAST(packets_in AS BIGINT) END", true},
    {"PacketsOut",
        "CASE WHEN packets_in <> 0 OR packets_out <> 0 THEN CAST(packets_out AS BIGINT) END", true},
    {"OpenedBy",
        "CASE opened_by WHEN 0 THEN '' WHEN 1 THEN 'Device' WHEN 2 THEN 'Remote'"
        " ELSE CAST(opened_by AS VARCHAR) END",
        false},
    {"ProcessId", "CAST(nullif(process_id, -1) AS BIGINT)", true},
    {"UserId", "CASE WHEN user_id = -1 THEN '' ELSE CAST(user_id AS VARCHAR) END", false},
    {"Executable", "CASE WHEN executable = '' THEN '' ELSE executable->>'$' END", false},
    {"CommandLine", "CASE WHEN command_line = '' THEN '' ELSE command_line->>'$' END", false},
    {"ModuleId", OTHER("ModuleId"), false},
    {"DeviceTime", OTHER("DeviceTime"), false},
};

static void append_member(struct vd_buf *sql, size_t i, bool is_flow)
{
    if (is_flow) {
        vd_buf_printf(sql, ", %s", members[i].of_flow);
    } else {
        vd_buf_printf(sql,
            members[i].is_number ? ", TRY_CAST(details->>'$.%s' AS BIGINT)"
                                 : ", coalesce(details->>'$.%s', '')",
            members[i].name);
    }
    vd_buf_printf(sql, " AS \"EventDetails.%s\"", members[i].name);
}

/* The columns of SecurityIoTRawEvent from those of flow, or of raw_event. */
static void append_raw_event_select(struct vd_buf *sql, const struct vd_duckdb *store, bool is_flow)
{
    vd_buf_append_text(sql,
        "SELECT CAST(time_generated AS TIMESTAMP) AS TimeGenerated,"
        " CAST(time_stamp AS TIMESTAMP) AS \"TimeStamp\","
        " CAST(event_id AS VARCHAR) AS IoTRawEventId, device_id AS DeviceId, ");
    vd_duckdb_append_literal(sql, store->resource_id);
    vd_buf_append_text(sql,
        " AS AssociatedResourceId, '' AS AzureSubscriptionId, agent_version AS AgentVersion, ");
    vd_buf_append_text(sql,
        is_flow ? "'NetworkActivity' AS RawEventName, 'Security' AS RawEventType,"
                  " 'Periodic' AS RawEventCategory, false AS IsEmpty, "
                : "name AS RawEventName, type AS RawEventType, category AS RawEventCategory,"
                  " is_empty AS IsEmpty, ");
    vd_buf_printf(sql, "%s AS EventDetails, 'SecurityIoTRawEvent' AS \"Type\"",
        is_flow ? flow_details : "details");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        append_member(sql, i, is_flow);
    }
    append_all_days(sql, store, is_flow ? "flow" : "raw_event");
}

static int make_raw_event_view(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "CREATE OR REPLACE VIEW memory.main.SecurityIoTRawEvent AS ");
    append_raw_event_select(&sql, store, true);
    vd_buf_append_text(&sql, " UNION ALL ");
    append_raw_event_select(&sql, store, false);
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
        " correlation_id AS CorrelationId, '' AS ResultSignature,"
        " coalesce(TRY(json_extract_string(properties, '$.maskedIpAddress')), '')"
        " AS CallerIPAddress,"
        " upper(split_part(resource_id, '/', 7)) AS ResourceProvider,"
        " upper(split_part(resource_id, '/', 8)) AS ResourceType,"
        " upper(split_part(resource_id, '/', 9)) AS \"Resource\","
        " upper(split_part(resource_id, '/', 5)) AS ResourceGroup,"
        " lower(split_part(resource_id, '/', 3)) AS SubscriptionId,"
        " lower(split_part(resource_id, '/', 3)) AS TenantId, 'Azure' AS SourceSystem,"
        " location AS location_s, 'AzureDiagnostics' AS \"Type\","
        " lower(resource_id) AS _ResourceId");
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
        " properties AS Properties, correlation_id AS CorrelationId, 'AzureActivity' AS \"Type\","
        " operation_name AS OperationName, status AS ActivityStatus, category AS CategoryValue,"
        " upper(split_part(resource_id, '/', 7)) AS ResourceProviderValue,"
        " split_part(resource_id, '/', 9) AS \"Resource\","
        " split_part(resource_id, '/', 5) AS ResourceGroup,"
        " lower(split_part(resource_id, '/', 3)) AS SubscriptionId,"
        " CASE WHEN json_valid(properties) THEN properties END AS Properties_d,"
        " lower(resource_id) AS _ResourceId");
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
