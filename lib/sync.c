/* SPDX-License-Identifier: MIT */
/* A folder on the disk. */

#include "lib/sync.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
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

int vd_lock_beside(const char *path, int *fd)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s.lock", path);

    *fd = -1;
    if (n < 0 || (size_t)n >= sizeof name) {
        return VD_E_INVALID;
    }
    *fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) {
        return errno == ENOENT ? VD_E_IO : vd_error_from_errno(errno);
    }
    return flock(*fd, LOCK_EX | LOCK_NB) == 0 ? VD_OK : vd_error_from_errno(errno);
}
