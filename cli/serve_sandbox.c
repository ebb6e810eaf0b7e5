/* SPDX-License-Identifier: MIT */
/* From the configuration to the folders that a service keeps. */

#include "cli/serve_sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/data_dir.h"
#include "cli/serve_portal.h"
#include "lib/sandbox.h"

/* The data directory, that of diagnostics, and each of the shortest in VD_CONFIG_FOLDERS_SIZE. */
#define WRITES_MAX (2 + VD_CONFIG_FOLDERS_SIZE / 2)

/* The certificate and its key. */
#define CERTIFICATE_FILES 2

struct paths {
    char folders[VD_CONFIG_FOLDERS_SIZE]; /* cut at the colons */
    char diagnostics[VD_PATH_SIZE];
    char webhook_ca[VD_PATH_SIZE];
    char portal[VD_SERVE_PORTAL_FOLDERS][VD_PATH_SIZE];
    char *certificates[CERTIFICATE_FILES];
    const char *writes[WRITES_MAX];
    const char *reads[VD_SERVE_PORTAL_FOLDERS + CERTIFICATE_FILES + 3];
    struct vd_sandbox_wish wish;
};

static void add_write(struct paths *paths, const char *path)
{
    paths->writes[paths->wish.write_count++] = path;
}

static void add_read(struct paths *paths, const char *path)
{
    if (path != NULL && path[0] != '\0') {
        paths->reads[paths->wish.read_count++] = path;
    }
}

static int find_writes(struct paths *paths, const char *dir, const struct vd_config *config)
{
    char *rest = paths->folders;
    const char *folder;
    int error = vd_data_config_path(dir, config->diagnostics_folder, paths->diagnostics);

    if (error != VD_OK) {
        return error;
    }
    add_write(paths, dir);
    if (config->diagnostics_folder[0] == '/') {
        (void)mkdir(paths->diagnostics, 0700); /* it could not be made later */
        add_write(paths, paths->diagnostics);
    }
    memcpy(paths->folders, config->security_folders, sizeof paths->folders);
    while ((folder = strsep(&rest, ":")) != NULL) {
        if (folder[0] != '\0') {
            add_write(paths, folder);
        }
    }
    return VD_OK;
}

/* Where what replaces the certificate and its key comes to lie: beside the file that a link in the data directory leads to now. */
static void find_certificates(struct paths *paths, const char *dir)
{
    static const char *const names[CERTIFICATE_FILES] = {VD_FILE_SERVER, VD_FILE_SERVER_KEY};
    char path[VD_PATH_SIZE];

    for (size_t i = 0; i < CERTIFICATE_FILES; i++) {
        char *target = vd_data_path(dir, names[i], path) == VD_OK ? realpath(path, NULL) : NULL;
        char *slash = target != NULL ? strrchr(target, '/') : NULL;

        if (slash != NULL && slash != target) {
            *slash = '\0';
            add_read(paths, target);
        }
        paths->certificates[i] = target;
    }
}

static int find_reads(struct paths *paths, const char *dir, const struct vd_config *config)
{
    const size_t count = vd_serve_portal_folders(dir, config->portal_directory, paths->portal);
    int error = vd_data_config_path(dir, config->diagnostics_webhook_ca, paths->webhook_ca);

    for (size_t i = 0; i < count; i++) {
        add_read(paths, paths->portal[i]);
    }
    add_read(paths, paths->webhook_ca);
    find_certificates(paths, dir);
    /* Where OpenSSL looks for authorities instead of the system's place. */
    add_read(paths, getenv("SSL_CERT_FILE"));
    add_read(paths, getenv("SSL_CERT_DIR"));
    return error;
}

static void say(const struct vd_sandbox *state)
{
    const bool is_whole =
        state->no_new_privileges && state->no_core && state->calls && state->files;

    vd_log(is_whole ? VD_LOG_INFO : VD_LOG_WARN, "serve.sandbox",
        "no_new_privileges=%d no_core_dumps=%d system_calls=%d files=%d", state->no_new_privileges,
        state->no_core, state->calls, state->files);
}

int vd_serve_sandbox_enter(const char *dir, const struct vd_config *config)
{
    struct paths *paths;
    int error;

    if (!config->security_sandbox) {
        vd_log(VD_LOG_WARN, "serve.sandbox", "off=1");
        return VD_OK;
    }
    paths = calloc(1, sizeof *paths);
    if (paths == NULL) {
        return VD_E_NOMEM;
    }
    paths->wish = (struct vd_sandbox_wish){
        .writes = paths->writes, .reads = paths->reads, .tracing = VD_SANDBOX_TRACING};
    error = find_writes(paths, dir, config);
    if (error == VD_OK) {
        error = find_reads(paths, dir, config);
    }
    /* SQLite's temporary files: /tmp is not among the folders. */
    if (error == VD_OK && setenv("SQLITE_TMPDIR", dir, 1) != 0) {
        error = VD_E_NOMEM;
    }
    if (error == VD_OK) {
        vd_sandbox_enter(&paths->wish);
        say(vd_sandbox_state());
    }
    for (size_t i = 0; i < CERTIFICATE_FILES; i++) {
        free(paths->certificates[i]);
    }
    free(paths);
    return error;
}
