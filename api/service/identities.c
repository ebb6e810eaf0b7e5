/* SPDX-License-Identifier: MIT */
/* Identities of devices and modules: create, update, get, delete, list, count. */

#include <event2/http.h>

#include "api/identity_change.h"
#include "api/service/internal.h"
#include "lib/secret.h"

static const struct vd_service_change done = {true, VD_FAULT_ServerError, NULL};

static struct vd_service_change failed(enum vd_service_fault fault, const char *detail)
{
    return (struct vd_service_change){false, fault, detail};
}

static struct vd_service_change failed_by(int error, bool is_module)
{
    return failed(vd_service_fault_of(error, is_module), NULL);
}

/* `If-Match` without its quotes, or a member of a bulk item, against the identity's. */
static bool etag_matches(const char *given, const struct vd_identity *identity)
{
    char own[VD_IDENTITY_ETAG_SIZE];
    size_t length = given != NULL ? strlen(given) : 0;

    if (length >= 2 && given[0] == '"' && given[length - 1] == '"') {
        given++;
        length -= 2;
    }
    if (length == 0 || (length == 1 && given[0] == '*')) {
        return given == NULL || length == 1;
    }
    vd_identity_etag(identity, own);
    return strlen(own) == length && memcmp(own, given, length) == 0;
}

/* True unless the body names another identity than the path. */
static bool names_it(const json_t *body, const char *member, const char *id)
{
    const json_t *named = json_object_get(body, member);

    return named == NULL || json_is_null(named) ||
        (json_is_string(named) && strcmp(json_string_value(named), id) == 0);
}

static bool is_the_one(const json_t *body, const struct vd_identity *identity)
{
    return names_it(body, "deviceId", identity->device_id) &&
        names_it(body, "moduleId", identity->module_id);
}

static struct vd_identities identities_of(const struct vd_service *service)
{
    return (struct vd_identities){
        service->config.registry, service->config.bus, service->config.sweeper};
}

/* ---- One identity ---- */

struct vd_service_change vd_service_create(
    struct vd_service *service, const json_t *body, struct vd_identity *identity)
{
    bool is_module = identity->module_id[0] != '\0';
    const char *detail = NULL;
    int error;

    if (!is_the_one(body, identity)) {
        return failed(VD_FAULT_ArgumentInvalid, "the body names another identity than the path");
    }
    if (!vd_service_identity_read(body, false, identity, &detail)) {
        return failed(VD_FAULT_ArgumentInvalid, detail);
    }
    error = vd_registry_create(service->config.registry, identity);
    if (error == VD_E_NOT_FOUND) {
        return failed(VD_FAULT_DeviceNotFound, NULL); /* that the module is to belong to */
    }
    if (error != VD_OK) {
        return failed_by(error, is_module);
    }
    vd_log(VD_LOG_INFO, "registry.created", "device=\"%s\" module=\"%s\"", identity->device_id,
        identity->module_id);
    return done;
}

static struct vd_service_change update(struct vd_service *service, const json_t *body,
    const char *etag, struct vd_identity *before, struct vd_identity *identity)
{
    const struct vd_identities identities = identities_of(service);
    bool is_module = identity->module_id[0] != '\0';
    const char *detail = NULL;
    int error =
        vd_registry_get(service->config.registry, identity->device_id, identity->module_id, before);

    if (error != VD_OK) {
        return failed_by(error, is_module);
    }
    if (!etag_matches(etag, before)) {
        return failed(VD_FAULT_PreconditionFailed, NULL);
    }
    *identity = *before;
    if (!vd_service_identity_read(body, true, identity, &detail)) {
        return failed(VD_FAULT_ArgumentInvalid, detail);
    }
    /* Against what was read, whatever was asked for: what is kept must not undo another's change. */
    error = vd_identities_replace(&identities, before, identity);
    return error == VD_OK ? done : failed_by(error, is_module);
}

