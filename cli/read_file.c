/* SPDX-License-Identifier: MIT */
/* Reads a file into memory. */

#include "cli/read_file.h"

#include <errno.h>
#include <stdio.h>

#include "cli/command.h"

#define READ_STEP 65536

bool vd_read_file(const char *path, const char *too_large, struct vd_buf *text)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    size_t n = 0;
    bool good;

    if (file == NULL) {
        vd_cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    do {
        uint8_t *room = vd_buf_reserve(text, READ_STEP);

        n = room != NULL ? fread(room, 1, READ_STEP, file) : 0;
        text->length += n;
    } while (n == READ_STEP);
    good = ferror(file) == 0 && text->error == VD_OK;
    if (!good) {
        vd_cli_fail("%s: %s", path, text->error == VD_E_LIMIT ? too_large : "cannot be read");
    }
    if (!standard) {
        fclose(file);
    }
    return good;
}
