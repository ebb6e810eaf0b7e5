/* SPDX-License-Identifier: MIT */
/* UUIDs and the letters of device ids. */

#include "lib/uuid.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "proto/protocol.h"

static void uuid_stamp(struct vd_uuid *uuid, unsigned version)
{
    uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | (version << 4));
    uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80);
}

int vd_uuid_random(struct vd_uuid *out)
{
    struct vd_uuid uuid;

    if (RAND_bytes(uuid.bytes, (int)sizeof uuid.bytes) != 1) {
        return VD_E_IO;
    }
    uuid_stamp(&uuid, 4);
    *out = uuid;
    return VD_OK;
}

int vd_uuid_derived(const void *data, size_t length, struct vd_uuid *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    struct vd_uuid uuid;

    if (EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL) != 1) {
        return VD_E_NOMEM;
    }
    memcpy(uuid.bytes, digest, sizeof uuid.bytes);
    uuid_stamp(&uuid, 8);
    *out = uuid;
    return VD_OK;
}

void vd_uuid_format(const struct vd_uuid *uuid, char out[VD_UUID_TEXT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    char *at = out;

    for (size_t i = 0; i < sizeof uuid->bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = hex[uuid->bytes[i] >> 4];
        *at++ = hex[uuid->bytes[i] & 15];
    }
    *at = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int vd_uuid_parse(const char *text, size_t length, struct vd_uuid *out)
{
    struct vd_uuid uuid;
    size_t n = 0;

    if (length != VD_UUID_TEXT_SIZE - 1) {
        return VD_E_INVALID;
    }
    for (size_t i = 0; i < length;) {
        int high;
        int low;

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (text[i++] != '-') {
                return VD_E_INVALID;
            }
            continue;
        }
        high = hex_value(text[i]);
        low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return VD_E_INVALID;
        }
        uuid.bytes[n++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *out = uuid;
    return VD_OK;
}

bool vd_device_id_is_valid(const char *text, size_t length)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "-.+%_#*?!(),:=@$'";

    if (length < 1 || length > VD_ID_MAX) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (memchr(allowed, text[i], sizeof allowed - 1) == NULL) {
            return false;
        }
    }
    return true;
}
