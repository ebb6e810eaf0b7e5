/* SPDX-License-Identifier: MIT */
/* The hub's own records on their way into the event log: at once on the loop, by a bounded queue from other threads. */

#ifndef VEDETTE_HUB_RECORD_H
#define VEDETTE_HUB_RECORD_H

#include "hub/operation.h"
#include "lib/event.h"

struct vd_hub;

/* Events of other threads that wait for the loop, the oldest first; the hub's lock guards it. */
struct vd_record_queue {
    struct vd_queued_record *first;
    struct vd_queued_record **end;
    size_t count;
    size_t bytes;
};

void vd_record_queue_init(struct vd_record_queue *queue);
void vd_record_queue_release(struct vd_record_queue *queue);

/* The functions below are the loop's. */

/* Puts an operation into the batch that is filling. One that finds no room is lost, and counted. */
void vd_record_now(struct vd_hub *hub, const struct vd_operation *operation);

/* Moves what other threads have queued into the batch, as far as there is room; the rest waits for the next. */
void vd_record_take(struct vd_hub *hub);

#endif
