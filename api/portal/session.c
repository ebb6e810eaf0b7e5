/* SPDX-License-Identifier: MIT */
/* Cookies of sessions: made, taken apart, checked. */

#include "api/portal/session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

/* Digits of the end: 99,999,999,999 s are in the year 5138. */
#define DIGITS_MAX 11

int vd_portal_session_keys_derive(
    const uint8_t master[VD_MASTER_KEY_BYTES], struct vd_portal_session_keys *out)
{
    int error = vd_secret_derive(master, "vedette portal session", out->cookie);

    return error == VD_OK ? vd_secret_derive(master, "vedette portal csrf", out->csrf) : error;
}

/* Of all that makes a session what it is; the hash is another one for every token that is made. */
static int mac_of(const uint8_t key[VD_MASTER_KEY_BYTES], const struct vd_portal_session *session,
    char out[VD_PORTAL_SESSION_MAC_SIZE])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char text[VD_NAME_MAX + 1 + 24 + VD_TOKEN_HASH_BYTES];
    int n = snprintf(text, sizeof text - VD_TOKEN_HASH_BYTES, "%s %lld ", session->token.name,
        (long long)session->expires_s);

    memcpy(text + n, session->token.hash, VD_TOKEN_HASH_BYTES);
    if (HMAC(EVP_sha256(), key, VD_MASTER_KEY_BYTES, (const unsigned char *)text,
            (size_t)n + VD_TOKEN_HASH_BYTES, mac, &length) == NULL) {
        return VD_E_NOMEM;
    }
    return vd_base64url_encode(mac, length, out, VD_PORTAL_SESSION_MAC_SIZE);
}

int vd_portal_session_begin(const struct vd_portal_session_keys *keys, const struct vd_token *token,
    int64_t now_ms, struct vd_portal_session *out, char text[VD_PORTAL_SESSION_TEXT_SIZE])
{
    struct vd_portal_session session = {*token, now_ms / 1000 + VD_PORTAL_SESSION_S};
    char mac[VD_PORTAL_SESSION_MAC_SIZE];
    int error;

    if (token->expires_ms != 0 && token->expires_ms / 1000 < session.expires_s) {
        session.expires_s = token->expires_ms / 1000;
    }
    error = mac_of(keys->cookie, &session, mac);
    if (error == VD_OK) {
        snprintf(text, VD_PORTAL_SESSION_TEXT_SIZE, "%lld.%s.%s", (long long)session.expires_s, mac,
            token->name);
        *out = session;
    }
    return error;
}

int vd_portal_session_csrf(const struct vd_portal_session_keys *keys,
    const struct vd_portal_session *session, char out[VD_PORTAL_SESSION_MAC_SIZE])
{
    return mac_of(keys->csrf, session, out);
}

int vd_portal_session_check(const struct vd_portal_session_keys *keys, struct vd_registry *registry,
    struct vd_str value, int64_t now_ms, struct vd_portal_session *out)
{
    struct vd_portal_session_claim claim;
    struct vd_portal_session session = {.expires_s = 0};
    char mac[VD_PORTAL_SESSION_MAC_SIZE];
    int error = vd_portal_session_parse(value, &claim);

    if (error == VD_OK && claim.expires_s <= now_ms / 1000) {
        error = VD_E_EXPIRED;
    }
    if (error == VD_OK) {
        error = vd_registry_token_get(registry, claim.name, &session.token);
        session.expires_s = claim.expires_s;
    }
    if (error == VD_OK) {
        error = mac_of(keys->cookie, &session, mac);
    }
    if (error == VD_E_NOT_FOUND ||
        (error == VD_OK && CRYPTO_memcmp(mac, claim.mac, sizeof mac) != 0)) {
        error = VD_E_DENIED;
    }
    if (error == VD_OK) {
        error = vd_token_use(registry, &session.token, now_ms);
    }
    if (error == VD_OK) {
        *out = session;
    }
    return error;
}

/* ---- Text ---- */

struct vd_str vd_portal_session_cookie(const char *header)
{
    static const char name[] = VD_PORTAL_SESSION_COOKIE "=";

    while (*header != '\0') {
        const size_t length = strcspn(header, ";");

        if (length >= sizeof name - 1 && strncmp(header, name, sizeof name - 1) == 0) {
            return (struct vd_str){header + sizeof name - 1, length - (sizeof name - 1)};
        }
        header += length;
        header += strspn(header, "; ");
    }
    return (struct vd_str){"", 0};
}

/* Takes the digits in front of the first dot off. */
static bool take_expiry(struct vd_str *value, int64_t *out)
{
    int64_t number = 0;
    size_t n = 0;

    while (n < value->length && n < DIGITS_MAX && value->data[n] >= '0' && value->data[n] <= '9') {
        number = number * 10 + (value->data[n++] - '0');
    }
    if (n == 0 || value->data[0] == '0' || n == value->length || value->data[n] != '.') {
        return false;
    }
    *value = (struct vd_str){value->data + n + 1, value->length - n - 1};
    *out = number;
    return true;
}

int vd_portal_session_parse(struct vd_str value, struct vd_portal_session_claim *out)
{
    const size_t mac_length = VD_PORTAL_SESSION_MAC_SIZE - 1;
    struct vd_portal_session_claim claim;

    if (!take_expiry(&value, &claim.expires_s) || value.length <= mac_length ||
        value.data[mac_length] != '.' ||
        vd_str_copy((struct vd_str){value.data, mac_length}, claim.mac, sizeof claim.mac) !=
            VD_OK) {
        return VD_E_INVALID;
    }
    value = (struct vd_str){value.data + mac_length + 1, value.length - mac_length - 1};
    if (vd_str_copy(value, claim.name, sizeof claim.name) != VD_OK ||
        !vd_name_is_valid(claim.name)) {
        return VD_E_INVALID;
    }
    *out = claim;
    return VD_OK;
}