struct vd_service_change vd_service_update(
    struct vd_service *service, const json_t *body, const char *etag, struct vd_identity *identity)
{
    struct vd_identity before = {0};
    struct vd_service_change change = failed(VD_FAULT_PreconditionFailed, NULL);
    bool any = etag == NULL || strcmp(etag, "*") == 0 || strcmp(etag, "\"*\"") == 0;

    if (!is_the_one(body, identity)) {
        return failed(VD_FAULT_ArgumentInvalid, "the body names another identity than the path");
    }
    for (int i = 0; i < (any ? VD_HUB_WRITE_TRIES : 1); i++) {
        change = update(service, body, etag, &before, identity);
        if (change.is_done || change.fault != VD_FAULT_PreconditionFailed) {
            break;
        }
    }
    vd_secret_wipe(&before, sizeof before);
    return change;
}

struct vd_service_change vd_service_delete(
    struct vd_service *service, const char *device_id, const char *module_id, const char *etag)
{
    const struct vd_identities identities = identities_of(service);
    struct vd_identity identity = {0};
    bool is_module = module_id[0] != '\0';
    bool any = etag == NULL || strcmp(etag, "*") == 0 || strcmp(etag, "\"*\"") == 0;
    uint64_t expected = 0;
    int error = vd_registry_get(service->config.registry, device_id, module_id, &identity);

    if (error == VD_OK && !any) {
        expected = identity.etag;
        error = etag_matches(etag, &identity) ? VD_OK : VD_E_CHANGED;
    }
    vd_secret_wipe(&identity, sizeof identity);
    if (error == VD_OK) {
        error = vd_identities_remove(&identities, device_id, module_id, expected);
    }
    return error == VD_OK ? done : failed_by(error, is_module);
}

/* ---- Requests for one ---- */

static bool set_ids(const struct vd_service_args *args, struct vd_identity *identity)
{
    return vd_text_copy(args->device_id, identity->device_id, sizeof identity->device_id) ==
        VD_OK &&
        vd_text_copy(args->module_id != NULL ? args->module_id : "", identity->module_id,
            sizeof identity->module_id) == VD_OK;
}

/* Answers with the identity, which is the answer's from now on, and the number of messages that wait for it. */
static void reply_counted(
    const struct vd_service *service, json_t *identity, struct vd_http_answer *answer)
{
    json_t *one = json_pack("[O]", identity);
    int error = one != NULL ? vd_service_add_state(service, one) : VD_E_NOMEM;

    json_decref(one);
    if (error == VD_OK) {
        vd_service_reply(answer, identity);
    } else {
        json_decref(identity);
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
    }
}

void vd_service_put_identity(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    const struct vd_http_request *request = args->request;
    const char *etag = vd_http_header(request, "If-Match");
    json_t *body = json_loadb(request->body.data, request->body.length, 0, NULL);
    struct vd_identity identity = {0};
    struct vd_service_change change = failed(VD_FAULT_ArgumentInvalid, "the body is not JSON");

    if (body != NULL && set_ids(args, &identity)) {
        change = etag != NULL ? vd_service_update(service, body, etag, &identity)
                              : vd_service_create(service, body, &identity);
    }
    if (change.is_done) {
        reply_counted(service, vd_service_identity_json(service, &identity), answer);
    } else {
        vd_service_fail(answer, change.fault, change.detail);
    }
    vd_secret_wipe(&identity, sizeof identity);
    json_decref(body);
}

void vd_service_get_identity(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_identity identity = {0};
    int error = vd_registry_get(service->config.registry, args->device_id,
        args->module_id != NULL ? args->module_id : "", &identity);

    if (error != VD_OK) {
        vd_service_fail(answer, vd_service_fault_of(error, args->module_id != NULL), NULL);
        return;
    }
    reply_counted(service, vd_service_identity_json(service, &identity), answer);
    vd_secret_wipe(&identity, sizeof identity);
}

