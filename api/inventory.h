/* SPDX-License-Identifier: MIT */
/* Devices as the pages show them, and in numbers. */

#ifndef VEDETTE_API_INVENTORY_H
#define VEDETTE_API_INVENTORY_H

#include "api/api.h"
#include "center/store/coverage.h"
#include "center/store/inventory.h"

/* A row of the inventory, the caller's. NULL: no memory. */
json_t *vd_api_inventory_row(const struct vd_api *api, const struct vd_inventory_row *row,
    const struct vd_device_state *state);

/* {"reporting",...,"total"}, the caller's. NULL: no memory. */
json_t *vd_api_inventory_counts(const int64_t counts[VD_PRESENCES_END]);

/* {"High","Medium","Low"}, the caller's. NULL: no memory. */
json_t *vd_api_open_alerts(const int64_t open[VD_OPEN_SEVERITIES]);

/* Which share of the packets was reported, 0 to 1, null if there were none; the caller's. */
json_t *vd_api_share(const struct vd_coverage *coverage);

#endif
