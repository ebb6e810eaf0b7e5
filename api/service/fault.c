/* SPDX-License-Identifier: MIT */
/* Answers of the service API: faults in the form that the SDKs read, and the rest. */

#include "api/service/internal.h"
#include "lib/clock.h"
#include "lib/uuid.h"

static const struct {
    const char *name;
    int status;
    int code;
    const char *text;
} faults[] = {
#define FAULT_ROW(name, status, code, text) {#name, status, code, text},
    VD_SERVICE_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

const char *vd_service_fault_name(enum vd_service_fault fault)
{
    return faults[fault].name;
}

const char *vd_service_fault_text(enum vd_service_fault fault)
{
    return faults[fault].text;
}

struct vd_result vd_service_fault_result(const char *name)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (strcmp(faults[i].name, name) == 0) {
            return (struct vd_result){(uint32_t)faults[i].code, faults[i].name};
        }
    }
    return (struct vd_result){500001, "ServerError"};
}

/* "Tracking ID:{id}-TimeStamp:{time}-ErrorCode:{number}": what a caller quotes when he asks about it. */
static void tracking(int code, char *out, size_t size)
{
    struct vd_uuid id = {{0}};
    char id_text[VD_UUID_TEXT_SIZE];
    char time_text[VD_TIME_TEXT_SIZE];

    if (vd_uuid_random(&id) != VD_OK) {
        id = (struct vd_uuid){{0}};
    }
    vd_uuid_format(&id, id_text);
    vd_time_format(vd_clock_utc_ms(), time_text);
    snprintf(out, size, "Tracking ID:%s-TimeStamp:%s-ErrorCode:%d", id_text, time_text, code);
}

void vd_service_fail(struct vd_http_answer *answer, enum vd_service_fault fault, const char *detail)
{
    char message[256];
    char exception[160];

    snprintf(message, sizeof message, "ErrorCode:%s;%s", faults[fault].name,
        detail != NULL ? detail : faults[fault].text);
    tracking(faults[fault].code, exception, sizeof exception);
    answer->status = faults[fault].status;
    answer->body = json_pack("{s:s, s:s}", "Message", message, "ExceptionMessage", exception);
    vd_http_answer_header(answer, "iothub-errorcode", faults[fault].name);
    if (answer->status == 401) {
        vd_http_answer_header(answer, "WWW-Authenticate", "SharedAccessSignature");
    }
}

enum vd_service_fault vd_service_fault_of(int error, bool is_module)
{
    switch (error) {
    case VD_E_INVALID:
    case VD_E_LIMIT:
        return VD_FAULT_ArgumentInvalid;
    case VD_E_NOT_FOUND:
        return is_module ? VD_FAULT_ModuleNotFound : VD_FAULT_DeviceNotFound;
    case VD_E_EXISTS:
        return is_module ? VD_FAULT_ModuleAlreadyExistsOnDevice : VD_FAULT_DeviceAlreadyExists;
    case VD_E_CHANGED:
        return VD_FAULT_PreconditionFailed;
    case VD_E_BUSY:
    case VD_E_FULL:
        return VD_FAULT_ServiceUnavailable;
    default:
        return VD_FAULT_ServerError;
    }
}

enum vd_service_fault vd_service_fault_of_state(int error, bool is_module)
{
    switch (error) {
    case VD_E_LIMIT: /* too much waits for the writer */
        return VD_FAULT_ThrottlingException;
    case VD_E_CLOSED:
        return VD_FAULT_ServiceUnavailable;
    default:
        return vd_service_fault_of(error, is_module);
    }
}

void vd_service_reply(struct vd_http_answer *answer, json_t *body)
{
    if (body == NULL) {
        vd_service_fail(answer, VD_FAULT_ServerError, "out of memory");
        return;
    }
    answer->status = 200;
    answer->body = body;
}
