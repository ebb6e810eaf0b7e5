/* SPDX-License-Identifier: MIT */
/* Rows of sources: what a fetch begins with and how it ended, in one transaction with the feed's own row. */

#include "center/store/feed_sources.h"

#include <string.h>
#include <time.h>

#include "center/store/feed_internal.h"
#include "lib/clock.h"

#define WAIT_STEP_MS 20
/* An unchanged text counts as new when so much of its indicators' lifetime has gone. */
#define RENEW_AT(lifetime_ms) ((lifetime_ms) / 4)

/* ---- Credentials ---- */

static const char *const kinds[] = {"", "basic", "bearer", "header"};

static struct vd_str bound_to(const char *name, char out[VD_FEED_NAME_MAX + 8])
{
    snprintf(out, VD_FEED_NAME_MAX + 8, "feed:%s", name);
    return vd_str_from(out);
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* What is wrong with a secret of the kind; NULL: nothing. */
static const char *secret_problem(const char *kind, const json_t *secret)
{
    const char *text = json_string_value(secret);
    const char *colon = text != NULL ? strchr(text, ':') : NULL;

    if (text == NULL || text[0] == '\0' || json_string_length(secret) > VD_FEED_CREDENTIAL_MAX ||
        strlen(text) != json_string_length(secret) || has_control(text)) {
        return "secret is to be text of 1 to 1024 bytes on one line";
    }
    if (strcmp(kind, "basic") == 0 && colon == NULL) {
        return "secret is to be user:password";
    }
    if (strcmp(kind, "header") == 0 &&
        (colon == NULL || colon == text || colon[1] == '\0' ||
            strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") !=
                (size_t)(colon - text))) {
        return "secret is to be Name: value";
    }
    return NULL;
}

/* Its place among kinds; 0: it is none. */
static size_t kind_number(const char *kind)
{
    for (size_t i = sizeof kinds / sizeof kinds[0] - 1; kind != NULL && i > 0; i--) {
        if (strcmp(kind, kinds[i]) == 0) {
            return i;
        }
    }
    return 0;
}

int vd_feed_source_seal(struct vd_alert_store *store, const char *name, const json_t *credential,
    struct vd_feed_source_change *change, char *problem)
{
    const json_t *secret = json_object_get(credential, "secret");
    const size_t kind = kind_number(json_string_value(json_object_get(credential, "kind")));
    char bound[VD_FEED_NAME_MAX + 8];
    const char *wrong;
    int error;

    change->kind = "";
    change->has_credential = credential != NULL;
    if (credential == NULL || json_is_null(credential)) {
        return VD_OK;
    }
    wrong =
        kind == 0 ? "kind is to be basic, bearer or header" : secret_problem(kinds[kind], secret);
    if (wrong == NULL && !store->has_master_key) {
        wrong = "there is no master key to seal it with";
    }
    if (wrong != NULL) {
        snprintf(problem, VD_FEED_PROBLEM_SIZE, "credential: %s", wrong);
        return VD_E_INVALID;
    }
    error = vd_secret_seal(store->master_key, bound_to(name, bound), json_string_value(secret),
        json_string_length(secret), change->sealed);
    change->sealed_length = json_string_length(secret) + VD_SEAL_OVERHEAD;
    change->kind = kinds[kind];
    return error;
}

int vd_feed_source_has_credential(
    struct vd_alert_store *store, const char *name, bool *has_credential)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT 1 FROM feed_sources WHERE name = ?1 AND credential <> ''", -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        code = sqlite3_step(s);
    }
    *has_credential = code == SQLITE_ROW;
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

