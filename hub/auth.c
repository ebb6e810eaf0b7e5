/* SPDX-License-Identifier: MIT */
/* Authentication of a device or module by client id, user name and SAS token. */

#include "hub/auth.h"

#include "hub/sas.h"
#include "lib/uuid.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

enum vd_mqtt_connack vd_refusal_code(enum vd_refusal refusal)
{
    static const enum vd_mqtt_connack codes[] = {
#define VD_REFUSAL_CODE(name, code, text) code,
        VD_REFUSALS(VD_REFUSAL_CODE)
#undef VD_REFUSAL_CODE
    };

    return codes[refusal];
}

const char *vd_refusal_text(enum vd_refusal refusal)
{
    static const char *const texts[] = {
#define VD_REFUSAL_TEXT(name, code, text) text,
        VD_REFUSALS(VD_REFUSAL_TEXT)
#undef VD_REFUSAL_TEXT
    };

    return texts[refusal];
}

static bool split_client_id(struct vd_str id, struct vd_principal *principal)
{
    const char *slash = id.length > 0 ? memchr(id.data, '/', id.length) : NULL;
    struct vd_str device = {id.data, slash != NULL ? (size_t)(slash - id.data) : id.length};
    struct vd_str module = {"", 0};

    if (slash != NULL) {
        module = (struct vd_str){slash + 1, id.length - device.length - 1};
        if (!vd_device_id_is_valid(module.data, module.length)) {
            return false;
        }
    }
    return vd_device_id_is_valid(device.data, device.length) &&
        vd_str_copy(device, principal->device_id, sizeof principal->device_id) == VD_OK &&
        vd_str_copy(module, principal->module_id, sizeof principal->module_id) == VD_OK;
}

bool vd_auth_identify(struct vd_str client_id, struct vd_principal *principal)
{
    *principal = (struct vd_principal){0};
    if (!split_client_id(client_id, principal)) {
        *principal = (struct vd_principal){0};
        return false;
    }
    return true;
}

/* True if the query holds an api-version with a value. */
static bool has_api_version(struct vd_str query)
{
    static const char name[] = "api-version=";
    const size_t length = sizeof name - 1;

    while (query.length > length) {
        const char *next = memchr(query.data, '&', query.length);
        size_t part = next != NULL ? (size_t)(next - query.data) : query.length;

        if (part > length && memcmp(query.data, name, length) == 0) {
            return true;
        }
        if (next == NULL) {
            break;
        }
        query = (struct vd_str){next + 1, query.length - part - 1};
    }
    return false;
}

/* `{hub}/{client id}/?api-version=...`, or without the `?` as old devices write it. */
static enum vd_refusal check_user_name(const struct vd_mqtt_connect *connect, const char *hub_name)
{
    struct vd_str rest;
    size_t id_length = connect->client_id.length;

    if (!connect->has_user_name) {
        return VD_REFUSED_USER_NAME;
    }
    rest = vd_sas_host_path(connect->user_name, hub_name);
    if (rest.data == NULL) {
        return VD_REFUSED_HUB_NAME;
    }
    if (rest.length < id_length + 2 || rest.data[0] != '/' ||
        memcmp(rest.data + 1, connect->client_id.data, id_length) != 0 ||
        rest.data[id_length + 1] != '/') {
        return VD_REFUSED_USER_NAME;
    }
    rest = (struct vd_str){rest.data + id_length + 2, rest.length - id_length - 2};
    if (rest.length > 0 && rest.data[0] == '?') {
        rest = (struct vd_str){rest.data + 1, rest.length - 1};
    }
    return has_api_version(rest) ? VD_REFUSED_NOT : VD_REFUSED_USER_NAME;
}

/* What a CONNECT is judged by. */
struct evidence {
    struct vd_registry *registry;
    const char *hub_name;
    const struct vd_sas_token *token; /* NULL: no_token says why */
    enum vd_refusal no_token;
    const struct vd_peer_certificate *certificate;
    int64_t now_ms;
};

static enum vd_refusal check_signature(const struct vd_sas_token *token,
    const struct vd_key *primary_key, const struct vd_key *secondary_key)
{
    bool primary = vd_sas_signed_by(token, primary_key);
    bool secondary = vd_sas_signed_by(token, secondary_key);

    return primary || secondary ? VD_REFUSED_NOT : VD_REFUSED_SIGNATURE;
}

static bool key_mark(const struct vd_key *key, uint8_t out[VD_KEY_MARK_BYTES])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    const bool good = EVP_Digest(key->bytes, key->length, digest, NULL, EVP_sha256(), NULL) == 1;

    memcpy(out, digest, good ? VD_KEY_MARK_BYTES : 0);
    return good;
}

/* A token that names a policy: signed by it, and it lets devices in. */
static enum vd_refusal check_policy(
    struct vd_registry *registry, const struct vd_sas_token *token, struct vd_principal *principal)
{
    struct vd_policy policy = {0};
    char name[VD_NAME_MAX + 1];
    enum vd_refusal refusal;
    int error = vd_str_copy(token->policy, name, sizeof name);

