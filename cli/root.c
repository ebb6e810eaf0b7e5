/* SPDX-License-Identifier: MIT */
/* The commands of `vedette`: what parses command lines, and what writes help, manual and completion, go by this. */

#include "cli/root.h"

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
            "Prints one line on stdout when it is ready; logs on stderr; ends on SIGINT or SIGTERM; reads its\n"
            "configuration again on SIGHUP.\n",
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
        .details =
            "The exit status is 0 when all rows were printed, 3 when rows were left out for a\n"
            "limit (stderr says which), 1 when the query failed, 2 for wrong usage.\n",
        .run = vd_cmd_query},
    {.name = "saved",
        .summary = "Queries that are kept, and those that run by themselves.",
        .children = vd_saved_commands},
    {.name = "status",
        .summary = "Shows the counters of the service.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .run = vd_cmd_status},
    {.name = "health",
        .summary = "Says whether the service lives and is ready.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details =
            "The exit status is 0 if it is ready, 3 if it lives and is not ready, 4 if a part of it is stuck, 1 if it does not run or\n"
            "does not answer. docs/operate.md says what to do about each reason.\n",
        .run = vd_cmd_health},
    {.name = "reload",
        .summary = "Has the service read its configuration and certificate again.",
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .details =
            "Says what has changed, and what waits for a restart. Nothing is changed, and the exit status is 1, if anything would keep\n"
            "the service from starting (`vedette config check`), or if devices would refuse the new certificate (another name, expired,\n"
            "not yet valid) or others can read its key, where this is not so already. Connections that are open stay; new ones are\n"
            "shown the new certificate. SIGHUP does the same.\n",
        .run = vd_cmd_reload},
    {.name = "backup",
        .summary = "Writes a backup of all stores, while the service runs.",
        .arguments = "DEST",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_backup_options,
        .details =
            "DEST is a folder on this machine that does not exist yet; the user of the service writes it. It is there when the\n"
            "backup is whole, and shows one moment: all that was acknowledged before it, nothing of what came later.\n",
        .run = vd_cmd_backup},
    {.name = "verify",
        .summary = "Checks a backup, or the data directory, from end to end.",
        .arguments = "[BACKUP]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT,
        .options = vd_verify_options,
        .details =
            "Compares each file of a backup with its manifest, reads every database and day file, and opens the keys. Without BACKUP\n"
            "the stores of the data directory, where no service may run. Changes nothing. The exit status is 1 if anything is bad.\n",
        .run = vd_cmd_verify},
    {.name = "restore",
        .summary = "Makes a data directory of a backup.",
        .arguments = "BACKUP",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .options = vd_restore_options,
        .details = "The data directory may be absent or empty. It is made whole or not at all.\n",
        .run = vd_cmd_restore},
    {.name = "demo",
        .summary = "Shows it all on this machine: devices, traffic, an alert.",
        .options = vd_demo_options,
        .run = vd_cmd_demo},
    {.name = "config",
        .summary = "What can be configured, and what is wrong with a configuration.",
        .arguments = "[check]",
        .max_arguments = 1,
        .takes = VD_TAKES_DATA_DIR,
        .options = vd_config_options,
        .details =
            "check looks at values, unknown names, and settings that contradict each other; at certificates, keys and folders.\n"
            "`vedette serve` starts by the same checks. It opens no store and changes nothing. The exit status is 1 if there are\n"
            "problems, not for warnings.\n",
        .run = vd_cmd_config},
    {.name = NULL},
};

const struct vd_command vd_root_command = {
    .name = "vedette",
    .summary = "The security of an IoT fleet: device module, hub and security center.",
    .children = commands,
};