/* What cannot be opened is a problem of this fetch: others are to go on. */
static int open_credential(struct vd_alert_store *store, sqlite3_stmt *s, struct vd_feed_fetch *out)
{
    const size_t size = (size_t)sqlite3_column_bytes(s, 8);
    char bound[VD_FEED_NAME_MAX + 8];
    int error = VD_E_DENIED;

    out->credential_kind =
        (enum vd_http_credential)kind_number((const char *)sqlite3_column_text(s, 7));
    if (out->credential_kind == VD_HTTP_CREDENTIAL_NONE) {
        return VD_OK;
    }
    if (store->has_master_key && size >= VD_SEAL_OVERHEAD &&
        size <= VD_FEED_CREDENTIAL_MAX + VD_SEAL_OVERHEAD) {
        error = vd_secret_open(store->master_key, bound_to(out->name, bound),
            sqlite3_column_blob(s, 8), size, (uint8_t *)out->credential);
    }
    if (error == VD_OK || error == VD_E_NOMEM) {
        return error;
    }
    snprintf(out->problem, sizeof out->problem,
        "its credential was sealed with another master key: give it again");
    return VD_OK;
}

/* ---- Within a transaction ---- */

int vd_feed_source_put(
    struct vd_alert_store *store, const char *name, const struct vd_feed_source_change *change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_FEED_SOURCE_PUT);

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, change->kind, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(s, 3, change->sealed, change->sealed_length, SQLITE_STATIC);
    sqlite3_bind_int(s, 4, change->has_credential);
    sqlite3_bind_int(s, 5, change->is_other);
    return vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_PUT);
}

int vd_feed_source_remove(struct vd_alert_store *store, const char *name)
{
    sqlite3_bind_text(vd_alert_sql(store, VD_SQL_FEED_SOURCE_REMOVE), 1, name, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_REMOVE);
}

/* ---- A fetch begins ---- */

static void copy_column(sqlite3_stmt *s, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(s, column);

    snprintf(out, size, "%s", text != NULL ? text : "");
}

static int read_fetch(struct vd_alert_store *store, sqlite3_stmt *s, struct vd_feed_fetch *out)
{
    char path[VD_FEED_PATH_SIZE + VD_FEED_FILE_SIZE];
    json_t *settings = json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL);
    int error = vd_feed_settings_read(settings, &out->settings, out->problem);

    json_decref(settings);
    copy_column(s, 0, out->name, sizeof out->name);
    out->kept_ms = sqlite3_column_int64(s, 3);
    copy_column(s, 4, out->validators.etag, sizeof out->validators.etag);
    copy_column(s, 5, out->validators.last_modified, sizeof out->validators.last_modified);
    copy_column(s, 6, out->validators.added_after, sizeof out->validators.added_after);
    if (error == VD_OK) {
        error = open_credential(store, s, out);
    }
    out->revision = sqlite3_column_int64(s, 9);
    out->failures = (uint32_t)sqlite3_column_int64(s, 10);
    out->asked = sqlite3_column_int64(s, 11);
    snprintf(
        path, sizeof path, "%s/%s", store->intel_folder, (const char *)sqlite3_column_text(s, 2));
    out->has_kept = sqlite3_column_bytes(s, 2) > 0 && vd_feed_text_map(path, &out->kept) == VD_OK;
    if (!out->has_kept) {
        out->validators = (struct vd_feed_validators){0}; /* nothing to be still right */
    }
    return error == VD_E_INVALID ? VD_OK : error; /* that is its problem */
}

#define COLUMNS                                                                                \
    "SELECT f.name, settings, file, fetched_ms, etag, last_modified, added_after, credential," \
    " secret, revision, failures, asked FROM feeds AS f JOIN feed_sources AS s ON s.name = f.name"

/* The first row of the statement with a name or a time bound. */
static int read_one(struct vd_alert_store *store, const char *sql, const char *name, int64_t now_ms,
    struct vd_feed_fetch *out)
{
    sqlite3_stmt *s = NULL;
    int code;
    int error;

