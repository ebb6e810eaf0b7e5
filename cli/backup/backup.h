/* SPDX-License-Identifier: MIT */
/* A backup: one moment of all stores of a data directory, in a folder. See docs/adr/0032-backup.md. */

#ifndef VEDETTE_CLI_BACKUP_BACKUP_H
#define VEDETTE_CLI_BACKUP_BACKUP_H

#include "api/api.h"
#include "cli/backup/manifest.h"

/* What is kept of it in a backup without the master key: "<name>.sealed", under a key derived from that. */
#define VD_BACKUP_SEALED       ".sealed"
#define VD_BACKUP_SEAL_PURPOSE "vedette backup"

struct vd_backup_wish {
    const char *data_dir;
    const char *destination; /* absolute; may not exist */
    const char *hub_name;
    bool with_master_key;
    struct vd_analytics *analytics;
    struct vd_center *center;       /* NULL: none runs, and nothing is written */
    const atomic_bool *is_unwanted; /* true: it is given up; NULL: never */
};

/*
 * Writes a backup; *out says what is in it, without the list of files. Any thread; one at a time (VD_E_BUSY). On failure nothing
 * is left, and error_text says why. VD_E_EXISTS, VD_E_FULL, VD_E_DENIED, VD_E_CLOSED (unwanted, or the service stops) ... Only where the
 * whole backup has its name and that could not be synced (VD_E_IO) it stays, and error_text says so.
 */
VD_NODISCARD int vd_backup_write(const struct vd_backup_wish *wish, struct vd_manifest *out,
    uint64_t *bytes, char *error_text, size_t error_size);

/* As vd_api.backup. */
int vd_backup_of_api(const struct vd_api *api, const struct vd_api_backup_wish *wish, json_t **out,
    char *error_text, size_t error_size);

#endif
