/* SPDX-License-Identifier: MIT */
/* The staging directory beside the target, and the moves that put it in place. */

#include "cli/data_make.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backup/files.h"
#include "cli/data_dir.h"
#include "cli/partial.h"
#include "lib/folder.h"
#include "lib/str.h"
#include "lib/sync.h"

#define STAGING ".init-"
/* In it, where it stands in the target: what is moved out of it, a name a line. The configuration, which goes last, is not named. */
#define NAMES           ".names"
#define NAMES_MAX_BYTES 16384
#define OPEN_FOLDERS    16

/* ---- Where it comes to stand ---- */

enum target {
    TARGET_ABSENT,
    TARGET_EMPTY,
    TARGET_USED,
    TARGET_UNREADABLE
};

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

/* VD_OK: nothing in `dir` is in the way, or it is absent. */
static int judge(const char *dir, char *error_text, size_t error_size)
{
    char word[VD_WORD_SIZE];
    enum target target;
    int error;

    if (vd_data_dir_is_initialised(dir)) {
        snprintf(error_text, error_size,
            "%.400s is initialised already, and was left as it is. Use it with `vedette serve "
            "--data-dir %.400s`, or name another directory",
            dir, vd_path_word(dir, word));
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
    return VD_OK;
}

/* Keeps others from making one in `dir` meanwhile. *held: -1 if it is absent, or closed to this user. */
static int hold(const char *dir, int *held, char *error_text, size_t error_size)
{
    *held = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*held >= 0 && flock(*held, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        snprintf(error_text, error_size,
            "%.900s: another `vedette init` or `vedette restore` is at work in it", dir);
        close(*held);
        return VD_E_BUSY;
    }
    return VD_OK;
}

/* ---- Its moves ---- */

static bool is_there(const char *dir, const char *name)
{
    char path[VD_PATH_SIZE];
    struct stat about;

    return vd_data_path(dir, name, path) != VD_OK || lstat(path, &about) == 0;
}

/* Writes into `staging` what is to be moved out of it; text: the same, which strsep takes apart. */
static int list_names(const char *staging, char text[NAMES_MAX_BYTES])
{
    struct dirent *entry;
    char path[VD_PATH_SIZE];
    size_t length = 0;
    DIR *made = opendir(staging);
    int error = VD_OK;

    if (made == NULL) {
        return vd_error_from_errno(errno);
    }
    text[0] = '\0';
    while (error == VD_OK && (entry = readdir(made)) != NULL) {
        const char *name = entry->d_name;

        if (name[0] == '.' || strcmp(name, VD_FILE_CONFIG) == 0) {
            continue;
        }
        if (length + strlen(name) + 2 > NAMES_MAX_BYTES) {
            error = VD_E_LIMIT;
        } else {
            length += (size_t)snprintf(text + length, NAMES_MAX_BYTES - length, "%s\n", name);
        }
    }
    closedir(made);
    if (error == VD_OK) {
        error = vd_data_path(staging, NAMES, path);
    }
    if (error == VD_OK) {
        error = vd_file_write_new(path, text, length, 0600);
    }
    return error == VD_OK ? vd_sync_folder(staging) : error;
}

static int move_entry(const char *staging, const char *dir, const char *name)
{
    char from[VD_PATH_SIZE];
    char to[VD_PATH_SIZE];

    if (vd_data_path(staging, name, from) != VD_OK || vd_data_path(dir, name, to) != VD_OK) {
        return VD_E_LIMIT;
    }
    if (is_there(dir, name)) {
        return VD_E_EXISTS;
    }
    return rename(from, to) == 0 ? VD_OK : vd_error_from_errno(errno);
}

/* Moves what was made into the empty `dir`, last the file by which a data directory is known. */
static int move_into(const char *staging, const char *dir, char *error_text, size_t error_size)
{
    char names[NAMES_MAX_BYTES];
    char *rest = names;
    const char *name;
    int error = list_names(staging, names);

    while (error == VD_OK && (name = strsep(&rest, "\n")) != NULL) {
        error = name[0] != '\0' ? move_entry(staging, dir, name) : VD_OK;
    }
    if (error == VD_OK && chmod(dir, 0700) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (error == VD_OK) {
        error = vd_sync_folder(dir);
    }
    if (error == VD_OK) {
        error = move_entry(staging, dir, VD_FILE_CONFIG);
    }
    if (error == VD_OK && vd_sync_folder(dir) != VD_OK) {
        snprintf(error_text, error_size, "%.900s " VD_PARTIAL_STANDS, dir);
        error = VD_E_IO;
    }
    return error;
}

/*
 * Removes from `dir` what was moved there out of `staging`, which names it and no longer holds it. Nothing if the configuration was
 * moved too: then it is a data directory.
 */
static void take_back(void *context, const char *staging)
{
    const char *dir = context;
    char list[VD_PATH_SIZE];
    char names[NAMES_MAX_BYTES];
    char path[VD_PATH_SIZE];
    char *rest = names;
    const char *name;
    size_t length = 0;

    if (!vd_data_dir_is_initialised(staging) || vd_data_path(staging, NAMES, list) != VD_OK ||
        vd_file_read_small(list, names, sizeof names - 1, &length) != VD_OK) {
        return;
    }
    names[length] = '\0';
    while ((name = strsep(&rest, "\n")) != NULL) {
        if (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL &&
            !is_there(staging, name) && vd_data_path(dir, name, path) == VD_OK) {
            vd_folder_remove(path);
        }
    }
    unlink(list); /* staging is about to hold less, which then was not moved */
}

/* ---- The whole ---- */

static int sync_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)place;
    return kind == FTW_D ? vd_sync_folder(path) : 0;
}

