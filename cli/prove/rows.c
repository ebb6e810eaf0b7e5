/* SPDX-License-Identifier: MIT */
/* The rows: what is done for each, as a device, a back end or the owner would do it. */

#include <openssl/pem.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/prove/proof.h"
#include "lib/clock.h"
#include "lib/error.h"

/* RFC 5737: addresses that nobody has. */
#define ALLOWED   "192.0.2.20"
#define FORBIDDEN "203.0.113.20"
/* RFC 1112: a range from which nothing can come; a rule that accepts it harms nobody. */
#define NOWHERE   "240.0.0.0/4"
#define SOMEWHERE "240.0.2.0/24"

#define HOUR_S  3600
#define TEND_MS 10000

static int sign_in(struct vd_proof *p)
{
    return vd_proof_login(p, p->counter, p->counter_key, HOUR_S, 0);
}

/* ---- Logins ---- */

static int cause_expired_token(struct vd_proof *p)
{
    int error = sign_in(p);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? vd_proof_login(p, p->device, p->key, -HOUR_S, 5) : error;
}

/* The other device's key signs nothing here. */
static int cause_wrong_signature(struct vd_proof *p)
{
    int error = sign_in(p);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? vd_proof_login(p, p->device, p->counter_key, HOUR_S, 5) : error;
}

/* Gives a device the certificate's thumbprint. */
static int set_thumbprint(struct vd_proof *p, const char *device, X509 *certificate)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char text[EVP_MAX_MD_SIZE * 2 + 1] = "";
    char path[128];
    char body[256];
    json_t *answer;

    if (X509_digest(certificate, EVP_sha256(), digest, &length) != 1) {
        return vd_proof_fail(p, "no thumbprint");
    }
    for (unsigned i = 0; i < length; i++) {
        snprintf(text + 2 * i, 3, "%02X", digest[i]);
    }
    snprintf(path, sizeof path, "/devices/%s", device);
    snprintf(body, sizeof body,
        "{\"authenticationType\":\"selfSigned\",\"primaryThumbprint\":\"%s\"}", text);
    answer = vd_proof_call(p, "PATCH", path, NULL, body);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

/* The counter-example has a good certificate of its own; the device's ends as said and is registered or not. */
static int cause_certificate(struct vd_proof *p, long ends_s, bool is_registered)
{
    X509 *good = NULL;
    EVP_PKEY *good_key = NULL;
    X509 *other = NULL;
    EVP_PKEY *other_key = NULL;
    int error = vd_proof_certificate(p->counter, -HOUR_S, HOUR_S, &good, &good_key);

    if (error == VD_OK) {
        error = vd_proof_certificate(p->device, -2L * HOUR_S, ends_s, &other, &other_key);
    }
    if (error == VD_OK) {
        error = set_thumbprint(p, p->counter, good);
    }
    if (error == VD_OK) {
        error = set_thumbprint(p, p->device, is_registered ? other : good);
    }
    if (error == VD_OK) {
        error = vd_proof_login_certificate(p, p->counter, good, good_key, 0);
    }
    if (error == VD_OK) {
        p->caused_ms = vd_clock_monotonic_ms();
        error = vd_proof_login_certificate(p, p->device, other, other_key, 5);
    }
    X509_free(good);
    EVP_PKEY_free(good_key);
    X509_free(other);
    EVP_PKEY_free(other_key);
    return error;
}

static int cause_thumbprint(struct vd_proof *p)
{
    return cause_certificate(p, HOUR_S, false);
}

static int cause_expired_certificate(struct vd_proof *p)
{
    return cause_certificate(p, -HOUR_S, true);
}

/* ---- The hub's certificates and settings ---- */

