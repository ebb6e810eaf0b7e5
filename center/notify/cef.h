/* SPDX-License-Identifier: MIT */
/* Notifications in ArcSight's Common Event Format, version 0. */

#ifndef VEDETTE_CENTER_NOTIFY_CEF_H
#define VEDETTE_CENTER_NOTIFY_CEF_H

#include "center/store/outbox.h"

/*
 * Appends CEF:0|Vedette|Security Center|{version}|{alertType}|{displayName}|{0 to 10}|{extension}, one line of UTF-8 without
 * a line feed. docs/notifications.md says which key holds what; texts are cut at the lengths of CEF's dictionary, between
 * characters. Source: "Implementing ArcSight Common Event Format", version 25. VD_E_NOMEM.
 */
VD_NODISCARD int vd_notify_cef(const struct vd_outbox_item *item, struct vd_buf *out);

#endif
