/* SPDX-License-Identifier: MIT */
/* The outbox: rows in the transaction of what they tell, and the attempts of sinks. */

#include "center/store/outbox.h"

#include "center/limits.h"
#include "center/store/alert_internal.h"
#include "lib/clock.h"

/* Of the meta table: tells this file's deliveries from those of another. */
#define STORE_ID "outbox_store"

static const char *const what_texts[] = {
#define WHAT_TEXT(name, text) text,
    VD_OUTBOX_WHATS(WHAT_TEXT)
#undef WHAT_TEXT
};

const char *vd_outbox_what_text(enum vd_outbox_what what)
{
    return what_texts[what];
}

int vd_severity_rank(const char *severity)
{
    for (int rank = 0; severity != NULL && rank <= 3; rank++) {
        if (strcmp(vd_alert_severity_of_rank(rank), severity) == 0) {
            return rank;
        }
    }
    return -1;
}

/* The first row's columns as numbers; VD_E_NOT_FOUND without a row. */
static int read_numbers(struct vd_alert_store *store, enum vd_alert_statement statement,
    int64_t *first, int64_t *second)
{
    sqlite3_stmt *s = vd_alert_sql(store, statement);
    const int code = sqlite3_step(s);

    if (code == SQLITE_ROW) {
        *first = sqlite3_column_int64(s, 0);
        if (second != NULL) {
            *second = sqlite3_column_int64(s, 1);
        }
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
}

/* ---- Adding ---- */

/* Makes room for one more. */
static int drop_oldest(struct vd_alert_store *store)
{
    static const enum vd_alert_statement statements[] = {VD_SQL_OUTBOX_SKIP, VD_SQL_OUTBOX_DELETE};
    int64_t oldest = 0;
    int64_t latest = 0;
    int error = read_numbers(store, VD_SQL_OUTBOX_OLDEST, &oldest, &latest);

    if (error != VD_OK || latest - oldest + 1 < VD_OUTBOX_MAX) {
        return error;
    }
    for (size_t i = 0; i < 2 && error == VD_OK; i++) {
        sqlite3_bind_int64(vd_alert_sql(store, statements[i]), 1, oldest);
        error = vd_alert_sql_run(store, statements[i]);
    }
    return error;
}

static int put(struct vd_alert_store *store, enum vd_outbox_what what, const char *sink,
    int64_t now_ms, const json_t *alert)
{
    const int rank = vd_severity_rank(json_string_value(json_object_get(alert, "severity")));
    char *text = json_dumps(alert, JSON_COMPACT);
    sqlite3_stmt *s;
    int error = text != NULL ? drop_oldest(store) : VD_E_NOMEM;

    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_OUTBOX_ADD);
        sqlite3_bind_text(s, 1, what_texts[what], -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 2, rank > 0 ? rank : 0);
        sqlite3_bind_int64(s, 3, now_ms);
        sqlite3_bind_text(s, 4, sink, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 5, text, -1, SQLITE_STATIC);
        error = vd_alert_sql_run(store, VD_SQL_OUTBOX_ADD);
    }
    free(text);
    return error;
}

int vd_outbox_add(
    struct vd_alert_store *store, int64_t number, enum vd_outbox_what what, int64_t now_ms)
{
    int64_t sinks = 0;
    json_t *alert = NULL;
    const char *state;
    int error = read_numbers(store, VD_SQL_OUTBOX_WANTED, &sinks, NULL);

    if (error != VD_OK || sinks == 0) {
        return error;
    }
    error = vd_alert_snapshot(store, number, &alert);
    if (error != VD_OK) {
        return error;
    }
    state = json_string_value(json_object_get(alert, "status"));
    if (what != VD_OUTBOX_RAISED || strcmp(state, vd_alert_state_text(VD_ALERT_DISMISSED)) != 0) {
        error = put(store, what, "", now_ms, alert);
    }
    json_decref(alert);
    return error;
}