/* Base64 of a CA certificate in PEM, for the API; the caller's. */
static char *ca_text(struct vd_proof *p)
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    BIO *memory = BIO_new(BIO_s_mem());
    char *pem = NULL;
    char *text = NULL;
    long length;

    if (vd_proof_certificate(p->subject, -HOUR_S, HOUR_S, &certificate, &key) == VD_OK &&
        memory != NULL && PEM_write_bio_X509(memory, certificate) == 1) {
        length = BIO_get_mem_data(memory, &pem);
        text = calloc(1, (size_t)length * 4 / 3 + 8);
        if (text != NULL) {
            EVP_EncodeBlock((uint8_t *)text, (uint8_t *)pem, (int)length);
        }
    }
    BIO_free(memory);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return text;
}

static int add_certificate(struct vd_proof *p)
{
    char *text = ca_text(p);
    json_t *body = json_pack("{s:s, s:s?}", "name", p->subject, "certificate", text);
    char *json = json_dumps(body, JSON_COMPACT);
    json_t *answer = text != NULL ? vd_proof_call(p, "POST", "/certificates", NULL, json) : NULL;
    const int error = answer != NULL ? VD_OK : VD_E_IO;

    p->has_cause = answer != NULL;
    json_decref(answer);
    json_decref(body);
    free(json);
    free(text);
    return error;
}

static int delete_certificate(struct vd_proof *p, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "/certificates/%s", name);
    return vd_proof_status(p, "DELETE", path, NULL);
}

