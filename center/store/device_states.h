/* SPDX-License-Identifier: MIT */
/* What detections remember of devices: opaque rows of the alert store, with what the inventory is searched by beside. */

#ifndef VEDETTE_CENTER_STORE_DEVICE_STATES_H
#define VEDETTE_CENTER_STORE_DEVICE_STATES_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

struct vd_alert_store;

/* What a device is: X(name, stored value, name on the wire). */
#define VD_PRESENCES(X)                      \
    X(VD_PRESENCE_REPORTING, 0, "reporting") \
    X(VD_PRESENCE_LATE, 1, "late")           \
    X(VD_PRESENCE_SILENT, 2, "silent")       \
    X(VD_PRESENCE_REFUSED, 3, "refused")     \
    X(VD_PRESENCE_NEVER, 4, "never")         \
    X(VD_PRESENCE_DISABLED, 5, "disabled")

enum vd_presence {
#define VD_PRESENCE_ENUM(name, value, text) name = value,
    VD_PRESENCES(VD_PRESENCE_ENUM)
#undef VD_PRESENCE_ENUM
    VD_PRESENCES_END
};

const char *vd_presence_name(enum vd_presence presence);
/* The reverse, exact letters. False leaves *presence untouched. */
bool vd_presence_parse(const char *name, enum vd_presence *presence);

/* Devices are sorted by when they were heard to this, so that not every message changes an index. */
#define VD_HEARD_SLOT_MS 600000

/* A row as it is written. device_id "": the engine's own, which is no device. */
struct vd_device_row {
    const char *device_id;
    const char *group;
    enum vd_presence presence;
    int64_t heard_ms; /* UTC, 0: never */
    struct vd_str body;
};

/* Within the store's open transaction. */
VD_NODISCARD int vd_device_state_put(struct vd_alert_store *store, const struct vd_device_row *row);
VD_NODISCARD int vd_device_state_remove(struct vd_alert_store *store, const char *device_id);

/* Calls `each` for every row until it fails; outside of a transaction. Its failure is the result. */
VD_NODISCARD int vd_device_states_each(struct vd_alert_store *store,
    int (*each)(void *context, struct vd_str device_id, struct vd_str body), void *context);

/* Appends the row of a device. Any thread. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_device_state_get(
    struct vd_alert_store *store, const char *device_id, struct vd_buf *body);

#endif
