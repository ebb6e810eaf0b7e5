/* SPDX-License-Identifier: MIT */
/* The map from SQLite's result codes. */

#include "lib/sqlite.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* How long whoever writes is waited for. */
#define BUSY_MS 5000

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

int vd_sqlite_open_to_read(const char *path, sqlite3 **db)
{
    char uri[4096];
    sqlite3_stmt *statement = NULL;
    int n;
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL);

    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(*db, BUSY_MS);
        rc = sqlite3_prepare_v2(*db, "SELECT count(*) FROM sqlite_schema", -1, &statement, NULL);
        rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
        sqlite3_finalize(statement);
    }
    if ((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY) {
        return vd_sqlite_error(rc);
    }
    /* A folder that cannot be written has no place for what WAL needs: then nobody writes it either. */
    sqlite3_close(*db);
    *db = NULL;
    n = snprintf(uri, sizeof uri, "file:%s?immutable=1", path);
    if (n < 0 || (size_t)n >= sizeof uri || strpbrk(path, "?#%") != NULL) {
        return VD_E_DENIED;
    }
    return vd_sqlite_error(sqlite3_open_v2(uri, db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL));
}
