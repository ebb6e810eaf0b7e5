/* SPDX-License-Identifier: MIT */
/* Feeds at rest: what is put is read first, its text becomes a file, and the row that names it comes last. */

#include "center/store/feeds.h"

#include <stdatomic.h>
#include <time.h>

#include "center/intel/feed_report.h"
#include "center/store/feed_internal.h"
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

static int take_row(struct vd_feed_row *row, void *context)
{
    *(struct vd_feed_row *)context = *row;
    *row = (struct vd_feed_row){0};
    return VD_OK;
}

static int finish(struct vd_alert_store *store, int error)
{
    int64_t generation = 0;

    if (error == VD_OK) {
        error = vd_alert_meta_get(store, VD_FEED_GENERATION, &generation);
    }
    if (error == VD_OK) {
        error = vd_alert_meta_set(store, VD_FEED_GENERATION, generation + 1);
    }
    if (error == VD_OK) {
        return vd_alert_store_commit(store);
    }
    vd_alert_store_rollback(store);
    return error;
}

/* ---- Putting ---- */

/* What a row is to become. */
struct change {
    const char *name;
    const json_t *settings;
    char file[VD_FEED_FILE_SIZE];
    int64_t fetched_ms;
    int64_t now_ms;
    int64_t source_ns;
    struct vd_feed_report *report;
};

static int put_row(struct vd_alert_store *store, const struct change *change)
{
    char *settings = json_dumps(change->settings, JSON_COMPACT);
    json_t *report_json = vd_feed_report_json(change->report);
    char *report = report_json != NULL ? json_dumps(report_json, JSON_COMPACT) : NULL;
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_FEED_PUT);
    int error = VD_E_NOMEM;

    if (settings != NULL && report != NULL) {
        sqlite3_bind_text(s, 1, change->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, settings, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, change->file, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, change->fetched_ms);
        sqlite3_bind_int64(s, 5, change->now_ms);
        sqlite3_bind_int64(s, 6, change->source_ns);
        sqlite3_bind_text(s, 7, report, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 8, VD_FEEDS_MAX);
        error = vd_alert_sql_run(store, VD_SQL_FEED_PUT);
        if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
            error = VD_E_LIMIT;
        }
    }
    json_decref(report_json);
    free(settings);
    free(report);
    return error;
}

static int commit_change(struct vd_alert_store *store, const struct change *change)
{
    int error = vd_alert_store_begin(store);

    return error == VD_OK ? finish(store, put_row(store, change)) : error;
}

/* Reads the text as the settings say. */
static int check_text(const struct vd_feed_settings *settings, struct vd_str text,
    int64_t fetched_ms, int64_t now_ms, struct vd_feed_report *report, char *problem)
{
    struct vd_feed_parse parse = settings->parse;
    int error;

    parse.now_ms = now_ms;
    parse.fetched_ms = fetched_ms;
    error = vd_feed_parse(&parse, text, report);
    if (error == VD_E_INVALID) {
        vd_feed_problem_text(&report->fault, problem, VD_FEED_PROBLEM_SIZE);
    } else if (error == VD_E_LIMIT) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE, "the text is longer than a feed may be");
    }
    return error;
}

/* Checks a text that is new, writes it and makes the row name it. */
static int put_text(struct vd_alert_store *store, const struct vd_feed_settings *settings,
    struct vd_str text, struct change *change, char *problem)
{
    int error = check_text(settings, text, change->now_ms, change->now_ms, change->report, problem);

    if (error == VD_OK) {
        error = vd_feed_file_write(store->intel_folder, text, change->file);
    }
    if (error != VD_OK) {
        return error;
    }
    change->fetched_ms = change->now_ms;
    error = commit_change(store, change);
    if (error != VD_OK) {
        vd_feed_file_remove(store->intel_folder, change->file);
    }
    return error;
}

/* New settings for the text that is there. */
static int put_settings(struct vd_alert_store *store, const struct vd_feed_row *old,
    const struct vd_feed_settings *settings, struct change *change, char *problem)
{
    char path[VD_FEED_PATH_SIZE + VD_FEED_FILE_SIZE];
    struct vd_feed_text text = {0};
    int error;

    snprintf(path, sizeof path, "%s/%s", store->intel_folder, old->file);
    error = vd_feed_text_map(path, &text);
    if (error == VD_OK) {
        error = check_text(
            settings, text.text, old->fetched_ms, change->now_ms, change->report, problem);
        vd_feed_text_unmap(&text);
    }
    memcpy(change->file, old->file, sizeof change->file);
    change->fetched_ms = old->fetched_ms;
    return error == VD_OK ? commit_change(store, change) : error;
}

static int put_source(struct vd_alert_store *store, const struct vd_feed_put *put,
    const struct vd_feed_row *old, const struct vd_feed_settings *settings, struct change *change,
    char *problem)
{
    struct vd_buf read = {.max = VD_FEED_BYTES_MAX};
    int error;

    if (settings->file == NULL && put->text != NULL) {
        return put_text(store, settings, *put->text, change, problem);
    }
    if (settings->file == NULL && old->name != NULL) {
        return put_settings(store, old, settings, change, problem);
    }
    if (settings->file == NULL || put->text != NULL) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE,
            settings->file == NULL ? "a new feed needs a file or a text"
                                   : "a feed has a file or a text, not both");
        return VD_E_INVALID;
    }
    error = vd_feed_text_read(settings->file, &read, &change->source_ns);
    if (error == VD_OK) {
        error = put_text(store, settings, (struct vd_str){(const char *)read.data, read.length},
            change, problem);
    } else {
        snprintf(
            problem, VD_FEED_PROBLEM_SIZE, "file %.160s: %s", settings->file, vd_error_text(error));
        error = error == VD_E_NOMEM ? error : VD_E_INVALID;
    }
    vd_buf_release(&read);
    return error;
}

