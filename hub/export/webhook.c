/* SPDX-License-Identifier: MIT */
/* The sink that is a webhook: batches of lines by POST. */

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/export/sink.h"
#include "lib/url.h"

#define CONNECT_TIMEOUT_MS 10000L
/* How long an interrupted request goes on at most; the wake-up ends it sooner. */
#define POLL_MS 1000
/* What a receiver may ask us to wait. */
#define RETRY_AFTER_MAX_S 3600

struct webhook {
    struct vd_export_sink base;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    atomic_bool is_interrupted;
};

static size_t ignore_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* Runs the request to its end; CURLE_ABORTED_BY_CALLBACK: it was interrupted. */
static CURLcode perform(struct webhook *self)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    int left = 0;
    CURLMsg *message;

    if (curl_multi_add_handle(self->multi, self->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running > 0 && !atomic_load(&self->is_interrupted)) {
        if (curl_multi_perform(self->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(self->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            break;
        }
    }
    while ((message = curl_multi_info_read(self->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            code = message->data.result;
        }
    }
    curl_multi_remove_handle(self->multi, self->easy);
    return code;
}

static int judge(struct webhook *self, struct vd_export_failure *failure)
{
    curl_off_t after = 0;
    long status = 0;

    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(self->easy, CURLINFO_RETRY_AFTER, &after);
    if (status >= 200 && status < 300) {
        return VD_OK;
    }
    snprintf(failure->reason, sizeof failure->reason, "the receiver answered %ld", status);
    failure->is_too_large = status == 413;
    failure->is_refused = status < 500 && status != 408 && status != 429;
    failure->retry_after_s =
        (uint32_t)(after > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (after > 0 ? after : 0));
    return VD_E_DENIED;
}

static int webhook_deliver(struct vd_export_sink *sink, const struct vd_export_lines *lines,
    struct vd_export_failure *failure)
{
    struct webhook *self = (struct webhook *)sink;
    CURLcode code;

    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)lines->text.length);
    curl_easy_setopt(self->easy, CURLOPT_POSTFIELDS, lines->text.data);
    code = perform(self);
    if (code == CURLE_OK) {
        return judge(self, failure);
    }
    /* libcurl's own buffer of the error would name the URL. */
    snprintf(failure->reason, sizeof failure->reason, "%s", curl_easy_strerror(code));
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return VD_E_CLOSED;
    }
    return code == CURLE_OUT_OF_MEMORY ? VD_E_NOMEM : VD_E_IO;
}

static void webhook_interrupt(struct vd_export_sink *sink)
{
    struct webhook *self = (struct webhook *)sink;

    atomic_store(&self->is_interrupted, true);
    curl_multi_wakeup(self->multi);
}

static void webhook_free(struct vd_export_sink *sink)
{
    struct webhook *self = (struct webhook *)sink;

    curl_easy_cleanup(self->easy);
    curl_multi_cleanup(self->multi);
    curl_slist_free_all(self->headers);
    free(self);
}

/* NULL without memory. */
static struct curl_slist *headers_new(const char *setting)
{
    static const char *const fixed[] = {
        "Content-Type: application/x-ndjson", "Expect:", "Accept:", NULL};
    struct vd_buf name = {0};
    struct curl_slist *list = NULL;

    vd_buf_append_text(&name, "X-Vedette-Setting: ");
    vd_url_encode(vd_str_from(setting), &name);
    vd_buf_append(&name, "", 1);
    if (name.error == VD_OK) {
        list = curl_slist_append(NULL, (const char *)name.data);
    }
    for (size_t i = 0; list != NULL && fixed[i] != NULL; i++) {
        struct curl_slist *longer = curl_slist_append(list, fixed[i]);

        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    vd_buf_release(&name);
    return list;
}

static bool set_up(struct webhook *self, const struct vd_export_webhook_config *config)
{
    CURL *easy = self->easy;

    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, self->headers);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "vedette/" VD_VERSION);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    return curl_easy_setopt(easy, CURLOPT_URL, config->url) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        (config->ca_file == NULL ||
            curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file) == CURLE_OK);
}

int vd_export_webhook_new(
    const struct vd_export_webhook_config *config, struct vd_export_sink **out)
{
    static const struct vd_export_sink_ops ops = {webhook_deliver, webhook_interrupt, webhook_free};
    struct webhook *self = calloc(1, sizeof *self);

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &ops;
    self->multi = curl_multi_init();
    self->easy = curl_easy_init();
    self->headers = headers_new(config->setting);
    if (self->multi == NULL || self->easy == NULL || self->headers == NULL ||
        !set_up(self, config)) {
        webhook_free(&self->base);
        return VD_E_NOMEM;
    }
    *out = &self->base;
    return VD_OK;
}
