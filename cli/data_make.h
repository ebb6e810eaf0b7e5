/* SPDX-License-Identifier: MIT */
/* Makes a data directory whole or not at all: filled beside where it belongs, then moved there. */

#ifndef VEDETTE_CLI_DATA_MAKE_H
#define VEDETTE_CLI_DATA_MAKE_H

#include <stddef.h>

#include "cli/data_dir.h"
#include "lib/error.h"

/* Fills the empty directory `staging`, vedette.conf included; what is wrong is said in error_text. */
typedef int vd_data_fill(void *context, const char *staging, char *error_text, size_t error_size);

/* The path without slashes at its end, as it is wanted below. VD_E_LIMIT. */
VD_NODISCARD int vd_data_dir_trim(const char *given, char out[VD_PATH_SIZE]);

/*
 * Makes the data directory `dir`, which may be absent or empty; what one that was killed has left in it goes. VD_E_EXISTS: it is one
 * already, or holds other files; VD_E_LIMIT: no service could work in a path of that length; VD_E_BUSY: another makes one in it. On failure nothing is left but what others put there, and error_text
 * says what is wrong and what to do. Only where the whole directory is in place and that could not be synced (VD_E_IO) it stays, and
 * error_text says so.
 */
VD_NODISCARD int vd_data_make(
    const char *dir, vd_data_fill *fill, void *context, char *error_text, size_t error_size);

#endif
