/* SPDX-License-Identifier: MIT */
/* What is done to the hub's certificates and diagnostic settings. */

#ifndef VEDETTE_CENTER_DETECT_CONTROL_PLANE_H
#define VEDETTE_CENTER_DETECT_CONTROL_PLANE_H

#include "center/detect/rule.h"

#define VD_CONTROL_PLANE_RULES 6
extern const struct vd_rule vd_rules_control_plane[VD_CONTROL_PLANE_RULES];

#endif
