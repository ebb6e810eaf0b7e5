/* SPDX-License-Identifier: MIT */
/* What SQLite's result codes mean here: one map for every store. */

#ifndef VEDETTE_LIB_SQLITE_H
#define VEDETTE_LIB_SQLITE_H

#include "lib/error.h"

/* The result that stands for SQLite's `code`, extended or not; SQLITE_ROW and SQLITE_DONE are VD_OK. SQLite tells a
 * full disk (ENOSPC) apart itself; every other failed read or write is VD_E_IO. */
VD_NODISCARD int vd_sqlite_error(int code);

/* What a database says that it is: PRAGMA application_id, and the newest user_version that this program knows. */
struct vd_sqlite_format {
    int application_id;
    int version;
};

struct sqlite3;

/* Runs a script whose rows do not matter. */
VD_NODISCARD int vd_sqlite_run(struct sqlite3 *db, const char *script);

/* Opens a file that is there to be read, beside who writes it, also in a folder that cannot be written. *db is the caller's to
 * close, also after a failure. */
VD_NODISCARD int vd_sqlite_open_to_read(const char *path, struct sqlite3 **db);

#endif
