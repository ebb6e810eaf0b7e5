/* SPDX-License-Identifier: MIT */
/* CA certificates: list, get, put, delete, and the proof that one has its key. */

#include <strings.h>
#include <time.h>

#include "api/ca_text.h"
#include "api/management/internal.h"
#include "lib/clock.h"
#include "lib/secret.h"

/* base64 of 12 bytes and a NUL. */
#define ETAG_SIZE 17

/* "Sat, 31 Dec 2039 23:59:59 GMT" and a NUL. */
#define HTTP_TIME_SIZE 30

/* A certificate that was deleted and made again is another: when it was made is part of it. */
static void etag_text(const struct vd_ca_certificate *certificate, char out[ETAG_SIZE])
{
    uint8_t bytes[12];

    for (size_t i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)((uint64_t)certificate->created_ms >> (56 - 8 * i));
    }
    for (size_t i = 0; i < 4; i++) {
        bytes[8 + i] = (uint8_t)(certificate->etag >> (24 - 8 * i));
    }
    if (vd_base64_encode(bytes, sizeof bytes, out, ETAG_SIZE) != VD_OK) {
        abort(); /* the size is what it takes */
    }
}

/* ---- Answers ---- */

/* RFC 1123; NULL: no memory. The program keeps the locale "C". */
static json_t *time_json(int64_t utc_ms)
{
    const time_t seconds = (time_t)(utc_ms / 1000);
    struct tm parts;
    char text[HTTP_TIME_SIZE];

    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts) == 0) {
        return json_null(); /* a year of five digits */
    }
    return json_string(text);
}

/* The caller's; NULL: no memory, or what is stored is none. */
static json_t *certificate_json(const struct vd_management_args *args,
    const struct vd_ca_certificate *certificate, bool with_code)
{
    char encoded[VD_BASE64_LENGTH(VD_HUB_CA_MAX_BYTES) + 1];
    char hub[VD_RESOURCE_ID_SIZE];
    char id[VD_RESOURCE_ID_SIZE + VD_NAME_MAX + 16];
    char etag[ETAG_SIZE];
    struct vd_ca_description about;

    if (vd_ca_describe(certificate, &about) != VD_OK ||
        vd_base64_encode(certificate->der, certificate->der_length, encoded, sizeof encoded) !=
            VD_OK) {
        return NULL;
    }
    vd_management_hub_id(args, hub);
    snprintf(id, sizeof id, "%s/certificates/%s", hub, certificate->name);
    etag_text(certificate, etag);
    return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:o, s:s, s:b, s:o, s:o, s:s, s:s*}}", "id", id,
        "name", certificate->name, "type", "Microsoft.Devices/IotHubs/Certificates", "etag", etag,
        "properties", "subject", about.subject, "expiry", time_json(about.not_after_ms),
        "thumbprint", about.thumbprint, "isVerified", (int)certificate->is_verified, "created",
        time_json(certificate->created_ms), "updated", time_json(certificate->updated_ms),
        "certificate", encoded, "verificationCode",
        with_code ? certificate->verification_code : NULL);
}

static void reply(const struct vd_management_args *args,
    const struct vd_ca_certificate *certificate, int status, bool with_code,
    struct vd_http_answer *answer)
{
    json_t *json = certificate_json(args, certificate, with_code);

    if (json == NULL) {
        vd_management_fail_error(answer, VD_E_CORRUPT, certificate->name);
    } else {
        vd_management_reply(answer, status, json);
    }
}

struct listing {
    const struct vd_management_args *args;
    json_t *list;
    bool failed;
};

static bool list_one(void *context, const struct vd_ca_certificate *certificate)
{
    struct listing *listing = context;

    listing->failed = json_array_append_new(
                          listing->list, certificate_json(listing->args, certificate, false)) != 0;
    return !listing->failed;
}

void vd_management_certificate_list(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct listing listing = {.args = args, .list = json_array()};
    int error = vd_registry_ca_list(management->config.registry, list_one, &listing);

    if (error != VD_OK || listing.failed) {
        json_decref(listing.list);
        vd_management_fail_error(
            answer, error != VD_OK ? error : VD_E_CORRUPT, "the list of certificates");
        return;
    }
    vd_management_reply(answer, 200, json_pack("{s:o}", "value", listing.list));
}