/* Looking at certificates and settings is no act. */
static int look(struct vd_proof *p)
{
    json_t *answer = vd_proof_call(p, "GET", "/certificates", NULL, NULL);

    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int cause_certificate_added(struct vd_proof *p)
{
    int error = look(p);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? add_certificate(p) : error;
}

static void clean_certificate(struct vd_proof *p)
{
    (void)delete_certificate(p, p->subject);
}

static int cause_certificate_deleted(struct vd_proof *p)
{
    int error = add_certificate(p);

    p->caused_ms = vd_clock_monotonic_ms();
    if (error == VD_OK && delete_certificate(p, p->subject) != 204) {
        error = vd_proof_fail(p, "the certificate could not be deleted");
    }
    p->has_cause = error != VD_OK;
    return error;
}

static int cause_certificate_not_added(struct vd_proof *p)
{
    char body[256];
    int error = look(p);

    snprintf(body, sizeof body, "{\"name\":\"%s\",\"certificate\":\"bm8gY2VydGlmaWNhdGU=\"}",
        p->subject);
    p->caused_ms = vd_clock_monotonic_ms();
    if (error == VD_OK && vd_proof_status(p, "POST", "/certificates", body) < 400) {
        error = vd_proof_fail(p, "what is no certificate was taken");
    }
    return error;
}

static int cause_certificate_not_deleted(struct vd_proof *p)
{
    int error = look(p);

    p->caused_ms = vd_clock_monotonic_ms();
    if (error == VD_OK && delete_certificate(p, p->subject) < 400) {
        error = vd_proof_fail(p, "a certificate that is not there was deleted");
    }
    return error;
}

static void setting_path(const struct vd_proof *p, const char *name, char *out, size_t size)
{
    snprintf(out, size, "%s/providers/microsoft.insights/diagnosticSettings%s%s",
        p->prover->management, name[0] != '\0' ? "/" : "", name);
}

static int put_setting(struct vd_proof *p)
{
    char path[700];
    json_t *answer;

    setting_path(p, p->subject, path, sizeof path);
    answer = vd_proof_call(p, "PUT", path, NULL,
        "{\"properties\":{\"workspaceId\":\"proof\",\"logs\":[{\"category\":\"Routes\",\"enabled\":false}]}}");
    p->has_cause = answer != NULL;
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static void clean_setting(struct vd_proof *p)
{
    char path[700];

    setting_path(p, p->subject, path, sizeof path);
    (void)vd_proof_status(p, "DELETE", path, NULL);
}

static int look_at_settings(struct vd_proof *p)
{
    char path[700];
    json_t *answer;

    setting_path(p, "", path, sizeof path);
    answer = vd_proof_call(p, "GET", path, NULL, NULL);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int cause_setting_added(struct vd_proof *p)
{
    int error = look_at_settings(p);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? put_setting(p) : error;
}

static int cause_setting_deleted(struct vd_proof *p)
{
    int error = put_setting(p);

    p->caused_ms = vd_clock_monotonic_ms();
    if (error == VD_OK) {
        clean_setting(p);
        p->has_cause = false;
    }
    return error;
}

/* ---- Custom alerts: the rules of the group `max` allow 2 of everything, of some nothing ---- */

static int cause_connections(struct vd_proof *p)
{
    int error = vd_proof_send_flows(p, p->counter, p->counter_key, ALLOWED, 1000, 2);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? vd_proof_send_flows(p, p->device, p->key, ALLOWED, 1000, 3) : error;
}

static int cause_address(struct vd_proof *p)
{
    int error = vd_proof_send_flows(p, p->counter, p->counter_key, ALLOWED, 1000, 1);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? vd_proof_send_flows(p, p->device, p->key, FORBIDDEN, 1000, 1) : error;
}

static int send_message(struct vd_proof *p, const char *device, const char *more)
{
    char path[128];
    char body[160];
    json_t *answer;

    snprintf(path, sizeof path, "/devices/%s/messages", device);
    snprintf(body, sizeof body, "{\"payload\":\"proof\"%s}", more);
    answer = vd_proof_call(p, "POST", path, NULL, body);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

/* Lets the device take `count` messages or calls that come to it. */
static int serve_until(
    struct vd_proof *p, struct vd_link *link, const uint32_t *counter, uint32_t count)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + 10000;
    int error = VD_OK;

    while (error == VD_OK && *counter < count) {
        error = vd_clock_monotonic_ms() < until_ms ? vd_link_serve(link, 50) : VD_E_TIMEOUT;
    }
    return error == VD_OK ? VD_OK : vd_proof_fail(p, "the device got %u of %u", *counter, count);
}

/* The device connects, is sent so many messages, and acknowledges them. */
static int take_messages(struct vd_proof *p, const char *device, const char *key, uint32_t count)
{
    struct vd_link link = {0};
    int error = vd_proof_open(p, device, key, &link);

    error = error == VD_OK ? vd_link_subscribe(&link) : error;
    for (uint32_t i = 0; i < count && error == VD_OK; i++) {
        error = send_message(p, device, "");
    }
    error = error == VD_OK ? serve_until(p, &link, &link.messages, count) : error;
    /* What is acknowledged must have left before the connection ends. */
    error = error == VD_OK ? vd_link_serve(&link, 50) : error;
    vd_link_close(&link);
    return error;
}

static int cause_commands(struct vd_proof *p)
{
    int error = take_messages(p, p->counter, p->counter_key, 2);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? take_messages(p, p->device, p->key, 3) : error;
}

/* The device of this one gets nothing; the other one a message every ten seconds. */
static int cause_too_few(struct vd_proof *p)
{
    int error = vd_proof_open(p, p->counter, p->counter_key, &p->link);

    error = error == VD_OK ? vd_link_subscribe(&p->link) : error;
    p->caused_ms = vd_clock_monotonic_ms();
    return error;
}

static int tend_too_few(struct vd_proof *p)
{
    const int64_t now_ms = vd_clock_monotonic_ms();
    int error = VD_OK;

    if (p->tended_ms == 0 || now_ms - p->tended_ms >= TEND_MS) {
        p->tended_ms = now_ms;
        error = send_message(p, p->counter, "");
    }
    return error == VD_OK ? vd_link_serve(&p->link, 100) : error;
}

static void clean_link(struct vd_proof *p)
{
    vd_link_close(&p->link);
}

static int send_telemetry(struct vd_proof *p, const char *device, const char *key, unsigned count)
{
    struct vd_link link = {0};
    int error = vd_proof_open(p, device, key, &link);

    for (unsigned i = 0; i < count && error == VD_OK; i++) {
        error = vd_link_send(&link, "", VD_STR_LITERAL("proof"));
    }
    vd_link_close(&link);
    return error;
}

static int cause_telemetry(struct vd_proof *p)
{
    int error = send_telemetry(p, p->counter, p->counter_key, 4);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? send_telemetry(p, p->device, p->key, 5) : error;
}

/* A device that takes what comes, in a thread of its own: whoever calls a method waits for it. */
struct serving {
    struct vd_link link;
    atomic_bool is_over;
    pthread_t thread;
};

static void *serve(void *context)
{
    struct serving *serving = context;

    while (!atomic_load(&serving->is_over) && vd_link_serve(&serving->link, 50) == VD_OK) {
    }
    return NULL;
}

static int call_method(struct vd_proof *p, const char *device)
{
    char path[128];
    json_t *answer;

    snprintf(path, sizeof path, "/devices/%s/methods", device);
    answer = vd_proof_call(p, "POST", path, NULL,
        "{\"methodName\":\"proof\",\"connectTimeoutInSeconds\":5,\"responseTimeoutInSeconds\":10}");
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int call_methods(struct vd_proof *p, const char *device, const char *key, uint32_t count)
{
    struct serving serving = {.is_over = false};
    int error = vd_proof_open(p, device, key, &serving.link);

    error = error == VD_OK ? vd_link_subscribe(&serving.link) : error;
    if (error == VD_OK && pthread_create(&serving.thread, NULL, serve, &serving) != 0) {
        error = vd_proof_fail(p, "no thread");
    } else if (error == VD_OK) {
        for (uint32_t i = 0; i < count && error == VD_OK; i++) {
            error = call_method(p, device);
        }
        atomic_store(&serving.is_over, true);
        pthread_join(serving.thread, NULL);
    }
    vd_link_close(&serving.link);
    return error;
}

static int cause_methods(struct vd_proof *p)
{
    int error = call_methods(p, p->counter, p->counter_key, 2);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? call_methods(p, p->device, p->key, 3) : error;
}

static int cause_purge(struct vd_proof *p)
{
    char path[128];
    int error = send_message(p, p->counter, "");
    json_t *answer;

    error = error == VD_OK ? send_message(p, p->device, "") : error;
    if (error != VD_OK) {
        return error;
    }
    snprintf(path, sizeof path, "/devices/%s/messages", p->device);
    p->caused_ms = vd_clock_monotonic_ms();
    answer = vd_proof_call(p, "DELETE", path, NULL, NULL);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int cause_rejected(struct vd_proof *p)
{
    int error = take_messages(p, p->counter, p->counter_key, 1);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? send_message(p, p->device, ",\"ttlSeconds\":1") : error;
}

static int patch_twin(struct vd_proof *p, const char *device, unsigned count)
{
    char path[128];
    char body[96];

    snprintf(path, sizeof path, "/devices/%s/twin", device);
    for (unsigned i = 0; i < count; i++) {
        json_t *answer;

        snprintf(body, sizeof body, "{\"tags\":{\"proof\":%u}}", i);
        answer = vd_proof_call(p, "PATCH", path, NULL, body);
        json_decref(answer);
        if (answer == NULL) {
            return VD_E_IO;
        }
    }
    return VD_OK;
}

/* That it was put into its group was one. */
static int cause_twin_updates(struct vd_proof *p)
{
    int error = patch_twin(p, p->counter, 1);

    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? patch_twin(p, p->device, 4) : error;
}

/* ---- Recommendations ---- */

/* Both devices get one key. */
static int cause_shared(struct vd_proof *p)
{
    char path[128];
    char body[160];
    json_t *answer;

    snprintf(path, sizeof path, "/devices/%s", p->device);
    snprintf(body, sizeof body, "{\"primaryKey\":\"%s\"}", p->counter_key);
    p->caused_ms = vd_clock_monotonic_ms();
    answer = vd_proof_call(p, "PATCH", path, NULL, body);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static json_t *state_of(struct vd_proof *p)
{
    char path[128];

    snprintf(path, sizeof path, "/recommendations/%s", p->row->name);
    return vd_proof_call(p, "GET", path, NULL, NULL);
}

/* What is so already is proved by that: to make it otherwise first would open the hub. */
static int cause_by_state(struct vd_proof *p, const char *why)
{
    json_t *one = state_of(p);
    const char *state = json_string_value(json_object_get(one, "state"));

    p->caused_ms = vd_clock_monotonic_ms();
    if (state != NULL && strcmp(state, "Active") != 0) {
        (void)vd_proof_skip(p, why);
    }
    json_decref(one);
    return one != NULL ? VD_OK : VD_E_IO;
}

static int cause_deny_all(struct vd_proof *p)
{
    return cause_by_state(
        p, "the IP filter refuses everything else: to cause it the hub would have to be opened");
}

static int cause_logs(struct vd_proof *p)
{
    return cause_by_state(
        p, "the hub's logs are exported: to cause it their export would have to be ended");
}

/* Puts a rule in front that accepts the range, or takes it away (NULL). */
static int change_filter(struct vd_proof *p, const char *range)
{
    json_t *filter = vd_proof_call(p, "GET", "/ip-filter", NULL, NULL);
    json_t *properties = json_object_get(filter, "properties");
    json_t *rules = json_object_get(properties, "ipFilterRules");
    char query[40];
    char *body;
    json_t *answer;

    if (filter == NULL) {
        return VD_E_IO;
    }
    if (rules == NULL) {
        rules = json_array();
        json_object_set_new(properties, "ipFilterRules", rules);
    }
    for (size_t i = json_array_size(rules); i > 0; i--) {
        const char *name =
            json_string_value(json_object_get(json_array_get(rules, i - 1), "filterName"));

        if (name != NULL && strcmp(name, p->subject) == 0) {
            json_array_remove(rules, i - 1);
        }
    }
    if (range != NULL) {
        json_array_insert_new(rules, 0,
            json_pack(
                "{s:s, s:s, s:s}", "filterName", p->subject, "action", "Accept", "ipMask", range));
    }
    snprintf(query, sizeof query, "etag=%lld",
        (long long)json_integer_value(json_object_get(filter, "etag")));
    body = json_dumps(properties, JSON_COMPACT);
    answer = vd_proof_call(p, "PUT", "/ip-filter", query, body);
    free(body);
    json_decref(filter);
    json_decref(answer);
    return answer != NULL ? VD_OK : VD_E_IO;
}

static int cause_range(struct vd_proof *p)
{
    int error = change_filter(p, SOMEWHERE);

    p->has_cause = error == VD_OK;
    p->caused_ms = vd_clock_monotonic_ms();
    return error == VD_OK ? change_filter(p, NOWHERE) : error;
}

static void clean_filter(struct vd_proof *p)
{
    (void)change_filter(p, NULL);
}

/* ---- The table ---- */

static const struct vd_proof_row rows[VD_PROOF_ROWS] = {
    {"IoT_TiConnection", "a flow to a listed address", "a flow to the address beside it", NULL,
        true, false, false, vd_proof_cause_indicator, NULL, vd_proof_clean_indicator},
    {"IoT_Cert_Print_Mismatch", "a certificate with another thumbprint", "the registered one", NULL,
        true, false, false, cause_thumbprint, NULL, NULL},
    {"IoT_Cert_Expired", "a certificate that ended an hour ago", "one that is valid", NULL, true,
        false, false, cause_expired_certificate, NULL, NULL},
    {"IoT_Expired_SAS_Token", "a token that ended an hour ago", "a renewed one", NULL, true, false,
        false, cause_expired_token, NULL, NULL},
    {"IoT_Invalid_SAS_Token", "a token that another key has signed", "one of its own key", NULL,
        true, false, false, cause_wrong_signature, NULL, NULL},
    {"IoT_CertificateSuccessfullyAddedToHub", "a CA certificate is added", "the list is read", NULL,
        false, false, false, cause_certificate_added, NULL, clean_certificate},
    {"IoT_CertificateSuccessfullyDeletedFromHub", "a CA certificate is deleted", "one is added",
        NULL, false, false, false, cause_certificate_deleted, NULL, clean_certificate},
    {"Hub_CertificateFailedToBeAddedToHub", "what is no certificate is refused", "the list is read",
        NULL, false, false, false, cause_certificate_not_added, NULL, NULL},
    {"IoT.Hub_CertificateFailedToBeDeletedFromHub", "one that is not there cannot be deleted",
        "the list is read", NULL, false, false, false, cause_certificate_not_deleted, NULL, NULL},
    {"IoT_DiagnosticSettingAddedOrEditedOnHub", "a diagnostic setting is made", "the list is read",
        NULL, false, false, false, cause_setting_added, NULL, clean_setting},
    {"IoT_DiagnosticSettingDeletedFromHub", "a diagnostic setting is deleted", "one is made", NULL,
        false, false, false, cause_setting_deleted, NULL, clean_setting},
    {"IoT_CA_ActiveConnectionsNotInAllowedRange", "three connections in a window", "two", "max",
        true, false, false, cause_connections, NULL, NULL},
    {"IoT_CA_MqttC2DMessagesNotInAllowedRange", "three messages from the cloud", "two", "max", true,
        false, false, cause_commands, NULL, NULL},
    {"IoT_CA_ConnectionToIpNotAllowed", "a connection outside of the list", "one inside", "max",
        true, false, false, cause_address, NULL, NULL},
    {"IoT_CA_QueuePurgesNotInAllowedRange", "a queue is purged", "another one is not", "max", true,
        false, false, cause_purge, NULL, NULL},
    {"IoT_CA_MqttC2DMessagesNotInAllowedRange", "no message from the cloud in a whole window",
        "one every ten seconds", "min", true, false, true, cause_too_few, tend_too_few, clean_link},
    {"IoT_CA_MqttD2CMessagesNotInAllowedRange", "five messages to the cloud", "four", "max", true,
        false, false, cause_telemetry, NULL, NULL},
    {"IoT_CA_DirectMethodInvokesNotInAllowedRange", "three method calls", "two", "max", true, false,
        false, cause_methods, NULL, NULL},
    {"IoT_CA_MqttC2DRejectedMessagesNotInAllowedRange", "a message that expires",
        "one that is acknowledged", "max", true, false, true, cause_rejected, NULL, NULL},
    {"IoT_CA_TwinUpdatesNotInAllowedRange", "four updates of a twin", "two", "max", true, false,
        false, cause_twin_updates, NULL, NULL},
    {"IoT_CA_UnauthorizedOperationsNotInAllowedRange", "a login with a wrong key", "a good one",
        "max", true, false, false, cause_wrong_signature, NULL, NULL},
    {"IoT_SharedCredentials", "two devices with one key", "keys of their own before", NULL, true,
        true, false, cause_shared, NULL, NULL},
    {"IoT_IPFilter_DenyAll", "the filter's end accepts", "(none: the filter is not changed)", NULL,
        false, true, false, cause_deny_all, NULL, NULL},
    {"IoT_IPFilter_PermissiveRule", "a rule accepts " NOWHERE, "a rule accepts " SOMEWHERE, NULL,
        false, true, false, cause_range, NULL, clean_filter},
    {"IoT_DiagnosticLogs", "no diagnostic setting exports", "(none: no setting is changed)", NULL,
        false, true, false, cause_logs, NULL, NULL},
};

const struct vd_proof_row *vd_proof_row_at(size_t i)
{
    return i < VD_PROOF_ROWS ? &rows[i] : NULL;
}
