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

static struct vd_duckdb *duckdb_of(struct vd_analytics *analytics)
{
    return (struct vd_duckdb *)(void *)analytics;
}

static int append_transaction(struct vd_duckdb *store, const char *catalog,
    const struct vd_table_rows *rows, uint64_t next_offset, char *text, size_t text_size)
{
    char sql[96];
    int error = vd_duckdb_run(store->writer, "BEGIN TRANSACTION", text, text_size);

    if (error == VD_OK) {
        error = vd_duckdb_rows_append(store, catalog, rows, text, text_size);
    }
    if (error == VD_OK) {
        snprintf(sql, sizeof sql, "UPDATE %s.main.vd_meta SET next_offset = %llu", catalog,
            (unsigned long long)next_offset);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_run(store->writer, "COMMIT", text, text_size);
        /* A commit that fails may have been kept, and leaves tables that miss rows (DuckDB 1.4: the checkpoint that goes with
           it had too little memory). What is on the disk is whole, and its offset says what is in it. */
        store->broken = store->broken || error != VD_OK;
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
    vd_duckdb_rewrite_stop(store);
    vd_duckdb_copy_stop(store);
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

static bool has_day(const struct vd_duckdb *store, int32_t day)
{
    for (size_t i = 0; i < store->day_count; i++) {
        if (store->days[i].day == day) {
            return true;
        }
    }
    return false;
}

/* The day whose file takes rows of `day`. A clock that is set right by less than a day or two goes on in the file that it wrote
 * last; one that was years ahead leaves that behind. While there is a copy, files that are not the current one are linked. */
static int32_t file_day(const struct vd_duckdb *store, int32_t day)
{
    const int32_t current =
        store->day_count > 0 ? store->days[vd_duckdb_day_current(store)].day : day;

    if (current == day + 1 || (vd_duckdb_copy_is_under_way(store) && has_day(store, day))) {
        return current;
    }
    return day;
}

/* The newest day of which there are rows; the current one where there are none: only the offset moves. */
static int32_t day_of(const struct vd_duckdb *store, const struct vd_table_rows *rows)
{
    int64_t newest_ms = INT64_MIN;

    if (rows->raw_event_count > 0) {
        newest_ms = rows->raw_events[rows->raw_event_count - 1].time_generated_ms;
    }
    if (rows->flow_count > 0 && rows->flows[rows->flow_count - 1].time_generated_ms > newest_ms) {
        newest_ms = rows->flows[rows->flow_count - 1].time_generated_ms;
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
        return store->days[vd_duckdb_day_current(store)].day;
    }
    return vd_time_day(newest_ms != INT64_MIN ? newest_ms : vd_clock_utc_ms());
}

/* The place of that day's file, made if there is none. A day that was past is not written anew while rows come to it. */
static int take_day(
    struct vd_duckdb *store, int32_t day, size_t *place, char *text, size_t text_size)
{
    int error;

    if (store->rewrite.is_under_way && store->rewrite.from.day == day) {
        vd_duckdb_rewrite_stop(store);
    }
    error = vd_duckdb_day_ensure(store, day, text, text_size);
    for (size_t i = 0; error == VD_OK && i < store->day_count; i++) {
        *place = store->days[i].day == day ? i : *place;
    }
    return error;
}

static int duckdb_store_append(
    struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset)
{
    struct vd_duckdb *store = duckdb_of(analytics);
    char text[VD_DUCKDB_TEXT_SIZE] = "";
    char catalog[32];
    size_t place = 0;
    int error = ensure_working(store);

    if (error != VD_OK) {
        return error;
    }
    error = take_day(store, file_day(store, day_of(store, rows)), &place, text, sizeof text);
    if (error == VD_OK) {
        vd_duckdb_day_catalog(&store->days[place], catalog);
        error = append_transaction(store, catalog, rows, next_offset, text, sizeof text);
        if (error != VD_OK && !store->broken) {
            recover(store, catalog);
        }
    }
    if (error != VD_OK) {
        tell(store, "analytics.append_failed", text);
        return error;
    }
    store->days[place].next_offset = next_offset;
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

static int duckdb_store_maintain(struct vd_analytics *analytics, int64_t now_ms)
{
    struct vd_duckdb *store = duckdb_of(analytics);
    char text[VD_DUCKDB_TEXT_SIZE] = "";
    int error = ensure_working(store);

    if (error == VD_OK) {
        pthread_mutex_lock(&store->stats_mutex);
        store->keep = store->next_keep;
        pthread_mutex_unlock(&store->stats_mutex);
        error = vd_duckdb_maintain(store, now_ms, text, sizeof text);
        if (error != VD_OK) {
            tell(store, "analytics.maintain_failed", text);
        }
    }
    return error;
}

static void duckdb_store_set_keep(
    struct vd_analytics *analytics, const struct vd_analytics_keep *keep)
{
    struct vd_duckdb *store = duckdb_of(analytics);

    pthread_mutex_lock(&store->stats_mutex);
    store->next_keep = *keep;
    pthread_mutex_unlock(&store->stats_mutex);
}

static void duckdb_store_stats(struct vd_analytics *analytics, struct vd_analytics_stats *out)
{
    struct vd_duckdb *store = duckdb_of(analytics);

    pthread_mutex_lock(&store->stats_mutex);
    *out = store->stats;
    pthread_mutex_unlock(&store->stats_mutex);
}

static int duckdb_store_copy_begin(
    struct vd_analytics *analytics, char *error_text, size_t error_size)
{
    struct vd_duckdb *store = duckdb_of(analytics);
    int error = ensure_working(store);

    return error == VD_OK ? vd_duckdb_copy_begin(store, error_text, error_size) : error;
}

static int duckdb_store_copy_finish(
    struct vd_analytics *analytics, const char **folder, char *error_text, size_t error_size)
{
    return vd_duckdb_copy_finish(duckdb_of(analytics), folder, error_text, error_size);
}

static void duckdb_store_copy_end(struct vd_analytics *analytics)
{
    vd_duckdb_copy_end(duckdb_of(analytics));
}

/* So that the next start has nothing to repeat; where it fails the log stays beside its file. */
static void write_checkpoints(struct vd_duckdb *store)
{
    char ignored[VD_DUCKDB_TEXT_SIZE];
    char catalog[32];
    char sql[64];

    for (size_t i = 0; i < store->day_count && !store->broken; i++) {
        if (vd_duckdb_day_has_log(store, &store->days[i])) {
            vd_duckdb_day_catalog(&store->days[i], catalog);
            snprintf(sql, sizeof sql, "CHECKPOINT %s", catalog);
            store->broken = vd_duckdb_run(store->writer, sql, ignored, sizeof ignored) != VD_OK;
        }
    }
}

static void duckdb_store_close(struct vd_analytics *analytics)
{
    struct vd_duckdb *store = duckdb_of(analytics);

    vd_duckdb_rewrite_stop(store);
    vd_duckdb_interrupt_all(store);
    vd_duckdb_watchdog_stop(store);
    write_checkpoints(store);
    vd_duckdb_instance_close(store);
    pthread_rwlock_destroy(&store->instance_lock);
    pthread_mutex_destroy(&store->queries_mutex);
    pthread_mutex_destroy(&store->stats_mutex);
    pthread_cond_destroy(&store->queries_changed);
    pthread_mutex_destroy(&store->copy.mutex);
    free(store->copy.folder);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    free(store->days);
    free(store->folder);
    free(store->resource_id);
    free(store->hub);
    free(store->center_path);
    free(store);
}

static const struct vd_analytics_ops duckdb_ops = {
    .append = duckdb_store_append,
    .offset = duckdb_store_offset,
    .query = duckdb_store_query,
    .queries_running = duckdb_store_queries_running,
    .maintain = duckdb_store_maintain,
    .set_keep = duckdb_store_set_keep,
    .stats = duckdb_store_stats,
    .copy_begin = duckdb_store_copy_begin,
    .copy_finish = duckdb_store_copy_finish,
    .copy_end = duckdb_store_copy_end,
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

/* What is copied; NULL without memory. */
static void set_names(struct vd_duckdb *store, const struct vd_duckdb_options *options)
{
    const char *id = options->resource_id != NULL ? options->resource_id : "";
    const char *slash = strrchr(id, '/');

    store->resource_id = strdup(id);
    store->hub = strdup(slash != NULL ? slash + 1 : id);
    if (options->center_path != NULL) {
        store->center_path = strdup(options->center_path);
    }
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
    pthread_mutex_init(&store->stats_mutex, NULL);
    pthread_mutex_init(&store->copy.mutex, NULL);
    store->next_keep = options->keep;
    store->folder = strdup(options->folder);
    set_names(store, options);
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
    error = store->folder != NULL && store->resource_id != NULL && store->hub != NULL &&
            (store->center_path != NULL || options->center_path == NULL)
        ? take_folder(store, error_text, error_size)
        : VD_E_NOMEM;
    if (error == VD_OK) {
        error = resolve_folder(store);
    }
    if (error == VD_OK) {
        error = vd_duckdb_copy_init(store);
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
