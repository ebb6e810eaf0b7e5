/* SPDX-License-Identifier: MIT */
/* The manifest in its folder, and the list of what is there. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct collecting {
    struct vd_manifest *manifest;
    const char *folder;
    const atomic_bool *is_unwanted;
};

/* Of the folder itself, or of one folder within. */
static int collect_folder(struct collecting *c, const char *below);

static int collect_one(void *context, const char *path, bool is_folder)
{
    struct collecting *c = context;

    return is_folder && strchr(path, '/') == NULL
        ? collect_folder(c, path)
        : collect_file(c->manifest, c->folder, path, c->is_unwanted);
}

static int collect_folder(struct collecting *c, const char *below)
{
    char whole[VD_PATH_SIZE];
    int error = vd_data_path(c->folder, below, whole);

    if (error == VD_OK) {
        error = vd_folder_each(c->folder, below, collect_one, c);
    }
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
    struct collecting collecting = {manifest, folder, is_unwanted};
    int error = collect_folder(&collecting, "");

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
