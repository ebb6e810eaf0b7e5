/* SPDX-License-Identifier: MIT */
/* What makes a new name last: the folder has to be on the disk as well as the file. */

#ifndef VEDETTE_LIB_SYNC_H
#define VEDETTE_LIB_SYNC_H

#include "lib/error.h"

/* Blocks until the folder's names are on the disk. VD_E_NOT_FOUND and other errors of the file system. */
VD_NODISCARD int vd_sync_folder(const char *folder);
/* Of the folder that the file at `path` is in. */
VD_NODISCARD int vd_sync_folder_of(const char *path);

#endif
