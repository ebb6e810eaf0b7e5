/* SPDX-License-Identifier: MIT */
/* The table of rules: one row each. */

#include <string.h>

#include "center/detect/control_plane.h"
#include "center/detect/custom_rules.h"
#include "center/detect/login_refused.h"
#include "center/detect/silence.h"
#include "center/detect/ti_connection.h"

static const struct vd_rule *const rules[] = {
    &vd_rule_ti_connection,
    &vd_rules_login[VD_LOGIN_THUMBPRINT_MISMATCH],
    &vd_rules_login[VD_LOGIN_CERTIFICATE_EXPIRED],
    &vd_rules_login[VD_LOGIN_TOKEN_EXPIRED],
    &vd_rules_login[VD_LOGIN_SIGNATURE_WRONG],
    &vd_rules_control_plane[0],
    &vd_rules_control_plane[1],
    &vd_rules_control_plane[2],
    &vd_rules_control_plane[3],
    &vd_rules_control_plane[4],
    &vd_rules_control_plane[5],
    &vd_rule_device_silent,
    &vd_rule_custom_allowed,
    &vd_rule_custom_denied,
    &vd_rule_custom_threshold,
    &vd_rules_custom_windows[VD_COUNT_CONNECTIONS],
    &vd_rules_custom_windows[VD_COUNT_C2D],
    &vd_rules_custom_windows[VD_COUNT_C2D_REJECTED],
    &vd_rules_custom_windows[VD_COUNT_D2C],
    &vd_rules_custom_windows[VD_COUNT_METHODS],
    &vd_rules_custom_windows[VD_COUNT_PURGES],
    &vd_rules_custom_windows[VD_COUNT_TWIN_UPDATES],
    &vd_rules_custom_windows[VD_COUNT_UNAUTHORIZED],
};

#define RULES (sizeof rules / sizeof rules[0])

int vd_rules_examine(const struct vd_detect_input *input, struct vd_findings *findings)
{
    for (size_t i = 0; i < RULES; i++) {
        int error;

        if (rules[i]->examine == NULL || rules[i]->observes != input->seen->what) {
            continue;
        }
        error = rules[i]->examine(rules[i], input, findings);
        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

const struct vd_rule *vd_rule_at(size_t i)
{
    return i < RULES ? rules[i] : NULL;
}

const struct vd_rule *vd_rule_of_type(const char *alert_type)
{
    for (size_t i = 0; i < RULES; i++) {
        if (strcmp(rules[i]->alert_type, alert_type) == 0) {
            return rules[i];
        }
    }
    return NULL;
}
