/* SPDX-License-Identifier: MIT */
/* Who may call the service API: a token that a shared access policy's key signed, and that policy's rights. */

#include <arpa/inet.h>

#include "api/service/internal.h"
#include "hub/auth.h"
#include "hub/ip_filter.h"
#include "hub/sas.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/url.h"

/* Read from the registry at each request: a rule holds from the moment that it is set. Without an answer nobody may. */
static bool address_is_accepted(const struct vd_service *service, const char *peer)
{
    struct vd_ip_filter filter;
    struct in6_addr six = {{{0}}};
    struct in_addr four;

    if (vd_ip_filter_load(service->config.registry, &filter, NULL, NULL) != VD_OK) {
        return false;
    }
    if (inet_pton(AF_INET, peer, &four) == 1) {
        return vd_ip_filter_accepts(&filter, (const uint8_t *)&four, sizeof four);
    }
    if (inet_pton(AF_INET6, peer, &six) == 1 && IN6_IS_ADDR_V4MAPPED(&six)) {
        return vd_ip_filter_accepts(&filter, six.s6_addr + 12, 4);
    }
    return vd_ip_filter_accepts(&filter, six.s6_addr, sizeof six);
}

/* The token names this hub, and with a path behind the hub's name only requests below that. */
static bool covers(
    const struct vd_sas_token *token, const char *host_name, const struct vd_http_request *request)
{
    char resource[VD_SAS_TOKEN_MAX];
    char path[VD_SAS_TOKEN_MAX];
    struct vd_str allowed = {resource, 0};
    struct vd_str asked = {path, 0};

    if (vd_url_decode(token->resource, resource, sizeof resource, &allowed.length) != VD_OK) {
        return false;
    }
    allowed = vd_sas_host_path(allowed, host_name);
    if (allowed.data == NULL) {
        return false;
    }
    while (allowed.length > 0 && allowed.data[allowed.length - 1] == '/') {
        allowed.length--;
    }
    if (allowed.length == 0) {
        return true;
    }
    return vd_url_decode(vd_str_from(request->path), path, sizeof path, &asked.length) == VD_OK &&
        asked.length >= allowed.length && memcmp(asked.data, allowed.data, allowed.length) == 0 &&
        (asked.length == allowed.length || asked.data[allowed.length] == '/');
}

/* Both keys are tried whatever the first says. */
static bool is_signed(const struct vd_sas_token *token, const struct vd_policy *policy)
{
    bool by_primary = vd_sas_signed_by(token, &policy->primary_key);
    bool by_secondary = vd_sas_signed_by(token, &policy->secondary_key);

    return by_primary || by_secondary;
}

/* NULL if the request proves itself by *policy; else why it does not: for the log, a caller is not told. */
static const char *judge(const struct vd_service *service, const struct vd_http_request *request,
    struct vd_policy *policy)
{
    const char *text = vd_http_header(request, "Authorization");
    struct vd_sas_token token;
    char name[VD_NAME_MAX + 1];
    size_t length = 0;

    if (text == NULL) {
        return "no token";
    }
    if (vd_sas_parse(vd_str_from(text), &token) != VD_OK) {
        return "malformed token";
    }
    if (token.policy.length == 0) {
        return "no policy in the token";
    }
    if (vd_url_decode(token.policy, name, sizeof name - 1, &length) != VD_OK ||
        memchr(name, '\0', length) != NULL) {
        return "unknown policy";
    }
    name[length] = '\0';
    if (vd_registry_policy_get(service->config.registry, name, policy) != VD_OK) {
        return "unknown policy";
    }
    if (!is_signed(&token, policy)) {
        return "wrong signature";
    }
    if (vd_clock_utc_ms() / 1000 >= token.expiry_s) {
        return "expired token";
    }
    return covers(&token, service->config.host_name, request) ? NULL : "token for something else";
}

/* Notes a refusal of the peer. */
static void refused(struct vd_service *service, const struct vd_http_request *request,
    const char *policy, const char *why)
{
    const struct peer_key peer = vd_peer_key_of_text(request->peer);
    int64_t now_ms = vd_clock_monotonic_ms();
    uint32_t held_back = 0;
    bool log;

    pthread_mutex_lock(&service->lock);
    (void)vd_limiter_take(service->refusals, peer.bytes, peer.length, now_ms);
    log = vd_log_allowed(&service->log_refused, now_ms, &held_back);
    pthread_mutex_unlock(&service->lock);
    if (log) {
        vd_log(VD_LOG_WARN, "service.refused",
            "address=%s policy=\"%s\" method=%s reason=\"%s\" held_back=%u", request->peer, policy,
            request->method, why, held_back);
    }
}

