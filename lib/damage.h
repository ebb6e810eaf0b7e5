/* SPDX-License-Identifier: MIT */
/* Which stores were found to be damaged since the start: nobody but a person can mend them, so it is told until then. */

#ifndef VEDETTE_LIB_DAMAGE_H
#define VEDETTE_LIB_DAMAGE_H

#include <stdbool.h>

#include "lib/error.h"

enum vd_damage_store {
    VD_DAMAGE_EVENTS,
    VD_DAMAGE_REGISTRY,
    VD_DAMAGE_STATE,
    VD_DAMAGE_ALERTS,
    VD_DAMAGE_ANALYTICS,
    VD_DAMAGE_STORES,
};

/* What came of using the store: VD_E_CORRUPT is remembered, and logged the first time with the store's name. Returns `error` as it
 * is. Any thread; takes no lock. */
int vd_damage_note(enum vd_damage_store store, int error);

/* Whether any store is damaged. */
bool vd_damage_is_known(void);

#endif