int vd_feeds_put(struct vd_alert_store *store, const struct vd_feed_put *put,
    struct vd_feed_report *report, char problem[VD_FEED_PROBLEM_SIZE])
{
    struct vd_feed_row old = {0};
    struct vd_feed_settings settings = {0};
    json_t *empty = json_object();
    struct change change = {.name = put->name, .now_ms = put->now_ms, .report = report};
    int error = vd_feed_rows_each(store, put->name, take_row, &old);

    *report = (struct vd_feed_report){0};
    if (error == VD_OK) {
        change.settings = put->settings != NULL ? put->settings
            : old.settings != NULL              ? old.settings
                                                : empty;
        error = vd_feed_settings_read(change.settings, &settings, problem);
    }
    if (error == VD_OK) {
        error = put_source(store, put, &old, &settings, &change, problem);
    }
    if (error == VD_OK && strcmp(old.file, change.file) != 0) {
        vd_feed_file_remove(store->intel_folder, old.file);
    }
    vd_feed_settings_release(&settings);
    vd_feed_row_release(&old);
    json_decref(empty);
    return error;
}

int vd_feeds_remove(struct vd_alert_store *store, const char *name)
{
    struct vd_feed_row old = {0};
    sqlite3_stmt *s;
    int error = vd_feed_rows_each(store, name, take_row, &old);

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
        error = finish(store, error);
    }
    if (error == VD_OK) {
        vd_feed_file_remove(store->intel_folder, old.file);
    }
    vd_feed_row_release(&old);
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

int vd_feeds_list(struct vd_alert_store *store, const char *name, json_t **feeds)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT name, settings, fetched_ms, attempted_ms, error, report FROM feeds"
        " WHERE ?1 IS NULL OR name = ?1 ORDER BY name",
        -1, &s, NULL);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        json_array_append_new(array,
            json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "name", vd_sqlite_json_text(s, 0),
                "settings", json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL),
                "lastSuccess", time_json(sqlite3_column_int64(s, 2)), "lastAttempt",
                time_json(sqlite3_column_int64(s, 3)), "error",
                sqlite3_column_type(s, 4) == SQLITE_NULL ? json_null() : vd_sqlite_json_text(s, 4),
                "report", json_loads((const char *)sqlite3_column_text(s, 5), 0, NULL)));
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (vd_sqlite_error(code) != VD_OK) {
        json_decref(array);
        return vd_sqlite_error(code);
    }
    *feeds = array;
    return VD_OK;
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

/* ---- Refreshing ---- */

struct refresh {
    struct vd_alert_store *store;
    bool is_asked; /* whether it has changed or not */
    bool has_any;
    int64_t now_ms;
};

/* Keeps why an attempt failed; the feed has what it had. */
static int put_failure(struct vd_alert_store *store, const struct vd_feed_row *row,
    const char *problem, int64_t source_ns, int64_t now_ms)
{
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    s = vd_alert_sql(store, VD_SQL_FEED_FAILED);
    sqlite3_bind_text(s, 1, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, now_ms);
    sqlite3_bind_text(s, 3, problem, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 4, source_ns);
    error = vd_alert_sql_run(store, VD_SQL_FEED_FAILED);
    if (error == VD_OK) {
        return vd_alert_store_commit(store);
    }
    vd_alert_store_rollback(store);
    return error;
}

static int refresh_row(struct vd_feed_row *row, void *context)
{
    struct refresh *r = context;
    struct vd_feed_settings settings = {0};
    struct vd_feed_report report = {0};
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    const struct vd_feed_put put = {.name = row->name, .now_ms = r->now_ms};
    int64_t source_ns = VD_FEED_SOURCE_ABSENT;
    int error = vd_feed_settings_read(row->settings, &settings, problem);

    if (error != VD_OK || settings.file == NULL) {
        vd_feed_settings_release(&settings);
        return error == VD_E_INVALID ? VD_OK : error;
    }
    r->has_any = true;
    (void)!vd_feed_source_time(settings.file, &source_ns);
    vd_feed_settings_release(&settings);
    if (!r->is_asked && source_ns == row->source_ns) {
        return VD_OK;
    }
    error = vd_feeds_put(r->store, &put, &report, problem);
    if (error == VD_E_INVALID || error == VD_E_LIMIT) {
        vd_log(VD_LOG_WARN, "intel.refused", "feed=\"%s\" problem=\"%s\"", row->name, problem);
        return put_failure(r->store, row, problem, source_ns, r->now_ms);
    }
    if (error == VD_OK) {
        vd_log(VD_LOG_INFO, "intel.refreshed", "feed=\"%s\" used=%llu refused=%llu", row->name,
            (unsigned long long)report.used, (unsigned long long)report.refused);
    }
    return error;
}

int vd_feeds_refresh(struct vd_alert_store *store, const char *name, int64_t now_ms)
{
    struct refresh r = {.store = store, .is_asked = name != NULL, .now_ms = now_ms};
    int error = vd_feed_rows_each(store, name, refresh_row, &r);

    return error == VD_OK && name != NULL && !r.has_any ? VD_E_NOT_FOUND : error;
}
