/* SPDX-License-Identifier: MIT */
/* The queue of events from other threads, and what puts operations into the committer's batch. */

#include "hub/record.h"

#include "hub/server.h"

struct vd_queued_record {
    struct vd_queued_record *next;
    struct vd_event event; /* its text lies behind */
    size_t bytes;
    char text[];
};

void vd_record_queue_init(struct vd_record_queue *queue)
{
    *queue = (struct vd_record_queue){.end = &queue->first};
}

void vd_record_queue_release(struct vd_record_queue *queue)
{
    while (queue->first != NULL) {
        struct vd_queued_record *next = queue->first->next;

        free(queue->first);
        queue->first = next;
    }
    vd_record_queue_init(queue);
}

/* ---- Any thread ---- */

/* A copy with all of its text in one piece. */
static struct vd_queued_record *record_new(const struct vd_event *event)
{
    const size_t bytes = sizeof(struct vd_queued_record) + vd_event_text_bytes(event);
    struct vd_queued_record *record = malloc(bytes);

    if (record != NULL) {
        record->next = NULL;
        record->bytes = bytes;
        record->event = vd_event_keep(event, record->text);
    }
    return record;
}

/* False: it is full. *was_empty: nobody has told the loop yet. */
static bool enqueue(struct vd_hub *hub, struct vd_queued_record *record, bool *was_empty)
{
    struct vd_record_queue *queue = &hub->record_queue;
    bool has_room;

    pthread_mutex_lock(&hub->lock);
    has_room = queue->count < VD_HUB_RECORDS_WAITING_MAX &&
        record->bytes <= VD_HUB_RECORDS_WAITING_MAX_BYTES - queue->bytes;
    *was_empty = queue->first == NULL;
    if (has_room) {
        *queue->end = record;
        queue->end = &record->next;
        queue->count++;
        queue->bytes += record->bytes;
    }
    pthread_mutex_unlock(&hub->lock);
    return has_room;
}

int vd_hub_append(struct vd_hub *hub, const struct vd_event *event)
{
    struct vd_queued_record *record = record_new(event);
    bool was_empty = false;

    if (record == NULL || !enqueue(hub, record, &was_empty)) {
        const int error = record == NULL ? VD_E_NOMEM : VD_E_LIMIT;

        free(record);
        atomic_fetch_add(&hub->operations_lost, 1);
        return error;
    }
    if (was_empty) {
        vd_hub_wake(hub);
    }
    return VD_OK;
}

void vd_hub_record(struct vd_hub *hub, const struct vd_operation *operation)
{
    struct vd_buf body = {0};
    struct vd_event event;

    if (vd_operation_event(operation, hub->resource_id, &body, &event) == VD_OK) {
        (void)!vd_hub_append(hub, &event); /* which counts what is lost */
    } else {
        atomic_fetch_add(&hub->operations_lost, 1);
    }
    vd_buf_release(&body);
}

/* ---- The loop ---- */

static int add(struct vd_hub *hub, const struct vd_event *event)
{
    int error = vd_committer_add(hub->committer, event, NULL);

    if (error != VD_OK) {
        atomic_fetch_add(&hub->operations_lost, 1);
        return error;
    }
    event_active(&hub->hand_over, EV_TIMEOUT, 0);
    return VD_OK;
}

void vd_record_now(struct vd_hub *hub, const struct vd_operation *operation)
{
    struct vd_buf body = {0};
    struct vd_event event;

    if (vd_committer_has_reserve(hub->committer) &&
        vd_operation_event(operation, hub->resource_id, &body, &event) == VD_OK) {
        (void)!add(hub, &event);
    } else {
        atomic_fetch_add(&hub->operations_lost, 1);
    }
    vd_buf_release(&body);
}

/* The oldest; NULL: there is none. */
static struct vd_queued_record *dequeue(struct vd_hub *hub)
{
    struct vd_record_queue *queue = &hub->record_queue;
    struct vd_queued_record *record;

    pthread_mutex_lock(&hub->lock);
    record = queue->first;
    if (record != NULL) {
        queue->first = record->next;
        queue->end = queue->first != NULL ? queue->end : &queue->first;
        queue->count--;
        queue->bytes -= record->bytes;
    }
    pthread_mutex_unlock(&hub->lock);
    return record;
}

void vd_record_take(struct vd_hub *hub)
{
    struct vd_queued_record *record;

    while (vd_committer_has_reserve(hub->committer) && (record = dequeue(hub)) != NULL) {
        (void)!add(hub, &record->event);
        free(record);
    }
}