void vd_service_delete_identity(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_service_change change = vd_service_delete(service, args->device_id,
        args->module_id != NULL ? args->module_id : "", vd_http_header(args->request, "If-Match"));

    if (change.is_done) {
        answer->status = 204;
    } else {
        vd_service_fail(answer, change.fault, change.detail);
    }
}

/* ---- Lists ---- */

struct listing {
    const struct vd_service *service;
    const char *device_id; /* whose modules are wanted; NULL: devices are */
    json_t *items;
    size_t max;
    bool failed;
};

static bool list_one(void *context, const struct vd_identity *identity)
{
    struct listing *listing = context;
    bool is_module = identity->module_id[0] != '\0';

    if (listing->device_id != NULL && strcmp(identity->device_id, listing->device_id) != 0) {
        return false;
    }
    if (is_module != (listing->device_id != NULL)) {
        return true;
    }
    listing->failed = json_array_append_new(listing->items,
                          vd_service_identity_json(listing->service, identity)) != 0;
    return !listing->failed && json_array_size(listing->items) < listing->max;
}

static void list(struct listing *listing, struct vd_http_answer *answer)
{
    int error;

    listing->items = json_array();
    error = vd_registry_list(listing->service->config.registry, listing->device_id,
        listing->device_id != NULL ? "" : NULL, list_one, listing);
    if (error == VD_OK && listing->failed) {
        error = VD_E_NOMEM;
    }
    if (error == VD_OK) {
        error = vd_service_add_state(listing->service, listing->items);
    }
    if (error != VD_OK) {
        json_decref(listing->items);
        vd_service_fail(answer, vd_service_fault_of_state(error, false), NULL);
        return;
    }
    vd_service_reply(answer, listing->items);
}

void vd_service_list_devices(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct listing listing = {.service = service, .max = VD_SERVICE_LIST_MAX};
    const char *top = evhttp_find_header(args->params, "top");

    if (top != NULL) {
        size_t digits = strspn(top, "0123456789");
        unsigned long wanted = digits > 0 && digits <= 9 ? strtoul(top, NULL, 10) : 0;

        if (top[digits] != '\0' || wanted == 0) {
            vd_service_fail(answer, VD_FAULT_ArgumentInvalid, "top is a number of 1 to 1000");
            return;
        }
        listing.max = wanted < VD_SERVICE_LIST_MAX ? wanted : VD_SERVICE_LIST_MAX;
    }
    list(&listing, answer);
}

void vd_service_list_modules(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct listing listing = {
        .service = service, .device_id = args->device_id, .max = VD_SERVICE_LIST_MAX};
    struct vd_identity device = {0};
    int error = vd_registry_get(service->config.registry, args->device_id, "", &device);

    vd_secret_wipe(&device, sizeof device);
    if (error != VD_OK) {
        vd_service_fail(answer, vd_service_fault_of(error, false), NULL);
        return;
    }
    list(&listing, answer);
}

/* ---- Statistics ---- */

void vd_service_device_statistics(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    uint64_t devices = 0;
    uint64_t enabled = 0;
    uint64_t disabled = 0;
    int error = vd_registry_count(service->config.registry, &devices, &enabled, &disabled);

    (void)args;
    if (error != VD_OK) {
        vd_service_fail(answer, vd_service_fault_of(error, false), NULL);
        return;
    }
    vd_service_reply(answer,
        json_pack("{s:I, s:I, s:I}", "totalDeviceCount", (json_int_t)devices, "enabledDeviceCount",
            (json_int_t)enabled, "disabledDeviceCount", (json_int_t)disabled));
}

/* Identities that are connected, modules among them: that is what the hub counts. */
void vd_service_connection_statistics(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_hub_stats stats = {0};

    (void)args;
    if (service->config.hub != NULL) {
        vd_hub_stats_get(service->config.hub, &stats);
    }
    vd_service_reply(
        answer, json_pack("{s:I}", "connectedDeviceCount", (json_int_t)stats.authenticated));
}
