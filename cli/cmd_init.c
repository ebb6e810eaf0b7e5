/* SPDX-License-Identifier: MIT */
/* `vedette init`: makes a data directory, whole or not at all; or one of its stores where that is gone. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "api/audit_watch.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/data_make.h"
#include "cli/pki.h"
#include "cli/stores.h"
#include "lib/secret.h"

const struct vd_option vd_init_options[] = {
    {"hub-name", "NAME", "host name by which devices know the hub; default: this machine's"},
    {"https", "ADDRESS:PORT",
        "serves back ends and management there, as 0.0.0.0:443; default: not"},
    {"san", "NAME", "a further name or address for the server's certificate; may be repeated"},
    {"store", "FILE",
        "makes only this one, empty, in a data directory where it is gone: alerts.db or state.db"},
    {NULL, NULL, NULL},
};

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
    /* A webhook's address may hold a secret. */
    good = fchmod(fileno(file), S_IRUSR | S_IWUSR) == 0 && fflush(file) == 0 &&
        fsync(fileno(file)) == 0;
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

struct wish {
    const struct vd_invocation *invocation;
    const char *hub_name;
};

/* The registry knows of the trail from its first record on. */
static int begin_trail(const struct vd_stores *stores)
{
    struct vd_buf anchor = {0};
    int error = vd_audit_add_program(stores->audit, "service.init", "version " VD_VERSION);

    if (error == VD_OK) {
        error = vd_audit_anchor_keep(stores->audit, stores->registry, &anchor);
    }
    vd_buf_release(&anchor);
    return error;
}

static int fill(void *context, const char *staging, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    struct vd_config config;
    struct vd_stores stores;
    const struct wish *wish = context;
    int error =
        make_certificates(wish->invocation, staging, wish->hub_name, error_text, error_size);

    if (error == VD_OK) {
        error = vd_data_path(staging, VD_FILE_MASTER_KEY, path);
    }
    if (error == VD_OK) {
        error = vd_secret_key_file_create(path);
    }
    if (error == VD_OK) {
        error = write_config(wish->invocation, staging, wish->hub_name);
    }
    if (error != VD_OK) {
        if (error_text[0] == '\0') {
            snprintf(error_text, error_size, "%.900s: %s", staging, vd_error_text(error));
        }
        return error;
    }
    vd_config_defaults(&config);
    error = vd_text_copy(wish->hub_name, config.hub_name, sizeof config.hub_name);
    if (error == VD_OK) {
        error = vd_stores_open(staging, &config, VD_NEEDS_ALL, &stores, error_text, error_size);
    }
    if (error == VD_OK) {
        error = begin_trail(&stores);
        vd_stores_close(&stores);
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

/* ---- One store, where it is gone ---- */

static int begin_anew(const char *dir, const char *file, char *error_text, size_t error_size)
{
    char path[VD_PATH_SIZE];
    struct vd_config config;
    struct vd_config_problem problem = {""};
    bool serving = false;
    int lock = -1;
    int error = vd_data_dir_find(dir, error_text, error_size);

    if (error != VD_OK) {
        return error;
    }
    error = vd_data_lock(dir, VD_LOCK_COMMAND, &lock, &serving);
    if (error != VD_OK) {
        vd_data_dir_error_text(dir, error, error_text, error_size);
        return error;
    }
    vd_config_defaults(&config);
    error = vd_data_path(dir, VD_FILE_CONFIG, path);
    if (error == VD_OK) {
        error = vd_config_read(&config, path, &problem);
    }
    if (error == VD_OK) {
        error = vd_stores_begin_anew(dir, &config, file, error_text, error_size);
    } else {
        snprintf(error_text, error_size, "%s", problem.text);
    }
    close(lock);
    return error;
}

static int run_begin_anew(const struct vd_invocation *invocation, const char *file)
{
    char error_text[1024] = "";

    if (invocation->given_count > 1) {
        return vd_cli_usage(invocation, "--store goes with no other option");
    }
    if (begin_anew(invocation->data_dir, file, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    printf("%s/%s is made anew, and empty\n", invocation->data_dir, file);
    return VD_EXIT_OK;
}

int vd_cmd_init(const struct vd_invocation *invocation)
{
    const char *store = vd_invocation_value(invocation, "store");
    const char *hub_name = vd_invocation_value(invocation, "hub-name");
    char dir[VD_PATH_SIZE];
    char word[VD_WORD_SIZE];
    char own_name[VD_HOST_NAME_MAX + 1];
    char error_text[1024] = "";
    struct wish wish = {invocation, NULL};

    if (store != NULL) {
        return run_begin_anew(invocation, store);
    }
    if (hub_name == NULL) {
        default_hub_name(own_name);
        hub_name = own_name;
    }
    if (!options_are_valid(invocation, hub_name)) {
        return VD_EXIT_USAGE;
    }
    if (vd_data_dir_trim(invocation->data_dir, dir) != VD_OK) {
        return vd_cli_fail("%.64s...: the path is too long", invocation->data_dir);
    }
    wish.hub_name = hub_name;
    if (vd_data_make(dir, fill, &wish, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    printf("%s is ready: hub %s\n"
           "devices trust        %s/%s\n"
           "start the service:   vedette serve --data-dir %s\n"
           "make a device:       vedette device create --data-dir %s ID\n",
        dir, hub_name, dir, VD_FILE_CA, vd_path_word(dir, word), vd_path_word(dir, word));
    return VD_EXIT_OK;
}
