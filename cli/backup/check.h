/* SPDX-License-Identifier: MIT */
/* Checks of a backup, or of a data directory: file by file, with a list of what was found. */

#ifndef VEDETTE_CLI_BACKUP_CHECK_H
#define VEDETTE_CLI_BACKUP_CHECK_H

#include <jansson.h>

#include "lib/error.h"

/* What was checked: an array of {"what","ok","text"}. */
struct vd_checks {
    json_t *list;
    unsigned bad;
};

/*
 * Checks a backup against its manifest, and all that vd_check_data checks. key_file: the master key where the backup holds none;
 * NULL: then keys are not looked at. Changes nothing. VD_OK: it was looked at, however it is. VD_E_NOMEM.
 */
VD_NODISCARD int vd_check_backup(
    const char *folder, const char *key_file, struct vd_checks *checks);

/* Checks the stores and keys of a data directory whose lock the caller has. */
VD_NODISCARD int vd_check_data(const char *dir, struct vd_checks *checks);

#endif
