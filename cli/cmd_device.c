/* SPDX-License-Identifier: MIT */
/* `vedette device`: the identities that may connect. */

#include <stdio.h>

#include "cli/commands.h"
#include "cli/list.h"
#include "cli/read_file.h"
#include "lib/secret.h"

/* The path, and a parameter, each the caller's to release. False: no memory. */
static bool make_target(const struct vd_invocation *invocation, const char *tail, const char *etag,
    struct vd_buf *path, struct vd_buf *query)
{
    const char *module = vd_invocation_value(invocation, "module");
    char *id = vd_client_encode(invocation->arguments[0]);
    char *module_id = vd_client_encode(module != NULL ? module : "");
    char *encoded = vd_client_encode(etag != NULL ? etag : "");
    bool is_made = id != NULL && module_id != NULL && encoded != NULL;

    if (is_made) {
        vd_buf_printf(
            path, "/devices/%s%s%s%s", id, module != NULL ? "/modules/" : "", module_id, tail);
        vd_buf_printf(query, "etag=%s", encoded);
    }
    free(id);
    free(module_id);
    free(encoded);
    return is_made && path->error == VD_OK && query->error == VD_OK;
}

json_t *vd_device_call(const struct vd_invocation *invocation, const char *method, const char *tail,
    const char *etag, struct vd_str body)
{
    struct vd_buf path = {0};
    struct vd_buf query = {0};
    struct vd_api_request request = {.method = method, .body = body};
    json_t *answer = NULL;

    if (make_target(invocation, tail, etag, &path, &query)) {
        request.path = (const char *)path.data;
        request.query = etag != NULL ? (const char *)query.data : NULL;
        answer = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    vd_buf_release(&path);
    vd_buf_release(&query);
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
        printf("primary key        %s\n", vd_member_text(keys, "primaryKey"));
        printf("secondary key      %s\n", vd_member_text(keys, "secondaryKey"));
        printf("connection string  %s\n", vd_member_text(device, "connectionString"));
    } else if (thumbprints != NULL) {
        puts("authentication     by the thumbprint of its certificate");
        print_thumbprint("primary            ", vd_member_text(thumbprints, "primaryThumbprint"));
        print_thumbprint("secondary          ", vd_member_text(thumbprints, "secondaryThumbprint"));
    } else {
        printf("authentication     by a certificate of a verified CA, CN = %s\n",
            vd_member_text(device, "deviceId"));
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
        printf("device             %s\n", vd_member_text(device, "deviceId"));
        printf("status             %s, %s\n", vd_member_text(device, "status"),
            strcmp(vd_member_text(device, "connectionState"), "Connected") == 0 ? "connected"
                                                                                : "not connected");
        if (vd_member_text(device, "statusReason") != NULL) {
            printf("reason             ");
            vd_print_safe(vd_member_text(device, "statusReason"));
            putchar('\n');
        }
        printf("created            %s\n", vd_member_text(device, "createdTime"));
        printf("etag               %s\n", vd_member_text(device, "etag"));
        if (json_object_get(device, "messagesWaiting") != NULL) {
            printf("messages waiting   %lld\n", vd_member_number(device, "messagesWaiting"));
        }
        print_credentials(device);
    }
    json_decref(device);
    return VD_EXIT_OK;
}

/* ---- Making and changing ---- */

/* Adds a key to the body, and takes it out of the command line, where others see it. False: it is no text. */
static bool add_key(
    const struct vd_invocation *invocation, const char *option, const char *member, json_t *body)
{
    const char *key = vd_invocation_value(invocation, option);
    const bool is_good = key == NULL || json_object_set_new(body, member, json_string(key)) == 0;

    vd_invocation_wipe(invocation, option);
    return is_good;
}

