/* SPDX-License-Identifier: MIT */
/* `vedette`, the one program: its commands, and the end of each. */

#include <stdio.h>

#include "cli/commands.h"

static const struct vd_command commands[] = {
    {.name = "init",
        .summary = "Makes a data directory: CA, certificate, keys, empty stores.",
        .takes = VD_TAKES_DATA_DIR,
        .options = vd_init_options,
        .run = vd_cmd_init},
    {.name = "serve",
        .summary = "Runs the hub and the security center.",
        .takes = VD_TAKES_DATA_DIR,
        .options = vd_serve_options,
        .details =
            "Prints one line on stdout when it is ready; logs on stderr; ends on SIGINT or SIGTERM.\n",
        .run = vd_cmd_serve},
    {.name = "device",
        .summary = "The identities that may connect.",
        .children = vd_device_commands},
    {.name = "ip-filter",
        .summary = "Which addresses may connect.",
        .children = vd_ip_filter_commands},
    {.name = "certificate",
        .summary = "The CAs whose devices may connect.",
        .children = vd_certificate_commands},
    {.name = "policy",
        .summary = "What back ends authorise themselves with.",
        .children = vd_policy_commands},
    {.name = "token",
        .summary = "Who may manage the hub over HTTPS.",
        .children = vd_token_commands},
    {.name = "management",
        .summary = "Calls the management API as the owner, without a token.",
        .arguments = "METHOD [PATH]",
        .min_arguments = 1,
        .max_arguments = 2,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_management_options,
        .details =
            "METHOD is get, put, post, patch or delete. PATH begins with / or goes on from the hub's own; none is the hub.\n"
            "Prints the answer as JSON. As\n"
            "  vedette management get\n"
            "  vedette management put providers/microsoft.insights/diagnosticSettings/all --file setting.json\n",
        .run = vd_cmd_management},
    {.name = "agent", .summary = "Runs the security module on this machine.", .raw = vd_cmd_agent},
    {.name = "intel", .summary = "Threat indicators.", .children = vd_intel_commands},
    {.name = "alert", .summary = "Alerts.", .children = vd_alert_commands},
    {.name = "audit",
        .summary = "Who changed what: the audit trail.",
        .children = vd_audit_commands},
    {.name = "notify", .summary = "Where alerts are sent.", .children = vd_notify_commands},
    {.name = "doctor",
        .summary = "Says which alerts can fire now, and why others cannot.",
        .arguments = "[DEVICE]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_doctor_options,
        .details =
            "Of a device each alert with the reason why it cannot fire; else how many devices of all, or of a group, each can\n"
            "fire about. Alerts about the hub itself can always fire.\n",
        .run = vd_cmd_doctor},
    {.name = "prove",
        .summary = "Causes alerts for real, and waits for them.",
        .arguments = "[NAME]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_prove_options,
        .details =
            "NAME is the AlertType of an alert or the type of a recommendation. Each is caused against the running service by test\n"
            "devices that are made for it and removed afterwards, beside a like thing that must not alert. Shows the time from the\n"
            "cause to the alert. What was raised is resolved with a word that says so.\n",
        .run = vd_cmd_prove},
    {.name = "group",
        .summary = "Device security groups and their custom alert rules.",
        .children = vd_group_commands},
    {.name = "recommendation",
        .summary = "What should be done about the hub.",
        .children = vd_recommendation_commands},
    {.name = "rule", .summary = "Tries custom alert rules.", .children = vd_rule_commands},
    {.name = "deadletter",
        .summary = "Messages that could not be read.",
        .children = vd_dead_letter_commands},
    {.name = "dead-letter",
        .summary = "The same, by its earlier name.",
        .children = vd_dead_letter_commands},
    {.name = "query",
        .summary = "Queries the tables in KQL, read-only; without a query it asks for them.",
        .arguments = "[QUERY|-]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_CSV,
        .options = vd_query_options,
        .run = vd_cmd_query},
    {.name = "saved",
        .summary = "Queries that are kept, and those that run by themselves.",
        .children = vd_saved_commands},
    {.name = "status",
        .summary = "Shows the counters of the service.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_cmd_status},
    {.name = "demo",
        .summary = "Shows it all on this machine: devices, traffic, an alert.",
        .options = vd_demo_options,
        .run = vd_cmd_demo},
    {.name = "config",
        .summary = "What can be configured.",
        .options = vd_config_options,
        .run = vd_cmd_config},
    {.name = NULL},
};

static const struct vd_command root = {
    .name = "vedette",
    .summary = "The security of an IoT fleet: device module, hub and security center.",
    .children = commands,
};

int main(int argc, char **argv)
{
    int status = vd_command_main(&root, argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return status != VD_EXIT_OK ? status : vd_cli_fail("the output cannot be written");
    }
    return status;
}
