/* SPDX-License-Identifier: MIT */
/* Numbers that tell whether something in the alert store has changed, for who would ask again only then. */

#ifndef VEDETTE_CENTER_STORE_MARKS_H
#define VEDETTE_CENTER_STORE_MARKS_H

#include <stdint.h>

#include "lib/error.h"

struct vd_alert_store;

/* Each is another number after a change; only that of alerts grows always. */
struct vd_store_marks {
    int64_t alerts; /* the greatest change number */
    int64_t recommendations;
    int64_t devices; /* their states and groups, as the inventory shows them */
    int64_t feeds;
    int64_t groups; /* security groups' rules */
    int64_t notify; /* sinks, what they took, and what they would not take */
    int64_t dead_letters;
    int64_t queries; /* saved ones, and their runs */
};

/* Reads them off indexes and small tables: some hundred microseconds. Any thread. */
VD_NODISCARD int vd_store_marks_read(struct vd_alert_store *store, struct vd_store_marks *out);

#endif
