/* SPDX-License-Identifier: MIT */
/* The portal's pages: a folder that is read at the start and answered from memory. */

#ifndef VEDETTE_API_PORTAL_FILES_H
#define VEDETTE_API_PORTAL_FILES_H

#include "api/http.h"

/* What a folder may hold; beyond it is not a portal's. */
#define VD_PORTAL_FILES_MAX      1000
#define VD_PORTAL_FILE_MAX_BYTES (8u << 20)
#define VD_PORTAL_ALL_MAX_BYTES  (64u << 20)
#define VD_PORTAL_DEPTH_MAX      8

struct vd_portal_files;

/*
 * Reads `folder` with what is below it, each file as it is and compressed; what begins with a dot is left out. Without an
 * index.html it holds no portal.
 * VD_E_NOT_FOUND: there is no such folder, or no index.html in it; VD_E_LIMIT; VD_E_DENIED, VD_E_IO, VD_E_NOMEM.
 */
VD_NODISCARD int vd_portal_files_read(const char *folder, struct vd_portal_files **out);
/* NULL is allowed. */
void vd_portal_files_free(struct vd_portal_files *files);

/*
 * Answers GET and HEAD of `path`, which is relative to the folder: a file, or index.html for one of the pages' own addresses
 * (all but those below assets/, which must exist).
 */
void vd_portal_files_answer(const struct vd_portal_files *files, const char *path,
    const struct vd_http_request *request, struct vd_http_answer *answer);

#endif
