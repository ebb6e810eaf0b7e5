/* SPDX-License-Identifier: MIT */
/* Reading, writing and hashing, piece by piece. */

#include "cli/backup/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/data_dir.h"

#define PIECE_BYTES (1 << 20)

static int write_all(int fd, const uint8_t *data, size_t length)
{
    while (length > 0) {
        const ssize_t written = write(fd, data, length);

        if (written < 0 && errno != EINTR) {
            return vd_error_from_errno(errno);
        }
        data += written > 0 ? written : 0;
        length -= written > 0 ? (size_t)written : 0;
    }
    return VD_OK;
}

static void sum_finish(EVP_MD_CTX *hash, uint64_t bytes, struct vd_file_sum *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    out->bytes = bytes;
    if (EVP_DigestFinal_ex(hash, digest, &length) != 1) {
        length = 0;
    }
    out->sha256[0] = '\0';
    for (unsigned i = 0; i < length && i < 32; i++) {
        snprintf(out->sha256 + 2 * (size_t)i, 3, "%02x", digest[i]);
    }
}

/* to: -1 for none. */
static int pump(int from, int to, struct vd_file_sum *sum, const atomic_bool *is_unwanted)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    uint64_t bytes = 0;
    ssize_t length = 1;
    int error = piece != NULL && hash != NULL && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1
        ? VD_OK
        : VD_E_NOMEM;

    while (error == VD_OK && length != 0) {
        length = read(from, piece, PIECE_BYTES);
        if (length < 0) {
            error = errno == EINTR ? VD_OK : vd_error_from_errno(errno);
            continue;
        }
        if (EVP_DigestUpdate(hash, piece, (size_t)length) != 1) {
            error = VD_E_NOMEM;
        } else if (to >= 0) {
            error = write_all(to, piece, (size_t)length);
        }
        bytes += (uint64_t)length;
        if (is_unwanted != NULL && atomic_load(is_unwanted)) {
            error = VD_E_CLOSED;
        }
    }
    if (error == VD_OK && sum != NULL) {
        sum_finish(hash, bytes, sum);
    }
    EVP_MD_CTX_free(hash);
    free(piece);
    return error;
}

int vd_file_sum(int fd, struct vd_file_sum *out)
{
    return pump(fd, -1, out, NULL);
}

static int sum_of(
    const char *path, bool is_synced, struct vd_file_sum *out, const atomic_bool *is_unwanted)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int error = fd >= 0 ? pump(fd, -1, out, is_unwanted) : vd_error_from_errno(errno);

    if (error == VD_OK && is_synced && fsync(fd) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

int vd_file_sum_of(const char *path, struct vd_file_sum *out)
{
    return sum_of(path, false, out, NULL);
}

int vd_file_sum_synced(const char *path, struct vd_file_sum *out, const atomic_bool *is_unwanted)
{
    return sum_of(path, true, out, is_unwanted);
}

/* What ends the writing of a new file. */
static int finish_new(int fd, const char *path, int error)
{
    if (error == VD_OK && fsync(fd) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (close(fd) != 0 && error == VD_OK) {
        error = vd_error_from_errno(errno);
    }
    if (error != VD_OK) {
        unlink(path);
    }
    return error;
}

static int open_new(const char *path, mode_t mode)
{
    return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

int vd_file_copy(
    int fd, const char *path, mode_t mode, struct vd_file_sum *sum, const atomic_bool *is_unwanted)
{
    const int to = open_new(path, mode);

    if (to < 0) {
        return vd_error_from_errno(errno);
    }
    return finish_new(to, path, pump(fd, to, sum, is_unwanted));
}

int vd_file_copy_of(const char *from, const char *path, mode_t mode, struct vd_file_sum *sum,
    const atomic_bool *is_unwanted)
{
    const int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int error;

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    error = vd_file_copy(fd, path, mode, sum, is_unwanted);
    close(fd);
    return error;
}

int vd_file_copy_followed(const char *from, const char *path, mode_t mode)
{
    const int fd = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    int error = VD_E_INVALID;

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    if (fstat(fd, &about) != 0) {
        error = vd_error_from_errno(errno);
    } else if (S_ISREG(about.st_mode)) {
        error = vd_file_copy(fd, path, mode, NULL, NULL);
    }
    close(fd);
    return error;
}

int vd_file_write_new(const char *path, const void *data, size_t length, mode_t mode)
{
    const int to = open_new(path, mode);

    if (to < 0) {
        return vd_error_from_errno(errno);
    }
    return finish_new(to, path, write_all(to, data, length));
}

int vd_file_read_small(const char *path, void *out, size_t size, size_t *length)
{
    FILE *file = fopen(path, "re");
    size_t got;
    int error = VD_OK;

    if (file == NULL) {
        return vd_error_from_errno(errno);
    }
    got = fread(out, 1, size, file);
    if (ferror(file) != 0) {
        error = VD_E_IO;
    } else if (got == size && fgetc(file) != EOF) {
        error = VD_E_LIMIT;
    } else {
        *length = got;
    }
    fclose(file);
    return error;
}

int vd_folder_each(const char *folder, const char *below,
    int (*each)(void *context, const char *path, bool is_folder), void *context)
{
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    int error = vd_data_path(folder, below, path);
    DIR *dir = error == VD_OK ? opendir(path) : NULL;

    if (dir == NULL) {
        return error != VD_OK ? error : vd_error_from_errno(errno);
    }
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        struct stat status;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (fstatat(dirfd(dir), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            error = vd_error_from_errno(errno);
        } else if (snprintf(path, sizeof path, "%s%s%s", below, below[0] != '\0' ? "/" : "",
                       name) >= (int)sizeof path) {
            error = VD_E_LIMIT;
        } else {
            error = each(context, path, S_ISDIR(status.st_mode));
        }
    }
    closedir(dir);
    return error;
}
