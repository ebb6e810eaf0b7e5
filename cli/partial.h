/* SPDX-License-Identifier: MIT */
/* A folder that is not whole yet, beside or in the place where it belongs, and locked while it is written. */

#ifndef VEDETTE_CLI_PARTIAL_H
#define VEDETTE_CLI_PARTIAL_H

#include "cli/data_dir.h"

struct vd_partial {
    char path[VD_PATH_SIZE];
    int lock; /* the open folder */
};

/*
 * Makes the folder PREFIX followed by six letters or digits, and first removes those of this name that were left by a process
 * that was killed: they are of the same user and have no lock. VD_E_BUSY: another process just took it for such a one.
 * VD_E_LIMIT, VD_E_DENIED ...
 */
VD_NODISCARD int vd_partial_open(const char *prefix, struct vd_partial *out);

/* Gives the lock back: the folder has got its own name, or was emptied and removed. */
void vd_partial_close(struct vd_partial *partial);

/* Removes it with all in it. */
void vd_partial_remove(struct vd_partial *partial);

#endif
