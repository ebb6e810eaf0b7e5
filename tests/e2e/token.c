/* SPDX-License-Identifier: MIT */
/* SAS tokens as a device makes them, written for the tests from the protocol's description alone. */

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

void e2e_token(
    char *out, size_t size, const char *device_id, const char *key_base64, int64_t expiry_s)
{
    char resource[256];
    char encoded[512];
    char signed_text[600];
    snprintf(resource, sizeof(resource), "%s/devices/%s", E2E_HUB_NAME, device_id);
    encode(resource, encoded, sizeof(encoded));
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
    char encoded_signature[192];
    EVP_EncodeBlock((uint8_t *)signature, mac, (int)mac_length);
    encode(signature, encoded_signature, sizeof(encoded_signature));
    snprintf(out, size, "SharedAccessSignature sr=%s&sig=%s&se=%" PRId64, encoded,
        encoded_signature, expiry_s);
}

void e2e_user_name(char *out, size_t size, const char *device_id)
{
    snprintf(out, size, "%s/%s/?api-version=2021-04-12", E2E_HUB_NAME, device_id);
}