    if (error == VD_OK) {
        error = vd_registry_policy_get(registry, name, &policy);
        if (error != VD_OK && error != VD_E_NOT_FOUND) {
            return VD_REFUSED_REGISTRY;
        }
    }
    if (error != VD_OK) {
        return VD_REFUSED_POLICY;
    }
    refusal = check_signature(token, &policy.primary_key, &policy.secondary_key);
    if (refusal == VD_REFUSED_NOT && !vd_policy_allows(&policy, VD_RIGHT_DEVICE_CONNECT)) {
        refusal = VD_REFUSED_RIGHT;
    }
    if (refusal == VD_REFUSED_NOT) {
        const bool primary = vd_sas_signed_by(token, &policy.primary_key);

        memcpy(principal->policy, policy.name, sizeof principal->policy);
        if (!key_mark(
                primary ? &policy.primary_key : &policy.secondary_key, principal->policy_key)) {
            refusal = VD_REFUSED_REGISTRY; /* without memory, as if it could not be asked */
        }
    }
    OPENSSL_cleanse(&policy, sizeof policy);
    return refusal;
}

static bool is_marked(const struct vd_key *key, const uint8_t mark[VD_KEY_MARK_BYTES])
{
    uint8_t other[VD_KEY_MARK_BYTES];

    return key_mark(key, other) && CRYPTO_memcmp(mark, other, sizeof other) == 0;
}

bool vd_auth_policy_holds(const struct vd_principal *principal, const struct vd_policy *policy)
{
    return strcmp(principal->policy, policy->name) == 0 &&
        vd_policy_allows(policy, VD_RIGHT_DEVICE_CONNECT) &&
        (is_marked(&policy->primary_key, principal->policy_key) ||
            is_marked(&policy->secondary_key, principal->policy_key));
}

static enum vd_refusal check_token(const struct evidence *evidence,
    const struct vd_identity *identity, struct vd_principal *principal)
{
    const struct vd_sas_token *token = evidence->token;
    enum vd_refusal refusal;

    if (token == NULL) {
        return evidence->no_token;
    }
    refusal = token->policy.length > 0
        ? check_policy(evidence->registry, token, principal)
        : check_signature(token, &identity->primary_key, &identity->secondary_key);
    if (refusal != VD_REFUSED_NOT) {
        return refusal;
    }
    if (!vd_sas_covers(token, evidence->hub_name, identity->device_id, identity->module_id)) {
        return VD_REFUSED_RESOURCE;
    }
    principal->was_good = token->expiry_s * 1000 <= evidence->now_ms;
    return principal->was_good ? VD_REFUSED_EXPIRED : VD_REFUSED_NOT;
}

static enum vd_refusal check_validity(const struct evidence *evidence)
{
    if (evidence->now_ms < evidence->certificate->not_before_ms) {
        return VD_REFUSED_NOT_YET_VALID;
    }
    return evidence->now_ms > evidence->certificate->not_after_ms ? VD_REFUSED_CERTIFICATE_EXPIRED
                                                                  : VD_REFUSED_NOT;
}

/* Whose certificate it is, were it time_ms now. */
static enum vd_refusal check_chain_at(
    const struct evidence *evidence, const struct vd_identity *identity, int64_t time_ms)
{
    char name[VD_COMMON_NAME_MAX + 1];
    const int error = vd_x509_chain_check(evidence->certificate, evidence->registry, time_ms);

    if (error != VD_OK) {
        return error == VD_E_DENIED ? VD_REFUSED_CHAIN : VD_REFUSED_REGISTRY;
    }
    snprintf(name, sizeof name, "%s%s%s", identity->device_id,
        identity->module_id[0] != '\0' ? "/" : "", identity->module_id);
    return strcmp(evidence->certificate->common_name, name) == 0 ? VD_REFUSED_NOT
                                                                 : VD_REFUSED_COMMON_NAME;
}

/* One that is over is told apart from one that anybody can make and date back. */
static enum vd_refusal check_chain(const struct evidence *evidence,
    const struct vd_identity *identity, struct vd_principal *principal)
{
    const enum vd_refusal refusal = check_validity(evidence);

    if (refusal == VD_REFUSED_NOT) {
        return check_chain_at(evidence, identity, evidence->now_ms);
    }
    if (refusal == VD_REFUSED_CERTIFICATE_EXPIRED) {
        /* In its last whole second, by the reckoning of OpenSSL. */
        const int64_t last_ms = evidence->certificate->not_after_ms - 1000;

        principal->was_good = check_chain_at(evidence, identity, last_ms) == VD_REFUSED_NOT;
    }
    return refusal;
}

static enum vd_refusal check_thumbprint(const struct evidence *evidence,
    const struct vd_identity *identity, struct vd_principal *principal)
{
    enum vd_refusal refusal = VD_REFUSED_THUMBPRINT;

    if (vd_x509_has_thumbprint(evidence->certificate, identity->thumbprints)) {
        refusal = check_validity(evidence);
        principal->was_good = refusal == VD_REFUSED_CERTIFICATE_EXPIRED;
    }
    return refusal;
}

