/* SPDX-License-Identifier: MIT */
/* What makes a new name last: the folder has to be on the disk as well as the file. */

#ifndef VEDETTE_LIB_SYNC_H
#define VEDETTE_LIB_SYNC_H

#include "lib/error.h"

/* Blocks until the folder's names are on the disk. VD_E_NOT_FOUND and other errors of the file system. */
VD_NODISCARD int vd_sync_folder(const char *folder);
/* Of the folder that the file at `path` is in. */
VD_NODISCARD int vd_sync_folder_of(const char *path);

/*
 * Takes the lock file "<path>.lock", made if it is absent: for a database that one process alone may use, for closing any
 * descriptor of its own would drop SQLite's locks on it. *fd holds it; the caller closes it (-1: it was not opened), also on
 * failure. VD_E_BUSY: another has it; VD_E_INVALID: too long; VD_E_IO ...
 */
VD_NODISCARD int vd_lock_beside(const char *path, int *fd);

#endif