    *out = (struct vd_feed_fetch){0};
    pthread_mutex_lock(&store->feeds_mutex); /* the text is the row's */
    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader, sql, -1, &s, NULL);
    if (code == SQLITE_OK) {
        if (name != NULL) {
            sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(s, 1, now_ms);
        }
        code = sqlite3_step(s);
    }
    error = code == SQLITE_ROW ? read_fetch(store, s, out)
        : code == SQLITE_DONE  ? VD_E_NOT_FOUND
                               : vd_sqlite_error(code);
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    pthread_mutex_unlock(&store->feeds_mutex);
    if (error != VD_OK) {
        vd_feed_fetch_release(out);
    }
    return error;
}

int vd_feed_fetch_due(struct vd_alert_store *store, int64_t now_ms, struct vd_feed_fetch *out)
{
    /* A last attempt that lies ahead is of a clock that was set back. */
    return read_one(store,
        COLUMNS " WHERE coalesce(settings ->> 'enabled', 1)"
                " AND (abs(next_ms) <= ?1 OR s.attempted_ms > ?1) ORDER BY abs(next_ms) LIMIT 1",
        NULL, now_ms, out);
}

int vd_feed_fetch_begin(struct vd_alert_store *store, const char *name, struct vd_feed_fetch *out)
{
    return read_one(store, COLUMNS " WHERE f.name = ?1", name, 0, out);
}

void vd_feed_fetch_release(struct vd_feed_fetch *fetch)
{
    if (fetch->has_kept) {
        vd_feed_text_unmap(&fetch->kept);
    }
    vd_feed_settings_release(&fetch->settings);
    vd_secret_wipe(fetch->credential, sizeof fetch->credential);
    *fetch = (struct vd_feed_fetch){0};
}

static int if_changed(struct vd_alert_store *store, int error)
{
    return error == VD_OK && sqlite3_changes(store->writer) == 0 ? VD_E_CHANGED : error;
}

int vd_feed_fetch_begun(struct vd_alert_store *store, const struct vd_feed_fetch *fetch,
    const struct vd_feed_fetched *fetched)
{
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    s = vd_alert_sql(store, VD_SQL_FEED_SOURCE_BEGUN);
    sqlite3_bind_text(s, 1, fetch->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, fetch->revision);
    sqlite3_bind_int64(s, 3, fetched->next_ms);
    sqlite3_bind_int64(s, 4, fetched->now_ms);
    sqlite3_bind_int64(s, 5, (int64_t)fetch->failures + 1);
    return vd_alert_store_end(
        store, if_changed(store, vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_BEGUN)));
}

/* ---- A fetch ends ---- */

/* What the note of a change needs. */
struct ending {
    struct vd_feed_change change; /* first: the note gets it */
    const struct vd_feed_fetch *fetch;
    const struct vd_feed_fetched *fetched;
};

static int note_done(struct vd_alert_store *store, const struct vd_feed_change *change)
{
    const struct ending *e = (const struct ending *)change;
    const struct vd_feed_validators *validators = e->fetched->validators;
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_FEED_SOURCE_DONE);

    sqlite3_bind_text(s, 1, e->fetch->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, e->fetch->revision);
    sqlite3_bind_int64(s, 3, e->fetched->next_ms);
    sqlite3_bind_int64(s, 4, e->fetched->now_ms);
    sqlite3_bind_text(s, 5, validators->etag, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 6, validators->last_modified, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 7, validators->added_after, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 8, e->fetch->asked);
    return if_changed(store, vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_DONE));
}

/* The text that is there is still right. It counts as new from time to time, so that its indicators live on. */
static int done_unchanged(struct vd_alert_store *store, const struct ending *e)
{
    const int64_t now_ms = e->fetched->now_ms;
    const int64_t lifetime_ms = e->fetch->settings.parse.lifetime_ms;
    const bool is_renewed = lifetime_ms > 0 && now_ms - e->fetch->kept_ms >= RENEW_AT(lifetime_ms);
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = note_done(store, &e->change);
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_FEED_UNCHANGED);
        sqlite3_bind_text(s, 1, e->fetch->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, is_renewed ? now_ms : e->fetch->kept_ms);
        error = vd_alert_sql_run(store, VD_SQL_FEED_UNCHANGED);
    }
    if (error == VD_OK && !is_renewed) {
        return vd_alert_store_commit(store);
    }
    return vd_feed_finish(store, error);
}

