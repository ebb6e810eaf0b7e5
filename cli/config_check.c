/* SPDX-License-Identifier: MIT */
/* The checks of `vedette config check`, by which `vedette serve` starts too. */

#include "cli/config_check.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/pki.h"
#include "lib/clock.h"
#include "lib/secret.h"

/* A certificate that ends within so many days is worth a word. */
#define CERTIFICATE_WARN_DAYS 30
#define OTHERS                (S_IRWXG | S_IRWXO)

struct checking {
    const struct vd_config_source *source;
    struct vd_config *config;
    struct vd_config_lines lines;
    vd_config_found *found;
    void *context;
    bool is_startable;
};

static void tell(struct checking *c, enum vd_config_grade finding, unsigned line, const char *what,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

static void tell(struct checking *c, enum vd_config_grade finding, unsigned line, const char *what,
    const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->is_startable = c->is_startable && finding != VD_GRADE_STOP;
    c->found(c->context, finding, line, what, text);
}

/* ---- The text ---- */

static void tell_line(void *context, unsigned line, const char *text)
{
    tell(context, VD_GRADE_STOP, line, "", "%s", text);
}

static void read_settings(struct checking *c)
{
    struct vd_config_problem problem = {""};
    char path[VD_PATH_SIZE];
    const char *file = c->source->file;

    vd_config_defaults(c->config);
    if (file == NULL) {
        if (vd_data_path(c->source->dir, VD_FILE_CONFIG, path) != VD_OK) {
            tell(c, VD_GRADE_STOP, 0, "", "the path is too long");
            return;
        }
        file = path;
    }
    (void)vd_config_read_all(c->config, file, &c->lines, tell_line, c);
    for (size_t i = 0; i < c->source->override_count; i++) {
        const char *pair = c->source->overrides[i];
        const size_t number = vd_config_number((struct vd_str){pair, strcspn(pair, "= ")});

        if (vd_config_set_pair(c->config, pair, &problem) != VD_OK) {
            tell(c, VD_GRADE_STOP, 0, "--set", "%s", problem.text);
        } else if (number < VD_CONFIG_PROPERTIES_MAX) {
            c->lines.of[number] = 0; /* what the file says of it does not hold */
        }
    }
}

/* ---- Settings beside each other ---- */

static void tell_setting(
    struct checking *c, enum vd_config_grade finding, const char *key, const char *text)
{
    const unsigned line = vd_config_line(&c->lines, key);

    tell(c, finding, line, key, "%s%s%s", line > 0 ? key : "", line > 0 ? ": " : "", text);
}

static void check_listen(struct checking *c)
{
    const struct vd_listen *mqtt = &c->config->mqtt_listen;
    const struct vd_listen *https = &c->config->https_listen;

    if (https->address[0] != '\0' && mqtt->port != 0 && mqtt->port == https->port &&
        strcmp(mqtt->address, https->address) == 0) {
        tell_setting(c, VD_GRADE_STOP, "https.listen",
            "the same address and port as mqtt.listen: choose another");
    }
}

static void check_contradictions(struct checking *c)
{
    const struct vd_config *config = c->config;

    check_listen(c);
    if (config->portal_directory[0] != '\0' && config->https_listen.address[0] == '\0') {
        tell_setting(c, VD_GRADE_PROBLEM, "portal.directory",
            "the portal is served by https.listen, which is off");
    }
    if (config->diagnostics_webhook_ca[0] != '\0' && config->diagnostics_webhook[0] == '\0') {
        tell_setting(c, VD_GRADE_PROBLEM, "diagnostics.webhook_ca",
            "without effect: diagnostics.webhook is off");
    }
    if (config->diagnostics_webhook_ca[0] != '\0' &&
        strncasecmp(config->diagnostics_webhook, "http://", 7) == 0) {
        tell_setting(c, VD_GRADE_PROBLEM, "diagnostics.webhook_ca",
            "without effect: diagnostics.webhook is not https");
    }
    if (config->analytics_max_mib > 0 && config->analytics_max_mib < 64) {
        tell_setting(c, VD_GRADE_WARNING, "analytics.max_mib",
            "less than a day's rows take as a rule: older days go at once");
    }
}

/* ---- Files ---- */

static const char *why(int error)
{
    return error == VD_E_CORRUPT ? "holds no certificate or key in PEM" : vd_error_text(error);
}

static void tell_faults(struct checking *c, const struct vd_pki_server *server)
{
    const unsigned faults = vd_pki_faults(server, c->source->now_ms);
    char text[512];

    for (unsigned fault = 1; fault <= faults; fault <<= 1) {
        if ((faults & fault) != 0) {
            const char *file =
                vd_pki_fault_text(fault, server, c->config->hub_name, text, sizeof text);

            tell(c, fault == VD_PKI_KEY_OPEN ? VD_GRADE_WARNING : VD_GRADE_PROBLEM, 0, file, "%s",
                text);
        }
    }
    if ((faults & VD_PKI_EXPIRED) == 0 &&
        server->until_ms - c->source->now_ms < CERTIFICATE_WARN_DAYS * VD_DAY_MS) {
        char when[VD_TIME_TEXT_SIZE];

        vd_time_format(server->until_ms, when);
        tell(c, VD_GRADE_WARNING, 0, VD_FILE_SERVER, "expires on %s", when);
    }
}

static void check_server_certificate(struct checking *c)
{
    struct vd_pki_server server;
    char certificate[VD_PATH_SIZE];
    char key[VD_PATH_SIZE];
    int64_t until = 0;
    int error;

    if (vd_data_path(c->source->dir, VD_FILE_SERVER, certificate) != VD_OK ||
        vd_data_path(c->source->dir, VD_FILE_SERVER_KEY, key) != VD_OK) {
        return; /* said already */
    }
    error = vd_pki_valid_until(certificate, &until);
    if (error != VD_OK) {
        tell(c, VD_GRADE_STOP, 0, VD_FILE_SERVER, "%s", why(error));
    }
    if (access(key, R_OK) != 0) {
        error = vd_error_from_errno(errno);
        tell(c, VD_GRADE_STOP, 0, VD_FILE_SERVER_KEY, "%s", why(error));
    }
    if (error != VD_OK) {
        return;
    }
    error = vd_pki_read_server(certificate, key, c->config->hub_name, &server);
    if (error != VD_OK) {
        tell(c, VD_GRADE_STOP, 0, VD_FILE_SERVER_KEY, "%s", why(error));
        return;
    }
    if (!server.is_pair) {
        tell(c, VD_GRADE_STOP, 0, VD_FILE_SERVER_KEY, "not the key of " VD_FILE_SERVER);
    }
    tell_faults(c, &server);
}

static void check_master_key(struct checking *c)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(c->source->dir, VD_FILE_MASTER_KEY, path);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(path, key);
        vd_secret_wipe(key, sizeof key);
    }
    if (error != VD_OK) {
        tell(c, VD_GRADE_STOP, 0, VD_FILE_MASTER_KEY,
            "%s; it is to be the key file that `vedette init` made, mode 0600, readable by this user",
            vd_error_text(error));
    }
}

