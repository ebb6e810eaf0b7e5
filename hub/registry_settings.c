/* SPDX-License-Identifier: MIT */
/* The SQLite registry's settings of the hub, and what changes several things of it at once. */

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

int vd_registry_file_setting(struct sqlite3 *db, const char *name, struct vd_buf *value)
{
    sqlite3_stmt *statement = NULL;
    int code =
        sqlite3_prepare_v2(db, "SELECT value FROM setting WHERE name = ?1", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        vd_registry_bind_text(statement, 1, name);
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        vd_buf_append(
            value, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0));
    }
    sqlite3_finalize(statement);
    if (code == SQLITE_ROW) {
        return value->error;
    }
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
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

static int store(struct sqlite_registry *self, const char *name, struct vd_str value, uint64_t etag)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_SETTING_PUT];

    vd_registry_bind_text(statement, 1, name);
    sqlite3_bind_blob(statement, 2, value.data, (int)value.length, SQLITE_TRANSIENT);
    sqlite3_bind_int64(statement, 3, (int64_t)etag);
    return vd_registry_run(statement);
}

static int check(const char *name, struct vd_str value)
{
    if (!vd_name_is_valid(name)) {
        return VD_E_INVALID;
    }
    return value.length > VD_HUB_SETTING_MAX_BYTES ? VD_E_LIMIT : VD_OK;
}

int vd_registry_sqlite_setting_put(struct vd_registry *registry, const char *name,
    struct vd_str value, uint64_t expected_etag, uint64_t *etag)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    uint64_t next = 0;
    int error = check(name, value);

    if (error == VD_OK) {
        error = vd_registry_begin(self);
    }
    if (error != VD_OK) {
        return error;
    }
    error = next_etag(self, name, expected_etag, &next);
    if (error == VD_OK) {
        error = store(self, name, value, next);
    }
    error = vd_registry_end(self, error);
    if (error == VD_OK) {
        *etag = next;
    }
    return error;
}

/* ---- Several at once ---- */

/* Stores it if exactly change->etag is there; sets that to the new one. */
static int change_setting(struct sqlite_registry *self, struct vd_setting_change *change)
{
    uint64_t etag = 0;
    int error = find(self, change->name, NULL, &etag);

    if (error == VD_E_NOT_FOUND) {
        error = VD_OK;
    }
    if (error == VD_OK && etag != change->etag) {
        error = VD_E_CHANGED;
    }
    if (error == VD_OK) {
        error = store(self, change->name, change->value, etag + 1);
    }
    if (error == VD_OK) {
        change->etag = etag + 1;
    }
    return error;
}

static int check_change(const struct vd_registry_change *change)
{
    int error = change->policy_count > VD_HUB_POLICIES_MAX ? VD_E_LIMIT : VD_OK;

    for (size_t i = 0; error == VD_OK && i < change->setting_count; i++) {
        error = check(change->settings[i].name, change->settings[i].value);
    }
    for (size_t i = 0; change->policies != NULL && error == VD_OK && i < change->policy_count;
         i++) {
        error = vd_policy_is_valid(&change->policies[i]) ? VD_OK : VD_E_INVALID;
    }
    return error;
}

/* The etags alone: of what failed nothing is to be seen. */
static void take_back(const struct vd_registry_change *change, const uint64_t *etags)
{
    for (size_t i = 0; i < change->setting_count; i++) {
        change->settings[i].etag = *etags++;
    }
    for (size_t i = 0; change->policies != NULL && i < change->policy_count; i++) {
        change->policies[i].etag = *etags++;
    }
}

int vd_registry_sqlite_change(struct vd_registry *registry, struct vd_registry_change *change)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    const size_t policy_count = change->policies != NULL ? change->policy_count : 0;
    uint64_t *etags = calloc(change->setting_count + policy_count + 1, sizeof *etags);
    int error = etags != NULL ? check_change(change) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = vd_registry_begin(self);
    }
    if (error != VD_OK) {
        free(etags);
        return error;
    }
    for (size_t i = 0; i < change->setting_count; i++) {
        etags[i] = change->settings[i].etag;
    }
    for (size_t i = 0; i < policy_count; i++) {
        etags[change->setting_count + i] = change->policies[i].etag;
    }
    for (size_t i = 0; error == VD_OK && i < change->setting_count; i++) {
        error = change_setting(self, &change->settings[i]);
    }
    if (error == VD_OK && change->policies != NULL) {
        error = vd_registry_change_policies(self, change->policies, policy_count);
    }
    error = vd_registry_end(self, error);
    if (error != VD_OK) {
        take_back(change, etags);
    }
    free(etags);
    return error;
}
