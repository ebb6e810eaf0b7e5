/* SPDX-License-Identifier: MIT */
/* Says in the audit trail when the service began and ended. */

#include "cli/serve_audit.h"

#include <stdio.h>
#include <unistd.h>

#include "lib/clock.h"

static bool trusts_time(void *center)
{
    return vd_center_trusts_time(center);
}

int vd_serve_audit_start(const struct vd_stores *stores, const struct vd_config *config,
    struct vd_center *center, struct vd_audit_watch **out)
{
    const struct vd_audit_watch_config watch = {
        .audit = stores->audit,
        .alerts = stores->alerts,
        .registry = stores->registry,
        .keep_ms = (int64_t)config->audit_keep_days * VD_DAY_MS,
        .keep_min = VD_AUDIT_KEEP_MIN,
        .interval_ms = VD_AUDIT_WATCH_MS,
        .trusts_time = trusts_time,
        .trusts_time_context = center,
    };
    char note[64];
    const int error = vd_audit_watch_start(&watch, out);

    if (error == VD_OK) {
        snprintf(note, sizeof note, "version %s, process %d", VD_VERSION, (int)getpid());
        (void)!vd_audit_add_program(stores->audit, "service.start", note);
    }
    return error;
}

void vd_serve_audit_stop(
    const struct vd_stores *stores, struct vd_audit_watch *watch, bool requests_left)
{
    if (watch != NULL) {
        (void)!vd_audit_add_program(
            stores->audit, "service.stop", requests_left ? "requests were left under way" : "");
        vd_audit_watch_stop(watch);
    }
}
