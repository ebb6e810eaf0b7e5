/* SPDX-License-Identifier: MIT */
/* `vedette`, the one program. */

#include <stdio.h>

#include "cli/root.h"

int main(int argc, char **argv)
{
    int status = vd_command_main(&vd_root_command, argc, argv);

    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return status != VD_EXIT_OK ? status : vd_cli_fail("the output cannot be written");
    }
    return status;
}