static bool is_kept_text(const struct vd_feed_fetch *fetch, struct vd_str text)
{
    return fetch->has_kept && vd_str_equal(fetch->kept.text, text);
}

int vd_feed_fetch_done(struct vd_alert_store *store, const struct vd_feed_fetch *fetch,
    const struct vd_feed_fetched *fetched, struct vd_feed_report *report,
    char problem[VD_FEED_PROBLEM_SIZE])
{
    struct ending e = {
        .change =
            {
                .name = fetch->name,
                .settings = fetch->settings.json,
                .now_ms = fetched->now_ms,
                .report = report,
                .note = note_done,
            },
        .fetch = fetch,
        .fetched = fetched,
    };
    struct vd_feed_row old = {0};
    int error;

    *report = (struct vd_feed_report){0};
    pthread_mutex_lock(&store->feeds_mutex);
    if (fetched->text == NULL || is_kept_text(fetch, *fetched->text)) {
        error = done_unchanged(store, &e);
    } else {
        error = vd_feed_rows_each(store, fetch->name, vd_feed_row_take, &old);
        if (error == VD_OK) {
            error = vd_feed_put_text(store, &fetch->settings, *fetched->text, &e.change, problem);
        }
        if (error == VD_OK) {
            vd_feed_file_remove(store->intel_folder, old.file);
        }
        vd_feed_row_release(&old);
    }
    pthread_mutex_unlock(&store->feeds_mutex);
    return error;
}

int vd_feed_fetch_failed(struct vd_alert_store *store, const struct vd_feed_fetch *fetch,
    const struct vd_feed_fetched *fetched, const char *problem)
{
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    s = vd_alert_sql(store, VD_SQL_FEED_SOURCE_FAILED);
    sqlite3_bind_text(s, 1, fetch->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, fetch->revision);
    sqlite3_bind_int64(s, 3, fetched->next_ms);
    sqlite3_bind_int64(s, 4, fetched->now_ms);
    sqlite3_bind_int64(s, 5, fetch->asked);
    sqlite3_bind_int64(s, 6, (int64_t)fetch->failures + 1);
    error = if_changed(store, vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_FAILED));
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_FEED_FAILED);
        sqlite3_bind_text(s, 1, fetch->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, fetched->now_ms);
        sqlite3_bind_text(s, 3, problem, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, 0);
        error = vd_alert_sql_run(store, VD_SQL_FEED_FAILED);
    }
    return vd_alert_store_end(store, error);
}

/* ---- Asking ---- */

int vd_feeds_ask_fetch(struct vd_alert_store *store, const char *name)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_text(vd_alert_sql(store, VD_SQL_FEED_SOURCE_ASK), 1, name, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_FEED_SOURCE_ASK);
    if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
        error = VD_E_NOT_FOUND;
    }
    return vd_alert_store_end(store, error);
}

static bool is_asked(struct vd_alert_store *store, const char *name)
{
    sqlite3_stmt *s = NULL;
    bool is = false;

    pthread_mutex_lock(&store->read_mutex);
    if (sqlite3_prepare_v2(store->reader,
            "SELECT 1 FROM feed_sources WHERE name = ?1 AND next_ms <= 0", -1, &s,
            NULL) == SQLITE_OK) {
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        is = sqlite3_step(s) == SQLITE_ROW;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return is;
}

bool vd_feeds_wait_fetched(struct vd_alert_store *store, const char *name, int64_t timeout_ms)
{
    const struct timespec step = {0, WAIT_STEP_MS * 1000000L};
    const int64_t until_ms = vd_clock_monotonic_ms() + timeout_ms;

    while (is_asked(store, name)) {
        if (vd_clock_monotonic_ms() >= until_ms) {
            return false;
        }
        nanosleep(&step, NULL);
    }
    return true;
}
