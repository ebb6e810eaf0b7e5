/* SPDX-License-Identifier: MIT */
/* Requests by libcurl; redirections are followed here, since libcurl would take headers along to other hosts. */

#include "lib/http_get.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/http_run.h"
#include "lib/secret.h"

/* What a server may ask us to wait. */
#define RETRY_AFTER_MAX_S 86400
#define HEADER_MAX        2048

struct vd_http_get {
    struct vd_http_run run;
    CURL *easy;
};

/* ---- URLs ---- */

struct origin {
    char *scheme;
    char *host;
    char *port;
};

static void origin_release(struct origin *origin)
{
    curl_free(origin->scheme);
    curl_free(origin->host);
    curl_free(origin->port);
}

static bool origin_of(const char *url, struct origin *out)
{
    CURLU *parsed = curl_url();
    const bool is_good = parsed != NULL &&
        curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_SCHEME, &out->scheme, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &out->host, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_PORT, &out->port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    curl_url_cleanup(parsed);
    return is_good;
}

bool vd_http_same_origin(const char *a, const char *b)
{
    struct origin first = {0};
    struct origin second = {0};
    const bool is_same = origin_of(a, &first) && origin_of(b, &second) &&
        strcasecmp(first.scheme, second.scheme) == 0 && strcasecmp(first.host, second.host) == 0 &&
        strcmp(first.port, second.port) == 0;

    origin_release(&first);
    origin_release(&second);
    return is_same;
}

static bool is_this_machine(const char *host)
{
    struct in_addr address;

    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
        (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

bool vd_http_is_in_the_clear(const char *url)
{
    struct origin origin = {0};
    const bool is_clear = origin_of(url, &origin) && strcasecmp(origin.scheme, "http") == 0 &&
        !is_this_machine(origin.host);

    origin_release(&origin);
    return is_clear;
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    const bool is_there = curl_url_get(url, part, &text, 0) == CURLUE_OK;

    curl_free(text);
    return is_there;
}

const char *vd_http_url_problem(const char *url, bool allows_http)
{
    CURLU *parsed = curl_url();
    struct origin origin = {0};
    const char *problem = NULL;

    if (parsed == NULL || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK ||
        !origin_of(url, &origin)) {
        problem = "is to be a URL of https";
    } else if (has_part(parsed, CURLUPART_USER) || has_part(parsed, CURLUPART_PASSWORD)) {
        problem = "is to be without user and password: give them as a credential";
    } else if (strcasecmp(origin.scheme, "https") != 0 && strcasecmp(origin.scheme, "http") != 0) {
        problem = "is to be a URL of https";
    } else if (strcasecmp(origin.scheme, "http") == 0 && !allows_http &&
        !is_this_machine(origin.host)) {
        problem = "is to be of https, unless http is allowed for it";
    }
    origin_release(&origin);
    curl_url_cleanup(parsed);
    return problem;
}

/* ---- One request ---- */

struct transfer {
    CURL *easy;
    struct vd_buf *body;
};

/* Only what was asked for is kept, and no page that tells of an error. */
static size_t take_body(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        return size * count;
    }
    vd_buf_append(transfer->body, data, size * count);
    return transfer->body->error == VD_OK ? size * count : 0;
}

/* Adds "name: value"; false without memory, or if it is too long. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    char text[HEADER_MAX];
    const int length = snprintf(text, sizeof text, "%s%s", name, value);
    struct curl_slist *longer =
        length > 0 && (size_t)length < sizeof text ? curl_slist_append(*list, text) : NULL;

    if (longer != NULL) {
        *list = longer;
    }
    vd_secret_wipe(text, sizeof text);
    return longer != NULL;
}

static bool add_headers(struct curl_slist **list, const struct vd_http_get_request *request)
{
    return (request->accept == NULL || add_header(list, "Accept: ", request->accept)) &&
        (request->etag[0] == '\0' || add_header(list, "If-None-Match: ", request->etag)) &&
        (request->last_modified[0] == '\0' ||
            add_header(list, "If-Modified-Since: ", request->last_modified));
}

/* Not by libcurl's own means: it would write user and password into the URL of a redirection. */
static bool add_basic(struct curl_slist **list, const char *credential)
{
    char text[HEADER_MAX];
    const bool is_added =
        vd_base64_encode(credential, strlen(credential), text, sizeof text) == VD_OK &&
        add_header(list, "Authorization: Basic ", text);

    vd_secret_wipe(text, sizeof text);
    return is_added;
}

static bool add_credential(struct curl_slist **list, const struct vd_http_get_request *request)
{
    switch (request->credential_kind) {
    case VD_HTTP_CREDENTIAL_BASIC:
        return add_basic(list, request->credential);
    case VD_HTTP_CREDENTIAL_BEARER:
        return add_header(list, "Authorization: Bearer ", request->credential);
    case VD_HTTP_CREDENTIAL_HEADER:
        return add_header(list, "", request->credential);
    case VD_HTTP_CREDENTIAL_NONE:
        break;
    }
    return true;
}

static void keep_header(CURL *easy, const char *name, char *out, size_t size)
{
    struct curl_header *header = NULL;

    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        vd_text_copy(header->value, out, size) != VD_OK) {
        out[0] = '\0';
    }
}

static void keep_headers(
    CURL *easy, const struct vd_http_get_request *request, struct vd_http_get_answer *answer)
{
    keep_header(easy, "ETag", answer->etag, sizeof answer->etag);
    keep_header(easy, "Last-Modified", answer->last_modified, sizeof answer->last_modified);
    if (request->wanted != NULL) {
        keep_header(easy, request->wanted, answer->wanted, sizeof answer->wanted);
    }
}

