/* SPDX-License-Identifier: MIT */
/* The rules of a C2D queue. */

#include "hub/c2d.h"

#include <string.h>

enum vd_c2d_state vd_c2d_next(enum vd_c2d_state state, enum vd_c2d_event event, uint32_t deliveries)
{
    bool is_locked = state == VD_C2D_LOCKED;

    if (vd_c2d_is_over(state)) {
        return state;
    }
    switch (event) {
    case VD_C2D_TAKE:
        return VD_C2D_LOCKED;
    case VD_C2D_COMPLETE:
        return is_locked ? VD_C2D_COMPLETED : state;
    case VD_C2D_REJECT:
        return is_locked ? VD_C2D_REJECTED : state;
    case VD_C2D_ABANDON:
        return is_locked && deliveries >= VD_HUB_C2D_DELIVERIES_MAX ? VD_C2D_EXHAUSTED
                                                                    : VD_C2D_ENQUEUED;
    case VD_C2D_EXPIRE:
        return is_locked ? state : VD_C2D_EXPIRED;
    case VD_C2D_PURGE:
        return VD_C2D_PURGED;
    }
    return state;
}

bool vd_c2d_is_over(enum vd_c2d_state state)
{
    return vd_c2d_status_name(state) != NULL;
}

const char *vd_c2d_status_name(enum vd_c2d_state state)
{
    switch (state) {
#define VD_C2D_STATE_CASE(name, value, text) \
    case name:                               \
        return text;
        VD_C2D_STATES(VD_C2D_STATE_CASE)
#undef VD_C2D_STATE_CASE
    }
    return NULL;
}

bool vd_c2d_wants_feedback(enum vd_c2d_ack ack, enum vd_c2d_state state)
{
    enum vd_c2d_ack side = state == VD_C2D_COMPLETED ? VD_C2D_ACK_POSITIVE : VD_C2D_ACK_NEGATIVE;

    return vd_c2d_is_over(state) && (ack == VD_C2D_ACK_FULL || ack == side);
}

bool vd_c2d_ack_parse(const char *name, enum vd_c2d_ack *ack)
{
#define VD_C2D_ACK_PARSE(value_name, value, text) \
    if (strcmp(name, text) == 0) {                \
        *ack = value_name;                        \
        return true;                              \
    }
    VD_C2D_ACKS(VD_C2D_ACK_PARSE)
#undef VD_C2D_ACK_PARSE
    return false;
}

/* The one setter of a state. */
static void apply(struct vd_c2d_entry *entry, enum vd_c2d_event event)
{
    enum vd_c2d_state next = vd_c2d_next(entry->state, event, entry->deliveries);

    if (next == entry->state) {
        return;
    }
    entry->state = next;
    entry->is_changed = true;
    if (next == VD_C2D_ENQUEUED) {
        entry->lock_until_ms = 0;
        entry->lock[0] = '\0';
    }
}

static void pull_back(struct vd_c2d_entry *entry, int64_t *time_ms, int64_t latest_ms)
{
    if (*time_ms > latest_ms) {
        *time_ms = latest_ms;
        entry->is_changed = true;
    }
}

void vd_c2d_tick(struct vd_c2d_queue *queue, int64_t now_ms)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct vd_c2d_entry *entry = &queue->entries[i];

        if (vd_c2d_is_over(entry->state)) {
            continue;
        }
        pull_back(entry, &entry->expires_ms, now_ms + VD_HUB_C2D_TTL_MAX_MS);
        if (entry->state == VD_C2D_LOCKED) {
            pull_back(entry, &entry->lock_until_ms, now_ms + VD_HUB_C2D_LOCK_MAX_MS);
            if (entry->lock_until_ms <= now_ms) {
                apply(entry, VD_C2D_ABANDON);
            }
        }
        if (entry->expires_ms <= now_ms) {
            apply(entry, VD_C2D_EXPIRE);
        }
    }
}

int vd_c2d_put(struct vd_c2d_queue *queue, int64_t sequence, enum vd_c2d_ack ack,
    int64_t expires_ms, int64_t now_ms)
{
    if (expires_ms == 0) {
        expires_ms = now_ms + VD_HUB_C2D_TTL_DEFAULT_MS;
    }
    if (expires_ms > now_ms + VD_HUB_C2D_TTL_MAX_MS) {
        return VD_E_INVALID;
    }
    if (queue->count >= VD_HUB_C2D_MESSAGES_MAX) {
        return VD_E_LIMIT;
    }
    queue->entries[queue->count++] = (struct vd_c2d_entry){
        .sequence = sequence,
        .ack = ack,
        .expires_ms = expires_ms,
    };
    return VD_OK;
}

struct vd_c2d_entry *vd_c2d_take(
    struct vd_c2d_queue *queue, const char lock[VD_UUID_TEXT_SIZE], int64_t lock_ms, int64_t now_ms)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct vd_c2d_entry *entry = &queue->entries[i];

        if (entry->state == VD_C2D_ENQUEUED) {
            apply(entry, VD_C2D_TAKE);
            entry->deliveries++;
            entry->lock_until_ms = now_ms + lock_ms;
            memcpy(entry->lock, lock, VD_UUID_TEXT_SIZE);
            return entry;
        }
    }
    return NULL;
}

bool vd_c2d_settle(struct vd_c2d_queue *queue, const char *lock, enum vd_c2d_event answer)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct vd_c2d_entry *entry = &queue->entries[i];

        if (entry->state == VD_C2D_LOCKED && strcmp(entry->lock, lock) == 0) {
            apply(entry, answer);
            return true;
        }
    }
    return false;
}

bool vd_c2d_acknowledge(struct vd_c2d_queue *queue, int64_t sequence, const char *lock)
{
    for (size_t i = 0; i < queue->count; i++) {
        struct vd_c2d_entry *entry = &queue->entries[i];

        if (entry->sequence != sequence || vd_c2d_is_over(entry->state) ||
            (entry->state == VD_C2D_LOCKED && strcmp(entry->lock, lock) != 0)) {
            continue;
        }
        apply(entry, VD_C2D_TAKE); /* it never was anybody else's */
        apply(entry, VD_C2D_COMPLETE);
        return true;
    }
    return false;
}

void vd_c2d_release(struct vd_c2d_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++) {
        if (queue->entries[i].state == VD_C2D_LOCKED) {
            apply(&queue->entries[i], VD_C2D_ABANDON);
        }
    }
}

size_t vd_c2d_purge(struct vd_c2d_queue *queue)
{
    size_t purged = vd_c2d_count(queue);

    for (size_t i = 0; i < queue->count; i++) {
        apply(&queue->entries[i], VD_C2D_PURGE);
    }
    return purged;
}

size_t vd_c2d_count(const struct vd_c2d_queue *queue)
{
    size_t count = 0;

    for (size_t i = 0; i < queue->count; i++) {
        count += !vd_c2d_is_over(queue->entries[i].state);
    }
    return count;
}

void vd_c2d_drop_ended(struct vd_c2d_queue *queue)
{
    size_t kept = 0;

    for (size_t i = 0; i < queue->count; i++) {
        if (!vd_c2d_is_over(queue->entries[i].state)) {
            queue->entries[kept++] = queue->entries[i];
        }
    }
    queue->count = kept;
}