static json_t *test_alert(int64_t now_ms)
{
    char now[VD_TIME_TEXT_SIZE];
    char id[VD_UUID_TEXT_SIZE];
    struct vd_uuid uuid;

    if (vd_uuid_random(&uuid) != VD_OK) {
        return NULL;
    }
    vd_uuid_format(&uuid, id);
    vd_time_format(now_ms, now);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:[s],"
                     " s:[], s:n, s:s, s:n, s:[]}",
        "id", id, "change", 0, "alertType", "Vedette_Test", "displayName", "Test notification",
        "severity", "Informational", "status", "New", "deviceId", "", "moduleId", "", "subject", "",
        "startTime", now, "endTime", now, "timeGenerated", now, "count", 1, "description",
        "Somebody tries whether notifications arrive. Nothing has happened.", "remediationSteps",
        "Nothing is to be done.", "techniques", "indicator", "cause", "", "assessment", "evidence");
}

static int find_sink(struct vd_alert_store *store, const char *sink)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_SINK_FIND);
    int code;

    sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    sqlite3_reset(s);
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
}

int vd_outbox_test(struct vd_alert_store *store, const char *sink, int64_t now_ms)
{
    json_t *alert = test_alert(now_ms);
    int error = alert != NULL ? vd_alert_store_begin(store) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = find_sink(store, sink);
        if (error == VD_OK) {
            error = put(store, VD_OUTBOX_TEST, sink, now_ms, alert);
        }
        error = vd_alert_store_end(store, error);
    }
    json_decref(alert);
    return error;
}

/* ---- Attempts ---- */

/* Random, made with the first attempt, never zero. */
static int store_id(struct vd_alert_store *store, int64_t *id)
{
    uint32_t value = 0;
    int error = vd_alert_meta_get(store, STORE_ID, id);

    if (error != VD_OK || *id != 0) {
        return error;
    }
    error = vd_secret_random(&value, sizeof value);
    if (error == VD_OK) {
        *id = (int64_t)value + 1;
        error = vd_alert_meta_set(store, STORE_ID, *id);
    }
    return error;
}

static void write_id(char out[VD_DELIVERY_ID_SIZE], int64_t store, int64_t sequence, int64_t try)
{
    snprintf(out, VD_DELIVERY_ID_SIZE, "%08llx-%lld.%lld", (unsigned long long)store,
        (long long)sequence, (long long)try);
}

static int what_of(const char *text, enum vd_outbox_what *what)
{
    for (size_t i = 0; text != NULL && i < VD_OUTBOX_WHAT_COUNT; i++) {
        if (strcmp(what_texts[i], text) == 0) {
            *what = (enum vd_outbox_what)i;
            return VD_OK;
        }
    }
    return VD_E_CORRUPT;
}

/* *try: of the attempt without a result, 0: there is none. */
static int read_next(
    struct vd_alert_store *store, const char *sink, struct vd_outbox_item *item, int64_t *try)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_OUTBOX_NEXT);
    int error = VD_OK;
    int code;

    sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        const bool is_open = sqlite3_column_int64(s, 5) == sqlite3_column_int64(s, 0);

        item->sequence = sqlite3_column_int64(s, 0);
        error = what_of((const char *)sqlite3_column_text(s, 1), &item->what);
        item->rank = sqlite3_column_int(s, 2);
        item->time_ms = sqlite3_column_int64(s, 3);
        item->alert = json_loads((const char *)sqlite3_column_text(s, 4), 0, NULL);
        *try = is_open ? sqlite3_column_int64(s, 6) : 0;
        item->since_ms = is_open ? sqlite3_column_int64(s, 7) : 0;
        if (item->alert == NULL) {
            error = VD_E_CORRUPT;
        }
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? VD_E_NOT_FOUND
        : code == SQLITE_ROW   ? error
                               : vd_sqlite_error(code);
}

static int write_attempt(
    struct vd_alert_store *store, const char *sink, struct vd_outbox_item *item, int64_t try)
{
    sqlite3_stmt *s;
    int64_t id = 0;
    int error = store_id(store, &id);

    if (error != VD_OK) {
        return error;
    }
    write_id(item->id, id, item->sequence, try + 1);
    if (try > 0) {
        write_id(item->repeat_of, id, item->sequence, try);
    }
    s = vd_alert_sql(store, VD_SQL_OUTBOX_ATTEMPT);
    sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, item->sequence);
    sqlite3_bind_int64(s, 3, try + 1);
    sqlite3_bind_int64(s, 4, item->since_ms);
    return vd_alert_sql_run(store, VD_SQL_OUTBOX_ATTEMPT);
}

