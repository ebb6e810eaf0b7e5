/* SPDX-License-Identifier: MIT */
/* Every row or an error: reading a statement of the reader to its end. */

#include "center/store/rows.h"

#include "center/store/alert_store_internal.h"

int vd_row_error(sqlite3 *db)
{
    const int error = vd_sqlite_error(sqlite3_errcode(db));

    return error != VD_OK ? error : VD_E_NOMEM;
}

int vd_rows_append(sqlite3 *db, sqlite3_stmt *statement, vd_row_json *make, json_t *array)
{
    int error = statement != NULL ? VD_OK : vd_row_error(db);
    int code = SQLITE_DONE;

    while (error == VD_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        json_t *row = make(statement);

        error = row == NULL                          ? vd_row_error(db)
            : json_array_append_new(array, row) == 0 ? VD_OK
                                                     : VD_E_NOMEM;
    }
    sqlite3_finalize(statement);
    return error != VD_OK ? error : vd_sqlite_error(code);
}

sqlite3_stmt *vd_rows_begin(struct vd_alert_store *store, const char *sql)
{
    sqlite3_stmt *statement = NULL;

    pthread_mutex_lock(&store->read_mutex);
    (void)sqlite3_prepare_v2(store->reader, sql, -1, &statement, NULL);
    return statement;
}

int vd_rows_end(
    struct vd_alert_store *store, sqlite3_stmt *statement, vd_row_json *make, json_t **rows)
{
    json_t *array = json_array();
    const int error = vd_rows_append(store->reader, statement, make, array);

    pthread_mutex_unlock(&store->read_mutex);
    if (error != VD_OK) {
        json_decref(array);
        return error;
    }
    *rows = array;
    return VD_OK;
}
