/* SPDX-License-Identifier: MIT */
/* Documents of saved queries; the clock of those that have a schedule stands in columns beside. */

#include "center/store/saved_queries.h"

#include <string.h>

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"

/* ---- Making and removing ---- */

static int count_queries(
    struct vd_alert_store *store, const char *name, int64_t *count, bool *is_there)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_SAVED_COUNT);
    int code;

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *count = sqlite3_column_int64(s, 0);
        *is_there = sqlite3_column_int64(s, 1) != 0;
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

/* When what was due at `due_ms` may be looked for. */
static int64_t run_time(int64_t due_ms)
{
    return due_ms + VD_SCHEDULE_DELAY_MS;
}

static int put_row(struct vd_alert_store *store, const char *name, const char *text,
    const struct vd_saved_query *query, int64_t now_ms)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_SAVED_PUT);
    const int64_t every_ms = query->schedule.every_ms;
    const int64_t covered_ms = query->is_scheduled ? now_ms / every_ms * every_ms : 0;

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, now_ms);
    sqlite3_bind_int64(s, 4, every_ms);
    sqlite3_bind_int64(s, 5, covered_ms);
    if (query->is_scheduled && query->schedule.is_enabled) {
        sqlite3_bind_int64(s, 6, run_time(covered_ms + every_ms));
    }
    return vd_alert_sql_run(store, VD_SQL_SAVED_PUT);
}

static int put_text(struct vd_alert_store *store, const char *name, const char *text,
    const struct vd_saved_query *query, int64_t now_ms, bool *is_new)
{
    int64_t count = 0;
    bool is_there = false;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = count_queries(store, name, &count, &is_there);
    if (error == VD_OK && !is_there && count >= VD_SAVED_QUERIES_MAX) {
        error = VD_E_LIMIT;
    }
    error = vd_alert_store_end(
        store, error == VD_OK ? put_row(store, name, text, query, now_ms) : error);
    if (error == VD_OK) {
        *is_new = !is_there;
    }
    return error;
}

int vd_saved_queries_put(struct vd_alert_store *store, const char *name, const json_t *document,
    int64_t now_ms, bool *is_new, char problem[VD_SAVED_QUERY_PROBLEM_SIZE])
{
    struct vd_saved_query query;
    char *text;
    int error;

    if (!vd_saved_query_name_is_valid(name)) {
        snprintf(problem, VD_SAVED_QUERY_PROBLEM_SIZE,
            "a name is 1 to %d letters, digits, '-', '_' and '.'", VD_SAVED_QUERY_NAME_MAX);
        return VD_E_INVALID;
    }
    if (vd_delivered_query_of(name) != NULL) {
        return VD_E_EXISTS;
    }
    error = vd_saved_query_read(document, &query, problem);
    if (error != VD_OK) {
        return error;
    }
    text = json_dumps(document, JSON_COMPACT);
    if (text == NULL) {
        return VD_E_NOMEM;
    }
    error = put_text(store, name, text, &query, now_ms, is_new);
    free(text);
    return error;
}

int vd_saved_queries_remove(struct vd_alert_store *store, const char *name)
{
    int error;

    if (vd_delivered_query_of(name) != NULL) {
        return VD_E_EXISTS;
    }
    error = vd_alert_store_begin(store);
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_text(vd_alert_sql(store, VD_SQL_SAVED_REMOVE), 1, name, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_SAVED_REMOVE);
    if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
        error = VD_E_NOT_FOUND;
    }
    return vd_alert_store_end(store, error);
}

/* ---- Listing ---- */

static json_t *delivered_json(const struct vd_delivered_query *query)
{
    return json_pack("{s:s, s:b, s:s, s:s, s:s, s:s}", "name", query->name, "isDelivered", 1,
        "title", query->title, "description", query->description, "category", query->category,
        "query", query->query);
}

static json_t *time_json(sqlite3_stmt *s, int column)
{
    char text[VD_TIME_TEXT_SIZE];
    const int64_t ms = sqlite3_column_int64(s, column);

    if (ms == 0) {
        return json_null();
    }
    vd_time_format(ms, text);
    return json_string(text);
}

