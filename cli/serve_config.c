/* SPDX-License-Identifier: MIT */
/* The configuration that the service starts by, judged as `vedette config check` does. */

#include "cli/serve_config.h"

#include "cli/config_check.h"
#include "cli/data_dir.h"
#include "lib/clock.h"

/* What keeps it from starting is said, all of it; the rest is logged. */
static void tell_finding(
    void *context, enum vd_config_grade finding, unsigned line, const char *what, const char *text)
{
    const struct vd_invocation *invocation = context;

    if (finding != VD_GRADE_STOP) {
        vd_log(VD_LOG_WARN, "serve.configuration", "line=%u about=\"%.200s\" problem=\"%.400s\"",
            line, what, text);
    } else if (line > 0) {
        vd_cli_fail("%s/" VD_FILE_CONFIG ", line %u: %s", invocation->data_dir, line, text);
    } else if (what[0] == '\0') {
        vd_cli_fail("%s/" VD_FILE_CONFIG ": %s", invocation->data_dir, text);
    } else if (what[0] == '/' || what[0] == '-') {
        vd_cli_fail("%s: %s", what, text);
    } else {
        vd_cli_fail("%s/%s: %s", invocation->data_dir, what, text);
    }
}

bool vd_serve_config_read(const struct vd_invocation *invocation, struct vd_config *config)
{
    const char *overrides[VD_GIVEN_MAX];
    const struct vd_config_source source = {.dir = invocation->data_dir,
        .overrides = overrides,
        .override_count = invocation->given_count,
        .now_ms = vd_clock_utc_ms()};

    for (size_t i = 0; i < invocation->given_count; i++) {
        overrides[i] = invocation->given[i].value;
    }
    return vd_config_check(&source, config, tell_finding, (void *)(uintptr_t)invocation);
}
