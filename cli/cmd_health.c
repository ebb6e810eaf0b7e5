/* SPDX-License-Identifier: MIT */
/* `vedette health`: whether the service lives and is ready, for scripts. */

#include <stdio.h>

#include "api/health.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

/* How long an answer may take that waits for nothing. */
#define ANSWER_S 10

static void print_reasons(const json_t *health)
{
    const json_t *reasons = json_object_get(health, "reasons");
    const json_t *reason;
    size_t i;

    printf("%s\n",
        json_is_true(json_object_get(health, "ready"))      ? "ready"
            : json_is_true(json_object_get(health, "live")) ? "not ready"
                                                            : "stuck");
    json_array_foreach(reasons, i, reason)
    {
        printf("  %-20s %s\n", json_string_value(json_object_get(reason, "code")),
            json_string_value(json_object_get(reason, "text")));
    }
}

static int status_of(const json_t *health)
{
    if (json_is_true(json_object_get(health, "ready"))) {
        return VD_EXIT_OK;
    }
    return json_is_true(json_object_get(health, "live")) ? VD_EXIT_NOT_READY : VD_EXIT_STUCK;
}

/* NULL: *status is the command's, and why was said. */
static json_t *ask(const char *data_dir, int *status)
{
    const struct vd_api_request request = {.method = "GET", .path = VD_HEALTH_LOCAL_PATH};
    struct vd_api_answer answer = {500, NULL};
    char error_text[1024] = "";
    int error;

    vd_client_set_timeout(ANSWER_S);
    error = vd_client_call(data_dir, &request, &answer, error_text, sizeof error_text);
    if (error == VD_OK && answer.status == 200) {
        return answer.body;
    }
    if (error == VD_OK) {
        vd_cli_fail("%s",
            json_string_value(json_object_get(json_object_get(answer.body, "error"), "message")));
        json_decref(answer.body);
    } else {
        vd_cli_fail("%s", error_text);
    }
    *status = error == VD_E_TIMEOUT ? VD_EXIT_STUCK : VD_EXIT_FAILURE;
    return NULL;
}

int vd_cmd_health(const struct vd_invocation *invocation)
{
    int status = VD_EXIT_OK;
    json_t *health = ask(invocation->data_dir, &status);

    if (health == NULL) {
        return status;
    }
    if (invocation->output == VD_OUTPUT_JSON) {
        vd_print_json(health);
    } else {
        print_reasons(health);
    }
    status = status_of(health);
    json_decref(health);
    return status;
}
