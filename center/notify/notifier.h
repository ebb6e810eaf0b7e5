/* SPDX-License-Identifier: MIT */
/* Brings the outbox to the sinks: a thread each, so that a slow receiver holds up nobody. ADR 24 says how it fails. */

#ifndef VEDETTE_CENTER_NOTIFY_NOTIFIER_H
#define VEDETTE_CENTER_NOTIFY_NOTIFIER_H

#include <jansson.h>
#include <stdint.h>

#include "lib/error.h"

struct vd_notifier;
struct vd_alert_store;

/* Pauses after a failure, doubled from the first to the second, and when a notification is given up. */
struct vd_notify_rhythm {
    int64_t pause_min_ms;
    int64_t pause_max_ms;
    unsigned refusals_max; /* of the receiver: statuses that will hardly change */
    int64_t age_max_ms;    /* since the first attempt */
};

extern const struct vd_notify_rhythm vd_notify_rhythm_default;

/* `store` must outlive it. VD_E_NOMEM, and the errors of pthread_create. */
VD_NODISCARD int vd_notifier_start(
    struct vd_alert_store *store, const struct vd_notify_rhythm *rhythm, struct vd_notifier **out);
/* Interrupts deliveries: they go on when it is started again. NULL is allowed. */
void vd_notifier_stop(struct vd_notifier *notifier);

/* [{"name","state":"working"|"failing","lastError","lastErrorTime"}], the caller's. notifier NULL: empty. */
json_t *vd_notifier_json(struct vd_notifier *notifier);

#endif
