/* SPDX-License-Identifier: MIT */
/* Files that a command is given. */

#ifndef VEDETTE_CLI_READ_FILE_H
#define VEDETTE_CLI_READ_FILE_H

#include "lib/str.h"

/* Reads a whole file, or stdin for "-", into `text` up to its bound; the caller's to release either way.
 * False (said on stderr) if that fails; `too_large` is then what is said of one that goes beyond the bound. */
bool vd_read_file(const char *path, const char *too_large, struct vd_buf *text);

#define VD_CLI_SECRET_MAX 1024

/* Reads a secret likewise; the line breaks at its end are not part of it. Its memory is to be wiped. */
bool vd_read_secret(const char *path, struct vd_buf *secret);

#endif
