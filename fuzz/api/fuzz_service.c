/* SPDX-License-Identifier: MIT */
/* What a back end sends to the service API: `METHOD target` in the first line, If-Match in the second, then the body. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <string.h>

#include "api/service/service.h"
#include "fuzz/replay.h"
#include "hub/sas.h"
#include "lib/log.h"
#include "tests/hub/memory_registry.h"

#define HOST "hub.test"

/* Long enough for every path and for bodies of many identities. */
#define INPUT_MAX 65536

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- A registry that takes what is valid and checks what it is given ---- */

static struct memory_registry memory;
static struct vd_registry_ops ops;

static int put(struct vd_registry *registry, struct vd_identity *identity)
{
    (void)registry;
    /* Paths and bodies that name no valid id never come so far. */
    check(strnlen(identity->device_id, sizeof identity->device_id) <= VD_ID_MAX);
    check(identity->device_id[0] != '\0');
    check(identity->auth_type != VD_AUTH_SAS ||
        (identity->primary_key.length >= VD_KEY_MIN_BYTES &&
            identity->secondary_key.length >= VD_KEY_MIN_BYTES));
    check(identity->auth_type == VD_AUTH_SAS || identity->primary_key.length == 0);
    check(vd_identity_is_valid(identity));
    return VD_OK;
}

static int fuzz_create(struct vd_registry *registry, struct vd_identity *identity)
{
    struct vd_identity there;

    if (registry->ops->get(registry, identity->device_id, identity->module_id, &there) == VD_OK) {
        return VD_E_EXISTS;
    }
    return put(registry, identity);
}

static int fuzz_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag)
{
    struct vd_identity there;
    int error = registry->ops->get(registry, identity->device_id, identity->module_id, &there);

    check(error == VD_OK && expected_etag == there.etag);
    return put(registry, identity);
}

static int fuzz_remove(struct vd_registry *registry, const char *device_id, const char *module_id,
    uint64_t expected_etag)
{
    (void)registry;
    (void)expected_etag;
    check(device_id[0] != '\0' && module_id != NULL);
    return VD_OK;
}

static int fuzz_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    (void)registry;
    (void)after_device_id;
    (void)after_module_id;
    for (unsigned i = 0; i < memory.count && each(context, &memory.identities[i]); i++) {
    }
    return VD_OK;
}

static int fuzz_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled)
{
    (void)registry;
    *devices = 1;
    *enabled = 1;
    *disabled = 0;
    return VD_OK;
}

static int fuzz_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag)
{
    (void)registry;
    (void)name;
    (void)value;
    (void)etag;
    return VD_E_NOT_FOUND;
}

/* ---- The service ---- */

static struct vd_service *service;
static char token[VD_HTTP_VALUE_SIZE];

static void set_up(void)
{
    const struct vd_service_config config = {.registry = &memory.base, .host_name = HOST};
    struct vd_identity *identity;

    vd_log_set_level(VD_LOG_ERROR);
    memory_registry_init(&memory);
    ops = *memory.base.ops;
    ops.create = fuzz_create;
    ops.update = fuzz_update;
    ops.remove = fuzz_remove;
    ops.list = fuzz_list;
    ops.count = fuzz_count;
    ops.setting_get = fuzz_setting_get;
    memory.base.ops = &ops;
    identity = memory_registry_add(&memory, "dev1", "", 'a', 'b');
    identity->etag = 1;
    identity = memory_registry_add(&memory, "dev1", "mod", 'a', 'b');
    identity->etag = 1;
    memory_registry_add_policy(&memory, "owner", VD_RIGHTS_ALL, 'p');
    check(vd_service_new(&config, &service) == VD_OK);
    check(vd_sas_make(HOST, &memory.policies[0].primary_key, 99999999999, "owner", token,
              sizeof token) == VD_OK);
}

/* Every answer is one that the SDKs can read. */
static void check_answer(const struct vd_http_answer *answer)
{
    const json_t *message = json_object_get(answer->body, "Message");

    check(answer->status >= 200 && answer->status < 600 && answer->status != 401);
    check((answer->body == NULL) == (answer->status == 204));
    check(answer->header_count <= VD_HTTP_ANSWER_HEADERS);
    if (answer->status >= 400) {
        check(answer->header_count >= 1);
        check(strcmp(answer->headers[0].name, "iothub-errorcode") == 0);
        check(json_object_get(answer->body, "errors") != NULL ||
            strncmp(json_string_value(message), "ErrorCode:", 10) == 0);
    }
}

/* Cuts the text up to the next line break off *rest. */
static struct vd_str line_of(struct vd_str *rest)
{
    const char *end = rest->length > 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    struct vd_str line = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->length};
    size_t taken = end != NULL ? line.length + 1 : line.length;

    rest->data += taken;
    rest->length -= taken;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str rest = {(const char *)data, length};
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer answer = {.status = 500};
    struct vd_http_request request = {.peer = "192.0.2.1"};
    struct vd_http_face face;
    struct vd_str first;
    struct vd_str second;
    char line[4096];
    char etag[256];
    char *target;
    char *query;

    if (service == NULL) {
        set_up();
    }
    face = vd_service_face(service);
    first = line_of(&rest);
    second = line_of(&rest);
    if (length > INPUT_MAX || vd_str_copy(first, line, sizeof line) != VD_OK ||
        vd_str_copy(second, etag, sizeof etag) != VD_OK || (target = strchr(line, ' ')) == NULL) {
        return 0;
    }
    *target++ = '\0';
    query = strchr(target, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    check(evhttp_add_header(&headers, "Authorization", token) == 0);
    if (etag[0] != '\0') {
        (void)!evhttp_add_header(&headers, "If-Match", etag);
    }
    request.method = line;
    request.path = target;
    request.query = query != NULL ? query : "";
    request.headers = &headers;
    request.body = rest;
    face.call(face.context, &request, &answer);
    check_answer(&answer);
    json_decref(answer.body);
    evhttp_clear_headers(&headers);
    return 0;
}
