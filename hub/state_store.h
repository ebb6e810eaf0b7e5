/* SPDX-License-Identifier: MIT */
/* The hub's durable state as its writer sees it: twins, C2D queues with feedback, subscriptions, by identity. */

#ifndef VEDETTE_HUB_STATE_STORE_H
#define VEDETTE_HUB_STATE_STORE_H

#include "hub/c2d.h"
#include "lib/str.h"
#include "proto/protocol.h"

/*
 * One thread. Except for open, close, begin and commit, which are the writer's, all functions are called within a
 * transaction (from a vd_state_run). Every one may fail with VD_E_NOMEM, VD_E_IO, VD_E_FULL, VD_E_CORRUPT; what it put out
 * does not count then. An identity without anything stored is as good as one with an empty queue and no subscriptions.
 */
struct vd_state_store;

/* Whose state it is. A generation is never used twice: a re-created id is another identity and sees nothing of the old. */
struct vd_state_key {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1]; /* "" for the device itself */
    char generation_id[VD_UUID_TEXT_SIZE];
};

/* ---- The file ---- */

/* Opens `path` (made, mode 0600, if absent) for this process alone. VD_E_BUSY: another one has it. VD_E_NEWER, VD_E_CORRUPT. */
VD_NODISCARD int vd_state_store_open(const char *path, struct vd_state_store **out);
/* NULL is allowed. */
void vd_state_store_close(struct vd_state_store *store);

VD_NODISCARD int vd_state_store_begin(struct vd_state_store *store);
/* Runs `run` so that what it changed is undone if it fails; its result. */
VD_NODISCARD int vd_state_store_attempt(struct vd_state_store *store,
    int (*run)(void *context, struct vd_state_store *store), void *context);
/* False after a fault that took the whole transaction with it: nothing of it is stored. */
bool vd_state_store_is_open(const struct vd_state_store *store);
/* True if something was changed since begin, undone or not. */
bool vd_state_store_has_changes(const struct vd_state_store *store);
/* VD_OK: all is on the disk, and stays through a loss of power. Else: nothing is stored, and begin works again. */
VD_NODISCARD int vd_state_store_commit(struct vd_state_store *store);

/* ---- Twins: one text an identity, opaque here ---- */

/* Appends the text to *document. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_state_twin_get(struct vd_state_store *store, const struct vd_state_key *key,
    struct vd_buf *document, uint64_t *revision);

/*
 * Stores the text, whose revision is one more then (a first one's: 1).
 * expected  the revision that must be there; 0: any, or none. VD_E_CHANGED: it is not
 * revision  NULL is allowed
 * VD_E_LIMIT: longer than VD_HUB_TWIN_STORED_MAX_BYTES; VD_E_INVALID: empty.
 */
VD_NODISCARD int vd_state_twin_put(struct vd_state_store *store, const struct vd_state_key *key,
    struct vd_str document, uint64_t expected, uint64_t *revision);

/* Makes the new text of the old (empty: there is none) into *changed. False: the twin is to stay as it is. */
typedef bool vd_state_twin_change(void *context, struct vd_str old, struct vd_buf *changed);

/* Reads, changes and stores. If `change` says no, nothing is stored and the result is VD_OK; it knows why. */
VD_NODISCARD int vd_state_twin_update(struct vd_state_store *store, const struct vd_state_key *key,
    vd_state_twin_change *change, void *context);

/* The first twin behind *key in the order of device id, module id, generation id (bytes; all "" for the first), into *key
 * and appended to *document. VD_E_NOT_FOUND: there is none. */
VD_NODISCARD int vd_state_twin_next(
    struct vd_state_store *store, struct vd_state_key *key, struct vd_buf *document);

/* ---- Subscriptions of a session with CleanSession 0: bits, opaque here, 0: none ---- */

VD_NODISCARD int vd_state_subscriptions_get(
    struct vd_state_store *store, const struct vd_state_key *key, uint32_t *filters);
VD_NODISCARD int vd_state_subscriptions_put(
    struct vd_state_store *store, const struct vd_state_key *key, uint32_t filters);

/* ---- When an identity was heard of ---- */

/* UTC; 0: never, or not known. */
struct vd_state_activity {
    int64_t seen_ms;       /* to the minute while it sends, and when it left */
    int64_t connection_ms; /* when it last connected or left */
};

/* All zero if nothing is stored. */
VD_NODISCARD int vd_state_activity_get(struct vd_state_store *store, const struct vd_state_key *key,
    struct vd_state_activity *activity);

/* Times that are 0 stay. Of an identity of which nothing is stored nothing is either, unless `make`: one that has been
 * removed does not come back by leaving. */
VD_NODISCARD int vd_state_activity_put(struct vd_state_store *store, const struct vd_state_key *key,
    const struct vd_state_activity *activity, bool make);

/* ---- C2D ---- */

#define VD_C2D_MESSAGE_ID_MAX 128

/* What a back end sends. */
struct vd_c2d_message {
    struct vd_str message_id; /* at most VD_C2D_MESSAGE_ID_MAX, no NUL; may be empty */
    struct vd_str properties; /* at most VD_MESSAGE_PROPERTIES_MAX; opaque here */
    struct vd_str body;       /* at most VD_HUB_C2D_BODY_MAX_BYTES */
    enum vd_c2d_ack ack;
    int64_t expires_ms; /* UTC; 0: after VD_HUB_C2D_TTL_DEFAULT_MS */
};