/* The stores and the lock; those that are there. */
static void check_access(struct checking *c)
{
    static const char *const names[] = {
        VD_FILE_LOCK, VD_FILE_REGISTRY, VD_FILE_STATE, VD_FILE_ALERTS, VD_FILE_LOG, VD_FILE_AUDIT};
    char advice[VD_PATH_SIZE + 256];
    char path[VD_PATH_SIZE];

    if (access(c->source->dir, R_OK | W_OK | X_OK) != 0) {
        vd_data_dir_advise(c->source->dir, advice, sizeof advice);
        tell(c, VD_GRADE_STOP, 0, c->source->dir, "cannot be written: %s", advice);
        return;
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vd_data_path(c->source->dir, names[i], path) == VD_OK &&
            access(path, R_OK | W_OK) != 0 && errno != ENOENT) {
            vd_data_dir_advise(c->source->dir, advice, sizeof advice);
            tell(c, VD_GRADE_STOP, 0, c->source->dir, "%s cannot be written: %s", names[i], advice);
            return; /* the advice is for all of them */
        }
    }
}

/* Who reads the key of the CA can be the hub; server.key is looked at with its certificate. */
static void check_privacy(struct checking *c)
{
    struct stat status;
    char path[VD_PATH_SIZE];

    if (stat(c->source->dir, &status) != 0) {
        tell(c, VD_GRADE_STOP, 0, c->source->dir, "%s", vd_error_text(vd_error_from_errno(errno)));
        return;
    }
    if (strlen(c->source->dir) > VD_DATA_DIR_MAX) {
        tell(c, VD_GRADE_STOP, 0, c->source->dir, VD_DATA_DIR_TOO_LONG);
    }
    check_access(c);
    if ((status.st_mode & OTHERS) != 0) {
        tell(c, VD_GRADE_WARNING, 0, c->source->dir,
            "open to others than its owner (mode %04o): it should be 0700",
            (unsigned)status.st_mode & 07777);
    }
    if (vd_data_path(c->source->dir, VD_FILE_CA_KEY, path) == VD_OK && stat(path, &status) == 0 &&
        (status.st_mode & OTHERS) != 0) {
        tell(c, VD_GRADE_WARNING, 0, VD_FILE_CA_KEY,
            "open to others than its owner (mode %04o): it should be 0600",
            (unsigned)status.st_mode & 07777);
    }
}

