/* SPDX-License-Identifier: MIT */
/* The manifest in its folder, and the list of what is there. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backup/files.h"
#include "cli/backup/manifest.h"
#include "cli/data_dir.h"
#include "lib/sync.h"

/* ---- The list ---- */

static int collect_file(struct vd_manifest *manifest, const char *folder, const char *path,
    const atomic_bool *is_unwanted)
{
    struct vd_manifest_file file = {0};
    struct vd_file_sum sum;
    char whole[VD_PATH_SIZE];
    int error = vd_text_copy(path, file.path, sizeof file.path);

    if (error == VD_OK) {
        error = vd_data_path(folder, path, whole);
    }
    if (error == VD_OK) {
        error = vd_file_sum_synced(whole, &sum, is_unwanted);
    }
    if (error != VD_OK) {
        return error;
    }
    file.bytes = sum.bytes;
    memcpy(file.sha256, sum.sha256, sizeof file.sha256);
    return vd_manifest_add(manifest, &file);
}

/* below: "" or the one folder within. */
static int collect_folder(struct vd_manifest *manifest, const char *folder, const char *below,
    const atomic_bool *is_unwanted)
{
    char whole[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    int error = vd_data_path(folder, below, whole);
    DIR *dir = error == VD_OK ? opendir(whole) : NULL;

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
        } else if (S_ISDIR(status.st_mode) && below[0] == '\0') {
            error = collect_folder(manifest, folder, name, is_unwanted);
        } else if (snprintf(path, sizeof path, "%s%s%s", below, below[0] != '\0' ? "/" : "",
                       name) >= (int)sizeof path) {
            error = VD_E_LIMIT;
        } else {
            error = collect_file(manifest, folder, path, is_unwanted);
        }
    }
    closedir(dir);
    return error == VD_OK ? vd_sync_folder(whole) : error;
}

static int compare(const void *a, const void *b)
{
    return strcmp(
        ((const struct vd_manifest_file *)a)->path, ((const struct vd_manifest_file *)b)->path);
}

int vd_manifest_collect(
    struct vd_manifest *manifest, const char *folder, const atomic_bool *is_unwanted)
{
    int error = collect_folder(manifest, folder, "", is_unwanted);

    if (error == VD_OK && manifest->count > 0) {
        qsort(manifest->files, manifest->count, sizeof *manifest->files, compare);
    }
    return error;
}

/* ---- The file ---- */

int vd_manifest_write(const struct vd_manifest *manifest, const char *folder)
{
    char path[VD_PATH_SIZE];
    char *text = vd_manifest_text(manifest);
    int error = text != NULL ? vd_data_path(folder, VD_MANIFEST_FILE, path) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = vd_file_write_new(path, text, strlen(text), 0600);
    }
    free(text);
    return error == VD_OK ? vd_sync_folder(folder) : error;
}

int vd_manifest_read(
    const char *folder, struct vd_manifest *out, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    char reason[256] = "";
    char *text = malloc(VD_MANIFEST_MAX_BYTES);
    size_t length = 0;
    int error = text != NULL ? vd_data_path(folder, VD_MANIFEST_FILE, path) : VD_E_NOMEM;

    if (error == VD_OK) {
        error = vd_file_read_small(path, text, VD_MANIFEST_MAX_BYTES, &length);
    }
    if (error == VD_OK) {
        error = vd_manifest_parse((struct vd_str){text, length}, out, reason, sizeof reason);
    }
    free(text);
    if (error == VD_E_NOT_FOUND) {
        snprintf(
            error_text, error_size, "%.400s holds no " VD_MANIFEST_FILE ": not a backup", folder);
    } else if (error != VD_OK) {
        snprintf(error_text, error_size, "%.400s/" VD_MANIFEST_FILE ": %s", folder,
            reason[0] != '\0' ? reason : vd_error_text(error));
    }
    return error;
}
