/* SPDX-License-Identifier: MIT */
/* Makes a data directory of a backup. */

#ifndef VEDETTE_CLI_BACKUP_RESTORE_H
#define VEDETTE_CLI_BACKUP_RESTORE_H

#include "cli/backup/manifest.h"
#include "cli/data_dir.h"

struct vd_restore_wish {
    const char *backup;
    const char *key_file; /* the master key; NULL: the backup's own */
    const struct vd_manifest *manifest;
};

/* A vd_data_fill: fills `staging` with what the backup holds, each file compared with the manifest, and opens every store. */
VD_NODISCARD int vd_restore_fill(
    void *wish, const char *staging, char *error_text, size_t error_size);

#endif
