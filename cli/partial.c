/* SPDX-License-Identifier: MIT */
/* A lock says that a folder is being written. Where the file system has none nothing is removed. */

#include "cli/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/folder.h"
#include "lib/log.h"
#include "lib/sync.h"

#define MADE "XXXXXX" /* what mkdtemp puts letters and digits for */

static bool is_partial_of(const char *name, const char *base)
{
    const size_t length = strlen(base);

    return strncmp(name, base, length) == 0 && strlen(name + length) == sizeof MADE - 1;
}

static int open_folder(const char *path)
{
    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* As mkdtemp made it: what others may write into is not gone through. */
static bool is_own(int folder)
{
    struct stat about;

    return fstat(folder, &about) == 0 && about.st_uid == geteuid() &&
        (about.st_mode & 07777) == 0700;
}

static void visit_if_left(const char *path, vd_partial_left *visit, void *context)
{
    const int folder = open_folder(path);

    if (folder < 0) {
        return;
    }
    if (is_own(folder) && flock(folder, LOCK_EX | LOCK_NB) == 0) {
        visit(context, path);
    }
    close(folder);
}

void vd_partial_visit(const char *prefix, vd_partial_left *visit, void *context)
{
    const char *slash = strrchr(prefix, '/');
    const char *base = slash != NULL ? slash + 1 : prefix;
    char folder[VD_PATH_SIZE] = ".";
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    DIR *dir;

    if (slash != NULL) {
        snprintf(folder, sizeof folder, "%.*s", (int)(base - prefix), prefix);
    }
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (is_partial_of(entry->d_name, base) &&
            vd_data_path(folder, entry->d_name, path) == VD_OK) {
            visit_if_left(path, visit, context);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static void remove_left(void *context, const char *path)
{
    const int error = vd_folder_remove(path);

    (void)context;
    vd_log(error == VD_OK ? VD_LOG_INFO : VD_LOG_WARN, "partial.removed",
        "path=\"%s\" result=\"%s\"", path, vd_error_text(error));
}

/* Locks the new folder. Until then another process may have taken it for one that was left. */
static int lock(struct vd_partial *partial)
{
    struct stat about;

    partial->lock = open_folder(partial->path);
    if (partial->lock < 0) {
        return errno == ENOENT ? VD_E_BUSY : vd_error_from_errno(errno);
    }
    if ((flock(partial->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) ||
        fstat(partial->lock, &about) != 0 || about.st_nlink == 0) {
        close(partial->lock);
        return VD_E_BUSY;
    }
    return VD_OK;
}

int vd_partial_open(const char *prefix, struct vd_partial *out)
{
    int error;
    const int length = snprintf(out->path, sizeof out->path, "%s" MADE, prefix);

    if (length < 0 || (size_t)length >= sizeof out->path) {
        return VD_E_LIMIT;
    }
    vd_partial_visit(prefix, remove_left, NULL);
    if (mkdtemp(out->path) == NULL) {
        return vd_error_from_errno(errno);
    }
    error = lock(out);
    if (error != VD_OK) {
        rmdir(out->path);
    }
    return error;
}

/* An empty folder takes the name, which only one can make, and the rename takes its place in one step. */
static int rename_over_own(const char *from, const char *to)
{
    int error;

    if (mkdir(to, 0700) != 0) {
        return vd_error_from_errno(errno);
    }
    if (rename(from, to) == 0) {
        return VD_OK;
    }
    error = vd_error_from_errno(errno);
    rmdir(to);
    return error;
}

/* NFS, sshfs, ZFS before 2.2 and others know no rename that refuses. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return VD_OK;
    }
    return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? rename_over_own(from, to)
                                                                     : vd_error_from_errno(errno);
}

int vd_partial_publish(
    struct vd_partial *partial, const char *to, char *error_text, size_t error_size)
{
    int error = rename_new(partial->path, to);

    if (error != VD_OK) {
        snprintf(error_text, error_size, "%.400s: %s", to, vd_error_text(error));
        return error;
    }
    partial->path[0] = '\0';
    error = vd_sync_folder_of(to);
    if (error != VD_OK) {
        snprintf(
            error_text, error_size, "%.400s " VD_PARTIAL_STANDS " (%s)", to, vd_error_text(error));
        return VD_E_IO;
    }
    return VD_OK;
}

void vd_partial_close(struct vd_partial *partial)
{
    close(partial->lock);
}

void vd_partial_remove(struct vd_partial *partial)
{
    if (partial->path[0] != '\0') {
        vd_folder_remove(partial->path);
    }
    close(partial->lock);
}