/* Its files are synced by those who wrote them. */
static int sync_folders(const char *staging)
{
    const int error = nftw(staging, sync_entry, OPEN_FOLDERS, FTW_PHYS);

    return error < 0 ? vd_error_from_errno(errno) : error;
}

/* Writes into out the prefix of staging directories: beside `dir` if that is absent, in it otherwise. */
static int staging_prefix(const char *dir, bool absent, char out[VD_PATH_SIZE])
{
    const int length = snprintf(out, VD_PATH_SIZE, absent ? "%s" STAGING : "%s/" STAGING, dir);

    return length >= 0 && length < VD_PATH_SIZE ? VD_OK : VD_E_LIMIT;
}

static int put_in_place(
    struct vd_partial *staging, const char *dir, bool absent, char *error_text, size_t error_size)
{
    int error = sync_folders(staging->path);

    if (error == VD_OK && absent) {
        return vd_partial_publish(staging, dir, error_text, error_size);
    }
    if (error == VD_OK) {
        error = judge(dir, error_text, error_size); /* it took minutes */
    }
    if (error == VD_OK) {
        error = move_into(staging->path, dir, error_text, error_size);
        if (error != VD_OK) {
            take_back((void *)(uintptr_t)dir, staging->path);
        }
    }
    return error;
}

/* Makes everything in a directory of its own, then moves it where it belongs. */
static int make(const char *dir, bool absent, vd_data_fill *fill, void *context, char *error_text,
    size_t error_size)
{
    struct vd_partial staging;
    char prefix[VD_PATH_SIZE];
    int error = staging_prefix(dir, absent, prefix);

    if (error != VD_OK) {
        snprintf(error_text, error_size, "%.200s: the path is too long", dir);
        return error;
    }
    error = vd_partial_open(prefix, &staging);
    if (error != VD_OK) {
        snprintf(error_text, error_size, "%.900s: cannot be made: %s", dir, vd_error_text(error));
        return error;
    }
    error = fill(context, staging.path, error_text, error_size);
    if (error == VD_OK) {
        error = put_in_place(&staging, dir, absent, error_text, error_size);
    }
    if (error != VD_OK && error_text[0] == '\0') {
        snprintf(error_text, error_size, "%.900s: %s", dir, vd_error_text(error));
    }
    vd_partial_remove(&staging);
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
    char prefix[VD_PATH_SIZE];
    int held = -1;
    int error;

    if (strlen(dir) > VD_DATA_DIR_MAX) {
        snprintf(error_text, error_size, "%.512s: " VD_DATA_DIR_TOO_LONG, dir);
        return VD_E_LIMIT;
    }
    error = hold(dir, &held, error_text, error_size);
    if (error != VD_OK) {
        return error;
    }
    if (held >= 0 && !vd_data_dir_is_initialised(dir) &&
        staging_prefix(dir, false, prefix) == VD_OK) {
        vd_partial_visit(prefix, take_back, (void *)(uintptr_t)dir);
    }
    error = judge(dir, error_text, error_size);
    if (error == VD_OK) {
        error = make(dir, held < 0, fill, context, error_text, error_size);
    }
    if (held >= 0) {
        close(held);
    }
    return error;
}
