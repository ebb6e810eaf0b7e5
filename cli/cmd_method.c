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
    int status;
    char *body = make_body(invocation, &status);
    json_t *answer;

    if (body == NULL) {
        return status;
    }
    answer = vd_device_call(invocation, "POST", "/methods", NULL, vd_str_from(body));
    free(body);
    if (answer == NULL) {
        return VD_EXIT_FAILURE;
    }
    print_answer(invocation, answer);
    json_decref(answer);
    return VD_EXIT_OK;
}
