/* SPDX-License-Identifier: MIT */
/* libcurl's CONNECT_ONLY: it resolves, connects and shakes hands so that it can be woken up; the rest is sent by hand. */

#include "lib/stream.h"

#include <curl/curl.h>
#include <linux/sockios.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "lib/clock.h"
#include "lib/http_run.h"

/* How long an interrupted wait goes on at most; the wake-up ends it sooner. */
#define POLL_MS 1000
/* No event tells that the kernel's queue is empty: it is looked at so often. */
#define DRAIN_MIN_MS 1
#define DRAIN_MAX_MS 50
/* With TLS 1.3 a server refuses a client's certificate after the client's side of the handshake has ended. */
#define SETTLE_MS 500
/* What a receiver, which has nothing to say, may say between two messages. */
#define SAID_MAX (64 * 1024)

struct vd_stream {
    CURLM *multi;
    CURL *easy; /* NULL: not connected */
    atomic_bool is_interrupted;
    int64_t settled_ms; /* monotonic */
    enum vd_stream_end end;
    bool is_barred; /* see vd_http_run_bar */
    struct vd_stream_config config;
    char *texts[4]; /* the config's */
};

static void drop(struct vd_stream *stream)
{
    if (stream->easy != NULL) {
        curl_multi_remove_handle(stream->multi, stream->easy);
        curl_easy_cleanup(stream->easy);
        stream->easy = NULL;
    }
}

static int fail(struct vd_stream *stream, CURLcode code, char *reason)
{
    vd_http_run_reason(stream->easy, code, reason, VD_STREAM_REASON_SIZE);
    drop(stream);
    return code == CURLE_OUT_OF_MEMORY     ? VD_E_NOMEM
        : code == CURLE_OPERATION_TIMEDOUT ? VD_E_TIMEOUT
                                           : VD_E_IO;
}

static int fail_interrupted(struct vd_stream *stream, char *reason)
{
    snprintf(reason, VD_STREAM_REASON_SIZE, "interrupted");
    drop(stream);
    return VD_E_CLOSED;
}

static bool set_files(CURL *easy, const struct vd_stream_config *config)
{
    return (config->ca_file == NULL ||
               (curl_easy_setopt(easy, CURLOPT_CAINFO, config->ca_file) == CURLE_OK &&
                   curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
        (config->certificate_file == NULL ||
            (curl_easy_setopt(easy, CURLOPT_SSLCERT, config->certificate_file) == CURLE_OK &&
                curl_easy_setopt(easy, CURLOPT_SSLKEY, config->key_file) == CURLE_OK));
}

/* Has a bare FIN not count as the end of TLS, which libcurl wants. */
static CURLcode tell_truncation(CURL *easy, void *context, void *unused)
{
    (void)easy;
    (void)unused;
    SSL_CTX_clear_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return CURLE_OK;
}

static bool set_up(struct vd_stream *stream)
{
    const struct vd_stream_config *config = &stream->config;
    CURL *easy = stream->easy;
    struct vd_buf url = {0};
    bool is_set;

    vd_buf_printf(&url, "%s://%s:%u", config->is_plain ? "http" : "https", config->host,
        (unsigned)config->port);
    curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)config->open_timeout_ms);
    is_set = url.error == VD_OK && vd_http_run_bar(easy, &stream->is_barred) &&
        curl_easy_setopt(easy, CURLOPT_URL, (const char *)url.data) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, tell_truncation) == CURLE_OK &&
        set_files(easy, config);
    vd_buf_release(&url);
    return is_set;
}

