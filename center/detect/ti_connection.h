/* SPDX-License-Identifier: MIT */
/* "Communication with a suspicious IP address detected": a flow whose remote address is an indicator. */

#ifndef VEDETTE_CENTER_DETECT_TI_CONNECTION_H
#define VEDETTE_CENTER_DETECT_TI_CONNECTION_H

#include "center/detect/rule.h"

/* One alert a device, remote address and UTC day of the event's time. Only remote addresses are looked up. */
extern const struct vd_rule vd_rule_ti_connection;

#endif
