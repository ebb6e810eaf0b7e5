/* SPDX-License-Identifier: MIT */
/* Pages of the inventory, and devices in numbers: off the rows that detections keep. Any thread. */

#ifndef VEDETTE_CENTER_STORE_INVENTORY_H
#define VEDETTE_CENTER_STORE_INVENTORY_H

#include "center/store/device_states.h"

/* Of devices in a page. */
#define VD_INVENTORY_PAGE_MAX 1000

/* The severities that the inventory counts open alerts of, the worst first. */
enum vd_open_severity {
    VD_OPEN_HIGH,
    VD_OPEN_MEDIUM,
    VD_OPEN_LOW,
    VD_OPEN_SEVERITIES
};

enum vd_inventory_sort {
    VD_INVENTORY_BY_ID,
    VD_INVENTORY_BY_HEARD, /* the longest ago first, to VD_HEARD_SLOT_MS; those never heard of before them */
    VD_INVENTORY_BY_HEARD_DOWN,  /* the latest first */
    VD_INVENTORY_BY_OPEN_ALERTS, /* the worst first, and only those with open alerts */
};

/* Which devices; all zero but the limit: all. */
struct vd_inventory_filter {
    const char *prefix; /* of the id, exact letters; NULL: any */
    const char *group;  /* exact; NULL: any */
    bool has_presence;
    enum vd_presence presence;
    enum vd_inventory_sort sort;
    uint32_t limit; /* 1 to VD_INVENTORY_PAGE_MAX */
    /* Behind this row: its id, and what it is sorted by (`place` of it). NULL: from the first. */
    const char *after_id;
    int64_t after_place;
};

/* A row; texts and body are valid during the call. */
struct vd_inventory_row {
    const char *device_id;
    const char *group;
    enum vd_presence presence;
    struct vd_str body;               /* center/detect/device_state.h reads it */
    int64_t open[VD_OPEN_SEVERITIES]; /* alerts */
    int64_t place;                    /* for `after_place` */
};

/* Calls `each` for the rows of a page until it returns false; it must not call the store. */
VD_NODISCARD int vd_inventory_each(struct vd_alert_store *store,
    const struct vd_inventory_filter *filter,
    bool (*each)(void *context, const struct vd_inventory_row *row), void *context);

/* Devices by what they are; of prefix and group alone. */
VD_NODISCARD int vd_inventory_count(struct vd_alert_store *store,
    const struct vd_inventory_filter *filter, int64_t counts[VD_PRESENCES_END]);

/* Calls `each` for the groups that any device is in, by name, until it returns false; it must not call the store. */
VD_NODISCARD int vd_inventory_groups(struct vd_alert_store *store,
    bool (*each)(void *context, const char *group, int64_t devices), void *context);

/* Open alerts about one device; all 0 for one that has none, or is not known. */
VD_NODISCARD int vd_inventory_open(
    struct vd_alert_store *store, const char *device_id, int64_t open[VD_OPEN_SEVERITIES]);

#endif
