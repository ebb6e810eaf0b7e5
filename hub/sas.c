/* SPDX-License-Identifier: MIT */
/* SAS tokens: HMAC-SHA256 over the resource and the expiry as they stand in the token. */

#include "hub/sas.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <strings.h>

#include "hub/limits.h"
#include "lib/url.h"

#define SAS_PREFIX "SharedAccessSignature "
/* Base64 of the 32 bytes of HMAC-SHA256. */
#define SAS_SIGNATURE_TEXT 44

/* Digits only; 15 of them are 31 million years and leave room for milliseconds. */
static int parse_expiry(struct vd_str text, int64_t *expiry_s)
{
    int64_t value = 0;

    if (text.length == 0 || text.length > 15) {
        return VD_E_INVALID;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return VD_E_INVALID;
        }
        value = value * 10 + (text.data[i] - '0');
    }
    *expiry_s = value;
    return VD_OK;
}

/* Where the field of that name goes; NULL for a name that is none. */
static struct vd_str *field_of(struct vd_sas_token *token, struct vd_str name)
{
    if (vd_str_equal_text(name, "sr")) {
        return &token->resource;
    }
    if (vd_str_equal_text(name, "sig")) {
        return &token->signature;
    }
    if (vd_str_equal_text(name, "se")) {
        return &token->expiry_text;
    }
    return vd_str_equal_text(name, "skn") ? &token->policy : NULL;
}

static int parse_fields(struct vd_str text, struct vd_sas_token *token)
{
    while (text.length > 0) {
        const char *end = memchr(text.data, '&', text.length);
        size_t length = end != NULL ? (size_t)(end - text.data) : text.length;
        const char *equals = memchr(text.data, '=', length);
        struct vd_str value;
        struct vd_str *field;

        if (equals == NULL || length + 1 == text.length) {
            return VD_E_INVALID;
        }
        value = (struct vd_str){equals + 1, length - (size_t)(equals + 1 - text.data)};
        field = field_of(token, (struct vd_str){text.data, (size_t)(equals - text.data)});
        if (field == NULL || field->data != NULL) {
            return VD_E_INVALID;
        }
        *field = value;
        text.data += end != NULL ? length + 1 : length;
        text.length -= end != NULL ? length + 1 : length;
    }
    return VD_OK;
}

int vd_sas_parse(struct vd_str text, struct vd_sas_token *out)
{
    struct vd_sas_token token = {0};
    size_t prefix = sizeof SAS_PREFIX - 1;

    if (text.length < prefix || text.length > VD_SAS_TOKEN_MAX ||
        memcmp(text.data, SAS_PREFIX, prefix) != 0) {
        return VD_E_INVALID;
    }
    text = (struct vd_str){text.data + prefix, text.length - prefix};
    if (parse_fields(text, &token) != VD_OK || token.resource.length == 0 ||
        token.signature.length == 0 || (token.policy.data != NULL && token.policy.length == 0) ||
        parse_expiry(token.expiry_text, &token.expiry_s) != VD_OK) {
        return VD_E_INVALID;
    }
    if (token.policy.data == NULL) {
        token.policy.data = "";
    }
    *out = token;
    return VD_OK;
}

/* Base64 of the MAC over "{resource}\n{expiry}", with a NUL; false if OpenSSL fails. */
static bool sign(struct vd_str resource, struct vd_str expiry, const struct vd_key *key,
    char out[SAS_SIGNATURE_TEXT + 1])
{
    uint8_t text[VD_SAS_TOKEN_MAX + 1];
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;

    if (resource.length + 1 + expiry.length > sizeof text) {
        return false;
    }
    memcpy(text, resource.data, resource.length);
    text[resource.length] = '\n';
    memcpy(text + resource.length + 1, expiry.data, expiry.length);
    if (HMAC(EVP_sha256(), key->bytes, key->length, text, resource.length + 1 + expiry.length, mac,
            &mac_length) == NULL ||
        mac_length != 32) {
        return false;
    }
    return EVP_EncodeBlock((uint8_t *)out, mac, 32) == SAS_SIGNATURE_TEXT;
}

bool vd_sas_signed_by(const struct vd_sas_token *token, const struct vd_key *key)
{
    char expected[SAS_SIGNATURE_TEXT + 1];
    char given[SAS_SIGNATURE_TEXT];
    size_t length = 0;
    bool matches;

    if (key->length < VD_KEY_MIN_BYTES || key->length > VD_KEY_MAX_BYTES ||
        vd_url_decode(token->signature, given, sizeof given, &length) != VD_OK ||
        length != SAS_SIGNATURE_TEXT || !sign(token->resource, token->expiry_text, key, expected)) {
        return false;
    }
    matches = CRYPTO_memcmp(expected, given, SAS_SIGNATURE_TEXT) == 0;
    OPENSSL_cleanse(expected, sizeof expected);
    return matches;
}

