/* SPDX-License-Identifier: MIT */
/* The commands of `vedette`, each in the file of its name. */

#ifndef VEDETTE_CLI_COMMANDS_H
#define VEDETTE_CLI_COMMANDS_H

#include <jansson.h>

#include "cli/cmd_agent.h"
#include "cli/command.h"
#include "lib/str.h"

extern const struct vd_command vd_device_commands[];
extern const struct vd_command vd_certificate_commands[];
extern const struct vd_command vd_policy_commands[];
extern const struct vd_command vd_token_commands[];
extern const struct vd_command vd_alert_commands[];
extern const struct vd_command vd_intel_commands[];
extern const struct vd_command vd_ip_filter_commands[];
extern const struct vd_command vd_audit_commands[];
extern const struct vd_command vd_notify_commands[];
extern const struct vd_command vd_group_commands[];
extern const struct vd_command vd_rule_commands[];
extern const struct vd_command vd_recommendation_commands[];
extern const struct vd_command vd_dead_letter_commands[];
extern const struct vd_command vd_saved_commands[];

extern const struct vd_option vd_init_options[];
extern const struct vd_option vd_serve_options[];
extern const struct vd_option vd_query_options[];
extern const struct vd_option vd_method_options[];
extern const struct vd_option vd_import_options[];
extern const struct vd_option vd_send_options[];
extern const struct vd_option vd_feedback_options[];
extern const struct vd_option vd_twin_options[];
extern const struct vd_option vd_device_query_options[];
extern const struct vd_option vd_management_options[];
extern const struct vd_option vd_config_options[];
extern const struct vd_option vd_backup_options[];
extern const struct vd_option vd_verify_options[];
extern const struct vd_option vd_restore_options[];
extern const struct vd_option vd_doctor_options[];
extern const struct vd_option vd_prove_options[];
extern const struct vd_option vd_demo_options[];

int vd_cmd_init(const struct vd_invocation *invocation);
int vd_cmd_serve(const struct vd_invocation *invocation);
/*
 * Asks for what is at `tail` ("/twin", "": itself) of the device that the first argument names, or of its module where one is
 * named by --module. etag: a parameter, NULL: none. As vd_client_json.
 */
json_t *vd_device_call(const struct vd_invocation *invocation, const char *method, const char *tail,
    const char *etag, struct vd_str body);

int vd_cmd_device_import(const struct vd_invocation *invocation);
int vd_cmd_send(const struct vd_invocation *invocation);
int vd_cmd_purge(const struct vd_invocation *invocation);
int vd_cmd_feedback(const struct vd_invocation *invocation);
int vd_cmd_twin(const struct vd_invocation *invocation);
int vd_cmd_device_query(const struct vd_invocation *invocation);
int vd_cmd_method(const struct vd_invocation *invocation);
int vd_cmd_query(const struct vd_invocation *invocation);
int vd_cmd_health(const struct vd_invocation *invocation);
int vd_cmd_reload(const struct vd_invocation *invocation);
int vd_cmd_status(const struct vd_invocation *invocation);
int vd_cmd_management(const struct vd_invocation *invocation);
int vd_cmd_config(const struct vd_invocation *invocation);
int vd_cmd_backup(const struct vd_invocation *invocation);
int vd_cmd_verify(const struct vd_invocation *invocation);
int vd_cmd_restore(const struct vd_invocation *invocation);
int vd_cmd_doctor(const struct vd_invocation *invocation);
int vd_cmd_prove(const struct vd_invocation *invocation);
int vd_cmd_demo(const struct vd_invocation *invocation);

#endif
