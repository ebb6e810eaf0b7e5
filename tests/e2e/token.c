/* SPDX-License-Identifier: MIT */
/* SAS tokens as devices and back ends make them, written for the tests from the protocol's description alone. */

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

/* Percent-encodes all but the unreserved letters of RFC 3986. */
static void encode(const char *text, char *out, size_t size)
{
    static const char unreserved[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    size_t used = 0;
    for (; *text != '\0'; text++) {
        assert_true(used + 4 <= size);
        bool plain = strchr(unreserved, *text) != NULL;
        int wrote = snprintf(
            out + used, size - used, plain ? "%c" : "%%%02X", plain ? *text : (unsigned char)*text);
        used += (size_t)wrote;
    }
}

/* Signs the encoded resource and the expiry. */
static void sign(
    const char *encoded, const char *key_base64, int64_t expiry_s, char *out, size_t size)
{
    char signed_text[600];
    int length = snprintf(signed_text, sizeof(signed_text), "%s\n%" PRId64, encoded, expiry_s);

    uint8_t key[96];
    int key_length = EVP_DecodeBlock(key, (const uint8_t *)key_base64, (int)strlen(key_base64));
    assert_true(key_length > 0);
    for (size_t i = strlen(key_base64); i > 0 && key_base64[i - 1] == '='; i--) {
        key_length--;
    }
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_length = 0;
    assert_non_null(HMAC(EVP_sha256(), key, key_length, (const uint8_t *)signed_text,
        (size_t)length, mac, &mac_length));
    char signature[64];
    EVP_EncodeBlock((uint8_t *)signature, mac, (int)mac_length);
    encode(signature, out, size);
}

void e2e_token(
    char *out, size_t size, const char *device_id, const char *key_base64, int64_t expiry_s)
{
    char resource[256];
    char encoded[512];
    char signature[192];
    snprintf(resource, sizeof(resource), "%s/devices/%s", E2E_HUB_NAME, device_id);
    encode(resource, encoded, sizeof(encoded));
    sign(encoded, key_base64, expiry_s, signature, sizeof(signature));
    snprintf(
        out, size, "SharedAccessSignature sr=%s&sig=%s&se=%" PRId64, encoded, signature, expiry_s);
}

void e2e_policy_token(
    char *out, size_t size, const char *policy, const char *key_base64, int64_t expiry_s)
{
    char signature[192];
    sign(E2E_HUB_NAME, key_base64, expiry_s, signature, sizeof(signature));
    snprintf(out, size, "SharedAccessSignature sr=%s&sig=%s&se=%" PRId64 "&skn=%s", E2E_HUB_NAME,
        signature, expiry_s, policy);
}

void e2e_user_name(char *out, size_t size, const char *device_id)
{
    snprintf(out, size, "%s/%s/?api-version=2021-04-12", E2E_HUB_NAME, device_id);
}
