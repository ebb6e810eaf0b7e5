/* SPDX-License-Identifier: MIT */
/* The kinds of sinks, to vd_notify_sink_new. */

#ifndef VEDETTE_CENTER_NOTIFY_SINK_INTERNAL_H
#define VEDETTE_CENTER_NOTIFY_SINK_INTERNAL_H

#include "center/notify/sink.h"

#define VD_NOTIFY_PROBLEM_SIZE 160

/* The member's text; NULL: there is none. */
static inline const char *vd_notify_text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* As vd_notify_sink_new. */
typedef int vd_notify_sink_maker(const json_t *settings, struct vd_str secret,
    enum vd_notify_format format, struct vd_notify_sink **out, char *problem);

vd_notify_sink_maker vd_notify_webhook_new;
vd_notify_sink_maker vd_notify_file_new;
vd_notify_sink_maker vd_notify_syslog_new;

#endif
