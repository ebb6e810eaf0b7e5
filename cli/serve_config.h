/* SPDX-License-Identifier: MIT */
/* The configuration that the service starts by. */

#ifndef VEDETTE_CLI_SERVE_CONFIG_H
#define VEDETTE_CLI_SERVE_CONFIG_H

#include "cli/command.h"
#include "lib/config.h"

/* Reads vedette.conf and what --set says. False: something keeps the service from starting, and all of that was said. */
bool vd_serve_config_read(const struct vd_invocation *invocation, struct vd_config *config);

#endif
