/* SPDX-License-Identifier: MIT */
/* Direct methods: a call goes over the bus to a connected device, and its answer comes back. */

#include "api/method_call.h"
#include "api/service/internal.h"
#include "lib/secret.h"

static enum vd_service_fault fault_of(int error)
{
    switch (error) {
    case VD_E_NOT_FOUND:
        return VD_FAULT_DeviceNotOnline;
    case VD_E_TIMEOUT:
        return VD_FAULT_GatewayTimeout;
    case VD_E_LIMIT:
        return VD_FAULT_ThrottlingException;
    case VD_E_INVALID:
        return VD_FAULT_ArgumentInvalid;
    case VD_E_CLOSED:
        return VD_FAULT_ServiceUnavailable;
    case VD_E_CORRUPT:
        return VD_FAULT_BadDeviceResponse;
    default:
        return VD_FAULT_ServerError;
    }
}

static void reply(int error, int status, json_t *payload, struct vd_http_answer *answer)
{
    if (error == VD_OK) {
        vd_service_reply(answer, json_pack("{s:i, s:o}", "status", status, "payload", payload));
    } else {
        vd_service_fail(answer, fault_of(error), NULL);
    }
}

static void refuse(struct vd_service *service, const struct vd_service_args *args,
    enum vd_service_fault fault, const char *detail, struct vd_http_answer *answer)
{
    vd_service_fail(answer, fault, detail);
    vd_service_record_refused_call(service, args, fault);
}

void vd_service_call_method(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_str text = args->request->body;
    json_t *body = json_loadb(text.data, text.length, 0, NULL);
    struct vd_method_call call = {.device_id = args->device_id, .module_id = args->module_id};
    struct vd_identity identity = {0};
    char *payload = NULL;
    const char *wrong = vd_method_read(body, &call, &payload);
    int error = VD_E_INVALID;

    if (wrong == NULL) {
        error = vd_registry_get(service->config.registry, args->device_id,
            args->module_id != NULL ? args->module_id : "", &identity);
        vd_secret_wipe(&identity, sizeof identity);
    }
    if (wrong != NULL) {
        refuse(service, args, VD_FAULT_ArgumentInvalid, wrong, answer);
    } else if (error != VD_OK) {
        refuse(service, args, vd_service_fault_of(error, args->module_id != NULL), NULL, answer);
    } else {
        vd_method_run(service->config.bus, &call, args->request->later, reply, answer);
    }
    free(payload);
    json_decref(body);
}
