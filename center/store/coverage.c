/* SPDX-License-Identifier: MIT */
/* A row an hour, and one for each of its devices that lost most. */

#include "center/store/coverage.h"

#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"

int vd_coverage_add(struct vd_alert_store *store, int64_t hour, const struct vd_coverage *more)
{
    const int64_t values[] = {hour, more->devices, more->counted, more->overflowed, more->malformed,
        more->given_up, more->withheld};
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_COVERAGE_ADD);
    int error;

    for (int i = 0; i < (int)(sizeof values / sizeof values[0]); i++) {
        sqlite3_bind_int64(s, i + 1, values[i]);
    }
    error = vd_alert_sql_run(store, VD_SQL_COVERAGE_ADD);
    if (error == VD_OK) {
        sqlite3_bind_int64(
            vd_alert_sql(store, VD_SQL_COVERAGE_PRUNE), 1, hour - VD_COVERAGE_HOURS_MAX);
        error = vd_alert_sql_run(store, VD_SQL_COVERAGE_PRUNE);
    }
    return error;
}

int vd_coverage_each(struct vd_alert_store *store, int64_t from_hour,
    void (*each)(void *context, int64_t hour, const struct vd_coverage *coverage), void *context)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT hour, devices, counted, overflowed, malformed, given_up, withheld"
        " FROM coverage_hours WHERE hour >= ?1 ORDER BY hour",
        -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(s, 1, from_hour);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct vd_coverage coverage = {
            .devices = sqlite3_column_int64(s, 1),
            .counted = sqlite3_column_int64(s, 2),
            .overflowed = sqlite3_column_int64(s, 3),
            .malformed = sqlite3_column_int64(s, 4),
            .given_up = sqlite3_column_int64(s, 5),
            .withheld = sqlite3_column_int64(s, 6),
        };

        each(context, sqlite3_column_int64(s, 0), &coverage);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

void vd_coverage_sum(struct vd_coverage *sum, const struct vd_coverage *more)
{
    sum->devices += more->devices;
    sum->counted += more->counted;
    sum->overflowed += more->overflowed;
    sum->malformed += more->malformed;
    sum->given_up += more->given_up;
    sum->withheld += more->withheld;
}

int64_t vd_coverage_reported(const struct vd_coverage *coverage)
{
    const int64_t reported = coverage->counted - coverage->given_up - coverage->withheld;

    return reported > 0 ? reported : 0;
}

int64_t vd_coverage_wanted(const struct vd_coverage *coverage)
{
    return coverage->counted + coverage->overflowed + coverage->malformed;
}

int64_t vd_coverage_missed(const struct vd_coverage *coverage)
{
    return vd_coverage_wanted(coverage) - vd_coverage_reported(coverage);
}

/* ---- By device ---- */

int vd_coverage_add_loss(
    struct vd_alert_store *store, int64_t hour, struct vd_str device_id, int64_t missed)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_COVERAGE_LOSS_ADD);
    int error;

    sqlite3_bind_int64(s, 1, hour);
    vd_sqlite_bind_str(s, 2, device_id);
    sqlite3_bind_int64(s, 3, missed);
    error = vd_alert_sql_run(store, VD_SQL_COVERAGE_LOSS_ADD);
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_COVERAGE_LOSS_PRUNE);
        sqlite3_bind_int64(s, 1, hour);
        sqlite3_bind_int64(s, 2, VD_COVERAGE_LOSS_DEVICES);
        sqlite3_bind_int64(s, 3, hour - VD_COVERAGE_LOSS_HOURS);
        error = vd_alert_sql_run(store, VD_SQL_COVERAGE_LOSS_PRUNE);
    }
    return error;
}

static json_t *loss_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:I}", "deviceId", vd_sqlite_json_text(s, 0), "missedPackets",
        (json_int_t)sqlite3_column_int64(s, 1));
}

int vd_coverage_losses(struct vd_alert_store *store, int64_t from_hour, const char *device_id,
    uint32_t limit, json_t **losses)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT device_id, sum(missed) AS missed FROM coverage_losses WHERE hour >= ?1"
        " AND (?2 IS NULL OR device_id = ?2) GROUP BY device_id ORDER BY missed DESC, device_id"
        " LIMIT ?3");

    sqlite3_bind_int64(s, 1, from_hour);
    sqlite3_bind_text(s, 2, device_id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, limit);
    return vd_rows_end(store, s, loss_json, losses);
}
