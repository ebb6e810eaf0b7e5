/* SPDX-License-Identifier: MIT */
/* `vedette device`: the identities that may connect. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* The answer for one device by its id; NULL (said on stderr) if that fails. */
static json_t *call_device(const struct vd_invocation *invocation, const char *method)
{
    char *id = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = method};
    json_t *answer = NULL;

    if (id != NULL) {
        vd_buf_printf(&path, "/devices/%s", id);
    }
    if (id == NULL || path.error != VD_OK) {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    } else {
        request.path = (const char *)path.data;
        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    free(id);
    return answer;
}

static void print_thumbprint(const char *title, const char *thumbprint)
{
    if (thumbprint != NULL && thumbprint[0] != '\0') {
        printf("%s%s\n", title, thumbprint);
    }
}

static void print_credentials(const json_t *device)
{
    const json_t *how = json_object_get(device, "authentication");
    const json_t *keys = json_object_get(how, "symmetricKey");
    const json_t *thumbprints = json_object_get(how, "x509Thumbprint");

    if (keys != NULL) {
        printf("primary key        %s\n", text_of(keys, "primaryKey"));
        printf("secondary key      %s\n", text_of(keys, "secondaryKey"));
        printf("connection string  %s\n", text_of(device, "connectionString"));
    } else if (thumbprints != NULL) {
        puts("authentication     by the thumbprint of its certificate");
        print_thumbprint("primary            ", text_of(thumbprints, "primaryThumbprint"));
        print_thumbprint("secondary          ", text_of(thumbprints, "secondaryThumbprint"));
    } else {
        printf("authentication     by a certificate of a verified CA, CN = %s\n",
            text_of(device, "deviceId"));
    }
}

static int print_device(const struct vd_invocation *invocation, json_t *device)
{
    if (device == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(device);
    } else {
        printf("device             %s\n", text_of(device, "deviceId"));
        printf("status             %s, %s\n", text_of(device, "status"),
            strcmp(text_of(device, "connectionState"), "Connected") == 0 ? "connected"
                                                                         : "not connected");
        printf("created            %s\n", text_of(device, "createdTime"));
        print_credentials(device);
    }
    json_decref(device);
    return VD_EXIT_OK;
}

static int device_create(const struct vd_invocation *invocation)
{
    const char *primary = vd_invocation_value(invocation, "primary-key");
    const char *secondary = vd_invocation_value(invocation, "secondary-key");
    const char *thumbprint = vd_invocation_value(invocation, "thumbprint");
    const char *second_thumbprint = vd_invocation_value(invocation, "secondary-thumbprint");
    const bool by_ca = vd_invocation_value(invocation, "ca") != NULL;
    const char *type = by_ca                              ? "certificateAuthority"
        : thumbprint != NULL || second_thumbprint != NULL ? "selfSigned"
                                                          : "sas";
    json_t *body = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "deviceId",
        invocation->arguments[0], "authenticationType", type, "primaryKey", primary, "secondaryKey",
        secondary, "primaryThumbprint", thumbprint, "secondaryThumbprint", second_thumbprint);
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    struct vd_api_request request = {.method = "POST", .path = "/devices"};
    json_t *device;

    json_decref(body);
    if (text == NULL) {
        return vd_cli_fail("the device id and the keys are to be text");
    }
    request.body = vd_str_from(text);
    device = vd_client_json(invocation->data_dir, &request);
    free(text);
    return print_device(invocation, device);
}

static int device_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"DEVICE", "STATUS", "CONNECTED", "CREATED"};
    const struct vd_api_request request = {.method = "GET", .path = "/devices"};
    struct vd_table table = {.columns = columns, .column_count = 4};
    json_t *answer = vd_client_json(invocation->data_dir, &request);
    const json_t *devices = json_object_get(answer, "devices");
    const json_t *device;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(devices);
    } else if (json_array_size(devices) == 0) {
        puts("no devices; `vedette device create ID` makes one");
    } else {
        json_array_foreach(devices, i, device)
        {
            vd_table_add(&table, text_of(device, "deviceId"));
            vd_table_add(&table, text_of(device, "status"));
            vd_table_add(&table,
                strcmp(text_of(device, "connectionState"), "Connected") == 0 ? "yes" : "no");
            vd_table_add(&table, text_of(device, "createdTime"));
        }
        vd_table_print(&table, true);
    }
    if (json_is_true(json_object_get(answer, "truncated"))) {
        fputs("vedette: there are more devices than are shown\n", stderr);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static int device_show(const struct vd_invocation *invocation)
{
    return print_device(invocation, call_device(invocation, "GET"));
}

static int device_delete(const struct vd_invocation *invocation)
{
    json_t *answer = call_device(invocation, "DELETE");

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    json_decref(answer);
    if (invocation->output == VD_OUTPUT_JSON) {
        puts("{}");
    } else {
        printf("deleted %s\n", invocation->arguments[0]);
    }
    return VD_EXIT_OK;
}

static const struct vd_option create_options[] = {
    {"primary-key", "BASE64", "16 to 64 bytes in base64; default: 32 random bytes"},
    {"secondary-key", "BASE64", "likewise"},
    {"thumbprint", "HEX", "by certificate: its SHA-1 or SHA-256, 40 or 64 hex digits"},
    {"secondary-thumbprint", "HEX", "of a second one"},
    {"ca", NULL, "by a certificate of a verified CA, with the device's id as its CN"},
    {NULL, NULL, NULL},
};

#define TAKES (VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT)

const struct vd_command vd_device_commands[] = {
    {.name = "create",
        .summary = "Makes an identity and prints what it connects with.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = create_options,
        .run = device_create},
    {.name = "list", .summary = "Lists the identities.", .takes = TAKES, .run = device_list},
    {.name = "show",
        .summary = "Shows an identity with its credentials.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = device_show},
    {.name = "delete",
        .summary = "Removes an identity and ends its connection.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = device_delete},
    {.name = "method",
        .summary = "Calls a direct method and prints what the device answers.",
        .arguments = "ID NAME [JSON]",
        .min_arguments = 2,
        .max_arguments = 3,
        .takes = TAKES,
        .options = vd_method_options,
        .run = vd_cmd_method},
    {.name = NULL},
};
