/* SPDX-License-Identifier: MIT */
/* The alert about the audit trail: it is of no device, and no event causes it. */

#ifndef VEDETTE_CENTER_DETECT_AUDIT_BROKEN_H
#define VEDETTE_CENTER_DETECT_AUDIT_BROKEN_H

#include "center/detect/rule.h"

/* Not in the catalogue, which is what devices and the hub can raise. */
extern const struct vd_rule vd_rule_audit_broken;

/* Raises it, or counts a repeat of the day; `problem` says what does not verify. Any thread but within the store's
 * transaction; blocks for the disk. The store's errors. */
VD_NODISCARD int vd_audit_broken_raise(
    struct vd_alert_store *store, const char *problem, int64_t now_ms);

#endif
