/* SPDX-License-Identifier: MIT */
/* Keys of a backup without the master key: files that are sealed under a key derived from it. */

#ifndef VEDETTE_CLI_BACKUP_SEALED_H
#define VEDETTE_CLI_BACKUP_SEALED_H

#include "cli/backup/manifest.h"
#include "lib/secret.h"

#define VD_SEALED_MAX_BYTES 65536

/* What is said of one for VD_E_DENIED. */
#define VD_SEALED_SHUT "does not open: it is another master key, or damaged"

/* Whether a file of a backup is one. */
bool vd_sealed_is(const char *path);

/*
 * Opens one of the backup in `folder`. key: derived of the master key, for VD_BACKUP_SEAL_PURPOSE. *name: of what was sealed; plain: its content,
 * the caller's to wipe. VD_E_DENIED: see above; VD_E_CORRUPT: not as long as the manifest says; VD_E_LIMIT: too long; VD_E_NOT_FOUND ...
 */
VD_NODISCARD int vd_sealed_open(const uint8_t key[VD_MASTER_KEY_BYTES], const char *folder,
    const struct vd_manifest_file *file, char name[VD_BACKUP_PATH_SIZE],
    uint8_t plain[VD_SEALED_MAX_BYTES], size_t *length);

#endif