/* Adds the keys that the file holds, a line each: the primary one, or both. False: said on stderr. */
static bool add_keys_of(const char *path, json_t *body)
{
    struct vd_buf text = {0};
    bool is_good = vd_read_secret(path, &text);

    if (is_good) {
        const char *primary = (const char *)text.data;
        const char *end = text.length > 0 ? memchr(primary, '\n', text.length) : NULL;
        const size_t first = end != NULL ? (size_t)(end - primary) : text.length;

        is_good = json_object_set_new(body, "primaryKey", json_stringn(primary, first)) == 0 &&
            (end == NULL ||
                json_object_set_new(
                    body, "secondaryKey", json_stringn(end + 1, text.length - first - 1)) == 0);
        if (!is_good) {
            vd_cli_fail("%s: holds no keys in base64", path);
        }
    }
    if (text.data != NULL) {
        vd_secret_wipe(text.data, text.capacity);
    }
    vd_buf_release(&text);
    return is_good;
}

/* Adds the keys that were given, if they were. False: said on stderr, *status set. */
static bool add_keys(const struct vd_invocation *invocation, json_t *body, int *status)
{
    const char *file = vd_invocation_value(invocation, "keys-file");
    const bool is_text = add_key(invocation, "primary-key", "primaryKey", body) &&
        add_key(invocation, "secondary-key", "secondaryKey", body);

    *status = VD_EXIT_USAGE;
    if (!is_text) {
        vd_cli_usage(invocation, "keys are to be text");
        return false;
    }
    if (file == NULL) {
        return true;
    }
    if (json_object_get(body, "primaryKey") != NULL ||
        json_object_get(body, "secondaryKey") != NULL) {
        vd_cli_usage(invocation, "--keys-file or the keys themselves, not both");
        return false;
    }
    *status = VD_EXIT_FAILURE;
    return add_keys_of(file, body);
}

/* What create and update say of a device alike, without keys; NULL: it is no text, said on stderr.
 * type: how it proves itself, unless an option says so; NULL: as before. */
static json_t *make_body(
    const struct vd_invocation *invocation, const char *device_id, const char *type)
{
    const char *thumbprint = vd_invocation_value(invocation, "thumbprint");
    const char *second_thumbprint = vd_invocation_value(invocation, "secondary-thumbprint");
    json_t *body;

    if (vd_invocation_value(invocation, "ca") != NULL) {
        type = "certificateAuthority";
    } else if (vd_invocation_value(invocation, "sas") != NULL) {
        type = "sas";
    } else if (thumbprint != NULL || second_thumbprint != NULL) {
        type = "selfSigned";
    }
    body = json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*, s:s*}", "deviceId", device_id, "status",
        vd_invocation_value(invocation, "status"), "statusReason",
        vd_invocation_value(invocation, "reason"), "authenticationType", type, "primaryThumbprint",
        thumbprint, "secondaryThumbprint", second_thumbprint);
    if (body == NULL) {
        vd_cli_usage(invocation, "not text in UTF-8");
    }
    return body;
}

static int device_create(const struct vd_invocation *invocation)
{
    json_t *body = make_body(invocation, invocation->arguments[0], "sas");
    int status = VD_EXIT_USAGE;
    char *text = NULL;
    struct vd_api_request request = {.method = "POST", .path = "/devices"};
    json_t *device;

    if (body != NULL && add_keys(invocation, body, &status)) {
        text = json_dumps(body, JSON_COMPACT);
    }
    json_decref(body);
    if (text == NULL) {
        return status;
    }
    request.body = vd_str_from(text);
    device = vd_client_json(invocation->data_dir, &request);
    free(text);
    return print_device(invocation, device);
}

