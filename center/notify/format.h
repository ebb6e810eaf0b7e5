/* SPDX-License-Identifier: MIT */
/* Notifications as text: our own JSON, OCSF Detection Finding, or CEF. */

#ifndef VEDETTE_CENTER_NOTIFY_FORMAT_H
#define VEDETTE_CENTER_NOTIFY_FORMAT_H

#include "center/store/outbox.h"

/* The version of OCSF (schema.ocsf.io) that findings say. */
#define VD_OCSF_VERSION "1.3.0"

enum vd_notify_format {
    VD_NOTIFY_VEDETTE,
    VD_NOTIFY_OCSF,
    VD_NOTIFY_CEF,
};

/* False: no format has that name ("vedette", "ocsf", "cef"). */
bool vd_notify_format_parse(const char *name, enum vd_notify_format *format);

/*
 * Appends the notification in one line, without a line feed.
 * vedette: {"id","possiblyRepeatOf" (or null),"sequence","what","time","alert"}
 * ocsf: class 2004; metadata.uid is the delivery id, unmapped.possiblyRepeatOf the earlier one
 * cef: as vd_notify_cef says
 * VD_E_NOMEM.
 */
VD_NODISCARD int vd_notify_format(
    const struct vd_outbox_item *item, enum vd_notify_format format, struct vd_buf *out);

#endif
