/* SPDX-License-Identifier: MIT */
/* Writes a backup beside its destination, and names it when it is whole. */

#include "cli/backup/backup.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/backup/cut.h"
#include "cli/backup/files.h"
#include "cli/data_dir.h"
#include "cli/partial.h"
#include "lib/clock.h"
#include "lib/sandbox.h"
#include "lib/secret.h"

/* Files that do not change while the service runs. */
static const char *const plain_files[] = {VD_FILE_CONFIG, VD_FILE_CA, VD_FILE_SERVER};
static const char *const key_files[] = {VD_FILE_CA_KEY, VD_FILE_SERVER_KEY};
#define KEY_FILE_MAX_BYTES 16384

struct writing {
    const struct vd_backup_wish *wish;
    struct vd_cut cut;
    struct vd_partial folder;
    char *text;
    size_t text_size;
};

static int fail(struct writing *w, int error, const char *what)
{
    if (error != VD_OK && w->text[0] == '\0') {
        snprintf(w->text, w->text_size, "%.400s: %s", what,
            w->cut.text[0] != '\0' ? w->cut.text : vd_error_text(error));
    }
    return error;
}

/* ---- The parts ---- */

static int copy_databases(struct writing *w)
{
    /* First what grows fastest: a transaction keeps its write-ahead log from starting anew. */
    static const enum vd_cut_database order[] = {
        VD_CUT_LOG, VD_CUT_ALERTS, VD_CUT_STATE, VD_CUT_REGISTRY, VD_CUT_AUDIT};
    char path[VD_PATH_SIZE];
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof order / sizeof order[0]; i++) {
        if (!vd_cut_has(&w->cut, order[i])) {
            continue;
        }
        error = vd_data_path(w->folder.path, vd_cut_names[order[i]], path);
        if (error == VD_OK) {
            error = vd_cut_copy(&w->cut, order[i], path);
        }
        fail(w, error, vd_cut_names[order[i]]);
    }
    return error;
}

static int make_folder(struct writing *w, const char *name, char out[VD_PATH_SIZE])
{
    int error = vd_data_path(w->folder.path, name, out);

    if (error == VD_OK && mkdir(out, 0700) != 0) {
        error = vd_error_from_errno(errno);
    }
    return fail(w, error, name);
}

