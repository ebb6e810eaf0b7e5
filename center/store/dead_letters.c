/* SPDX-License-Identifier: MIT */
/* Messages that could not be read, with the reason: bounded, the oldest go first. */

#include "center/limits.h"
#include "center/store/alert_store_internal.h"

/* Of a replay: dead_letters.replay_state. */
#define TAKEN   "Taken"
#define REFUSED "Refused"

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
    sqlite3_bind_int(s, 8, (int)record->kind);
    sqlite3_bind_int(s, 9, record->over_https ? 1 : 0);
    vd_sqlite_bind_str(s, 10, record->address);
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

/* What became of a letter's last replay. */
struct fate {
    bool exists;
    bool is_taken;
    bool is_refused;        /* neither: it was not replayed */
    uint64_t replay_offset; /* of the record that did it */
};

static int read_fate(struct vd_alert_store *store, uint64_t offset, struct fate *fate)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_LETTER_FATE);
    int code;

    *fate = (struct fate){.exists = false};
    sqlite3_bind_int64(s, 1, (int64_t)offset);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        const char *state = (const char *)sqlite3_column_text(s, 0);

        *fate = (struct fate){
            .exists = true,
            .is_taken = state != NULL && strcmp(state, TAKEN) == 0,
            .is_refused = state != NULL && strcmp(state, REFUSED) == 0,
            .replay_offset = (uint64_t)sqlite3_column_int64(s, 1),
        };
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

int vd_dead_letter_exists(struct vd_alert_store *store, uint64_t offset, bool *exists)
{
    struct fate fate;
    int error = read_fate(store, offset, &fate);

    *exists = fate.exists;
    return error;
}

int vd_dead_letter_is_over(struct vd_alert_store *store, uint64_t offset, uint64_t replay_offset,
    bool is_new, bool *is_over)
{
    struct fate fate;
    int error = read_fate(store, offset, &fate);

    *is_over = is_new ? fate.is_taken
                      : fate.is_refused || (fate.is_taken && fate.replay_offset != replay_offset);
    return error;
}

int vd_dead_letter_mark(
    struct vd_alert_store *store, uint64_t offset, const struct vd_letter_mark *mark)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_LETTER_MARK);
    int error;

    sqlite3_bind_int64(s, 1, (int64_t)offset);
    sqlite3_bind_text(s, 2, mark->refused != NULL ? REFUSED : TAKEN, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 3, (int64_t)mark->replay_offset);
    sqlite3_bind_int64(s, 4, mark->time_ms);
    sqlite3_bind_text(s, 5, mark->refused != NULL ? mark->refused : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 6, (int64_t)mark->events);
    sqlite3_bind_int64(s, 7, (int64_t)mark->duplicates);
    error = vd_alert_sql_run(store, VD_SQL_LETTER_MARK);
    return error == VD_OK && sqlite3_changes(store->writer) == 0 ? VD_E_NOT_FOUND : error;
}
