/* SPDX-License-Identifier: MIT */
/* A backup's manifest: what is taken leads nowhere out of the backup, and lists nothing twice. */

#include <stdlib.h>

#include "cli/backup/manifest.h"
#include "fuzz/replay.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_manifest manifest = {0};
    char reason[256] = "";
    const int error = vd_manifest_parse(
        (struct vd_str){(const char *)data, length}, &manifest, reason, sizeof reason);

    if (error != VD_OK) {
        check(manifest.files == NULL && manifest.count == 0);
        check(error == VD_E_CORRUPT || error == VD_E_NEWER || error == VD_E_LIMIT);
        check(error == VD_E_LIMIT || reason[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < manifest.count; i++) {
        const char *path = manifest.files[i].path;

        check(path[0] != '/' && path[0] != '.' && strstr(path, "/.") == NULL);
        check(strcmp(path, VD_MANIFEST_FILE) != 0 && strlen(path) < VD_BACKUP_PATH_SIZE);
        check(strlen(manifest.files[i].sha256) == VD_SHA256_HEX_SIZE - 1);
        check(i == 0 || strcmp(manifest.files[i - 1].path, path) < 0);
        check(vd_manifest_find(&manifest, path) == &manifest.files[i]);
    }
    vd_manifest_release(&manifest);
    return 0;
}
