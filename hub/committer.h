/* SPDX-License-Identifier: MIT */
/* Group commit: the loop fills one batch while a thread of its own writes the other to the event log. */

#ifndef VEDETTE_HUB_COMMITTER_H
#define VEDETTE_HUB_COMMITTER_H

#include "lib/event_log.h"

/* Whom to acknowledge once a record is durable. */
struct vd_ack {
    uint32_t slot;       /* of the connection */
    uint32_t generation; /* of the slot: the connection may be gone */
    uint16_t packet_id;
};

struct vd_committer;

/* wake_fd: an eventfd that is written when a batch is durable. VD_E_NOMEM, VD_E_IO. */
VD_NODISCARD int vd_committer_start(
    struct vd_event_log *log, int wake_fd, struct vd_committer **committer);

/* The functions below, up to vd_committer_failures, are for the loop's thread alone and do not block. */

/* False: wait for a batch to be handed over. */
bool vd_committer_has_room(const struct vd_committer *committer);

/* False: not even a record of the hub's own finds room, which may go beyond what messages may fill. */
bool vd_committer_has_reserve(const struct vd_committer *committer);

/* Adds a record, and the acknowledgement that it asks for (NULL: none). Without a record (NULL) the acknowledgement
 * only waits for those before it: a client's go out in the order of its packets. VD_E_NOMEM, VD_E_LIMIT. */
VD_NODISCARD int vd_committer_add(
    struct vd_committer *committer, const struct vd_event *event, const struct vd_ack *ack);

/* Gives what was added to the thread if that is idle. True if there is room that was not there before. */
bool vd_committer_hand_over(struct vd_committer *committer);

/* If a batch is durable since the last call: its acknowledgements in their order, valid until the next
 * vd_committer_hand_over; else *count is 0. */
const struct vd_ack *vd_committer_durable(struct vd_committer *committer, size_t *count);

/* True if a record was added or is being written, and is not known to be durable. */
bool vd_committer_is_busy(struct vd_committer *committer);

/* Any thread: tries that failed, and whether the log takes nothing just now. */
uint64_t vd_committer_failures(const struct vd_committer *committer);
bool vd_committer_is_unwritable(const struct vd_committer *committer);

/* Any thread: the last beat of its thread, as in lib/pulse.h; an append that hangs lets it grow old. */
int64_t vd_committer_beat_ms(const struct vd_committer *committer);

/* Ends the thread after the append that is under way; a batch that could not be written is dropped, nothing of it
 * was acknowledged. NULL is allowed. */
void vd_committer_stop(struct vd_committer *committer);

#endif
