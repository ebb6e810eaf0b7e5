/* SPDX-License-Identifier: MIT */
/* Feeds at rest, as rows: read, listed and removed. */

#include "center/store/feeds.h"

#include <stdatomic.h>
#include <time.h>

#include "center/store/feed_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"
#include "lib/log.h"

/* ---- Rows ---- */

void vd_feed_row_release(struct vd_feed_row *row)
{
    free(row->name);
    json_decref(row->settings);
    *row = (struct vd_feed_row){0};
}

static void read_row(sqlite3_stmt *s, struct vd_feed_row *row)
{
    const char *name = (const char *)sqlite3_column_text(s, 0);
    const char *file = (const char *)sqlite3_column_text(s, 2);

    row->name = strdup(name != NULL ? name : "");
    row->settings = json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL);
    snprintf(row->file, sizeof row->file, "%s", file != NULL ? file : "");
    row->fetched_ms = sqlite3_column_int64(s, 3);
    row->source_ns = sqlite3_column_int64(s, 4);
}

int vd_feed_rows_each(struct vd_alert_store *store, const char *name,
    int (*visit)(struct vd_feed_row *row, void *context), void *context)
{
    struct vd_feed_row *rows = NULL;
    size_t count = 0;
    sqlite3_stmt *s = NULL;
    int code;
    int error;

    /* Rows are read out first: what is done with one may take long, and lock. */
    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT name, settings, file, fetched_ms, source_ns FROM feeds"
        " WHERE ?1 IS NULL OR name = ?1 ORDER BY number",
        -1, &s, NULL);
    error = vd_sqlite_error(code);
    rows = calloc(VD_FEEDS_MAX, sizeof *rows);
    if (error == VD_OK && rows == NULL) {
        error = VD_E_NOMEM;
    }
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    while (error == VD_OK && count < VD_FEEDS_MAX && (code = sqlite3_step(s)) == SQLITE_ROW) {
        read_row(s, &rows[count++]);
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(code);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    for (size_t i = 0; i < count; i++) {
        if (error == VD_OK) {
            error = rows[i].name == NULL ? VD_E_NOMEM : visit(&rows[i], context);
        }
        vd_feed_row_release(&rows[i]);
    }
    free(rows);
    return error;
}

int vd_feed_row_take(struct vd_feed_row *row, void *context)
{
    *(struct vd_feed_row *)context = *row;
    *row = (struct vd_feed_row){0};
    return VD_OK;
}

int vd_feed_finish(struct vd_alert_store *store, int error)
{
    int64_t generation = 0;

    if (error == VD_OK) {
        error = vd_alert_meta_get(store, VD_FEED_GENERATION, &generation);
    }
    if (error == VD_OK) {
        error = vd_alert_meta_set(store, VD_FEED_GENERATION, generation + 1);
    }
    return vd_alert_store_end(store, error);
}

static int remove_feed(struct vd_alert_store *store, const char *name)
{
    struct vd_feed_row old = {0};
    sqlite3_stmt *s;
    int error = vd_feed_rows_each(store, name, vd_feed_row_take, &old);

    if (error == VD_OK) {
        error = vd_alert_store_begin(store);
    }
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_FEED_REMOVE);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        error = vd_alert_sql_run(store, VD_SQL_FEED_REMOVE);
        if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
            error = VD_E_NOT_FOUND;
        }
        if (error == VD_OK) {
            error = vd_feed_source_remove(store, name);
        }
        error = vd_feed_finish(store, error);
    }
    if (error == VD_OK) {
        vd_feed_file_remove(store->intel_folder, old.file);
    }
    vd_feed_row_release(&old);
    return error;
}

int vd_feeds_remove(struct vd_alert_store *store, const char *name)
{
    int error;

    pthread_mutex_lock(&store->feeds_mutex);
    error = remove_feed(store, name);
    pthread_mutex_unlock(&store->feeds_mutex);
    return error;
}

/* ---- Reading ---- */

static json_t *time_json(int64_t utc_ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (utc_ms == 0) {
        return json_null();
    }
    vd_time_format(utc_ms, text);
    return json_string(text);
}

/* Of a column that may be empty. */
static json_t *text_json(sqlite3_stmt *s, int column)
{
    return sqlite3_column_bytes(s, column) > 0 ? vd_sqlite_json_text(s, column) : json_null();
}

/* What is known of the URL of a feed that has one. */
static json_t *source_json(sqlite3_stmt *s)
{
    if (sqlite3_column_type(s, 6) == SQLITE_NULL) {
        return json_null();
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "credential", text_json(s, 6), "next",
        time_json(sqlite3_column_int64(s, 7)), "etag", text_json(s, 8), "lastModified",
        text_json(s, 9), "addedAfter", text_json(s, 10), "failures",
        (json_int_t)sqlite3_column_int64(s, 11));
}

static json_t *feed_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "name",
        vd_sqlite_json_text(s, 0), "settings",
        json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL), "lastSuccess",
        time_json(sqlite3_column_int64(s, 2)), "lastAttempt", time_json(sqlite3_column_int64(s, 3)),
        "error", sqlite3_column_type(s, 4) == SQLITE_NULL ? json_null() : vd_sqlite_json_text(s, 4),
        "report", json_loads((const char *)sqlite3_column_text(s, 5), 0, NULL), "source",
        source_json(s), "alerts", (json_int_t)sqlite3_column_int64(s, 12), "lastAlert",
        time_json(sqlite3_column_int64(s, 13)));
}

int vd_feeds_list(struct vd_alert_store *store, const char *name, json_t **feeds)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT f.name, settings, max(fetched_ms, coalesce(checked_ms, 0)),"
        " coalesce(s.attempted_ms, f.attempted_ms), error, report, credential, abs(next_ms), etag,"
        " last_modified, added_after, failures,"
        " (SELECT count(*) FROM alerts WHERE indicator_source = f.name),"
        " coalesce((SELECT generated_ms FROM alerts WHERE indicator_source = f.name"
        " ORDER BY number DESC LIMIT 1), 0)"
        " FROM feeds AS f LEFT JOIN feed_sources AS s ON s.name = f.name"
        " WHERE ?1 IS NULL OR f.name = ?1 ORDER BY f.name");

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    return vd_rows_end(store, s, feed_json, feeds);
}

int vd_feeds_generation(struct vd_alert_store *store, int64_t *generation)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, VD_FEED_GENERATION, generation);
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}

void vd_feeds_set_in_use(struct vd_alert_store *store, int64_t generation)
{
    atomic_store(&store->feeds_in_use, generation);
}

bool vd_feeds_wait_in_use(struct vd_alert_store *store, int64_t timeout_ms)
{
    const struct timespec step = {0, 10 * 1000000L};
    const int64_t until_ms = vd_clock_monotonic_ms() + timeout_ms;
    int64_t generation = 0;

    if (vd_feeds_generation(store, &generation) != VD_OK) {
        return false;
    }
    while (atomic_load(&store->feeds_in_use) < generation) {
        if (vd_clock_monotonic_ms() >= until_ms) {
            return false;
        }
        nanosleep(&step, NULL);
    }
    return true;
}

int vd_feeds_count(struct vd_alert_store *store, uint64_t *count)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT coalesce(sum(report ->> 'used'), 0) FROM feeds"
        " WHERE coalesce(settings ->> 'enabled', 1)"
        " AND coalesce(settings ->> 'kind', 'indicators') = 'indicators'",
        -1, &s, NULL);
    if (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        *count = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
