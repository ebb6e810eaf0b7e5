/* SPDX-License-Identifier: MIT */
/* The portal of a service: its key, and where its pages are. */

#ifndef VEDETTE_CLI_SERVE_PORTAL_H
#define VEDETTE_CLI_SERVE_PORTAL_H

#include "api/portal/portal.h"
#include "cli/data_dir.h"
#include "lib/config.h"

#define VD_SERVE_PORTAL_FOLDERS 2

/* The folders that pages are looked for in; returns how many. `given`: the setting, empty for those beside the program. */
size_t vd_serve_portal_folders(
    const char *dir, const char *given, char paths[VD_SERVE_PORTAL_FOLDERS][VD_PATH_SIZE]);

/* Opens it for the service on data directory `dir`. On failure error_text says why. */
VD_NODISCARD int vd_serve_portal_open(const char *dir, const struct vd_config *config,
    struct vd_api *api, struct vd_management *management, struct vd_portal **out, char *error_text,
    size_t error_size);

#endif
