/* SPDX-License-Identifier: MIT */
/* The rows of AzureDiagnostics and AzureActivity that come of records of operations. */

#ifndef VEDETTE_CENTER_DIAGNOSTICS_H
#define VEDETTE_CENTER_DIAGNOSTICS_H

#include "center/arena.h"
#include "center/store/analytics.h"

/* Bytes that say why a record cannot be read. */
#define VD_DIAGNOSTIC_REASON_SIZE 128

/* Rows of a batch. All zero is an empty one; all text is copied. */
struct vd_diagnostics {
    struct vd_diagnostic *rows;
    size_t count;
    size_t capacity;
    struct vd_activity_row *activities;
    size_t activity_count;
    size_t activity_capacity;
    struct vd_arena text;
};

/*
 * Adds the row of a record with this id, a JSON object as hub/operation.h writes it, that the hub took in at enqueued_ms.
 * VD_E_INVALID with the reason: it is none, nothing was added. VD_E_NOMEM.
 */
VD_NODISCARD int vd_diagnostics_add(struct vd_diagnostics *out, const char *id,
    struct vd_str record, int64_t enqueued_ms, char reason[VD_DIAGNOSTIC_REASON_SIZE]);

/* Likewise of a record of the activity log, as api/activity.h writes it. */
VD_NODISCARD int vd_diagnostics_add_activity(struct vd_diagnostics *out, const char *id,
    struct vd_str record, int64_t enqueued_ms, char reason[VD_DIAGNOSTIC_REASON_SIZE]);

void vd_diagnostics_clear(struct vd_diagnostics *out);
void vd_diagnostics_release(struct vd_diagnostics *out);

#endif