/* What is to change, as text, the caller's to free; NULL: said on stderr, *status set. */
static char *make_change(const struct vd_invocation *invocation, int *status)
{
    json_t *body;
    char *text = NULL;

    *status = VD_EXIT_USAGE;
    if (vd_invocation_value(invocation, "ca") != NULL &&
        vd_invocation_value(invocation, "sas") != NULL) {
        vd_cli_usage(invocation, "--sas or --ca, not both");
        return NULL;
    }
    body = make_body(invocation, NULL, NULL);
    if (body == NULL || !add_keys(invocation, body, status)) {
        json_decref(body);
        return NULL;
    }
    if (vd_invocation_value(invocation, "new-primary-key") != NULL) {
        json_object_set_new(body, "newPrimaryKey", json_true());
    }
    if (vd_invocation_value(invocation, "new-secondary-key") != NULL) {
        json_object_set_new(body, "newSecondaryKey", json_true());
    }
    if (json_object_size(body) > 0) {
        text = json_dumps(body, JSON_COMPACT);
    } else {
        vd_cli_usage(invocation, "what is to change?");
    }
    json_decref(body);
    return text;
}

static int device_update(const struct vd_invocation *invocation)
{
    int status;
    char *change = make_change(invocation, &status);
    json_t *device;

    if (change == NULL) {
        return status;
    }
    device = vd_device_call(
        invocation, "PATCH", "", vd_invocation_value(invocation, "if-match"), vd_str_from(change));
    free(change);
    return print_device(invocation, device);
}

/* ---- Listing ---- */

static void add_heard(struct vd_table *table, const json_t *device)
{
    const json_t *open = json_object_get(device, "openAlerts");
    char alerts[64];

    snprintf(alerts, sizeof alerts, "%lld high, %lld medium, %lld low",
        vd_member_number(open, "High"), vd_member_number(open, "Medium"),
        vd_member_number(open, "Low"));
    vd_table_add(table, vd_member_text(device, "deviceId"));
    vd_table_add(table, vd_member_text(device, "state"));
    vd_table_add(table, vd_member_text(device, "group"));
    vd_table_add(table, vd_member_text(device, "lastHeard"));
    vd_table_add(table, vd_member_text(device, "address"));
    vd_table_add(table, alerts);
}

/* One page of those in a state, as the center knows them. */
static int list_of_state(const struct vd_invocation *invocation, const char *state)
{
    static const char *const columns[] = {
        "DEVICE", "STATE", "GROUP", "LAST HEARD", "ADDRESS", "OPEN ALERTS"};
    static const struct vd_list list = {
        .rows = "devices", .columns = columns, .column_count = 6, .add = add_heard};
    struct vd_api_request request = {.method = "GET", .path = "/inventory"};
    struct vd_buf query = {0};
    char *encoded = vd_client_encode(state);
    json_t *answer;

    vd_buf_printf(&query, "limit=1000&state=%s", encoded != NULL ? encoded : "");
    free(encoded);
    request.query = query.error == VD_OK ? (const char *)query.data : NULL;
    answer = vd_client_json(invocation->data_dir, &request);
    vd_buf_release(&query);
    return vd_cli_list(invocation, &list, answer);
}

static void add_device(struct vd_table *table, const json_t *device)
{
    vd_table_add(table, vd_member_text(device, "deviceId"));
    vd_table_add(table, vd_member_text(device, "status"));
    vd_table_add(
        table, strcmp(vd_member_text(device, "connectionState"), "Connected") == 0 ? "yes" : "no");
    vd_table_add(table, vd_member_text(device, "createdTime"));
}

static int list_all(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"DEVICE", "STATUS", "CONNECTED", "CREATED"};
    static const struct vd_list list = {.rows = "devices",
        .columns = columns,
        .column_count = 4,
        .add = add_device,
        .none = "no devices; `vedette device create ID` makes one"};

    return vd_cli_list_at(invocation, &list, "/devices");
}

static int device_list(const struct vd_invocation *invocation)
{
    const char *state = vd_invocation_value(invocation, "state");

    return state != NULL ? list_of_state(invocation, state) : list_all(invocation);
}

static int device_show(const struct vd_invocation *invocation)
{
    return print_device(
        invocation, vd_device_call(invocation, "GET", "", NULL, VD_STR_LITERAL("")));
}

static int device_delete(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(
        invocation, vd_device_call(invocation, "DELETE", "", NULL, VD_STR_LITERAL("")));
}

