/* SPDX-License-Identifier: MIT */
/* Paths below the data directory, and its lock by flock. */

#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/str.h"

/* What a service writes into the lock file: a command that meets the lock can tell whom it waits for. */
#define LOCK_SERVE "serve\n"

int vd_data_path(const char *dir, const char *name, char out[VD_PATH_SIZE])
{
    int length = snprintf(out, VD_PATH_SIZE, "%s/%s", dir, name);

    if (length < 0 || length >= VD_PATH_SIZE) {
        out[0] = '\0';
        return VD_E_LIMIT;
    }
    return VD_OK;
}

int vd_data_config_path(const char *dir, const char *path, char out[VD_PATH_SIZE])
{
    return path[0] == '/' || path[0] == '\0' ? vd_text_copy(path, out, VD_PATH_SIZE)
                                             : vd_data_path(dir, path, out);
}

bool vd_data_dir_is_initialised(const char *dir)
{
    char path[VD_PATH_SIZE];

    return vd_data_path(dir, VD_FILE_CONFIG, path) == VD_OK && access(path, F_OK) == 0;
}

static bool is_held_by_service(int fd)
{
    char text[sizeof LOCK_SERVE] = "";

    return pread(fd, text, sizeof text - 1, 0) > 0 && strcmp(text, LOCK_SERVE) == 0;
}

int vd_data_lock(const char *dir, enum vd_lock_purpose purpose, int *fd, bool *serving)
{
    char path[VD_PATH_SIZE];
    int error = vd_data_path(dir, VD_FILE_LOCK, path);
    int lock;

    if (error != VD_OK) {
        return error;
    }
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
        return vd_error_from_errno(errno);
    }
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        error = vd_error_from_errno(errno);
        *serving = is_held_by_service(lock);
    } else if (ftruncate(lock, 0) != 0 ||
        (purpose == VD_LOCK_SERVE &&
            pwrite(lock, LOCK_SERVE, sizeof LOCK_SERVE - 1, 0) != sizeof LOCK_SERVE - 1)) {
        /* On a full disk the lock still holds; only the better message is lost. */
        *serving = false;
    }
    if (error != VD_OK) {
        close(lock);
        return error;
    }
    *fd = lock;
    return VD_OK;
}
