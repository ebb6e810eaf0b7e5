/* SPDX-License-Identifier: MIT */
/* One indicator as text: an address or a range of them. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_LIST_H
#define VEDETTE_CENTER_INTEL_INDICATOR_LIST_H

#include "center/decode/security_message.h"
#include "center/limits.h"

/* Addresses from `from` to `to`, both included; IPv4 mapped. */
struct vd_indicator_range {
    struct vd_address from;
    struct vd_address to;
};

struct vd_indicator_line {
    struct vd_indicator_range range;
    char text
        [VD_INDICATOR_TEXT]; /* canonical: the network's address, and its prefix unless it is one address; or "a-b" */
    uint32_t line; /* from 1 */
};

/* Reads one indicator, "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "192.0.2.3-192.0.2.9"; bits behind the prefix are cleared.
 * NULL, or static text that says what is wrong. */
const char *vd_indicator_parse(struct vd_str text, struct vd_indicator_line *out);

#endif
