/* SPDX-License-Identifier: MIT */
/* What makes two reports speak of the same flow. */

#ifndef VEDETTE_CENTER_DETECT_FLOW_DIGEST_H
#define VEDETTE_CENTER_DETECT_FLOW_DIGEST_H

#include "center/decode/security_message.h"

/* Of addresses, ports and protocol; the same on every machine, for it is stored. Whoever makes flows that meet in one digest hides
 * his own from a count, and could as well have sent nothing. */
uint64_t vd_flow_digest(const struct vd_flow *flow);

#endif
