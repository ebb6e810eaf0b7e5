/* SPDX-License-Identifier: MIT */
/* The sink that is a file: whole lines, synced, rotated by size. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hub/export/sink.h"
#include "lib/log.h"
#include "lib/sync.h"
#include "lib/url.h"

/* Of a file's name that a setting's name is; one that is longer ends in a hash instead. */
#define STEM_MAX 128
/* For ".jsonl", a dot and the number of an old file. */
#define SUFFIX_MAX 24

#define TAIL_STEP 65536

struct file_sink {
    struct vd_export_sink base;
    char *folder;
    char path[PATH_MAX - SUFFIX_MAX];
    uint64_t max_bytes;
    unsigned kept;
    int fd; /* -1: not open */
    struct stat opened;
    uint64_t size;
};

/* The name of a file that every setting has for itself: names are the same in any case. */
static int stem_of(const char *setting, struct vd_buf *stem)
{
    struct vd_buf lower = {0};

    for (size_t i = 0; setting[i] != '\0'; i++) {
        const char c = setting[i];
        const char small = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);

        vd_buf_append(&lower, &small, 1);
    }
    if (lower.error == VD_OK) {
        vd_url_encode((struct vd_str){(const char *)lower.data, lower.length}, stem);
    }
    if (lower.error == VD_OK && stem->length > STEM_MAX) {
        uint8_t hash[SHA256_DIGEST_LENGTH];

        SHA256(lower.data, lower.length, hash);
        stem->length = STEM_MAX - 17;
        vd_buf_append(stem, "-", 1);
        for (size_t i = 0; i < 8; i++) {
            vd_buf_printf(stem, "%02x", hash[i]);
        }
    }
    vd_buf_release(&lower);
    return stem->error;
}

/* ---- Opening ---- */

/* *end: behind the last line feed of the file's first `size` bytes. */
static int find_last_line(int fd, uint64_t size, uint64_t *end)
{
    static const size_t step = TAIL_STEP;
    char *piece = malloc(step);
    int error = piece != NULL ? VD_OK : VD_E_NOMEM;

    *end = size;
    while (error == VD_OK && *end > 0) {
        const size_t length = *end < step ? (size_t)*end : step;
        const ssize_t got = pread(fd, piece, length, (off_t)(*end - length));
        const char *feed = got == (ssize_t)length ? memrchr(piece, '\n', length) : NULL;

        if (got != (ssize_t)length) {
            error = got < 0 ? vd_error_from_errno(errno) : VD_E_IO;
        } else if (feed != NULL) {
            *end -= length - (size_t)(feed - piece) - 1;
            break;
        } else {
            *end -= length;
        }
    }
    free(piece);
    return error;
}

static int cut_torn_line(struct file_sink *self)
{
    uint64_t end;
    int error = find_last_line(self->fd, self->size, &end);

    if (error != VD_OK || end == self->size) {
        return error;
    }
    if (ftruncate(self->fd, (off_t)end) != 0 || fdatasync(self->fd) != 0) {
        return vd_error_from_errno(errno);
    }
    vd_log(VD_LOG_WARN, "export.torn_line", "file=\"%s\" bytes=%llu", self->path,
        (unsigned long long)(self->size - end));
    self->size = end;
    return VD_OK;
}

