/* SPDX-License-Identifier: MIT */
/* For tests of the API without a transport. */

#include "tests/cli/api_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

struct vd_stores stores;
struct noting_bus bus;
struct vd_api api;

static void note_disconnect(struct vd_bus *from, const char *device_id, const char *module_id)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    assert_null(module_id);
    snprintf(noting->disconnected, sizeof noting->disconnected, "%s", device_id);
}

static bool answer_connected(struct vd_bus *from, const char *device_id, const char *module_id)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    return module_id == NULL && noting->connected != NULL &&
        strcmp(noting->connected, device_id) == 0;
}

static int note_call(
    struct vd_bus *from, const struct vd_method_call *asked, vd_method_done *done, void *context)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    if (noting->end.error == VD_E_LIMIT) {
        return VD_E_LIMIT;
    }
    snprintf(noting->called, sizeof noting->called, "%s %s %s %.*s %u %u", asked->device_id,
        asked->module_id != NULL ? asked->module_id : "-", asked->name, VD_STR_ARG(asked->payload),
        asked->response_timeout_ms, asked->connect_timeout_ms);
    done(context, &noting->end);
    return VD_OK;
}

static void note_desired(struct vd_bus *from, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    (void)version;
    snprintf(noting->desired, sizeof noting->desired, "%s/%s %.*s", device_id,
        module_id != NULL ? module_id : "", VD_STR_ARG(change));
}

static void note_waiting(struct vd_bus *from, const char *device_id)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    snprintf(noting->waiting, sizeof noting->waiting, "%s", device_id);
}

static const struct vd_bus_ops noting_ops = {
    .disconnect = note_disconnect,
    .is_connected = answer_connected,
    .call_method = note_call,
    .desired_changed = note_desired,
    .c2d_waiting = note_waiting,
};

int set_up(void **state)
{
    struct vd_config config;

    if (folder_set_up(state) != 0) {
        return -1;
    }
    folder_open_stores(*state, &config, &stores);
    bus = (struct noting_bus){.base = {&noting_ops}};
    api = (struct vd_api){
        .registry = stores.registry,
        .state = stores.state,
        .alerts = stores.alerts,
        .analytics = stores.analytics,
        .log = stores.log,
        .audit = stores.audit,
        .bus = &bus.base,
        .host_name = "hub.test:9883",
        .query_max_rows = 3,
        .query_timeout_ms = 10000,
    };
    return 0;
}

int tear_down(void **state)
{
    vd_stores_close(&stores);
    return folder_tear_down(state);
}

json_t *call(int status, const char *method, const char *path, const char *query, const char *body)
{
    const struct vd_api_request request = {.method = method,
        .path = path,
        .query = query,
        .body = vd_str_from(body != NULL ? body : ""),
        .caller = vd_api_local_caller(NULL)};
    struct vd_api_answer answer;

    vd_api_call(&api, &request, &answer);
    if (answer.status != status) {
        char *text = answer.body != NULL ? json_dumps(answer.body, 0) : NULL;

        fail_msg("%s %s: %d and not %d: %s", method, path, answer.status, status,
            text != NULL ? text : "");
    }
    return answer.body;
}

void expect(int status, const char *code, const char *method, const char *path, const char *query,
    const char *body)
{
    json_t *answer = call(status, method, path, query, body);
    const char *got = text_at(answer, "error", "code");

    if (code != NULL && (got == NULL || strcmp(got, code) != 0)) {
        fail_msg("%s %s: %s and not %s", method, path, got != NULL ? got : "no fault", code);
    }
    json_decref(answer);
}

const char *text_at(json_t *json, const char *outer, const char *name)
{
    json_t *object = outer != NULL ? json_object_get(json, outer) : json;

    return json_string_value(json_object_get(object, name));
}
