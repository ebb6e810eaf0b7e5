/* SPDX-License-Identifier: MIT */
/* Feeds put and read again: a text is read first, becomes a file, and the row that names it comes last. */

#include <string.h>

#include "center/intel/feed_report.h"
#include "center/store/feed_internal.h"
#include "lib/clock.h"
#include "lib/http_get.h"
#include "lib/log.h"

static int put_row(struct vd_alert_store *store, const struct vd_feed_change *change)
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

static int commit_change(struct vd_alert_store *store, const struct vd_feed_change *change)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = put_row(store, change);
    return vd_feed_finish(store, error == VD_OK ? change->note(store, change) : error);
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

int vd_feed_put_text(struct vd_alert_store *store, const struct vd_feed_settings *settings,
    struct vd_str text, struct vd_feed_change *change, char *problem)
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

/* Reads the text that is there by new settings, and keeps it. */
static int keep_text(struct vd_alert_store *store, const struct vd_feed_row *old,
    const struct vd_feed_settings *settings, struct vd_feed_change *change, char *problem)
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
    return error;
}

/* ---- Sources ---- */

/* A user's change of a feed. */
struct putting {
    struct vd_feed_change change; /* first: the note gets it */
    const struct vd_feed_settings *settings;
    struct vd_feed_source_change source;
};

static int note_source(struct vd_alert_store *store, const struct vd_feed_change *change)
{
    const struct putting *p = (const struct putting *)change;

    return p->settings->url != NULL ? vd_feed_source_put(store, change->name, &p->source)
                                    : vd_feed_source_remove(store, change->name);
}

/* Whether what comes from the URL, or what becomes of it, may be another. */
static bool is_other_source(const json_t *old, const json_t *new)
{
    static const char *const members[] = {"url", "taxii", "format", "column", "descriptionColumn",
        "confidenceColumn", "untilColumn", "delimiter"};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const json_t *a = json_object_get(old, members[i]);
        const json_t *b = json_object_get(new, members[i]);

        if (a != b && (a == NULL || b == NULL || !json_equal(a, b))) {
            return true;
        }
    }
    return false;
}

static const char *url_of(const json_t *settings)
{
    const char *url = json_string_value(json_object_get(settings, "url"));

    return url != NULL ? url : json_string_value(json_object_get(settings, "taxii"));
}

/* A credential was given for a server, and is not to be shown to another. */
static int check_credential(struct vd_alert_store *store, const struct vd_feed_put *put,
    const struct vd_feed_row *old, const struct vd_feed_settings *settings, char *problem)
{
    const char *old_url = url_of(old->settings);
    bool has_credential = false;
    int error = VD_OK;

    if (put->credential != NULL && !json_is_null(put->credential) && settings->url == NULL) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE, "credential: only a URL has one");
        return VD_E_INVALID;
    }
    if (put->credential == NULL && settings->url != NULL && old_url != NULL &&
        !vd_http_same_origin(old_url, settings->url)) {
        error = vd_feed_source_has_credential(store, put->name, &has_credential);
    }
    if (has_credential) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE,
            "credential: it is of another server; give it again, or take it away");
        return VD_E_INVALID;
    }
    return error;
}

/* The text of a URL comes later; what is there stays, unless it was another's and is not of the new format. */
static int put_url(struct vd_alert_store *store, const struct vd_feed_put *put,
    const struct vd_feed_row *old, const struct vd_feed_settings *settings, struct putting *p,
    char *problem)
{
    const char *old_url = url_of(old->settings);
    const bool is_same = old_url != NULL && strcmp(old_url, settings->url) == 0;
    int error = VD_OK;

    if (put->text != NULL) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE, "a feed has a URL or a text, not both");
        return VD_E_INVALID;
    }
    if (old->file[0] != '\0') {
        error = keep_text(store, old, settings, &p->change, problem);
        if (error == VD_E_NOT_FOUND ||
            (!is_same && (error == VD_E_INVALID || error == VD_E_LIMIT))) {
            p->change.file[0] = '\0';
            p->change.fetched_ms = 0;
            *p->change.report = (struct vd_feed_report){0};
            problem[0] = '\0';
            error = VD_OK;
        }
    }
    if (error == VD_OK) {
        error = vd_feed_source_seal(store, put->name, put->credential, &p->source, problem);
    }
    p->source.is_other = p->source.has_credential || p->change.file[0] == '\0' ||
        is_other_source(old->settings, p->change.settings);
    return error == VD_OK ? commit_change(store, &p->change) : error;
}

