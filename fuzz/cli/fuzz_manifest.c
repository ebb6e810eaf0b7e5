/* SPDX-License-Identifier: MIT */
/* A backup's manifest: what is taken leads nowhere out of the backup, lists nothing twice, and is written as it was read. */

#include <stdlib.h>

#include "cli/backup/manifest.h"
#include "fuzz/replay.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_again(const struct vd_manifest *manifest)
{
    struct vd_manifest again = {0};
    char reason[256];
    char *text = vd_manifest_text(manifest);
    char *second;

    check(text != NULL);
    check(vd_manifest_parse(vd_str_from(text), &again, reason, sizeof reason) == VD_OK);
    second = vd_manifest_text(&again);
    check(second != NULL && strcmp(text, second) == 0 && again.count == manifest->count);
    vd_manifest_release(&again);
    free(second);
    free(text);
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
    check(vd_manifest_find(&manifest, "/") == NULL);
    check_again(&manifest);
    vd_manifest_release(&manifest);
    return 0;
}
