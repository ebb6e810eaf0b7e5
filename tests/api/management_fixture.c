/* SPDX-License-Identifier: MIT */
/* The management API in tests. */

#include "tests/api/management_fixture.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "center/store/alert_store.h"
#include "lib/folder.h"
#include "lib/log.h"

const char *peer = "192.0.2.1";
struct vd_registry *registry;
struct vd_alert_store *alerts;
struct vd_management *management;
struct vd_audit *management_audit;
struct vd_http_answer answer;
char tokens[4][VD_TOKEN_TEXT_SIZE];

char recorded[2048];

static char folder[64];

static int keep_record(struct vd_bus *bus, const struct vd_event *event)
{
    (void)bus;
    assert_int_equal(event->kind, VD_EVENT_ACTIVITY);
    assert_true(event->body.length < sizeof recorded);
    memcpy(recorded, event->body.data, event->body.length);
    recorded[event->body.length] = '\0';
    return VD_OK;
}

static const struct vd_bus_ops keeping_ops = {.record = keep_record};
static struct vd_bus keeping_bus = {&keeping_ops};
static const struct vd_recorder recorder = {.bus = &keeping_bus, .resource_id = HUB};

void make_token(enum vd_role role, const char *name, int64_t expires_ms)
{
    struct vd_token token = {.role = role, .expires_ms = expires_ms};

    snprintf(token.name, sizeof token.name, "%s", name);
    assert_int_equal(vd_token_make(&token, tokens[role]), VD_OK);
    assert_int_equal(vd_registry_token_create(registry, &token), VD_OK);
}

int management_set_up(void **state)
{
    static const uint8_t master[32] = {7};
    struct vd_management_config config = {.host_name = "hub.test",
        .recorder = &recorder,
        .scope = {.subscription = SUB, .resource_group = "fleet", .hub = "hub"}};
    char path[80];

    (void)state;
    vd_log_set_level(VD_LOG_ERROR);
    snprintf(folder, sizeof folder, "/tmp/vedette-management-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/registry.db", folder);
    if (vd_registry_sqlite_open(path, master, &registry) != VD_OK) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/alerts.db", folder);
    if (vd_alert_store_open(path, &alerts) != VD_OK) {
        return -1;
    }
    snprintf(path, sizeof path, "%s/audit.db", folder);
    if (vd_audit_open(path, master, &management_audit) != VD_OK) {
        return -1;
    }
    make_token(VD_ROLE_READER, "eye", 0);
    make_token(VD_ROLE_CONTRIBUTOR, "hand", 0);
    make_token(VD_ROLE_OWNER, "head", 0);
    config.registry = registry;
    config.alerts = alerts;
    config.audit = management_audit;
    answer = (struct vd_http_answer){0};
    recorded[0] = '\0';
    return vd_management_new(&config, &management) == VD_OK ? 0 : -1;
}

int management_tear_down(void **state)
{
    (void)state;
    json_decref(answer.body);
    vd_management_free(management);
    vd_registry_close(registry);
    vd_alert_store_close(alerts);
    vd_audit_close(management_audit);
    return vd_folder_remove(folder);
}

int call_with(const char *authorization, const char *method, const char *target,
    const char *if_match, const char *body)
{
    const struct vd_http_face face = vd_management_face(management);
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    char *text = strdup(target);
    char *query = strchr(text, '?');
    struct vd_http_request request = {
        .method = method,
        .path = text,
        .query = query != NULL ? query + 1 : "",
        .headers = &headers,
        .peer = peer,
        .body = vd_str_from(body != NULL ? body : ""),
    };

    if (query != NULL) {
        *query = '\0';
    }
    if (authorization != NULL) {
        evhttp_add_header(&headers, "authorization", authorization);
    }
    if (if_match != NULL) {
        evhttp_add_header(&headers, "If-Match", if_match);
    }
    json_decref(answer.body);
    answer = (struct vd_http_answer){.status = 500};
    face.call(face.context, &request, &answer);
    evhttp_clear_headers(&headers);
    free(text);
    return answer.status;
}

int call_as(enum vd_role role, const char *method, const char *target, const char *if_match,
    const char *body)
{
    char header[VD_TOKEN_TEXT_SIZE + 8];

    snprintf(header, sizeof header, "Bearer %s", tokens[role]);
    return call_with(header, method, target, if_match, body);
}

void expect(int status, const char *code, const char *method, const char *target,
    const char *if_match, const char *body)
{
    const int got = call_as(VD_ROLE_OWNER, method, target, if_match, body);
    const json_t *error = json_object_get(answer.body, "error");
    const char *said = json_string_value(json_object_get(error, "code"));

    if (got != status || (code != NULL && (said == NULL || strcmp(said, code) != 0))) {
        char *text = json_dumps(answer.body, JSON_ENCODE_ANY);

        fail_msg("%s %s: %d and not %d: %s", method, target, got, status, text);
    }
    assert_true((code != NULL) == (error != NULL));
    assert_true(code == NULL || json_string_length(json_object_get(error, "message")) > 0);
}

const char *header_of(const char *name)
{
    for (size_t i = 0; i < answer.header_count; i++) {
        if (strcmp(answer.headers[i].name, name) == 0) {
            return answer.headers[i].value;
        }
    }
    return NULL;
}

const json_t *member(const char *at)
{
    const json_t *json = answer.body;
    char name[128];

    while (json != NULL && *at != '\0') {
        const size_t length = strcspn(at, ".");

        assert_true(length < sizeof name);
        memcpy(name, at, length);
        name[length] = '\0';
        json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10))
                                   : json_object_get(json, name);
        at += length;
        at += *at == '.' ? 1 : 0;
    }
    return json;
}

const char *text_at(const char *at)
{
    const char *text = json_string_value(member(at));

    if (text == NULL) {
        fail_msg("no text at %s", at);
    }
    return text;
}

const json_t *property(const char *name)
{
    return json_object_get(json_object_get(answer.body, "properties"), name);
}
