/* SPDX-License-Identifier: MIT */
/* What somebody has put into a backup, perhaps in the belief that it is kept with the rest. */

#include <string.h>

#include "cli/backup/check.h"
#include "cli/backup/files.h"
#include "cli/data_dir.h"

/* So many are named. */
#define OTHERS_NAMED 20

struct others {
    const struct vd_manifest *manifest;
    const char *folder;
    struct vd_checks *checks;
};

static int note(struct vd_checks *checks, const char *path, bool is_folder)
{
    json_t *what;

    if (++checks->others > OTHERS_NAMED) {
        return VD_OK;
    }
    what = json_sprintf("%s%s", path, is_folder ? "/" : "");
    return json_array_append_new(checks->list,
               json_pack("{s:o, s:b, s:b, s:s}", "what",
                   what != NULL ? what : json_string("(not UTF-8)"), "ok", 1, "other", 1, "text",
                   "not in the manifest: restore passes over it")) == 0
        ? VD_OK
        : VD_E_NOMEM;
}

/* Whether the manifest lists files in the folder `name`. */
static bool has_files_of(const struct vd_manifest *manifest, const char *name)
{
    const size_t length = strlen(name);

    for (size_t i = 0; i < manifest->count; i++) {
        if (strncmp(manifest->files[i].path, name, length) == 0 &&
            manifest->files[i].path[length] == '/') {
            return true;
        }
    }
    return false;
}

/* path: below the backup. */
static int look_at(void *context, const char *path, bool is_folder)
{
    struct others *others = context;

    if (is_folder && strchr(path, '/') == NULL &&
        (has_files_of(others->manifest, path) || strcmp(path, VD_FILE_ANALYTICS) == 0 ||
            strcmp(path, "intel") == 0)) { /* they are made though nothing is in them */
        return vd_folder_each(others->folder, path, look_at, others);
    }
    if (strcmp(path, VD_MANIFEST_FILE) == 0 || vd_manifest_find(others->manifest, path) != NULL) {
        return VD_OK;
    }
    return note(others->checks, path, is_folder);
}

int vd_check_others(
    const struct vd_manifest *manifest, const char *folder, struct vd_checks *checks)
{
    struct others others = {manifest, folder, checks};

    return vd_folder_each(folder, "", look_at, &others);
}