struct vd_str vd_sas_host_path(struct vd_str resource, const char *hub_name)
{
    size_t length = strlen(hub_name);
    size_t at = length;

    if (resource.length < length || strncasecmp(resource.data, hub_name, length) != 0) {
        return (struct vd_str){NULL, 0};
    }
    if (at < resource.length && resource.data[at] == ':') {
        for (at++; at < resource.length && resource.data[at] >= '0' && resource.data[at] <= '9';) {
            at++;
        }
        if (at - length < 2 || at - length > 6) {
            return (struct vd_str){NULL, 0};
        }
    }
    if (at < resource.length && resource.data[at] != '/') {
        return (struct vd_str){NULL, 0};
    }
    return (struct vd_str){resource.data + at, resource.length - at};
}

static bool covers(
    struct vd_str resource, const char *hub_name, const char *device_id, const char *module_id)
{
    char target[sizeof "/devices//modules/" + VD_ID_MAX + VD_ID_MAX];
    struct vd_str path = vd_sas_host_path(resource, hub_name);
    int n = module_id != NULL && module_id[0] != '\0'
        ? snprintf(target, sizeof target, "/devices/%s/modules/%s", device_id, module_id)
        : snprintf(target, sizeof target, "/devices/%s", device_id);

    if (path.data == NULL || n < 0 || (size_t)n >= sizeof target || path.length > (size_t)n) {
        return false;
    }
    return memcmp(path.data, target, path.length) == 0 &&
        (target[path.length] == '/' || target[path.length] == '\0');
}

/* Whether the text may be one that was encoded: nobody encodes a letter that needs it not, so `%41` stands for itself. */
static bool may_be_encoded(struct vd_str text)
{
    for (size_t i = 0; i + 3 <= text.length; i++) {
        char c = 0;
        size_t length = 0;

        if (text.data[i] == '%' &&
            (vd_url_decode((struct vd_str){text.data + i, 3}, &c, 1, &length) != VD_OK ||
                vd_url_is_unreserved(c))) {
            return false;
        }
    }
    return true;
}

bool vd_sas_covers(const struct vd_sas_token *token, const char *hub_name, const char *device_id,
    const char *module_id)
{
    char once[VD_SAS_TOKEN_MAX];
    char twice[VD_SAS_TOKEN_MAX];
    struct vd_str resource = {once, 0};

    if (vd_url_decode(token->resource, once, sizeof once, &resource.length) != VD_OK) {
        return false;
    }
    if (covers(resource, hub_name, device_id, module_id)) {
        return true;
    }
    /* Ids with letters that need encoding may have been encoded within the path as well. */
    if (!may_be_encoded(resource) ||
        vd_url_decode(resource, twice, sizeof twice, &resource.length) != VD_OK) {
        return false;
    }
    resource.data = twice;
    return covers(resource, hub_name, device_id, module_id);
}

int vd_sas_make(const char *resource, const struct vd_key *key, int64_t expiry_s,
    const char *policy, char *out, size_t size)
{
    struct vd_buf text = {.max = VD_SAS_TOKEN_MAX};
    struct vd_buf encoded = {.max = VD_SAS_TOKEN_MAX};
    char expiry[24];
    char signature[SAS_SIGNATURE_TEXT + 1];
    int error;

    snprintf(expiry, sizeof expiry, "%" PRId64, expiry_s);
    vd_url_encode(vd_str_from(resource), &encoded);
    error = encoded.error;
    if (error == VD_OK &&
        !sign((struct vd_str){(const char *)encoded.data, encoded.length}, vd_str_from(expiry), key,
            signature)) {
        error = VD_E_LIMIT;
    }
    if (error == VD_OK) {
        vd_buf_append_text(&text, SAS_PREFIX "sr=");
        vd_buf_append(&text, encoded.data, encoded.length);
        vd_buf_append_text(&text, "&sig=");
        vd_url_encode(vd_str_from(signature), &text);
        vd_buf_append_text(&text, "&se=");
        vd_buf_append_text(&text, expiry);
        if (policy != NULL) {
            vd_buf_append_text(&text, "&skn=");
            vd_url_encode(vd_str_from(policy), &text);
        }
        error = text.error;
    }
    if (error == VD_OK) {
        error = vd_str_copy((struct vd_str){(const char *)text.data, text.length}, out, size);
    }
    vd_buf_release(&encoded);
    vd_buf_release(&text);
    return error;
}
