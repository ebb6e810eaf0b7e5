/* SPDX-License-Identifier: MIT */
/* What devices say of their own losses, added up by the hour in which it came: kept also where no raw events are. */

#ifndef VEDETTE_CENTER_STORE_COVERAGE_H
#define VEDETTE_CENTER_STORE_COVERAGE_H

#include <jansson.h>
#include <stdint.h>

#include "lib/error.h"
#include "lib/str.h"

#define VD_HOUR_MS 3600000LL
/* Hours that are kept; the oldest go first. */
#define VD_COVERAGE_HOURS_MAX (24 * 92)

/* Losses are kept by device for so many hours, of so many devices an hour: those that lost most. */
#define VD_COVERAGE_LOSS_HOURS   24
#define VD_COVERAGE_LOSS_DEVICES 64

struct vd_alert_store;

/* Sums of ledgers (center/decode/security_message.h). */
struct vd_coverage {
    int64_t devices; /* that reported in the hour */
    int64_t counted;
    int64_t overflowed;
    int64_t malformed;
    int64_t given_up;
    int64_t withheld;
};

/* Adds to what there is of the hour (since 1970, UTC), within the store's open transaction. */
VD_NODISCARD int vd_coverage_add(
    struct vd_alert_store *store, int64_t hour, const struct vd_coverage *more);

/* Calls `each` for the hours from `from_hour` on of which there is anything, the earliest first; it must not call the store. Any
 * thread. */
VD_NODISCARD int vd_coverage_each(struct vd_alert_store *store, int64_t from_hour,
    void (*each)(void *context, int64_t hour, const struct vd_coverage *coverage), void *context);

/* Adds to what the device lost in the hour, within the store's open transaction. */
VD_NODISCARD int vd_coverage_add_loss(
    struct vd_alert_store *store, int64_t hour, struct vd_str device_id, int64_t missed);

/* *losses: JSON array of {"deviceId","missedPackets"} from `from_hour` on, who lost most first, `limit` of them; the caller's.
 * device_id NULL: of any. Any thread. */
VD_NODISCARD int vd_coverage_losses(struct vd_alert_store *store, int64_t from_hour,
    const char *device_id, uint32_t limit, json_t **losses);

void vd_coverage_sum(struct vd_coverage *sum, const struct vd_coverage *more);
/* Packets that flows report: the counted ones without those given up or withheld; at least 0. */
int64_t vd_coverage_reported(const struct vd_coverage *coverage);
/* All that collectors were to report. */
int64_t vd_coverage_wanted(const struct vd_coverage *coverage);
/* Those of them that no flow reports. */
int64_t vd_coverage_missed(const struct vd_coverage *coverage);

#endif
