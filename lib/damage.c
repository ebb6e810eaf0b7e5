/* SPDX-License-Identifier: MIT */
/* The stores that are damaged, a bit each. */

#include "lib/damage.h"

#include <stdatomic.h>

#include "lib/log.h"

static const char *const names[VD_DAMAGE_STORES] = {
    [VD_DAMAGE_EVENTS] = "events.db",
    [VD_DAMAGE_REGISTRY] = "registry.db",
    [VD_DAMAGE_STATE] = "state.db",
    [VD_DAMAGE_ALERTS] = "alerts.db",
    [VD_DAMAGE_ANALYTICS] = "analytics",
};

static atomic_uint damaged;

int vd_damage_note(enum vd_damage_store store, int error)
{
    const unsigned bit = 1U << store;

    if (error == VD_E_CORRUPT && (atomic_fetch_or(&damaged, bit) & bit) == 0) {
        vd_log(VD_LOG_ERROR, "serve.store_damaged", "store=%s remedy=\"restore a backup\"",
            names[store]);
    }
    return error;
}

bool vd_damage_is_known(void)
{
    return atomic_load(&damaged) != 0;
}