static int put_file(struct vd_alert_store *store, const struct vd_feed_settings *settings,
    struct vd_feed_change *change, char *problem)
{
    struct vd_buf read = {.max = VD_FEED_BYTES_MAX};
    int error = vd_feed_text_read(settings->file, &read, &change->source_ns);

    if (error == VD_OK) {
        error = vd_feed_put_text(store, settings,
            (struct vd_str){(const char *)read.data, read.length}, change, problem);
    } else {
        snprintf(
            problem, VD_FEED_PROBLEM_SIZE, "file %.160s: %s", settings->file, vd_error_text(error));
        error = error == VD_E_NOMEM ? error : VD_E_INVALID;
    }
    vd_buf_release(&read);
    return error;
}

static int put_source(struct vd_alert_store *store, const struct vd_feed_put *put,
    const struct vd_feed_row *old, struct putting *p, char *problem)
{
    const struct vd_feed_settings *settings = p->settings;
    int error = check_credential(store, put, old, settings, problem);

    if (error != VD_OK) {
        return error;
    }
    if (settings->url != NULL) {
        return put_url(store, put, old, settings, p, problem);
    }
    if (settings->file == NULL && put->text != NULL) {
        return vd_feed_put_text(store, settings, *put->text, &p->change, problem);
    }
    if (settings->file == NULL && old->file[0] != '\0') {
        error = keep_text(store, old, settings, &p->change, problem);
        return error == VD_OK ? commit_change(store, &p->change) : error;
    }
    if (settings->file == NULL || put->text != NULL) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE,
            settings->file == NULL ? "a new feed needs a file, a URL or a text"
                                   : "a feed has a file or a text, not both");
        return VD_E_INVALID;
    }
    return put_file(store, settings, &p->change, problem);
}

static int put_feed(struct vd_alert_store *store, const struct vd_feed_put *put,
    struct vd_feed_report *report, char *problem)
{
    struct vd_feed_row old = {0};
    struct vd_feed_settings settings = {0};
    json_t *empty = json_object();
    struct putting p = {
        .change = {.name = put->name, .now_ms = put->now_ms, .report = report, .note = note_source},
        .settings = &settings,
    };
    int error = vd_feed_rows_each(store, put->name, vd_feed_row_take, &old);

    *report = (struct vd_feed_report){0};
    if (error == VD_OK) {
        p.change.settings = put->settings != NULL ? put->settings
            : old.settings != NULL                ? old.settings
                                                  : empty;
        error = vd_feed_settings_read(p.change.settings, &settings, problem);
    }
    if (error == VD_OK) {
        error = put_source(store, put, &old, &p, problem);
    }
    if (error == VD_OK && strcmp(old.file, p.change.file) != 0) {
        vd_feed_file_remove(store->intel_folder, old.file);
    }
    vd_feed_settings_release(&settings);
    vd_feed_row_release(&old);
    json_decref(empty);
    return error;
}

int vd_feeds_put(struct vd_alert_store *store, const struct vd_feed_put *put,
    struct vd_feed_report *report, char problem[VD_FEED_PROBLEM_SIZE])
{
    int error;

    pthread_mutex_lock(&store->feeds_mutex);
    error = put_feed(store, put, report, problem);
    pthread_mutex_unlock(&store->feeds_mutex);
    return error;
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
    return vd_alert_store_end(store, error);
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
