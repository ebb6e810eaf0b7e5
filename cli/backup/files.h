/* SPDX-License-Identifier: MIT */
/* Files of backups: copied, hashed, synced. */

#ifndef VEDETTE_CLI_BACKUP_FILES_H
#define VEDETTE_CLI_BACKUP_FILES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "cli/backup/manifest.h"

/* What a file was found to hold. */
struct vd_file_sum {
    uint64_t bytes;
    char sha256[VD_SHA256_HEX_SIZE];
};

/* Hashes what can be read of `fd` from its place on. */
VD_NODISCARD int vd_file_sum(int fd, struct vd_file_sum *out);
/* The same of the file at `path`. VD_E_NOT_FOUND ... */
VD_NODISCARD int vd_file_sum_of(const char *path, struct vd_file_sum *out);
/* The same of a file that was written, which is synced. is_unwanted: true ends it with VD_E_CLOSED; NULL: it goes on. */
VD_NODISCARD int vd_file_sum_synced(
    const char *path, struct vd_file_sum *out, const atomic_bool *is_unwanted);

/* Copies what can be read of `fd` into a new file, and syncs it. sum: of what was copied; NULL: it is not wanted. is_unwanted:
 * true ends it with VD_E_CLOSED; NULL: it goes on. On failure the file is removed. */
VD_NODISCARD int vd_file_copy(
    int fd, const char *path, mode_t mode, struct vd_file_sum *sum, const atomic_bool *is_unwanted);
VD_NODISCARD int vd_file_copy_of(const char *from, const char *path, mode_t mode,
    struct vd_file_sum *sum, const atomic_bool *is_unwanted);
/* The same of a file of the owner's, which may be a link to where it is kept. VD_E_INVALID: that is no regular file. */
VD_NODISCARD int vd_file_copy_followed(const char *from, const char *path, mode_t mode);

/*
 * Calls `each` with what is in `folder`, below its folder `below` ("": in itself), by its path below `folder`; links are no folders.
 * What `each` returns but VD_OK ends it, and is returned.
 */
VD_NODISCARD int vd_folder_each(const char *folder, const char *below,
    int (*each)(void *context, const char *path, bool is_folder), void *context);

/* Writes a new file, synced. VD_E_EXISTS ... */
VD_NODISCARD int vd_file_write_new(const char *path, const void *data, size_t length, mode_t mode);

/* Reads a small file whole. VD_E_LIMIT: it is longer than `size`. */
VD_NODISCARD int vd_file_read_small(const char *path, void *out, size_t size, size_t *length);

#endif