static bool may_try(struct vd_service *service, const char *peer)
{
    const struct peer_key key = vd_peer_key_of_text(peer);
    bool may;

    pthread_mutex_lock(&service->lock);
    may = vd_limiter_may(service->refusals, key.bytes, key.length, vd_clock_monotonic_ms());
    pthread_mutex_unlock(&service->lock);
    return may;
}

/* False: answered. */
static bool admit(struct vd_service *service, const struct vd_http_request *request,
    struct vd_http_answer *answer)
{
    if (!address_is_accepted(service, request->peer)) {
        refused(service, request, "", "address refused by the IP filter");
        vd_service_fail(answer, VD_FAULT_IotHubUnauthorizedAccess, NULL);
        return false;
    }
    if (!may_try(service, request->peer)) {
        vd_service_fail(answer, VD_FAULT_ThrottlingException, NULL);
        return false;
    }
    return true;
}

/* A device that is refused is one of the things that detections look for. */
static void record_refusal(struct vd_service *service, const struct vd_http_request *request,
    const struct vd_principal *principal, enum vd_refusal refusal)
{
    const char *agent = vd_http_header(request, "User-Agent");
    char expiry[VD_TIME_TEXT_SIZE] = "";

    if (principal->expires_s != 0) {
        vd_time_format(principal->expires_s * 1000, expiry);
    }
    vd_record_operation(service->config.recorder,
        &(struct vd_operation){
            .category = VD_OPERATION_CONNECTIONS,
            .name = "deviceConnect",
            .result = vd_result_of_refusal(refusal),
            .reason = vd_refusal_text(refusal),
            .device_id = principal->device_id,
            .protocol = "Https",
            .auth_type = vd_operation_auth_type(principal),
            .address = request->peer,
            .properties = {{"sdkVersion", agent != NULL ? agent : "", 0},
                {"credentialExpiryTime", expiry, 0},
                {"credentialWasGood", principal->was_good ? "true" : "", 0}},
        });
}

bool vd_service_authorise_device(struct vd_service *service, const struct vd_http_request *request,
    const char *device_id, struct vd_http_answer *answer)
{
    const char *text = vd_http_header(request, "Authorization");
    struct vd_principal principal;
    enum vd_refusal refusal;

    if (!admit(service, request, answer)) {
        return false;
    }
    refusal = vd_auth_judge_token(service->config.registry, service->config.host_name, device_id,
        vd_str_from(text != NULL ? text : ""), vd_clock_utc_ms(), &principal);
    if (refusal == VD_REFUSED_NOT) {
        answer->has_login = true;
        return true;
    }
    if (refusal == VD_REFUSED_REGISTRY) {
        vd_service_fail(answer, VD_FAULT_ServiceUnavailable, NULL);
    } else {
        refused(service, request, "", vd_refusal_text(refusal));
        record_refusal(service, request, &principal, refusal);
        vd_service_fail(answer, VD_FAULT_IotHubUnauthorizedAccess, NULL);
    }
    return false;
}

bool vd_service_authorise(struct vd_service *service, const struct vd_http_request *request,
    uint32_t right, char policy_name[VD_NAME_MAX + 1], struct vd_http_answer *answer)
{
    struct vd_policy policy = {0};
    const char *why;
    bool allowed = false;

    if (!admit(service, request, answer)) {
        return false;
    }
    why = judge(service, request, &policy);
    if (why != NULL) {
        refused(service, request, "", why);
        vd_service_fail(answer, VD_FAULT_IotHubUnauthorizedAccess, NULL);
    } else if (right != 0 && !vd_policy_allows(&policy, (enum vd_right)right)) {
        refused(service, request, policy.name, "right missing");
        vd_service_fail(answer, VD_FAULT_GenericForbidden, NULL);
    } else {
        memcpy(policy_name, policy.name, sizeof policy.name);
        allowed = true;
        answer->has_login = true;
    }
    vd_secret_wipe(&policy, sizeof policy);
    return allowed;
}
