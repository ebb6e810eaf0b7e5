/* SPDX-License-Identifier: MIT */
/* `vedette`, the one program. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/root.h"
#include "lib/error.h"

/* URLs of webhooks and feeds may hold a secret, and everybody sees the process list: what stands there ends at "://". argv takes
 * copies, which live as long as the program. */
static bool take_urls(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *there = strstr(argv[i], "://");

        if (there != NULL) {
            char *copy = strdup(argv[i]);

            if (copy == NULL) {
                return false;
            }
            explicit_bzero(there + 3, strlen(there + 3));
            argv[i] = copy;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    int status = take_urls(argc, argv) ? vd_command_main(&vd_root_command, argc, argv)
                                       : vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));

    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return status != VD_EXIT_OK ? status : vd_cli_fail("the output cannot be written");
    }
    return status;
}
