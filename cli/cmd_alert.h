/* SPDX-License-Identifier: MIT */
/* Between the parts of `vedette alert`: filters on the command line, an alert on the terminal, and acts. */

#ifndef VEDETTE_CLI_CMD_ALERT_H
#define VEDETTE_CLI_CMD_ALERT_H

#include <jansson.h>

#include "cli/command.h"
#include "lib/str.h"

/* Rows of a table of options that say which alerts; vd_alert_query reads them. */
#define VD_ALERT_FILTER_OPTIONS                                                               \
    {"device", "ID", "of this device"}, {"type", "TYPE", "of this type"},                     \
        {"cause", "TEXT", "of this cause, as `vedette alert groups` names it"},               \
        {"group", "NAME", "of devices that are in this security group now"},                  \
        {"severity", "LEVEL", "High, Medium, Low or Informational"},                          \
        {"state", "STATE", "Open (New or InProgress), New, InProgress, Dismissed, Resolved"}, \
        {"since", "DURATION", "raised in this time: 90m, 12h, 7d"},                           \
        {"from", "TIME", "raised at this time of UTC or later: 2026-11-24T07:44:03Z"},        \
        {"to", "TIME", "raised before this time"},                                            \
    {                                                                                         \
        "text", "TEXT", "with this in name, device, subject or description"                   \
    }

/* "2026-11-24T07:44:03.123Z" as "2026-11-24 07:44:03". */
#define VD_SHORT_TIME_SIZE 20

/* A member as text; "-" if it has none. */
const char *vd_alert_text(const json_t *object, const char *name);
long long vd_alert_number(const json_t *object, const char *name);
const char *vd_short_time(const json_t *object, const char *name, char out[VD_SHORT_TIME_SIZE]);

/* The options as a query, behind what it holds already, with a NUL. False: told why not. */
bool vd_alert_query(const struct vd_invocation *invocation, struct vd_buf *query);

/* An alert with evidence, history and what to do. */
void vd_alert_print(const json_t *alert);
/* Who did what when; says so if nobody did anything. */
void vd_alert_print_history(const json_t *alert);

/* `vedette alert start` and the like. */
int vd_alert_start(const struct vd_invocation *invocation);
int vd_alert_dismiss(const struct vd_invocation *invocation);
int vd_alert_resolve(const struct vd_invocation *invocation);
int vd_alert_reopen(const struct vd_invocation *invocation);
int vd_alert_note(const struct vd_invocation *invocation);

#endif