/* What the identity's type asks for. */
static enum vd_refusal check_credentials(const struct evidence *evidence,
    const struct vd_identity *identity, struct vd_principal *principal)
{
    if (identity->auth_type == VD_AUTH_SAS) {
        return check_token(evidence, identity, principal);
    }
    if (evidence->certificate == NULL) {
        return VD_REFUSED_NO_CERTIFICATE;
    }
    return identity->auth_type == VD_AUTH_CA ? check_chain(evidence, identity, principal)
                                             : check_thumbprint(evidence, identity, principal);
}

static void set_identity(const struct vd_identity *identity, struct vd_principal *principal)
{
    memcpy(principal->generation_id, identity->generation_id, sizeof principal->generation_id);
    principal->created_ms = identity->created_ms;
}

/* Also of one that is refused: a record tells it. */
static void set_expiry(const struct evidence *evidence, struct vd_principal *principal)
{
    if (principal->auth_type == VD_AUTH_SAS) {
        principal->expires_s = evidence->token != NULL ? evidence->token->expiry_s : 0;
    } else if (evidence->certificate != NULL) {
        principal->expires_s = evidence->certificate->not_after_ms / 1000;
    }
}

static enum vd_refusal check_identity(
    const struct evidence *evidence, struct vd_principal *principal)
{
    struct vd_registry *registry = evidence->registry;
    struct vd_identity identity = {0};
    struct vd_identity device = {0};
    bool is_module = principal->module_id[0] != '\0';
    int error = vd_registry_get(registry, principal->device_id, principal->module_id, &identity);
    enum vd_refusal refusal = VD_REFUSED_NOT;

    if (error == VD_OK && is_module) {
        error = vd_registry_get(registry, principal->device_id, "", &device);
    }
    if (error == VD_OK) {
        principal->auth_type = identity.auth_type;
        principal->by_policy = evidence->token != NULL && evidence->token->policy.length > 0;
        set_expiry(evidence, principal);
    }
    if (error != VD_OK) {
        refusal = error == VD_E_NOT_FOUND ? VD_REFUSED_UNKNOWN : VD_REFUSED_REGISTRY;
    } else if (!identity.enabled || (is_module && !device.enabled)) {
        refusal = VD_REFUSED_DISABLED;
    } else {
        refusal = check_credentials(evidence, &identity, principal);
    }
    if (refusal == VD_REFUSED_NOT) {
        set_identity(&identity, principal);
    } else if (evidence->no_token == VD_REFUSED_NO_PASSWORD && evidence->certificate == NULL &&
        refusal != VD_REFUSED_REGISTRY && refusal != VD_REFUSED_NO_CERTIFICATE) {
        /* Who shows nothing at all learns nothing: neither whether the identity is there nor whether it may in. */
        refusal = VD_REFUSED_NO_PASSWORD;
    }
    OPENSSL_cleanse(&identity, sizeof identity);
    OPENSSL_cleanse(&device, sizeof device);
    return refusal;
}

static void read_token(struct evidence *evidence, struct vd_str text, struct vd_sas_token *token)
{
    if (text.length == 0) {
        evidence->no_token = VD_REFUSED_NO_PASSWORD;
    } else if (vd_sas_parse(text, token) != VD_OK) {
        evidence->no_token = VD_REFUSED_TOKEN;
    } else {
        evidence->token = token;
    }
}

enum vd_refusal vd_auth_judge_token(struct vd_registry *registry, const char *hub_name,
    const char *device_id, struct vd_str text, int64_t now_ms, struct vd_principal *principal)
{
    struct evidence evidence = {.registry = registry, .hub_name = hub_name, .now_ms = now_ms};
    struct vd_sas_token token;

    *principal = (struct vd_principal){0};
    if (vd_text_copy(device_id, principal->device_id, sizeof principal->device_id) != VD_OK) {
        return VD_REFUSED_CLIENT_ID;
    }
    read_token(&evidence, text, &token);
    return evidence.no_token == VD_REFUSED_TOKEN ? VD_REFUSED_TOKEN
                                                 : check_identity(&evidence, principal);
}

enum vd_refusal vd_auth_judge(struct vd_registry *registry, const char *hub_name,
    const struct vd_mqtt_connect *connect, const struct vd_peer_certificate *certificate,
    int64_t now_ms, struct vd_principal *principal)
{
    struct evidence evidence = {
        .registry = registry, .hub_name = hub_name, .certificate = certificate, .now_ms = now_ms};
    struct vd_sas_token token;
    enum vd_refusal refusal;

    if (!vd_auth_identify(connect->client_id, principal)) {
        return VD_REFUSED_CLIENT_ID;
    }
    refusal = check_user_name(connect, hub_name);
    if (refusal != VD_REFUSED_NOT) {
        return refusal;
    }
    read_token(
        &evidence, connect->has_password ? connect->password : (struct vd_str){"", 0}, &token);
    if (evidence.no_token == VD_REFUSED_TOKEN && certificate == NULL) {
        return VD_REFUSED_TOKEN; /* whosever it is, the registry need not be asked */
    }
    refusal = check_identity(&evidence, principal);
    if (refusal == VD_REFUSED_NOT && connect->has_will) {
        refusal = VD_REFUSED_WILL;
    }
    return refusal;
}
