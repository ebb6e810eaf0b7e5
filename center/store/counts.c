/* SPDX-License-Identifier: MIT */
/* Counts of the alert store: a statement each, labels first. */

#include "center/store/counts.h"

#include "center/store/alert_internal.h"

static const struct {
    const char *sql;
    int labels;
    int numbers;
} counted[] = {
    [VD_COUNTED_ALERTS] = {"SELECT type, severity, status, alerts FROM alert_counts", 3, 1},
    [VD_COUNTED_ALERTS_EVER] =
        {"SELECT type, severity, raised, findings - raised FROM alert_totals", 2, 2},
    [VD_COUNTED_LETTERS] =
        {"SELECT column1, (SELECT count(*) FROM dead_letters"
         " WHERE replay_state = column2)"
         " FROM (VALUES('none', ''), ('taken', 'Taken'), ('refused', 'Refused'))",
            1, 1},
    [VD_COUNTED_RECOMMENDATIONS] =
        {"SELECT type, is_active, unhealthy_devices FROM recommendations", 1, 2},
    [VD_COUNTED_FEEDS] = {"SELECT f.name, report ->> 'used',"
                          " max(fetched_ms, coalesce(checked_ms, 0)) / 1000.0,"
                          " coalesce(s.attempted_ms, f.attempted_ms) / 1000.0, error IS NOT NULL"
                          " FROM feeds AS f LEFT JOIN feed_sources AS s ON s.name = f.name"
                          " ORDER BY f.name",
        1, 4},
    [VD_COUNTED_SINKS] = {"SELECT name, kind, max(0, 1 - next + coalesce((SELECT seq FROM"
                          " sqlite_sequence WHERE name = 'outbox'), 0)), delivered, skipped,"
                          " (SELECT count(*) FROM notify_dead WHERE sink = notify_sinks.name)"
                          " FROM notify_sinks ORDER BY name",
        2, 4},
};

int vd_counted_each(struct vd_alert_store *store, enum vd_counted_things things,
    void (*each)(void *context, const struct vd_counted_row *row), void *context)
{
    const int labels = counted[things].labels;
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader, counted[things].sql, -1, &s, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct vd_counted_row row = {{NULL}, {0}};

        for (int i = 0; i < labels; i++) {
            row.labels[i] = (const char *)sqlite3_column_text(s, i);
        }
        for (int i = 0; i < counted[things].numbers; i++) {
            row.numbers[i] = sqlite3_column_double(s, labels + i);
        }
        each(context, &row);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
