/* SPDX-License-Identifier: MIT */
/* Rows of devices' states. */

#include "center/store/device_states.h"

#include "center/store/alert_store_internal.h"

static const char *const presences[] = {
#define PRESENCE_TEXT(name, value, text) [name] = text,
    VD_PRESENCES(PRESENCE_TEXT)
#undef PRESENCE_TEXT
};

const char *vd_presence_name(enum vd_presence presence)
{
    return presences[presence];
}

bool vd_presence_parse(const char *name, enum vd_presence *presence)
{
    for (int i = 0; i < VD_PRESENCES_END; i++) {
        if (strcmp(presences[i], name) == 0) {
            *presence = (enum vd_presence)i;
            return true;
        }
    }
    return false;
}

static int put_by(struct vd_alert_store *store, enum vd_alert_statement statement,
    const struct vd_device_row *row)
{
    sqlite3_stmt *s = vd_alert_sql(store, statement);

    sqlite3_bind_text(s, 1, row->device_id, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, row->group, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 3, (int)row->presence);
    sqlite3_bind_int64(s, 4, row->heard_ms / VD_HEARD_SLOT_MS);
    sqlite3_bind_blob64(s, 5, row->body.data, row->body.length, SQLITE_STATIC);
    return vd_alert_sql_run(store, statement);
}

int vd_device_state_put(struct vd_alert_store *store, const struct vd_device_row *row)
{
    const int error = put_by(store, VD_SQL_DEVICE_STATE_BODY, row);

    return error == VD_OK && sqlite3_changes(store->writer) == 0
        ? put_by(store, VD_SQL_DEVICE_STATE_PUT, row)
        : error;
}

int vd_device_state_remove(struct vd_alert_store *store, const char *device_id)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_DEVICE_STATE_REMOVE);

    sqlite3_bind_text(s, 1, device_id, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_DEVICE_STATE_REMOVE);
}

int vd_device_states_each(struct vd_alert_store *store,
    int (*each)(void *context, struct vd_str device_id, struct vd_str body), void *context)
{
    sqlite3_stmt *s;
    int error = VD_OK;
    int code;

    pthread_mutex_lock(&store->write_mutex);
    s = vd_alert_sql(store, VD_SQL_DEVICE_STATES);
    while ((code = sqlite3_step(s)) == SQLITE_ROW && error == VD_OK) {
        const struct vd_str id = {
            (const char *)sqlite3_column_text(s, 0), (size_t)sqlite3_column_bytes(s, 0)};
        const struct vd_str body = {sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)};

        error = each(context, id, body);
    }
    sqlite3_reset(s);
    pthread_mutex_unlock(&store->write_mutex);
    return error != VD_OK ? error : vd_sqlite_error(code);
}

int vd_device_state_get(struct vd_alert_store *store, const char *device_id, struct vd_buf *body)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(
        store->reader, "SELECT body FROM device_states WHERE device_id = ?1", -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(s, 1, device_id, -1, SQLITE_STATIC);
        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            vd_buf_append(body, sqlite3_column_blob(s, 0), (size_t)sqlite3_column_bytes(s, 0));
        }
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    if (code == SQLITE_DONE) {
        return VD_E_NOT_FOUND;
    }
    return vd_sqlite_error(code) != VD_OK ? vd_sqlite_error(code) : body->error;
}
