/* SPDX-License-Identifier: MIT */
/* What the service API records of the requests that it answered. */

#include "api/service/internal.h"

/* Which operation a handler's requests are; of those that are not here nothing is recorded. */
static const struct kind {
    vd_service_handler *handler;
    enum vd_operation_category category;
    const char *name;
} kinds[] = {
    {vd_service_put_identity, VD_OPERATION_IDENTITIES, "create"}, /* with If-Match: update */
    {vd_service_get_identity, VD_OPERATION_IDENTITIES, "get"},
    {vd_service_delete_identity, VD_OPERATION_IDENTITIES, "delete"},
    {vd_service_list_devices, VD_OPERATION_IDENTITIES, "list"},
    {vd_service_list_modules, VD_OPERATION_IDENTITIES, "list"},
    {vd_service_get_twin, VD_OPERATION_C2D_TWIN, "read"},
    {vd_service_patch_twin, VD_OPERATION_C2D_TWIN, "update"},
    {vd_service_replace_twin, VD_OPERATION_C2D_TWIN, "replace"},
    {vd_service_query, VD_OPERATION_TWIN_QUERIES, "query"},
    {vd_service_send, VD_OPERATION_C2D, "send"},
    {vd_service_purge, VD_OPERATION_C2D, "queuePurged"},
    {vd_service_get_feedback, VD_OPERATION_C2D, "feedbackRead"},
    {vd_service_remove_feedback, VD_OPERATION_C2D, "feedbackRemoved"},
};

static const struct kind *kind_of(vd_service_handler *handler)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].handler == handler) {
            return &kinds[i];
        }
    }
    return NULL;
}

const char *vd_service_answer_header(const struct vd_http_answer *answer, const char *name)
{
    for (size_t i = 0; i < answer->header_count; i++) {
        if (strcmp(answer->headers[i].name, name) == 0) {
            return answer->headers[i].value;
        }
    }
    return NULL;
}

static struct vd_result result_of(const struct vd_http_answer *answer)
{
    const char *fault = vd_service_answer_header(answer, "iothub-errorcode");

    if (answer->status < 400) {
        return (struct vd_result){0, ""};
    }
    return fault != NULL ? vd_service_fault_result(fault)
                         : (struct vd_result){(uint32_t)answer->status * 1000, "ServerError"};
}

static void add(struct vd_operation *operation, struct vd_operation_property property)
{
    size_t i = 0;

    while (operation->properties[i].name != NULL) {
        i++;
    }
    operation->properties[i] = property;
}

/* The query, and what of its result this page is; *body is the caller's to free, the query lies in it. */
static void add_query(struct vd_operation *operation, const struct vd_http_request *request,
    const struct vd_http_answer *answer, json_t **body)
{
    const char *size = vd_http_header(request, "x-ms-max-item-count");
    const char *continuation = vd_http_header(request, "x-ms-continuation");
    const char *query;

    *body = json_loadb(request->body.data, request->body.length, 0, NULL);
    query = json_string_value(json_object_get(*body, "query"));
    add(operation, (struct vd_operation_property){"query", query != NULL ? query : "", 0});
    add(operation, (struct vd_operation_property){"pageSize", size != NULL ? size : "", 0});
    add(operation,
        (struct vd_operation_property){"continuation", continuation != NULL ? "true" : "false", 0});
    add(operation,
        (struct vd_operation_property){"resultSize", NULL, (int64_t)json_array_size(answer->body)});
}

void vd_service_record(struct vd_service *service, vd_service_handler *handler,
    const struct vd_service_args *args, const struct vd_http_answer *answer, int64_t duration_ms)
{
    const struct vd_http_request *request = args->request;
    const struct kind *kind = kind_of(handler);
    const char *agent = vd_http_header(request, "User-Agent");
    struct vd_operation operation = {0};
    json_t *body = NULL;

    if (kind == NULL || service->config.recorder == NULL ||
        (handler == vd_service_get_feedback && answer->status < 400 &&
            json_array_size(answer->body) == 0)) {
        return; /* who waits for feedback asks again and again */
    }
    operation.category = kind->category;
    operation.name = kind->name;
    if (handler == vd_service_put_identity && vd_http_header(request, "If-Match") != NULL) {
        operation.name = "update";
    }
    operation.result = result_of(answer);
    operation.duration_ms = duration_ms;
    operation.device_id = args->device_id;
    operation.module_id = args->module_id;
    operation.protocol = "Https";
    operation.address = request->peer;
    add(&operation, (struct vd_operation_property){"sdkVersion", agent != NULL ? agent : "", 0});
    if (kind->category == VD_OPERATION_C2D_TWIN) {
        add(&operation,
            (struct vd_operation_property){"messageSize", NULL, (int64_t)request->body.length});
    } else if (kind->category == VD_OPERATION_C2D) {
        const char *made = vd_service_answer_header(answer, "iothub-messageid");
        const char *id = made != NULL ? made : vd_http_header(request, "iothub-messageid");

        add(&operation, (struct vd_operation_property){"messageId", id != NULL ? id : "", 0});
        if (handler == vd_service_purge && operation.result.code == 0) {
            add(&operation,
                (struct vd_operation_property){"messageCount", NULL,
                    json_integer_value(json_object_get(answer->body, "totalMessagesPurged"))});
        }
    } else if (kind->category == VD_OPERATION_TWIN_QUERIES) {
        add_query(&operation, request, answer, &body);
    }
    vd_record_operation(service->config.recorder, &operation);
    json_decref(body);
}

void vd_service_record_refused_call(
    struct vd_service *service, const struct vd_service_args *args, enum vd_service_fault fault)
{
    vd_record_operation(service->config.recorder,
        &(struct vd_operation){
            .category = VD_OPERATION_METHODS,
            .name = "send",
            .result = vd_service_fault_result(vd_service_fault_name(fault)),
            .device_id = args->device_id,
            .module_id = args->module_id,
            .protocol = "Https",
            .address = args->request->peer,
            .properties = {{"RequestSize", NULL, (int64_t)args->request->body.length}},
        });
}

void vd_service_record_bulk(struct vd_service *service, const struct vd_service_args *args,
    const char *name, const struct vd_identity *identity, const struct vd_service_change *change)
{
    struct vd_result result = {0, ""};

    if (service->config.recorder == NULL) {
        return;
    }
    if (!change->is_done) {
        result = vd_service_fault_result(vd_service_fault_name(change->fault));
    }
    vd_record_operation(service->config.recorder,
        &(struct vd_operation){
            .category = VD_OPERATION_IDENTITIES,
            .name = name,
            .result = result,
            .device_id = identity->device_id,
            .module_id = identity->module_id,
            .protocol = "Https",
            .address = args->request->peer,
            .properties = {{"batching", "true", 0}},
        });
}
