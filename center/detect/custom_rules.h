/* SPDX-License-Identifier: MIT */
/* The custom alerts of device security groups: their rows, and what they say. */

#ifndef VEDETTE_CENTER_DETECT_CUSTOM_RULES_H
#define VEDETTE_CENTER_DETECT_CUSTOM_RULES_H

#include "center/detect/rule.h"

#define VD_CUSTOM_ALERT_PREFIX "IoT_CA_"

/* One row a counter, and those of lists and thresholds. */
extern const struct vd_rule vd_rules_custom_windows[VD_COUNTERS_END];
extern const struct vd_rule vd_rule_custom_allowed;
extern const struct vd_rule vd_rule_custom_denied;
extern const struct vd_rule vd_rule_custom_threshold;

/* The window's count is outside of what the rule of the device's group allows. log_epoch: of the ids of records; is_update: it
 * was reported before. VD_E_NOMEM. */
VD_NODISCARD int vd_custom_window_report(const struct vd_device_state *state,
    const struct vd_window *window, const char *log_epoch, bool is_update,
    struct vd_findings *findings);

#endif
