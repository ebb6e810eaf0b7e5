/* SPDX-License-Identifier: MIT */
/* Posts by libcurl, one at a time. */

#include "lib/http_post.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/http_run.h"

/* What a receiver may ask us to wait. */
#define RETRY_AFTER_MAX_S 3600

struct vd_http_post {
    struct vd_http_run run;
    CURL *easy;
};

static size_t ignore_body(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    (void)context;
    return size * count;
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
    code = vd_http_run_transfer(&post->run, post->easy);
    curl_easy_setopt(post->easy, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    if (code == CURLE_OK) {
        return judge(post, failure);
    }
    vd_http_run_reason(post->easy, code, failure->reason, sizeof failure->reason);
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return VD_E_CLOSED;
    }
    return code == CURLE_OUT_OF_MEMORY ? VD_E_NOMEM : VD_E_IO;
}

void vd_http_post_interrupt(struct vd_http_post *post)
{
    vd_http_run_interrupt(&post->run);
}

void vd_http_post_free(struct vd_http_post *post)
{
    if (post != NULL) {
        curl_easy_cleanup(post->easy);
        vd_http_run_release(&post->run);
        free(post);
    }
}

static bool set_up(struct vd_http_post *post, const struct vd_http_post_config *config)
{
    CURL *easy = post->easy;

    return vd_http_run_set_up(&post->run, easy, config->ca_file) &&
        curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)config->timeout_ms) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_URL, config->url) == CURLE_OK;
}

int vd_http_post_new(const struct vd_http_post_config *config, struct vd_http_post **out)
{
    struct vd_http_post *post = calloc(1, sizeof *post);

    if (post == NULL) {
        return VD_E_NOMEM;
    }
    post->easy = curl_easy_init();
    if (vd_http_run_init(&post->run) != VD_OK || post->easy == NULL || !set_up(post, config)) {
        vd_http_post_free(post);
        return VD_E_NOMEM;
    }
    *out = post;
    return VD_OK;
}
