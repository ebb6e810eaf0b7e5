/* SPDX-License-Identifier: MIT */
/* Alerts: raised once for a key, then counted; with bounded evidence and a number for every change. */

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

#define ALERT_COLUMNS                                                                 \
    "number, id, change, type, display_name, severity, status, device_id, module_id," \
    " subject, start_ms, end_ms, generated_ms, count, description, remediation,"      \
    " techniques, indicator_value, indicator_source, cause, assessment"

enum alert_column {
    COLUMN_NUMBER,
    COLUMN_ID,
    COLUMN_CHANGE,
    COLUMN_TYPE,
    COLUMN_DISPLAY_NAME,
    COLUMN_SEVERITY,
    COLUMN_STATUS,
    COLUMN_DEVICE_ID,
    COLUMN_MODULE_ID,
    COLUMN_SUBJECT,
    COLUMN_START_MS,
    COLUMN_END_MS,
    COLUMN_GENERATED_MS,
    COLUMN_COUNT,
    COLUMN_DESCRIPTION,
    COLUMN_REMEDIATION,
    COLUMN_TECHNIQUES,
    COLUMN_INDICATOR_VALUE,
    COLUMN_INDICATOR_SOURCE,
    COLUMN_CAUSE,
    COLUMN_ASSESSMENT,
};

/* ---- Writing ---- */

static int next_change(struct vd_alert_store *store, int64_t *change)
{
    int error = vd_alert_meta_get(store, "last_change", change);

    if (error == VD_OK) {
        ++*change;
        error = vd_alert_meta_set(store, "last_change", *change);
    }
    return error;
}

static int find_alert(
    struct vd_alert_store *store, const char *id, int64_t *number, uint64_t *count)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_FIND);
    int code;

    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int64(s, 0);
        *count = (uint64_t)sqlite3_column_int64(s, 1);
    }
    sqlite3_reset(s);
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
}

static int add_alert(struct vd_alert_store *store, const struct vd_alert_update *u, const char *id,
    int64_t change, int64_t *number)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_ADD);
    int error;

    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_text(s, 3, u->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, u->display_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, u->severity, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 6, u->device_id);
    vd_sqlite_bind_str(s, 7, u->module_id);
    sqlite3_bind_text(s, 8, u->subject, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 9, u->day);
    sqlite3_bind_int64(s, 10, u->start_ms);
    sqlite3_bind_int64(s, 11, u->end_ms);
    sqlite3_bind_int64(s, 12, u->generated_ms);
    sqlite3_bind_int64(s, 13, (int64_t)u->count);
    sqlite3_bind_text(s, 14, u->description, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 15, u->remediation_json, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 16, u->techniques_json, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 17, u->indicator_value, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 18, u->indicator_source, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 19, u->cause);
    sqlite3_bind_text(s, 20, u->assessment, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_ALERT_ADD);
    if (error == VD_OK) {
        *number = sqlite3_last_insert_rowid(store->writer);
    }
    return error;
}

static int repeat_alert(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, int64_t change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_REPEAT);

    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_int64(s, 3, (int64_t)u->count);
    sqlite3_bind_int64(s, 4, u->start_ms);
    sqlite3_bind_int64(s, 5, u->end_ms);
    sqlite3_bind_text(s, 6, u->assessment, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_ALERT_REPEAT);
}

/* Keeps of the `before` + count findings the first and the latest. */
static int add_evidence(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, uint64_t before)
{
    uint64_t total = before + u->count;
    uint64_t late = total > VD_ALERT_EVIDENCE_LAST ? total - VD_ALERT_EVIDENCE_LAST : 0;
    int64_t key = 0;
    sqlite3_stmt *s;
    int error = VD_OK;

    for (uint64_t i = 0; i < u->count && error == VD_OK; i++) {
        if (before + i >= VD_ALERT_EVIDENCE_FIRST && before + i < late) {
            i = late - before - 1; /* on to the latest ones */
            continue;
        }
        s = vd_alert_sql(store, VD_SQL_EVIDENCE_ADD);
        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, (int64_t)(before + i));
        sqlite3_bind_text(s, 3, u->evidence(u, i, &key), -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, key);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_ADD);
    }
    if (error == VD_OK && late > VD_ALERT_EVIDENCE_FIRST) {
        s = vd_alert_sql(store, VD_SQL_EVIDENCE_PRUNE);
        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, VD_ALERT_EVIDENCE_FIRST);
        sqlite3_bind_int64(s, 3, (int64_t)late);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_PRUNE);
    }
    return error;
}

