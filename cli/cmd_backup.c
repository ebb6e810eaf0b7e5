/* SPDX-License-Identifier: MIT */
/* `vedette backup`, `verify` and `restore`. */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/backup/check.h"
#include "cli/backup/restore.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/data_make.h"
#include "cli/table.h"
#include "lib/clock.h"
#include "lib/log.h"

const struct vd_option vd_backup_options[] = {
    {"with-master-key", NULL,
        "puts the master key into the backup, and the keys of certificates as they are"},
    {NULL, NULL, NULL},
};

const struct vd_option vd_verify_options[] = {
    {"master-key", "FILE", "the master key, where the backup does not hold it"},
    {NULL, NULL, NULL},
};

const struct vd_option vd_restore_options[] = {
    {"master-key", "FILE", "the master key, where the backup does not hold it"},
    {NULL, NULL, NULL},
};

/* ---- Backup ---- */

/* The path as the service sees it, which has another working directory. False: said. */
static bool make_absolute(const char *given, char out[VD_PATH_SIZE])
{
    char folder[VD_PATH_SIZE];
    char *absolute;
    const char *slash;
    const char *name;
    int length;

    if (vd_data_dir_trim(given, folder) != VD_OK) {
        vd_cli_fail("%.64s...: the path is too long", given);
        return false;
    }
    slash = strrchr(folder, '/');
    name = slash != NULL ? slash + 1 : folder;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        vd_cli_fail("%s: name a folder that does not exist yet", given);
        return false;
    }
    name = given + (name - folder);
    folder[slash != NULL ? slash - folder + 1 : 0] = '\0';
    absolute = realpath(slash != NULL ? folder : ".", NULL);
    if (absolute == NULL) {
        vd_cli_fail("%s: %s", slash != NULL ? folder : ".", strerror(errno));
        return false;
    }
    length = snprintf(out, VD_PATH_SIZE, "%s%s%.*s", absolute,
        strcmp(absolute, "/") == 0 ? "" : "/", (int)strcspn(name, "/"), name);
    free(absolute);
    if (length < 0 || length >= VD_PATH_SIZE) {
        vd_cli_fail("%.64s...: the path is too long", given);
        return false;
    }
    return true;
}

static atomic_bool interrupted;

static void on_interrupt(int number)
{
    (void)number;
    atomic_store(&interrupted, true);
}

static void print_backup(const json_t *answer)
{
    const char *directory = "";
    const char *cut = "";
    json_int_t files = 0;
    json_int_t bytes = 0;
    json_int_t pause_us = 0;
    int has_key = 0;

    json_unpack((json_t *)(uintptr_t)answer, "{s:s, s:s, s:I, s:I, s:I, s:b}", "directory",
        &directory, "cut", &cut, "files", &files, "bytes", &bytes, "pauseMicroseconds", &pause_us,
        "hasMasterKey", &has_key);
    printf("%s: %lld files, %lld bytes, as of %s; the center stood still for %.1f ms\n", directory,
        (long long)files, (long long)bytes, cut, (double)pause_us / 1000);
    puts(has_key != 0 ? "it holds the master key: whoever has it can be any device"
                      : "without the master key: keep that elsewhere, restore needs it");
}

