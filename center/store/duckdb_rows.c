/* SPDX-License-Identifier: MIT */
/* Rows into the tables of a day's file. */

#include "center/store/duckdb_internal.h"

#define US_PER_MS 1000

/* Columns of raw_event in their order. */
enum raw_column {
    RAW_TIME_GENERATED,
    RAW_TIME_STAMP,
    RAW_EVENT_ID,
    RAW_DEVICE_ID,
    RAW_AGENT_VERSION,
    RAW_NAME,
    RAW_TYPE,
    RAW_CATEGORY,
    RAW_IS_EMPTY,
    RAW_DETAILS,
    RAW_COLUMNS,
};

static const duckdb_type raw_types[RAW_COLUMNS] = {
    [RAW_TIME_GENERATED] = DUCKDB_TYPE_TIMESTAMP_MS,
    [RAW_TIME_STAMP] = DUCKDB_TYPE_TIMESTAMP_MS,
    [RAW_EVENT_ID] = DUCKDB_TYPE_UUID,
    [RAW_DEVICE_ID] = DUCKDB_TYPE_VARCHAR,
    [RAW_AGENT_VERSION] = DUCKDB_TYPE_VARCHAR,
    [RAW_NAME] = DUCKDB_TYPE_VARCHAR,
    [RAW_TYPE] = DUCKDB_TYPE_VARCHAR,
    [RAW_CATEGORY] = DUCKDB_TYPE_VARCHAR,
    [RAW_IS_EMPTY] = DUCKDB_TYPE_BOOLEAN,
    [RAW_DETAILS] = DUCKDB_TYPE_VARCHAR,
};

/* Columns of flow in their order. */
enum flow_column {
    FLOW_TIME_GENERATED,
    FLOW_TIME_STAMP,
    FLOW_EVENT_ID,
    FLOW_DEVICE_ID,
    FLOW_AGENT_VERSION,
    FLOW_LOCAL_ADDRESS,
    FLOW_LOCAL_PORT,
    FLOW_REMOTE_ADDRESS,
    FLOW_REMOTE_PORT,
    FLOW_PROTOCOL,
    FLOW_BYTES_IN,
    FLOW_BYTES_OUT,
    FLOW_PACKETS_IN,
    FLOW_PACKETS_OUT,
    FLOW_OPENED_BY,
    FLOW_PROCESS_ID,
    FLOW_USER_ID,
    FLOW_EXECUTABLE,
    FLOW_COMMAND_LINE,
    FLOW_OTHERS,
    FLOW_COLUMNS,
};

static const duckdb_type flow_types[FLOW_COLUMNS] = {
    [FLOW_TIME_GENERATED] = DUCKDB_TYPE_TIMESTAMP,
    [FLOW_TIME_STAMP] = DUCKDB_TYPE_TIMESTAMP,
    [FLOW_EVENT_ID] = DUCKDB_TYPE_UUID,
    [FLOW_DEVICE_ID] = DUCKDB_TYPE_VARCHAR,
    [FLOW_AGENT_VERSION] = DUCKDB_TYPE_VARCHAR,
    [FLOW_LOCAL_ADDRESS] = DUCKDB_TYPE_VARCHAR,
    [FLOW_LOCAL_PORT] = DUCKDB_TYPE_USMALLINT,
    [FLOW_REMOTE_ADDRESS] = DUCKDB_TYPE_VARCHAR,
    [FLOW_REMOTE_PORT] = DUCKDB_TYPE_USMALLINT,
    [FLOW_PROTOCOL] = DUCKDB_TYPE_VARCHAR,
    [FLOW_BYTES_IN] = DUCKDB_TYPE_UINTEGER,
    [FLOW_BYTES_OUT] = DUCKDB_TYPE_UINTEGER,
    [FLOW_PACKETS_IN] = DUCKDB_TYPE_UINTEGER,
    [FLOW_PACKETS_OUT] = DUCKDB_TYPE_UINTEGER,
    [FLOW_OPENED_BY] = DUCKDB_TYPE_UTINYINT,
    [FLOW_PROCESS_ID] = DUCKDB_TYPE_INTEGER,
    [FLOW_USER_ID] = DUCKDB_TYPE_INTEGER,
    [FLOW_EXECUTABLE] = DUCKDB_TYPE_VARCHAR,
    [FLOW_COMMAND_LINE] = DUCKDB_TYPE_VARCHAR,
    [FLOW_OTHERS] = DUCKDB_TYPE_VARCHAR,
};

