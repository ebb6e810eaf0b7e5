/* SPDX-License-Identifier: MIT */
/* One request at a time by libcurl's multi interface, which can be woken up. */

#include "lib/http_post.h"

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define CONNECT_TIMEOUT_MS 10000L
/* How long an interrupted request goes on at most; the wake-up ends it sooner. */
#define POLL_MS 1000
/* What a receiver may ask us to wait. */
#define RETRY_AFTER_MAX_S 3600

struct vd_http_post {
    CURLM *multi;
    CURL *easy;
    atomic_bool is_interrupted;
};

static size_t ignore_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
}

/* Runs the request to its end; CURLE_ABORTED_BY_CALLBACK: it was interrupted. */
static CURLcode perform(struct vd_http_post *post)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    int left = 0;
    CURLMsg *message;

    if (curl_multi_add_handle(post->multi, post->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }
    while (running > 0 && !atomic_load(&post->is_interrupted)) {
        if (curl_multi_perform(post->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(post->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            break;
        }
    }
    while ((message = curl_multi_info_read(post->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            code = message->data.result;
        }
    }
    curl_multi_remove_handle(post->multi, post->easy);
    return code;
}

static int judge(struct vd_http_post *post, struct vd_http_post_failure *failure)
{
    curl_off_t after = 0;
    long status = 0;

    curl_easy_getinfo(post->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(post->easy, CURLINFO_RETRY_AFTER, &after);
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

/* NULL without memory. */
static struct curl_slist *headers_new(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (; list != NULL && *headers != NULL; headers++) {
        struct curl_slist *longer = curl_slist_append(list, *headers);

        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

int vd_http_post_send(struct vd_http_post *post, const char *const *headers, struct vd_str body,
    struct vd_http_post_failure *failure)
{
    struct curl_slist *list = headers_new(headers);
    CURLcode code;

    *failure = (struct vd_http_post_failure){0};
    if (list == NULL) {
        return VD_E_NOMEM;
    }
    curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, list);
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.length);
    curl_easy_setopt(post->easy, CURLOPT_POSTFIELDS, body.data);
    code = perform(post);
    curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    if (code == CURLE_OK) {
        return judge(post, failure);
    }
    /* libcurl's own buffer of the error would name the URL. */
    snprintf(failure->reason, sizeof failure->reason, "%s", curl_easy_strerror(code));
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return VD_E_CLOSED;
    }
    return code == CURLE_OUT_OF_MEMORY ? VD_E_NOMEM : VD_E_IO;
}

void vd_http_post_interrupt(struct vd_http_post *post)
{
    atomic_store(&post->is_interrupted, true);
    curl_multi_wakeup(post->multi);
}

void vd_http_post_free(struct vd_http_post *post)
{
    if (post != NULL) {
        curl_easy_cleanup(post->easy);
        curl_multi_cleanup(post->multi);
        free(post);
    }
}

static bool set_up(CURL *easy, const struct vd_http_post_config *config)
{
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
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
            (curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK));
}

int vd_http_post_new(const struct vd_http_post_config *config, struct vd_http_post **out)
{
    struct vd_http_post *post = calloc(1, sizeof *post);

    if (post == NULL) {
        return VD_E_NOMEM;
    }
    post->multi = curl_multi_init();
    post->easy = curl_easy_init();
    if (post->multi == NULL || post->easy == NULL || !set_up(post->easy, config)) {
        vd_http_post_free(post);
        return VD_E_NOMEM;
    }
    *out = post;
    return VD_OK;
}
