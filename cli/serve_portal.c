/* SPDX-License-Identifier: MIT */
/* Opens the portal of a service. */

#include "cli/serve_portal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside the folder of the program: as it is installed, and as it is built. */
static const char *const beside[VD_SERVE_PORTAL_FOLDERS] = {
    "../share/vedette/portal", "../portal/dist"};

size_t vd_serve_portal_folders(
    const char *dir, const char *given, char paths[VD_SERVE_PORTAL_FOLDERS][VD_PATH_SIZE])
{
    char program[VD_PATH_SIZE / 2];
    ssize_t length;
    const char *slash;

    if (given[0] != '\0') {
        return vd_data_config_path(dir, given, paths[0]) == VD_OK ? 1 : 0;
    }
    length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length > 0 ? length : 0] = '\0';
    slash = strrchr(program, '/');
    if (slash == NULL) {
        return 0;
    }
    for (size_t i = 0; i < VD_SERVE_PORTAL_FOLDERS; i++) {
        snprintf(paths[i], VD_PATH_SIZE, "%.*s/%s", (int)(slash - program), program, beside[i]);
    }
    return VD_SERVE_PORTAL_FOLDERS;
}

int vd_serve_portal_open(const char *dir, const struct vd_config *config, struct vd_api *api,
    struct vd_management *management, struct vd_portal **out, char *error_text, size_t error_size)
{
    char key_file[VD_PATH_SIZE];
    uint8_t key[VD_MASTER_KEY_BYTES] = {0};
    char paths[VD_SERVE_PORTAL_FOLDERS][VD_PATH_SIZE];
    const char *folders[VD_SERVE_PORTAL_FOLDERS] = {paths[0], paths[1]};
    const struct vd_portal_config portal = {
        .api = api,
        .management = management,
        .master_key = key,
        .folders = folders,
        .folder_count = vd_serve_portal_folders(dir, config->portal_directory, paths),
    };
    int error = vd_data_path(dir, VD_FILE_MASTER_KEY, key_file);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(key_file, key);
    }
    if (error == VD_OK) {
        error = vd_portal_new(&portal, out);
    }
    vd_secret_wipe(key, sizeof key);
    if (error != VD_OK) {
        snprintf(error_text, error_size, "the portal's pages, or %s: %s", key_file,
            vd_error_text(error));
    } else if (!vd_portal_has_pages(*out)) {
        vd_log(VD_LOG_WARN, "portal.no_pages", "folder=\"%s\"",
            portal.folder_count > 0 ? folders[0] : "");
    }
    return error;
}