/* Columns of diagnostic in their order. */
enum diagnostic_column {
    DIAGNOSTIC_TIME_GENERATED,
    DIAGNOSTIC_RESOURCE_ID,
    DIAGNOSTIC_CATEGORY,
    DIAGNOSTIC_OPERATION_NAME,
    DIAGNOSTIC_LEVEL,
    DIAGNOSTIC_RESULT_TYPE,
    DIAGNOSTIC_RESULT_DESCRIPTION,
    DIAGNOSTIC_DURATION,
    DIAGNOSTIC_LOCATION,
    DIAGNOSTIC_PROPERTIES,
    DIAGNOSTIC_CORRELATION_ID,
    DIAGNOSTIC_COLUMNS,
};

static const duckdb_type diagnostic_types[DIAGNOSTIC_COLUMNS] = {
    [DIAGNOSTIC_TIME_GENERATED] = DUCKDB_TYPE_TIMESTAMP_MS,
    [DIAGNOSTIC_RESOURCE_ID] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_CATEGORY] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_OPERATION_NAME] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_LEVEL] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_RESULT_TYPE] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_RESULT_DESCRIPTION] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_DURATION] = DUCKDB_TYPE_BIGINT,
    [DIAGNOSTIC_LOCATION] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_PROPERTIES] = DUCKDB_TYPE_VARCHAR,
    [DIAGNOSTIC_CORRELATION_ID] = DUCKDB_TYPE_VARCHAR,
};

/* Columns of activity in their order. */
enum activity_column {
    ACTIVITY_TIME_GENERATED,
    ACTIVITY_CALLER,
    ACTIVITY_OPERATION_NAME,
    ACTIVITY_STATUS,
    ACTIVITY_RESOURCE_ID,
    ACTIVITY_CALLER_ADDRESS,
    ACTIVITY_CATEGORY,
    ACTIVITY_PROPERTIES,
    ACTIVITY_CORRELATION_ID,
    ACTIVITY_COLUMNS,
};

static const duckdb_type activity_types[ACTIVITY_COLUMNS] = {
    [ACTIVITY_TIME_GENERATED] = DUCKDB_TYPE_TIMESTAMP_MS,
    [ACTIVITY_CALLER] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_OPERATION_NAME] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_STATUS] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_RESOURCE_ID] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_CALLER_ADDRESS] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_CATEGORY] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_PROPERTIES] = DUCKDB_TYPE_VARCHAR,
    [ACTIVITY_CORRELATION_ID] = DUCKDB_TYPE_VARCHAR,
};

#define COLUMNS_MAX 24 /* of any table */
_Static_assert((int)RAW_COLUMNS <= COLUMNS_MAX && (int)DIAGNOSTIC_COLUMNS <= COLUMNS_MAX &&
        (int)ACTIVITY_COLUMNS <= COLUMNS_MAX && (int)FLOW_COLUMNS <= COLUMNS_MAX,
    "COLUMNS_MAX is too small");

/* How rows of one kind go into a day's table. */
struct table {
    const char *name;
    const duckdb_type *types;
    size_t columns;
    size_t row_size;
    /* Writes `count` rows into the chunk. */
    void (*fill)(duckdb_data_chunk chunk, const void *rows, size_t count);
};

/* DuckDB keeps a UUID as a signed number so that its order is that of the text. */
static duckdb_hugeint uuid_number(const struct vd_uuid *uuid)
{
    uint64_t upper = 0;
    uint64_t lower = 0;

    for (size_t i = 0; i < 8; i++) {
        upper = upper << 8 | uuid->bytes[i];
        lower = lower << 8 | uuid->bytes[i + 8];
    }
    return (duckdb_hugeint){.lower = lower, .upper = (int64_t)(upper ^ (1ULL << 63))};
}

static void set_text(duckdb_data_chunk chunk, idx_t column, idx_t row, struct vd_str s)
{
    duckdb_vector_assign_string_element_len(
        duckdb_data_chunk_get_vector(chunk, column), row, s.data, s.length);
}

static void *column_data(duckdb_data_chunk chunk, idx_t column)
{
    return duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, column));
}

static void fill_raw_events(duckdb_data_chunk chunk, const void *from, size_t count)
{
    const struct vd_raw_event *rows = from;
    int64_t *generated = column_data(chunk, RAW_TIME_GENERATED);
    int64_t *stamp = column_data(chunk, RAW_TIME_STAMP);
    duckdb_hugeint *id = column_data(chunk, RAW_EVENT_ID);
    bool *is_empty = column_data(chunk, RAW_IS_EMPTY);

    for (size_t i = 0; i < count; i++) {
        generated[i] = rows[i].time_generated_ms;
        stamp[i] = rows[i].timestamp_ms;
        id[i] = uuid_number(&rows[i].id);
        is_empty[i] = rows[i].is_empty;
        set_text(chunk, RAW_DEVICE_ID, i, rows[i].device_id);
        set_text(chunk, RAW_AGENT_VERSION, i, rows[i].agent_version);
        set_text(chunk, RAW_NAME, i, rows[i].name);
        set_text(chunk, RAW_TYPE, i, rows[i].type);
        set_text(chunk, RAW_CATEGORY, i, rows[i].category);
        set_text(chunk, RAW_DETAILS, i, rows[i].details);
    }
}

