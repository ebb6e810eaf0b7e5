/* SPDX-License-Identifier: MIT */
/* `vedette token`: who may manage the hub over HTTPS. */

#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/duration.h"
#include "cli/list.h"
#include "hub/registry.h"

static const char *text_or(const json_t *object, const char *name, const char *otherwise)
{
    const char *text = vd_member_text(object, name);

    return text != NULL && text[0] != '\0' ? text : otherwise;
}

/* The user who runs the command, as far as the system names him. */
static void maker_name(char *out, size_t size)
{
    const struct passwd *user = getpwuid(getuid());

    if (user == NULL || vd_text_copy(user->pw_name, out, size) != VD_OK) {
        snprintf(out, size, "uid %u", (unsigned)getuid());
    }
}

static char *create_body(const char *name, const char *role, int64_t expires_s)
{
    char maker[VD_TOKEN_MAKER_MAX + 1];
    json_t *body;
    char *text;

    maker_name(maker, sizeof maker);
    body = json_pack("{s:s, s:s, s:s}", "name", name, "role", role, "createdBy", maker);
    if (body != NULL && expires_s > 0 &&
        json_object_set_new(body, "expiresInSeconds", json_integer(expires_s)) != 0) {
        json_decref(body);
        body = NULL;
    }
    text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

static void print_created(const json_t *token)
{
    printf("token           %s\n", vd_member_text(token, "token"));
    printf("name            %s\n", vd_member_text(token, "name"));
    printf("role            %s\n", vd_member_text(token, "role"));
    printf("expires         %s\n", text_or(token, "expires", "never"));
    printf("endpoint        %s\n", text_or(token, "endpoint", "off: set https.listen"));
    printf("subscription    %s\n", vd_member_text(token, "subscription"));
    printf("resource group  %s\n", vd_member_text(token, "resourceGroup"));
    printf("hub             %s\n", vd_member_text(token, "hub"));
    puts("\nThe token is shown this once: keep it where nobody else reads it.");
}

static int token_create(const struct vd_invocation *invocation)
{
    const char *name = vd_invocation_value(invocation, "name");
    const char *role = vd_invocation_value(invocation, "role");
    const char *expires = vd_invocation_value(invocation, "expires");
    const int64_t expires_s = expires != NULL ? vd_duration_seconds(expires) : 0;
    struct vd_api_request request = {.method = "POST", .path = "/tokens"};
    json_t *token;
    char *body;

    if (name == NULL || role == NULL) {
        return vd_cli_usage(invocation, "--name and --role are needed");
    }
    if (expires != NULL && expires_s == 0) {
        return vd_cli_usage(invocation,
            "--expires %s: not a number above 0 with s, m, h, d or w behind it", expires);
    }
    body = create_body(name, role, expires_s);
    if (body == NULL) {
        return vd_cli_fail("the name and the role are to be text");
    }
    request.body = vd_str_from(body);
    token = vd_client_json(invocation->data_dir, &request);
    free(body);
    if (token == NULL) {
        return VD_EXIT_FAILURE;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(token);
    } else {
        print_created(token);
    }
    json_decref(token);
    return VD_EXIT_OK;
}

static void add_token(struct vd_table *table, const json_t *token)
{
    vd_table_add(table, vd_member_text(token, "name"));
    vd_table_add(table, vd_member_text(token, "role"));
    vd_table_add(table, vd_member_text(token, "created"));
    vd_table_add(table, text_or(token, "createdBy", "-"));
    vd_table_add(table,
        json_is_true(json_object_get(token, "isExpired")) ? "expired"
                                                          : text_or(token, "expires", "never"));
    vd_table_add(table, text_or(token, "lastUsed", "never"));
}

static int token_list(const struct vd_invocation *invocation)
{
    static const char *const columns[] = {"NAME", "ROLE", "CREATED", "BY", "EXPIRES", "LAST USED"};
    static const struct vd_list list = {.rows = "tokens",
        .columns = columns,
        .column_count = 6,
        .add = add_token,
        .none = "no tokens; `vedette token create --name NAME --role ROLE` makes one"};

    return vd_cli_list_at(invocation, &list, "/tokens");
}

static int token_delete(const struct vd_invocation *invocation)
{
    char *name = vd_client_encode(invocation->arguments[0]);
    struct vd_buf path = {0};
    struct vd_api_request request = {.method = "DELETE"};
    json_t *answer;

    vd_buf_printf(&path, "/tokens/%s", name != NULL ? name : "");
    free(name);
    if (name == NULL || path.error != VD_OK) {
        vd_buf_release(&path);
        return vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    request.path = (const char *)path.data;
    answer = vd_client_json(invocation->data_dir, &request);
    vd_buf_release(&path);
    return vd_cli_deleted(invocation, answer);
}

static const struct vd_option create_options[] = {
    {"name", "NAME", "who will use it; unique"},
    {"role", "ROLE", "reader, contributor or owner"},
    {"expires", "DURATION", "a number with s, m, h, d or w behind it, as 90d; default: never"},
    {NULL, NULL, NULL},
};

#define TAKES (VD_TAKES_DATA_DIR | VD_TAKES_OUTPUT)

const struct vd_command vd_token_commands[] = {
    {.name = "create",
        .summary = "Makes a bearer token and shows it, once.",
        .takes = TAKES,
        .options = create_options,
        .details =
            "A reader sees everything but keys; a contributor also changes everything but keys, and reads those; an\n"
            "owner does all that the management API offers. Only this command, and owners in the portal,\n"
            "make and delete tokens.\n",
        .run = token_create},
    {.name = "list", .summary = "Lists the tokens.", .takes = TAKES, .run = token_list},
    {.name = "delete",
        .summary = "Deletes a token: it holds no more from this moment on.",
        .arguments = "NAME",
        .min_arguments = 1,
        .max_arguments = 1,
        .takes = TAKES,
        .run = token_delete},
    {.name = NULL},
};
