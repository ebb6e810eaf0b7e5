/* SPDX-License-Identifier: MIT */
/* Many identities in one request: each is done or refused by itself. */

#include <strings.h>

#include "api/service/internal.h"
#include "lib/secret.h"
#include "lib/uuid.h"

enum mode {
    MODE_CREATE,
    MODE_UPDATE,
    MODE_UPDATE_IF_MATCH,
    MODE_CREATE_OR_UPDATE,
    MODE_DELETE,
    MODE_DELETE_IF_MATCH,
    MODES,
};

static const char *const mode_names[MODES] = {
    "create",
    "update",
    "updateIfMatchETag",
    "createOrUpdate",
    "delete",
    "deleteIfMatchETag",
};

/* MODES for one that there is not. */
static enum mode mode_of(const json_t *item)
{
    const char *text = json_string_value(json_object_get(item, "importMode"));
    enum mode mode = MODE_CREATE;

    while (mode < MODES && (text == NULL || strcasecmp(text, mode_names[mode]) != 0)) {
        mode++;
    }
    return mode;
}

static bool id_copy(const json_t *value, char out[VD_ID_MAX + 1])
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    return text != NULL && vd_device_id_is_valid(text, length) &&
        vd_str_copy((struct vd_str){text, length}, out, VD_ID_MAX + 1) == VD_OK;
}

/* The SDKs say `id` here, where they say `deviceId` elsewhere. */
static bool ids_read(const json_t *item, struct vd_identity *identity)
{
    const json_t *id = json_object_get(item, "id");
    const json_t *module = json_object_get(item, "moduleId");

    return id_copy(id != NULL ? id : json_object_get(item, "deviceId"), identity->device_id) &&
        (module == NULL || json_is_null(module) || json_string_length(module) == 0 ||
            id_copy(module, identity->module_id));
}

static struct vd_service_change create_or_update(
    struct vd_service *service, const json_t *item, struct vd_identity *identity)
{
    struct vd_identity fresh = *identity;
    struct vd_service_change change = vd_service_create(service, item, &fresh);

    vd_secret_wipe(&fresh, sizeof fresh);
    if (!change.is_done &&
        (change.fault == VD_FAULT_DeviceAlreadyExists ||
            change.fault == VD_FAULT_ModuleAlreadyExistsOnDevice)) {
        change = vd_service_update(service, item, NULL, identity);
    }
    return change;
}

static struct vd_service_change item_run(
    struct vd_service *service, const json_t *item, struct vd_identity *identity)
{
    const char *etag = json_string_value(json_object_get(item, "etag"));

    switch (mode_of(item)) {
    case MODE_CREATE:
        return vd_service_create(service, item, identity);
    case MODE_UPDATE:
        return vd_service_update(service, item, NULL, identity);
    case MODE_UPDATE_IF_MATCH:
        return vd_service_update(service, item, etag != NULL ? etag : "", identity);
    case MODE_CREATE_OR_UPDATE:
        return create_or_update(service, item, identity);
    case MODE_DELETE:
        return vd_service_delete(service, identity->device_id, identity->module_id, NULL);
    case MODE_DELETE_IF_MATCH:
        return vd_service_delete(
            service, identity->device_id, identity->module_id, etag != NULL ? etag : "");
    case MODES:
        break;
    }
    return (struct vd_service_change){false, VD_FAULT_ArgumentInvalid,
        "importMode is create, update, updateIfMatchETag, createOrUpdate, delete or "
        "deleteIfMatchETag"};
}

/* False: memory ran out. */
static bool error_add(
    json_t *errors, const struct vd_identity *identity, const struct vd_service_change *change)
{
    return json_array_append_new(errors,
               json_pack("{s:s, s:s*, s:s, s:s}", "deviceId", identity->device_id, "moduleId",
                   identity->module_id[0] != '\0' ? identity->module_id : NULL, "errorCode",
                   vd_service_fault_name(change->fault), "errorStatus",
                   change->detail != NULL ? change->detail
                                          : vd_service_fault_text(change->fault))) == 0;
}

/* What the mode is called among the operations of one identity. */
static const char *operation_name(enum mode mode)
{
    static const char *const names[MODES + 1] = {
        [MODE_CREATE] = "create",
        [MODE_UPDATE] = "update",
        [MODE_UPDATE_IF_MATCH] = "update",
        [MODE_CREATE_OR_UPDATE] = "createOrUpdate",
        [MODE_DELETE] = "delete",
        [MODE_DELETE_IF_MATCH] = "delete",
        [MODES] = "bulk",
    };

    return names[mode];
}

static bool items_run(struct vd_service *service, const struct vd_service_args *args,
    const json_t *items, json_t *errors)
{
    bool good = true;

    for (size_t i = 0; i < json_array_size(items) && good; i++) {
        const json_t *item = json_array_get(items, i);
        struct vd_identity identity = {0};
        struct vd_service_change change = {false, VD_FAULT_ArgumentInvalid, "no valid id"};

        if (ids_read(item, &identity)) {
            change = item_run(service, item, &identity);
        }
        vd_service_record_bulk(service, args, operation_name(mode_of(item)), &identity, &change);
        good = change.is_done || error_add(errors, &identity, &change);
        vd_secret_wipe(&identity, sizeof identity);
    }
    return good;
}

void vd_service_bulk(
    struct vd_service *service, const struct vd_service_args *args, struct vd_http_answer *answer)
{
    struct vd_str text = args->request->body;
    json_t *items = json_loadb(text.data, text.length, 0, NULL);
    size_t count = json_array_size(items);
    json_t *errors = json_array();

    if (!json_is_array(items) || count == 0 || count > VD_SERVICE_BULK_MAX) {
        vd_service_fail(
            answer, VD_FAULT_ArgumentInvalid, "the body is a JSON array of 1 to 1000 identities");
    } else if (errors == NULL || !items_run(service, args, items, errors)) {
        vd_service_fail(answer, VD_FAULT_ServerError, "out of memory");
    } else {
        bool good = json_array_size(errors) == 0;

        vd_service_reply(answer,
            json_pack("{s:b, s:O, s:[]}", "isSuccessful", (int)good, "errors", errors, "warnings"));
        if (!good && answer->status == 200) {
            answer->status = 400;
            vd_http_answer_header(answer, "iothub-errorcode",
                vd_service_fault_name(VD_FAULT_BulkRegistryOperationFailure));
        }
    }
    json_decref(errors);
    json_decref(items);
}
