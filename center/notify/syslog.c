/* SPDX-License-Identifier: MIT */
/* Syslog: messages of RFC 5424 with the counted octets of RFC 5425 (TLS) and RFC 6587 (TCP). ADR 24 says what is not known. */

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "center/notify/sink_internal.h"
#include "lib/clock.h"
#include "lib/stream.h"

#define OPEN_TIMEOUT_MS 20000
#define SEND_TIMEOUT_MS 20000
#define TLS_PORT        "6514"

#define FACILITY     10 /* security */
#define HOSTNAME_MAX 255
#define SEQUENCE_MAX 2147483647U
#define BOM          "\xef\xbb\xbf"

/* What follows another within so long is in doubt with it, as far as there is room for. */
#define DOUBT_MS    10000
#define DOUBT_BYTES 32768

struct syslog {
    struct vd_notify_sink base;
    struct vd_stream *stream;
    enum vd_notify_format format;
    char host[HOSTNAME_MAX + 1]; /* ours */
    unsigned sequence;           /* the last that was delivered; RFC 5424, section 7.3.1 */
    struct vd_buf doubts[2];     /* what was sent last, in whole frames, the older first */
    int64_t doubted_ms;          /* monotonic: when the last of them was sent */
};

/* ---- Messages ---- */

static int severity_of(const json_t *alert)
{
    static const int severities[] = {6, 5, 4, 2}; /* informational, notice, warning, critical */
    const char *severity = vd_notify_text_of(alert, "severity");
    const int rank = severity != NULL ? vd_severity_rank(severity) : 0;

    return severities[rank >= 0 ? rank : 0];
}

static unsigned next_sequence(const struct syslog *self)
{
    return self->sequence % SEQUENCE_MAX + 1;
}

/* Appends "{octets} {message}". */
static int write_frame(
    const struct syslog *self, const struct vd_outbox_item *item, struct vd_buf *frame)
{
    struct vd_buf message = {0};
    char time[VD_TIME_TEXT_SIZE];
    int error;

    vd_time_format(item->time_ms, time);
    vd_buf_printf(&message, "<%d>1 %s %s vedette %ld %s [meta sequenceId=\"%u\"] " BOM,
        FACILITY * 8 + severity_of(item->alert), time, self->host, (long)getpid(),
        vd_outbox_what_text(item->what), next_sequence(self));
    error = vd_notify_format(item, self->format, &message);
    if (error == VD_OK) {
        vd_buf_printf(frame, "%zu ", message.length);
        vd_buf_append(frame, message.data, message.length);
        error = frame->error;
    }
    vd_buf_release(&message);
    return error;
}

/* ---- What may have to be sent again ---- */

static void forget(struct syslog *self)
{
    vd_buf_clear(&self->doubts[0]);
    vd_buf_clear(&self->doubts[1]);
}

static void doubt(struct syslog *self, const struct vd_buf *frame)
{
    const int64_t now_ms = vd_clock_monotonic_ms();

    if (now_ms - self->doubted_ms > DOUBT_MS) {
        forget(self);
    } else if (self->doubts[1].length > DOUBT_BYTES) {
        const struct vd_buf older = self->doubts[0];

        self->doubts[0] = self->doubts[1];
        self->doubts[1] = older;
        vd_buf_clear(&self->doubts[1]);
    }
    vd_buf_append(&self->doubts[1], frame->data, frame->length);
    self->doubted_ms = now_ms;
}

static int send_buf(struct syslog *self, const struct vd_buf *frames, char *reason)
{
    return frames->length == 0
        ? VD_OK
        : vd_stream_send(
              self->stream, (struct vd_str){(const char *)frames->data, frames->length}, reason);
}

/* A receiver that closes in order has read everything; of one that did not, who knows. */
static int open_again(struct syslog *self, char *reason)
{
    const enum vd_stream_end end = vd_stream_last_end(self->stream);
    int error = vd_stream_open(self->stream, reason);

    if (end == VD_STREAM_CLOSED) {
        forget(self);
    }
    for (int i = 0; i < 2 && error == VD_OK; i++) {
        error = send_buf(self, &self->doubts[i], reason);
    }
    return error;
}

/* ---- The sink ---- */

static int syslog_deliver(struct vd_notify_sink *sink, const struct vd_outbox_item *item,
    struct vd_http_post_failure *failure)
{
    struct syslog *self = (struct syslog *)sink;
    struct vd_buf frame = {0};
    int error = write_frame(self, item, &frame);

    _Static_assert(VD_HTTP_POST_REASON_SIZE >= VD_STREAM_REASON_SIZE, "reasons fit");
    *failure = (struct vd_http_post_failure){0};
    if (error == VD_OK && !vd_stream_is_open(self->stream)) {
        error = open_again(self, failure->reason);
    }
    if (error == VD_OK) {
        error = send_buf(self, &frame, failure->reason);
    }
    if (error == VD_OK) {
        self->sequence = next_sequence(self);
        doubt(self, &frame);
    }
    vd_buf_release(&frame);
    return error;
}

static void syslog_interrupt(struct vd_notify_sink *sink)
{
    vd_stream_interrupt(((struct syslog *)sink)->stream);
}