/* What a device gets. All zero before its first use; released by the caller. */
struct vd_c2d_delivery {
    int64_t sequence;
    char lock[VD_UUID_TEXT_SIZE]; /* what its answer names */
    uint32_t deliveries;          /* with this one */
    int64_t enqueued_ms;          /* UTC */
    int64_t expires_ms;
    enum vd_c2d_ack ack;
    char message_id[VD_C2D_MESSAGE_ID_MAX + 1];
    struct vd_buf properties;
    struct vd_buf body;
};

void vd_c2d_delivery_release(struct vd_c2d_delivery *delivery);

/* A message that is over, for the record of operations. */
struct vd_c2d_ending {
    struct vd_state_key key;
    enum vd_c2d_state state;
    uint32_t deliveries;
    int64_t sequence;
    int64_t expires_ms;
    char message_id[VD_C2D_MESSAGE_ID_MAX + 1];
};

/* All zero is an empty list; released by the caller. */
struct vd_c2d_endings {
    struct vd_c2d_ending *items;
    size_t count;
    size_t capacity;
};

void vd_c2d_endings_release(struct vd_c2d_endings *endings);

/*
 * The functions below first end what is over at now_ms (UTC). Each message that ended, by that or by the function itself, is
 * added to *endings (NULL is allowed), and if its sender wants to know, its feedback is stored in the same transaction.
 */

/* VD_E_LIMIT: the queue is full; VD_E_INVALID: longer or later than said above. */
VD_NODISCARD int vd_state_c2d_send(struct vd_state_store *store, const struct vd_state_key *key,
    const struct vd_c2d_message *message, int64_t now_ms, struct vd_c2d_endings *endings);

/* Locks the first that waits, for lock_ms (1 to VD_HUB_C2D_LOCK_MAX_MS). *found is false if none waits. */
VD_NODISCARD int vd_state_c2d_take(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t lock_ms, int64_t now_ms, struct vd_c2d_delivery *delivery, bool *found,
    struct vd_c2d_endings *endings);

/* VD_C2D_COMPLETE, _REJECT or _ABANDON. *found is false if there is no such lock, or no longer. */
VD_NODISCARD int vd_state_c2d_settle(struct vd_state_store *store, const struct vd_state_key *key,
    const char *lock, enum vd_c2d_event answer, int64_t now_ms, bool *found,
    struct vd_c2d_endings *endings);

/* PUBACK: completes the message that was taken under `lock`, also when that lock has ended meanwhile, unless it was taken anew
 * since. One that is over changes nothing. */
VD_NODISCARD int vd_state_c2d_acknowledge(struct vd_state_store *store,
    const struct vd_state_key *key, int64_t sequence, const char *lock, int64_t now_ms,
    struct vd_c2d_endings *endings);

/* Abandons all that is locked: the connection that had it is gone, or the hub was started anew. */
VD_NODISCARD int vd_state_c2d_release(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t now_ms, struct vd_c2d_endings *endings);

VD_NODISCARD int vd_state_c2d_purge(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t now_ms, size_t *purged, struct vd_c2d_endings *endings);

/* Messages that wait or are locked. */
VD_NODISCARD int vd_state_c2d_count(struct vd_state_store *store, const struct vd_state_key *key,
    int64_t now_ms, size_t *count, struct vd_c2d_endings *endings);

/* Ends what is over in the queues of at most `max` identities, whoever is due first. *queues of them: less than max, and
 * nothing is due any more. For a timer: queues of devices that are away end nothing by themselves. */
VD_NODISCARD int vd_state_c2d_expire(struct vd_state_store *store, uint32_t max, int64_t now_ms,
    uint32_t *queues, struct vd_c2d_endings *endings);

/* ---- Feedback for back ends, in the order in which messages ended ---- */

struct vd_c2d_feedback {
    struct vd_state_key key;
    int64_t sequence; /* of the feedback */
    int64_t ended_ms; /* UTC */
    enum vd_c2d_state state;
    char message_id[VD_C2D_MESSAGE_ID_MAX + 1];
};

/* The first behind the sequence `after` (0: of all). VD_E_NOT_FOUND. */
VD_NODISCARD int vd_state_feedback_next(
    struct vd_state_store *store, int64_t after, struct vd_c2d_feedback *feedback);

/* Removes all up to the sequence. */
VD_NODISCARD int vd_state_feedback_remove(struct vd_state_store *store, int64_t up_to);

/* Any thread: feedback dropped because VD_HUB_C2D_FEEDBACK_MAX newer ones came. */
uint64_t vd_state_feedback_dropped(const struct vd_state_store *store);

/* ---- What removed identities left behind ---- */

/*
 * Looks at owners behind *cursor (0: the first), at most `max`, and removes everything of those that `keep` does not want:
 * it asks the registry whether there is this identity in this generation.
 * device_id  only of this device and its modules; NULL: of all
 * cursor     where to go on; 0 when all were seen
 * removed    NULL is allowed
 */
VD_NODISCARD int vd_state_sweep(struct vd_state_store *store, const char *device_id,
    bool (*keep)(void *context, const struct vd_state_key *key), void *context, uint32_t max,
    int64_t *cursor, uint32_t *removed);

/* ---- How much there is ---- */

/* Of all identities; each counted up to VD_HUB_STATE_COUNT_MAX. */
struct vd_state_totals {
    uint32_t
        c2d_messages; /* that wait or are locked, those that expired and were not taken out yet among them */
    uint32_t feedback; /* that no back end has read */
};

VD_NODISCARD int vd_state_totals_get(struct vd_state_store *store, struct vd_state_totals *totals);

#endif
