/* SPDX-License-Identifier: MIT */
/* `vedette policy`: what back ends authorise themselves with. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static int policy_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"POLICY", "RIGHTS"};
    const struct vd_api_request request = {.method = "GET", .path = "/policies"};
    struct vd_table table = {.columns = columns, .column_count = 2};
    json_t *answer = vd_client_json(invocation->data_dir, &request);
    const json_t *policies = json_object_get(answer, "policies");
    const json_t *policy;
    size_t i;

    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(policies);
    } else {
        json_array_foreach(policies, i, policy)
        {
            vd_table_add(&table, text_of(policy, "keyName"));
            vd_table_add(&table, text_of(policy, "rights"));
        }
        vd_table_print(&table, true);
    }
    json_decref(answer);
    return VD_EXIT_OK;
}

static int policy_show(const struct vd_invocation *invocation)
{
    char *name = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = "GET"};
    json_t *policy;

    vd_buf_printf(&path, "/policies/%s", name != NULL ? name : "");
    free(name);
    if (name == NULL || path.error != VD_OK) {
        vd_buf_release(&path);
        return vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    request.path = (const char *)path.data;
    policy = vd_client_json(invocation->data_dir, &request);
    vd_buf_release(&path);
    if (policy == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(policy);
    } else {
        printf("policy             %s\n", text_of(policy, "keyName"));
        printf("rights             %s\n", text_of(policy, "rights"));
        printf("primary key        %s\n", text_of(policy, "primaryKey"));
        printf("secondary key      %s\n", text_of(policy, "secondaryKey"));
        printf("connection string  %s\n", text_of(policy, "connectionString"));
    }
    json_decref(policy);
    return VD_EXIT_OK;
}

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
    {.name = NULL},
};
