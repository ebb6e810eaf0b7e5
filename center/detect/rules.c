/* SPDX-License-Identifier: MIT */
/* The table of rules: one row each. */

#include "center/detect/rule.h"
#include "center/detect/ti_connection.h"

static const struct vd_rule *const rules[] = {
    &vd_rule_ti_connection,
};

int vd_rules_examine(const struct vd_detect_input *input, struct vd_findings *findings)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        int error = rules[i]->examine(rules[i], input, findings);

        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

const struct vd_rule *vd_rule_at(size_t i)
{
    return i < sizeof rules / sizeof rules[0] ? rules[i] : NULL;
}
