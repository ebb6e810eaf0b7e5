/* SPDX-License-Identifier: MIT */
/* Which events came before: two tables, of even and of odd days, so that forgetting a day is emptying one. */

#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

int vd_event_key(struct vd_str device_id, struct vd_str module_id, const struct vd_uuid *event_id,
    struct vd_uuid *key)
{
    uint8_t bytes[16 + 2 * 256];
    size_t length = 0;

    if (device_id.length > 255 || module_id.length > 255) {
        return VD_E_LIMIT;
    }
    memcpy(bytes, event_id->bytes, 16);
    length = 16;
    bytes[length++] = (uint8_t)device_id.length;
    memcpy(bytes + length, device_id.data, device_id.length);
    length += device_id.length;
    if (module_id.length > 0) {
        memcpy(bytes + length, module_id.data, module_id.length);
        length += module_id.length;
    }
    return vd_uuid_derived(bytes, length, key);
}

int vd_event_seen_start(struct vd_alert_store *store, int64_t enqueued_ms, int32_t *day)
{
    int64_t newest;
    int32_t today = vd_time_day(enqueued_ms);
    int error = vd_alert_meta_get(store, "seen_day", &newest);

    if (error != VD_OK) {
        return error;
    }
    if (today <= newest) {
        *day = (int32_t)newest; /* a clock that went back empties nothing */
        return VD_OK;
    }
    /* The table of today holds the day before yesterday; after a gap the other one is old too. */
    (void)vd_alert_sql(store, today % 2 == 0 ? VD_SQL_SEEN_EVEN_CLEAR : VD_SQL_SEEN_ODD_CLEAR);
    error =
        vd_alert_sql_run(store, today % 2 == 0 ? VD_SQL_SEEN_EVEN_CLEAR : VD_SQL_SEEN_ODD_CLEAR);
    if (error == VD_OK && today - newest > 1) {
        (void)vd_alert_sql(store, today % 2 == 0 ? VD_SQL_SEEN_ODD_CLEAR : VD_SQL_SEEN_EVEN_CLEAR);
        error = vd_alert_sql_run(
            store, today % 2 == 0 ? VD_SQL_SEEN_ODD_CLEAR : VD_SQL_SEEN_EVEN_CLEAR);
    }
    if (error == VD_OK) {
        error = vd_alert_meta_set(store, "seen_day", today);
    }
    *day = today;
    return error;
}

int vd_event_seen_set_back(struct vd_alert_store *store, int64_t now_ms)
{
    const int32_t today = vd_time_day(now_ms);
    int64_t newest;
    int error = vd_alert_meta_get(store, "seen_day", &newest);

    return error == VD_OK && newest > today ? vd_alert_meta_set(store, "seen_day", today) : error;
}

static int seen_lookup(struct vd_alert_store *store, enum vd_alert_statement statement,
    const struct vd_uuid *key, uint64_t *first_offset)
{
    sqlite3_stmt *s = vd_alert_sql(store, statement);
    int code;

    sqlite3_bind_blob(s, 1, key->bytes, sizeof key->bytes, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *first_offset = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    if (code == SQLITE_DONE) {
        return VD_E_NOT_FOUND;
    }
    return vd_sqlite_error(code);
}

int vd_event_seen_get(
    struct vd_alert_store *store, const struct vd_uuid *key, uint64_t *first_offset)
{
    int error = seen_lookup(store, VD_SQL_SEEN_EVEN_GET, key, first_offset);

    return error == VD_E_NOT_FOUND ? seen_lookup(store, VD_SQL_SEEN_ODD_GET, key, first_offset)
                                   : error;
}

int vd_event_seen_add(
    struct vd_alert_store *store, int32_t day, const struct vd_uuid *key, uint64_t offset)
{
    enum vd_alert_statement statement = day % 2 == 0 ? VD_SQL_SEEN_EVEN_ADD : VD_SQL_SEEN_ODD_ADD;
    sqlite3_stmt *s = vd_alert_sql(store, statement);

    sqlite3_bind_blob(s, 1, key->bytes, sizeof key->bytes, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, (int64_t)offset);
    return vd_alert_sql_run(store, statement);
}
