/* SPDX-License-Identifier: MIT */
/* What makes two reports speak of the same flow. */

#ifndef VEDETTE_CENTER_DETECT_FLOW_DIGEST_H
#define VEDETTE_CENTER_DETECT_FLOW_DIGEST_H

#include "center/decode/security_message.h"

/* Of addresses, ports and protocol, under a secret: who chooses addresses cannot choose flows that meet in one digest, which would
 * hide them from a count. */
uint64_t vd_flow_digest(const struct vd_flow *flow, uint64_t seed);

#endif
