/* SPDX-License-Identifier: MIT */
/* `vedette agent` alone, for the tests. */

#include "cli/cmd_agent.h"

int main(int argc, char **argv)
{
    return vd_cmd_agent(argc, argv);
}
