/* SPDX-License-Identifier: MIT */
/* The command that runs the security module on this machine. */

#ifndef VEDETTE_CLI_CMD_AGENT_H
#define VEDETTE_CLI_CMD_AGENT_H

/* Runs `vedette agent`; argv[0] is "agent". A connection string in argv or in the environment is
   wiped there. Blocks SIGINT and SIGTERM, which end it. Returns the exit status: 0 stopped by a
   signal, 1 could not start, 2 wrong usage. */
int vd_cmd_agent(int argc, char **argv);

#endif
