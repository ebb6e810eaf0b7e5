/* SPDX-License-Identifier: MIT */
/* A batch of records as lines of JSON, as sinks take them. */

#ifndef VEDETTE_HUB_EXPORT_LINES_H
#define VEDETTE_HUB_EXPORT_LINES_H

#include "lib/event.h"

/* Zero-initialised is empty; the text is released with vd_buf_release. */
struct vd_export_lines {
    struct vd_buf text; /* each record an object in one line, with its line feed */
    size_t count;
    uint64_t next;     /* the offset behind the last record that was looked at */
    size_t unreadable; /* records of operations that are no JSON objects: passed over */
};

/* What to take of a batch of the log. */
struct vd_export_pick {
    uint32_t categories; /* bits, as vd_diagnostic_setting has them */
    const char *epoch;   /* of the records' ids */
    size_t count_max;
    size_t bytes_max; /* one record goes whatever its size */
};

/*
 * Replaces what is in `lines` by the records of `batch`, of which the first has the offset `first`, that are operations of the
 * categories; *lines.next tells how far it came. Each is the record as hub/operation.h writes it with a member more:
 * "recordId", "{epoch}-{offset}", the same whenever and to wherever the record is exported.
 * VD_E_NOMEM; VD_E_CORRUPT: the batch is none.
 */
VD_NODISCARD int vd_export_lines_make(struct vd_export_lines *lines,
    const struct vd_export_pick *pick, const struct vd_event_batch *batch, uint64_t first);

#endif
