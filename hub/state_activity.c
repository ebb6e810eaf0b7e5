/* SPDX-License-Identifier: MIT */
/* When identities were heard of, in the state store: columns of their owner's row. */

#include "hub/state_sqlite.h"

int vd_state_activity_get(struct vd_state_store *store, const struct vd_state_key *key,
    struct vd_state_activity *activity)
{
    sqlite3_stmt *statement = store->statements[STATE_ACTIVITY_GET];
    int64_t owner = 0;
    int error = vd_state_owner_find(store, key, &owner);

    *activity = (struct vd_state_activity){0};
    if (error != VD_OK) {
        return error == VD_E_NOT_FOUND ? VD_OK : error;
    }
    sqlite3_bind_int64(statement, 1, owner);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        activity->seen_ms = sqlite3_column_int64(statement, 0);
        activity->connection_ms = sqlite3_column_int64(statement, 1);
    }
    vd_state_reset(statement);
    return error;
}

int vd_state_activity_put(struct vd_state_store *store, const struct vd_state_key *key,
    const struct vd_state_activity *activity, bool make)
{
    sqlite3_stmt *statement = store->statements[STATE_ACTIVITY_PUT];
    int64_t owner = 0;
    int error =
        make ? vd_state_owner_need(store, key, &owner) : vd_state_owner_find(store, key, &owner);

    if (error != VD_OK) {
        return error == VD_E_NOT_FOUND ? VD_OK : error;
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, activity->seen_ms);
    sqlite3_bind_int64(statement, 3, activity->connection_ms);
    return vd_state_exec(statement);
}
