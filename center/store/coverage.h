/* SPDX-License-Identifier: MIT */
/* What devices say of their own losses, added up by the hour in which it came: kept also where no raw events are. */

#ifndef VEDETTE_CENTER_STORE_COVERAGE_H
#define VEDETTE_CENTER_STORE_COVERAGE_H

#include <stdint.h>

#include "lib/error.h"

#define VD_HOUR_MS 3600000LL
/* Hours that are kept; the oldest go first. */
#define VD_COVERAGE_HOURS_MAX (24 * 92)

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

void vd_coverage_sum(struct vd_coverage *sum, const struct vd_coverage *more);
/* Packets that flows report: the counted ones without those given up or withheld; at least 0. */
int64_t vd_coverage_reported(const struct vd_coverage *coverage);
/* All that collectors were to report. */
int64_t vd_coverage_wanted(const struct vd_coverage *coverage);

#endif