static void file_close(struct file_sink *self)
{
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

static int file_open(struct file_sink *self)
{
    int error = VD_OK;

    if (mkdir(self->folder, 0700) != 0 && errno != EEXIST) {
        return vd_error_from_errno(errno);
    }
    self->fd = open(self->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (self->fd < 0 || fstat(self->fd, &self->opened) != 0) {
        error = vd_error_from_errno(errno);
        file_close(self);
        return error;
    }
    self->size = (uint64_t)self->opened.st_size;
    error = S_ISREG(self->opened.st_mode) ? cut_torn_line(self) : VD_E_INVALID;
    if (error == VD_OK) {
        error = vd_sync_folder(self->folder);
    }
    if (error != VD_OK) {
        file_close(self);
    }
    return error;
}

/* Opens it where it is not; somebody else may have moved it away or cut it. */
static int file_ready(struct file_sink *self)
{
    struct stat now;

    if (self->fd >= 0 &&
        (stat(self->path, &now) != 0 || now.st_ino != self->opened.st_ino ||
            now.st_dev != self->opened.st_dev || (uint64_t)now.st_size != self->size)) {
        file_close(self);
    }
    return self->fd >= 0 ? VD_OK : file_open(self);
}

/* ---- Rotation ---- */

static int move_up(const struct file_sink *self, unsigned number)
{
    char from[PATH_MAX];
    char to[PATH_MAX];

    snprintf(from, sizeof from, number > 0 ? "%s.%u" : "%s", self->path, number);
    snprintf(to, sizeof to, "%s.%u", self->path, number + 1);
    if (rename(from, to) != 0 && errno != ENOENT) {
        return vd_error_from_errno(errno);
    }
    return VD_OK;
}

/* Those that an earlier configuration kept beyond what this one does. */
static void remove_surplus(const struct file_sink *self)
{
    char path[PATH_MAX];
    unsigned number = self->kept;

    do {
        snprintf(path, sizeof path, "%s.%u", self->path, ++number);
    } while (unlink(path) == 0);
}

/* The oldest is overwritten by the one before it. */
static int rotate(struct file_sink *self)
{
    int error = VD_OK;

    file_close(self);
    remove_surplus(self);
    for (unsigned number = self->kept; error == VD_OK && number > 0; number--) {
        error = move_up(self, number - 1);
    }
    return error == VD_OK ? file_open(self) : error;
}

/* ---- Writing ---- */

static int write_lines(struct file_sink *self, const struct vd_buf *text)
{
    size_t done = 0;

    while (done < text->length) {
        const ssize_t written = write(self->fd, text->data + done, text->length - done);

        if (written < 0 && errno != EINTR) {
            return vd_error_from_errno(errno);
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return fdatasync(self->fd) == 0 ? VD_OK : vd_error_from_errno(errno);
}

static int file_deliver(struct vd_export_sink *sink, const struct vd_export_lines *lines,
    struct vd_export_failure *failure)
{
    struct file_sink *self = (struct file_sink *)sink;
    int error = file_ready(self);

    if (error == VD_OK && self->size > 0 && self->size + lines->text.length > self->max_bytes) {
        error = rotate(self);
    }
    if (error == VD_OK) {
        error = write_lines(self, &lines->text);
        if (error == VD_OK) {
            self->size += lines->text.length;
        } else {
            /* Nothing of the batch is to stay that its next delivery brings again; if that fails, opening cuts the line. */
            (void)!ftruncate(self->fd, (off_t)self->size);
            file_close(self);
        }
    }
    if (error != VD_OK) {
        snprintf(failure->reason, sizeof failure->reason, "%s", vd_error_text(error));
    }
    return error;
}

static void file_interrupt(struct vd_export_sink *sink)
{
    (void)sink; /* it waits for the disk only */
}

static void file_free(struct vd_export_sink *sink)
{
    struct file_sink *self = (struct file_sink *)sink;

    file_close(self);
    free(self->folder);
    free(self);
}

int vd_export_file_new(const struct vd_export_file_config *config, struct vd_export_sink **out)
{
    static const struct vd_export_sink_ops ops = {file_deliver, file_interrupt, file_free};
    struct file_sink *self = calloc(1, sizeof *self);
    struct vd_buf stem = {0};
    int error = VD_E_NOMEM;
    int length = -1;

    if (self != NULL) {
        self->base.ops = &ops;
        self->fd = -1;
        self->max_bytes = config->max_bytes;
        self->kept = config->kept;
        self->folder = strdup(config->folder);
    }
    if (self != NULL && self->folder != NULL) {
        error = stem_of(config->setting, &stem);
    }
    if (error == VD_OK) {
        length = snprintf(self->path, sizeof self->path, "%s/%.*s.jsonl", config->folder,
            (int)stem.length, (const char *)stem.data);
        error = length > 0 && (size_t)length < sizeof self->path ? VD_OK : VD_E_LIMIT;
    }
    vd_buf_release(&stem);
    if (error != VD_OK) {
        if (self != NULL) {
            free(self->folder);
        }
        free(self);
        return error;
    }
    *out = &self->base;
    return VD_OK;
}
