/* SPDX-License-Identifier: MIT */
/* What a client sends to the management API: `METHOD target` in the first line, If-Match in the second, then the body. */

#include <arpa/inet.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/management/management.h"
#include "center/store/alert_store_internal.h"
#include "fuzz/replay.h"
#include "hub/ip_filter.h"
#include "hub/token.h"
#include "lib/folder.h"
#include "lib/log.h"
#include "lib/secret.h"

/* Long enough for every path and for bodies of many rules. */
#define INPUT_MAX 65536

#define HUB "/subscriptions/s/resourceGroups/g/providers/Microsoft.Devices/IotHubs/h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- A registry in memory ---- */

#define SETTINGS_MAX 4

struct memory {
    struct vd_registry base;
    struct vd_token token;
    struct vd_policy policies[VD_HUB_POLICIES_MAX];
    size_t policy_count;
    struct vd_ca_certificate ca;
    bool has_ca;
    struct {
        char name[VD_NAME_MAX + 1];
        struct vd_buf value;
        uint64_t etag;
    } settings[SETTINGS_MAX];
    size_t setting_count;
};

static struct memory memory;

static int token_get(struct vd_registry *registry, const char *name, struct vd_token *out)
{
    (void)registry;
    *out = memory.token;
    return strcmp(name, memory.token.name) == 0 ? VD_OK : VD_E_NOT_FOUND;
}

static int token_used(struct vd_registry *registry, const char *name, int64_t used_ms)
{
    (void)registry;
    (void)name;
    (void)used_ms;
    return VD_OK;
}

static int policy_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_policy *policy), void *context)
{
    (void)registry;
    for (size_t i = 0; i < memory.policy_count && each(context, &memory.policies[i]); i++) {
    }
    return VD_OK;
}

static int ca_get(struct vd_registry *registry, const char *name, struct vd_ca_certificate *out)
{
    (void)registry;
    if (!memory.has_ca || strcmp(name, memory.ca.name) != 0) {
        return VD_E_NOT_FOUND;
    }
    *out = memory.ca;
    return VD_OK;
}

static int ca_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_ca_certificate *certificate), void *context)
{
    (void)registry;
    if (memory.has_ca) {
        (void)each(context, &memory.ca);
    }
    return VD_OK;
}

static int ca_put(
    struct vd_registry *registry, struct vd_ca_certificate *certificate, uint64_t expected_etag)
{
    (void)registry;
    (void)expected_etag;
    check(vd_ca_certificate_is_valid(certificate));
    certificate->etag++;
    memory.ca = *certificate;
    memory.has_ca = true;
    return VD_OK;
}

static int ca_remove(struct vd_registry *registry, const char *name, uint64_t expected_etag)
{
    (void)registry;
    check(memory.has_ca && strcmp(name, memory.ca.name) == 0 && expected_etag == memory.ca.etag);
    memory.has_ca = false;
    return VD_OK;
}

static int count(
    struct vd_registry *registry, uint64_t *devices, uint64_t *enabled, uint64_t *disabled)
{
    (void)registry;
    *devices = 1;
    *enabled = 1;
    *disabled = 0;
    return VD_OK;
}

/* The place of that setting; the count if it is none yet. */
static size_t setting_of(const char *name)
{
    size_t i = 0;

    while (i < memory.setting_count && strcmp(memory.settings[i].name, name) != 0) {
        i++;
    }
    return i;
}

static int setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag)
{
    const size_t i = setting_of(name);

    (void)registry;
    if (i == memory.setting_count) {
        return VD_E_NOT_FOUND;
    }
    vd_buf_append(value, memory.settings[i].value.data, memory.settings[i].value.length);
    *etag = memory.settings[i].etag;
    return value->error;
}

/* A filter lets in what its first fitting rule says, and what is written of it is read as the same rules. */
static void check_filter(const struct vd_ip_filter *filter)
{
    struct vd_ip_filter again;
    char problem[256];
    json_t *json = vd_ip_filter_json(filter);

    check(vd_ip_filter_read(&again, json, problem, sizeof problem) == VD_OK);
    check(again.count == filter->count);
    for (size_t i = 0; i < filter->count; i++) {
        const uint32_t network = htonl(filter->rules[i].network);
        const uint8_t *address = (const uint8_t *)&network;

        check(again.rules[i].network == filter->rules[i].network);
        check(i > 0 || vd_ip_filter_accepts(filter, address, 4) == filter->rules[0].accepts);
    }
    check(vd_ip_filter_accepts(filter, (const uint8_t *)"", 0) == filter->accepts_rest);
    json_decref(json);
}

