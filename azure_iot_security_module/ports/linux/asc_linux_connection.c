/* SPDX-License-Identifier: MIT */
/* Parses a connection string, and makes what its identity tells the hub of itself. */

#include "azure_iot_security_module/ports/linux/asc_linux_connection.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "azure_iot_security_module/src/asc_sas.h"
#include "proto/protocol.h"

#define CLIENT_TYPE "vedette%2F" VD_VERSION

/* One value of the string, not terminated. */
struct value {
    const char *text;
    size_t length;
};

enum field {
    FIELD_HOST,
    FIELD_DEVICE,
    FIELD_MODULE,
    FIELD_KEY,
    FIELD_GATEWAY,
    FIELD_POLICY,
    FIELDS
};

static const char *const field_names[FIELDS] = {"HostName", "DeviceId", "ModuleId",
    "SharedAccessKey", "GatewayHostName", "SharedAccessKeyName"};

/* Splits into fields; unknown ones are passed over, as the device SDKs do. */
static const char *split(const char *text, struct value values[FIELDS])
{
    const char *cur = text;

    while (*cur != '\0') {
        size_t part = strcspn(cur, ";");
        size_t name = strcspn(cur, "=;");

        if (part > 0 && (name >= part || name == 0)) {
            return "the connection string has a part that is not Name=Value";
        }
        for (int i = 0; part > 0 && i < FIELDS; i++) {
            if (strlen(field_names[i]) == name && memcmp(field_names[i], cur, name) == 0) {
                if (values[i].text != NULL) {
                    return "the connection string says something twice";
                }
                values[i] = (struct value){cur + name + 1, part - name - 1};
            }
        }
        cur += part;
        cur += *cur == ';';
    }
    return NULL;
}

/* Of what a device id may hold, all that can stand in a topic name and a user name. */
static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        (c != '\0' && strchr("-:._%*?!(),=@$'", c) != NULL);
}

static bool take_id(struct value v, char out[ASC_LINUX_ID_MAX_BYTES + 1])
{
    if (v.length == 0 || v.length > ASC_LINUX_ID_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i < v.length; i++) {
        if (!id_char(v.text[i])) {
            return false;
        }
    }
    memcpy(out, v.text, v.length);
    out[v.length] = '\0';
    return true;
}

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
        c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
}

static bool take_port(const char *text, size_t length, uint16_t *port)
{
    uint32_t value = 0;

    if (length == 0 || length > 5) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint32_t)(text[i] - '0');
    }
    *port = (uint16_t)value;
    return value > 0 && value <= UINT16_MAX;
}

/* `name`, `name:port`, `[v6]` or `[v6]:port`; the brackets are taken off. */
static bool take_host(struct value v, char out[ASC_LINUX_NAME_MAX_BYTES], uint16_t *port)
{
    const char *end = v.text + v.length;
    const char *name = v.text, *name_end, *rest;

    if (v.length == 0 || v.length >= ASC_LINUX_NAME_MAX_BYTES) {
        return false;
    }
    for (const char *p = v.text; p < end; p++) {
        if (!host_char(*p)) {
            return false;
        }
    }
    name_end = memchr(name, *name == '[' ? ']' : ':', v.length);
    if (*name == '[') {
        if (name_end == NULL) {
            return false;
        }
        name++;
        rest = name_end + 1;
    } else {
        name_end = name_end == NULL ? end : name_end;
        rest = name_end;
    }
    if (name_end == name || memchr(name, '[', (size_t)(name_end - name)) != NULL) {
        return false;
    }
    *port = VD_PORT_MQTT_TLS;
    if (rest < end && (*rest != ':' || !take_port(rest + 1, (size_t)(end - rest - 1), port))) {
        return false;
    }
    memcpy(out, name, (size_t)(name_end - name));
    out[name_end - name] = '\0';
    return true;
}

static bool base64_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
        c == '/';
}

