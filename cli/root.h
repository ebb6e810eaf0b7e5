/* SPDX-License-Identifier: MIT */
/* The tree of all commands. */

#ifndef VEDETTE_CLI_ROOT_H
#define VEDETTE_CLI_ROOT_H

#include "cli/command.h"

extern const struct vd_command vd_root_command;

#endif
