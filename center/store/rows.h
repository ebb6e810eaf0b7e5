/* SPDX-License-Identifier: MIT */
/* What a statement of the alert store's reader gives, as JSON: an array with an object a row, whole or not at all. */

#ifndef VEDETTE_CENTER_STORE_ROWS_H
#define VEDETTE_CENTER_STORE_ROWS_H

#include <jansson.h>
#include <sqlite3.h>

#include "center/store/alert_store.h"

/* The row that the statement is at; NULL: no memory, or what it reads beside the row failed. */
typedef json_t *vd_row_json(sqlite3_stmt *row);

/* Why there is no row: what a statement beside it failed by, or VD_E_NOMEM. */
VD_NODISCARD int vd_row_error(sqlite3 *db);

/* Appends the rows that are left, and frees the statement. NULL: it could not be prepared, and `db` knows why. */
VD_NODISCARD int vd_rows_append(
    sqlite3 *db, sqlite3_stmt *statement, vd_row_json *make, json_t *array);

/*
 * A statement between two calls of one thread, which hold the reader: what is bound to it may be let go after the second. Any
 * thread. *rows: the caller's; untouched with an error. What is bound to a NULL, a statement that could not be prepared, is
 * passed over, and the second call gives the error.
 */
VD_NODISCARD sqlite3_stmt *vd_rows_begin(struct vd_alert_store *store, const char *sql);
VD_NODISCARD int vd_rows_end(
    struct vd_alert_store *store, sqlite3_stmt *statement, vd_row_json *make, json_t **rows);

#endif
