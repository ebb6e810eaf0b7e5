/* SPDX-License-Identifier: MIT */
/* Writes token, user name, client id and topic of an identity, without printf and without a second buffer. */

#include "azure_iot_security_module/src/asc_sas.h"

#include <string.h>

#include "proto/protocol.h"

/* The old module's second property names the schema of the body. */
#define SCHEMA_BAG "mti=2.3-1-0-0"

/* Text that stops at its end and remembers that it did. */
struct text {
    char *out;
    size_t length;
    size_t size;
    bool full;
};

static void put_char(struct text *t, char c)
{
    if (t->full || t->size - t->length < 2) {
        t->full = true;
        return;
    }
    t->out[t->length++] = c;
}

static void put(struct text *t, const char *s)
{
    for (; *s != '\0'; s++) {
        put_char(t, *s);
    }
}

static void put_encoded(struct text *t, const char *s)
{
    static const char digits[] = "0123456789ABCDEF";

    for (; *s != '\0'; s++) {
        uint8_t c = (uint8_t)*s;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '_' || c == '.' || c == '~') {
            put_char(t, *s);
        } else {
            put_char(t, '%');
            put_char(t, digits[c >> 4]);
            put_char(t, digits[c & 15]);
        }
    }
}

static void put_number(struct text *t, uint64_t value)
{
    char digits[21];
    size_t at = sizeof digits - 1;

    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(t, digits + at);
}

/* `format` with each %s replaced by the next of two strings: the topics of proto/protocol.h. */
static void put_format(struct text *t, const char *format, const char *first, const char *second)
{
    for (; *format != '\0'; format++) {
        if (format[0] == '%' && format[1] == 's') {
            put(t, first);
            first = second;
            format++;
        } else {
            put_char(t, *format);
        }
    }
}

static void put_base64_encoded(struct text *t, const uint8_t *data, size_t length)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        uint32_t three = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
            (left > 2 ? data[i + 2] : 0);
        char four[5] = "====";

        four[0] = letters[three >> 18];
        four[1] = letters[three >> 12 & 63];
        if (left > 1) {
            four[2] = letters[three >> 6 & 63];
        }
        if (left > 2) {
            four[3] = letters[three & 63];
        }
        put_encoded(t, four);
    }
}

static size_t finish(struct text *t)
{
    if (t->full || t->size == 0) {
        return 0;
    }
    t->out[t->length] = '\0';
    return t->length;
}

static const char *module_of(const struct asc_identity *identity)
{
    return identity->module_id != NULL ? identity->module_id : "";
}

/* `device_id` or `device_id/module_id` */
static void put_identity(struct text *t, const struct asc_identity *identity)
{
    put(t, identity->device_id);
    if (*module_of(identity) != '\0') {
        put_char(t, '/');
        put(t, module_of(identity));
    }
}

size_t asc_url_encode(const char *text, char *out, size_t size)
{
    struct text t = {out, 0, size, false};

    put_encoded(&t, text);
    return finish(&t);
}

/* The resource in the token, which is also the first line of what is signed. */
static void put_resource(struct text *t, const struct asc_identity *identity)
{
    put_encoded(t, identity->hub);
    put_encoded(t, "/devices/");
    put_encoded(t, identity->device_id);
    if (*module_of(identity) != '\0') {
        put_encoded(t, "/modules/");
        put_encoded(t, module_of(identity));
    }
}

size_t asc_sas_token(const struct asc_identity *identity, const uint8_t *key, size_t key_length,
    asc_hmac_sha256 hmac, uint64_t expiry_s, char *out, size_t size)
{
    struct text t = {out, 0, size, false};
    uint8_t mac[ASC_SAS_MAC_BYTES];
    size_t resource_at, resource_end, length;

    put(&t, "SharedAccessSignature sr=");
    resource_at = t.length;
    put_resource(&t, identity);
    resource_end = t.length;
    /* What is signed stands where the signature will: resource, line feed, expiry. */
    put_char(&t, '\n');
    put_number(&t, expiry_s);
    t.full = t.full ||
        !hmac(key, key_length, (const uint8_t *)out + resource_at, t.length - resource_at, mac);
    if (!t.full) {
        t.length = resource_end;
        put(&t, "&sig=");
        put_base64_encoded(&t, mac, sizeof mac);
        put(&t, "&se=");
        put_number(&t, expiry_s);
    }
    length = finish(&t);
    if (length == 0 && size > 0) {
        memset(out, 0, size);
    }
    return length;
}

size_t asc_user_name(const struct asc_identity *identity, char *out, size_t size)
{
    struct text t = {out, 0, size, false};

    put(&t, identity->hub);
    put_char(&t, '/');
    put_identity(&t, identity);
    put(&t, "/?api-version=" VD_API_VERSION "&DeviceClientType=");
    put(&t, identity->client);
    return finish(&t);
}

size_t asc_client_id(const struct asc_identity *identity, char *out, size_t size)
{
    struct text t = {out, 0, size, false};

    put_identity(&t, identity);
    return finish(&t);
}

size_t asc_security_topic(const struct asc_identity *identity, char *out, size_t size)
{
    struct text t = {out, 0, size, false};

    put_format(&t, *module_of(identity) != '\0' ? VD_TOPIC_MODULE_EVENTS : VD_TOPIC_DEVICE_EVENTS,
        identity->device_id, module_of(identity));
    put(&t, VD_PROPERTY_BAG_SECURITY "&" SCHEMA_BAG);
    return finish(&t);
}
