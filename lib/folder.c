/* SPDX-License-Identifier: MIT */
/* From the deepest up. */

#include "lib/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>

#define OPEN_FOLDERS 16

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    remove(path); /* what stays keeps its folder, which then fails below */
    return 0;
}

int vd_folder_remove(const char *path)
{
    if (nftw(path, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0) {
        return vd_error_from_errno(errno);
    }
    return remove(path) == 0 || errno == ENOENT ? VD_OK : vd_error_from_errno(errno);
}
