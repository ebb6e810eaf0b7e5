/* SPDX-License-Identifier: MIT */
/* `vedette-agent`: the agent as a program of its own, for a device that has nothing else of Vedette. */

#include <stdio.h>
#include <string.h>

#include "cli/cmd_agent.h"

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("vedette-agent %s\n", VD_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    return vd_cmd_agent_called("vedette-agent", argc, argv);
}
