/* SPDX-License-Identifier: MIT */
/* The commands of `vedette`, each in the file of its name. */

#ifndef VEDETTE_CLI_COMMANDS_H
#define VEDETTE_CLI_COMMANDS_H

#include "cli/cmd_agent.h"
#include "cli/command.h"

extern const struct vd_command vd_device_commands[];
extern const struct vd_command vd_certificate_commands[];
extern const struct vd_command vd_policy_commands[];
extern const struct vd_command vd_token_commands[];
extern const struct vd_command vd_alert_commands[];
extern const struct vd_command vd_intel_commands[];
extern const struct vd_command vd_ip_filter_commands[];
extern const struct vd_command vd_dead_letter_commands[];

extern const struct vd_option vd_init_options[];
extern const struct vd_option vd_serve_options[];
extern const struct vd_option vd_query_options[];
extern const struct vd_option vd_method_options[];
extern const struct vd_option vd_config_options[];
extern const struct vd_option vd_demo_options[];

int vd_cmd_init(const struct vd_invocation *invocation);
int vd_cmd_serve(const struct vd_invocation *invocation);
int vd_cmd_method(const struct vd_invocation *invocation);
int vd_cmd_query(const struct vd_invocation *invocation);
int vd_cmd_status(const struct vd_invocation *invocation);
int vd_cmd_config(const struct vd_invocation *invocation);
int vd_cmd_demo(const struct vd_invocation *invocation);

#endif