/* Columns of a chunk, to write a row to. */
struct flow_vectors {
    int64_t *generated;
    int64_t *stamp;
    duckdb_hugeint *id;
    uint16_t *local_port;
    uint16_t *remote_port;
    uint32_t *bytes_in;
    uint32_t *bytes_out;
    uint32_t *packets_in;
    uint32_t *packets_out;
    uint8_t *opened_by;
    int32_t *process_id;
    int32_t *user_id;
};

static void set_flow(
    duckdb_data_chunk chunk, const struct flow_vectors *to, idx_t i, const struct vd_flow_row *row)
{
    to->generated[i] = row->time_generated_ms * US_PER_MS;
    to->stamp[i] = row->timestamp_ms * US_PER_MS;
    to->id[i] = uuid_number(&row->id);
    to->local_port[i] = row->local_port;
    to->remote_port[i] = row->remote_port;
    to->bytes_in[i] = row->bytes_in;
    to->bytes_out[i] = row->bytes_out;
    to->packets_in[i] = row->packets_in;
    to->packets_out[i] = row->packets_out;
    to->opened_by[i] = row->opened_by;
    to->process_id[i] = row->process_id;
    to->user_id[i] = row->user_id;
    set_text(chunk, FLOW_DEVICE_ID, i, row->device_id);
    set_text(chunk, FLOW_AGENT_VERSION, i, row->agent_version);
    set_text(chunk, FLOW_LOCAL_ADDRESS, i, row->local_address);
    set_text(chunk, FLOW_REMOTE_ADDRESS, i, row->remote_address);
    set_text(chunk, FLOW_PROTOCOL, i, row->protocol);
    set_text(chunk, FLOW_EXECUTABLE, i, row->executable);
    set_text(chunk, FLOW_COMMAND_LINE, i, row->command_line);
    set_text(chunk, FLOW_OTHERS, i, row->others);
}

static void fill_flows(duckdb_data_chunk chunk, const void *from, size_t count)
{
    const struct vd_flow_row *rows = from;
    const struct flow_vectors to = {
        .generated = column_data(chunk, FLOW_TIME_GENERATED),
        .stamp = column_data(chunk, FLOW_TIME_STAMP),
        .id = column_data(chunk, FLOW_EVENT_ID),
        .local_port = column_data(chunk, FLOW_LOCAL_PORT),
        .remote_port = column_data(chunk, FLOW_REMOTE_PORT),
        .bytes_in = column_data(chunk, FLOW_BYTES_IN),
        .bytes_out = column_data(chunk, FLOW_BYTES_OUT),
        .packets_in = column_data(chunk, FLOW_PACKETS_IN),
        .packets_out = column_data(chunk, FLOW_PACKETS_OUT),
        .opened_by = column_data(chunk, FLOW_OPENED_BY),
        .process_id = column_data(chunk, FLOW_PROCESS_ID),
        .user_id = column_data(chunk, FLOW_USER_ID),
    };

    for (size_t i = 0; i < count; i++) {
        set_flow(chunk, &to, i, &rows[i]);
    }
}

static void fill_diagnostics(duckdb_data_chunk chunk, const void *from, size_t count)
{
    const struct vd_diagnostic *rows = from;
    int64_t *generated = column_data(chunk, DIAGNOSTIC_TIME_GENERATED);
    int64_t *duration = column_data(chunk, DIAGNOSTIC_DURATION);

    for (size_t i = 0; i < count; i++) {
        generated[i] = rows[i].time_generated_ms;
        duration[i] = rows[i].duration_ms;
        set_text(chunk, DIAGNOSTIC_RESOURCE_ID, i, rows[i].resource_id);
        set_text(chunk, DIAGNOSTIC_CATEGORY, i, rows[i].category);
        set_text(chunk, DIAGNOSTIC_OPERATION_NAME, i, rows[i].operation_name);
        set_text(chunk, DIAGNOSTIC_LEVEL, i, rows[i].level);
        set_text(chunk, DIAGNOSTIC_RESULT_TYPE, i, rows[i].result_type);
        set_text(chunk, DIAGNOSTIC_RESULT_DESCRIPTION, i, rows[i].result_description);
        set_text(chunk, DIAGNOSTIC_LOCATION, i, rows[i].location);
        set_text(chunk, DIAGNOSTIC_PROPERTIES, i, rows[i].properties);
        set_text(chunk, DIAGNOSTIC_CORRELATION_ID, i, rows[i].correlation_id);
    }
}

