/* SPDX-License-Identifier: MIT */
/* Messages that could not be read, with the reason: bounded, the oldest go first. */

#include "center/limits.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

int vd_alert_letters_recount(struct vd_alert_store *store)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(store->writer,
        "SELECT count(*), coalesce(sum(length(body)), 0) FROM dead_letters", -1, &s, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            store->letters = (uint64_t)sqlite3_column_int64(s, 0);
            store->letter_bytes = (uint64_t)sqlite3_column_int64(s, 1);
        }
    }
    sqlite3_finalize(s);
    return vd_sqlite_error(code);
}

/* Lets the oldest letter go. */
static int drop_oldest(struct vd_alert_store *store)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_LETTER_OLDEST);
    int code = sqlite3_step(s);
    int64_t offset = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    uint64_t bytes = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(s, 1) : 0;
    int error = vd_sqlite_error(code);

    sqlite3_reset(s);
    if (code != SQLITE_ROW) {
        return error != VD_OK ? error : VD_E_CORRUPT;
    }
    sqlite3_bind_int64(vd_alert_sql(store, VD_SQL_LETTER_DELETE), 1, offset);
    error = vd_alert_sql_run(store, VD_SQL_LETTER_DELETE);
    if (error == VD_OK) {
        store->letters--;
        store->letter_bytes -= bytes;
        store->letters_dropped++;
    }
    return error;
}

int vd_dead_letter_add(struct vd_alert_store *store, uint64_t offset, const struct vd_event *record,
    const char *reason)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_LETTER_ADD);
    int error;

    sqlite3_bind_int64(s, 1, (int64_t)offset);
    sqlite3_bind_int64(s, 2, record->enqueued_ms);
    vd_sqlite_bind_str(s, 3, record->device_id);
    vd_sqlite_bind_str(s, 4, record->module_id);
    sqlite3_bind_text(s, 5, reason, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 6, record->properties);
    sqlite3_bind_blob64(s, 7, record->body.data != NULL ? record->body.data : "",
        record->body.length, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_LETTER_ADD);
    if (error == VD_OK && sqlite3_changes(store->writer) > 0) {
        store->letters++;
        store->letter_bytes += record->body.length;
    }
    while (error == VD_OK && store->letters > 1 &&
        (store->letters > VD_DEAD_LETTERS_MAX || store->letter_bytes > VD_DEAD_LETTERS_BYTES_MAX)) {
        error = drop_oldest(store);
    }
    return error;
}

int vd_alert_store_dead_letters(struct vd_alert_store *store, uint32_t limit, json_t **letters)
{
    json_t *array = json_array();
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT offset, enqueued_ms, device_id, module_id, reason, length(body)"
        " FROM dead_letters ORDER BY offset DESC LIMIT ?1",
        -1, &s, NULL);
    sqlite3_bind_int64(s, 1, limit != 0 ? limit : VD_DEAD_LETTERS_MAX);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        char time[VD_TIME_TEXT_SIZE];

        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            vd_time_format(sqlite3_column_int64(s, 1), time);
            json_array_append_new(array,
                json_pack("{s:I, s:s, s:o, s:o, s:o, s:I}", "offset",
                    (json_int_t)sqlite3_column_int64(s, 0), "time", time, "deviceId",
                    vd_sqlite_json_text(s, 2), "moduleId", vd_sqlite_json_text(s, 3), "reason",
                    vd_sqlite_json_text(s, 4), "bodyBytes",
                    (json_int_t)sqlite3_column_int64(s, 5)));
        }
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (vd_sqlite_error(code) != VD_OK) {
        json_decref(array);
        return vd_sqlite_error(code);
    }
    *letters = array;
    return VD_OK;
}
