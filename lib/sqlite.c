/* SPDX-License-Identifier: MIT */
/* The map from SQLite's result codes. */

#include "lib/sqlite.h"

#include <sqlite3.h>

int vd_sqlite_error(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return VD_OK;
    case SQLITE_NOMEM:
        return VD_E_NOMEM;
    case SQLITE_FULL:
        return VD_E_FULL;
    case SQLITE_CONSTRAINT:
        return VD_E_EXISTS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return VD_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return VD_E_CORRUPT;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        return VD_E_DENIED;
    default:
        return VD_E_IO;
    }
}

int vd_sqlite_run(struct sqlite3 *db, const char *script)
{
    return vd_sqlite_error(sqlite3_exec(db, script, NULL, NULL, NULL));
}
