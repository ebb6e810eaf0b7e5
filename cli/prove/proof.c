/* SPDX-License-Identifier: MIT */
/* What causes use: calls of the service, logins, messages and certificates of test devices. */

#include "cli/prove/proof.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "hub/sas.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/uuid.h"
#include "proto/protocol.h"

int vd_proof_fail(struct vd_proof *proof, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(proof->problem, sizeof proof->problem, format, arguments);
    va_end(arguments);
    return VD_E_IO;
}

int vd_proof_skip(struct vd_proof *proof, const char *why)
{
    proof->state = VD_PROOF_SKIPPED;
    snprintf(proof->problem, sizeof proof->problem, "%s", why);
    return VD_OK;
}

/* ---- The service ---- */

static int call(struct vd_proof *proof, const char *method, const char *path, const char *query,
    const char *body, struct vd_api_answer *answer)
{
    const struct vd_api_request request = {
        .method = method,
        .path = path,
        .query = query,
        .body = vd_str_from(body != NULL ? body : ""),
    };

    return vd_client_call(
        proof->prover->data_dir, &request, answer, proof->problem, sizeof proof->problem);
}

json_t *vd_proof_call(struct vd_proof *proof, const char *method, const char *path,
    const char *query, const char *body)
{
    struct vd_api_answer answer = {0};

    if (call(proof, method, path, query, body, &answer) != VD_OK) {
        return NULL;
    }
    if (answer.status >= 400) {
        vd_proof_fail(proof, "%s %s: %s", method, path,
            json_string_value(json_object_get(json_object_get(answer.body, "error"), "message")));
        json_decref(answer.body);
        return NULL;
    }
    return answer.body != NULL ? answer.body : json_null();
}

int vd_proof_status(struct vd_proof *proof, const char *method, const char *path, const char *body)
{
    struct vd_api_answer answer = {0};

    if (call(proof, method, path, NULL, body, &answer) != VD_OK) {
        return 0;
    }
    json_decref(answer.body);
    return answer.status;
}

/* ---- Devices ---- */

static int make_token(struct vd_proof *proof, const char *device, const char *key_text,
    int64_t expires_in_s, char *out, size_t size)
{
    struct vd_key key = {0};
    size_t length = 0;
    char resource[512];
    int error = vd_base64_decode(vd_str_from(key_text), key.bytes, sizeof key.bytes, &length);

    key.length = (uint8_t)length;
    snprintf(resource, sizeof resource, "%s/devices/%s", proof->prover->hub.host_name, device);
    if (error == VD_OK) {
        error = vd_sas_make(resource, &key, (int64_t)time(NULL) + expires_in_s, NULL, out, size);
    }
    vd_secret_wipe(&key, sizeof key);
    return error == VD_OK ? VD_OK : vd_proof_fail(proof, "no token could be made for %s", device);
}

/* Opens a link and looks whether the answer is the one that is wanted. */
static int open_link(struct vd_proof *proof, const char *device,
    const struct vd_link_credential *credential, int expected, struct vd_link *link)
{
    int connack = -1;
    int error = vd_link_open(link, &proof->prover->hub, device, credential, &connack);

    if (error != VD_OK) {
        return vd_proof_fail(proof, "%s could not connect to %s port %u", device,
            proof->prover->hub.address, proof->prover->hub.port);
    }
    return connack == expected
        ? VD_OK
        : vd_proof_fail(proof, "%s was answered with %d instead of %d", device, connack, expected);
}

int vd_proof_open(struct vd_proof *proof, const char *device, const char *key, struct vd_link *link)
{
    struct vd_link_credential credential = {0};
    char token[512];
    int error = make_token(proof, device, key, 3600, token, sizeof token);

    credential.token = token;
    return error == VD_OK ? open_link(proof, device, &credential, 0, link) : error;
}

int vd_proof_login(
    struct vd_proof *proof, const char *device, const char *key, int64_t expires_in_s, int expected)
{
    struct vd_link_credential credential = {0};
    struct vd_link link = {0};
    char token[512];
    int error = make_token(proof, device, key, expires_in_s, token, sizeof token);

