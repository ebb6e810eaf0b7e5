/* SPDX-License-Identifier: MIT */
/* Alerts as readers see them: by filter and page, one with its evidence and history, and as groups of a cause. */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "center/limits.h"
#include "center/store/alert_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"

#define ALERT_COLUMNS                                                                 \
    "number, id, change, type, display_name, severity, status, device_id, module_id," \
    " subject, start_ms, end_ms, generated_ms, count, description, remediation,"      \
    " techniques, indicator_value, indicator_source, cause, assessment, suppressed_by"

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
    COLUMN_SUPPRESSED_BY,
};

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

static json_t *body_json(sqlite3_stmt *s)
{
    return stored_json(s, 0);
}

/* NULL: it failed. */
static json_t *evidence_of(sqlite3 *db, int64_t number)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;

    (void)sqlite3_prepare_v2(
        db, "SELECT body FROM evidence WHERE alert = ?1 ORDER BY sequence", -1, &s, NULL);
    sqlite3_bind_int64(s, 1, number);
    if (vd_rows_append(db, s, body_json, array) != VD_OK) {
        json_decref(array);
        return NULL;
    }
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

static json_t *text_or_null(sqlite3_stmt *s, int column)
{
    return sqlite3_column_type(s, column) == SQLITE_NULL ? json_null()
                                                         : vd_sqlite_json_text(s, column);
}

static json_t *alert_json(sqlite3_stmt *s)
{
    json_int_t count = sqlite3_column_int64(s, COLUMN_COUNT);
    json_int_t number = sqlite3_column_int64(s, COLUMN_NUMBER);

    return json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, "
                     "s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}",
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
        sqlite3_column_type(s, COLUMN_ASSESSMENT) == SQLITE_NULL
            ? json_null()
            : stored_json(s, COLUMN_ASSESSMENT),
        "evidence", evidence_of(sqlite3_db_handle(s), number), "evidenceTotal", count, "number",
        number, "suppressedBy", text_or_null(s, COLUMN_SUPPRESSED_BY));
}

int vd_alert_snapshot(struct vd_alert_store *store, int64_t number, json_t **alert)
{
    json_t *found = json_array();
    sqlite3_stmt *s = NULL;
    int error;

    (void)sqlite3_prepare_v2(
        store->writer, "SELECT " ALERT_COLUMNS " FROM alerts WHERE number = ?1", -1, &s, NULL);
    sqlite3_bind_int64(s, 1, number);
    error = vd_rows_append(store->writer, s, alert_json, found);
    if (error == VD_OK && json_array_size(found) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        *alert = json_incref(json_array_get(found, 0));
    }
    json_decref(found);
    return error;
}

/* Appends rows within one read transaction, so that evidence fits its alert. Within the reader's lock; frees the statement. */
static int read_rows(
    struct vd_alert_store *store, sqlite3_stmt *s, vd_row_json *make, json_t *array)
{
    int error = vd_sqlite_error(sqlite3_exec(store->reader, "BEGIN", NULL, NULL, NULL));

    if (error != VD_OK) {
        sqlite3_finalize(s);
        return error;
    }
    error = vd_rows_append(store->reader, s, make, array);
    sqlite3_exec(store->reader, "COMMIT", NULL, NULL, NULL);
    return error;
}

/* `head`, the filter's condition and `tail`. Within the reader's lock. */
static int query(struct vd_alert_store *store, const char *head,
    const struct vd_alert_filter *filter, const char *tail, vd_row_json *make, json_t **rows)
{
    json_t *array = json_array();
    struct vd_buf sql = {0};
    sqlite3_stmt *s = NULL;
    int error;

    vd_buf_append_text(&sql, head);
    error = vd_alert_where(store->reader, filter, &sql);
    vd_buf_printf(&sql, "%s LIMIT %u", tail,
        (unsigned)(filter->limit != 0 ? filter->limit : VD_ALERT_LIST_DEFAULT));
    error = array == NULL ? VD_E_NOMEM : error != VD_OK ? error : sql.error;
    if (error == VD_OK) {
        error = vd_sqlite_error(
            sqlite3_prepare_v2(store->reader, (const char *)sql.data, (int)sql.length, &s, NULL));
    }
    if (error == VD_OK) {
        vd_alert_bind_filter(filter, s);
        error = read_rows(store, s, make, array);
    }
    vd_buf_release(&sql);
    if (error != VD_OK) {
        json_decref(array);
        return error;
    }
    *rows = array;
    return VD_OK;
}

