/* SPDX-License-Identifier: MIT */
/* The configuration that the service starts by and reads again, judged as `vedette config check` does. */

#include "cli/serve_config.h"

#include "cli/config_check.h"
#include "cli/data_dir.h"
#include "lib/clock.h"

/* What is told of a fault to whom. */
struct telling {
    const struct vd_invocation *invocation;
    struct vd_buf *faults; /* NULL: they are said on stderr */
};

/* "FILE, line N: what is wrong" */
static void describe(
    const char *dir, unsigned line, const char *what, const char *text, char *out, size_t size)
{
    if (line > 0) {
        snprintf(out, size, "%s/" VD_FILE_CONFIG ", line %u: %s", dir, line, text);
    } else if (what[0] == '/' || what[0] == '-' || strcmp(what, dir) == 0) {
        snprintf(out, size, "%s: %s", what, text);
    } else {
        snprintf(out, size, "%s/%s: %s", dir, what[0] != '\0' ? what : VD_FILE_CONFIG, text);
    }
}

/* What keeps it from being used is said, all of it; the rest is logged. */
static void tell_finding(
    void *context, enum vd_config_grade finding, unsigned line, const char *what, const char *text)
{
    const struct telling *telling = context;
    char fault[1536];

    if (finding != VD_GRADE_STOP) {
        vd_log(VD_LOG_WARN, "serve.configuration", "line=%u about=\"%.200s\" problem=\"%.400s\"",
            line, what, text);
        return;
    }
    describe(telling->invocation->data_dir, line, what, text, fault, sizeof fault);
    if (telling->faults == NULL) {
        vd_cli_fail("%s", fault);
    } else {
        vd_buf_printf(telling->faults, "%s%s", telling->faults->length > 0 ? "; " : "", fault);
    }
}

bool vd_serve_config_read(
    const struct vd_invocation *invocation, struct vd_config *config, struct vd_buf *faults)
{
    struct telling telling = {invocation, faults};
    const char *overrides[VD_GIVEN_MAX];
    const struct vd_config_source source = {.dir = invocation->data_dir,
        .overrides = overrides,
        .override_count = invocation->given_count,
        .now_ms = vd_clock_utc_ms()};

    for (size_t i = 0; i < invocation->given_count; i++) {
        overrides[i] = invocation->given[i].value;
    }
    return vd_config_check(&source, config, tell_finding, &telling);
}

void vd_serve_log_by(const struct vd_config *config)
{
    vd_log_set_level(config->log_level);
    vd_log_set_json(config->log_json);
}

struct vd_hub_rates vd_serve_rates_of(const struct vd_config *config)
{
    return (struct vd_hub_rates){
        .address_connects_per_s = config->hub_address_connects,
        .failed_logins_per_min = config->hub_failed_logins,
        .identity_logins_per_min = config->hub_device_logins,
        .identity_messages_per_s = config->hub_device_messages,
        .identity_kib_per_s = config->hub_device_kib,
    };
}
