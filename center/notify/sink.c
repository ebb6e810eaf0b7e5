/* SPDX-License-Identifier: MIT */
/* Which kinds of sinks there are. */

#include "center/notify/sink.h"

#include <stdio.h>
#include <string.h>

#include "center/notify/sink_internal.h"

static const struct {
    const char *name;
    vd_notify_sink_maker *make;
} kinds[] = {
    {"webhook", vd_notify_webhook_new},
    {"file", vd_notify_file_new},
};

int vd_notify_sink_new(const char *kind, const json_t *settings, struct vd_str secret,
    struct vd_notify_sink **out, char problem[160])
{
    enum vd_notify_format format = VD_NOTIFY_VEDETTE;
    const char *name = vd_notify_text_of(settings, "format");

    if (name != NULL && !vd_notify_format_parse(name, &format)) {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "format is vedette or ocsf");
        return VD_E_INVALID;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kind, kinds[i].name) == 0) {
            return kinds[i].make(settings, secret, format, out, problem);
        }
    }
    snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "kind is webhook or file");
    return VD_E_INVALID;
}
