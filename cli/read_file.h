/* SPDX-License-Identifier: MIT */
/* Files that a command is given. */

#ifndef VEDETTE_CLI_READ_FILE_H
#define VEDETTE_CLI_READ_FILE_H

#include <jansson.h>

#include "lib/str.h"

/* Reads a whole file, or stdin for "-", into `text` up to its bound; the caller's to release either way.
 * False (said on stderr) if that fails; `too_large` is then what is said of one that goes beyond the bound. */
bool vd_read_file(const char *path, const char *too_large, struct vd_buf *text);

/* A path as the service is to be told it, whose working folder is another: it begins with /. JSON's null if that cannot be
 * said, NULL for NULL. The caller's. */
json_t *vd_path_json(const char *path);

#define VD_CLI_SECRET_MAX 1024

/* Reads a secret likewise; the line breaks at its end are not part of it. Its memory is to be wiped. */
bool vd_read_secret(const char *path, struct vd_buf *secret);

#endif