/* What is stored can be read: a filter that was taken is one. */
static void check_setting(const char *name, struct vd_str value)
{
    struct vd_ip_filter filter;
    char problem[256];
    json_t *json = json_loadb(value.data, value.length, 0, NULL);

    check(json_is_object(json));
    if (strcmp(name, VD_IP_FILTER_SETTING) == 0) {
        check(vd_ip_filter_read(&filter, json, problem, sizeof problem) == VD_OK);
        check_filter(&filter);
    }
    json_decref(json);
}

static void setting_put(struct vd_setting_change *change)
{
    const size_t i = setting_of(change->name);

    check(i < SETTINGS_MAX);
    check_setting(change->name, change->value);
    if (i == memory.setting_count) {
        snprintf(memory.settings[i].name, sizeof memory.settings[i].name, "%s", change->name);
        memory.setting_count++;
    }
    check(change->etag == memory.settings[i].etag);
    vd_buf_clear(&memory.settings[i].value);
    vd_buf_append(&memory.settings[i].value, change->value.data, change->value.length);
    change->etag = ++memory.settings[i].etag;
}

static int change(struct vd_registry *registry, struct vd_registry_change *change)
{
    (void)registry;
    for (size_t i = 0; i < change->setting_count; i++) {
        if (change->settings[i].value.length > VD_HUB_SETTING_MAX_BYTES) {
            return VD_E_LIMIT;
        }
    }
    for (size_t i = 0; change->policies != NULL && i < change->policy_count; i++) {
        check(vd_policy_is_valid(&change->policies[i]));
    }
    for (size_t i = 0; i < change->setting_count; i++) {
        setting_put(&change->settings[i]);
    }
    if (change->policies != NULL) {
        check(change->policy_count <= VD_HUB_POLICIES_MAX);
        memory.policy_count = change->policy_count;
        if (change->policy_count > 0) {
            memcpy(
                memory.policies, change->policies, change->policy_count * sizeof *change->policies);
        }
    }
    return VD_OK;
}

static const struct vd_registry_ops ops = {
    .token_get = token_get,
    .token_used = token_used,
    .policy_list = policy_list,
    .ca_get = ca_get,
    .ca_list = ca_list,
    .ca_put = ca_put,
    .ca_remove = ca_remove,
    .count = count,
    .setting_get = setting_get,
    .change = change,
};

/* ---- The API ---- */

static struct vd_management *management;
static char authorization[VD_TOKEN_TEXT_SIZE + 8];
static struct vd_ca_certificate first_ca;

/* DER of a CA, in base64. */
static const char ca_text[] =
    "MIIBfTCCASSgAwIBAgIUIRyzEQ9csJrH+/GuNJvHuiSw5FowCgYIKoZIzj0EAwIwDTELMAkGA1UEAwwCY2EwIBcN"
    "MjYxMTI3MjMzODA1WhgPMjEyNjExMDMyMzM4MDVaMA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0D"
    "AQcDQgAENI15QOcjp4vZhMoO8eT95nAcvv59aqnv/1kSIKexr9Ghch6mRWYrZlatIVQkAoyaetlLeTcc1onZJ9Wf"
    "H+pzk6NgMF4wHQYDVR0OBBYEFFGEamItaoGsQ+/IAAA8Q9DuZ8RvMB8GA1UdIwQYMBaAFFGEamItaoGsQ+/IAAA8"
    "Q9DuZ8RvMA8GA1UdEwEB/wQFMAMBAf8wCwYDVR0PBAQDAgIEMAoGCCqGSM49BAMCA0cAMEQCIB6ENJSns0aCRlxd"
    "8VLtBjViUaZBNN2atPfhowercZWUAiA3/zb0nN/DlOkw2Z9p1k2XKrV9yjF+8Fhvz3FC17maVQ==";

/* ---- Alerts in a file ---- */

static struct vd_alert_store *alerts;
static char folder[] = "/tmp/vedette-fuzz-XXXXXX";

static void remove_alerts(void)
{
    vd_alert_store_close(alerts);
    (void)vd_folder_remove(folder);
}

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{}";
}

