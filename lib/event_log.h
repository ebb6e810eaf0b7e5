/* SPDX-License-Identifier: MIT */
/* The event log: the one way from the hub to the center. Append a batch, durable when acknowledged; read in order. */

#ifndef VEDETTE_LIB_EVENT_LOG_H
#define VEDETTE_LIB_EVENT_LOG_H

#include <stdatomic.h>

#include "lib/event.h"
#include "lib/sqlite.h"

/*
 * Every record has an offset: 0 for the first, one more for each that follows, without gaps, for ever
 * (trimming does not renumber). A partition is a log of its own; the embedded log has one, 0.
 * All functions: any thread; they block for the disk.
 */
struct vd_event_log;

struct vd_event_log_ops {
    /*
     * Appends the batch's records in their order, all or none. When it returns VD_OK they survive a crash and a
     * loss of power (synced), and readers can see them.
     * *first_offset  offset of the first record
     * VD_E_FULL: no space, nothing was appended, may succeed later. VD_E_IO, VD_E_CORRUPT, VD_E_NOMEM: likewise nothing.
     */
    int (*append)(struct vd_event_log *log, uint32_t partition, const struct vd_event_batch *batch,
        uint64_t *first_offset);
    /*
     * Replaces what is in `out` by records from `offset` on, in order: as many whole ones as fit in max_bytes, but
     * at least one. *first_offset is the offset of the first of them: `offset`, or later where older ones were
     * trimmed (the reader then knows what it missed).
     * VD_E_NOT_FOUND: there is none yet at or behind `offset`.
     */
    int (*read)(struct vd_event_log *log, uint32_t partition, uint64_t offset, size_t max_bytes,
        struct vd_event_batch *out, uint64_t *first_offset);
    /* Returns VD_OK once there is a record at or behind `offset`, VD_E_TIMEOUT after timeout_ms,
     * VD_E_CLOSED once vd_event_log_interrupt was called. */
    int (*wait)(struct vd_event_log *log, uint32_t partition, uint64_t offset, int timeout_ms);
    /* Lets go of records before `offset` that need not be kept; may keep more. */
    int (*trim)(struct vd_event_log *log, uint32_t partition, uint64_t offset);
    /* *end: the offset that the next record will get. */
    int (*end)(struct vd_event_log *log, uint32_t partition, uint64_t *end);
    /* Ends all present and future waits: for stopping. */
    void (*interrupt)(struct vd_event_log *log);
    void (*close)(struct vd_event_log *log);
    /* *offset: from where on the log takes at most max_bytes; 0 where all of it does. Cost: of what lies before that. */
    int (*tail)(struct vd_event_log *log, uint32_t partition, uint64_t max_bytes, uint64_t *offset);
};

struct vd_event_log {
    const struct vd_event_log_ops *ops;
    _Atomic uint64_t held; /* see vd_event_log_hold: 1 more than the offset; 0: none */
};

/*
 * Opens the embedded log in the SQLite file `path`, made (mode 0600) if it is absent; one process at a time.
 * VD_E_NEWER: of a later version; VD_E_CORRUPT: not such a file; VD_E_BUSY, VD_E_IO, VD_E_FULL, VD_E_DENIED.
 * The caller owns *log and ends it with vd_event_log_close.
 */
VD_NODISCARD int vd_event_log_sqlite_open(const char *path, struct vd_event_log **log);

VD_NODISCARD int vd_event_log_append(struct vd_event_log *log, uint32_t partition,
    const struct vd_event_batch *batch, uint64_t *first_offset);
VD_NODISCARD int vd_event_log_read(struct vd_event_log *log, uint32_t partition, uint64_t offset,
    size_t max_bytes, struct vd_event_batch *out, uint64_t *first_offset);
VD_NODISCARD int vd_event_log_wait(
    struct vd_event_log *log, uint32_t partition, uint64_t offset, int timeout_ms);
VD_NODISCARD int vd_event_log_trim(struct vd_event_log *log, uint32_t partition, uint64_t offset);
/*
 * From now on trims keep the records from `offset` on, for a second reader beside the one that trims; UINT64_MAX: none are
 * kept for it. It replaces what was held before; a new log holds nothing.
 */
void vd_event_log_hold(struct vd_event_log *log, uint64_t offset);
VD_NODISCARD int vd_event_log_tail(
    struct vd_event_log *log, uint32_t partition, uint64_t max_bytes, uint64_t *offset);
VD_NODISCARD int vd_event_log_end(struct vd_event_log *log, uint32_t partition, uint64_t *end);
void vd_event_log_interrupt(struct vd_event_log *log);
/* NULL is allowed. No other call may be under way. */
void vd_event_log_close(struct vd_event_log *log);

/* Of the embedded log's file. */
extern const struct vd_sqlite_format vd_event_log_format;

#endif
