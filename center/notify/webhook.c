/* SPDX-License-Identifier: MIT */
/* Webhooks as Standard Webhooks say. */

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/notify/sink_internal.h"
#include "lib/clock.h"
#include "lib/secret.h"

#define TIMEOUT_MS     30000
#define SECRET_MAX     1024
#define SECRET_PREFIX  "whsec_"
#define SIGNATURE_SIZE 64

struct webhook {
    struct vd_notify_sink base;
    struct vd_http_post *post;
    enum vd_notify_format format;
    uint8_t secret[SECRET_MAX];
    size_t secret_length; /* 0: not signed */
};

/* v1,{base64 of HMAC-SHA256 over "id.timestamp.body"} */
static int sign(const struct webhook *self, const char *id, int64_t time_s,
    const struct vd_buf *body, char *out, size_t size)
{
    struct vd_buf text = {0};
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    char base64[SIGNATURE_SIZE];
    int error = VD_E_NOMEM;

    vd_buf_printf(&text, "%s.%lld.", id, (long long)time_s);
    vd_buf_append(&text, body->data, body->length);
    if (text.error == VD_OK &&
        HMAC(EVP_sha256(), self->secret, (int)self->secret_length, text.data, text.length, mac,
            &length) != NULL) {
        error = vd_base64_encode(mac, length, base64, sizeof base64);
    }
    if (error == VD_OK) {
        snprintf(out, size, "webhook-signature: v1,%s", base64);
    }
    vd_buf_release(&text);
    return error;
}

static int webhook_deliver(struct vd_notify_sink *sink, const struct vd_outbox_item *item,
    struct vd_http_post_failure *failure)
{
    struct webhook *self = (struct webhook *)sink;
    const int64_t now_s = vd_clock_utc_ms() / 1000;
    char id[VD_DELIVERY_ID_SIZE + 16];
    char time[48];
    char signature[SIGNATURE_SIZE + 32];
    const char *headers[] = {"Content-Type: application/json", "Accept:", id, time, NULL, NULL};
    struct vd_buf body = {0};
    int error = vd_notify_format(item, self->format, &body);

    snprintf(id, sizeof id, "webhook-id: %s", item->id);
    snprintf(time, sizeof time, "webhook-timestamp: %lld", (long long)now_s);
    if (error == VD_OK && self->secret_length > 0) {
        error = sign(self, item->id, now_s, &body, signature, sizeof signature);
        headers[4] = signature;
    }
    if (error == VD_OK) {
        error = vd_http_post_send(
            self->post, headers, (struct vd_str){(const char *)body.data, body.length}, failure);
    }
    vd_buf_release(&body);
    return error;
}

static void webhook_interrupt(struct vd_notify_sink *sink)
{
    vd_http_post_interrupt(((struct webhook *)sink)->post);
}

static void webhook_free(struct vd_notify_sink *sink)
{
    struct webhook *self = (struct webhook *)sink;

    vd_http_post_free(self->post);
    OPENSSL_cleanse(self->secret, sizeof self->secret);
    free(self);
}

/* A secret of Standard Webhooks is base64 behind a prefix; any other text is taken as it is. */
static int set_secret(struct webhook *self, struct vd_str secret)
{
    const size_t prefix = strlen(SECRET_PREFIX);

    if (secret.length > prefix && memcmp(secret.data, SECRET_PREFIX, prefix) == 0) {
        return vd_base64_decode((struct vd_str){secret.data + prefix, secret.length - prefix},
            self->secret, sizeof self->secret, &self->secret_length);
    }
    if (secret.length > sizeof self->secret) {
        return VD_E_INVALID;
    }
    if (secret.length > 0) {
        memcpy(self->secret, secret.data, secret.length);
    }
    self->secret_length = secret.length;
    return VD_OK;
}

int vd_notify_webhook_new(const json_t *settings, struct vd_str secret,
    enum vd_notify_format format, struct vd_notify_sink **out, char *problem)
{
    static const struct vd_notify_sink_ops ops = {webhook_deliver, webhook_interrupt, webhook_free};
    const char *url = vd_notify_text_of(settings, "url");
    const struct vd_http_post_config config = {
        url, vd_notify_text_of(settings, "caFile"), TIMEOUT_MS};
    struct webhook *self;

    if (url == NULL || (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)) {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "url is to begin with https:// or http://");
        return VD_E_INVALID;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &ops;
    self->format = format;
    if (set_secret(self, secret) != VD_OK) {
        free(self);
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE,
            "the secret is no base64 behind " SECRET_PREFIX ", or longer than %d bytes",
            SECRET_MAX);
        return VD_E_INVALID;
    }
    if (vd_http_post_new(&config, &self->post) != VD_OK) {
        webhook_free(&self->base);
        return VD_E_NOMEM;
    }
    *out = &self->base;
    return VD_OK;
}