/* Evidence that was given up meanwhile stays so. */
static int replace_evidence(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number)
{
    int error = VD_OK;

    for (uint64_t i = 0; i < u->replacement_count && error == VD_OK; i++) {
        sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_EVIDENCE_REPLACE);
        int64_t key = 0;
        const char *body = u->replacement(u, i, &key);

        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, key);
        sqlite3_bind_text(s, 3, body, -1, SQLITE_STATIC);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_REPLACE);
    }
    return error;
}

static int change_alert(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, int64_t change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_CHANGE);

    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_int64(s, 3, u->start_ms);
    sqlite3_bind_int64(s, 4, u->end_ms);
    sqlite3_bind_text(s, 5, u->assessment, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_ALERT_CHANGE);
}

int vd_alert_store_apply(
    struct vd_alert_store *store, const struct vd_alert_update *update, bool *raised)
{
    char id[VD_UUID_TEXT_SIZE];
    int64_t change;
    int64_t number = 0;
    uint64_t before = 0;
    bool is_new;
    int error;

    vd_uuid_format(&update->id, id);
    error = find_alert(store, id, &number, &before);
    is_new = error == VD_E_NOT_FOUND;
    if (is_new && update->count == 0) {
        *raised = false;
        return VD_OK;
    }
    if (error == VD_OK || is_new) {
        error = next_change(store, &change);
    }
    if (error == VD_OK) {
        error = is_new          ? add_alert(store, update, id, change, &number)
            : update->count > 0 ? repeat_alert(store, update, number, change)
                                : change_alert(store, update, number, change);
    }
    if (error == VD_OK) {
        error = add_evidence(store, update, number, before);
    }
    if (error == VD_OK) {
        error = replace_evidence(store, update, number);
    }
    if (error == VD_OK) {
        *raised = is_new;
    }
    return error;
}

/* ---- Reading ---- */

static json_t *time_text(int64_t ms)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(ms, text);
    return json_string(text);
}

/* The column's JSON text as a value. */
static json_t *stored_json(sqlite3_stmt *s, int column)
{
    json_t *value = json_loads((const char *)sqlite3_column_text(s, column), 0, NULL);

    return value != NULL ? value : json_null();
}

static json_t *evidence_of(struct vd_alert_store *store, int64_t number)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;

    if (sqlite3_prepare_v2(store->reader,
            "SELECT body FROM evidence WHERE alert = ?1 ORDER BY sequence", -1, &s,
            NULL) == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, number);
        while (sqlite3_step(s) == SQLITE_ROW) {
            json_array_append_new(array, stored_json(s, 0));
        }
    }
    sqlite3_finalize(s);
    return array;
}

static json_t *indicator_of(sqlite3_stmt *s)
{
    if (sqlite3_column_type(s, COLUMN_INDICATOR_VALUE) == SQLITE_NULL) {
        return json_null();
    }
    return json_pack("{s:o, s:o}", "value", vd_sqlite_json_text(s, COLUMN_INDICATOR_VALUE),
        "source", vd_sqlite_json_text(s, COLUMN_INDICATOR_SOURCE));
}

static json_t *assessment_of(sqlite3_stmt *s)
{
    return sqlite3_column_type(s, COLUMN_ASSESSMENT) == SQLITE_NULL
        ? json_null()
        : stored_json(s, COLUMN_ASSESSMENT);
}

static json_t *alert_json(struct vd_alert_store *store, sqlite3_stmt *s)
{
    json_int_t count = sqlite3_column_int64(s, COLUMN_COUNT);

    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, "
                     "s:o, s:o, s:o, s:o, s:o, s:I}",
        "id", vd_sqlite_json_text(s, COLUMN_ID), "change",
        (json_int_t)sqlite3_column_int64(s, COLUMN_CHANGE), "alertType",
        vd_sqlite_json_text(s, COLUMN_TYPE), "displayName",
        vd_sqlite_json_text(s, COLUMN_DISPLAY_NAME), "severity",
        vd_sqlite_json_text(s, COLUMN_SEVERITY), "status", vd_sqlite_json_text(s, COLUMN_STATUS),
        "deviceId", vd_sqlite_json_text(s, COLUMN_DEVICE_ID), "moduleId",
        vd_sqlite_json_text(s, COLUMN_MODULE_ID), "subject", vd_sqlite_json_text(s, COLUMN_SUBJECT),
        "startTime", time_text(sqlite3_column_int64(s, COLUMN_START_MS)), "endTime",
        time_text(sqlite3_column_int64(s, COLUMN_END_MS)), "timeGenerated",
        time_text(sqlite3_column_int64(s, COLUMN_GENERATED_MS)), "count", count, "description",
        vd_sqlite_json_text(s, COLUMN_DESCRIPTION), "remediationSteps",
        stored_json(s, COLUMN_REMEDIATION), "techniques", stored_json(s, COLUMN_TECHNIQUES),
        "indicator", indicator_of(s), "cause", vd_sqlite_json_text(s, COLUMN_CAUSE), "assessment",
        assessment_of(s), "evidence", evidence_of(store, sqlite3_column_int64(s, COLUMN_NUMBER)),
        "evidenceTotal", count);
}

