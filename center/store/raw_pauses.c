/* SPDX-License-Identifier: MIT */
/* A row a pause; the last one is open while it goes on. */

#include "center/store/raw_pauses.h"

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"

static int change(struct vd_alert_store *store, bool is_stored, int64_t time_ms)
{
    const enum vd_alert_statement statement = is_stored ? VD_SQL_PAUSE_END : VD_SQL_PAUSE_BEGIN;
    int error;

    sqlite3_bind_int64(vd_alert_sql(store, statement), 1, time_ms);
    error = vd_alert_sql_run(store, statement);
    if (error == VD_OK) {
        sqlite3_bind_int(vd_alert_sql(store, VD_SQL_PAUSE_PRUNE), 1, VD_RAW_PAUSES_MAX);
        error = vd_alert_sql_run(store, VD_SQL_PAUSE_PRUNE);
    }
    return error;
}

int vd_raw_pauses_set(struct vd_alert_store *store, bool is_stored, int64_t time_ms)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = change(store, is_stored, time_ms);
    return vd_alert_store_end(store, error);
}

static json_t *time_at(sqlite3_stmt *s, int column)
{
    char text[VD_TIME_TEXT_SIZE];

    if (sqlite3_column_type(s, column) == SQLITE_NULL) {
        return json_null();
    }
    vd_time_format(sqlite3_column_int64(s, column), text);
    return json_string(text);
}

static json_t *pause_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o}", "from", time_at(s, 0), "to", time_at(s, 1));
}

int vd_raw_pauses_list(
    struct vd_alert_store *store, int64_t from_ms, int64_t to_ms, json_t **pauses)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT from_ms, to_ms FROM raw_pauses WHERE from_ms < ?2 AND (to_ms IS NULL OR to_ms > ?1)"
        " ORDER BY number");

    sqlite3_bind_int64(s, 1, from_ms);
    sqlite3_bind_int64(s, 2, to_ms);
    return vd_rows_end(store, s, pause_json, pauses);
}
