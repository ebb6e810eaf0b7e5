/* SPDX-License-Identifier: MIT */
/* Files of feeds: written aside, renamed, synced. */

#include "center/store/feed_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/limits.h"
#include "lib/sync.h"
#include "lib/uuid.h"

#define PREFIX "feed-"

int vd_feed_folder(const char *path, char out[VD_FEED_PATH_SIZE])
{
    const char *slash = strrchr(path, '/');
    const int length = snprintf(out, VD_FEED_PATH_SIZE, "%.*s%sintel",
        slash != NULL ? (int)(slash - path) : 0, path, slash != NULL ? "/" : "");

    if (length < 0 || length >= VD_FEED_PATH_SIZE) {
        return VD_E_LIMIT;
    }
    return mkdir(out, 0700) == 0 || errno == EEXIST ? VD_OK : vd_error_from_errno(errno);
}

static int path_of(const char *folder, const char *file, char out[VD_FEED_PATH_SIZE])
{
    const int length = snprintf(out, VD_FEED_PATH_SIZE, "%s/%s", folder, file);

    return length > 0 && length < VD_FEED_PATH_SIZE ? VD_OK : VD_E_LIMIT;
}

static int write_all(int fd, struct vd_str text)
{
    while (text.length > 0) {
        const ssize_t written = write(fd, text.data, text.length);

        if (written < 0 && errno != EINTR) {
            return vd_error_from_errno(errno);
        }
        if (written > 0) {
            text.data += written;
            text.length -= (size_t)written;
        }
    }
    return fsync(fd) == 0 ? VD_OK : vd_error_from_errno(errno);
}

/* Nobody reads a file whose name no row has, so it needs no name of its own while it is written. */
int vd_feed_file_write(const char *folder, struct vd_str text, char file[VD_FEED_FILE_SIZE])
{
    char path[VD_FEED_PATH_SIZE];
    char id[VD_UUID_TEXT_SIZE];
    struct vd_uuid uuid;
    int error = vd_uuid_random(&uuid);
    int fd;

    if (error != VD_OK) {
        return error;
    }
    vd_uuid_format(&uuid, id);
    snprintf(file, VD_FEED_FILE_SIZE, PREFIX "%s", id);
    error = path_of(folder, file, path);
    if (error != VD_OK) {
        return error;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    error = write_all(fd, text);
    close(fd);
    if (error == VD_OK) {
        error = vd_sync_folder(folder);
    }
    if (error != VD_OK) {
        unlink(path);
    }
    return error;
}

void vd_feed_file_remove(const char *folder, const char *file)
{
    char path[VD_FEED_PATH_SIZE];

    if (file[0] != '\0' && path_of(folder, file, path) == VD_OK) {
        unlink(path);
    }
}

static int open_file(const char *path, int *fd, struct stat *status)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) {
        return vd_error_from_errno(errno);
    }
    if (fstat(*fd, status) != 0 || !S_ISREG(status->st_mode) ||
        status->st_size > VD_FEED_BYTES_MAX) {
        const int error = S_ISREG(status->st_mode) ? VD_E_LIMIT : VD_E_INVALID;

        close(*fd);
        return error;
    }
    return VD_OK;
}

static int64_t mtime_of(const struct stat *status)
{
    return (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
}

int vd_feed_text_map(const char *path, struct vd_feed_text *out)
{
    struct stat status = {0};
    void *data = NULL;
    int fd;
    int error = open_file(path, &fd, &status);

    if (error != VD_OK) {
        return error;
    }
    if (status.st_size > 0) {
        data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        error = data == MAP_FAILED ? vd_error_from_errno(errno) : VD_OK;
    }
    close(fd);
    if (error == VD_OK) {
        *out = (struct vd_feed_text){
            .text = {data != NULL ? data : "", (size_t)status.st_size},
            .mtime_ns = mtime_of(&status),
        };
    }
    return error;
}

int vd_feed_source_time(const char *path, int64_t *mtime_ns)
{
    struct stat status;

    if (stat(path, &status) != 0) {
        return vd_error_from_errno(errno);
    }
    *mtime_ns = mtime_of(&status);
    return VD_OK;
}

void vd_feed_text_unmap(struct vd_feed_text *text)
{
    if (text->text.length > 0) {
        munmap((void *)(uintptr_t)text->text.data, text->text.length);
    }
    *text = (struct vd_feed_text){0};
}

int vd_feed_text_read(const char *path, struct vd_buf *out, int64_t *mtime_ns)
{
    struct stat status = {0};
    ssize_t length = 1;
    int fd;
    int error = open_file(path, &fd, &status);

    if (error != VD_OK) {
        return error;
    }
    while (length != 0 && out->error == VD_OK) {
        char part[65536];

        length = read(fd, part, sizeof part);
        if (length < 0 && errno != EINTR) {
            error = vd_error_from_errno(errno);
            break;
        }
        vd_buf_append(out, part, length > 0 ? (size_t)length : 0);
    }
    close(fd);
    *mtime_ns = mtime_of(&status);
    return error != VD_OK ? error : out->error;
}

void vd_feed_files_sweep(
    const char *folder, bool (*is_used)(void *context, const char *file), void *context)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, sizeof PREFIX - 1) == 0 &&
            !is_used(context, entry->d_name)) {
            vd_feed_file_remove(folder, entry->d_name);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}
