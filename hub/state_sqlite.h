/* SPDX-License-Identifier: MIT */
/* What the parts of the SQLite state store share: the connection and its statements. Internal to hub/. */

#ifndef VEDETTE_HUB_STATE_SQLITE_H
#define VEDETTE_HUB_STATE_SQLITE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "hub/state_store.h"
#include "lib/sqlite.h"

enum state_statement {
    STATE_BEGIN,
    STATE_COMMIT,
    STATE_ROLLBACK,
    STATE_ATTEMPT,
    STATE_ATTEMPT_UNDO,
    STATE_ATTEMPT_END,
    STATE_OWNER_FIND,
    STATE_OWNER_ADD,
    STATE_OWNER_NEXT,
    STATE_OWNER_NEXT_OF_DEVICE,
    STATE_OWNER_REMOVE,
    STATE_FILTERS_GET,
    STATE_FILTERS_PUT,
    STATE_ACTIVITY_GET,
    STATE_ACTIVITY_PUT,
    STATE_TWIN_GET,
    STATE_TWIN_PUT,
    STATE_TWIN_NEXT,
    STATE_C2D_LOAD,
    STATE_C2D_ADD,
    STATE_C2D_ADD_BODY,
    STATE_C2D_UPDATE,
    STATE_C2D_REMOVE,
    STATE_C2D_MESSAGE_ID,
    STATE_C2D_READ,
    STATE_C2D_DUE,
    STATE_C2D_AHEAD,
    STATE_C2D_TOTAL,
    STATE_FEEDBACK_TOTAL,
    STATE_FEEDBACK_ADD,
    STATE_FEEDBACK_TRIM,
    STATE_FEEDBACK_NEXT,
    STATE_FEEDBACK_REMOVE,
    STATE_STATEMENTS
};

struct vd_state_store {
    int lock_fd; /* held as long as it is open */
    sqlite3 *db;
    sqlite3_stmt *statements[STATE_STATEMENTS];
    int64_t changes_at_begin;
    _Atomic uint64_t feedback_dropped;
};

/* Every statement is used as: bind, step or exec, read columns, reset. */

void vd_state_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* Bytes that stay where they are until the statement is reset; never NULL in the table. */
void vd_state_bind_bytes(sqlite3_stmt *statement, int index, struct vd_str bytes);
/* Device id, module id and generation id as the parameters from `index` on. */
void vd_state_bind_key(sqlite3_stmt *statement, int index, const struct vd_state_key *key);

/* Steps once: VD_E_NOT_FOUND if there is no row. */
VD_NODISCARD int vd_state_step(sqlite3_stmt *statement);
/* Steps a statement that gives no rows, and resets it. */
VD_NODISCARD int vd_state_exec(sqlite3_stmt *statement);
void vd_state_reset(sqlite3_stmt *statement);

/* Columns of the present row; VD_E_CORRUPT if they are not what the store writes. */
VD_NODISCARD int vd_state_column_text(sqlite3_stmt *statement, int column, char *out, size_t size);
VD_NODISCARD int vd_state_column_bytes(
    sqlite3_stmt *statement, int column, struct vd_buf *out, size_t max);
VD_NODISCARD int vd_state_column_key(sqlite3_stmt *statement, int column, struct vd_state_key *key);

/* The row of the identity; VD_E_NOT_FOUND. */
VD_NODISCARD int vd_state_owner_find(
    struct vd_state_store *store, const struct vd_state_key *key, int64_t *owner);
/* Likewise, made if absent. */
VD_NODISCARD int vd_state_owner_need(
    struct vd_state_store *store, const struct vd_state_key *key, int64_t *owner);

#endif
