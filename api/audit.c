/* SPDX-License-Identifier: MIT */
/* Makes records of the audit trail out of requests, without what is secret. */

#include "api/audit.h"

#include <string.h>

#include "lib/log.h"

/* A body that is longer is told by its digest alone: a feed's text. */
#define DESCRIBED_MAX_BYTES (64 << 10)

/* Values of these are told. Nothing that can hold a key, a token or a password may come in here. */
static const char *const told[] = {"action", "authenticationType", "deviceId", "expiresInSeconds",
    "group", "id", "isVerified", "keyName", "kind", "methodName", "minSeverity", "name", "reason",
    "rights", "role", "severity", "state", "status", "until"};

static const char *const told_params[] = {"action", "after", "all", "api-version", "before",
    "cause", "device", "etag", "feed", "from", "group", "reason", "severity", "state", "to", "type",
    "upTo"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_in(const char *const *names, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- Words about a body ---- */

static void put_value(struct vd_buf *out, const json_t *value)
{
    if (json_is_string(value)) {
        vd_buf_printf(out, "=%.80s", json_string_value(value));
    } else if (json_is_integer(value)) {
        vd_buf_printf(out, "=%lld", (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        vd_buf_append_text(out, json_is_true(value) ? "=true" : "=false");
    } else if (json_is_null(value)) {
        vd_buf_append_text(out, "=null");
    }
}

static void put_name(struct vd_buf *out, const char *outer, const char *name)
{
    vd_buf_append_text(out, out->length > 0 ? " " : "");
    vd_buf_printf(out, "%.60s%s%.60s", outer, outer[0] != '\0' ? "." : "", name);
}

static void put_members(struct vd_buf *out, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        const char *inner_name;
        json_t *inner;

        if (out->length > VD_AUDIT_TEXT_MAX) {
            return;
        }
        if (!json_is_object(value) || json_object_size(value) == 0) {
            put_name(out, "", name);
            if (is_in(told, COUNT(told), name, strlen(name))) {
                put_value(out, value);
            }
            continue;
        }
        json_object_foreach(value, inner_name, inner)
        {
            put_name(out, name, inner_name);
        }
    }
}

void vd_audit_describe(struct vd_str body, struct vd_buf *out)
{
    json_t *json = body.length > 0 && body.length <= DESCRIBED_MAX_BYTES
        ? json_loadb(body.data, body.length, 0, NULL)
        : NULL;

    if (json_is_object(json)) {
        put_members(out, json);
    } else if (json_is_array(json)) {
        vd_buf_printf(out, "items=%zu", json_array_size(json));
    } else if (body.length > 0) {
        vd_buf_printf(out, "bytes=%zu", body.length);
    }
    if (out->length > VD_AUDIT_TEXT_MAX) {
        out->length = VD_AUDIT_TEXT_MAX;
    }
    json_decref(json);
}

void vd_audit_describe_query(const char *query, struct vd_buf *out)
{
    while (query != NULL && *query != '\0') {
        const size_t length = strcspn(query, "&");
        const size_t name = strcspn(query, "=&");

        if (is_in(told_params, COUNT(told_params), query, name) &&
            out->length + length < VD_AUDIT_TEXT_MAX) {
            vd_buf_append_text(out, out->length > 0 ? "&" : "");
            vd_buf_append(out, query, length);
        }
        query += length;
        query += *query == '&' ? 1 : 0;
    }
}

/* ---- Records ---- */

/* A request as an entry, and the texts that were made for that. */
struct made {
    struct vd_audit_entry entry;
    struct vd_buf changed;
    struct vd_buf query;
    char digest[VD_AUDIT_HASH_TEXT_SIZE];
};

static int make(
    struct vd_audit *audit, const struct vd_audit_request *r, const char *id, struct made *out)
{
    int error = VD_OK;

    *out = (struct made){.digest = ""};
    vd_audit_describe(r->body, &out->changed);
    vd_buf_append(&out->changed, "", 1);
    vd_audit_describe_query(r->query, &out->query);
    vd_buf_append(&out->query, "", 1);
    if (r->body.length > 0) {
        error = vd_audit_digest(audit, r->body, out->digest);
    }
    error = error == VD_OK ? out->changed.error : error;
    error = error == VD_OK ? out->query.error : error;
    out->entry = (struct vd_audit_entry){
        .kind = r->kind != NULL ? r->kind : VD_AUDIT_CHANGE,
        .who = r->who,
        .role = r->role,
        .address = r->address,
        .via = r->via,
        .method = r->method,
        .path = r->path,
        .resource = r->resource,
        .query = (const char *)out->query.data,
        .request = id,
        .changed = (const char *)out->changed.data,
        .digest = out->digest,
    };
    return error;
}

static void made_release(struct made *made)
{
    vd_buf_release(&made->changed);
    vd_buf_release(&made->query);
}

static int make_id(char out[VD_UUID_TEXT_SIZE])
{
    struct vd_uuid id;
    const int error = vd_uuid_random(&id);

    out[0] = '\0';
    if (error == VD_OK) {
        vd_uuid_format(&id, out);
    }
    return error;
}

int vd_audit_act_begin(
    struct vd_audit *audit, const struct vd_audit_request *request, struct vd_audit_act *act)
{
    struct made made;
    int error;

    *act = (struct vd_audit_act){.audit = NULL};
    if (audit == NULL) {
        return VD_OK;
    }
    error = make_id(act->request);
    if (error == VD_OK) {
        error = make(audit, request, act->request, &made);
        error = error == VD_OK ? vd_audit_begin(audit, &made.entry, &act->id) : error;
        made_release(&made);
    }
    act->audit = error == VD_OK ? audit : NULL;
    return error;
}

void vd_audit_act_end(struct vd_audit_act *act, int status, const char *note)
{
    const struct vd_audit_entry entry = {
        .status = status, .outcome = vd_audit_outcome(status), .note = note};

    if (act->audit != NULL) {
        (void)!vd_audit_end(act->audit, act->id, &entry); /* counted and logged; it stays open */
        act->audit = NULL;
    }
}

static void on_answered(void *context, struct vd_http_answer *answer)
{
    struct vd_audit_act *act = context;

    vd_http_answer_header(answer, VD_AUDIT_REQUEST_HEADER, act->request);
    vd_audit_act_end(act, answer->status,
        json_string_value(json_object_get(json_object_get(answer->body, "error"), "code")));
    free(act);
}

bool vd_audit_act_end_later(struct vd_audit_act *act, struct vd_http_later *later)
{
    struct vd_audit_act *copy;

    if (act->audit == NULL || later == NULL || !vd_http_is_later(later)) {
        return false;
    }
    copy = malloc(sizeof *copy);
    if (copy == NULL) {
        vd_log(VD_LOG_ERROR, "audit.unwritable", "reason=\"%s\"", vd_error_text(VD_E_NOMEM));
        return true; /* it stays open */
    }
    *copy = *act;
    vd_http_later_then(later, on_answered, copy);
    return true;
}

void vd_audit_refused(
    struct vd_audit *audit, const struct vd_audit_request *request, int status, const char *code)
{
    char id[VD_UUID_TEXT_SIZE];
    struct made made;

    if (audit == NULL || make_id(id) != VD_OK) {
        return;
    }
    if (make(audit, request, id, &made) == VD_OK) {
        made.entry.status = status;
        made.entry.outcome = VD_AUDIT_REFUSED;
        made.entry.note = code;
        vd_audit_add_refused(audit, &made.entry);
    }
    made_release(&made);
}

void vd_audit_done(struct vd_audit *audit, const struct vd_audit_request *request, int status)
{
    char id[VD_UUID_TEXT_SIZE];
    struct made made;

    if (audit == NULL || make_id(id) != VD_OK) {
        return;
    }
    if (make(audit, request, id, &made) == VD_OK) {
        made.entry.status = status;
        made.entry.outcome = vd_audit_outcome(status);
        (void)!vd_audit_add(audit, &made.entry); /* counted and logged */
    }
    made_release(&made);
}