/* ---- What settings lead to ---- */

static void check_webhook_ca(struct checking *c)
{
    char path[VD_PATH_SIZE];
    int64_t until = 0;
    int error;

    if (c->config->diagnostics_webhook_ca[0] == '\0') {
        return;
    }
    error = vd_data_config_path(c->source->dir, c->config->diagnostics_webhook_ca, path);
    if (error == VD_OK) {
        error = vd_pki_valid_until(path, &until);
    }
    if (error != VD_OK) {
        tell_setting(c, VD_GRADE_PROBLEM, "diagnostics.webhook_ca", why(error));
    }
}

/* Those of backups and files of notifications. The service keeps only what is there when it starts. */
static void check_sandbox_folders(struct checking *c)
{
    char folders[VD_CONFIG_FOLDERS_SIZE];
    char text[VD_CONFIG_FOLDERS_SIZE + 64];
    char *rest = folders;
    struct stat status;
    const char *folder;

    memcpy(folders, c->config->security_folders, sizeof folders);
    while ((folder = strsep(&rest, ":")) != NULL) {
        if (folder[0] != '\0' && (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode))) {
            snprintf(text, sizeof text, "%s is not a folder that is there", folder);
            tell_setting(c, VD_GRADE_PROBLEM, "security.folders", text);
        } else if (folder[0] != '\0' && access(folder, W_OK | X_OK) != 0) {
            snprintf(text, sizeof text, "%s is a folder that this user cannot write", folder);
            tell_setting(c, VD_GRADE_WARNING, "security.folders", text);
        }
    }
}

static void check_folders(struct checking *c)
{
    struct stat status;
    char path[VD_PATH_SIZE];

    if (c->config->diagnostics_folder[0] != '\0' &&
        vd_data_config_path(c->source->dir, c->config->diagnostics_folder, path) == VD_OK &&
        stat(path, &status) == 0 && (!S_ISDIR(status.st_mode) || access(path, W_OK | X_OK) != 0)) {
        tell_setting(
            c, VD_GRADE_PROBLEM, "diagnostics.folder", "not a folder that this user can write");
    }
    if (c->config->portal_directory[0] != '\0' &&
        (vd_data_config_path(c->source->dir, c->config->portal_directory, path) != VD_OK ||
            stat(path, &status) != 0 || !S_ISDIR(status.st_mode) ||
            access(path, R_OK | X_OK) != 0)) {
        tell_setting(
            c, VD_GRADE_PROBLEM, "portal.directory", "not a folder that this user can read");
    }
}

bool vd_config_check(const struct vd_config_source *source, struct vd_config *config,
    vd_config_found *found, void *context)
{
    struct checking c = {.source = source,
        .config = config,
        .found = found,
        .context = context,
        .is_startable = true};

    read_settings(&c);
    check_contradictions(&c);
    check_privacy(&c);
    check_master_key(&c);
    check_server_certificate(&c);
    check_webhook_ca(&c);
    check_folders(&c);
    check_sandbox_folders(&c);
    return c.is_startable;
}
