/* SPDX-License-Identifier: MIT */
/* CA certificates: list, add, show, prove possession, delete. */

#include "api/ca_text.h"
#include "api/handlers.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/secret.h"

/* Without the certificate itself and its code. */
static json_t *summary_json(const struct vd_ca_certificate *certificate)
{
    struct vd_ca_description description;
    char not_after[VD_TIME_TEXT_SIZE];
    char created[VD_TIME_TEXT_SIZE];
    char updated[VD_TIME_TEXT_SIZE];

    if (vd_ca_describe(certificate, &description) != VD_OK) {
        return NULL;
    }
    vd_time_format(description.not_after_ms, not_after);
    vd_time_format(certificate->created_ms, created);
    vd_time_format(certificate->updated_ms, updated);
    return json_pack("{s:s, s:s, s:s, s:s, s:b, s:s, s:s}", "name", certificate->name, "subject",
        description.subject, "thumbprint", description.thumbprint, "expiry", not_after,
        "isVerified", (int)certificate->is_verified, "created", created, "updated", updated);
}

static json_t *certificate_json(const struct vd_ca_certificate *certificate)
{
    char text[VD_BASE64_LENGTH(VD_HUB_CA_MAX_BYTES) + 1];
    json_t *json = summary_json(certificate);

    if (json == NULL ||
        vd_base64_encode(certificate->der, certificate->der_length, text, sizeof text) != VD_OK ||
        json_object_set_new(json, "certificate", json_string(text)) != 0 ||
        (certificate->verification_code[0] != '\0' &&
            json_object_set_new(
                json, "verificationCode", json_string(certificate->verification_code)) != 0)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

struct listing {
    json_t *certificates;
    bool failed;
};

static bool list_one(void *context, const struct vd_ca_certificate *certificate)
{
    struct listing *listing = context;

    listing->failed = json_array_append_new(listing->certificates, summary_json(certificate)) != 0;
    return !listing->failed;
}

void vd_api_certificate_list(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct listing listing = {json_array(), false};
    int error = vd_registry_ca_list(api->registry, list_one, &listing);

    (void)args;
    if (error != VD_OK || listing.failed) {
        json_decref(listing.certificates);
        vd_api_fail_error(
            answer, error != VD_OK ? error : VD_E_CORRUPT, "the list of certificates");
        return;
    }
    vd_api_reply(answer, 200, json_pack("{s:o}", "certificates", listing.certificates));
}

/* Reads name, certificate and state. False (answer set) if the body holds anything else. */
static bool certificate_from_body(
    const json_t *body, struct vd_ca_certificate *certificate, struct vd_api_answer *answer)
{
    const char *name = json_string_value(json_object_get(body, "name"));
    const json_t *verified = json_object_get(body, "isVerified");
    int error;

    if (name == NULL || vd_text_copy(name, certificate->name, sizeof certificate->name) != VD_OK ||
        (verified != NULL && !json_is_boolean(verified)) ||
        json_object_size(body) != (verified != NULL ? 3 : 2)) {
        vd_api_fail(answer, 400, "InvalidBody",
            "members are name (at most %d letters), certificate and isVerified (true or false)",
            VD_NAME_MAX);
        return false;
    }
    error = vd_ca_text_read(json_object_get(body, "certificate"), certificate);
    if (error != VD_OK) {
        vd_api_fail(answer, 400, "InvalidCertificate", "%s: %s", certificate->name,
            vd_ca_text_fault(error));
        return false;
    }
    certificate->is_verified = json_is_true(verified);
    return true;
}

/* Stores it and answers with it. */
static void put(const struct vd_api *api, struct vd_ca_certificate *certificate,
    uint64_t expected_etag, int status, struct vd_api_answer *answer)
{
    int error = vd_registry_ca_put(api->registry, certificate, expected_etag);

    if (error == VD_E_LIMIT) {
        vd_api_fail(
            answer, 409, "LimitExceeded", "there are %d certificates already", VD_HUB_CA_MAX);
    } else if (error != VD_OK) {
        vd_api_fail_error(answer, error, certificate->name);
    } else {
        vd_log(VD_LOG_INFO, "registry.certificate_stored", "name=%s is_verified=%d",
            certificate->name, (int)certificate->is_verified);
        vd_api_reply(answer, status, certificate_json(certificate));
    }
}

void vd_api_certificate_add(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_ca_certificate certificate = {0};
    struct vd_ca_certificate stored;
    json_t *body = vd_api_body_object(args, answer);
    int error;

    if (body != NULL && certificate_from_body(body, &certificate, answer)) {
        error = vd_registry_ca_get(api->registry, certificate.name, &stored);
        if (error == VD_E_NOT_FOUND) {
            put(api, &certificate, 0, 201, answer);
        } else {
            vd_api_fail_error(answer, error == VD_OK ? VD_E_EXISTS : error, certificate.name);
        }
    }
    json_decref(body);
}

/* False (answer set) if there is none of that name. */
static bool get(const struct vd_api *api, const struct vd_api_args *args,
    struct vd_ca_certificate *certificate, struct vd_api_answer *answer)
{
    int error = vd_registry_ca_get(api->registry, args->id, certificate);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return false;
    }
    return true;
}

void vd_api_certificate_get(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_ca_certificate certificate;

    if (get(api, args, &certificate, answer)) {
        vd_api_reply(answer, 200, certificate_json(&certificate));
    }
}

void vd_api_certificate_code(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_ca_certificate certificate;

    if (!get(api, args, &certificate, answer)) {
        return;
    }
    if (vd_ca_make_code(certificate.verification_code) != VD_OK) {
        vd_api_fail_error(answer, VD_E_IO, "the random source");
        return;
    }
    put(api, &certificate, certificate.etag, 200, answer);
}

void vd_api_certificate_verify(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    struct vd_ca_certificate certificate;
    struct vd_buf text = {0};
    json_t *body = vd_api_body_object(args, answer);
    int error;

    if (body == NULL) {
        return;
    }
    error = vd_ca_text_decode(json_object_get(body, "certificate"), &text);
    if (error != VD_OK) {
        vd_api_fail(answer, 400, "InvalidCertificate", "%s", vd_ca_text_fault(error));
    } else if (get(api, args, &certificate, answer)) {
        error = vd_ca_check_proof(
            &certificate, (struct vd_str){(const char *)text.data, text.length}, vd_clock_utc_ms());
        if (error != VD_OK) {
            vd_api_fail(
                answer, 400, "CertificateNotProven", "%s: %s", args->id, vd_ca_proof_fault(error));
        } else {
            certificate.is_verified = true;
            certificate.verification_code[0] = '\0';
            put(api, &certificate, certificate.etag, 200, answer);
        }
    }
    vd_buf_release(&text);
    json_decref(body);
}

void vd_api_certificate_delete(
    const struct vd_api *api, const struct vd_api_args *args, struct vd_api_answer *answer)
{
    int error = vd_registry_ca_remove(api->registry, args->id, 0);

    if (error != VD_OK) {
        vd_api_fail_error(answer, error, args->id);
        return;
    }
    vd_log(VD_LOG_INFO, "registry.certificate_deleted", "name=%s", args->id);
    vd_api_reply(answer, 204, NULL);
}