/* An argument is seen in the process list for a moment, and kept by sudo's log; a file is not. */
#define KEYS_FILE_TEXT "the keys, a line each, the primary one first; - for standard input"

static const struct vd_option create_options[] = {
    {"status", "STATUS", "enabled or disabled; default: enabled"},
    {"reason", "TEXT", "why, up to 128 bytes"},
    {"keys-file", "FILE", KEYS_FILE_TEXT},
    {"primary-key", "BASE64", "16 to 64 bytes in base64; default: 32 random bytes"},
    {"secondary-key", "BASE64", "likewise"},
    {"thumbprint", "HEX", "by certificate: its SHA-1 or SHA-256, 40 or 64 hex digits"},
    {"secondary-thumbprint", "HEX", "of a second one"},
    {"ca", NULL, "by a certificate of a verified CA, with the device's id as its CN"},
    {NULL, NULL, NULL},
};

static const struct vd_option list_options[] = {
    {"state", "PRESENCE",
        "only those that are reporting, late, silent, refused, never or disabled"},
    {NULL, NULL, NULL},
};

static const struct vd_option update_options[] = {
    {"status", "STATUS", "enabled or disabled"},
    {"reason", "TEXT", "why, up to 128 bytes"},
    {"keys-file", "FILE", KEYS_FILE_TEXT},
    {"primary-key", "BASE64", "16 to 64 bytes in base64"},
    {"secondary-key", "BASE64", "likewise"},
    {"new-primary-key", NULL, "a new one of 32 random bytes"},
    {"new-secondary-key", NULL, "likewise"},
    {"thumbprint", "HEX", "by certificate from now on, or by another"},
    {"secondary-thumbprint", "HEX", "of a second one"},
    {"ca", NULL, "by a certificate of a verified CA from now on"},
    {"sas", NULL, "by keys from now on; they are new unless given"},
    {"if-match", "ETAG", "changes it only if it still has this ETag"},
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
    {.name = "import",
        .summary = "Makes devices, and their twins, of what another hub exported.",
        .arguments = "FILE|-",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = vd_import_options,
        .details =
            "A JSON object a line, as of the bulk export of devices: id, status, statusReason, authentication (keys, thumbprints or\n"
            "by a CA), tags and properties.desired. Nothing is made unless every line is right. A device that is there already is\n"
            "left as it is, so that an import which was cut off is gone on with by doing it again.\n",
        .run = vd_cmd_device_import},
    {.name = "list",
        .summary = "Lists the identities, or with --state what the center knows of them.",
        .takes = TAKES,
        .options = list_options,
        .run = device_list},
    {.name = "show",
        .summary = "Shows an identity with its credentials.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = device_show},
    {.name = "update",
        .summary = "Enables or disables an identity, or changes what it proves itself with.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = update_options,
        .details = "Its connection ends unless what that stands on stays as it is.\n",
        .run = device_update},
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
    {.name = "twin",
        .summary = "Shows or changes the twin of a device or module, as JSON.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = vd_twin_options,
        .run = vd_cmd_twin},
    {.name = "query",
        .summary = "Queries the twins.",
        .arguments = "'SELECT ... FROM devices|devices.modules [WHERE ...] [GROUP BY ...]'",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = vd_device_query_options,
        .run = vd_cmd_device_query},
    {.name = "send",
        .summary = "Sends a message to a device; it waits until the device takes it.",
        .arguments = "ID [PAYLOAD]",
        .min_arguments = 1,
        .max_arguments = 2,
        .takes = TAKES,
        .options = vd_send_options,
        .run = vd_cmd_send},
    {.name = "purge",
        .summary = "Removes the messages that wait for a device.",
        .arguments = "ID",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = vd_cmd_purge},
    {.name = "feedback",
        .summary = "Shows what became of messages that asked for it.",
        .takes = TAKES,
        .options = vd_feedback_options,
        .run = vd_cmd_feedback},
    {.name = NULL},
};
