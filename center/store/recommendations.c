/* SPDX-License-Identifier: MIT */
/* A row a recommendation, and one for each change of its state. */

#include "center/store/recommendations.h"

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"

static int read_state(
    struct vd_alert_store *store, const char *type, bool *is_there, bool *is_active)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_RECOMMENDATION_GET);
    int code;

    sqlite3_bind_text(s, 1, type, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    *is_there = code == SQLITE_ROW;
    *is_active = *is_there && sqlite3_column_int(s, 0) != 0;
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

/* Of the row as it is now. */
static int add_change(struct vd_alert_store *store, const char *type, int64_t now_ms)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_RECOMMENDATION_CHANGE);
    int error;

    sqlite3_bind_text(s, 1, type, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, now_ms);
    error = vd_alert_sql_run(store, VD_SQL_RECOMMENDATION_CHANGE);
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_RECOMMENDATION_PRUNE);
        sqlite3_bind_text(s, 1, type, -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 2, VD_RECOMMENDATION_CHANGES_MAX);
        error = vd_alert_sql_run(store, VD_SQL_RECOMMENDATION_PRUNE);
    }
    return error;
}

static int put_one(struct vd_alert_store *store, const struct vd_recommendation *row,
    const struct vd_recommendation_state *state, int64_t now_ms, uint32_t *changed)
{
    char *resources = json_dumps(state->resources, JSON_COMPACT);
    bool is_there = false;
    bool was_active = false;
    bool is_change;
    sqlite3_stmt *s;
    int error =
        resources != NULL ? read_state(store, row->type, &is_there, &was_active) : VD_E_NOMEM;

    is_change = !is_there || was_active != state->is_active;
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_RECOMMENDATION_PUT);
        sqlite3_bind_text(s, 1, row->type, -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 2, state->is_active);
        sqlite3_bind_int64(s, 3, now_ms);
        sqlite3_bind_int(s, 4, is_change);
        sqlite3_bind_text(s, 5, state->description, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 6, resources, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 7, (int64_t)state->resource_count);
        sqlite3_bind_int64(s, 8, (int64_t)state->unhealthy_devices);
        error = vd_alert_sql_run(store, VD_SQL_RECOMMENDATION_PUT);
    }
    if (error == VD_OK && is_change) {
        ++*changed;
        error = add_change(store, row->type, now_ms);
    }
    free(resources);
    return error;
}

int vd_recommendations_put(struct vd_alert_store *store,
    const struct vd_recommendation_state state[VD_RECOMMENDATIONS], int64_t now_ms,
    uint32_t *changed)
{
    uint32_t count = 0;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    for (size_t i = 0; i < VD_RECOMMENDATIONS && error == VD_OK; i++) {
        error = put_one(store, vd_recommendation_at(i), &state[i], now_ms, &count);
    }
    if (error != VD_OK) {
        vd_alert_store_rollback(store);
        return error;
    }
    error = vd_alert_store_commit(store);
    if (error == VD_OK && changed != NULL) {
        *changed = count;
    }
    return error;
}

/* ---- Reading ---- */

static json_t *time_text(int64_t ms)
{
    char text[VD_TIME_TEXT_SIZE];

    if (ms == 0) {
        return json_null();
    }
    vd_time_format(ms, text);
    return json_string(text);
}

static json_t *steps_json(const char *const *steps)
{
    json_t *array = json_array();

    for (; *steps != NULL; steps++) {
        json_array_append_new(array, json_string(*steps));
    }
    return array;
}

static json_t *row_json(const struct vd_recommendation *row, sqlite3_stmt *s)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I}", "type",
        row->type, "displayName", row->display_name, "severity", row->severity, "state",
        sqlite3_column_int(s, 0) != 0 ? "Active" : "NotActive", "description",
        vd_sqlite_json_text(s, 1), "remediationSteps", steps_json(row->remediation_steps), "since",
        time_text(sqlite3_column_int64(s, 2)), "firstActive", time_text(sqlite3_column_int64(s, 3)),
        "lastEvaluated", time_text(sqlite3_column_int64(s, 4)), "resourceCount",
        (json_int_t)sqlite3_column_int64(s, 5), "resources",
        json_loads((const char *)sqlite3_column_text(s, 6), 0, NULL), "unhealthyDeviceCount",
        (json_int_t)sqlite3_column_int64(s, 7));
}

int vd_recommendations_list(struct vd_alert_store *store, json_t **list)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT is_active, description, since_ms, first_active_ms, evaluated_ms, resource_count,"
        " resources, unhealthy_devices FROM recommendations WHERE type = ?1",
        -1, &s, NULL);
    for (size_t i = 0; i < VD_RECOMMENDATIONS && vd_sqlite_error(code) == VD_OK; i++) {
        const struct vd_recommendation *row = vd_recommendation_at(i);

        sqlite3_bind_text(s, 1, row->type, -1, SQLITE_STATIC);
        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            code = json_array_append_new(array, row_json(row, s)) == 0 ? code : SQLITE_NOMEM;
        }
        sqlite3_reset(s);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (vd_sqlite_error(code) != VD_OK) {
        json_decref(array);
        return vd_sqlite_error(code);
    }
    *list = array;
    return VD_OK;
}

static json_t *change_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o, s:s}", "type", vd_sqlite_json_text(s, 0), "time",
        time_text(sqlite3_column_int64(s, 1)), "state",
        sqlite3_column_int(s, 2) != 0 ? "Active" : "NotActive");
}

int vd_recommendations_history(struct vd_alert_store *store, const char *type, json_t **history)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT type, time_ms, is_active FROM recommendation_changes WHERE type = ?1"
        " ORDER BY number DESC");

    sqlite3_bind_text(s, 1, type, -1, SQLITE_STATIC);
    return vd_rows_end(store, s, change_json, history);
}
