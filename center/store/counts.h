/* SPDX-License-Identifier: MIT */
/* What the alert store has of each thing, in numbers that are kept or read off a small index. Any thread. */

#ifndef VEDETTE_CENTER_STORE_COUNTS_H
#define VEDETTE_CENTER_STORE_COUNTS_H

#include "lib/error.h"

struct vd_alert_store;

enum vd_counted_things {
    VD_COUNTED_ALERTS,          /* type, severity, state: alerts stored */
    VD_COUNTED_ALERTS_EVER,     /* type, severity: raised, repeated; they only grow */
    VD_COUNTED_LETTERS,         /* "none", "taken" or "refused" (their replay): dead letters */
    VD_COUNTED_RECOMMENDATIONS, /* type: 1 while active, unhealthy devices */
    VD_COUNTED_FEEDS, /* name: entries used, last success (s, UTC; 0: never), last attempt likewise,
                         1 while the last attempt failed */
    VD_COUNTED_SINKS, /* name, kind: notifications before it, those that it will pass over too; delivered, skipped, dead
                         letters */
};

#define VD_COUNTED_LABELS_MAX  3
#define VD_COUNTED_NUMBERS_MAX 4

struct vd_counted_row {
    const char *labels[VD_COUNTED_LABELS_MAX]; /* valid during the call */
    double numbers[VD_COUNTED_NUMBERS_MAX];
};

/* Calls `each` for every row, some hundred at most; it must not call the store. */
VD_NODISCARD int vd_counted_each(struct vd_alert_store *store, enum vd_counted_things things,
    void (*each)(void *context, const struct vd_counted_row *row), void *context);

#endif