/* ---- Finding one ---- */

struct search {
    const char *name;
    struct vd_ca_certificate *found;
    bool is_found;
};

static bool is_similar(void *context, const struct vd_ca_certificate *certificate)
{
    struct search *search = context;

    if (strcasecmp(certificate->name, search->name) == 0) {
        *search->found = *certificate;
        search->is_found = true;
    }
    return !search->is_found;
}

/* The certificate of that name, exactly or else in other letters' case. VD_E_NOT_FOUND. */
static int find(
    struct vd_registry *registry, const char *name, struct vd_ca_certificate *certificate)
{
    struct search search = {name, certificate, false};
    int error = vd_registry_ca_get(registry, name, certificate);

    if (error != VD_E_NOT_FOUND) {
        return error;
    }
    error = vd_registry_ca_list(registry, is_similar, &search);
    return error == VD_OK && !search.is_found ? VD_E_NOT_FOUND : error;
}

/* Finds the one that the path names, with the etag that the request wants. False: answered. */
static bool get(const struct vd_management *management, const struct vd_management_args *args,
    struct vd_ca_certificate *certificate, struct vd_http_answer *answer)
{
    int error = find(management->config.registry, args->names[0], certificate);
    char etag[ETAG_SIZE];

    if (error == VD_E_NOT_FOUND) {
        vd_management_fail(answer, 404, "ResourceNotFound", NULL,
            "The certificate '%.64s' was not found.", args->names[0]);
        return false;
    }
    if (error != VD_OK) {
        vd_management_fail_error(answer, error, args->names[0]);
        return false;
    }
    etag_text(certificate, etag);
    if (!vd_management_etag_fits(args, etag)) {
        vd_management_fail(
            answer, 412, "PreconditionFailed", NULL, "the certificate has another etag");
        return false;
    }
    return true;
}

void vd_management_certificate_get(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_ca_certificate certificate = {0};

    if (get(management, args, &certificate, answer)) {
        reply(args, &certificate, 200, false, answer);
    }
}

/* ---- Changing one ---- */

/* What a store that failed is answered with. */
static void fail_stored(int error, const char *name, struct vd_http_answer *answer)
{
    if (error == VD_E_LIMIT) {
        vd_management_fail(
            answer, 409, "QuotaExceeded", NULL, "there are %d certificates already", VD_HUB_CA_MAX);
    } else if (error == VD_E_CHANGED || error == VD_E_NOT_FOUND) {
        vd_management_fail(answer, 412, "PreconditionFailed", NULL,
            "the certificate was changed at the same time");
    } else {
        vd_management_fail_error(answer, error, name);
    }
}

/* Stores what was changed of one that was found, and answers with it. */
static void store(const struct vd_management *management, const struct vd_management_args *args,
    struct vd_ca_certificate *certificate, bool with_code, struct vd_http_answer *answer)
{
    int error = vd_registry_ca_put(management->config.registry, certificate, certificate->etag);

    if (error != VD_OK) {
        fail_stored(error, certificate->name, answer);
    } else {
        reply(args, certificate, 200, with_code, answer);
    }
}

/* Reads the body into a certificate of that name. False: answered with 400. */
static bool read_body(const struct vd_management_args *args, const json_t *body,
    struct vd_ca_certificate *certificate, struct vd_http_answer *answer)
{
    const json_t *properties = json_object_get(body, "properties");
    const json_t *verified = json_object_get(properties, "isVerified");
    int error;

    if (!vd_name_is_valid(args->names[0]) ||
        vd_text_copy(args->names[0], certificate->name, sizeof certificate->name) != VD_OK) {
        vd_management_fail(answer, 400, "InvalidParameter", "certificateName",
            "a name is 1 to %d letters, digits and - . _", VD_NAME_MAX);
        return false;
    }
    if (verified != NULL && !json_is_null(verified) && !json_is_boolean(verified)) {
        vd_management_fail(
            answer, 400, "BadRequest", "properties.isVerified", "isVerified is true or false");
        return false;
    }
    error = vd_ca_text_read(json_object_get(properties, "certificate"), certificate);
    if (error != VD_OK) {
        vd_management_fail(answer, 400, "BadRequest", "properties.certificate", "certificate: %s",
            vd_ca_text_fault(error));
        return false;
    }
    certificate->is_verified = json_is_true(verified);
    snprintf(
        args->details, VD_MANAGEMENT_DETAILS_SIZE, "isVerified=%d", (int)certificate->is_verified);
    return true;
}

