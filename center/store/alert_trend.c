/* SPDX-License-Identifier: MIT */
/* Numbers of alerts off the kept counts, and off their numbers, which grow with the time of raising and leave no gap. */

#include "center/store/alert_trend.h"

#include "center/store/alert_store_internal.h"

#define BY_SEVERITY(what)                                                               \
    "sum((severity = 'High') * " what "), sum((severity = 'Medium') * " what "), sum((" \
    "severity = 'Low') * " what ")"

int vd_alerts_since(struct vd_alert_store *store, int64_t since_ms, int64_t *count)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT 1 + (SELECT max(number) FROM alerts) - (SELECT number FROM alerts"
        " WHERE generated_ms >= ?1 ORDER BY generated_ms, number LIMIT 1)",
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, since_ms);
        code = sqlite3_step(s);
    }
    if (code == SQLITE_ROW) {
        *count = sqlite3_column_int64(s, 0);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

int vd_alerts_open(struct vd_alert_store *store, int64_t open[VD_OPEN_SEVERITIES])
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT " BY_SEVERITY("alerts") " FROM alert_counts WHERE status IN ('New', 'InProgress')",
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
    }
    for (int i = 0; i < VD_OPEN_SEVERITIES && code == SQLITE_ROW; i++) {
        open[i] = sqlite3_column_int64(s, i);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

int vd_alert_days_each(struct vd_alert_store *store, int32_t from_day,
    void (*each)(void *context, int32_t day, const int64_t raised[VD_OPEN_SEVERITIES]),
    void *context)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT day, " BY_SEVERITY(
            "raised") " FROM alert_days WHERE day >= ?1 GROUP BY day ORDER BY day",
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int(s, 1, from_day);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        int64_t raised[VD_OPEN_SEVERITIES];

        for (int i = 0; i < VD_OPEN_SEVERITIES; i++) {
            raised[i] = sqlite3_column_int64(s, 1 + i);
        }
        each(context, sqlite3_column_int(s, 0), raised);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
