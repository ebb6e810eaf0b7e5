/* SPDX-License-Identifier: MIT */
/* `vedette init`: makes a data directory, whole or not at all. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/pki.h"
#include "cli/stores.h"
#include "lib/secret.h"

#define STAGING_PREFIX ".init-"

const struct vd_option vd_init_options[] = {
    {"hub-name", "NAME", "host name by which devices know the hub; default: this machine's"},
    {"https", "ADDRESS:PORT",
        "serves back ends and management there, as 0.0.0.0:443; default: not"},
    {"san", "NAME", "a further name or address for the server's certificate; may be repeated"},
    {NULL, NULL, NULL},
};

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- What is in it ---- */

static int write_config(
    const struct vd_invocation *invocation, const char *staging, const char *hub_name)
{
    char path[VD_PATH_SIZE];
    FILE *file;
    bool good;

    if (vd_data_path(staging, VD_FILE_CONFIG, path) != VD_OK) {
        return VD_E_LIMIT;
    }
    file = fopen(path, "wxe");
    if (file == NULL) {
        return vd_error_from_errno(errno);
    }
    vd_config_write_file(file, hub_name, vd_invocation_value(invocation, "https"));
    good = fflush(file) == 0 && fsync(fileno(file)) == 0;
    return fclose(file) == 0 && good ? VD_OK : VD_E_IO;
}

static int make_certificates(const struct vd_invocation *invocation, const char *staging,
    const char *hub_name, char *error_text, size_t error_size)
{
    char paths[4][VD_PATH_SIZE];
    const char *names[VD_GIVEN_MAX];
    const struct vd_pki_files files = {paths[0], paths[1], paths[2], paths[3]};
    size_t count = 0;

    if (vd_data_path(staging, VD_FILE_CA, paths[0]) != VD_OK ||
        vd_data_path(staging, VD_FILE_CA_KEY, paths[1]) != VD_OK ||
        vd_data_path(staging, VD_FILE_SERVER, paths[2]) != VD_OK ||
        vd_data_path(staging, VD_FILE_SERVER_KEY, paths[3]) != VD_OK) {
        return VD_E_LIMIT;
    }
    for (size_t i = 0; i < invocation->given_count; i++) {
        if (strcmp(invocation->given[i].name, "san") == 0) {
            names[count++] = invocation->given[i].value;
        }
    }
    return vd_pki_create(&files, hub_name, names, count, error_text, error_size);
}

