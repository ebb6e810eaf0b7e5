/* SPDX-License-Identifier: MIT */
/* The SQLite registry's bearer tokens. */

#include "hub/registry_sqlite.h"
#include "lib/clock.h"

static int from_row(sqlite3_stmt *row, struct vd_token *out)
{
    struct vd_token token = {0};
    const void *hash = sqlite3_column_blob(row, 2);

    if (vd_registry_column_text(row, 0, token.name, sizeof token.name) != VD_OK ||
        vd_registry_column_text(row, 3, token.created_by, sizeof token.created_by) != VD_OK ||
        sqlite3_column_bytes(row, 2) != VD_TOKEN_HASH_BYTES) {
        return VD_E_CORRUPT;
    }
    token.role = (enum vd_role)sqlite3_column_int(row, 1);
    memcpy(token.hash, hash, sizeof token.hash);
    token.created_ms = sqlite3_column_int64(row, 4);
    token.expires_ms = sqlite3_column_int64(row, 5);
    token.last_used_ms = sqlite3_column_int64(row, 6);
    if (!vd_token_is_valid(&token)) {
        return VD_E_CORRUPT;
    }
    *out = token;
    return VD_OK;
}

/* With the lock held: the token of that name, or the one behind it. */
static int find(struct sqlite_registry *self, enum registry_statement which, const char *name,
    struct vd_token *out)
{
    sqlite3_stmt *statement = self->statements[which];
    int result;
    int error;

    vd_registry_bind_text(statement, 1, name);
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        error = from_row(statement, out);
    } else {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    }
    vd_registry_reset(statement);
    return error;
}

static int insert(struct sqlite_registry *self, const struct vd_token *token)
{
    sqlite3_stmt *statement = self->statements[REGISTRY_TOKEN_CREATE];

    vd_registry_bind_text(statement, 1, token->name);
    sqlite3_bind_int(statement, 2, (int)token->role);
    sqlite3_bind_blob(statement, 3, token->hash, sizeof token->hash, SQLITE_TRANSIENT);
    vd_registry_bind_text(statement, 4, token->created_by);
    sqlite3_bind_int64(statement, 5, token->created_ms);
    sqlite3_bind_int64(statement, 6, token->expires_ms);
    return vd_registry_run(statement);
}

int vd_registry_sqlite_token_create(struct vd_registry *registry, struct vd_token *token)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_token made = *token;
    struct vd_token stored;
    int error;

    made.created_ms = vd_clock_utc_ms();
    made.last_used_ms = 0;
    error = vd_token_is_valid(&made) ? vd_registry_begin(self) : VD_E_INVALID;
    if (error != VD_OK) {
        return error;
    }
    error = find(self, REGISTRY_TOKEN_GET, made.name, &stored);
    if (error == VD_OK) {
        error = VD_E_EXISTS;
    } else if (error == VD_E_NOT_FOUND) {
        error = vd_registry_has_room(self, REGISTRY_TOKEN_COUNT, VD_HUB_TOKENS_MAX);
    }
    if (error == VD_OK) {
        error = insert(self, &made);
    }
    error = vd_registry_end(self, error);
    if (error == VD_OK) {
        *token = made;
    }
    return error;
}

int vd_registry_sqlite_token_get(
    struct vd_registry *registry, const char *name, struct vd_token *out)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    int error;

    pthread_mutex_lock(&self->lock);
    error = find(self, REGISTRY_TOKEN_GET, name, out);
    pthread_mutex_unlock(&self->lock);
    return error;
}

int vd_registry_sqlite_token_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_token *token), void *context)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    struct vd_token token = {0};
    int error;

    do {
        char after[VD_NAME_MAX + 1];

        memcpy(after, token.name, sizeof after);
        pthread_mutex_lock(&self->lock);
        error = find(self, REGISTRY_TOKEN_NEXT, after, &token);
        pthread_mutex_unlock(&self->lock);
    } while (error == VD_OK && each(context, &token));
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_registry_sqlite_token_used(struct vd_registry *registry, const char *name, int64_t used_ms)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    sqlite3_stmt *statement = self->statements[REGISTRY_TOKEN_USED];
    int error;

    pthread_mutex_lock(&self->lock);
    vd_registry_bind_text(statement, 1, name);
    sqlite3_bind_int64(statement, 2, used_ms);
    error = vd_registry_run(statement);
    pthread_mutex_unlock(&self->lock);
    return error;
}

int vd_registry_sqlite_token_remove(struct vd_registry *registry, const char *name)
{
    struct sqlite_registry *self = vd_registry_self(registry);
    sqlite3_stmt *statement = self->statements[REGISTRY_TOKEN_REMOVE];
    int error;

    pthread_mutex_lock(&self->lock);
    vd_registry_bind_text(statement, 1, name);
    error = vd_registry_run(statement);
    if (error == VD_OK && sqlite3_changes(self->db) == 0) {
        error = VD_E_NOT_FOUND;
    }
    pthread_mutex_unlock(&self->lock);
    return error;
}
