/* SPDX-License-Identifier: MIT */
/* What back ends send one after the other, over a real state: what is refused changes nothing, what is changed is there. */

/* Each request is `METHOD target`, headers `Name: value`, an empty line, and the body up to a line "----". */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/service/service.h"
#include "fuzz/replay.h"
#include "hub/sas.h"
#include "lib/log.h"
#include "tests/hub/memory_registry.h"

#define HOST "hub.test"

#define INPUT_MAX    32768
#define REQUESTS_MAX 12
#define END          "\n----\n"

/* In the order in which the registry lists them. */
static const struct {
    const char *device_id;
    const char *module_id;
    const char *twin;
} fleet[] = {
    {"dev1", "", "/twins/dev1"},
    {"dev1", "mod", "/twins/dev1/modules/mod"},
    {"dev2", "", "/twins/dev2"},
};

#define FLEET (sizeof fleet / sizeof fleet[0])

static struct memory_registry memory;
static struct vd_registry_ops ops;
static struct vd_state *state;
static struct vd_service *service;
static char token[VD_HTTP_VALUE_SIZE];
static char state_path[64];

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- A registry that stays as it is: identities are another target's ---- */

static bool is_behind(const struct vd_identity *identity, const char *device_id, const char *module)
{
    int order = device_id != NULL ? strcmp(identity->device_id, device_id) : 1;

    return order > 0 ||
        (order == 0 && strcmp(identity->module_id, module != NULL ? module : "") > 0);
}

static int fuzz_list(struct vd_registry *registry, const char *after_device_id,
    const char *after_module_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    (void)registry;
    for (unsigned i = 0; i < memory.count; i++) {
        if (is_behind(&memory.identities[i], after_device_id, after_module_id) &&
            !each(context, &memory.identities[i])) {
            break;
        }
    }
    return VD_OK;
}

static int fuzz_list_by_status(struct vd_registry *registry, bool enabled,
    const char *after_device_id, bool (*each)(void *context, const struct vd_identity *identity),
    void *context)
{
    (void)registry;
    for (unsigned i = 0; i < memory.count; i++) {
        const struct vd_identity *identity = &memory.identities[i];

        if (identity->module_id[0] == '\0' && identity->enabled == enabled &&
            is_behind(identity, after_device_id, "") && !each(context, identity)) {
            break;
        }
    }
    return VD_OK;
}

static int fuzz_create(struct vd_registry *registry, struct vd_identity *identity)
{
    (void)registry;
    (void)identity;
    return VD_E_FULL;
}

static int fuzz_update(
    struct vd_registry *registry, struct vd_identity *identity, uint64_t expected_etag)
{
    (void)registry;
    (void)identity;
    (void)expected_etag;
    return VD_E_FULL;
}

static int fuzz_remove(struct vd_registry *registry, const char *device_id, const char *module_id,
    uint64_t expected_etag)
{
    (void)registry;
    (void)device_id;
    (void)module_id;
    (void)expected_etag;
    return VD_E_FULL;
}

static int fuzz_count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled)
{
    (void)registry;
    *devices = 2;
    *enabled = 1;
    *disabled = 1;
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

/* ---- A device that answers methods with what it was sent, or as their names say ---- */

static int fuzz_call_method(
    struct vd_bus *bus, const struct vd_method_call *call, vd_method_done *done, void *context)
{
    static const struct {
        const char *name;
        int error;
    } ends[] = {{"away", VD_E_NOT_FOUND}, {"slow", VD_E_TIMEOUT}, {"many", VD_E_LIMIT},
        {"wrong", VD_E_INVALID}, {"full", VD_E_NOMEM}};
    struct vd_method_answer answer = {VD_OK, 200, call->payload};

    (void)bus;
    check(call->payload.length <= VD_METHOD_PAYLOAD_MAX_BYTES);
    check(call->response_timeout_ms >= 1 && call->response_timeout_ms <= VD_METHOD_TIMEOUT_MAX_MS);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(call->name, ends[i].name) == 0) {
            answer = (struct vd_method_answer){.error = ends[i].error};
        }
    }
    if (strcmp(call->name, "garbage") == 0) {
        answer.payload = VD_STR_LITERAL("{");
    }
    done(context, &answer);
    return VD_OK;
}

static void fuzz_desired_changed(struct vd_bus *bus, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change)
{
    (void)bus;
    (void)device_id;
    (void)module_id;
    check(version > 0 && change.length > 0);
}

static void fuzz_c2d_waiting(struct vd_bus *bus, const char *device_id)
{
    (void)bus;
    (void)device_id;
}

static bool fuzz_is_connected(struct vd_bus *bus, const char *device_id, const char *module_id)
{
    (void)bus;
    (void)device_id;
    (void)module_id;
    return true;
}

static struct vd_bus bus = {&(const struct vd_bus_ops){
    .is_connected = fuzz_is_connected,
    .call_method = fuzz_call_method,
    .desired_changed = fuzz_desired_changed,
    .c2d_waiting = fuzz_c2d_waiting,
}};

