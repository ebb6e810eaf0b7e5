/* SPDX-License-Identifier: MIT */
/* The rules of a C2D queue: states of a message, locks, deliveries, expiry. Pure: no I/O, no clock of its own. */

#ifndef VEDETTE_HUB_C2D_H
#define VEDETTE_HUB_C2D_H

#include "hub/limits.h"
#include "lib/uuid.h"

/* X(name, stored value, what feedback says; NULL: not over). Stored values are stable. */
#define VD_C2D_STATES(X)                            \
    X(VD_C2D_ENQUEUED, 0, NULL)                     \
    X(VD_C2D_LOCKED, 1, NULL) /* a device has it */ \
    X(VD_C2D_COMPLETED, 2, "Success")               \
    X(VD_C2D_REJECTED, 3, "Rejected")               \
    X(VD_C2D_EXPIRED, 4, "Expired")                 \
    X(VD_C2D_EXHAUSTED, 5, "DeliveryCountExceeded") \
    X(VD_C2D_PURGED, 6, "Purged")

enum vd_c2d_state {
#define VD_C2D_STATE_ENUM(name, value, text) name = value,
    VD_C2D_STATES(VD_C2D_STATE_ENUM)
#undef VD_C2D_STATE_ENUM
};

enum vd_c2d_event {
    VD_C2D_TAKE,
    VD_C2D_COMPLETE,
    VD_C2D_REJECT,
    VD_C2D_ABANDON, /* by the device, the end of its connection or of the lock */
    VD_C2D_EXPIRE,
    VD_C2D_PURGE,
};

/* Which ends the sender wants to hear of. Stored values are stable. X(name, stored value, name on the wire) */
#define VD_C2D_ACKS(X)                    \
    X(VD_C2D_ACK_NONE, 0, "none")         \
    X(VD_C2D_ACK_POSITIVE, 1, "positive") \
    X(VD_C2D_ACK_NEGATIVE, 2, "negative") \
    X(VD_C2D_ACK_FULL, 3, "full")

enum vd_c2d_ack {
#define VD_C2D_ACK_ENUM(name, value, text) name = value,
    VD_C2D_ACKS(VD_C2D_ACK_ENUM)
#undef VD_C2D_ACK_ENUM
};

struct vd_c2d_entry {
    int64_t sequence;
    enum vd_c2d_state state;
    enum vd_c2d_ack ack;
    uint32_t deliveries;
    int64_t expires_ms;           /* UTC; only what no device has expires */
    int64_t lock_until_ms;        /* UTC; 0 unless locked */
    char lock[VD_UUID_TEXT_SIZE]; /* "" unless locked */
    bool is_changed;              /* since it was put or loaded */
};

/* In the order of their sequences. What is over stays until vd_c2d_drop_ended. */
struct vd_c2d_queue {
    struct vd_c2d_entry entries[VD_HUB_C2D_MESSAGES_MAX];
    size_t count;
};

/* The state after `event`, with `deliveries` so far; an event that does not fit changes nothing. */
enum vd_c2d_state vd_c2d_next(
    enum vd_c2d_state state, enum vd_c2d_event event, uint32_t deliveries);

bool vd_c2d_is_over(enum vd_c2d_state state);

/* "Success", "Expired" ...; NULL while it is not over. Static. */
const char *vd_c2d_status_name(enum vd_c2d_state state);

/* True if a sender that asked for `ack` hears of this end. */
bool vd_c2d_wants_feedback(enum vd_c2d_ack ack, enum vd_c2d_state state);

/* "none", "positive", "negative", "full", exact letters. False leaves *ack untouched. */
bool vd_c2d_ack_parse(const char *name, enum vd_c2d_ack *ack);

/* Ends locks and lives that are over at now_ms (UTC). What lies further ahead than VD_HUB_C2D_LOCK_MAX_MS or
 * VD_HUB_C2D_TTL_MAX_MS, because the clock was put back, is pulled back to that. Before every function below. */
void vd_c2d_tick(struct vd_c2d_queue *queue, int64_t now_ms);

/* Adds a message behind all others.
 * sequence    above all that are there
 * expires_ms  0: after VD_HUB_C2D_TTL_DEFAULT_MS; past: it expires with the next tick
 * VD_E_LIMIT: the queue is full (what is over and was not dropped counts); VD_E_INVALID: expires too late. */
VD_NODISCARD int vd_c2d_put(struct vd_c2d_queue *queue, int64_t sequence, enum vd_c2d_ack ack,
    int64_t expires_ms, int64_t now_ms);

/* Locks the first that waits for lock_ms (1 to VD_HUB_C2D_LOCK_MAX_MS) under the name `lock`, one more delivery.
 * NULL: none waits. Valid until the queue changes. */
struct vd_c2d_entry *vd_c2d_take(struct vd_c2d_queue *queue, const char lock[VD_UUID_TEXT_SIZE],
    int64_t lock_ms, int64_t now_ms);

/* A device's answer (VD_C2D_COMPLETE, _REJECT, _ABANDON) to what it has under `lock`. False: there is no such lock. */
bool vd_c2d_settle(struct vd_c2d_queue *queue, const char *lock, enum vd_c2d_event answer);

/* The device has the message, which it was given under `lock`: completes it, also when that lock has ended meanwhile. False: it
 * is over, or was given out anew since. */
bool vd_c2d_acknowledge(struct vd_c2d_queue *queue, int64_t sequence, const char *lock);

/* Abandons all that is locked: the connection that had it is gone. */
void vd_c2d_release(struct vd_c2d_queue *queue);

/* Ends all; how many that were. */
size_t vd_c2d_purge(struct vd_c2d_queue *queue);

/* Those that wait or are locked. */
size_t vd_c2d_count(const struct vd_c2d_queue *queue);

void vd_c2d_drop_ended(struct vd_c2d_queue *queue);

#endif