/* The sink is at the end: what is before it was not for it. */
static int move_to_end(struct vd_alert_store *store, const char *sink)
{
    sqlite3_stmt *s;
    int64_t end = 0;
    int error = read_numbers(store, VD_SQL_OUTBOX_END, &end, NULL);

    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_OUTBOX_AT_END);
        sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, end);
        error = vd_alert_sql_run(store, VD_SQL_OUTBOX_AT_END);
    }
    if (error == VD_OK && sqlite3_changes(store->writer) > 0) {
        (void)vd_alert_sql(store, VD_SQL_OUTBOX_TRIM);
        error = vd_alert_sql_run(store, VD_SQL_OUTBOX_TRIM);
    }
    return error;
}

int vd_outbox_begin(
    struct vd_alert_store *store, const char *sink, int64_t now_ms, struct vd_outbox_item *item)
{
    int64_t try = 0;
    bool is_none;
    int error = vd_alert_store_begin(store);

    *item = (struct vd_outbox_item){0};
    if (error != VD_OK) {
        return error;
    }
    error = read_next(store, sink, item, &try);
    is_none = error == VD_E_NOT_FOUND;
    if (is_none) {
        error = move_to_end(store, sink);
    } else if (error == VD_OK) {
        item->since_ms = try > 0 ? item->since_ms : now_ms;
        error = write_attempt(store, sink, item, try);
    }
    error = vd_alert_store_end(store, error);
    if (error != VD_OK) {
        vd_outbox_item_release(item);
    }
    return error == VD_OK && is_none ? VD_E_NOT_FOUND : error;
}

void vd_outbox_item_release(struct vd_outbox_item *item)
{
    json_decref(item->alert);
    item->alert = NULL;
}

static int pass(struct vd_alert_store *store, const char *sink, int64_t sequence, bool is_delivered)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_OUTBOX_DONE);
    int error;

    sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, sequence);
    sqlite3_bind_int(s, 3, is_delivered);
    error = vd_alert_sql_run(store, VD_SQL_OUTBOX_DONE);
    if (error == VD_OK) {
        (void)vd_alert_sql(store, VD_SQL_OUTBOX_TRIM);
        error = vd_alert_sql_run(store, VD_SQL_OUTBOX_TRIM);
    }
    return error;
}

int vd_outbox_done(
    struct vd_alert_store *store, const char *sink, const struct vd_outbox_item *item)
{
    int error = vd_alert_store_begin(store);

    return error == VD_OK ? vd_alert_store_end(store, pass(store, sink, item->sequence, true))
                          : error;
}

static int add_dead(struct vd_alert_store *store, const char *sink,
    const struct vd_outbox_item *item, const char *reason, int64_t now_ms)
{
    char *text = json_dumps(item->alert, JSON_COMPACT);
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_DEAD_ADD);
    int error = VD_E_NOMEM;

    if (text != NULL) {
        sqlite3_bind_text(s, 1, sink, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 2, item->sequence);
        sqlite3_bind_text(s, 3, what_texts[item->what], -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 4, item->rank);
        sqlite3_bind_int64(s, 5, item->time_ms);
        sqlite3_bind_text(s, 6, text, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 7, reason, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 8, now_ms);
        error = vd_alert_sql_run(store, VD_SQL_DEAD_ADD);
    }
    free(text);
    return error;
}

int vd_outbox_bury(struct vd_alert_store *store, const char *sink,
    const struct vd_outbox_item *item, const char *reason, int64_t now_ms)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = add_dead(store, sink, item, reason, now_ms);
    if (error == VD_OK) {
        sqlite3_bind_int64(vd_alert_sql(store, VD_SQL_DEAD_PRUNE), 1, VD_NOTIFY_DEAD_MAX);
        error = vd_alert_sql_run(store, VD_SQL_DEAD_PRUNE);
    }
    if (error == VD_OK) {
        error = pass(store, sink, item->sequence, false);
    }
    return vd_alert_store_end(store, error);
}
