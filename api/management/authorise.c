/* SPDX-License-Identifier: MIT */
/* Who may call the management API: the bearer of a token that is known, and its role. */

#include <strings.h>

#include "api/management/internal.h"
#include "lib/clock.h"

#define SCHEME "Bearer "

/* Seconds until an address that was refused too often has its next try: refusals are counted by the minute. */
#define REFUSED_RETRY_AFTER_S 2

/* People sign in to the portal with the same tokens. */
static void audit_refusal(struct vd_management *management, const struct vd_http_request *request,
    int status, const char *why)
{
    const struct vd_audit_request recorded = {
        .kind = VD_AUDIT_SIGN_IN,
        .address = request->peer,
        .via = strncmp(request->path, "/portal/", 8) == 0 ? "portal" : "management",
        .method = request->method,
        .resource = request->path,
    };

    vd_audit_refused(management->config.audit, &recorded, status, why);
}

void vd_management_refused(struct vd_management *management, const struct vd_http_request *request,
    int status, const char *why)
{
    const struct peer_key peer = vd_peer_key_of_text(request->peer);
    const int64_t now_ms = vd_clock_monotonic_ms();
    uint32_t held_back = 0;
    bool log;

    pthread_mutex_lock(&management->lock);
    (void)vd_limiter_take(management->refusals, peer.bytes, peer.length, now_ms);
    log = vd_log_allowed(&management->log_refused, now_ms, &held_back);
    pthread_mutex_unlock(&management->lock);
    if (log) {
        vd_log(VD_LOG_WARN, "management.refused", "address=%s method=%s reason=\"%s\" held_back=%u",
            request->peer, request->method, why, held_back);
    }
    audit_refusal(management, request, status, why);
}

bool vd_management_may_try(struct vd_management *management, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    const struct peer_key key = vd_peer_key_of_text(request->peer);
    bool may;

    pthread_mutex_lock(&management->lock);
    may = vd_limiter_may(management->refusals, key.bytes, key.length, vd_clock_monotonic_ms());
    pthread_mutex_unlock(&management->lock);
    if (!may) {
        vd_management_fail(
            answer, 429, "TooManyRequests", NULL, "too many refused requests from this address");
        vd_http_answer_retry_after(answer, REFUSED_RETRY_AFTER_S);
    }
    return may;
}

/* What the bearer shows; length 0: nothing. */
static struct vd_str token_of(const struct vd_http_request *request)
{
    const char *text = vd_http_header(request, "Authorization");

    if (text == NULL || strncasecmp(text, SCHEME, sizeof SCHEME - 1) != 0) {
        return (struct vd_str){NULL, 0};
    }
    text += sizeof SCHEME - 1;
    text += strspn(text, " ");
    return vd_str_from(text);
}

bool vd_management_authenticate(struct vd_management *management,
    const struct vd_http_request *request, struct vd_token *caller, struct vd_http_answer *answer)
{
    return vd_management_admit(management, request, token_of(request), caller, answer);
}

bool vd_management_admit(struct vd_management *management, const struct vd_http_request *request,
    struct vd_str text, struct vd_token *caller, struct vd_http_answer *answer)
{
    int error;

    if (!vd_management_may_try(management, request, answer)) {
        return false;
    }
    error = text.length > 0
        ? vd_token_check(management->config.registry, text, vd_clock_utc_ms(), caller)
        : VD_E_INVALID;
    if (error == VD_OK) {
        answer->has_login = true;
        return true;
    }
    if (error != VD_E_INVALID && error != VD_E_DENIED && error != VD_E_EXPIRED) {
        vd_management_fail_error(answer, error, "the tokens");
        return false;
    }
    vd_management_refused(management, request, 401,
        error == VD_E_EXPIRED      ? "expired token"
            : error == VD_E_DENIED ? "unknown token"
            : text.length > 0      ? "malformed token"
                                   : "no token");
    vd_management_fail(
        answer, 401, "AuthenticationFailed", NULL, "a valid token of this service is needed");
    return false;
}

bool vd_management_allows(const struct vd_management_caller *caller, enum vd_role role,
    const char *operation, const char *path, struct vd_http_answer *answer)
{
    if (caller->role >= role) {
        return true;
    }
    vd_management_fail(answer, 403, "AuthorizationFailed", NULL,
        "The client '%s' with role '%s' does not have authorization to perform action '%s' over "
        "scope '%.200s'.",
        caller->name, vd_role_name(caller->role), operation, path);
    return false;
}
