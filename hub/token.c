/* SPDX-License-Identifier: MIT */
/* A token's text, made and taken apart. */

#include "hub/token.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "lib/log.h"
#include "lib/secret.h"

#define SECRET_BYTES 32

/* How much later a use is noted: nobody needs it closer, and each note is a write. */
#define USE_NOTED_MS 60000

static int hash_of(struct vd_str text, uint8_t out[VD_TOKEN_HASH_BYTES])
{
    unsigned length = 0;

    return EVP_Digest(text.data, text.length, out, &length, EVP_sha256(), NULL) == 1 &&
            length == VD_TOKEN_HASH_BYTES
        ? VD_OK
        : VD_E_NOMEM;
}

static int make_secret(char out[VD_TOKEN_SECRET_SIZE + 1])
{
    uint8_t bytes[SECRET_BYTES];
    int error = vd_secret_random(bytes, sizeof bytes);

    if (error == VD_OK) {
        error = vd_base64url_encode(bytes, sizeof bytes, out, VD_TOKEN_SECRET_SIZE + 1);
    }
    vd_secret_wipe(bytes, sizeof bytes);
    return error;
}

int vd_token_make(struct vd_token *token, char text[VD_TOKEN_TEXT_SIZE])
{
    char secret[VD_TOKEN_SECRET_SIZE + 1] = "";
    char made[VD_TOKEN_TEXT_SIZE];
    int error = vd_name_is_valid(token->name) ? make_secret(secret) : VD_E_INVALID;

    if (error == VD_OK) {
        snprintf(made, sizeof made, VD_TOKEN_PREFIX "%s.%s", token->name, secret);
        error = hash_of(vd_str_from(made), token->hash);
    }
    if (error == VD_OK) {
        memcpy(text, made, sizeof made);
    }
    vd_secret_wipe(secret, sizeof secret);
    vd_secret_wipe(made, sizeof made);
    return error;
}

/* The name in it; a name may hold dots, a secret none. */
static bool name_in(struct vd_str text, char name[VD_NAME_MAX + 1])
{
    const size_t prefix = sizeof VD_TOKEN_PREFIX - 1;
    const size_t rest = VD_TOKEN_SECRET_SIZE + 1;

    if (text.length <= prefix + rest || memcmp(text.data, VD_TOKEN_PREFIX, prefix) != 0 ||
        text.data[text.length - rest] != '.') {
        return false;
    }
    return vd_str_copy((struct vd_str){text.data + prefix, text.length - prefix - rest}, name,
               VD_NAME_MAX + 1) == VD_OK &&
        vd_name_is_valid(name);
}

static void note_use(struct vd_registry *registry, const struct vd_token *token, int64_t now_ms)
{
    int error;

    if (now_ms - token->last_used_ms < USE_NOTED_MS && now_ms >= token->last_used_ms) {
        return;
    }
    error = vd_registry_token_used(registry, token->name, now_ms);
    if (error != VD_OK) {
        vd_log(VD_LOG_WARN, "token.use_not_noted", "name=%s reason=\"%s\"", token->name,
            vd_error_text(error));
    }
}

int vd_token_use(struct vd_registry *registry, const struct vd_token *token, int64_t now_ms)
{
    if (token->expires_ms != 0 && now_ms >= token->expires_ms) {
        return VD_E_EXPIRED;
    }
    note_use(registry, token, now_ms);
    return VD_OK;
}

int vd_token_check(
    struct vd_registry *registry, struct vd_str text, int64_t now_ms, struct vd_token *out)
{
    uint8_t hash[VD_TOKEN_HASH_BYTES];
    char name[VD_NAME_MAX + 1];
    struct vd_token token = {0};
    int error;

    if (!name_in(text, name)) {
        return VD_E_INVALID;
    }
    error = hash_of(text, hash);
    if (error == VD_OK) {
        error = vd_registry_token_get(registry, name, &token);
    }
    if (error == VD_E_NOT_FOUND ||
        (error == VD_OK && CRYPTO_memcmp(hash, token.hash, sizeof hash) != 0)) {
        error = VD_E_DENIED;
    }
    if (error == VD_OK) {
        error = vd_token_use(registry, &token, now_ms);
    }
    if (error == VD_OK) {
        *out = token;
    }
    return error;
}
