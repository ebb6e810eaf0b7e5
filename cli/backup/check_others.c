/* SPDX-License-Identifier: MIT */
/* What somebody has put into a backup, perhaps in the belief that it is kept with the rest. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/backup/check.h"
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

static int look_into(const struct others *others, const char *below);

/* path: below the backup. */
static int look_at(const struct others *others, const char *path, bool is_folder)
{
    if (is_folder && strchr(path, '/') == NULL &&
        (has_files_of(others->manifest, path) || strcmp(path, VD_FILE_ANALYTICS) == 0 ||
            strcmp(path, "intel") == 0)) { /* they are made though nothing is in them */
        return look_into(others, path);
    }
    if (strcmp(path, VD_MANIFEST_FILE) == 0 || vd_manifest_find(others->manifest, path) != NULL) {
        return VD_OK;
    }
    return note(others->checks, path, is_folder);
}

/* below: "" or the one folder within. */
static int look_into(const struct others *others, const char *below)
{
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    int error = vd_data_path(others->folder, below, path);
    DIR *dir = error == VD_OK ? opendir(path) : NULL;

    if (dir == NULL) {
        return error != VD_OK ? error : vd_error_from_errno(errno);
    }
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        struct stat status;

        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        if (fstatat(dirfd(dir), name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
            error = vd_error_from_errno(errno);
        } else if (snprintf(path, sizeof path, "%s%s%s", below, below[0] != '\0' ? "/" : "",
                       name) >= (int)sizeof path) {
            error = VD_E_LIMIT;
        } else {
            error = look_at(others, path, S_ISDIR(status.st_mode));
        }
    }
    closedir(dir);
    return error;
}

int vd_check_others(
    const struct vd_manifest *manifest, const char *folder, struct vd_checks *checks)
{
    const struct others others = {manifest, folder, checks};

    return look_into(&others, "");
}
