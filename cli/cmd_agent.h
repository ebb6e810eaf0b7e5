/* SPDX-License-Identifier: MIT */
/* The command that runs the security module on this machine. */

#ifndef VEDETTE_CLI_CMD_AGENT_H
#define VEDETTE_CLI_CMD_AGENT_H

#include <stdio.h>

/* Runs `vedette agent`; argv[0] is "agent". A connection string in argv or in the environment is
   wiped there. Blocks SIGINT and SIGTERM, which end it. Returns the exit status: 0 stopped by a
   signal, 1 could not start, 2 wrong usage. */
int vd_cmd_agent(int argc, char **argv);

/* The same under another name, which its messages give. */
int vd_cmd_agent_called(const char *name, int argc, char **argv);

/* Writes "--interface --connection-string ...", for completion. */
void vd_cmd_agent_option_names(FILE *out);

/* Writes the help of the program of that name. */
void vd_cmd_agent_help(FILE *out, const char *name);

#endif