static bool take_key(struct value v, struct asc_linux_connection *c)
{
    uint8_t decoded[ASC_LINUX_KEY_MAX_BYTES + 3];
    size_t padding = 0;
    int n;

    while (padding < 2 && padding < v.length && v.text[v.length - 1 - padding] == '=') {
        padding++;
    }
    if (v.length == 0 || v.length % 4 != 0 || v.length / 4 * 3 > ASC_LINUX_KEY_MAX_BYTES) {
        return false;
    }
    for (size_t i = 0; i + padding < v.length; i++) {
        if (!base64_char(v.text[i])) {
            return false;
        }
    }
    n = EVP_DecodeBlock(decoded, (const unsigned char *)v.text, (int)v.length);
    if (n > (int)padding) {
        c->key_length = (size_t)n - padding;
        memcpy(c->key, decoded, c->key_length);
    }
    OPENSSL_cleanse(decoded, sizeof decoded);
    return n > (int)padding;
}

static const char *take(const struct value values[FIELDS], struct asc_linux_connection *c)
{
    struct value host = values[FIELD_HOST];

    if (values[FIELD_POLICY].text != NULL) {
        return "this is a back end's connection string (SharedAccessKeyName): take the device's";
    }
    if (host.text == NULL || values[FIELD_DEVICE].text == NULL || values[FIELD_KEY].text == NULL) {
        return "the connection string needs HostName, DeviceId and SharedAccessKey";
    }
    if (!take_host(host, c->host, &c->port)) {
        return "HostName is not a host name or host:port";
    }
    memcpy(c->hub, host.text, host.length);
    c->hub[host.length] = '\0';
    if (values[FIELD_GATEWAY].text != NULL &&
        !take_host(values[FIELD_GATEWAY], c->host, &c->port)) {
        return "GatewayHostName is not a host name or host:port";
    }
    if (!take_id(values[FIELD_DEVICE], c->device_id)) {
        return "DeviceId is empty, longer than 128 characters, or has one that is not allowed";
    }
    if (values[FIELD_MODULE].text != NULL && !take_id(values[FIELD_MODULE], c->module_id)) {
        return "ModuleId is empty, longer than 128 characters, or has one that is not allowed";
    }
    if (!take_key(values[FIELD_KEY], c)) {
        return "SharedAccessKey is not base64 of 1 to 96 bytes";
    }
    return NULL;
}

const char *asc_linux_connection_parse(struct asc_linux_connection *c, const char *text)
{
    struct asc_linux_connection parsed = {.key_length = 0};
    struct value values[FIELDS] = {{NULL, 0}};
    const char *error = split(text, values);

    if (error == NULL) {
        error = take(values, &parsed);
    }
    if (error == NULL) {
        *c = parsed;
    }
    asc_linux_connection_release(&parsed);
    return error;
}

void asc_linux_connection_release(struct asc_linux_connection *c)
{
    OPENSSL_cleanse(c->key, sizeof c->key);
    c->key_length = 0;
}

size_t asc_linux_url_encode(const char *text, char *out, size_t size)
{
    return asc_url_encode(text, out, size);
}

static struct asc_identity identity(const struct asc_linux_connection *c)
{
    return (struct asc_identity){c->hub, c->device_id, c->module_id, CLIENT_TYPE};
}

static bool hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *text, size_t length,
    uint8_t mac[ASC_SAS_MAC_BYTES])
{
    unsigned int mac_length = ASC_SAS_MAC_BYTES;

    return HMAC(EVP_sha256(), key, (int)key_length, text, length, mac, &mac_length) != NULL;
}

size_t asc_linux_token(
    const struct asc_linux_connection *c, int64_t expiry_s, char *out, size_t size)
{
    struct asc_identity id = identity(c);

    return asc_sas_token(&id, c->key, c->key_length, hmac_sha256, (uint64_t)expiry_s, out, size);
}

size_t asc_linux_user_name(const struct asc_linux_connection *c, char *out, size_t size)
{
    struct asc_identity id = identity(c);

    return asc_user_name(&id, out, size);
}

size_t asc_linux_client_id(const struct asc_linux_connection *c, char *out, size_t size)
{
    struct asc_identity id = identity(c);

    return asc_client_id(&id, out, size);
}

size_t asc_linux_topic(const struct asc_linux_connection *c, char *out, size_t size)
{
    struct asc_identity id = identity(c);

    return asc_security_topic(&id, out, size);
}