static void set_up(void)
{
    vd_log_set_level(VD_LOG_ERROR);
    memory_registry_init(&memory);
    ops = *memory.base.ops;
    ops.create = fuzz_create;
    ops.update = fuzz_update;
    ops.remove = fuzz_remove;
    ops.count = fuzz_count;
    ops.list = fuzz_list;
    ops.list_by_status = fuzz_list_by_status;
    ops.setting_get = fuzz_setting_get;
    memory.base.ops = &ops;
    for (size_t i = 0; i < FLEET; i++) {
        struct vd_identity *identity =
            memory_registry_add(&memory, fleet[i].device_id, fleet[i].module_id, 'a', 'b');

        identity->etag = 1;
        identity->enabled = i != 2;
    }
    memory_registry_add_policy(&memory, "owner", VD_RIGHTS_ALL, 'p');
    check(vd_sas_make(HOST, &memory.policies[0].primary_key, 99999999999, "owner", token,
              sizeof token) == VD_OK);
    snprintf(state_path, sizeof state_path, "/tmp/vd-fuzz-state-%d", (int)getpid());
    /* Databases in memory, new with each opening: the rules are tried here, not the disk. */
    check(sqlite3_vfs_register(sqlite3_vfs_find("memdb"), 1) == SQLITE_OK);
}

static void open_service(void)
{
    struct vd_service_config config = {.registry = &memory.base, .host_name = HOST, .bus = &bus};

    check(vd_state_open(state_path, &state) == VD_OK);
    unlink(state_path);
    config.state = state;
    check(vd_service_new(&config, &service) == VD_OK);
}

static void close_service(void)
{
    vd_service_free(service);
    vd_state_stop(state);
    vd_state_close(state);
}

/* ---- Requests ---- */

static void call(const char *method, char *target, struct evkeyvalq *headers, struct vd_str body,
    struct vd_http_answer *answer)
{
    const struct vd_http_face face = vd_service_face(service);
    char *query = strchr(target, '?');
    const struct vd_http_request request = {
        .method = method,
        .path = target,
        .query = query != NULL ? query + 1 : "",
        .headers = headers,
        .peer = "192.0.2.1",
        .body = body,
    };

    if (query != NULL) {
        *query = '\0';
    }
    *answer = (struct vd_http_answer){.status = 500};
    check(evhttp_add_header(headers, "Authorization", token) == 0);
    face.call(face.context, &request, answer);
    evhttp_clear_headers(headers);
    check(answer->status >= 200 && answer->status < 600 && answer->status != 401);
    check((answer->body == NULL) == (answer->status == 204));
}

/* The twin of one of the fleet, and how many messages wait for it. */
static json_t *read_twin(size_t index, json_int_t *waiting)
{
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer answer;
    char target[64];

    snprintf(target, sizeof target, "%s", fleet[index].twin);
    call("GET", target, &headers, (struct vd_str){"", 0}, &answer);
    check(answer.status == 200);
    *waiting = json_integer_value(json_object_get(answer.body, "cloudToDeviceMessageCount"));
    check(*waiting >= 0 && *waiting <= VD_HUB_C2D_MESSAGES_MAX);
    json_object_del(answer.body, "cloudToDeviceMessageCount");
    return answer.body;
}

/* All that the fleet has, as it was before a request. */
struct before {
    json_t *twins[FLEET];
    json_int_t waiting[FLEET];
};

static void look(struct before *before)
{
    for (size_t i = 0; i < FLEET; i++) {
        before->twins[i] = read_twin(i, &before->waiting[i]);
    }
}

/* What was changed is there; what was not named stays, and all of it if the request was refused. */
static void compare(
    const struct before *before, const char *path, bool expires, struct vd_http_answer *answer)
{
    for (size_t i = 0; i < FLEET; i++) {
        json_int_t waiting;
        json_t *now = read_twin(i, &waiting);

        if (answer->status == 200 && strcmp(path, fleet[i].twin) == 0) {
            json_object_del(answer->body, "cloudToDeviceMessageCount");
            check(json_equal(answer->body, now));
        } else {
            check(json_equal(before->twins[i], now));
        }
        if (answer->status >= 400) {
            check(expires || waiting == before->waiting[i]);
        }
        json_decref(now);
        json_decref(before->twins[i]);
    }
}

/* Cuts the text up to the next line break off *rest, as a string of its own. False: longer than `size`, or with a NUL. */
static bool line_of(struct vd_str *rest, char *out, size_t size)
{
    const char *end = rest->length > 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    struct vd_str line = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->length};
    size_t taken = end != NULL ? line.length + 1 : line.length;

    rest->data += taken;
    rest->length -= taken;
    return vd_str_copy(line, out, size) == VD_OK;
}

/* False: it is no request. */
static bool run_request(struct vd_str text, bool expires)
{
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer answer;
    struct before before;
    char line[2048];
    char header[2048];
    char path[2048];
    char *target;

    if (!line_of(&text, line, sizeof line) || (target = strchr(line, ' ')) == NULL) {
        return false;
    }
    *target++ = '\0';
    while (line_of(&text, header, sizeof header) && header[0] != '\0') {
        char *colon = strstr(header, ": ");

        if (colon != NULL) {
            *colon = '\0';
            (void)!evhttp_add_header(&headers, header, colon + 2);
        }
    }
    look(&before);
    call(line, target, &headers, text, &answer);
    snprintf(path, sizeof path, "%s", target); /* without its query by now */
    compare(&before, path, expires, &answer);
    json_decref(answer.body);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str rest = {(const char *)data, length};
    bool more = length <= INPUT_MAX;
    bool expires = length > 0 && memmem(data, length, "xpiry", 5) != NULL;

    if (token[0] == '\0') {
        set_up();
    }
    open_service();
    for (unsigned i = 0; i < REQUESTS_MAX && more && rest.length > 0; i++) {
        const char *end = memmem(rest.data, rest.length, END, sizeof END - 1);
        struct vd_str one = {rest.data, end != NULL ? (size_t)(end - rest.data) : rest.length};
        size_t taken = end != NULL ? one.length + sizeof END - 1 : one.length;

        more = run_request(one, expires);
        rest.data += taken;
        rest.length -= taken;
    }
    close_service();
    return 0;
}