/* One alert of the day 20000, 2024-10-04. */
static void make_alerts(void)
{
    const struct vd_alert_update update = {
        .type = "T",
        .display_name = "n",
        .severity = "Low",
        .device_id = VD_STR_LITERAL("d"),
        .module_id = VD_STR_LITERAL(""),
        .subject = "s",
        .day = 20000,
        .description = "d",
        .remediation_json = "[]",
        .techniques_json = "[]",
        .cause = VD_STR_LITERAL("s"),
        .count = 1,
        .evidence = evidence,
    };
    char path[64];
    bool raised = false;

    check(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/a.db", folder);
    check(vd_alert_store_open(path, &alerts) == VD_OK);
    check(atexit(remove_alerts) == 0);
    check(vd_alert_store_begin(alerts) == VD_OK);
    check(vd_alert_store_apply(alerts, &update, &raised) == VD_OK);
    check(vd_alert_store_commit(alerts) == VD_OK);
}

static void set_up(void)
{
    struct vd_management_config config = {
        .registry = &memory.base,
        .host_name = "hub.test",
        .scope = {.subscription = "s", .resource_group = "g", .hub = "h"},
    };
    char text[VD_TOKEN_TEXT_SIZE];

    vd_log_set_level(VD_LOG_ERROR);
    make_alerts();
    config.alerts = alerts;
    memory.base.ops = &ops;
    memory.token = (struct vd_token){.name = "t", .role = VD_ROLE_OWNER};
    check(vd_token_make(&memory.token, text) == VD_OK);
    snprintf(authorization, sizeof authorization, "Bearer %s", text);
    check(vd_management_new(&config, &management) == VD_OK);
    snprintf(first_ca.name, sizeof first_ca.name, "ca1");
    snprintf(first_ca.verification_code, sizeof first_ca.verification_code, "%064d", 0);
    first_ca.etag = 1;
    check(vd_base64_decode(vd_str_from(ca_text), first_ca.der, sizeof first_ca.der,
              &first_ca.der_length) == VD_OK);
}

/* Each input meets the same hub. */
static void forget(void)
{
    for (size_t i = 0; i < memory.setting_count; i++) {
        vd_buf_clear(&memory.settings[i].value);
        memory.settings[i].name[0] = '\0';
        memory.settings[i].etag = 0;
    }
    memory.setting_count = 0;
    memory.ca = first_ca;
    memory.has_ca = true;
    memory.policies[0] = (struct vd_policy){.name = "owner", .rights = VD_RIGHTS_ALL, .etag = 1};
    memory.policies[0].primary_key.length = 32;
    memory.policies[0].secondary_key.length = 32;
    memory.policy_count = 1;
}

/* Every answer is one that the SDKs can read. */
static void check_answer(const struct vd_http_answer *answer)
{
    const json_t *error = json_object_get(answer->body, "error");

    check(answer->status >= 200 && answer->status < 600 && answer->status != 401);
    check(answer->status != 500);
    check(answer->header_count <= VD_HTTP_ANSWER_HEADERS);
    check((answer->status >= 400) == (error != NULL));
    check(error == NULL ||
        (json_string_length(json_object_get(error, "code")) > 0 &&
            json_string_length(json_object_get(error, "message")) > 0));
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

/* The status of the answer, which is checked. */
static int call(const char *method, const char *target, const char *etag, struct vd_str body)
{
    const struct vd_http_face face = vd_management_face(management);
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer answer = {.status = 500};
    const char *query = strchr(target, '?');
    struct vd_http_request request = {.peer = "192.0.2.1", .method = method, .body = body};
    char *path = strndup(target, query != NULL ? (size_t)(query - target) : strlen(target));

    check(path != NULL && evhttp_add_header(&headers, "Authorization", authorization) == 0);
    if (etag[0] != '\0') {
        (void)!evhttp_add_header(&headers, "If-Match", etag);
    }
    request.path = path;
    request.query = query != NULL ? query + 1 : "";
    request.headers = &headers;
    face.call(face.context, &request, &answer);
    check_answer(&answer);
    json_decref(answer.body);
    evhttp_clear_headers(&headers);
    free(path);
    return answer.status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct vd_str rest = {(const char *)data, length};
    const struct vd_str first = line_of(&rest);
    const struct vd_str second = line_of(&rest);
    char line[4096];
    char etag[256];
    char *target;

    if (management == NULL) {
        set_up();
    }
    if (length > INPUT_MAX || vd_str_copy(first, line, sizeof line) != VD_OK ||
        vd_str_copy(second, etag, sizeof etag) != VD_OK || (target = strchr(line, ' ')) == NULL) {
        return 0;
    }
    *target++ = '\0';
    forget();
    (void)call(line, target, etag, rest);
    /* Whatever was done, the hub can still be shown. */
    check(call("GET", HUB, "", (struct vd_str){"", 0}) == 200);
    return 0;
}
