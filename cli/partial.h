/* SPDX-License-Identifier: MIT */
/* A folder that is not whole yet, beside or in the place where it belongs, and locked while it is written. */

#ifndef VEDETTE_CLI_PARTIAL_H
#define VEDETTE_CLI_PARTIAL_H

#include "cli/data_dir.h"

struct vd_partial {
    char path[VD_PATH_SIZE];
    int lock; /* the open folder */
};

/* Is given one that was left, locked meanwhile. */
typedef void vd_partial_left(void *context, const char *path);

/* Shows each folder PREFIX followed by six letters or digits that was left by a process that was killed: it is of the same user and has no
 * lock. */
void vd_partial_visit(const char *prefix, vd_partial_left *visit, void *context);

/*
 * Makes the folder PREFIX followed by six letters or digits, and first removes those that were left. VD_E_BUSY: another process just
 * took it for such a one. VD_E_LIMIT, VD_E_DENIED ...
 */
VD_NODISCARD int vd_partial_open(const char *prefix, struct vd_partial *out);

/* What is said where the last sync failed. */
#define VD_PARTIAL_STANDS \
    "is whole and stands there, but its folder could not be synced: a loss of power may take it"

/*
 * Gives it the name `to`, where nothing may be, not even an empty folder, and makes that last. VD_E_EXISTS, VD_E_DENIED ...: error_text
 * says so, and it is as it was. VD_E_IO too if it has the name and that could not be synced: it stays there, and error_text says that.
 */
VD_NODISCARD int vd_partial_publish(
    struct vd_partial *partial, const char *to, char *error_text, size_t error_size);

/* Gives the lock back: the folder has got its own name, or was emptied and removed. */
void vd_partial_close(struct vd_partial *partial);

/* Removes it with all in it, unless it has got its own name. */
void vd_partial_remove(struct vd_partial *partial);

#endif
