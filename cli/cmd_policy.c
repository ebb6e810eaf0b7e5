/* SPDX-License-Identifier: MIT */
/* `vedette policy`: what back ends authorise themselves with. */

#include <stdio.h>

#include "cli/commands.h"
#include "cli/list.h"

static void add_policy(struct vd_table *table, const json_t *policy)
{
    vd_table_add(table, vd_member_text(policy, "keyName"));
    vd_table_add(table, vd_member_text(policy, "rights"));
}

static int policy_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"POLICY", "RIGHTS"};
    static const struct vd_list list = {
        .rows = "policies", .columns = columns, .column_count = 2, .add = add_policy};

    return vd_cli_list_at(invocation, &list, "/policies");
}

static int policy_print(const struct vd_invocation *invocation, json_t *policy)
{
    if (policy == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(policy);
    } else {
        printf("policy             %s\n", vd_member_text(policy, "keyName"));
        printf("rights             %s\n", vd_member_text(policy, "rights"));
        printf("primary key        %s\n", vd_member_text(policy, "primaryKey"));
        printf("secondary key      %s\n", vd_member_text(policy, "secondaryKey"));
        printf("connection string  %s\n", vd_member_text(policy, "connectionString"));
    }
    json_decref(policy);
    return VD_EXIT_OK;
}

/* The answer for one policy by its name; NULL (said on stderr) if that fails. `action`: "", "/rotate". */
static json_t *call_policy(const struct vd_invocation *invocation, const char *method,
    const char *action, const char *body)
{
    char *name = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = method, .body = vd_str_from(body)};
    json_t *answer = NULL;

    vd_buf_printf(&path, "/policies/%s%s", name != NULL ? name : "", action);
    if (name == NULL || path.error != VD_OK) {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    } else {
        request.path = (const char *)path.data;
        answer = vd_client_json(invocation->data_dir, &request);
    }
    vd_buf_release(&path);
    free(name);
    return answer;
}

static int policy_show(const struct vd_invocation *invocation)
{
    return policy_print(invocation, call_policy(invocation, "GET", "", ""));
}

static int policy_create(const struct vd_invocation *invocation)
{
    const char *rights = vd_invocation_value(invocation, "rights");
    struct vd_api_request request = {.method = "POST", .path = "/policies"};
    json_t *body;
    char *text;
    json_t *policy;

    if (rights == NULL) {
        return vd_cli_usage(invocation, "--rights is needed");
    }
    body = json_pack("{s:s, s:s}", "keyName", invocation->arguments[0], "rights", rights);
    text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (text == NULL) {
        return vd_cli_fail("the name and the rights are to be text");
    }
    request.body = vd_str_from(text);
    policy = vd_client_json(invocation->data_dir, &request);
    free(text);
    return policy_print(invocation, policy);
}

static int policy_rotate(const struct vd_invocation *invocation)
{
    const char *key = vd_invocation_value(invocation, "key");
    static const char *const keys[] = {"primary", "secondary", "both"};
    char body[32];

    for (size_t i = 0; key != NULL && i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(key, keys[i]) == 0) {
            snprintf(body, sizeof body, "{\"key\":\"%s\"}", key);
            return policy_print(invocation, call_policy(invocation, "POST", "/rotate", body));
        }
    }
    return vd_cli_usage(invocation, "--key is needed: primary, secondary or both");
}

static int policy_delete(const struct vd_invocation *invocation)
{
    return vd_cli_deleted(invocation, call_policy(invocation, "DELETE", "", ""));
}

static const struct vd_option create_options[] = {
    {"rights", "RIGHTS", "of RegistryRead, RegistryWrite, ServiceConnect and DeviceConnect"},
    {NULL, NULL, NULL},
};

static const struct vd_option rotate_options[] = {
    {"key", "KEY", "primary, secondary or both"},
    {NULL, NULL, NULL},
};

#define TAKES (VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT)

const struct vd_command vd_policy_commands[] = {
    {.name = "list",
        .summary = "Lists the policies and what they allow.",
        .takes = TAKES,
        .run = policy_list},
    {.name = "show",
        .summary = "Shows a policy with its keys and connection string.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = policy_show},
    {.name = "create",
        .summary = "Makes a policy with new keys.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = create_options,
        .details = "RIGHTS are parted by commas, as --rights \"RegistryRead, ServiceConnect\".\n",
        .run = policy_create},
    {.name = "rotate",
        .summary = "Makes a key of a policy anew: the old one holds no more.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .options = rotate_options,
        .details =
            "Devices that are connected by a token of the old key are thrown out. To lose nobody, rotate the\n"
            "secondary key, give it to all, then rotate the primary one.\n",
        .run = policy_rotate},
    {.name = "delete",
        .summary = "Deletes a policy: its keys hold no more from this moment on.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = policy_delete},
    {.name = NULL},
};