static int list(struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **alerts)
{
    return query(store, "SELECT " ALERT_COLUMNS " FROM alerts", filter,
        filter->changed_after > 0 ? " ORDER BY change" : " ORDER BY number DESC", alert_json,
        alerts);
}

/* Where a page begins: the severity of the alert with that number. VD_E_NOT_FOUND: it is gone. */
static int rank_of(struct vd_alert_store *store, int64_t number, int *rank)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(store->reader,
        "SELECT " VD_ALERT_SEVERITY_RANK " FROM alerts WHERE number = ?1 GROUP BY number", -1, &s,
        NULL);

    if (code == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, number);
        code = sqlite3_step(s);
        *rank = code == SQLITE_ROW ? sqlite3_column_int(s, 0) : -1;
    }
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
}

/* One severity after the other, each off its index: all of them in one would have to be sorted. */
static int list_by_severity(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **alerts)
{
    struct vd_alert_filter part = *filter;
    json_t *found = json_array();
    int rank = VD_ALERT_RANKS - 1;
    int error = filter->before > 0 ? rank_of(store, filter->before, &rank) : VD_OK;

    part.limit = filter->limit != 0 ? filter->limit : VD_ALERT_LIST_DEFAULT;
    while (error == VD_OK && rank >= 0 && part.limit > 0) {
        json_t *more = NULL;

        part.severity = vd_alert_severity_of_rank(rank--);
        error = list(store, &part, &more);
        part.limit -= (uint32_t)json_array_size(more);
        part.before = 0;
        if (error == VD_OK && json_array_extend(found, more) != 0) {
            error = VD_E_NOMEM;
        }
        json_decref(more);
    }
    if (error != VD_OK) {
        json_decref(found);
        return error;
    }
    *alerts = found;
    return VD_OK;
}

int vd_alert_store_list(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **alerts)
{
    const bool by_severity =
        filter->by_severity && filter->severity == NULL && filter->changed_after == 0;
    int error;

    pthread_mutex_lock(&store->read_mutex);
    error = by_severity ? list_by_severity(store, filter, alerts) : list(store, filter, alerts);
    pthread_mutex_unlock(&store->read_mutex);
    return error;
}

int vd_alert_store_newest_change(struct vd_alert_store *store, int64_t *change)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader, "SELECT max(change) FROM alerts", -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
        *change = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

/* ---- One alert ---- */

static json_t *entry_json(sqlite3_stmt *s)
{
    const int64_t until_ms = sqlite3_column_int64(s, 7);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "time",
        time_text(sqlite3_column_int64(s, 0)), "actor", vd_sqlite_json_text(s, 1), "event",
        vd_sqlite_json_text(s, 2), "from", vd_sqlite_json_text(s, 3), "to",
        vd_sqlite_json_text(s, 4), "reason", text_or_null(s, 5), "text", text_or_null(s, 6),
        "until", until_ms != 0 ? time_text(until_ms) : json_null());
}

static int add_history(struct vd_alert_store *store, int64_t number, json_t *alert)
{
    static const char sql[] = "SELECT time_ms, actor, event, from_state, to_state, reason, text,"
                              " until_ms FROM alert_history WHERE alert = ?1 ORDER BY sequence";
    json_t *history = json_array();
    sqlite3_stmt *s = NULL;

    if (json_object_set_new(alert, "history", history) != 0) {
        return VD_E_NOMEM;
    }
    (void)sqlite3_prepare_v2(store->reader, sql, -1, &s, NULL);
    sqlite3_bind_int64(s, 1, number);
    return vd_rows_append(store->reader, s, entry_json, history);
}

/* The alerts whose ids begin so, two at most. */
static int find_by_prefix(struct vd_alert_store *store, const char *id, json_t *found)
{
    sqlite3_stmt *s = NULL;
    const int error = vd_sqlite_error(sqlite3_prepare_v2(store->reader,
        "SELECT " ALERT_COLUMNS " FROM alerts WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", -1, &s,
        NULL));

    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    return error == VD_OK ? read_rows(store, s, alert_json, found) : error;
}

