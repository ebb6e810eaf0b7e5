/* SPDX-License-Identifier: MIT */
/* Copies a backup's files, opens what is sealed, and proves that the stores open. */

#include "cli/backup/restore.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "api/audit_watch.h"
#include "cli/backup/backup.h"
#include "cli/backup/files.h"
#include "cli/backup/sealed.h"
#include "cli/stores.h"
#include "hub/export/places.h"
#include "lib/clock.h"
#include "lib/secret.h"

struct restoring {
    const struct vd_restore_wish *wish;
    const char *staging;
    uint8_t key[VD_MASTER_KEY_BYTES]; /* that keys are sealed under */
    char *text;
    size_t text_size;
};

static int fail(const struct restoring *r, int error, const char *what, const char *why)
{
    if (error == VD_E_FULL) { /* only what is made takes room */
        what = r->staging;
        why = "no space left on the device: make room on its file system";
    }
    if (error != VD_OK && r->text[0] == '\0') {
        snprintf(
            r->text, r->text_size, "%.400s: %s", what, why != NULL ? why : vd_error_text(error));
    }
    return error;
}

/* ---- Keys ---- */

static int copy_master_key(struct restoring *r)
{
    char from[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    uint8_t master[VD_MASTER_KEY_BYTES];
    int error = r->wish->key_file != NULL ? vd_text_copy(r->wish->key_file, from, sizeof from)
                                          : vd_data_path(r->wish->backup, VD_FILE_MASTER_KEY, from);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(from, master);
    }
    if (error == VD_OK) {
        error = vd_secret_derive(master, VD_BACKUP_SEAL_PURPOSE, r->key);
        vd_secret_wipe(master, sizeof master);
    }
    if (error == VD_OK) {
        error = vd_data_path(r->staging, VD_FILE_MASTER_KEY, path);
    }
    if (error == VD_OK) {
        error = vd_file_copy_followed(from, path, 0600);
    }
    return fail(r, error, from,
        error == VD_E_DENIED ? "it has to be readable by its owner alone (mode 0600)" : NULL);
}

static int open_sealed(struct restoring *r, const struct vd_manifest_file *file)
{
    uint8_t plain[VD_SEALED_MAX_BYTES];
    char name[VD_BACKUP_PATH_SIZE];
    char path[VD_PATH_SIZE];
    size_t length = 0;
    int error = vd_sealed_open(r->key, r->wish->backup, file, name, plain, &length);

    if (error == VD_E_DENIED) {
        return fail(r, error, file->path, VD_SEALED_SHUT);
    }
    if (error == VD_OK) {
        error = vd_data_path(r->staging, name, path);
    }
    if (error == VD_OK) {
        error = vd_file_write_new(path, plain, length, 0600);
    }
    vd_secret_wipe(plain, sizeof plain);
    return fail(r, error, file->path, NULL);
}

/* ---- Files ---- */

/* The configuration is for its owner alone: a webhook's address may hold a secret. */
static mode_t mode_of(const char *path)
{
    static const char *const open_to_all[] = {VD_FILE_CA, VD_FILE_SERVER};

    for (size_t i = 0; i < sizeof open_to_all / sizeof open_to_all[0]; i++) {
        if (strcmp(path, open_to_all[i]) == 0) {
            return 0644;
        }
    }
    return 0600;
}

/* The folder that a file is in is made with the first of it. */
static int make_folder_of(const struct restoring *r, const char *path)
{
    char folder[VD_PATH_SIZE];
    const char *slash = strchr(path, '/');
    char name[VD_BACKUP_PATH_SIZE];

    if (slash == NULL) {
        return VD_OK;
    }
    snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
    if (vd_data_path(r->staging, name, folder) != VD_OK) {
        return VD_E_LIMIT;
    }
    return mkdir(folder, 0700) == 0 || errno == EEXIST ? VD_OK : vd_error_from_errno(errno);
}

