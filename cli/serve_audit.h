/* SPDX-License-Identifier: MIT */
/* The audit trail of a service: that it began and ended, and the watch over the trail meanwhile. */

#ifndef VEDETTE_CLI_SERVE_AUDIT_H
#define VEDETTE_CLI_SERVE_AUDIT_H

#include "api/audit_watch.h"
#include "center/center.h"
#include "cli/stores.h"

/* Before anybody can change anything; the center, by whose clock records age, must outlive it. The service goes on if the trail
 * cannot be written: changes are then refused. VD_E_NOMEM. */
VD_NODISCARD int vd_serve_audit_start(const struct vd_stores *stores,
    const struct vd_config *config, struct vd_center *center, struct vd_audit_watch **out);

/* When nothing is changed any more; requests_left: but for what is still under way. watch NULL: it was not started. */
void vd_serve_audit_stop(
    const struct vd_stores *stores, struct vd_audit_watch *watch, bool requests_left);

#endif