static int copy_feeds(struct writing *w)
{
    char folder[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    int error = make_folder(w, "intel", folder);

    for (size_t i = 0; error == VD_OK && i < w->cut.feed_count; i++) {
        error = vd_data_path(folder, w->cut.feeds[i].name, path);
        if (error == VD_OK) {
            error = vd_file_copy(w->cut.feeds[i].fd, path, 0600, NULL, w->wish->is_unwanted);
        }
        fail(w, error, w->cut.feeds[i].name);
    }
    return error;
}

static int copy_folder(struct writing *w, const char *from, const char *to)
{
    char source[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    DIR *dir = opendir(from);
    int error = VD_OK;

    if (dir == NULL) {
        return fail(w, vd_error_from_errno(errno), from);
    }
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        error = vd_data_path(from, entry->d_name, source);
        if (error == VD_OK) {
            error = vd_data_path(to, entry->d_name, path);
        }
        if (error == VD_OK) {
            error = vd_file_copy_of(source, path, 0600, NULL, w->wish->is_unwanted);
        }
        fail(w, error, entry->d_name);
    }
    closedir(dir);
    return error;
}

static int copy_days(struct writing *w)
{
    const char *from = NULL;
    char folder[VD_PATH_SIZE];
    char reason[400] = "";
    int error = make_folder(w, VD_FILE_ANALYTICS, folder);

    if (error == VD_OK) {
        error = vd_analytics_copy_finish(w->wish->analytics, &from, reason, sizeof reason);
        if (error != VD_OK && reason[0] != '\0') {
            snprintf(w->text, w->text_size, VD_FILE_ANALYTICS ": %s", reason);
        }
        fail(w, error, VD_FILE_ANALYTICS);
    }
    return error == VD_OK ? copy_folder(w, from, folder) : error;
}

/* ---- Keys ---- */

static int copy_plain(struct writing *w, const char *name, mode_t mode)
{
    char from[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(w->wish->data_dir, name, from);

    if (error == VD_OK) {
        error = vd_data_path(w->folder.path, name, path);
    }
    if (error == VD_OK) {
        error = vd_file_copy_followed(from, path, mode);
    }
    return fail(w, error, name);
}

/* The authority's key need not be there: see docs/adr/0010-secrets.md. */
static bool is_kept_elsewhere(const struct writing *w, const char *name)
{
    char path[VD_PATH_SIZE];

    return strcmp(name, VD_FILE_CA_KEY) == 0 &&
        vd_data_path(w->wish->data_dir, name, path) == VD_OK && access(path, F_OK) != 0 &&
        errno == ENOENT;
}

static int seal_file(struct writing *w, const uint8_t key[VD_MASTER_KEY_BYTES], const char *name)
{
    uint8_t plain[KEY_FILE_MAX_BYTES];
    uint8_t sealed[KEY_FILE_MAX_BYTES + VD_SEAL_OVERHEAD];
    char sealed_name[64];
    char path[VD_PATH_SIZE];
    size_t length = 0;
    int error = vd_data_path(w->wish->data_dir, name, path);

    if (error == VD_OK) {
        error = vd_file_read_small(path, plain, sizeof plain, &length);
    }
    if (error == VD_OK) {
        error = vd_secret_seal(key, vd_str_from(name), plain, length, sealed);
    }
    vd_secret_wipe(plain, sizeof plain);
    snprintf(sealed_name, sizeof sealed_name, "%s" VD_BACKUP_SEALED, name);
    if (error == VD_OK) {
        error = vd_data_path(w->folder.path, sealed_name, path);
    }
    if (error == VD_OK) {
        error = vd_file_write_new(path, sealed, length + VD_SEAL_OVERHEAD, 0600);
    }
    return fail(w, error, name);
}

static int seal_keys(struct writing *w)
{
    uint8_t master[VD_MASTER_KEY_BYTES];
    uint8_t key[VD_MASTER_KEY_BYTES];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(w->wish->data_dir, VD_FILE_MASTER_KEY, path);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(path, master);
    }
    if (error == VD_OK) {
        error = vd_secret_derive(master, VD_BACKUP_SEAL_PURPOSE, key);
        vd_secret_wipe(master, sizeof master);
    }
    fail(w, error, VD_FILE_MASTER_KEY);
    for (size_t i = 0; error == VD_OK && i < sizeof key_files / sizeof key_files[0]; i++) {
        if (!is_kept_elsewhere(w, key_files[i])) {
            error = seal_file(w, key, key_files[i]);
        }
    }
    vd_secret_wipe(key, sizeof key);
    return error;
}

static int copy_keys(struct writing *w)
{
    int error = copy_plain(w, VD_FILE_MASTER_KEY, 0600);

    for (size_t i = 0; error == VD_OK && i < sizeof key_files / sizeof key_files[0]; i++) {
        if (!is_kept_elsewhere(w, key_files[i])) {
            error = copy_plain(w, key_files[i], 0600);
        }
    }
    return error;
}

static int copy_small(struct writing *w)
{
    char path[VD_PATH_SIZE];
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof plain_files / sizeof plain_files[0]; i++) {
        error = copy_plain(w, plain_files[i], 0600);
    }
    if (error == VD_OK && w->cut.has_exports) {
        error = vd_data_path(w->folder.path, VD_FILE_EXPORTS, path);
        if (error == VD_OK) {
            error = vd_file_write_new(path, w->cut.exports.data, w->cut.exports.length, 0600);
        }
        fail(w, error, VD_FILE_EXPORTS);
    }
    if (error == VD_OK) {
        error = w->wish->with_master_key ? copy_keys(w) : seal_keys(w);
    }
    return error;
}

/* ---- The whole ---- */

static int fill(struct writing *w)
{
    int error = vd_cut_make(&w->cut, w->wish);

    if (error != VD_OK) {
        return fail(w, error, w->wish->data_dir);
    }
    error = copy_databases(w);
    if (error == VD_OK) {
        error = copy_feeds(w);
    }
    if (error == VD_OK) {
        error = copy_small(w);
    }
    if (error == VD_OK) {
        error = copy_days(w);
    }
    return error;
}

static int list(struct writing *w, struct vd_manifest *out, uint64_t *bytes)
{
    struct vd_manifest manifest = {.cut_ms = w->cut.cut_ms,
        .pause_us = w->cut.pause_us,
        .has_master_key = w->wish->with_master_key};
    int error = vd_text_copy(VD_VERSION, manifest.version, sizeof manifest.version);

    if (error == VD_OK) {
        error = vd_text_copy(w->wish->hub_name, manifest.hub_name, sizeof manifest.hub_name);
    }
    if (error == VD_OK) {
        error = vd_manifest_collect(&manifest, w->folder.path, w->wish->is_unwanted);
    }
    if (error == VD_OK) {
        manifest.finished_ms = vd_clock_utc_ms();
        error = vd_manifest_write(&manifest, w->folder.path);
    }
    *bytes = 0;
    for (size_t i = 0; i < manifest.count; i++) {
        *bytes += manifest.files[i].bytes;
    }
    *out = manifest;
    free(manifest.files);
    out->files = NULL;
    return fail(w, error, VD_MANIFEST_FILE);
}

/* Whether `path`, an absolute one of what is not there yet, is to be in the folder `dir` or below. */
static bool is_below(const char *path, const char *dir)
{
    char parent[VD_PATH_SIZE];
    char above[PATH_MAX];
    struct stat folder;
    struct stat status;
    char *slash;

    if (stat(dir, &folder) != 0 || vd_text_copy(path, parent, sizeof parent) != VD_OK) {
        return false;
    }
    do {
        slash = strrchr(parent, '/');
        if (slash == NULL || slash == parent) {
            return false;
        }
        *slash = '\0';
    } while (slash[1] == '\0');
    if (realpath(parent, above) == NULL) {
        return false; /* nothing can be made in it */
    }
    do {
        if (stat(above, &status) == 0 && status.st_dev == folder.st_dev &&
            status.st_ino == folder.st_ino) {
            return true;
        }
        slash = strrchr(above, '/');
        *slash = '\0';
    } while (slash != above);
    return false;
}

