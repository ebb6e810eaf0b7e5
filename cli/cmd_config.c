/* SPDX-License-Identifier: MIT */
/* `vedette config`: what can be configured, and what is wrong with a configuration. */

#include <stdio.h>

#include "cli/commands.h"
#include "cli/config_check.h"
#include "cli/data_dir.h"
#include "cli/table.h"
#include "lib/clock.h"

const struct vd_option vd_config_options[] = {
    {"reference", NULL, "print the reference of all properties (Markdown)"},
    {"config", "FILE", "check: this file instead of vedette.conf in the data directory"},
    {"set", "KEY=VALUE", "check: overrides it, as of `vedette serve`; may be repeated"},
    {NULL, NULL, NULL},
};

struct findings {
    const char *file; /* as it is named in messages */
    unsigned warnings;
    unsigned problems;
};

static void print_finding(
    void *context, enum vd_config_grade finding, unsigned line, const char *what, const char *text)
{
    struct findings *findings = context;
    const char *kind = finding == VD_GRADE_WARNING ? "warning" : "problem";

    ++*(finding == VD_GRADE_WARNING ? &findings->warnings : &findings->problems);
    if (line > 0) {
        printf("%s: %s, line %u: %s\n", kind, findings->file, line, text);
    } else if (what[0] == '\0') {
        printf("%s: %s: %s\n", kind, findings->file, text);
    } else {
        printf("%s: %s: %s\n", kind, what, text);
    }
}

static int config_check(const struct vd_invocation *invocation)
{
    const char *file = vd_invocation_value(invocation, "config");
    char path[VD_PATH_SIZE] = VD_FILE_CONFIG;
    const char *overrides[VD_GIVEN_MAX];
    struct vd_config_source source = {.dir = invocation->data_dir,
        .file = file,
        .overrides = overrides,
        .now_ms = vd_clock_utc_ms()};
    struct findings findings = {.file = file};
    struct vd_config config;
    char error_text[2048];

    for (size_t i = 0; i < invocation->given_count; i++) {
        if (strcmp(invocation->given[i].name, "set") == 0) {
            overrides[source.override_count++] = invocation->given[i].value;
        }
    }
    if (file == NULL && vd_data_path(invocation->data_dir, VD_FILE_CONFIG, path) != VD_OK) {
        return vd_cli_fail("%.64s...: the path is too long", invocation->data_dir);
    }
    if (file == NULL &&
        vd_data_dir_find(invocation->data_dir, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    findings.file = file != NULL ? file : path;
    (void)vd_config_check(&source, &config, print_finding, &findings);
    if (findings.problems == 0) {
        printf("%s: no problems, %u warning%s\n", findings.file, findings.warnings,
            vd_plural(findings.warnings));
    } else {
        printf("%s: %u problem%s, %u warning%s\n", findings.file, findings.problems,
            vd_plural(findings.problems), findings.warnings, vd_plural(findings.warnings));
    }
    return findings.problems == 0 ? VD_EXIT_OK : VD_EXIT_FAILURE;
}

int vd_cmd_config(const struct vd_invocation *invocation)
{
    if (invocation->argument_count > 0) {
        return strcmp(invocation->arguments[0], "check") == 0
            ? config_check(invocation)
            : vd_cli_usage(invocation, "%s: only `check` is known", invocation->arguments[0]);
    }
    if (vd_invocation_value(invocation, "reference") == NULL) {
        return vd_cli_usage(invocation, "--reference is missing, or `check`");
    }
    vd_config_write_reference(stdout);
    return VD_EXIT_OK;
}
