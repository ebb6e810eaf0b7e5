/* SPDX-License-Identifier: MIT */
/* For what an indicator was found already: an event's flows to one address count once, found live or afterwards. */

#ifndef VEDETTE_CENTER_STORE_INDICATOR_MARKS_H
#define VEDETTE_CENTER_STORE_INDICATOR_MARKS_H

#include "center/decode/security_message.h"

struct vd_alert_store;
struct vd_observation;

/* All flows of one event, as it came at one time, to one address. */
struct vd_indicator_mark {
    int32_t day; /* on which the hub got it, since 1970 */
    int64_t key; /* a digest of the others */
};

/* VD_E_NOMEM, VD_E_LIMIT (ids of more than 255 bytes). */
VD_NODISCARD int vd_indicator_mark_of(const struct vd_observation *seen,
    const struct vd_address *remote, struct vd_indicator_mark *mark);

/* Within the store's open transaction. */
VD_NODISCARD int vd_indicator_mark_add(
    struct vd_alert_store *store, const struct vd_indicator_mark *mark);
VD_NODISCARD int vd_indicator_mark_find(
    struct vd_alert_store *store, const struct vd_indicator_mark *mark, bool *is_found);
/* Lets go of those of days before `day`. */
VD_NODISCARD int vd_indicator_marks_prune(struct vd_alert_store *store, int32_t day);

#endif
