/* SPDX-License-Identifier: MIT */
/* Reads what has changed in the alert store. */

#include "center/store/marks.h"

#include "center/store/alert_store_internal.h"

/* Numbers of changes, and sums of times and counts: a row that comes, goes or is written makes another one of them. What counts
 * changes weighs more than a row, so that one does not make up for the other. */
static const char sql[] =
    "WITH m AS (SELECT"
    " sum(value) FILTER (WHERE key = 'indicator_generation') AS feeds,"
    " sum(value) FILTER (WHERE key = 'group_generation') AS groups,"
    " sum(value) FILTER (WHERE key = 'device_generation') AS devices,"
    " sum(value) FILTER (WHERE key = 'sink_generation') AS sinks FROM meta),"
    " r AS (SELECT sum(is_active + resource_count + unhealthy_devices) AS of_now"
    " FROM recommendations),"
    " f AS (SELECT sum(attempted_ms) AS tried FROM feeds),"
    " u AS (SELECT sum(attempted_ms + checked_ms + asked) AS tried FROM feed_sources),"
    " s AS (SELECT sum(next + open + try + since_ms + delivered + skipped) AS taken"
    " FROM notify_sinks),"
    " d AS (SELECT 2 * max(number) - count(*) AS dead FROM notify_dead),"
    " l AS (SELECT max(offset) + sum(CASE replay_state WHEN '' THEN 1 WHEN 'Taken' THEN 3"
    " ELSE 7 END) AS letters FROM dead_letters),"
    " q AS (SELECT count(*) + sum(changed_ms + ran_ms) AS saved FROM saved_queries)"
    " SELECT (SELECT max(change) FROM alerts),"
    " 1000003 * coalesce((SELECT max(number) FROM recommendation_changes), 0)"
    " + coalesce(r.of_now, 0),"
    " 1000003 * coalesce(m.feeds, 0) + coalesce(f.tried, 0) + coalesce(u.tried, 0),"
    " m.groups,"
    " 1000003 * coalesce(m.sinks, 0) + coalesce(s.taken, 0) + coalesce(d.dead, 0),"
    " l.letters, q.saved, m.devices FROM m, r, f, u, s, d, l, q";

int vd_store_marks_read(struct vd_alert_store *store, struct vd_store_marks *out)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader, sql, -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
    }
    if (code == SQLITE_ROW) {
        *out = (struct vd_store_marks){
            .alerts = sqlite3_column_int64(s, 0),
            .recommendations = sqlite3_column_int64(s, 1),
            .feeds = sqlite3_column_int64(s, 2),
            .groups = sqlite3_column_int64(s, 3),
            .notify = sqlite3_column_int64(s, 4),
            .dead_letters = sqlite3_column_int64(s, 5),
            .queries = sqlite3_column_int64(s, 6),
            .devices = sqlite3_column_int64(s, 7),
        };
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
