/* SPDX-License-Identifier: MIT */
/* The staging directory beside the target, and the moves that put it in place. */

#include "cli/data_make.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/partial.h"
#include "lib/folder.h"
#include "lib/str.h"
#include "lib/sync.h"

#define STAGING ".init-"

/* ---- Where it comes to stand ---- */

enum target {
    TARGET_ABSENT,
    TARGET_EMPTY,
    TARGET_USED,
    TARGET_UNREADABLE
};

static void remove_below(const char *dir, const char *name)
{
    char path[VD_PATH_SIZE];

    if (vd_data_path(dir, name, path) == VD_OK) {
        vd_folder_remove(path);
    }
}

static enum target look_at(const char *dir)
{
    enum target target = TARGET_EMPTY;
    struct dirent *entry;
    DIR *open_dir = opendir(dir);

    if (open_dir == NULL) {
        return errno == ENOENT ? TARGET_ABSENT : TARGET_UNREADABLE;
    }
    while ((entry = readdir(open_dir)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "lost+found") != 0 &&
            strncmp(name, STAGING, sizeof STAGING - 1) != 0) { /* of one that was killed */
            target = TARGET_USED;
        }
    }
    closedir(open_dir);
    return target;
}

static int move_entry(const char *staging, const char *dir, const char *name)
{
    char from[VD_PATH_SIZE];
    char to[VD_PATH_SIZE];

    if (vd_data_path(staging, name, from) != VD_OK || vd_data_path(dir, name, to) != VD_OK) {
        return VD_E_LIMIT;
    }
    return rename(from, to) == 0 ? VD_OK : vd_error_from_errno(errno);
}

/* Moves what was made into the empty `dir`, last the file by which a data directory is known. */
static int move_into(const char *staging, const char *dir)
{
    struct dirent *entry;
    DIR *made = opendir(staging);
    int error = VD_OK;

    if (made == NULL) {
        return vd_error_from_errno(errno);
    }
    while (error == VD_OK && (entry = readdir(made)) != NULL) {
        const char *name = entry->d_name;

        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            strcmp(name, VD_FILE_CONFIG) != 0) {
            error = move_entry(staging, dir, name);
        }
    }
    closedir(made);
    if (error == VD_OK) {
        error = chmod(dir, 0700) == 0 ? VD_OK : vd_error_from_errno(errno);
    }
    return error == VD_OK ? move_entry(staging, dir, VD_FILE_CONFIG) : error;
}

/* Empties `dir`, which was empty before and holds now what is of no use. */
static void take_back(const char *dir)
{
    struct dirent *entry;
    DIR *open_dir = opendir(dir);

    while (open_dir != NULL && (entry = readdir(open_dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            strcmp(entry->d_name, "lost+found") != 0) {
            remove_below(dir, entry->d_name);
        }
    }
    if (open_dir != NULL) {
        closedir(open_dir);
    }
}

/* Makes everything in a directory of its own, then moves it where it belongs. */
static int make(const char *dir, bool absent, vd_data_fill *fill, void *context, char *error_text,
    size_t error_size)
{
    struct vd_partial staging;
    char prefix[VD_PATH_SIZE];
    const int length = snprintf(prefix, sizeof prefix, absent ? "%s" STAGING : "%s/" STAGING, dir);
    int error;

    if (length < 0 || (size_t)length >= sizeof prefix) {
        snprintf(error_text, error_size, "%.200s: the path is too long", dir);
        return VD_E_LIMIT;
    }
    error = vd_partial_open(prefix, &staging);
    if (error != VD_OK) {
        snprintf(error_text, error_size, "%.900s: cannot be made: %s", dir, vd_error_text(error));
        return error;
    }
    error = fill(context, staging.path, error_text, error_size);
    if (error == VD_OK && absent) {
        error = rename(staging.path, dir) == 0 ? VD_OK : vd_error_from_errno(errno);
    } else if (error == VD_OK) {
        error = move_into(staging.path, dir);
        if (error != VD_OK) {
            take_back(dir);
        }
    }
    if (error == VD_OK) {
        error = vd_sync_folder_of(dir);
    }
    if (error != VD_OK && error_text[0] == '\0') {
        snprintf(error_text, error_size, "%.900s: %s", dir, vd_error_text(error));
    }
    if (error != VD_OK || !absent) {
        vd_partial_remove(&staging);
    } else {
        vd_partial_close(&staging);
    }
    return error;
}

int vd_data_dir_trim(const char *given, char out[VD_PATH_SIZE])
{
    size_t length = strlen(given);

    while (length > 1 && given[length - 1] == '/') {
        length--; /* the staging directory stands beside it */
    }
    return vd_str_copy((struct vd_str){given, length}, out, VD_PATH_SIZE);
}

int vd_data_make(
    const char *dir, vd_data_fill *fill, void *context, char *error_text, size_t error_size)
{
    enum target target;
    int error;

    if (vd_data_dir_is_initialised(dir)) {
        snprintf(error_text, error_size,
            "%.400s is initialised already, and was left as it is. Use it with `vedette serve "
            "--data-dir %.400s`, or name another directory",
            dir, dir);
        return VD_E_EXISTS;
    }
    target = look_at(dir);
    if (target == TARGET_UNREADABLE) {
        error = vd_error_from_errno(errno);
        snprintf(error_text, error_size, "%.900s: %s", dir, strerror(errno));
        return error;
    }
    if (target == TARGET_USED) {
        snprintf(error_text, error_size,
            "%.800s holds files that are not a data directory's. Empty it or name another directory",
            dir);
        return VD_E_EXISTS;
    }
    return make(dir, target == TARGET_ABSENT, fill, context, error_text, error_size);
}
