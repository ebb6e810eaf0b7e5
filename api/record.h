/* SPDX-License-Identifier: MIT */
/* Where API calls record what was done: the event log of the running hub, or the log itself where no hub runs. */

#ifndef VEDETTE_API_RECORD_H
#define VEDETTE_API_RECORD_H

#include "hub/operation.h"
#include "hub/state_store.h"
#include "lib/bus.h"
#include "lib/event_log.h"

struct vd_recorder {
    struct vd_bus *bus;       /* NULL: no hub is running */
    struct vd_event_log *log; /* for then; NULL too: nothing is recorded */
    const char *resource_id;  /* of the hub */
};

/*
 * Records an operation of hub/operation.h, or any event. Any thread; with a hub it does not wait, without one it blocks for
 * the disk. A record that is lost is counted or logged: what it is about has happened, so the caller goes on.
 * recorder  NULL: nothing is recorded
 */
void vd_record_operation(const struct vd_recorder *recorder, const struct vd_operation *operation);
void vd_record_event(const struct vd_recorder *recorder, const struct vd_event *event);

/* Records messages that a change of the state has found or made to be over, once that is durable; then releases them.
 * protocol  what brought them to their end; NULL: none did, time has passed */
void vd_record_endings(
    const struct vd_recorder *recorder, const char *protocol, struct vd_c2d_endings *endings);

#endif
