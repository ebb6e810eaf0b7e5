/* SPDX-License-Identifier: MIT */
/* Owners in the state store: whose rows are whose, what removed identities left, and how much there is in all. */

#include "hub/state_sqlite.h"

/* ---- Rows ---- */

int vd_state_owner_find(struct vd_state_store *self, const struct vd_state_key *key, int64_t *owner)
{
    sqlite3_stmt *statement = self->statements[STATE_OWNER_FIND];
    int error;

    vd_state_bind_key(statement, 1, key);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        *owner = sqlite3_column_int64(statement, 0);
    }
    vd_state_reset(statement);
    return error;
}

int vd_state_owner_need(struct vd_state_store *self, const struct vd_state_key *key, int64_t *owner)
{
    int error = vd_state_owner_find(self, key, owner);

    if (error != VD_E_NOT_FOUND) {
        return error;
    }
    vd_state_bind_key(self->statements[STATE_OWNER_ADD], 1, key);
    error = vd_state_exec(self->statements[STATE_OWNER_ADD]);
    if (error == VD_OK) {
        *owner = sqlite3_last_insert_rowid(self->db);
    }
    return error;
}

/* The first owner behind *id, of the device if there is one named. */
static int owner_next(
    struct vd_state_store *self, const char *device_id, int64_t *id, struct vd_state_key *key)
{
    sqlite3_stmt *statement =
        self->statements[device_id != NULL ? STATE_OWNER_NEXT_OF_DEVICE : STATE_OWNER_NEXT];
    int64_t found = 0;
    int error;

    sqlite3_bind_int64(statement, 1, *id);
    if (device_id != NULL) {
        vd_state_bind_text(statement, 2, device_id);
    }
    error = vd_state_step(statement);
    if (error == VD_OK) {
        found = sqlite3_column_int64(statement, 0);
        error = vd_state_column_key(statement, 1, key);
    }
    vd_state_reset(statement);
    if (error == VD_OK) {
        *id = found;
    }
    return error;
}

/* ---- Over all of them ---- */

int vd_state_sweep(struct vd_state_store *self, const char *device_id,
    bool (*keep)(void *context, const struct vd_state_key *key), void *context, uint32_t max,
    int64_t *cursor, uint32_t *removed)
{
    struct vd_state_key key;
    uint32_t count = 0;
    int64_t id = *cursor;
    int error = VD_OK;

    for (uint32_t i = 0; error == VD_OK && i < max; i++) {
        error = owner_next(self, device_id, &id, &key);
        if (error == VD_OK && !keep(context, &key)) {
            sqlite3_bind_int64(self->statements[STATE_OWNER_REMOVE], 1, id);
            error = vd_state_exec(self->statements[STATE_OWNER_REMOVE]);
            count++;
        }
    }
    if (error == VD_E_NOT_FOUND) {
        id = 0;
        error = VD_OK;
    }
    if (error == VD_OK) {
        *cursor = id;
        if (removed != NULL) {
            *removed = count;
        }
    }
    return error;
}

static int read_count(sqlite3_stmt *statement, uint32_t max, uint32_t *count)
{
    int error;

    sqlite3_bind_int64(statement, 1, max);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        *count = (uint32_t)sqlite3_column_int64(statement, 0);
    }
    vd_state_reset(statement);
    return error;
}

int vd_state_totals_get(struct vd_state_store *self, struct vd_state_totals *totals)
{
    struct vd_state_totals found = {0};
    int error =
        read_count(self->statements[STATE_C2D_TOTAL], VD_HUB_STATE_COUNT_MAX, &found.c2d_messages);

    if (error == VD_OK) {
        error = read_count(
            self->statements[STATE_FEEDBACK_TOTAL], VD_HUB_STATE_COUNT_MAX, &found.feedback);
    }
    if (error == VD_OK) {
        *totals = found;
    }
    return error;
}