/* CURLE_ABORTED_BY_CALLBACK: interrupted. */
static CURLcode connect_now(struct vd_stream *stream)
{
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
    int running = 1;
    int left = 0;
    CURLMsg *message;

    while (running > 0 && !atomic_load(&stream->is_interrupted)) {
        if (curl_multi_perform(stream->multi, &running) != CURLM_OK ||
            (running > 0 && curl_multi_poll(stream->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
    while ((message = curl_multi_info_read(stream->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            code = message->data.result;
        }
    }
    return code;
}

int vd_stream_open(struct vd_stream *stream, char reason[VD_STREAM_REASON_SIZE])
{
    CURLcode code;

    drop(stream);
    stream->easy = curl_easy_init();
    if (stream->easy == NULL || !set_up(stream) ||
        curl_multi_add_handle(stream->multi, stream->easy) != CURLM_OK) {
        return fail(stream, CURLE_OUT_OF_MEMORY, reason);
    }
    code = connect_now(stream);
    if (atomic_load(&stream->is_interrupted)) {
        return fail_interrupted(stream, reason);
    }
    if (code != CURLE_OK) {
        return fail(stream, code, reason);
    }
    stream->end = VD_STREAM_NONE;
    stream->settled_ms = vd_clock_monotonic_ms() + SETTLE_MS;
    return VD_OK;
}

/* Whether the peer, of which nothing more comes, has said so before. */
static bool is_in_order(const struct vd_stream *stream)
{
    struct curl_tlssessioninfo *tls = NULL;

    return stream->config.is_plain ||
        (curl_easy_getinfo(stream->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK && tls != NULL &&
            tls->internals != NULL && tls->backend == CURLSSLBACKEND_OPENSSL &&
            (SSL_get_shutdown(tls->internals) & SSL_RECEIVED_SHUTDOWN) != 0);
}

/* CURLE_OK: it has not ended. Else the connection's end is noted. */
static CURLcode look(struct vd_stream *stream)
{
    char said[1024];
    size_t length = 0;

    for (size_t total = 0; total < SAID_MAX; total += length) {
        const CURLcode code = curl_easy_recv(stream->easy, said, sizeof said, &length);

        if (code == CURLE_AGAIN) {
            return CURLE_OK;
        }
        if (code != CURLE_OK || length == 0) {
            stream->end =
                code == CURLE_OK && is_in_order(stream) ? VD_STREAM_CLOSED : VD_STREAM_TORN;
            return CURLE_RECV_ERROR;
        }
    }
    stream->end = VD_STREAM_TORN;
    return CURLE_RECV_ERROR;
}

bool vd_stream_is_open(struct vd_stream *stream)
{
    if (stream->easy != NULL && look(stream) != CURLE_OK) {
        drop(stream);
    }
    return stream->easy != NULL;
}

static curl_socket_t socket_of(const struct vd_stream *stream)
{
    curl_socket_t fd = CURL_SOCKET_BAD;

    curl_easy_getinfo(stream->easy, CURLINFO_ACTIVESOCKET, &fd);
    return fd;
}

/* Waits for `events` of the connection, or so long, or for an interruption. */
static CURLcode wait_for(struct vd_stream *stream, short events, int64_t ms)
{
    struct curl_waitfd wanted = {.fd = socket_of(stream), .events = events};

    if (wanted.fd == CURL_SOCKET_BAD) {
        return CURLE_SEND_ERROR;
    }
    return curl_multi_poll(stream->multi, &wanted, 1, (int)(ms < POLL_MS ? ms : POLL_MS), NULL) ==
            CURLM_OK
        ? CURLE_OK
        : CURLE_OUT_OF_MEMORY;
}

/* CURLE_ABORTED_BY_CALLBACK: interrupted. */
static CURLcode write_all(struct vd_stream *stream, struct vd_str data, int64_t until_ms)
{
    size_t written = 0;

    while (written < data.length) {
        size_t n = 0;
        CURLcode code =
            curl_easy_send(stream->easy, data.data + written, data.length - written, &n);

        if (atomic_load(&stream->is_interrupted)) {
            return CURLE_ABORTED_BY_CALLBACK;
        }
        if (code == CURLE_AGAIN) {
            const int64_t left_ms = until_ms - vd_clock_monotonic_ms();

            if (left_ms <= 0) {
                return CURLE_OPERATION_TIMEDOUT;
            }
            code = look(stream);
            code = code == CURLE_OK
                ? wait_for(stream, CURL_WAIT_POLLOUT | CURL_WAIT_POLLIN, left_ms)
                : code;
        }
        if (code != CURLE_OK) {
            return code;
        }
        written += n;
    }
    return CURLE_OK;
}

/* Until the peer's kernel has acknowledged everything, and the connection has settled. */
static CURLcode drain(struct vd_stream *stream, int64_t until_ms)
{
    int64_t pause_ms = DRAIN_MIN_MS;

    for (;;) {
        const int64_t now_ms = vd_clock_monotonic_ms();
        const int64_t unsettled_ms = stream->settled_ms - now_ms;
        int queued = 0;
        CURLcode code =
            ioctl(socket_of(stream), SIOCOUTQ, &queued) == 0 ? look(stream) : CURLE_SEND_ERROR;

        if (code != CURLE_OK || (queued == 0 && unsettled_ms <= 0)) {
            return code;
        }
        if (now_ms >= until_ms) {
            return CURLE_OPERATION_TIMEDOUT;
        }
        code = wait_for(stream, CURL_WAIT_POLLIN, queued == 0 ? unsettled_ms : pause_ms);
        if (code != CURLE_OK) {
            return code;
        }
        if (atomic_load(&stream->is_interrupted)) {
            return CURLE_ABORTED_BY_CALLBACK;
        }
        pause_ms = pause_ms * 2 < DRAIN_MAX_MS ? pause_ms * 2 : DRAIN_MAX_MS;
    }
}

int vd_stream_send(struct vd_stream *stream, struct vd_str data, char reason[VD_STREAM_REASON_SIZE])
{
    const int64_t until_ms = vd_clock_monotonic_ms() + stream->config.send_timeout_ms;
    CURLcode code;

    if (stream->easy == NULL) {
        return fail(stream, CURLE_SEND_ERROR, reason);
    }
    code = write_all(stream, data, until_ms);
    code = code == CURLE_OK ? drain(stream, until_ms) : code;
    if (code == CURLE_OK) {
        return VD_OK;
    }
    if (code == CURLE_ABORTED_BY_CALLBACK) {
        return fail_interrupted(stream, reason);
    }
    stream->end = stream->end == VD_STREAM_NONE ? VD_STREAM_TORN : stream->end;
    return fail(stream, code, reason);
}

enum vd_stream_end vd_stream_last_end(const struct vd_stream *stream)
{
    return stream->end;
}

void vd_stream_interrupt(struct vd_stream *stream)
{
    atomic_store(&stream->is_interrupted, true);
    curl_multi_wakeup(stream->multi);
}

void vd_stream_free(struct vd_stream *stream)
{
    if (stream != NULL) {
        drop(stream);
        curl_multi_cleanup(stream->multi);
        for (size_t i = 0; i < sizeof stream->texts / sizeof stream->texts[0]; i++) {
            free(stream->texts[i]);
        }
        free(stream);
    }
}

/* NULL stays NULL; false without memory. */
static bool keep_text(struct vd_stream *stream, size_t i, const char **text)
{
    if (*text != NULL) {
        stream->texts[i] = strdup(*text);
        *text = stream->texts[i];
        return *text != NULL;
    }
    return true;
}

int vd_stream_new(const struct vd_stream_config *config, struct vd_stream **out)
{
    struct vd_stream *stream;

    if (config->host == NULL || (config->certificate_file == NULL) != (config->key_file == NULL)) {
        return VD_E_INVALID;
    }
    stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return VD_E_NOMEM;
    }
    stream->config = *config;
    stream->multi = curl_multi_init();
    if (stream->multi == NULL || !keep_text(stream, 0, &stream->config.host) ||
        !keep_text(stream, 1, &stream->config.ca_file) ||
        !keep_text(stream, 2, &stream->config.certificate_file) ||
        !keep_text(stream, 3, &stream->config.key_file)) {
        vd_stream_free(stream);
        return VD_E_NOMEM;
    }
    *out = stream;
    return VD_OK;
}
