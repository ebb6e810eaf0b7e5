/* SPDX-License-Identifier: MIT */
/* Folders on the disk. */

#ifndef VEDETTE_LIB_FOLDER_H
#define VEDETTE_LIB_FOLDER_H

#include "lib/error.h"

/*
 * Removes the folder with all in it: links themselves, not what they point to, and nothing on another file system that is mounted below. Goes on
 * past what cannot be removed. VD_E_NOT_FOUND; VD_E_IO and other errors of the file system: something is left.
 */
int vd_folder_remove(const char *path);

#endif
