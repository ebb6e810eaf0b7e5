/* SPDX-License-Identifier: MIT */
/* Devices that have not been heard of for too long, one by one or many behind one address. */

#ifndef VEDETTE_CENTER_DETECT_SILENCE_H
#define VEDETTE_CENTER_DETECT_SILENCE_H

#include "center/detect/rule.h"

extern const struct vd_rule vd_rule_device_silent;

/* So many devices behind one address, more than half of those that were last heard from there, and silent within
 * VD_SILENCE_TOGETHER_MS of each other, are one alert about the address. */
#define VD_SILENCE_GROUP_MIN   3
#define VD_SILENCE_TOGETHER_MS 3600000LL

#endif
