/* SPDX-License-Identifier: MIT */
/* Checks of a backup, or of a data directory: file by file, with a list of what was found. */

#ifndef VEDETTE_CLI_BACKUP_CHECK_H
#define VEDETTE_CLI_BACKUP_CHECK_H

#include <jansson.h>

#include "cli/backup/manifest.h"
#include "lib/error.h"

/* What was checked: an array of {"what","ok","text"}. What is bad has no other line that says it is not. */
struct vd_checks {
    json_t *list;
    unsigned bad;
    /* Entries of a backup that are not in its manifest: their lines have "other" too, true. */
    unsigned others;
};

/*
 * Checks a backup against its manifest, and all that vd_check_data checks. key_file: the master key where the backup holds none;
 * NULL: then keys are not looked at. What is not in the manifest is said, and not bad: restore passes over it. Changes nothing.
 * VD_OK: it was looked at, however it is. VD_E_NOMEM.
 */
VD_NODISCARD int vd_check_backup(
    const char *folder, const char *key_file, struct vd_checks *checks);

/* Notes what is in the folder and not in its manifest. VD_E_NOMEM; VD_E_IO, VD_E_DENIED ... if that cannot be seen. */
VD_NODISCARD int vd_check_others(
    const struct vd_manifest *manifest, const char *folder, struct vd_checks *checks);

/* Checks the stores and keys of a data directory whose lock the caller has. */
VD_NODISCARD int vd_check_data(const char *dir, struct vd_checks *checks);

#endif