int vd_cmd_backup(const struct vd_invocation *invocation)
{
    char destination[VD_PATH_SIZE];
    const struct sigaction action = {.sa_handler = on_interrupt};
    struct vd_api_request request = {.method = "POST", .path = "/backup", .is_gone = &interrupted};
    json_t *answer = NULL;
    json_t *body;
    char *text;

    if (!make_absolute(invocation->arguments[0], destination)) {
        return VD_EXIT_FAILURE;
    }
    body = json_pack("{s:s, s:b}", "directory", destination, "withMasterKey",
        vd_invocation_value(invocation, "with-master-key") != NULL ? 1 : 0);
    text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        return vd_cli_fail("%s", body != NULL ? "out of memory" : "the path is not UTF-8");
    }
    request.body = vd_str_from(text);
    sigaction(SIGINT, &action, NULL); /* what is written is removed */
    sigaction(SIGTERM, &action, NULL);
    answer = vd_client_json(invocation->data_dir, &request);
    free(text);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        puts("");
    } else {
        print_backup(answer);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

/* ---- Verify ---- */

static int verify_data(const char *dir, struct vd_checks *checks)
{
    char error_text[2048];
    bool serving = false;
    int lock = -1;
    int error;

    if (vd_data_dir_find(dir, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    error = vd_data_lock(dir, VD_LOCK_COMMAND, &lock, &serving);
    if (error == VD_E_BUSY) {
        return vd_cli_fail("%s: %s works on it. Verify a backup of it instead: `vedette backup`",
            dir, serving ? "`vedette serve`" : "another command");
    }
    if (error == VD_OK) {
        error = vd_check_data(dir, checks);
        close(lock);
    }
    if (error != VD_OK) {
        vd_data_dir_error_text(dir, error, error_text, sizeof error_text);
        return vd_cli_fail("%s", error_text);
    }
    return VD_EXIT_OK;
}

static int verify_backup(
    const struct vd_invocation *invocation, const char *backup, struct vd_checks *checks)
{
    const int error =
        vd_check_backup(backup, vd_invocation_value(invocation, "master-key"), checks);

    return error == VD_OK ? VD_EXIT_OK : vd_cli_fail("%s: %s", backup, vd_error_text(error));
}

/* Names of files that are no backup's may be anything. */
static void print_what(const char *what)
{
    const int wide = 32 - (int)strnlen(what, 32);

    vd_print_safe(what);
    printf("%*s", wide, "");
}

static void print_checks(const struct vd_checks *checks)
{
    size_t i;
    json_t *check;

    json_array_foreach(checks->list, i, check)
    {
        printf("%-4s ",
            json_is_true(json_object_get(check, "other"))    ? "note"
                : json_is_true(json_object_get(check, "ok")) ? "ok"
                                                             : "BAD");
        print_what(json_string_value(json_object_get(check, "what")));
        printf(" %s\n", json_string_value(json_object_get(check, "text")));
    }
    if (checks->bad > 0) {
        printf("%u of %zu %s bad\n", checks->bad, json_array_size(checks->list),
            checks->bad == 1 ? "is" : "are");
    } else {
        puts("all is well");
    }
    if (checks->others > 0) {
        printf("%u entries are not in the manifest\n", checks->others);
    }
}

int vd_cmd_verify(const struct vd_invocation *invocation)
{
    const char *backup = invocation->argument_count > 0 ? invocation->arguments[0] : NULL;
    struct vd_checks checks = {.list = json_array()};
    int status;

    if (checks.list == NULL) {
        return vd_cli_fail("out of memory");
    }
    if (backup == NULL && vd_invocation_value(invocation, "master-key") != NULL) {
        json_decref(checks.list);
        return vd_cli_usage(invocation, "--master-key is for backups");
    }
    vd_log_set_level(VD_LOG_ERROR);
    status = backup != NULL ? verify_backup(invocation, backup, &checks)
                            : verify_data(invocation->data_dir, &checks);
    if (status == VD_EXIT_OK && invocation->output == VD_OUTPUT_JSON) {
        json_t *json =
            json_pack("{s:b, s:O}", "ok", checks.bad == 0 ? 1 : 0, "checks", checks.list);

        json_dumpf(json, stdout, JSON_INDENT(2));
        puts("");
        json_decref(json);
    } else if (status == VD_EXIT_OK) {
        print_checks(&checks);
    }
    json_decref(checks.list);
    return status == VD_EXIT_OK && checks.bad > 0 ? VD_EXIT_FAILURE : status;
}

/* ---- Restore ---- */

static int restore(
    const struct vd_invocation *invocation, const struct vd_manifest *manifest, const char *dir)
{
    struct vd_restore_wish wish = {.backup = invocation->arguments[0],
        .key_file = vd_invocation_value(invocation, "master-key"),
        .manifest = manifest};
    char error_text[1024] = "";
    char cut[VD_TIME_TEXT_SIZE];
    char word[VD_WORD_SIZE];

    if (wish.key_file == NULL && !manifest->has_master_key) {
        return vd_cli_fail(
            "%s does not hold the master key: name the file by --master-key (it was `%s` in the data directory)",
            wish.backup, VD_FILE_MASTER_KEY);
    }
    if (vd_data_make(dir, vd_restore_fill, &wish, error_text, sizeof error_text) != VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    vd_time_format(manifest->cut_ms, cut);
    printf("%s is as it was on %s (hub %s, vedette %s)\n"
           "start the service:   vedette serve --data-dir %s\n",
        dir, cut, manifest->hub_name, manifest->version, vd_path_word(dir, word));
    return VD_EXIT_OK;
}

int vd_cmd_restore(const struct vd_invocation *invocation)
{
    struct vd_manifest manifest = {0};
    char dir[VD_PATH_SIZE];
    char error_text[1024] = "";
    int status;

    if (vd_data_dir_trim(invocation->data_dir, dir) != VD_OK) {
        return vd_cli_fail("%.64s...: the path is too long", invocation->data_dir);
    }
    if (vd_manifest_read(invocation->arguments[0], &manifest, error_text, sizeof error_text) !=
        VD_OK) {
        return vd_cli_fail("%s", error_text);
    }
    vd_log_set_level(VD_LOG_ERROR);
    status = restore(invocation, &manifest, dir);
    vd_manifest_release(&manifest);
    return status;
}
