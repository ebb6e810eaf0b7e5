/* SPDX-License-Identifier: MIT */
/* For tests of the service API: a service on a real registry and state, a bus that notes, and requests. */

#include "tests/api/service_fixture.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "hub/sas.h"
#include "lib/clock.h"

static void note_disconnect(struct vd_bus *from, const char *device_id, const char *module_id)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    snprintf(noting->disconnected, sizeof noting->disconnected, "%s/%s", device_id,
        module_id != NULL ? module_id : "");
}

static bool answer_connected(struct vd_bus *from, const char *device_id, const char *module_id)
{
    const struct noting_bus *noting = (const struct noting_bus *)from;

    return module_id == NULL && noting->connected != NULL &&
        strcmp(noting->connected, device_id) == 0;
}

static int answer_method(
    struct vd_bus *from, const struct vd_method_call *asked, vd_method_done *done, void *context)
{
    struct noting_bus *noting = (struct noting_bus *)from;
    struct vd_method_answer end = {.error = noting->method_error};

    snprintf(noting->called, sizeof noting->called, "%s/%s %s %.*s %u %u", asked->device_id,
        asked->module_id != NULL ? asked->module_id : "", asked->name, VD_STR_ARG(asked->payload),
        asked->response_timeout_ms, asked->connect_timeout_ms);
    if (end.error == VD_OK) {
        end.status = 201;
        end.payload = vd_str_from(noting->method_payload);
    }
    done(context, &end);
    return VD_OK;
}

static void note_desired(struct vd_bus *from, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    noting->in_order = noting->changes == 0 || (noting->in_order && version > noting->version);
    noting->version = version;
    noting->changes++;
    snprintf(noting->desired, sizeof noting->desired, "%s/%s %lld %.*s", device_id,
        module_id != NULL ? module_id : "", (long long)version, VD_STR_ARG(change));
}

static void note_waiting(struct vd_bus *from, const char *device_id)
{
    struct noting_bus *noting = (struct noting_bus *)from;

    noting->wakes++;
    snprintf(noting->waiting, sizeof noting->waiting, "%s", device_id);
}

static int note_record(struct vd_bus *from, const struct vd_event *event)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* many threads record */
    struct noting_bus *noting = (struct noting_bus *)from;

    pthread_mutex_lock(&lock);
    noting->records++;
    snprintf(noting->recorded, sizeof noting->recorded, "%.*s", VD_STR_ARG(event->body));
    noting->expired += strstr(noting->recorded, "messageExpired") != NULL ? 1 : 0;
    pthread_mutex_unlock(&lock);
    return VD_OK;
}

static const struct vd_bus_ops noting_ops = {
    .disconnect = note_disconnect,
    .is_connected = answer_connected,
    .call_method = answer_method,
    .desired_changed = note_desired,
    .c2d_waiting = note_waiting,
    .record = note_record,
};

const char *peer = "192.0.2.1";
static char folder[64];
struct vd_registry *registry;
struct vd_state *hub_state;
struct vd_sweeper *sweeper;
struct noting_bus bus;
struct vd_service *service;
struct vd_http_answer answer;

static const struct vd_recorder recorder = {.bus = &bus.base, .resource_id = HOST};

struct vd_hub *service_hub;
struct vd_audit *service_audit;

static int start_service(void)
{
    const struct vd_service_config config = {
        .registry = registry,
        .state = hub_state,
        .sweeper = sweeper,
        .bus = &bus.base,
        .hub = service_hub,
        .host_name = HOST,
        .recorder = &recorder,
        .audit = service_audit,
    };

    return vd_service_new(&config, &service);
}

int set_up(void **unused)
{
    static const uint8_t master[32] = {7};
    char registry_path[80];
    char state_path[80];

    (void)unused;
    snprintf(folder, sizeof folder, "/tmp/vedette-service-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(registry_path, sizeof registry_path, "%s/r.db", folder);
    snprintf(state_path, sizeof state_path, "%s/s.db", folder);
    bus = (struct noting_bus){.base = {&noting_ops}};
    answer = (struct vd_http_answer){0};
    return vd_registry_sqlite_open(registry_path, master, &registry) == VD_OK &&
            vd_state_open(state_path, &hub_state) == VD_OK &&
            vd_sweeper_start(hub_state, registry, &sweeper) == VD_OK && start_service() == VD_OK
        ? 0
        : -1;
}

int tear_down(void **unused)
{
    static const char *const files[] = {"r.db", "s.db"};
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};

    (void)unused;
    json_decref(answer.body);
    vd_http_content_free(answer.content);
    vd_service_free(service);
    vd_sweeper_stop(sweeper);
    vd_state_stop(hub_state);
    vd_state_close(hub_state);
    vd_registry_close(registry);
    for (size_t i = 0; i < COUNT(files) * COUNT(ends); i++) {
        char file[96];

        snprintf(
            file, sizeof file, "%s/%s%s", folder, files[i / COUNT(ends)], ends[i % COUNT(ends)]);
        unlink(file);
    }
    return rmdir(folder);
}