    credential.token = token;
    error = error == VD_OK ? open_link(proof, device, &credential, expected, &link) : error;
    vd_link_close(&link);
    return error;
}

int vd_proof_login_certificate(
    struct vd_proof *proof, const char *device, X509 *certificate, EVP_PKEY *key, int expected)
{
    const struct vd_link_credential credential = {.certificate = certificate, .key = key};
    struct vd_link link = {0};
    int error = open_link(proof, device, &credential, expected, &link);

    vd_link_close(&link);
    return error;
}

/* A message as docs/json-messages.md says. */
static char *flows_message(const char *address, unsigned port, unsigned count)
{
    struct vd_uuid id;
    char id_text[VD_UUID_TEXT_SIZE];
    char time_text[VD_TIME_TEXT_SIZE];
    json_t *items = json_array();
    json_t *message = NULL;
    char *text = NULL;

    if (items != NULL && vd_uuid_random(&id) == VD_OK) {
        vd_uuid_format(&id, id_text);
        vd_time_format(vd_clock_utc_ms(), time_text);
        for (unsigned i = 0; i < count; i++) {
            char port_text[8];

            snprintf(port_text, sizeof port_text, "%u", port + i);
            json_array_append_new(items,
                json_pack("{s:s, s:s, s:s, s:s, s:i, s:s}", "RemoteAddress", address, "RemotePort",
                    port_text, "Direction", "Out", "Protocol", "TCP", "ProcessId", 1, "Executable",
                    "vedette-proof"));
        }
        message = json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:O}]}",
            "AgentVersion", "1.0.0", "AgentId", id_text, "MessageSchemaVersion", "1.0", "Events",
            "Id", id_text, "TimestampLocal", time_text, "TimestampUTC", time_text, "Category",
            "Triggered", "Name", "ConnectionCreate", "EventType", "Security", "IsEmpty", 0,
            "PayloadSchemaVersion", "1.0", "Payload", items);
        text = json_dumps(message, JSON_COMPACT);
    }
    json_decref(items);
    json_decref(message);
    return text;
}

int vd_proof_send_flows(struct vd_proof *proof, const char *device, const char *key,
    const char *address, unsigned port, unsigned count)
{
    struct vd_link link = {0};
    char *text = flows_message(address, port, count);
    int error = text != NULL ? vd_proof_open(proof, device, key, &link)
                             : vd_proof_fail(proof, "out of memory");

    if (error == VD_OK &&
        vd_link_send(&link, VD_PROPERTY_BAG_SECURITY, vd_str_from(text)) != VD_OK) {
        error = vd_proof_fail(proof, "%s could not send its message", device);
    }
    vd_link_close(&link);
    free(text);
    return error;
}

/* ---- Certificates ---- */

static bool fill_certificate(
    X509 *certificate, EVP_PKEY *key, const char *name, long from_s, long to_s)
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_EXTENSION *basic =
        X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
    const bool good = basic != NULL && X509_set_version(certificate, 2) == 1 &&
        ASN1_INTEGER_set_int64(X509_get_serialNumber(certificate), vd_clock_utc_ms()) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), from_s) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), to_s) != NULL &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const uint8_t *)name, -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(certificate, subject) == 1 &&
        X509_add_ext(certificate, basic, -1) == 1 && X509_set_pubkey(certificate, key) == 1 &&
        X509_sign(certificate, key, EVP_sha256()) != 0;

    X509_EXTENSION_free(basic);
    return good;
}

int vd_proof_certificate(
    const char *name, long from_s, long to_s, X509 **certificate, EVP_PKEY **key)
{
    EVP_PKEY *new_key = EVP_EC_gen("P-256");
    X509 *new_certificate = X509_new();

    if (new_key == NULL || new_certificate == NULL ||
        !fill_certificate(new_certificate, new_key, name, from_s, to_s)) {
        EVP_PKEY_free(new_key);
        X509_free(new_certificate);
        return VD_E_IO;
    }
    *certificate = new_certificate;
    *key = new_key;
    return VD_OK;
}
