/* SPDX-License-Identifier: MIT */
/* Findings about a flow: what every rule about flows says in the same words. */

#ifndef VEDETTE_CENTER_DETECT_FLOW_EVIDENCE_H
#define VEDETTE_CENTER_DETECT_FLOW_EVIDENCE_H

#include "center/detect/rule.h"

/* rule, seen and flow are set by the caller, the rest all zero. */
struct vd_flow_finding {
    const struct vd_rule *rule;
    const struct vd_observation *seen;
    const struct vd_flow *flow;
    struct vd_finding finding;         /* about the remote address; the caller may add to it */
    char remote[VD_ADDRESS_TEXT_SIZE]; /* as text */
    struct vd_buf evidence;            /* an object that is not closed: append members to it */
};

void vd_flow_finding_begin(struct vd_flow_finding *flow_finding);
/* Appends "Device d exchanged TCP traffic with a port p between t and t: n bytes out, n bytes in."; "until t"
 * where it is not known how long the report took; "opened a connection to" of what was reported as JSON. */
void vd_flow_describe(const struct vd_flow_finding *flow_finding, struct vd_buf *out);
/* Adds it with the description, and releases what begin made. VD_E_NOMEM. */
VD_NODISCARD int vd_flow_finding_add(struct vd_flow_finding *flow_finding,
    const struct vd_buf *description, struct vd_findings *findings);

#endif
