/* SPDX-License-Identifier: MIT */
/* What a rule is, and what it is given: a pure function of an event, its state and its configuration. */

#ifndef VEDETTE_CENTER_DETECT_RULE_H
#define VEDETTE_CENTER_DETECT_RULE_H

#include "center/decode/security_message.h"
#include "center/detect/findings.h"
#include "center/event_time.h"
#include "center/intel/indicator_set.h"

/* One decoded event of a device and what it is judged by. */
struct vd_detect_input {
    struct vd_str device_id;
    struct vd_str module_id;
    const struct vd_security_message *message;
    const struct vd_security_event *event;
    struct vd_event_time time;
    const struct vd_indicator_set *indicators; /* may be NULL: none */
};

/* A row of the catalogue. All texts are static; lists end with NULL. */
struct vd_rule {
    const char *alert_type;
    const char *display_name;
    const char *severity; /* High, Medium, Low, Informational */
    const char *const *remediation_steps;
    const char *const *techniques; /* MITRE ATT&CK ids, see VD_ATTACK_VERSION */
    /* Adds what it finds in the event. VD_E_NOMEM. */
    int (*examine)(const struct vd_rule *rule, const struct vd_detect_input *input,
        struct vd_findings *findings);
};

/* The versions of the matrices that techniques are taken from. */
#define VD_ATTACK_VERSION "Enterprise 15, ICS 15"

/* Runs every rule over the event. VD_OK or VD_E_NOMEM. */
VD_NODISCARD int vd_rules_examine(
    const struct vd_detect_input *input, struct vd_findings *findings);

/* The catalogue, for listings and tests: row `i`, NULL behind the last. */
const struct vd_rule *vd_rule_at(size_t i);

#endif
