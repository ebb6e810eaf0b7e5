/* SPDX-License-Identifier: MIT */
/* Reads what has changed in the alert store. */

#include "center/store/marks.h"

#include "center/store/alert_store_internal.h"

#define META(key) "coalesce((SELECT value FROM meta WHERE key = '" key "'), 0)"
#define OF(value) "coalesce((SELECT " value "), 0)"

/* Sums of times and counts: a row that comes, goes or is written makes another one of them. */
static const char sql[] = "SELECT " OF("max(change) FROM alerts") ", " OF("max(number) FROM recommendation_changes") " + " OF("sum(is_active + resource_count + unhealthy_devices) FROM recommendations") ", " META(
    "indicator_generation") " + " OF("sum(attempted_ms) FROM feeds") " + " OF("sum(attempted_ms + checked_ms + asked) FROM feed_sources") ", " META("group_generation") ", " META("sink_generation") " + " OF("sum(next + open + try + since_ms + delivered + skipped) FROM notify_sinks") " + " OF("max(number) FROM notify_dead") " - " OF("count(*) FROM notify_dead") ", " OF("max(offset) FROM dead_letters") " + " OF("sum(iif(replay_state = '', 1, iif(replay_state = 'Taken', 3, 7))) FROM dead_letters") ", " OF("count(*) + sum(changed_ms + ran_ms) FROM saved_queries");

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
        };
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