int vd_alert_store_get(struct vd_alert_store *store, const char *id, json_t **alert)
{
    json_t *found;
    json_t *first;
    int error;

    if (!vd_alert_is_id_prefix(id)) {
        return VD_E_NOT_FOUND;
    }
    found = json_array();
    pthread_mutex_lock(&store->read_mutex);
    error = found != NULL ? find_by_prefix(store, id, found) : VD_E_NOMEM;
    first = json_array_get(found, 0);
    if (error == VD_OK) {
        error = first == NULL ? VD_E_NOT_FOUND
            : json_array_size(found) == 1
            ? add_history(store, json_integer_value(json_object_get(first, "number")), first)
            : VD_E_INVALID;
    }
    pthread_mutex_unlock(&store->read_mutex);
    if (error == VD_OK) {
        *alert = json_incref(first);
    }
    json_decref(found);
    return error;
}

/* ---- Groups ---- */

#define OPEN_COUNT "count(*) FILTER (WHERE status IN ('New', 'InProgress'))"

const char *vd_alert_severity_of_rank(int rank)
{
    static const char *const names[] = {"Informational", "Low", "Medium", "High"};

    return names[rank];
}

/* The texts of `count` columns from `column` on that are not empty, each once. */
static json_t *distinct_texts(sqlite3_stmt *s, int column, int count)
{
    json_t *array = json_array();

    for (int i = column; i < column + count; i++) {
        const char *text = (const char *)sqlite3_column_text(s, i);
        bool is_there = text == NULL || *text == '\0';

        for (size_t k = 0; !is_there && k < json_array_size(array); k++) {
            is_there = strcmp(json_string_value(json_array_get(array, k)), text) == 0;
        }
        if (!is_there) {
            json_array_append_new(array, vd_sqlite_json_text(s, i));
        }
    }
    return array;
}

static json_t *group_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
        "alertType", vd_sqlite_json_text(s, 0), "cause", vd_sqlite_json_text(s, 1), "displayName",
        vd_sqlite_json_text(s, 2), "severity", vd_alert_severity_of_rank(sqlite3_column_int(s, 3)),
        "alerts", (json_int_t)sqlite3_column_int64(s, 4), "open",
        (json_int_t)sqlite3_column_int64(s, 5), "devices", (json_int_t)sqlite3_column_int64(s, 6),
        "count", (json_int_t)sqlite3_column_int64(s, 7), "startTime",
        time_text(sqlite3_column_int64(s, 8)), "endTime", time_text(sqlite3_column_int64(s, 9)),
        "lastId", vd_sqlite_json_text(s, 10), "description", vd_sqlite_json_text(s, 11),
        "deviceIds", distinct_texts(s, 12, 3));
}

int vd_alert_store_groups(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **groups)
{
    static const char head[] =
        "SELECT g.type, g.cause, a.display_name, g.severity, g.alerts, g.open, g.devices, g.count,"
        " g.start_ms, g.end_ms, a.id, a.description, a.device_id, g.first_device, g.last_device"
        " FROM (SELECT type, cause, " VD_ALERT_SEVERITY_RANK " AS severity,"
        " count(*) AS alerts, " OPEN_COUNT
        " AS open, count(DISTINCT nullif(device_id, '')) AS devices,"
        " sum(count) AS count, min(start_ms) AS start_ms, max(end_ms) AS end_ms,"
        " max(number) AS number, min(nullif(device_id, '')) AS first_device,"
        " max(device_id) AS last_device FROM (SELECT * FROM alerts";
    static const char tail[] = ") GROUP BY type, cause) AS g JOIN alerts AS a USING(number)"
                               " ORDER BY g.end_ms DESC, g.number DESC";
    char among[64] = "";
    char end[sizeof among + sizeof tail];
    int error;

    if (filter->among != 0) {
        snprintf(among, sizeof among, " ORDER BY number DESC LIMIT %" PRIu32, filter->among);
    }
    snprintf(end, sizeof end, "%s%s", among, tail);
    pthread_mutex_lock(&store->read_mutex);
    error = query(store, head, filter, end, group_json, groups);
    pthread_mutex_unlock(&store->read_mutex);
    return error;
}

/* ---- Counts ---- */

static json_t *count_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:I}", "state", vd_sqlite_json_text(s, 0), "alerts",
        (json_int_t)sqlite3_column_int64(s, 1));
}

int vd_alert_store_count(
    struct vd_alert_store *store, const struct vd_alert_filter *filter, json_t **counts)
{
    char tail[64];
    int error;

    snprintf(tail, sizeof tail, " LIMIT %d) GROUP BY status", VD_ALERT_COUNT_MAX);
    pthread_mutex_lock(&store->read_mutex);
    error = query(store, "SELECT status, count(*) FROM (SELECT status FROM alerts", filter, tail,
        count_json, counts);
    pthread_mutex_unlock(&store->read_mutex);
    return error;
}
