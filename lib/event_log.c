/* SPDX-License-Identifier: MIT */
/* The event log's functions, handed on to the implementation that was opened. */

#include "lib/event_log.h"

#include "lib/damage.h"

int vd_event_log_append(struct vd_event_log *log, uint32_t partition,
    const struct vd_event_batch *batch, uint64_t *first_offset)
{
    return vd_damage_note(VD_DAMAGE_EVENTS, log->ops->append(log, partition, batch, first_offset));
}

int vd_event_log_read(struct vd_event_log *log, uint32_t partition, uint64_t offset,
    size_t max_bytes, struct vd_event_batch *out, uint64_t *first_offset)
{
    return vd_damage_note(
        VD_DAMAGE_EVENTS, log->ops->read(log, partition, offset, max_bytes, out, first_offset));
}

int vd_event_log_wait(struct vd_event_log *log, uint32_t partition, uint64_t offset, int timeout_ms)
{
    return log->ops->wait(log, partition, offset, timeout_ms);
}

int vd_event_log_trim(struct vd_event_log *log, uint32_t partition, uint64_t offset)
{
    const uint64_t held = atomic_load(&log->held);

    return vd_damage_note(VD_DAMAGE_EVENTS,
        log->ops->trim(log, partition, held != 0 && held - 1 < offset ? held - 1 : offset));
}

void vd_event_log_hold(struct vd_event_log *log, uint64_t offset)
{
    atomic_store(&log->held, offset != UINT64_MAX ? offset + 1 : 0);
}

int vd_event_log_tail(
    struct vd_event_log *log, uint32_t partition, uint64_t max_bytes, uint64_t *offset)
{
    return log->ops->tail(log, partition, max_bytes, offset);
}

int vd_event_log_end(struct vd_event_log *log, uint32_t partition, uint64_t *end)
{
    return log->ops->end(log, partition, end);
}

void vd_event_log_interrupt(struct vd_event_log *log)
{
    log->ops->interrupt(log);
}

void vd_event_log_close(struct vd_event_log *log)
{
    if (log != NULL) {
        log->ops->close(log);
    }
}
