/* SPDX-License-Identifier: MIT */
/* A folder on the disk. */

#include "lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "lib/str.h"

int vd_sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = VD_OK;

    if (fd < 0 || fsync(fd) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

int vd_sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    const int error = vd_text_copy(path, copy, sizeof copy);

    return error == VD_OK ? vd_sync_folder(dirname(copy)) : error;
}
