/* SPDX-License-Identifier: MIT */
/* The folder of a backup that is not whole yet, beside its destination: DEST.partial-XXXXXX, locked while it is written. */

#ifndef VEDETTE_CLI_BACKUP_PARTIAL_H
#define VEDETTE_CLI_BACKUP_PARTIAL_H

#include "cli/data_dir.h"

struct vd_partial {
    char path[VD_PATH_SIZE];
    int lock; /* the open folder */
};

/*
 * Makes it for the destination, an absolute path, and first removes those that were left there by a process that was killed: they
 * are of the same user and have no lock. VD_E_BUSY: another process just took it for such a one. VD_E_LIMIT, VD_E_DENIED ...
 */
VD_NODISCARD int vd_partial_open(const char *destination, struct vd_partial *out);

/* Gives the lock back: the folder has got its own name. */
void vd_partial_close(struct vd_partial *partial);

/* Removes it with all in it. */
void vd_partial_remove(struct vd_partial *partial);

#endif