static json_t *stored_json(sqlite3_stmt *s)
{
    json_t *query = json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL);

    json_object_set_new(query, "name", vd_sqlite_json_text(s, 0));
    json_object_set_new(query, "isDelivered", json_false());
    if (sqlite3_column_int64(s, 2) != 0) {
        json_object_set_new(query, "state",
            json_pack("{s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "coveredTo", time_json(s, 3), "next",
                time_json(s, 4), "lastRun", time_json(s, 5), "rows",
                (json_int_t)sqlite3_column_int64(s, 6), "raised",
                (json_int_t)sqlite3_column_int64(s, 7), "repeated",
                (json_int_t)sqlite3_column_int64(s, 8), "error",
                sqlite3_column_type(s, 9) == SQLITE_NULL ? json_null()
                                                         : vd_sqlite_json_text(s, 9)));
    }
    return query;
}

/* Without memory false. */
static bool append_delivered(json_t *array, const char *name)
{
    bool is_whole = true;

    if (name != NULL) {
        const struct vd_delivered_query *one = vd_delivered_query_of(name);

        return one == NULL || json_array_append_new(array, delivered_json(one)) == 0;
    }
    for (size_t i = 0; is_whole && vd_delivered_query_at(i) != NULL; i++) {
        is_whole = json_array_append_new(array, delivered_json(vd_delivered_query_at(i))) == 0;
    }
    return is_whole;
}

int vd_saved_queries_list(struct vd_alert_store *store, const char *name, json_t **queries)
{
    json_t *array = json_array();
    json_t *stored = NULL;
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT name, document, every_ms, covered_ms, next_ms, ran_ms, rows, raised, repeated, error"
        " FROM saved_queries WHERE ?1 IS NULL OR name = ?1 ORDER BY name");
    int error;

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    error = vd_rows_end(store, s, stored_json, &stored);
    if (error == VD_OK &&
        (!append_delivered(array, name) || json_array_extend(array, stored) != 0)) {
        error = VD_E_NOMEM;
    }
    json_decref(stored);
    if (error != VD_OK) {
        json_decref(array);
        return error;
    }
    *queries = array;
    return VD_OK;
}

/* ---- Running ---- */

/* Up to when a run at `now_ms` can look. */
static int64_t due_time(int64_t now_ms, int64_t every_ms)
{
    return (now_ms - VD_SCHEDULE_DELAY_MS) / every_ms * every_ms;
}

int vd_saved_queries_due(struct vd_alert_store *store, int64_t now_ms, struct vd_due_query *out)
{
    sqlite3_stmt *s = NULL;
    int code;
    int error;

    *out = (struct vd_due_query){0};
    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT name, document, covered_ms, every_ms FROM saved_queries"
        " WHERE next_ms <= ?1 OR (next_ms IS NOT NULL AND covered_ms > ?1)"
        " ORDER BY next_ms LIMIT 1",
        -1, &s, NULL);
    sqlite3_bind_int64(s, 1, now_ms);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
    }
    error = code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
    if (code == SQLITE_ROW) {
        error = vd_text_copy((const char *)sqlite3_column_text(s, 0), out->name, sizeof out->name);
        out->document = json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL);
        out->due_ms = due_time(now_ms, sqlite3_column_int64(s, 3));
        out->covered_ms = sqlite3_column_int64(s, 2);
        error = error == VD_OK && out->document == NULL ? VD_E_CORRUPT : error;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (error != VD_OK) {
        json_decref(out->document);
        out->document = NULL;
    }
    return error;
}

int vd_saved_queries_ran(
    struct vd_alert_store *store, const struct vd_due_query *due, const struct vd_query_ran *ran)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_SAVED_RAN);
    const bool is_done = ran->error == NULL;

    sqlite3_bind_text(s, 1, due->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, due->covered_ms);
    sqlite3_bind_int64(s, 3, is_done ? due->due_ms : due->covered_ms);
    /* What a run that failed is put off by; one that is done is due again `every` after what it covered. */
    sqlite3_bind_int64(s, 4, is_done ? run_time(due->due_ms) : ran->ran_ms + VD_SCHEDULE_RETRY_MS);
    sqlite3_bind_int(s, 5, is_done ? 1 : 0);
    sqlite3_bind_int64(s, 6, ran->ran_ms);
    sqlite3_bind_int64(s, 7, ran->rows);
    sqlite3_bind_int64(s, 8, (int64_t)ran->raised);
    sqlite3_bind_int64(s, 9, (int64_t)ran->repeated);
    sqlite3_bind_text(s, 10, ran->error, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_SAVED_RAN);
}
