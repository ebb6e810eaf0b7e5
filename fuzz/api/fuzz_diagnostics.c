/* SPDX-License-Identifier: MIT */
/* Bodies of diagnostic settings: what the API takes is answered as it was taken and read by the exporter; the same bytes as what
 * is stored, and as a record that is exported. */

#include <event2/http.h>
#include <event2/keyvalq_struct.h>

#include "api/management/management.h"
#include "fuzz/replay.h"
#include "hub/export/lines.h"
#include "hub/export/setting.h"
#include "hub/token.h"
#include "lib/log.h"
#include "tests/hub/memory_registry.h"

#define SUB "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
#define TARGET                                                                        \
    "/subscriptions/" SUB "/resourceGroups/g/providers/Microsoft.Devices/IotHubs/hub" \
    "/providers/Microsoft.Insights/diagnosticSettings/ds1"

#define INPUT_MAX 65536

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* ---- A registry of one token and one setting ---- */

static struct memory_registry memory;
static struct vd_registry_ops ops;
static struct vd_token token;
static struct vd_buf stored;
static uint64_t stored_etag; /* 0: nothing is */

static int fuzz_token_get(struct vd_registry *registry, const char *name, struct vd_token *out)
{
    (void)registry;
    (void)name;
    *out = token;
    return VD_OK;
}

static int fuzz_token_used(struct vd_registry *registry, const char *name, int64_t used_ms)
{
    (void)registry;
    (void)name;
    token.last_used_ms = used_ms;
    return VD_OK;
}

static int fuzz_setting_get(
    struct vd_registry *registry, const char *name, struct vd_buf *value, uint64_t *etag)
{
    (void)registry;
    if (strcmp(name, VD_DIAGNOSTIC_SETTINGS) != 0 || stored_etag == 0) {
        return VD_E_NOT_FOUND;
    }
    vd_buf_append(value, stored.data, stored.length);
    *etag = stored_etag;
    return value->error;
}

static int fuzz_change(struct vd_registry *registry, struct vd_registry_change *change)
{
    (void)registry;
    check(change->setting_count == 1 && change->policies == NULL);
    check(change->settings[0].etag == stored_etag);
    vd_buf_clear(&stored);
    vd_buf_append(&stored, change->settings[0].value.data, change->settings[0].value.length);
    change->settings[0].etag = ++stored_etag;
    return VD_OK;
}

/* ---- The API ---- */

static struct vd_management *management;
static char authorization[VD_TOKEN_TEXT_SIZE + 8] = "Bearer ";

static void set_up(void)
{
    struct vd_management_config config = {.registry = &memory.base,
        .host_name = "hub.test",
        .scope = {.subscription = SUB, .resource_group = "g", .hub = "hub"}};

    vd_log_set_level(VD_LOG_ERROR);
    memory_registry_init(&memory);
    ops = *memory.base.ops;
    ops.token_get = fuzz_token_get;
    ops.token_used = fuzz_token_used;
    ops.setting_get = fuzz_setting_get;
    ops.change = fuzz_change;
    memory.base.ops = &ops;
    token = (struct vd_token){.name = "fuzz", .role = VD_ROLE_CONTRIBUTOR};
    check(vd_token_make(&token, authorization + strlen(authorization)) == VD_OK);
    check(vd_management_new(&config, &management) == VD_OK);
}

/* The body of the answer is the caller's. */
static int call(const char *method, struct vd_str body, json_t **out)
{
    const struct vd_http_face face = vd_management_face(management);
    struct evkeyvalq headers = {.tqh_last = &headers.tqh_first};
    struct vd_http_answer answer = {.status = 500};
    const struct vd_http_request request = {.method = method,
        .path = TARGET,
        .query = "",
        .headers = &headers,
        .peer = "192.0.2.1",
        .body = body};

    check(evhttp_add_header(&headers, "Authorization", authorization) == 0);
    face.call(face.context, &request, &answer);
    evhttp_clear_headers(&headers);
    check((json_object_get(answer.body, "error") != NULL) == (answer.status >= 400));
    *out = answer.body;
    return answer.status;
}

static void check_taken(json_t *made)
{
    struct vd_diagnostic_setting settings[VD_DIAGNOSTIC_SETTINGS_MAX];
    size_t count = 0;
    json_t *other = NULL;
    json_t *again = json_pack("{s:O}", "properties", json_object_get(made, "properties"));
    char *text = json_dumps(again, JSON_COMPACT);

    check(vd_diagnostic_settings_parse((struct vd_str){(const char *)stored.data, stored.length},
              settings, &count) == VD_OK);
    check(count == 1 && strcmp(settings[0].name, "ds1") == 0);
    check(call("GET", (struct vd_str){"", 0}, &other) == 200 && json_equal(made, other));
    json_decref(other);
    /* What is answered can be put, and changes nothing. */
    check(call("PUT", vd_str_from(text), &other) == 200 && json_equal(made, other));
    json_decref(other);
    check(call("DELETE", (struct vd_str){"", 0}, &other) == 200);
    json_decref(other);
    free(text);
    json_decref(again);
}

static void fuzz_body(struct vd_str body)
{
    json_t *made = NULL;
    const int status = call("PUT", body, &made);

    check(status == 200 || status == 400);
    if (status == 200) {
        check_taken(made);
    } else {
        check(stored_etag == 0);
    }
    json_decref(made);
    vd_buf_clear(&stored);
    stored_etag = 0;
}

/* ---- What is read back ---- */

static void check_kinds(const struct vd_diagnostic_setting *setting)
{
    for (int i = 0; i < VD_EXPORT_KINDS_END; i++) {
        enum vd_export_kind kind = VD_EXPORT_KINDS_END;

        check(vd_export_kind_from_text(vd_export_kind_text((enum vd_export_kind)i), &kind));
        check((int)kind == i && !vd_export_kind_from_text(setting->name, &kind));
    }
}

static void fuzz_stored(struct vd_str text)
{
    struct vd_diagnostic_setting settings[VD_DIAGNOSTIC_SETTINGS_MAX];
    size_t count = 0;

    if (vd_diagnostic_settings_parse(text, settings, &count) == VD_OK) {
        check(count <= VD_DIAGNOSTIC_SETTINGS_MAX);
        for (size_t i = 0; i < count; i++) {
            check(settings[i].categories >> VD_OPERATION_CATEGORIES_END == 0);
            check_kinds(&settings[i]);
        }
    }
}

static void fuzz_record(struct vd_str text)
{
    const struct vd_export_pick pick = {UINT32_MAX, "0123456789abcdef", 1, 1};
    const struct vd_event event = {.kind = VD_EVENT_OPERATION, .body = text};
    struct vd_event_batch batch = {0};
    struct vd_export_lines lines = {0};

    check(vd_event_batch_add(&batch, &event) == VD_OK);
    check(vd_export_lines_make(&lines, &pick, &batch, 7) == VD_OK);
    check(lines.next == 8 && lines.count + lines.unreadable <= 1);
    if (lines.count == 1) {
        /* One line, whatever the record holds. */
        check(memchr(lines.text.data, '\n', lines.text.length) ==
            lines.text.data + lines.text.length - 1);
    }
    vd_buf_release(&lines.text);
    vd_event_batch_release(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_str text = {(const char *)data, length};

    if (management == NULL) {
        set_up();
    }
    if (length <= INPUT_MAX) {
        fuzz_body(text);
        fuzz_stored(text);
        fuzz_record(text);
    }
    return 0;
}
