/* SPDX-License-Identifier: MIT */
/* What detections remember of devices, as opaque rows of the alert store. */

#ifndef VEDETTE_CENTER_STORE_DEVICE_STATES_H
#define VEDETTE_CENTER_STORE_DEVICE_STATES_H

#include "lib/str.h"

struct vd_alert_store;

/* Within the store's open transaction. */
VD_NODISCARD int vd_device_state_put(
    struct vd_alert_store *store, const char *device_id, struct vd_str body);
VD_NODISCARD int vd_device_state_remove(struct vd_alert_store *store, const char *device_id);

/* Calls `each` for every row until it fails; outside of a transaction. Its failure is the result. */
VD_NODISCARD int vd_device_states_each(struct vd_alert_store *store,
    int (*each)(void *context, struct vd_str device_id, struct vd_str body), void *context);

/* Appends the row of a device. Any thread. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_device_state_get(
    struct vd_alert_store *store, const char *device_id, struct vd_buf *body);

#endif