static int copy_file(struct restoring *r, const struct vd_manifest_file *file)
{
    struct vd_file_sum sum;
    char from[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(r->wish->backup, file->path, from);

    if (error == VD_OK && vd_sealed_is(file->path)) {
        return open_sealed(r, file); /* its own seal says whether it is damaged */
    }
    if (error == VD_OK) {
        error = make_folder_of(r, file->path);
    }
    if (error == VD_OK) {
        error = vd_data_path(r->staging, file->path, path);
    }
    if (error == VD_OK) {
        error = vd_file_copy_of(from, path, mode_of(file->path), &sum, NULL);
    }
    if (error == VD_OK && (sum.bytes != file->bytes || strcmp(sum.sha256, file->sha256) != 0)) {
        return fail(r, VD_E_CORRUPT, from, "its content is not what the manifest says");
    }
    return fail(r, error, from, NULL);
}

static int copy_files(struct restoring *r)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < r->wish->manifest->count; i++) {
        const struct vd_manifest_file *file = &r->wish->manifest->files[i];

        /* One that was given stands there already. */
        if (strcmp(file->path, VD_FILE_MASTER_KEY) != 0) {
            error = copy_file(r, file);
        }
    }
    return error;
}

/* ---- As a data directory ---- */

static int need_files(const struct restoring *r)
{
    static const char *const names[] = {VD_FILE_CONFIG, VD_FILE_CA, VD_FILE_SERVER,
        VD_FILE_SERVER_KEY, VD_FILE_REGISTRY, VD_FILE_STATE, VD_FILE_ALERTS, VD_FILE_LOG};
    char path[VD_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_data_path(r->staging, names[i], path) != VD_OK || access(path, R_OK) != 0) {
            return fail(r, VD_E_CORRUPT, names[i], "the backup does not hold it");
        }
    }
    return VD_OK;
}

/* The text begins with a path in the folder that is about to go: what stays is its name. */
static void name_as_in_backup(const struct restoring *r)
{
    const size_t length = strlen(r->staging);

    if (strncmp(r->text, r->staging, length) == 0 && r->text[length] == '/') {
        memmove(r->text, r->text + length + 1, strlen(r->text + length + 1) + 1);
    }
}

/* What to do with a store of a data directory can be done with none of a backup. */
static void leave_out_advice(const struct restoring *r)
{
    char *advice = strstr(r->text, "; restore ");

    if (advice != NULL) {
        snprintf(advice, r->text_size - (size_t)(advice - r->text), "; take another backup");
    }
}

static int open_stores(const struct restoring *r)
{
    struct vd_config config;
    struct vd_config_problem problem = {""};
    struct vd_stores stores;
    char cut[VD_TIME_TEXT_SIZE];
    char note[VD_AUDIT_TEXT_MAX];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(r->staging, VD_FILE_CONFIG, path);

    vd_config_defaults(&config);
    if (error == VD_OK) {
        error = vd_config_read(&config, path, &problem);
    }
    if (error != VD_OK) {
        return fail(r, error, VD_FILE_CONFIG, problem.text);
    }
    error = vd_stores_open(r->staging, &config, VD_NEEDS_ALL, &stores, r->text, r->text_size);
    if (error == VD_OK) {
        vd_time_format(r->wish->manifest->cut_ms, cut);
        snprintf(note, sizeof note, "from a backup of %s, written by version %s", cut,
            r->wish->manifest->version);
        error = fail(
            r, vd_audit_add_program(stores.audit, "service.restored", note), VD_FILE_AUDIT, NULL);
        if (error == VD_OK) {
            error = fail(
                r, vd_audit_anchor_follow(stores.audit, stores.registry), VD_FILE_REGISTRY, NULL);
        }
        vd_stores_close(&stores);
    } else {
        name_as_in_backup(r);
        leave_out_advice(r);
    }
    return error;
}

static int renew_epoch(const struct restoring *r)
{
    char path[VD_PATH_SIZE];
    int error = vd_data_path(r->staging, VD_FILE_EXPORTS, path);

    if (error == VD_OK) {
        error = vd_export_places_renew(path);
    }
    return error == VD_E_NOT_FOUND ? VD_OK : fail(r, error, VD_FILE_EXPORTS, NULL);
}

int vd_restore_fill(void *wish, const char *staging, char *error_text, size_t error_size)
{
    struct restoring r = {
        .wish = wish, .staging = staging, .text = error_text, .text_size = error_size};
    int error = copy_master_key(&r);

    if (error == VD_OK) {
        error = copy_files(&r);
    }
    vd_secret_wipe(r.key, sizeof r.key);
    if (error == VD_OK) {
        error = need_files(&r);
    }
    if (error == VD_OK) {
        error = renew_epoch(&r);
    }
    return error == VD_OK ? open_stores(&r) : error;
}
