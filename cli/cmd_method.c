/* SPDX-License-Identifier: MIT */
/* `vedette device method`: calls a direct method of a device or module and prints what it answers. */

#include <stdio.h>

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

const struct vd_option vd_method_options[] = {
    {"module", "ID", "a module of the device, instead of the device itself"},
    {"timeout", "S", "how long it may take to answer: 5 to 300 s; default: 30"},
    {"connect-timeout", "S", "how long it may be away: 0 to 300 s; default: 0"},
    {NULL, NULL, NULL},
};

/* Puts the option's seconds into the body, if it was given; false for what is no number. */
static bool add_seconds(
    const struct vd_invocation *invocation, const char *option, json_t *body, const char *member)
{
    const char *text = vd_invocation_value(invocation, option);
    json_t *value;

    if (text == NULL) {
        return true;
    }
    value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!json_is_integer(value)) {
        json_decref(value);
        return false;
    }
    return json_object_set_new(body, member, value) == 0;
}

/* What is asked, as JSON text, the caller's to free; NULL (said on stderr, *status set) if that is wrong. */
static char *make_body(const struct vd_invocation *invocation, int *status)
{
    json_t *body = json_pack("{s:s}", "methodName", invocation->arguments[1]);
    json_t *payload = NULL;
    char *text = NULL;

    *status = VD_EXIT_FAILURE;
    if (invocation->argument_count > 2) {
        payload = json_loads(invocation->arguments[2], JSON_DECODE_ANY, NULL);
        if (payload == NULL) {
            *status = vd_cli_usage(invocation, "the payload is not JSON; a text stands in quotes");
            json_decref(body);
            return NULL;
        }
    }
    if (payload != NULL) {
        json_object_set_new(body, "payload", payload);
    }
    if (body != NULL &&
        (!add_seconds(invocation, "timeout", body, "responseTimeoutInSeconds") ||
            !add_seconds(invocation, "connect-timeout", body, "connectTimeoutInSeconds"))) {
        *status = vd_cli_usage(invocation, "a timeout is a number of seconds");
    } else if (body != NULL) {
        text = json_dumps(body, JSON_COMPACT);
    }
    if (text == NULL && *status == VD_EXIT_FAILURE) {
        vd_cli_fail("the name of the method is to be text");
    }
    json_decref(body);
    return text;
}

/* False: no memory. */
static bool make_path(const struct vd_invocation *invocation, struct vd_buf *path)
{
    const char *module = vd_invocation_value(invocation, "module");
    char *id = vd_client_encode(invocation->arguments[0]);
    char *module_id = module != NULL ? vd_client_encode(module) : NULL;
    bool has_ids = id != NULL && (module == NULL || module_id != NULL);

    if (has_ids && module != NULL) {
        vd_buf_printf(path, "/devices/%s/modules/%s/methods", id, module_id);
    } else if (has_ids) {
        vd_buf_printf(path, "/devices/%s/methods", id);
    }
    free(id);
    free(module_id);
    return has_ids && path->error == VD_OK;
}

static void print_answer(const struct vd_invocation *invocation, const json_t *answer)
{
    const json_t *payload = json_object_get(answer, "payload");

    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(answer);
        return;
    }
    printf("status   %lld\n", (long long)json_integer_value(json_object_get(answer, "status")));
    printf("payload  ");
    fflush(stdout);
    if (json_dumpf(payload, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) == 0) {
        putchar('\n');
    }
}

int vd_cmd_method(const struct vd_invocation *invocation)
{
    struct vd_api_request request = {.method = "POST"};
    struct vd_buf path = {0};
    int status;
    char *body = make_body(invocation, &status);
    json_t *answer = NULL;

    if (body == NULL) {
        return status;
    }
    if (make_path(invocation, &path)) {
        request.path = (const char *)path.data;
        request.body = vd_str_from(body);
        answer = vd_client_json(invocation->data_dir, &request);
    } else {
        vd_cli_fail("%s", vd_error_text(VD_E_NOMEM));
    }
    if (answer != NULL) {
        print_answer(invocation, answer);
    }
    status = answer != NULL ? VD_EXIT_OK : VD_EXIT_FAILURE;
    json_decref(answer);
    vd_buf_release(&path);
    free(body);
    return status;
}