/* True if the request wants some etag, whichever. */
static bool wants_etag(const struct vd_management_args *args)
{
    const char *given = vd_http_header(args->request, "If-Match");

    return given != NULL && given[0] != '\0';
}

/* VD_E_CHANGED: somebody else was faster. VD_OK: answered. */
static int put_once(const struct vd_management *management, const struct vd_management_args *args,
    const struct vd_ca_certificate *wanted, struct vd_http_answer *answer)
{
    struct vd_registry *registry = management->config.registry;
    struct vd_ca_certificate stored = {0};
    struct vd_ca_certificate made = *wanted;
    char etag[ETAG_SIZE] = "";
    int error = find(registry, wanted->name, &stored);
    const bool is_new = error == VD_E_NOT_FOUND;

    if (error != VD_OK && !is_new) {
        return error;
    }
    if (!is_new) {
        etag_text(&stored, etag);
        memcpy(made.name, stored.name, sizeof made.name);
    }
    if (is_new ? wants_etag(args) : !vd_management_etag_fits(args, etag)) {
        vd_management_fail(answer, 412, "PreconditionFailed", NULL,
            is_new ? "there is no such certificate: leave out If-Match to make it"
                   : "the certificate has another etag");
        return VD_OK;
    }
    error = vd_registry_ca_put(registry, &made, stored.etag);
    if (error == VD_OK) {
        reply(args, &made, is_new ? 201 : 200, false, answer);
    }
    return error == VD_E_NOT_FOUND ? VD_E_CHANGED : error;
}

void vd_management_certificate_put(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_ca_certificate wanted = {0};
    json_t *body = vd_management_body(args, answer);
    int error = VD_E_CHANGED;

    if (body != NULL && read_body(args, body, &wanted, answer)) {
        for (int i = 0; error == VD_E_CHANGED && i < VD_HUB_WRITE_TRIES; i++) {
            error = put_once(management, args, &wanted, answer);
        }
        if (error != VD_OK) {
            fail_stored(error, wanted.name, answer);
        }
    }
    json_decref(body);
}

void vd_management_certificate_delete(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_ca_certificate certificate = {0};
    int error = find(management->config.registry, args->names[0], &certificate);

    if (error == VD_E_NOT_FOUND) {
        snprintf(args->details, VD_MANAGEMENT_DETAILS_SIZE, VD_EVENT_NOTHING_THERE);
        vd_management_reply(answer, 204, NULL);
    } else if (get(management, args, &certificate, answer)) {
        error =
            vd_registry_ca_remove(management->config.registry, certificate.name, certificate.etag);
        if (error != VD_OK) {
            fail_stored(error, certificate.name, answer);
        } else {
            answer->status = 200;
        }
    }
}

void vd_management_certificate_code(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_ca_certificate certificate = {0};

    if (!get(management, args, &certificate, answer)) {
        return;
    }
    if (vd_ca_make_code(certificate.verification_code) != VD_OK) {
        vd_management_fail_error(answer, VD_E_IO, "the random source");
        return;
    }
    store(management, args, &certificate, true, answer);
}

void vd_management_certificate_verify(struct vd_management *management,
    const struct vd_management_args *args, struct vd_http_answer *answer)
{
    struct vd_ca_certificate certificate = {0};
    struct vd_buf text = {0};
    json_t *body = vd_management_body(args, answer);
    int error;

    if (body != NULL && get(management, args, &certificate, answer)) {
        error = vd_ca_text_decode(json_object_get(body, "certificate"), &text);
        if (error == VD_OK) {
            error = vd_ca_check_proof(&certificate,
                (struct vd_str){(const char *)text.data, text.length}, vd_clock_utc_ms());
        }
        if (error != VD_OK) {
            vd_management_fail(answer, 400, "BadRequest", "certificate", "%s: %s", certificate.name,
                vd_ca_proof_fault(error));
        } else {
            certificate.is_verified = true;
            certificate.verification_code[0] = '\0';
            store(management, args, &certificate, false, answer);
        }
    }
    vd_buf_release(&text);
    json_decref(body);
}
