/* SPDX-License-Identifier: MIT */
/* The sandbox of a service: what it may still do, by its configuration. */

#ifndef VEDETTE_CLI_SERVE_SANDBOX_H
#define VEDETTE_CLI_SERVE_SANDBOX_H

#include "lib/config.h"

/* Before any thread starts, and before stores are opened. What the kernel has not got is logged; VD_E_LIMIT: a path is too long. */
VD_NODISCARD int vd_serve_sandbox_enter(const char *dir, const struct vd_config *config);

#endif
