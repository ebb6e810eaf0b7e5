/* SPDX-License-Identifier: MIT */
/* Twins as back ends read and change them. */

#include "api/twins.h"
#include "api/service/internal.h"

static struct vd_twins twins_of(const struct vd_service *service)
{
    return (struct vd_twins){service->config.registry, service->config.state, service->config.bus};
}

/* Answers with the twin and its ETag. */
static void reply(struct vd_http_answer *answer, json_t *twin)
{
    char etag[VD_TWIN_ETAG_SIZE + 2];

    snprintf(etag, sizeof etag, "\"%s\"", json_string_value(json_object_get(twin, "etag")));
    vd_http_answer_header(answer, "ETag", etag);
    vd_service_reply(answer, twin);
}

static enum vd_service_fault fault_of_problem(enum vd_twin_error error)
{
    switch (error) {
    case VD_TWIN_TOO_LARGE:
        return VD_FAULT_RequestEntityTooLarge;
    case VD_TWIN_VERSION_MISMATCH:
        return VD_FAULT_PreconditionFailed;
    case VD_TWIN_NO_MEMORY:
        return VD_FAULT_ServerError;
    default:
        return VD_FAULT_ArgumentInvalid;
    }
}

static void fail(const struct vd_twin_problem *problem, struct vd_http_answer *answer)
{
    char detail[VD_TWIN_PATH_SIZE + 96];

    snprintf(detail, sizeof detail, "%s%s%s", problem->path, problem->path[0] != '\0' ? ": " : "",
        vd_twin_error_text(problem->error));
    vd_service_fail(answer, fault_of_problem(problem->error), detail);
}

void vd_service_get_twin(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_twins twins = twins_of(service);
    json_t *twin = NULL;
    int error = vd_twins_get(&twins, args->device_id, args->module_id, &twin);

    if (error == VD_OK) {
        reply(answer, twin);
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, args->module_id != NULL), NULL);
    }
}

/* `If-Match` without its quotes; NULL: any will do. What is no ETag at all stays as it is: no twin has it. */
static const char *unquote(const char *given, char *out, size_t size)
{
    size_t length = given != NULL ? strlen(given) : 0;

    if (length < 2 || given[0] != '"' || given[length - 1] != '"' ||
        vd_str_copy((struct vd_str){given + 1, length - 2}, out, size) != VD_OK) {
        return given;
    }
    return out;
}

static void update(struct vd_service *service, const struct vd_service_args *args,
    enum vd_twin_update how, struct vd_http_answer *answer)
{
    const struct vd_twins twins = twins_of(service);
    char etag[VD_TWIN_ETAG_SIZE];
    const struct vd_twins_change change = {
        .device_id = args->device_id,
        .module_id = args->module_id,
        .how = how,
        .body = args->request->body,
        .if_match = unquote(vd_http_header(args->request, "If-Match"), etag, sizeof etag),
    };
    struct vd_twin_problem problem = {0};
    json_t *twin = NULL;
    int error = vd_twins_update(&twins, &change, &twin, &problem);

    if (error == VD_OK) {
        reply(answer, twin);
    } else if (problem.error != VD_TWIN_OK) {
        fail(&problem, answer);
    } else {
        vd_service_fail(answer, vd_service_fault_of_state(error, args->module_id != NULL), NULL);
    }
}

void vd_service_patch_twin(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    update(service, args, VD_TWIN_PATCH, answer);
}

void vd_service_replace_twin(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    update(service, args, VD_TWIN_REPLACE, answer);
}
