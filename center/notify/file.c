/* SPDX-License-Identifier: MIT */
/* A file of JSON lines, of which a kill leaves none half and none twice. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/notify/sink_internal.h"
#include "lib/sandbox.h"
#include "lib/sync.h"

#define LAST_LINE_MAX (1 << 20)

struct file {
    struct vd_notify_sink base;
    enum vd_notify_format format;
    char *path;
};

/* The end of the text, at most LAST_LINE_MAX of it; *from: where that begins. */
static int read_end(int fd, off_t *from, char **text)
{
    struct stat status;
    ssize_t got;

    if (fstat(fd, &status) != 0) {
        return vd_error_from_errno(errno);
    }
    if (!S_ISREG(status.st_mode)) {
        return VD_E_UNSUPPORTED;
    }
    *from = status.st_size > LAST_LINE_MAX ? status.st_size - LAST_LINE_MAX : 0;
    *text = calloc(1, (size_t)(status.st_size - *from) + 1);
    if (*text == NULL) {
        return VD_E_NOMEM;
    }
    got = pread(fd, *text, (size_t)(status.st_size - *from), *from);
    if (got != status.st_size - *from) {
        return got < 0 ? vd_error_from_errno(errno) : VD_E_IO;
    }
    return VD_OK;
}

/*
 * Where the last whole line ends; *last is that line, the caller's. Behind it is what a kill left of another; what is not the
 * beginning of a line of ours is somebody else's and is kept: VD_E_CORRUPT.
 */
static int find_end(int fd, off_t *end, char **last)
{
    char *newline;
    char *tail;
    off_t from = 0;
    int error = read_end(fd, &from, last);

    if (error != VD_OK) {
        return error;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): an errno that was set is an error */
    newline = strrchr(*last, '\n');
    tail = newline != NULL ? newline + 1 : *last;
    if ((newline == NULL && from > 0) || (*tail != '\0' && *tail != '{')) {
        return VD_E_CORRUPT;
    }
    *end = from + (tail - *last);
    if (newline != NULL) {
        *newline = '\0';
        newline = strrchr(*last, '\n');
        tail = newline != NULL ? newline + 1 : *last;
        memmove(*last, tail, strlen(tail) + 1);
    } else {
        **last = '\0';
    }
    return VD_OK;
}

static int write_line(int fd, off_t end, const struct vd_buf *line)
{
    size_t written = 0;

    while (written < line->length) {
        const ssize_t n =
            pwrite(fd, line->data + written, line->length - written, end + (off_t)written);

        if (n < 0 && errno != EINTR) {
            const int error = vd_error_from_errno(errno);

            (void)!ftruncate(fd, end);
            return error;
        }
        written += n > 0 ? (size_t)n : 0;
    }
    return fdatasync(fd) == 0 ? VD_OK : vd_error_from_errno(errno);
}

/* An attempt that has no result was written if the last line is of that sequence. */
static bool was_written(const char *last, const struct vd_outbox_item *item)
{
    char id[VD_DELIVERY_ID_SIZE + 16];

    snprintf(id, sizeof id, "\"%.*s.", (int)strcspn(item->repeat_of, "."), item->repeat_of);
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): an errno that was set is an error */
    return item->repeat_of[0] != '\0' && strstr(last, id) != NULL;
}

static int file_write(const struct file *self, const struct vd_outbox_item *item)
{
    const int fd = open(self->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct vd_buf line = {0};
    char *last = NULL;
    off_t end = 0;
    int error = fd >= 0 ? find_end(fd, &end, &last) : vd_error_from_errno(errno);

    if (error == VD_OK && was_written(last, item)) {
        /* Perhaps not yet to the disk: the attempt ended before it said so. */
        error = fdatasync(fd) == 0 ? vd_sync_folder_of(self->path) : vd_error_from_errno(errno);
    } else if (error == VD_OK) {
        error = vd_notify_format(item, self->format, &line);
        vd_buf_append(&line, "\n", 1);
        error = error == VD_OK ? line.error : error;
        if (error == VD_OK && ftruncate(fd, end) != 0) {
            error = vd_error_from_errno(errno);
        }
        error = error == VD_OK ? write_line(fd, end, &line) : error;
        if (error == VD_OK && end == 0) {
            error = vd_sync_folder_of(self->path);
        }
    }
    free(last);
    vd_buf_release(&line);
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

static int file_deliver(struct vd_notify_sink *sink, const struct vd_outbox_item *item,
    struct vd_http_post_failure *failure)
{
    const struct file *self = (const struct file *)sink;
    const int error = file_write(self, item);

    *failure = (struct vd_http_post_failure){0};
    if (error != VD_OK) {
        snprintf(failure->reason, sizeof failure->reason, "%s",
            !vd_sandbox_reaches(self->path) ? "the file " VD_SANDBOX_OUTSIDE
                : error == VD_E_CORRUPT     ? "the file does not end with a line of notifications"
                : error == VD_E_UNSUPPORTED ? "it is no regular file"
                                            : vd_error_text(error));
    }
    return error;
}

/* A write ends by itself. */
static void file_interrupt(struct vd_notify_sink *sink)
{
    (void)sink;
}

static void file_free(struct vd_notify_sink *sink)
{
    free(((struct file *)sink)->path);
    free(sink);
}

int vd_notify_file_new(const json_t *settings, struct vd_str secret, enum vd_notify_format format,
    struct vd_notify_sink **out, char *problem)
{
    static const struct vd_notify_sink_ops ops = {file_deliver, file_interrupt, file_free};
    const char *path = vd_notify_text_of(settings, "path");
    struct file *self;

    if (path == NULL || path[0] != '/') {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "path is to begin with /");
        return VD_E_INVALID;
    }
    if (secret.length > 0) {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "a file takes no secret");
        return VD_E_INVALID;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &ops;
    self->format = format;
    self->path = strdup(path);
    if (self->path == NULL) {
        free(self);
        return VD_E_NOMEM;
    }
    *out = &self->base;
    return VD_OK;
}