/* The backup in which `path`, as above, is to be; false: in none. */
static bool is_in_backup(const char *path, char above[PATH_MAX])
{
    struct vd_manifest manifest = {0};
    char parent[VD_PATH_SIZE];
    char file[PATH_MAX + sizeof "/" VD_MANIFEST_FILE];
    char reason[1024];
    char *slash;
    bool found = false;

    if (vd_text_copy(path, parent, sizeof parent) != VD_OK) {
        return false;
    }
    slash = strrchr(parent, '/');
    *(slash != NULL ? slash : parent) = '\0';
    if (realpath(parent, above) == NULL) {
        return false;
    }
    while (!found && (slash = strrchr(above, '/')) != NULL && slash[1] != '\0') {
        snprintf(file, sizeof file, "%s/" VD_MANIFEST_FILE, above);
        /* Others have files of that name too. */
        found = access(file, F_OK) == 0 &&
            vd_manifest_read(above, &manifest, reason, sizeof reason) == VD_OK;
        vd_manifest_release(&manifest);
        if (!found) {
            *slash = '\0';
        }
    }
    return found;
}

static int open_folder(struct writing *w)
{
    char prefix[VD_PATH_SIZE];
    char above[PATH_MAX];
    struct stat status;
    int error;

    if (lstat(w->wish->destination, &status) == 0) {
        return fail(w, VD_E_EXISTS, w->wish->destination);
    }
    if (is_below(w->wish->destination, w->wish->data_dir)) {
        snprintf(w->text, w->text_size,
            "%.400s is in the data directory, which would hold its own backup: name a folder outside of it",
            w->wish->destination);
        return VD_E_INVALID;
    }
    if (is_in_backup(w->wish->destination, above)) {
        snprintf(w->text, w->text_size,
            "%.400s is in the backup %.400s, to which it does not belong: name a folder outside of it",
            w->wish->destination, above);
        return VD_E_INVALID;
    }
    if (!vd_sandbox_reaches(w->wish->destination)) {
        snprintf(w->text, w->text_size, "%.400s " VD_SANDBOX_OUTSIDE, w->wish->destination);
        return VD_E_DENIED;
    }
    error =
        snprintf(prefix, sizeof prefix, "%s.partial-", w->wish->destination) < (int)sizeof prefix
        ? vd_partial_open(prefix, &w->folder)
        : VD_E_LIMIT;
    if (error != VD_OK) {
        snprintf(w->text, w->text_size, "%.400s cannot be made by user %d, who writes it: %s",
            w->wish->destination, (int)geteuid(), vd_error_text(error));
    }
    return error;
}

int vd_backup_write(const struct vd_backup_wish *wish, struct vd_manifest *out, uint64_t *bytes,
    char *error_text, size_t error_size)
{
    struct writing w = {.wish = wish, .text = error_text, .text_size = error_size};
    int error = open_folder(&w);

    if (error != VD_OK) {
        return error;
    }
    error_text[0] = '\0';
    error = fill(&w);
    vd_cut_release(&w.cut);
    if (error == VD_OK) {
        error = list(&w, out, bytes);
    }
    if (error == VD_OK) {
        error = vd_partial_publish(&w.folder, wish->destination, error_text, error_size);
    }
    if (error != VD_OK) {
        vd_partial_remove(&w.folder);
    } else {
        vd_partial_close(&w.folder);
    }
    return error;
}

int vd_backup_of_api(const struct vd_api *api, const struct vd_api_backup_wish *asked, json_t **out,
    char *error_text, size_t error_size)
{
    const struct vd_backup_wish wish = {.data_dir = api->data_dir,
        .destination = asked->directory,
        .hub_name = api->host_name,
        .with_master_key = asked->with_master_key,
        .analytics = api->analytics,
        .center = api->center,
        .is_unwanted = asked->is_unwanted};
    struct vd_manifest manifest = {0};
    char cut[VD_TIME_TEXT_SIZE];
    uint64_t bytes = 0;
    size_t files;
    int error = vd_backup_write(&wish, &manifest, &bytes, error_text, error_size);

    if (error != VD_OK) {
        return error;
    }
    files = manifest.count;
    vd_time_format(manifest.cut_ms, cut);
    *out = json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "directory", asked->directory, "cut", cut,
        "files", (json_int_t)files, "bytes", (json_int_t)bytes, "pauseMicroseconds",
        (json_int_t)manifest.pause_us, "hasMasterKey", manifest.has_master_key ? 1 : 0);
    return *out != NULL ? VD_OK : VD_E_NOMEM;
}
