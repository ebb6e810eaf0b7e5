/* SPDX-License-Identifier: MIT */
/* Which kinds of sinks there are. */

#include "center/notify/sink.h"

#include <stdio.h>
#include <string.h>

#include "center/notify/sink_internal.h"

static const struct {
    const char *name;
    vd_notify_sink_maker *make;
    enum vd_notify_format format; /* unless the settings say another */
} kinds[] = {
    {"webhook", vd_notify_webhook_new, VD_NOTIFY_VEDETTE},
    {"file", vd_notify_file_new, VD_NOTIFY_VEDETTE},
    {"syslog", vd_notify_syslog_new, VD_NOTIFY_CEF},
};

/* CEF is for receivers of syslog. */
static bool read_format(size_t kind, const json_t *settings, enum vd_notify_format *format)
{
    const char *name = vd_notify_text_of(settings, "format");

    *format = kinds[kind].format;
    return name == NULL ||
        (vd_notify_format_parse(name, format) &&
            (*format != VD_NOTIFY_CEF || kinds[kind].format == VD_NOTIFY_CEF));
}

int vd_notify_sink_new(const char *kind, const json_t *settings, struct vd_str secret,
    struct vd_notify_sink **out, char problem[160])
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        enum vd_notify_format format;

        if (strcmp(kind, kinds[i].name) != 0) {
            continue;
        }
        if (!read_format(i, settings, &format)) {
            snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "format is %svedette or ocsf",
                kinds[i].format == VD_NOTIFY_CEF ? "cef, " : "");
            return VD_E_INVALID;
        }
        return kinds[i].make(settings, secret, format, out, problem);
    }
    snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "kind is webhook, syslog or file");
    return VD_E_INVALID;
}
