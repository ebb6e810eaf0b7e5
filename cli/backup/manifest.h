/* SPDX-License-Identifier: MIT */
/* manifest.json of a backup: what it is of, and each file with its size and SHA-256. */

#ifndef VEDETTE_CLI_BACKUP_MANIFEST_H
#define VEDETTE_CLI_BACKUP_MANIFEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/config.h"
#include "lib/str.h"

#define VD_MANIFEST_FILE "manifest.json"
/* Raised when an older program could not restore the backup. */
#define VD_MANIFEST_FORMAT    1
#define VD_MANIFEST_MAX_BYTES (32 << 20)
#define VD_MANIFEST_FILES_MAX 100000

#define VD_SHA256_HEX_SIZE  65
#define VD_BACKUP_PATH_SIZE 128

struct vd_manifest_file {
    char path
        [VD_BACKUP_PATH_SIZE]; /* below the backup: at most one folder deep, letters, digits and - . _ */
    uint64_t bytes;
    char sha256[VD_SHA256_HEX_SIZE]; /* lower-case hex */
};

struct vd_manifest {
    char version[32];                    /* of the program */
    char hub_name[VD_HOST_NAME_MAX + 8]; /* with the port, unless that is the usual one */
    int64_t cut_ms;                      /* UTC: the moment that it shows */
    int64_t finished_ms;                 /* UTC */
    int64_t pause_us;                    /* so long the center stood still */
    bool has_master_key;
    struct vd_manifest_file *files;
    size_t count;
};

/* Adds a file: VD_E_LIMIT if there are too many, or none may have that name. */
VD_NODISCARD int vd_manifest_add(struct vd_manifest *manifest, const struct vd_manifest_file *file);

/* Lists all files below `folder` but the manifest, syncing each. The rest of *manifest is the caller's. is_unwanted: true ends it
 * with VD_E_CLOSED; NULL: it goes on. VD_E_LIMIT: too many, or a name that none may have. */
VD_NODISCARD int vd_manifest_collect(
    struct vd_manifest *manifest, const char *folder, const atomic_bool *is_unwanted);

/* As JSON, the caller's to free. NULL without memory. */
char *vd_manifest_text(const struct vd_manifest *manifest);
/* Writes it into `folder`, durably. */
VD_NODISCARD int vd_manifest_write(const struct vd_manifest *manifest, const char *folder);

/*
 * Reads a manifest. VD_E_NEWER: of a later format; VD_E_CORRUPT, with the reason in error_text; NULL is then all it holds.
 * The caller releases it.
 */
VD_NODISCARD int vd_manifest_parse(
    struct vd_str text, struct vd_manifest *out, char *error_text, size_t error_size);
/* The same of the backup in `folder`. VD_E_NOT_FOUND, VD_E_IO ... */
VD_NODISCARD int vd_manifest_read(
    const char *folder, struct vd_manifest *out, char *error_text, size_t error_size);

/* NULL: it lists no such file. */
const struct vd_manifest_file *vd_manifest_find(
    const struct vd_manifest *manifest, const char *path);

void vd_manifest_release(struct vd_manifest *manifest);

#endif
