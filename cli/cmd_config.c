/* SPDX-License-Identifier: MIT */
/* `vedette config`: what can be configured. */

#include <stdio.h>

#include "cli/commands.h"
#include "lib/config.h"

const struct vd_option vd_config_options[] = {
    {"reference", NULL, "print the reference of all properties (Markdown)"},
    {NULL, NULL, NULL},
};

int vd_cmd_config(const struct vd_invocation *invocation)
{
    if (vd_invocation_value(invocation, "reference") == NULL) {
        return vd_cli_usage(invocation, "--reference is missing");
    }
    vd_config_write_reference(stdout);
    return VD_EXIT_OK;
}