static int step_alert(struct vd_alert_store *store, sqlite3_stmt *s, json_t **alert, bool *have_row)
{
    int code = sqlite3_step(s);

    *have_row = code == SQLITE_ROW;
    if (*have_row) {
        *alert = alert_json(store, s);
        return *alert != NULL ? VD_OK : VD_E_NOMEM;
    }
    return vd_sqlite_error(code);
}

/* All alerts within one read transaction, so that evidence fits its alert. */
static int read_alerts(struct vd_alert_store *store, sqlite3_stmt *s, json_t *array)
{
    json_t *alert = NULL;
    bool have_row = true;
    int error = vd_sqlite_error(sqlite3_exec(store->reader, "BEGIN", NULL, NULL, NULL));

    if (error != VD_OK) {
        return error;
    }
    for (;;) {
        error = step_alert(store, s, &alert, &have_row);
        if (error != VD_OK || !have_row) {
            break;
        }
        json_array_append_new(array, alert);
    }
    sqlite3_reset(s);
    sqlite3_exec(store->reader, "COMMIT", NULL, NULL, NULL);
    return error;
}

static int query_alerts(struct vd_alert_store *store, const char *sql, const char *device_id,
    const char *id_prefix, int64_t changed_after, int64_t limit, json_t **alerts)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;
    int error;

    pthread_mutex_lock(&store->read_mutex);
    error = vd_sqlite_error(sqlite3_prepare_v2(store->reader, sql, -1, &s, NULL));
    if (error == VD_OK) {
        sqlite3_bind_int64(s, 1, changed_after);
        sqlite3_bind_text(s, 2, device_id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, limit);
        sqlite3_bind_text(s, 4, id_prefix, -1, SQLITE_STATIC);
        error = read_alerts(store, s, array);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (error != VD_OK) {
        json_decref(array);
        return error;
    }
    *alerts = array;
    return VD_OK;
}

int vd_alert_store_list(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **alerts)
{
    static const char newest[] = "SELECT " ALERT_COLUMNS " FROM alerts"
                                 " WHERE (?2 IS NULL OR device_id = ?2) AND ?1 <= 0"
                                 " AND ?4 IS NULL ORDER BY number DESC LIMIT ?3";
    static const char changed[] = "SELECT " ALERT_COLUMNS " FROM alerts"
                                  " WHERE change > ?1 AND (?2 IS NULL OR device_id = ?2)"
                                  " AND ?4 IS NULL ORDER BY change LIMIT ?3";
    int64_t limit = filter->limit != 0 ? filter->limit : VD_ALERT_LIST_DEFAULT;

    return query_alerts(store, filter->changed_after > 0 ? changed : newest, filter->device_id,
        NULL, filter->changed_after, limit, alerts);
}

/* Lower-case hexadecimal digits and hyphens, as ids are written. */
static bool is_id_prefix(const char *text, size_t length)
{
    return length >= VD_ALERT_ID_PREFIX_MIN && length < VD_UUID_TEXT_SIZE &&
        strspn(text, "0123456789abcdef-") == length;
}

int vd_alert_store_get(struct vd_alert_store *store, const char *id, json_t **alert)
{
    static const char by_prefix[] = "SELECT " ALERT_COLUMNS " FROM alerts"
                                    " WHERE id >= ?4 AND id < ?4 || 'g' AND ?1 = 0"
                                    " AND ?2 IS NULL LIMIT ?3";
    json_t *found = NULL;
    int error;

    if (!is_id_prefix(id, strlen(id))) {
        return VD_E_NOT_FOUND;
    }
    error = query_alerts(store, by_prefix, NULL, id, 0, 2, &found);
    if (error != VD_OK) {
        return error;
    }
    switch (json_array_size(found)) {
    case 0:
        error = VD_E_NOT_FOUND;
        break;
    case 1:
        *alert = json_incref(json_array_get(found, 0));
        break;
    default:
        error = VD_E_INVALID;
        break;
    }
    json_decref(found);
    return error;
}