static int failed(CURL *easy, CURLcode code, const struct vd_http_get_request *request,
    struct vd_http_get_answer *answer)
{
    if (code == CURLE_FILESIZE_EXCEEDED || answer->body.error == VD_E_LIMIT) {
        snprintf(answer->reason, sizeof answer->reason, "the answer is longer than %zu bytes",
            request->body_max_bytes);
        return VD_E_LIMIT;
    }
    vd_http_run_reason(easy, code, answer->reason, sizeof answer->reason);
    switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
        return VD_E_CLOSED;
    case CURLE_OPERATION_TIMEDOUT:
        return VD_E_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        return VD_E_NOMEM;
    default:
        return answer->body.error == VD_E_NOMEM ? VD_E_NOMEM : VD_E_IO;
    }
}

static int judge(
    CURL *easy, const struct vd_http_get_request *request, struct vd_http_get_answer *answer)
{
    const bool is_conditional = request->etag[0] != '\0' || request->last_modified[0] != '\0';
    curl_off_t after = 0;

    if (answer->status == 200 || (answer->status == 304 && is_conditional)) {
        keep_headers(easy, request, answer);
        return VD_OK;
    }
    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
    answer->retry_after_s =
        (uint32_t)(after > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (after > 0 ? after : 0));
    snprintf(answer->reason, sizeof answer->reason, "the server answered %d", answer->status);
    return VD_E_DENIED;
}

/* One of them may be a credential. */
static void headers_free(struct curl_slist *list)
{
    for (const struct curl_slist *i = list; i != NULL; i = i->next) {
        vd_secret_wipe(i->data, strlen(i->data));
    }
    curl_slist_free_all(list);
}

static bool set_up(struct vd_http_get *get, const struct vd_http_get_request *request,
    const char *url, int timeout_ms, struct transfer *transfer)
{
    CURL *easy = get->easy;

    curl_easy_reset(easy);
    return vd_http_run_set_up(&get->run, easy, request->ca_file) &&
        curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->body_max_bytes) ==
        CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer) == CURLE_OK;
}

/* One request without redirections. *next: where one leads, the caller's to free; NULL: nowhere. */
static int get_once(struct vd_http_get *get, const struct vd_http_get_request *request,
    const char *url, int64_t until_ms, struct vd_http_get_answer *answer, char **next)
{
    struct transfer transfer = {get->easy, &answer->body};
    struct curl_slist *list = NULL;
    const int64_t left_ms = until_ms - vd_clock_monotonic_ms();
    const char *target = NULL;
    long status = 0;
    int error = VD_E_NOMEM;

    if (left_ms <= 0) {
        return failed(get->easy, CURLE_OPERATION_TIMEDOUT, request, answer);
    }
    if (set_up(get, request, url, (int)left_ms, &transfer) && add_headers(&list, request) &&
        add_credential(&list, request)) {
        CURLcode code;

        curl_easy_setopt(get->easy, CURLOPT_HTTPHEADER, list);
        code = vd_http_run_transfer(&get->run, get->easy);
        curl_easy_getinfo(get->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(get->easy, CURLINFO_REDIRECT_URL, &target);
        answer->status = (int)status;
        *next = code == CURLE_OK && target != NULL ? strdup(target) : NULL;
        error = code != CURLE_OK ? failed(get->easy, code, request, answer)
                                 : judge(get->easy, request, answer);
    }
    curl_easy_reset(get->easy);
    headers_free(list);
    return error;
}

static int refuse(struct vd_http_get_answer *answer, const char *reason)
{
    snprintf(answer->reason, sizeof answer->reason, "%s", reason);
    return VD_E_DENIED;
}

int vd_http_get(struct vd_http_get *get, const struct vd_http_get_request *request,
    struct vd_http_get_answer *answer)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + request->timeout_ms;
    struct vd_http_get_request step = *request;
    char *url = NULL;
    char *next = NULL;
    int error;

    *answer = (struct vd_http_get_answer){.body.max = request->body_max_bytes};
    error = get_once(get, &step, request->url, until_ms, answer, &next);
    for (int i = 0; next != NULL; i++) {
        if (i == VD_HTTP_GET_REDIRECTS_MAX) {
            error = refuse(answer, "it is redirected too often");
            break;
        }
        if (vd_http_url_problem(next, false) != NULL || strncasecmp(next, "https:", 6) != 0) {
            error = refuse(answer, "it is redirected to what is not https");
            break;
        }
        if (!vd_http_same_origin(request->url, next)) {
            step.credential_kind = VD_HTTP_CREDENTIAL_NONE; /* from here on */
        }
        free(url);
        url = next;
        next = NULL;
        error = get_once(get, &step, url, until_ms, answer, &next);
    }
    free(url);
    free(next);
    return error;
}

void vd_http_get_interrupt(struct vd_http_get *get)
{
    vd_http_run_interrupt(&get->run);
}

void vd_http_get_free(struct vd_http_get *get)
{
    if (get != NULL) {
        curl_easy_cleanup(get->easy);
        vd_http_run_release(&get->run);
        free(get);
    }
}

int vd_http_get_new(struct vd_http_get **out)
{
    struct vd_http_get *get = calloc(1, sizeof *get);

    if (get == NULL) {
        return VD_E_NOMEM;
    }
    get->easy = curl_easy_init();
    if (vd_http_run_init(&get->run) != VD_OK || get->easy == NULL) {
        vd_http_get_free(get);
        return VD_E_NOMEM;
    }
    *out = get;
    return VD_OK;
}
