/* SPDX-License-Identifier: MIT */
/* A sealed file is bound to the name of what it holds. */

#include "cli/backup/sealed.h"

#include <stdio.h>
#include <string.h>

#include "cli/backup/backup.h"
#include "cli/backup/files.h"
#include "cli/data_dir.h"

bool vd_sealed_is(const char *path)
{
    const size_t length = strlen(path);
    const size_t suffix = strlen(VD_BACKUP_SEALED);

    return length > suffix && strcmp(path + length - suffix, VD_BACKUP_SEALED) == 0;
}

int vd_sealed_open(const uint8_t key[VD_MASTER_KEY_BYTES], const char *folder,
    const struct vd_manifest_file *file, char name[VD_BACKUP_PATH_SIZE],
    uint8_t plain[VD_SEALED_MAX_BYTES], size_t *length)
{
    uint8_t sealed[VD_SEALED_MAX_BYTES];
    char path[VD_PATH_SIZE];
    size_t got = 0;
    int error = vd_data_path(folder, file->path, path);

    snprintf(name, VD_BACKUP_PATH_SIZE, "%.*s",
        (int)(strlen(file->path) - strlen(VD_BACKUP_SEALED)), file->path);
    if (error == VD_OK) {
        error = vd_file_read_small(path, sealed, sizeof sealed, &got);
    }
    if (error == VD_OK && got != file->bytes) {
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        error = vd_secret_open(key, vd_str_from(name), sealed, got, plain);
    }
    if (error == VD_OK) {
        *length = got - VD_SEAL_OVERHEAD;
    }
    return error;
}