static void fill_activities(duckdb_data_chunk chunk, const void *from, size_t count)
{
    const struct vd_activity_row *rows = from;
    int64_t *generated = column_data(chunk, ACTIVITY_TIME_GENERATED);

    for (size_t i = 0; i < count; i++) {
        generated[i] = rows[i].time_generated_ms;
        set_text(chunk, ACTIVITY_CALLER, i, rows[i].caller);
        set_text(chunk, ACTIVITY_OPERATION_NAME, i, rows[i].operation_name);
        set_text(chunk, ACTIVITY_STATUS, i, rows[i].status);
        set_text(chunk, ACTIVITY_RESOURCE_ID, i, rows[i].resource_id);
        set_text(chunk, ACTIVITY_CALLER_ADDRESS, i, rows[i].caller_address);
        set_text(chunk, ACTIVITY_CATEGORY, i, rows[i].category);
        set_text(chunk, ACTIVITY_PROPERTIES, i, rows[i].properties);
        set_text(chunk, ACTIVITY_CORRELATION_ID, i, rows[i].correlation_id);
    }
}

static const struct table raw_event_table = {
    "raw_event", raw_types, RAW_COLUMNS, sizeof(struct vd_raw_event), fill_raw_events};
static const struct table flow_table = {
    "flow", flow_types, FLOW_COLUMNS, sizeof(struct vd_flow_row), fill_flows};
static const struct table diagnostic_table = {"diagnostic", diagnostic_types, DIAGNOSTIC_COLUMNS,
    sizeof(struct vd_diagnostic), fill_diagnostics};

static const struct table activity_table = {
    "activity", activity_types, ACTIVITY_COLUMNS, sizeof(struct vd_activity_row), fill_activities};

static duckdb_data_chunk make_chunk(const struct table *table)
{
    duckdb_logical_type types[COLUMNS_MAX];
    duckdb_data_chunk chunk;

    for (size_t i = 0; i < table->columns; i++) {
        types[i] = duckdb_create_logical_type(table->types[i]);
    }
    chunk = duckdb_create_data_chunk(types, table->columns);
    for (size_t i = 0; i < table->columns; i++) {
        duckdb_destroy_logical_type(&types[i]);
    }
    return chunk;
}

static int appender_error(duckdb_appender appender, char *text, size_t text_size)
{
    duckdb_error_data data = duckdb_appender_error_data(appender);
    const char *message = duckdb_error_data_message(data);
    int error = vd_duckdb_error(duckdb_error_data_error_type(data), message);

    snprintf(text, text_size, "%s", message != NULL ? message : "appending failed");
    duckdb_destroy_error_data(&data);
    return error;
}

static int append_rows(struct vd_duckdb *store, const char *catalog, const struct table *table,
    const void *rows, size_t count, char *text, size_t text_size)
{
    size_t chunk_rows = duckdb_vector_size();
    duckdb_appender appender = NULL;
    duckdb_data_chunk chunk;
    int error = VD_OK;

    if (count == 0) {
        return VD_OK;
    }
    chunk = make_chunk(table);
    if (duckdb_appender_create_ext(store->writer, catalog, "main", table->name, &appender) !=
        DuckDBSuccess) {
        error = appender_error(appender, text, text_size);
    }
    for (size_t done = 0; error == VD_OK && done < count;) {
        size_t n = count - done < chunk_rows ? count - done : chunk_rows;

        duckdb_data_chunk_reset(chunk);
        table->fill(chunk, (const char *)rows + done * table->row_size, n);
        duckdb_data_chunk_set_size(chunk, n);
        if (duckdb_append_data_chunk(appender, chunk) != DuckDBSuccess) {
            error = appender_error(appender, text, text_size);
        }
        done += n;
    }
    if (error == VD_OK && duckdb_appender_close(appender) != DuckDBSuccess) {
        error = appender_error(appender, text, text_size);
    }
    duckdb_appender_destroy(&appender);
    duckdb_destroy_data_chunk(&chunk);
    return error;
}

int vd_duckdb_rows_append(struct vd_duckdb *store, const char *catalog,
    const struct vd_table_rows *rows, char *text, size_t text_size)
{
    const struct {
        const struct table *table;
        const void *rows;
        size_t count;
    } kinds[] = {
        {&raw_event_table, rows->raw_events, rows->raw_event_count},
        {&flow_table, rows->flows, rows->flow_count},
        {&diagnostic_table, rows->diagnostics, rows->diagnostic_count},
        {&activity_table, rows->activities, rows->activity_count},
    };
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof kinds / sizeof kinds[0]; i++) {
        error = append_rows(
            store, catalog, kinds[i].table, kinds[i].rows, kinds[i].count, text, text_size);
    }
    return error;
}