void service_again(void)
{
    vd_service_free(service);
    assert_int_equal(start_service(), VD_OK);
}

int64_t in_an_hour(void)
{
    return vd_clock_utc_ms() / 1000 + 3600;
}

void make_token(const char *resource, const char *policy_name, bool secondary, int64_t expiry_s,
    char *out, size_t size)
{
    struct vd_policy policy = {0};

    assert_int_equal(vd_registry_policy_get(registry, policy_name, &policy), VD_OK);
    assert_int_equal(vd_sas_make(resource, secondary ? &policy.secondary_key : &policy.primary_key,
                         expiry_s, policy_name, out, size),
        VD_OK);
}

void service_call(const struct vd_http_face *face, const char *authorization, const char *method,
    const char *target, const struct header *given, struct vd_str body, struct vd_http_answer *made)
{
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    char *text = strdup(target);
    char *query = strchr(text, '?');
    struct vd_http_request request = {
        .method = method,
        .path = text,
        .query = query != NULL ? query + 1 : "",
        .headers = &headers,
        .peer = peer,
        .body = body,
    };

    if (query != NULL) {
        *query = '\0';
    }
    if (authorization != NULL) {
        evhttp_add_header(&headers, "authorization", authorization);
    }
    for (; given != NULL && given->name != NULL; given++) {
        evhttp_add_header(&headers, given->name, given->value);
    }
    *made = (struct vd_http_answer){.status = 500};
    face->call(face->context, &request, made);
    evhttp_clear_headers(&headers);
    free(text);
}

int call_with_headers(const char *authorization, const char *method, const char *target,
    const struct header *headers, struct vd_str body)
{
    const struct vd_http_face face = vd_service_face(service);
    const struct vd_http_answer before = answer; /* what is sent may point into it */

    service_call(&face, authorization, method, target, headers, body, &answer);
    json_decref(before.body);
    vd_http_content_free(before.content);
    return answer.status;
}

int call_with(const char *authorization, const char *method, const char *target,
    const char *if_match, const char *body)
{
    const struct header headers[] = {{if_match != NULL ? "If-Match" : NULL, if_match}, {0}};

    return call_with_headers(
        authorization, method, target, headers, vd_str_from(body != NULL ? body : ""));
}

int call_as(const char *policy, const char *method, const char *target, const char *if_match,
    const char *body)
{
    char token[VD_HTTP_VALUE_SIZE];

    make_token(HOST, policy, false, in_an_hour(), token, sizeof token);
    return call_with(token, method, target, if_match, body);
}

int call(const char *method, const char *target, const char *if_match, const char *body)
{
    return call_as("iothubowner", method, target, if_match, body);
}

static void assert_status(int status, int got, const char *method, const char *target)
{
    if (got != status) {
        char *text = json_dumps(answer.body, JSON_ENCODE_ANY);

        fail_msg("%s %s: %d and not %d: %s", method, target, got, status, text);
    }
}

void expect(
    int status, const char *method, const char *target, const char *if_match, const char *body)
{
    assert_status(status, call(method, target, if_match, body), method, target);
}

void expect_with(int status, const char *method, const char *target, const struct header *headers,
    struct vd_str body)
{
    char token[VD_HTTP_VALUE_SIZE];

    make_token(HOST, "iothubowner", false, in_an_hour(), token, sizeof token);
    assert_status(status, call_with_headers(token, method, target, headers, body), method, target);
}

const char *text_at(const char *outer, const char *inner, const char *name)
{
    const json_t *json = answer.body;

    json = outer != NULL ? json_object_get(json, outer) : json;
    json = inner != NULL ? json_object_get(json, inner) : json;
    return json_string_value(json_object_get(json, name));
}

int64_t number_at(const char *name)
{
    const json_t *value = json_object_get(answer.body, name);

    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

const char *answer_header(const char *name)
{
    for (size_t i = 0; i < answer.header_count; i++) {
        if (strcmp(answer.headers[i].name, name) == 0) {
            return answer.headers[i].value;
        }
    }
    return NULL;
}

void assert_fault(const char *name)
{
    char start[96];
    const char *message = text_at(NULL, NULL, "Message");

    snprintf(start, sizeof start, "ErrorCode:%s;", name);
    assert_non_null(message);
    if (strncmp(message, start, strlen(start)) != 0) {
        fail_msg("%s and not %s", message, name);
    }
    assert_int_equal(strncmp(text_at(NULL, NULL, "ExceptionMessage"), "Tracking ID:", 12), 0);
    assert_string_equal(answer.headers[0].name, "iothub-errorcode");
    assert_string_equal(answer.headers[0].value, name);
}