static int fill(const struct vd_invocation *invocation, const char *staging, const char *hub_name,
    char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    struct vd_config config;
    struct vd_stores stores;
    int error = make_certificates(invocation, staging, hub_name, error_text, error_size);

    if (error == VD_OK) {
        error = vd_data_path(staging, VD_FILE_MASTER_KEY, path);
    }
    if (error == VD_OK) {
        error = vd_secret_key_file_create(path);
    }
    if (error == VD_OK) {
        error = write_config(invocation, staging, hub_name);
    }
    if (error != VD_OK) {
        if (error_text[0] == '\0') {
            snprintf(error_text, error_size, "%.900s: %s", staging, vd_error_text(error));
        }
        return error;
    }
    vd_config_defaults(&config);
    error = vd_text_copy(hub_name, config.hub_name, sizeof config.hub_name);
    if (error == VD_OK) {
        error = vd_stores_open(staging, &config, VD_NEEDS_ALL, &stores, error_text, error_size);
    }
    if (error == VD_OK) {
        error = vd_audit_add_program(stores.audit, "service.init", "version " VD_VERSION);
        vd_stores_close(&stores);
    }
    return error;
}

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
        remove_tree(path);
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

        if (strncmp(name, STAGING_PREFIX, sizeof STAGING_PREFIX - 1) == 0) {
            remove_below(dir, name); /* of an init that was killed */
        } else if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
            strcmp(name, "lost+found") != 0) {
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
static int make(const struct vd_invocation *invocation, const char *dir, bool absent,
    const char *hub_name, char *error_text, size_t error_size)
{
    char staging[VD_PATH_SIZE];
    int length = snprintf(staging, sizeof staging,
        absent ? "%s" STAGING_PREFIX "XXXXXX" : "%s/" STAGING_PREFIX "XXXXXX", dir);
    int error;

    if (length < 0 || (size_t)length >= sizeof staging) {
        snprintf(error_text, error_size, "%.200s: the path is too long", dir);
        return VD_E_LIMIT;
    }
    if (mkdtemp(staging) == NULL) {
        snprintf(error_text, error_size, "%.900s: cannot be made: %s", dir, strerror(errno));
        return vd_error_from_errno(errno);
    }
    error = fill(invocation, staging, hub_name, error_text, error_size);
    if (error == VD_OK && absent) {
        error = rename(staging, dir) == 0 ? VD_OK : vd_error_from_errno(errno);
    } else if (error == VD_OK) {
        error = move_into(staging, dir);
        if (error != VD_OK) {
            take_back(dir);
        }
    }
    if (error != VD_OK && error_text[0] == '\0') {
        snprintf(error_text, error_size, "%.900s: %s", dir, vd_error_text(error));
    }
    if (error != VD_OK || !absent) {
        remove_tree(staging);
    }
    return error;
}

/* This machine's name where it can stand in a certificate, else localhost. */
static void default_hub_name(char out[VD_HOST_NAME_MAX + 1])
{
    if (gethostname(out, VD_HOST_NAME_MAX + 1) != 0 ||
        memchr(out, '\0', VD_HOST_NAME_MAX + 1) == NULL ||
        !vd_host_name_is_valid(vd_str_from(out))) {
        snprintf(out, VD_HOST_NAME_MAX + 1, "localhost");
    }
}

/* False: said on stderr. */
static bool options_are_valid(const struct vd_invocation *invocation, const char *hub_name)
{
    const char *https = vd_invocation_value(invocation, "https");
    struct vd_config config;
    struct vd_config_problem problem = {""};

    if (!vd_host_name_is_valid(vd_str_from(hub_name))) {
        vd_cli_usage(invocation, "--hub-name %s: not a host name", hub_name);
        return false;
    }
    vd_config_defaults(&config);
    if (https != NULL &&
        vd_config_set(&config, VD_STR_LITERAL("https.listen"), vd_str_from(https), &problem) !=
            VD_OK) {
        vd_cli_usage(invocation, "--https: %s", problem.text);
        return false;
    }
    return true;
}

int vd_cmd_init(const struct vd_invocation *invocation)
{
    const char *hub_name = vd_invocation_value(invocation, "hub-name");
    const char *given = invocation->data_dir;
    char dir[VD_PATH_SIZE];
    char own_name[VD_HOST_NAME_MAX + 1];
    char error_text[1024] = "";
    enum target target;
    size_t length = strlen(given);

    if (hub_name == NULL) {
        default_hub_name(own_name);
        hub_name = own_name;
    }
    if (!options_are_valid(invocation, hub_name)) {
        return VD_EXIT_USAGE;
    }
    while (length > 1 && given[length - 1] == '/') {
        length--; /* the staging directory stands beside it */
    }
    if (vd_str_copy((struct vd_str){given, length}, dir, sizeof dir) != VD_OK) {
        return vd_cli_fail("%.64s...: the path is too long", given);
    }
    if (vd_data_dir_is_initialised(dir)) {
        return vd_cli_fail(
            "%s is initialised already, and was left as it is. Use it with `vedette serve "
            "--data-dir %s`, or name another directory",
            dir, dir);
    }
    target = look_at(dir);
    if (target == TARGET_UNREADABLE) {
        return vd_cli_fail("%s: %s", dir, strerror(errno));
    }
    if (target == TARGET_USED) {
        return vd_cli_fail(
            "%s holds files that are not a data directory's. Empty it or name another directory",
            dir);
    }
    if (make(invocation, dir, target == TARGET_ABSENT, hub_name, error_text, sizeof error_text) !=
        VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    printf("%s is ready: hub %s\n"
           "devices trust        %s/%s\n"
           "start the service:   vedette serve --data-dir %s\n"
           "make a device:       vedette device create --data-dir %s ID\n",
        dir, hub_name, dir, VD_FILE_CA, dir, dir);
    return VD_EXIT_OK;
}
