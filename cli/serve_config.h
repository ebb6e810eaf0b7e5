/* SPDX-License-Identifier: MIT */
/* The configuration that the service starts by and reads again, and what parts of it say to whom. */

#ifndef VEDETTE_CLI_SERVE_CONFIG_H
#define VEDETTE_CLI_SERVE_CONFIG_H

#include "cli/command.h"
#include "hub/hub.h"
#include "lib/config.h"

/* Reads vedette.conf and what --set says. False: something keeps it from being used, and all of that was said, on stderr or (not
 * NULL) in `faults`. */
bool vd_serve_config_read(
    const struct vd_invocation *invocation, struct vd_config *config, struct vd_buf *faults);

void vd_serve_log_by(const struct vd_config *config);
struct vd_hub_rates vd_serve_rates_of(const struct vd_config *config);

#endif
