/* SPDX-License-Identifier: MIT */
/* The query tables in DuckDB: opening the folder, and appending rows together with the sink's offset. */

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"

#define MEMORY_LIMIT_DEFAULT_MIB 512
#define THREADS_DEFAULT          2
#define LOCK_NAME                "vedette.lock"
#define LOG_BURST                5

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

#define COLUMNS_MAX 16 /* of any table */
_Static_assert((int)RAW_COLUMNS <= COLUMNS_MAX && (int)DIAGNOSTIC_COLUMNS <= COLUMNS_MAX &&
        (int)ACTIVITY_COLUMNS <= COLUMNS_MAX,
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

static struct vd_duckdb *duckdb_of(struct vd_analytics *analytics)
{
    return (struct vd_duckdb *)(void *)analytics;
}

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

static int append_transaction(struct vd_duckdb *store, const char *catalog,
    const struct vd_table_rows *rows, uint64_t next_offset, char *text, size_t text_size)
{
    char sql[96];
    int error = vd_duckdb_run(store->writer, "BEGIN TRANSACTION", text, text_size);

    if (error == VD_OK) {
        error = append_rows(store, catalog, &raw_event_table, rows->raw_events,
            rows->raw_event_count, text, text_size);
    }
    if (error == VD_OK) {
        error = append_rows(store, catalog, &diagnostic_table, rows->diagnostics,
            rows->diagnostic_count, text, text_size);
    }
    if (error == VD_OK) {
        error = append_rows(store, catalog, &activity_table, rows->activities, rows->activity_count,
            text, text_size);
    }
    if (error == VD_OK) {
        snprintf(sql, sizeof sql, "UPDATE %s.main.vd_meta SET next_offset = %llu", catalog,
            (unsigned long long)next_offset);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_run(store->writer, "COMMIT", text, text_size);
    }
    return error;
}

/* After a failure: rolls back, and finds out whether the instance still works. */
static void recover(struct vd_duckdb *store, const char *catalog)
{
    char ignored[VD_DUCKDB_TEXT_SIZE];
    char sql[96];
    bool rolled_back;

    rolled_back = vd_duckdb_run(store->writer, "ROLLBACK", ignored, sizeof ignored) == VD_OK;
    snprintf(sql, sizeof sql, "SELECT next_offset FROM %s.main.vd_meta", catalog);
    /* A rollback also fails where the failure has ended the transaction: reading decides. */
    if (vd_duckdb_run(store->writer, sql, ignored, sizeof ignored) != VD_OK) {
        store->broken = true;
    }
    if (!rolled_back) {
        vd_log(VD_LOG_DEBUG, "analytics.rollback_failed", "broken=%d", store->broken ? 1 : 0);
    }
}

static void tell(struct vd_duckdb *store, const char *event, const char *text)
{
    uint32_t held_back;

    if (vd_log_allowed(&store->log_limit, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_WARN, event, "held_back=%u problem=\"%.300s\"", held_back, text);
    }
}

/* Opens the instance anew if it refuses to work. */
static int ensure_working(struct vd_duckdb *store)
{
    char text[VD_DUCKDB_TEXT_SIZE] = "";
    int error = VD_OK;

    if (!store->broken) {
        return VD_OK;
    }
    vd_duckdb_interrupt_all(store);
    pthread_rwlock_wrlock(&store->instance_lock);
    vd_duckdb_instance_close(store);
    error = vd_duckdb_instance_open(store, text, sizeof text);
    pthread_rwlock_unlock(&store->instance_lock);
    if (error != VD_OK) {
        tell(store, "analytics.reopen_failed", text);
    }
    return error;
}

/* The day whose file takes rows of `day`: never one before the newest. */
static int32_t file_day(const struct vd_duckdb *store, int32_t day)
{
    if (store->day_count > 0 && store->days[store->day_count - 1] > day) {
        return store->days[store->day_count - 1];
    }
    return day;
}

/* The newest day of which there are rows; of the clock where there are none. */
static int32_t day_of(const struct vd_duckdb *store, const struct vd_table_rows *rows)
{
    int64_t newest_ms = INT64_MIN;

    if (rows->raw_event_count > 0) {
        newest_ms = rows->raw_events[rows->raw_event_count - 1].time_generated_ms;
    }
    if (rows->diagnostic_count > 0 &&
        rows->diagnostics[rows->diagnostic_count - 1].time_generated_ms > newest_ms) {
        newest_ms = rows->diagnostics[rows->diagnostic_count - 1].time_generated_ms;
    }
    if (rows->activity_count > 0 &&
        rows->activities[rows->activity_count - 1].time_generated_ms > newest_ms) {
        newest_ms = rows->activities[rows->activity_count - 1].time_generated_ms;
    }
    if (newest_ms == INT64_MIN && store->day_count > 0) {
        return store->days[store->day_count - 1]; /* only the offset moves */
    }
    return vd_time_day(newest_ms != INT64_MIN ? newest_ms : vd_clock_utc_ms());
}

static int duckdb_store_append(
    struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset)
{
    struct vd_duckdb *store = duckdb_of(analytics);
    char text[VD_DUCKDB_TEXT_SIZE] = "";
    char catalog[32];
    int32_t day;
    int error = ensure_working(store);

    if (error != VD_OK) {
        return error;
    }
    day = file_day(store, day_of(store, rows));
    vd_duckdb_day_catalog(day, catalog);
    error = vd_duckdb_day_ensure(store, day, text, sizeof text);
    if (error == VD_OK) {
        error = append_transaction(store, catalog, rows, next_offset, text, sizeof text);
        if (error != VD_OK) {
            recover(store, catalog);
        }
    }
    if (error != VD_OK) {
        tell(store, "analytics.append_failed", text);
        return error;
    }
    store->next_offset = next_offset;
    return VD_OK;
}

static int duckdb_store_offset(struct vd_analytics *analytics, uint64_t *next_offset)
{
    struct vd_duckdb *store = duckdb_of(analytics);
    int error = ensure_working(store);

    if (error == VD_OK) {
        *next_offset = store->next_offset;
    }
    return error;
}

static int duckdb_store_query(struct vd_analytics *analytics, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size)
{
    return vd_duckdb_query(duckdb_of(analytics), sql, limits, result, error_text, error_size);
}

static uint32_t duckdb_store_queries_running(struct vd_analytics *analytics)
{
    return vd_duckdb_running_count(duckdb_of(analytics));
}

static void duckdb_store_close(struct vd_analytics *analytics)
{
    struct vd_duckdb *store = duckdb_of(analytics);

    vd_duckdb_interrupt_all(store);
    vd_duckdb_watchdog_stop(store);
    vd_duckdb_instance_close(store);
    pthread_rwlock_destroy(&store->instance_lock);
    pthread_mutex_destroy(&store->queries_mutex);
    pthread_cond_destroy(&store->queries_changed);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    free(store->days);
    free(store->folder);
    free(store->resource_id);
    free(store);
}

static const struct vd_analytics_ops duckdb_ops = {
    .append = duckdb_store_append,
    .offset = duckdb_store_offset,
    .query = duckdb_store_query,
    .queries_running = duckdb_store_queries_running,
    .close = duckdb_store_close,
};

/* Makes the folder and takes its lock. */
static int take_folder(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_buf path = {0};
    int error = VD_OK;

    if (mkdir(store->folder, 0700) != 0 && errno != EEXIST) {
        error = vd_error_from_errno(errno);
        snprintf(text, text_size, "cannot make %s", store->folder);
        return error;
    }
    vd_buf_printf(&path, "%s/%s", store->folder, LOCK_NAME);
    vd_buf_append(&path, "", 1);
    if (path.error == VD_OK) {
        store->lock_fd =
            open((const char *)path.data, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->lock_fd < 0 || flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
            error = vd_error_from_errno(errno);
            snprintf(text, text_size, "%s: %s", store->folder,
                error == VD_E_BUSY ? "in use by another process" : "cannot be locked");
        }
    } else {
        error = path.error;
    }
    vd_buf_release(&path);
    return error;
}

static struct vd_duckdb *store_new(const struct vd_duckdb_options *options)
{
    struct vd_duckdb *store = calloc(1, sizeof *store);
    pthread_rwlockattr_t attributes;

    if (store == NULL) {
        return NULL;
    }
    store->base.ops = &duckdb_ops;
    store->lock_fd = -1;
    store->log_limit.burst = LOG_BURST;
    store->memory_limit_mib =
        options->memory_limit_mib != 0 ? options->memory_limit_mib : MEMORY_LIMIT_DEFAULT_MIB;
    store->threads = options->threads != 0 ? options->threads : THREADS_DEFAULT;
    /* A stream of queries must not keep a broken instance from being replaced. */
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&store->instance_lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    pthread_mutex_init(&store->queries_mutex, NULL);
    store->folder = strdup(options->folder);
    store->resource_id = strdup(options->resource_id != NULL ? options->resource_id : "");
    return store;
}

/* The folder as an absolute path: what DuckDB may reach is given so. */
static int resolve_folder(struct vd_duckdb *store)
{
    char *absolute = realpath(store->folder, NULL);

    if (absolute == NULL) {
        return vd_error_from_errno(errno);
    }
    free(store->folder);
    store->folder = absolute;
    return VD_OK;
}

int vd_analytics_duckdb_open(const struct vd_duckdb_options *options, struct vd_analytics **out,
    char *error_text, size_t error_size)
{
    struct vd_duckdb *store = store_new(options);
    int error;

    if (error_size > 0) {
        error_text[0] = '\0';
    }
    if (store == NULL) {
        return VD_E_NOMEM;
    }
    error = store->folder != NULL && store->resource_id != NULL
        ? take_folder(store, error_text, error_size)
        : VD_E_NOMEM;
    if (error == VD_OK) {
        error = resolve_folder(store);
    }
    if (error == VD_OK) {
        error = vd_duckdb_instance_open(store, error_text, error_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_watchdog_start(store);
    }
    if (error != VD_OK) {
        if (error_size > 0 && error_text[0] == '\0') {
            snprintf(error_text, error_size, "%s", vd_error_text(error));
        }
        duckdb_store_close(&store->base);
        return error;
    }
    *out = &store->base;
    return VD_OK;
}
