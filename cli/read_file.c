/* SPDX-License-Identifier: MIT */
/* Reads a file into memory, and tells the service of paths. */

#include "cli/read_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "lib/secret.h"

#define READ_STEP 65536

bool vd_read_file(const char *path, const char *too_large, struct vd_buf *text)
{
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "re");
    char part[READ_STEP];
    size_t n = 0;
    bool good;

    if (file == NULL) {
        vd_cli_fail("%s: %s", path, strerror(errno));
        return false;
    }
    do {
        n = fread(part, 1, sizeof part, file);
        vd_buf_append(text, part, n);
    } while (n > 0 && text->error == VD_OK);
    vd_secret_wipe(part, sizeof part); /* it may have been one */
    good = ferror(file) == 0 && text->error == VD_OK;
    if (!good) {
        vd_cli_fail("%s: %s", path, text->error == VD_E_LIMIT ? too_large : "cannot be read");
    }
    if (!standard) {
        fclose(file);
    }
    return good;
}

bool vd_read_secret(const char *path, struct vd_buf *secret)
{
    secret->max = VD_CLI_SECRET_MAX + 2;
    if (!vd_read_file(path, "a secret has no more than 1024 bytes", secret)) {
        return false;
    }
    while (secret->length > 0 &&
        (secret->data[secret->length - 1] == '\n' || secret->data[secret->length - 1] == '\r')) {
        secret->length--;
    }
    return true;
}

json_t *vd_path_json(const char *path)
{
    char folder[PATH_MAX];

    if (path == NULL) {
        return NULL;
    }
    if (path[0] == '/') {
        return json_string(path);
    }
    return getcwd(folder, sizeof folder) != NULL ? json_sprintf("%s/%s", folder, path)
                                                 : json_null();
}
