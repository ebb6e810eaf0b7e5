/* SPDX-License-Identifier: MIT */
/* Direct methods in the API: a device or a module is called, and what it answers is the answer. */

#include "api/handlers.h"
#include "api/method_call.h"
#include "lib/secret.h"

static void fail(int error, struct vd_api_answer *answer)
{
    static const struct {
        int error;
        int status;
        const char *code;
        const char *message;
    } forms[] = {
        {VD_E_NOT_FOUND, 404, "DeviceNotOnline",
            "the device is not connected, or takes no methods, or its connection ended before it "
            "answered"},
        {VD_E_TIMEOUT, 504, "GatewayTimeout", "the device did not answer in time"},
        {VD_E_LIMIT, 429, "ThrottlingException",
            "too many calls are under way, or the device does not read what it is sent: try again"},
        {VD_E_CORRUPT, 502, "BadDeviceResponse", "the device answered something that is not JSON"},
        {VD_E_CLOSED, 503, "ServiceUnavailable",
            "no hub takes calls here just now: `vedette serve` is not running, or is stopping"},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].error == error) {
            vd_api_fail(answer, forms[i].status, forms[i].code, "%s", forms[i].message);
            return;
        }
    }
    vd_api_fail_error(answer, error, "the call");
}

static void reply(int error, int status, json_t *payload, struct vd_http_answer *answer)
{
    struct vd_api_answer made = {500, NULL};

    if (error == VD_OK) {
        vd_api_reply(&made, 200, json_pack("{s:i, s:o}", "status", status, "payload", payload));
    } else {
        fail(error, &made);
    }
    answer->status = made.status;
    answer->body = made.body;
}

/* Whether the identity is there; false: answered. */
static bool is_known(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    const char *module_id = args->module_id != NULL ? args->module_id : "";
    struct vd_identity identity = {0};
    int error = vd_registry_get(api->registry, args->id, module_id, &identity);

    vd_secret_wipe(&identity, sizeof identity);
    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->module_id != NULL ? args->module_id : args->id);
    }
    return error == VD_OK;
}

void vd_api_method_call(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_method_call call = {.device_id = args->id, .module_id = args->module_id};
    struct vd_http_answer made = {.status = 500};
    json_t *body = vd_api_body_object(args, answer);
    char *payload = NULL;
    const char *wrong;

    if (body == NULL) {
        return;
    }
    wrong = vd_method_read(body, &call, &payload);
    if (wrong != NULL) {
        vd_api_fail(answer, 400, "InvalidBody", "%s", wrong);
    } else if (is_known(api, args, answer)) {
        vd_method_run(api->bus, &call, args->later, reply, &made);
        answer->status = made.status;
        answer->body = made.body;
    }
    free(payload);
    json_decref(body);
}
