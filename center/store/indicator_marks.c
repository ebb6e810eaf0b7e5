/* SPDX-License-Identifier: MIT */
/* A row of two numbers a mark. */

#include "center/store/indicator_marks.h"

#include "center/detect/observation.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

int vd_indicator_mark_of(const struct vd_observation *seen, const struct vd_address *remote,
    struct vd_indicator_mark *mark)
{
    struct {
        struct vd_uuid event;
        struct vd_address remote;
        int64_t enqueued_ms;
    } parts = {.remote = *remote, .enqueued_ms = seen->enqueued_ms};
    struct vd_uuid digest;
    int error = vd_event_key(seen->device_id, seen->module_id, &seen->event->id, &parts.event);

    _Static_assert(sizeof parts == 40, "no padding, for all of it is digested");
    if (error == VD_OK) {
        error = vd_uuid_derived(&parts, sizeof parts, &digest);
    }
    if (error == VD_OK) {
        mark->day = vd_time_day(seen->enqueued_ms);
        memcpy(&mark->key, digest.bytes + 8, sizeof mark->key);
    }
    return error;
}

static sqlite3_stmt *bound(struct vd_alert_store *store, enum vd_alert_statement statement,
    const struct vd_indicator_mark *mark)
{
    sqlite3_stmt *s = vd_alert_sql(store, statement);

    sqlite3_bind_int(s, 1, mark->day);
    sqlite3_bind_int64(s, 2, mark->key);
    return s;
}

int vd_indicator_mark_add(struct vd_alert_store *store, const struct vd_indicator_mark *mark)
{
    (void)bound(store, VD_SQL_MARK_ADD, mark);
    return vd_alert_sql_run(store, VD_SQL_MARK_ADD);
}

int vd_indicator_mark_find(
    struct vd_alert_store *store, const struct vd_indicator_mark *mark, bool *is_found)
{
    sqlite3_stmt *s = bound(store, VD_SQL_MARK_FIND, mark);
    int code = sqlite3_step(s);

    *is_found = code == SQLITE_ROW;
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

int vd_indicator_marks_prune(struct vd_alert_store *store, int32_t day)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int(vd_alert_sql(store, VD_SQL_MARK_PRUNE), 1, day);
    error = vd_alert_sql_run(store, VD_SQL_MARK_PRUNE);
    return vd_alert_store_end(store, error);
}
