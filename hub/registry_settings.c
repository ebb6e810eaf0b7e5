/* SPDX-License-Identifier: MIT */
/* The SQLite registry's settings of the hub. */

#include "hub/limits.h"
#include "hub/registry_sqlite.h"

/* With the lock held. value NULL: only the etag. */
static int find(
    struct sqlite_registry *self, const char *name, struct vd_buf *value, uint64_t *etag)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_SETTING_GET];
    int result;
    int error = VD_OK;

    vd_registry_bind_text(statement, 1, name);
    result = sqlite3_step(statement);
    if (result != SQLITE_ROW) {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    } else if (value != NULL) {
        vd_buf_append(
            value, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
        error = value->error;
    }
    if (error == VD_OK) {
        *etag = (uint64_t)sqlite3_column_int64(statement, 1);
    }
    vd_registry_reset(statement);
    return error;
}

int vd_registry_sqlite_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = find(self, name, value, etag);
    pthread_mutex_unlock(&self->lock);
    return error;
}

/* Within a transaction: the etag that follows the one there is. */
static int next_etag(
    struct sqlite_registry *self, const char *name, uint64_t expected_etag, uint64_t *next)
{
    uint64_t etag = 0;
    int error = find(self, name, NULL, &etag);

    if (error == VD_E_NOT_FOUND && expected_etag == 0) {
        error = VD_OK;
    } else if (error == VD_OK) {
        error = vd_registry_expect(expected_etag, etag);
    }
    *next = etag + 1;
    return error;
}

int vd_registry_sqlite_setting_put(struct vd_registry *registry, const char *name,
    struct vd_str value, uint64_t expected_etag, uint64_t *etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    sqlite3_stmt *statement = self->statements[REGISTRY_SETTING_PUT];
    uint64_t next = 0;
    int error;

    if (!vd_name_is_valid(name)) {
        return VD_E_INVALID;
    }
    if (value.length > VD_HUB_SETTING_MAX_BYTES) {
        return VD_E_LIMIT;
    }
    error = vd_registry_begin(self);
    if (error != VD_OK) {
        return error;
    }
    error = next_etag(self, name, expected_etag, &next);
    if (error == VD_OK) {
        vd_registry_bind_text(statement, 1, name);
        sqlite3_bind_blob(statement, 2, value.data, (int)value.length, SQLITE_TRANSIENT);
        sqlite3_bind_int64(statement, 3, (int64_t)next);
        error = vd_registry_run(statement);
    }
    error = vd_registry_end(self, error);
    if (error == VD_OK) {
        *etag = next;
    }
    return error;
}
