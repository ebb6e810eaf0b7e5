/* SPDX-License-Identifier: MIT */
/* Paths below the data directory, and its lock by flock. */

#include "cli/data_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/str.h"

_Static_assert(
    VD_DATA_DIR_MAX + sizeof "/" VD_FILE_SOCKET == sizeof((struct sockaddr_un *)NULL)->sun_path,
    "the socket's path fits");

/* What a service writes into the lock file: a command that meets the lock can tell whom it waits for. */
#define LOCK_SERVE "serve\n"

int vd_data_path(const char *dir, const char *name, char out[VD_PATH_SIZE])
{
    int length = snprintf(out, VD_PATH_SIZE, "%s/%s", dir, name);

    if (length < 0 || length >= VD_PATH_SIZE) {
        out[0] = '\0';
        return VD_E_LIMIT;
    }
    return VD_OK;
}

int vd_data_config_path(const char *dir, const char *path, char out[VD_PATH_SIZE])
{
    return path[0] == '/' || path[0] == '\0' ? vd_text_copy(path, out, VD_PATH_SIZE)
                                             : vd_data_path(dir, path, out);
}

const char *vd_path_word(const char *path, char out[VD_WORD_SIZE])
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+,:=@%";
    size_t at = 0;

    if (path[0] != '\0' && path[strspn(path, plain)] == '\0') {
        snprintf(out, VD_WORD_SIZE, "%s", path);
        return out;
    }
    out[at++] = '\'';
    for (; *path != '\0' && at < VD_WORD_SIZE - 6; path++) {
        if (*path == '\'') {
            at += (size_t)snprintf(out + at, VD_WORD_SIZE - at, "'\\''");
        } else {
            out[at++] = *path;
        }
    }
    snprintf(out + at, VD_WORD_SIZE - at, "'");
    return out;
}

bool vd_data_dir_is_initialised(const char *dir)
{
    char path[VD_PATH_SIZE];

    return vd_data_path(dir, VD_FILE_CONFIG, path) == VD_OK && access(path, F_OK) == 0;
}

/* Of the folder, or if that is this user's own, of the configuration. False: nobody can tell. */
static bool owned_as(const char *dir, struct stat *out)
{
    char path[VD_PATH_SIZE];
    struct stat status;

    if (stat(dir, out) != 0) {
        return false;
    }
    if (out->st_uid == geteuid() && vd_data_path(dir, VD_FILE_CONFIG, path) == VD_OK &&
        stat(path, &status) == 0) {
        *out = status;
    }
    return true;
}

static bool is_read_only(const char *dir)
{
    return access(dir, W_OK) != 0 && errno == EROFS;
}

static void name_user(uid_t user, char *out, size_t size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char text[1024];

    if (getpwuid_r(user, &entry, text, sizeof text, &found) == 0 && found != NULL) {
        snprintf(out, size, "%s", found->pw_name);
    } else {
        snprintf(out, size, "%u", (unsigned)user);
    }
}

void vd_data_dir_advise(const char *dir, char *out, size_t size)
{
    char word[VD_WORD_SIZE];
    char name[128];
    struct stat owned;

    if (is_read_only(dir)) {
        snprintf(out, size, "its file system is mounted read-only");
        return;
    }
    if (!owned_as(dir, &owned)) {
        snprintf(
            out, size, "a folder above it is closed to this user: run as the user who owns it");
        return;
    }
    name_user(owned.st_uid, name, sizeof name);
    if (owned.st_uid == geteuid()) {
        snprintf(out, size, "not all that is in it belongs to this user: `chown -R %s %s`", name,
            vd_path_word(dir, word));
    } else if (owned.st_uid == 0) {
        snprintf(out, size,
            "it belongs to root: run as the user who owns it, or, if root has restored it, give it to "
            "the service's user: `chown -R USER %s`",
            vd_path_word(dir, word));
    } else {
        snprintf(out, size, "it belongs to %s: run as the user who owns it", name);
    }
}

void vd_data_dir_error_text(const char *dir, int error, char *out, size_t size)
{
    char advice[VD_PATH_SIZE + 256] = "";

    if (error == VD_E_IO && is_read_only(dir)) {
        vd_data_dir_advise(dir, advice, sizeof advice);
        snprintf(out, size, "%s: %s", dir, advice);
        return;
    }
    if (error == VD_E_DENIED) {
        vd_data_dir_advise(dir, advice, sizeof advice);
    }
    snprintf(
        out, size, "%s: %s%s%s", dir, vd_error_text(error), advice[0] != '\0' ? "; " : "", advice);
}

int vd_data_dir_find(const char *dir, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    char word[VD_WORD_SIZE];
    int error = vd_data_path(dir, VD_FILE_CONFIG, path);

    if (error == VD_OK && access(path, R_OK) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (error == VD_OK) {
        return VD_OK;
    }
    if (error == VD_E_DENIED) {
        vd_data_dir_error_text(dir, error, error_text, error_size);
        return VD_E_DENIED;
    }
    snprintf(error_text, error_size,
        "%s is not a data directory: make one with `vedette init --data-dir %s`, or name yours by "
        "--data-dir or VEDETTE_DATA_DIR",
        dir, vd_path_word(dir, word));
    return VD_E_NOT_FOUND;
}

static bool is_held_by_service(int fd)
{
    char text[sizeof LOCK_SERVE] = "";

    return pread(fd, text, sizeof text - 1, 0) > 0 && strcmp(text, LOCK_SERVE) == 0;
}

/* The service of whom the directory belongs to has to open what a command of root has made. */
static void give_to_owner(const char *dir, int file)
{
    struct stat owned;
    struct stat status;

    if (geteuid() == 0 && owned_as(dir, &owned) && owned.st_uid != 0 && fstat(file, &status) == 0 &&
        S_ISREG(status.st_mode) && status.st_nlink == 1 && status.st_uid == 0) {
        (void)!fchown(file, owned.st_uid, owned.st_gid);
    }
}

int vd_data_lock(const char *dir, enum vd_lock_purpose purpose, int *fd, bool *serving)
{
    char path[VD_PATH_SIZE];
    int error = vd_data_path(dir, VD_FILE_LOCK, path);
    int lock;

    if (error != VD_OK) {
        return error;
    }
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) {
        return vd_error_from_errno(errno);
    }
    give_to_owner(dir, lock);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        error = vd_error_from_errno(errno);
        *serving = is_held_by_service(lock);
    } else if (ftruncate(lock, 0) != 0 ||
        (purpose == VD_LOCK_SERVE &&
            pwrite(lock, LOCK_SERVE, sizeof LOCK_SERVE - 1, 0) != sizeof LOCK_SERVE - 1)) {
        /* On a full disk the lock still holds; only the better message is lost. */
        *serving = false;
    }
    if (error != VD_OK) {
        close(lock);
        return error;
    }
    *fd = lock;
    return VD_OK;
}
