/* SPDX-License-Identifier: MIT */
/* `vedette management`: the management API by hand, for the owner, who needs no token. */

#include <stdio.h>
#include <strings.h>

#include "api/management/management.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/data_dir.h"
#include "cli/read_file.h"
#include "cli/table.h"
#include "lib/config.h"

const struct vd_option vd_management_options[] = {
    {"body", "JSON", "what is sent"},
    {"file", "FILE", "the same, from a file"},
    {NULL, NULL, NULL},
};

/* The hub's id in the data directory's configuration. */
static int hub_id(const struct vd_invocation *invocation, char id[VD_RESOURCE_ID_SIZE])
{
    char path[VD_PATH_SIZE];
    struct vd_config config;
    struct vd_config_problem problem = {""};
    struct vd_resource_scope scope;
    int error = vd_data_path(invocation->data_dir, VD_FILE_CONFIG, path);

    vd_config_defaults(&config);
    if (error == VD_OK) {
        error = vd_config_read(&config, path, &problem);
    }
    if (error != VD_OK) {
        return vd_cli_fail("%s", problem.text[0] != '\0' ? problem.text : vd_error_text(error));
    }
    vd_config_scope(&config, &scope);
    vd_resource_hub_id(&scope, id);
    return VD_EXIT_OK;
}

static int call(
    const struct vd_invocation *invocation, const char *method, char *path, struct vd_str body)
{
    char *query = strchr(path, '?');
    struct vd_api_request request = {.method = method, .path = path, .body = body};
    json_t *answer;

    if (query != NULL) {
        *query = '\0';
        request.query = query + 1;
    }
    answer = vd_client_json(invocation->data_dir, &request);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (json_is_null(answer)) {
        puts("{}"); /* there is nothing to say of it */
    } else {
        vd_print_json(answer);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static int call_with_body(const struct vd_invocation *invocation, const char *method, char *path)
{
    const char *text = vd_invocation_value(invocation, "body");
    const char *file = vd_invocation_value(invocation, "file");
    struct vd_buf read = {.max = VD_MANAGEMENT_BODY_MAX_BYTES};
    int result;

    if (text != NULL && file != NULL) {
        return vd_cli_usage(invocation, "--body and --file do not go together");
    }
    if (file == NULL) {
        return call(invocation, method, path, vd_str_from(text != NULL ? text : ""));
    }
    result = vd_read_file(file, "a body has at most 256 KiB", &read)
        ? call(invocation, method, path, (struct vd_str){(const char *)read.data, read.length})
        : VD_EXIT_FAILURE;
    vd_buf_release(&read);
    return result;
}

int vd_cmd_management(const struct vd_invocation *invocation)
{
    static const char *const methods[] = {"GET", "PUT", "POST", "PATCH", "DELETE"};
    const char *rest = invocation->argument_count > 1 ? invocation->arguments[1] : "";
    char id[VD_RESOURCE_ID_SIZE];
    struct vd_buf path = {0};
    const char *method = NULL;
    int result;

    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcasecmp(invocation->arguments[0], methods[i]) == 0) {
            method = methods[i];
        }
    }
    if (method == NULL) {
        return vd_cli_usage(invocation, "METHOD is get, put, post, patch or delete");
    }
    result = hub_id(invocation, id);
    if (result != VD_EXIT_OK) {
        return result;
    }
    vd_buf_printf(&path, "%s%s%s", rest[0] == '/' ? "" : id,
        rest[0] == '/' || rest[0] == '\0' ? "" : "/", rest);
    vd_buf_append(&path, "", 1);
    result = path.error == VD_OK ? call_with_body(invocation, method, (char *)path.data)
                                 : vd_cli_fail("%s", vd_error_text(path.error));
    vd_buf_release(&path);
    return result;
}
