/* SPDX-License-Identifier: MIT */
/* Answers of the management API: faults in the one form that every client reads, and the rest. */

#include <event2/http.h>
#include <stdarg.h>

#include "api/management/internal.h"
#include "lib/url.h"

void vd_management_fail(struct vd_http_answer *answer, int status, const char *code,
    const char *target, const char *format, ...)
{
    char message[512];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    json_decref(answer->body);
    answer->status = status;
    answer->body = json_pack(
        "{s:{s:s, s:s, s:s*}}", "error", "code", code, "message", message, "target", target);
    if (answer->body == NULL) {
        /* The message may hold pieces of the request that are not UTF-8. */
        answer->body =
            json_pack("{s:{s:s, s:s}}", "error", "code", code, "message", "malformed request");
    }
    if (status == 401) {
        vd_http_answer_header(answer, "WWW-Authenticate", "Bearer");
    }
}

void vd_management_fail_error(struct vd_http_answer *answer, int error, const char *what)
{
    static const struct {
        int error;
        int status;
        const char *code;
    } forms[] = {
        {VD_E_INVALID, 400, "InvalidParameter"},
        {VD_E_NOT_FOUND, 404, "ResourceNotFound"},
        {VD_E_EXISTS, 409, "Conflict"},
        {VD_E_LIMIT, 409, "QuotaExceeded"},
        {VD_E_CHANGED, 412, "PreconditionFailed"},
        {VD_E_BUSY, 503, "ServiceUnavailable"},
        {VD_E_FULL, 503, "ServiceUnavailable"},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (forms[i].error == error) {
            vd_management_fail(
                answer, forms[i].status, forms[i].code, NULL, "%s: %s", what, vd_error_text(error));
            return;
        }
    }
    vd_management_fail(
        answer, 500, "InternalServerError", NULL, "%s: %s", what, vd_error_text(error));
}

void vd_management_reply(struct vd_http_answer *answer, int status, json_t *body)
{
    if (body == NULL && status != 204) {
        vd_management_fail(answer, 500, "InternalServerError", NULL, "out of memory");
        return;
    }
    answer->status = status;
    answer->body = body;
}

json_t *vd_management_body(const struct vd_management_args *args, struct vd_http_answer *answer)
{
    const struct vd_str text = args->request->body;
    json_error_t where;
    json_t *body = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, &where);

    if (body == NULL) {
        vd_management_fail(answer, 400, "InvalidRequestContent", NULL,
            "the body is not JSON: line %d, column %d: %s", where.line, where.column, where.text);
    } else if (!json_is_object(body)) {
        vd_management_fail(
            answer, 400, "InvalidRequestContent", NULL, "the body is not a JSON object");
        json_decref(body);
        body = NULL;
    }
    return body;
}

void vd_management_hub_id(const struct vd_management_args *args, char out[VD_RESOURCE_ID_SIZE])
{
    struct vd_resource_scope scope = {{0}, {0}, {0}};

    /* They are this hub's but for the case of their letters: they fit. */
    if (vd_text_copy(args->subscription, scope.subscription, sizeof scope.subscription) != VD_OK ||
        vd_text_copy(args->resource_group, scope.resource_group, sizeof scope.resource_group) !=
            VD_OK ||
        vd_text_copy(args->hub, scope.hub, sizeof scope.hub) != VD_OK) {
        abort();
    }
    vd_resource_hub_id(&scope, out);
}

bool vd_management_etag_fits(const struct vd_management_args *args, const char *etag)
{
    const char *given = vd_http_header(args->request, "If-Match");
    struct vd_str wanted;

    if (given == NULL || given[0] == '\0' || strcmp(given, "*") == 0) {
        return true;
    }
    /* Clients send it as they got it, without the quotes of RFC 9110; other programs may know those. */
    wanted = vd_str_from(given);
    if (wanted.length >= 2 && wanted.data[0] == '"' && wanted.data[wanted.length - 1] == '"') {
        wanted.data++;
        wanted.length -= 2;
    }
    return vd_str_equal_text(wanted, etag);
}

const char *vd_management_param(const struct vd_management_args *args, const char *name)
{
    return evhttp_find_header(args->params, name);
}

json_t *vd_management_next_link(const struct vd_management_args *args, const char *token)
{
    static const char *const kept[] = {"api-version", "$top"};
    const char *path = args->request->path;
    struct vd_buf link = {0};
    json_t *result = NULL;

    /* One slash in front: with two it would name a host. Clients look for a plain $, and add what they do not find. */
    vd_buf_printf(&link, "/%s?$skiptoken=", path + strspn(path, "/"));
    vd_url_encode(vd_str_from(token), &link);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const char *value = vd_management_param(args, kept[i]);

        if (value != NULL) {
            vd_buf_printf(&link, "&%s=", kept[i]);
            vd_url_encode(vd_str_from(value), &link);
        }
    }
    if (link.error == VD_OK) {
        result = json_stringn((const char *)link.data, link.length);
    }
    vd_buf_release(&link);
    return result;
}
