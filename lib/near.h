/* SPDX-License-Identifier: MIT */
/* Which name somebody may have meant. */

#ifndef VEDETTE_LIB_NEAR_H
#define VEDETTE_LIB_NEAR_H

#include "lib/str.h"

/* The best so far; name.data is NULL as long as nothing is near enough. */
struct vd_nearest {
    struct vd_str name;
    unsigned distance;
};

/* Takes the name if it is nearer to what was written: up to two letters are changed, missing, too many or have changed places
 * with the next, and most are right; case does not count. */
void vd_nearest_try(struct vd_nearest *nearest, struct vd_str written, struct vd_str name);

#endif