static void syslog_free(struct vd_notify_sink *sink)
{
    struct syslog *self = (struct syslog *)sink;

    vd_stream_free(self->stream);
    vd_buf_release(&self->doubts[0]);
    vd_buf_release(&self->doubts[1]);
    free(self);
}

/* Printable ASCII, or "-" where there is no name. */
static void read_host(char host[HOSTNAME_MAX + 1])
{
    if (gethostname(host, HOSTNAME_MAX + 1) != 0) {
        host[0] = '\0';
    }
    host[HOSTNAME_MAX] = '\0';
    for (char *at = host; *at != '\0'; at++) {
        *at = (char)(*at > ' ' && *at <= '~' ? *at : '-');
    }
    if (host[0] == '\0') {
        memcpy(host, "-", 2);
    }
}

/* ---- Settings ---- */

static bool is_loopback(const char *host)
{
    uint8_t ipv4[4];

    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
        (inet_pton(AF_INET, host, ipv4) == 1 && ipv4[0] == 127);
}

static bool has_part(CURLU *url, CURLUPart part)
{
    char *text = NULL;
    const bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK && strcmp(text, "/") != 0;

    curl_free(text);
    return has;
}

static bool is_text_or_absent(const json_t *settings, const char *name)
{
    const json_t *value = json_object_get(settings, name);

    return value == NULL || json_is_string(value);
}

/* What is wrong with the settings besides the URL; NULL: nothing. */
static const char *check_files(const json_t *settings, const struct vd_stream_config *config)
{
    const char *const files[] = {config->ca_file, config->certificate_file, config->key_file};
    const json_t *plain = json_object_get(settings, "plain");

    if (plain != NULL && !json_is_boolean(plain)) {
        return "plain is true or false";
    }
    if (!is_text_or_absent(settings, "caFile") || !is_text_or_absent(settings, "certFile") ||
        !is_text_or_absent(settings, "keyFile")) {
        return "caFile, certFile and keyFile are texts";
    }
    if ((config->certificate_file == NULL) != (config->key_file == NULL)) {
        return "certFile and keyFile go together";
    }
    for (size_t i = 0; i < 3; i++) {
        if (files[i] != NULL && access(files[i], R_OK) != 0) {
            return "caFile, certFile or keyFile cannot be read";
        }
    }
    return NULL;
}

/* The same of tls://HOST[:PORT] and tcp://HOST:PORT; *host and *port are curl_free's. */
static const char *read_url(
    CURLU *url, const json_t *settings, struct vd_stream_config *config, char **host, char **port)
{
    const char *text = vd_notify_text_of(settings, "url");
    static const char form[] = "url is to be tls://HOST[:PORT] or tcp://HOST:PORT";

    config->is_plain = text != NULL && strncmp(text, "tcp://", 6) == 0;
    if (text == NULL || (!config->is_plain && strncmp(text, "tls://", 6) != 0) ||
        curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
        has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PATH) ||
        has_part(url, CURLUPART_QUERY) || has_part(url, CURLUPART_FRAGMENT) ||
        curl_url_get(url, CURLUPART_HOST, host, 0) != CURLUE_OK || (*host)[0] == '\0') {
        return form;
    }
    if (curl_url_get(url, CURLUPART_PORT, port, 0) != CURLUE_OK && config->is_plain) {
        return form;
    }
    config->host = *host;
    config->port = (uint16_t)strtoul(*port != NULL ? *port : TLS_PORT, NULL, 10);
    if (config->port == 0) {
        return form;
    }
    if (config->is_plain && !is_loopback(*host) &&
        !json_is_true(json_object_get(settings, "plain"))) {
        return "tcp:// is not encrypted: beyond loopback it needs \"plain\": true (--plain)";
    }
    return NULL;
}

static int make_stream(const json_t *settings, struct vd_stream **out, char *problem)
{
    struct vd_stream_config config = {
        .ca_file = vd_notify_text_of(settings, "caFile"),
        .certificate_file = vd_notify_text_of(settings, "certFile"),
        .key_file = vd_notify_text_of(settings, "keyFile"),
        .open_timeout_ms = OPEN_TIMEOUT_MS,
        .send_timeout_ms = SEND_TIMEOUT_MS,
    };
    CURLU *url = curl_url();
    char *host = NULL;
    char *port = NULL;
    const char *wrong;
    int error;

    if (url == NULL) {
        return VD_E_NOMEM;
    }
    wrong = read_url(url, settings, &config, &host, &port);
    wrong = wrong == NULL ? check_files(settings, &config) : wrong;
    if (wrong != NULL) {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "%s", wrong);
        error = VD_E_INVALID;
    } else {
        error = vd_stream_new(&config, out);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(url);
    return error;
}

int vd_notify_syslog_new(const json_t *settings, struct vd_str secret, enum vd_notify_format format,
    struct vd_notify_sink **out, char *problem)
{
    static const struct vd_notify_sink_ops ops = {syslog_deliver, syslog_interrupt, syslog_free};
    struct syslog *self;
    int error;

    if (secret.length > 0) {
        snprintf(problem, VD_NOTIFY_PROBLEM_SIZE, "syslog takes no secret");
        return VD_E_INVALID;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &ops;
    self->format = format;
    read_host(self->host);
    error = make_stream(settings, &self->stream, problem);
    if (error != VD_OK) {
        syslog_free(&self->base);
        return error;
    }
    *out = &self->base;
    return VD_OK;
}
