/* SPDX-License-Identifier: MIT */
/* HTTP: servers on a unix socket or on TLS, and the faces that answer what comes in. */

#ifndef VEDETTE_API_HTTP_H
#define VEDETTE_API_HTTP_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/str.h"

struct evkeyvalq;
struct ssl_ctx_st;

/* ---- A face: from a request to an answer, whatever it came over ---- */

struct vd_http_request {
    const char *method;              /* upper case; "OTHER" for one that no face knows */
    const char *path;                /* percent-encoded, without the query */
    const char *query;               /* percent-encoded; "": none */
    const struct evkeyvalq *headers; /* NULL: none */
    const char *peer;                /* numeric address; "" over a unix socket */
    struct vd_str body;
    struct vd_http_later *later; /* for vd_http_later; NULL: it must be answered at once */
    const uid_t *user;           /* at the other end of a unix socket; NULL over TLS */
    const atomic_bool *is_gone;  /* true once nobody waits for the answer; as long as `call` runs */
};

/* The value of a header, its name in any case; NULL if it is absent. Valid as long as the request. */
const char *vd_http_header(const struct vd_http_request *request, const char *name);

/* Headers that a face gives beside Content-Type: an error code, an ETag, a continuation and what it continues. */
#define VD_HTTP_ANSWER_HEADERS 4
#define VD_HTTP_VALUE_SIZE \
    1024 /* the continuation of a query names two ids, each byte of them as %XX */

/* An answer that is no JSON, with as many headers as it takes. */
struct vd_http_content {
    struct vd_buf body;
    struct vd_buf headers; /* name and value by turns, each with its NUL */
};

/* NULL: no memory. */
struct vd_http_content *vd_http_content_new(void);
/* Control characters go out as %XX: they would end the header. A failure stays in content->headers.error. */
void vd_http_content_header(struct vd_http_content *content, const char *name, const char *value);
/* NULL is allowed. */
void vd_http_content_free(struct vd_http_content *content);

struct vd_http_answer {
    int status;                      /* of HTTP */
    json_t *body;                    /* the caller's to free; NULL: none. Is not sent to HEAD */
    struct vd_http_content *content; /* instead; the caller's likewise */
    struct {
        const char *name; /* static */
        char value[VD_HTTP_VALUE_SIZE];
    } headers[VD_HTTP_ANSWER_HEADERS];
    size_t header_count;
    bool has_login; /* whoever asked has shown who he is: his connection may stay open */
};

/* Adds a header. Left out: one too many, a value that is too long or holds a control character. */
void vd_http_answer_header(struct vd_http_answer *answer, const char *name, const char *value);

/* How long whoever asked too much at once is to wait. */
#define VD_HTTP_RETRY_AFTER_S 5

/* Adds Retry-After: the same may be asked again after that. */
void vd_http_answer_retry_after(struct vd_http_answer *answer, unsigned seconds);

/* Gives the answer, which comes zeroed with status 500. One of the server's threads; may block. */
typedef void vd_http_resumed(void *context, struct vd_http_answer *answer);

/*
 * For a face whose `call` would have to wait for something that is no disk, and so would hold a thread: what `call` answers
 * is not sent. Instead a thread calls `resumed` once vd_http_resume was called, which must happen exactly once. The request
 * is gone when `call` returns. Called from within `call`, once, with the request's `later`.
 */
void vd_http_later(struct vd_http_later *later, vd_http_resumed *resumed, void *context);

/* True if that was called for the request: what `call` answers is not sent. Within `call`. */
bool vd_http_is_later(const struct vd_http_later *later);

/* Has `then` see the answer that `resumed` gives, before it is sent; on its thread, may block. Within `call`, once. */
void vd_http_later_then(struct vd_http_later *later, vd_http_resumed *then, void *context);

/* Any thread, maybe before `call` has returned; does not wait. */
void vd_http_resume(struct vd_http_later *later);

/* ---- Answers that go on ---- */

/* At a time, of a server. */
#define VD_HTTP_STREAMS_MAX 64

struct vd_http_stream;

/*
 * Makes the answer of the request one that goes on: it is 200 with the headers that `call` sets, its body whatever is sent
 * until it is closed, which must happen exactly once; a server that is told to stop waits for that. Called from within `call`,
 * once, with the request's `later`, and not where it is answered later. NULL: there are VD_HTTP_STREAMS_MAX, the server stops,
 * or no memory: the request is to be answered another way.
 */
struct vd_http_stream *vd_http_stream_open(struct vd_http_later *later);

/* Adds to it; any thread, does not wait. False, and nothing is added: the client is gone or does not read, or the server
 * stops. All that is left is to close it. length 0: only asks for that. */
VD_NODISCARD bool vd_http_stream_send(
    struct vd_http_stream *stream, const void *data, size_t length);

/* The end of it; what was sent before still goes out, unless the server stops meanwhile. Any thread, does not wait. */
void vd_http_stream_close(struct vd_http_stream *stream);

/* ---- Faces ---- */

struct vd_http_pair {
    const char *name;
    const char *value;
};

struct vd_http_face {
    const char *prefix; /* of the paths that it takes; "" takes all */
    /* Which of those it takes; NULL: each. Any thread. */
    bool (*takes)(const char *path);
    size_t body_max_bytes; /* of a request; a longer one is refused with 413 */
    /* Answers; any of the server's threads, several at once; may block. *answer comes zeroed with status 500. */
    void (*call)(
        void *context, const struct vd_http_request *request, struct vd_http_answer *answer);
    /* The server's own refusal (413, 503) in the face's form. The loop's thread: must not block. */
    void (*refuse)(int status, struct vd_http_answer *answer);
    void *context;
    /* Headers of all its answers, refusals too, that do not say otherwise. Static. */
    const struct vd_http_pair *headers;
    size_t header_count;
    /* `call` does not block: the loop's thread calls it, also while no worker is free. */
    bool is_prompt;
};

/* ---- Connections that speak something else than HTTP from a request on ---- */

struct vd_hub;

/* Where clients of the server may ask for WebSocket with a subprotocol, and who takes their connections over. */
struct vd_http_upgrade {
    const char *path; /* decoded; NULL: nowhere */
    const char *protocol;
    struct vd_hub *hub; /* must outlive the server */
};

/* ---- Servers ---- */

struct vd_http_config {
    const char
        *unix_path; /* mode 0600, one that is left over is replaced; NULL: TLS on what follows */
    const char *address;          /* numeric IPv4 or IPv6 */
    uint16_t port;                /* 0: any free one, see vd_http_port */
    const char *certificate_file; /* PEM, both */
    const char *private_key_file;
    uint32_t
        address_connects_per_s; /* over TLS: handshakes of an IPv4 address or IPv6 /64; 0: any */
    int request_deadline_ms;    /* over TLS, until a request is whole; 0: as in api/http_tls.h */
    unsigned workers;           /* threads that call faces: 1 to 64 */
    const struct vd_http_face
        *faces; /* the first whose prefix fits takes a request; copied, their context is not */
    size_t face_count; /* 1 to 8 */
    struct vd_http_upgrade
        upgrade; /* over TLS only; clients are then asked for a certificate, and need not show one */
};

struct vd_http;

/*
 * Listens and answers in threads of its own. The process must ignore SIGPIPE.
 * VD_E_INVALID (path too long, address, certificate), VD_E_BUSY (port is taken), VD_E_DENIED, VD_E_IO, VD_E_NOMEM with
 * the reason in error_text.
 */
VD_NODISCARD int vd_http_start(
    const struct vd_http_config *config, struct vd_http **out, char *error_text, size_t error_size);

/* The port that it listens on; 0 for a unix socket. */
uint16_t vd_http_port(const struct vd_http *http);

/* Of a server on TLS: as vd_tls_server_put of hub/tls.h, with a context that asks clients for a certificate where the server upgrades;
 * connections that come from now on see its certificates. Any thread. */
bool vd_http_set_tls(struct vd_http *http, struct ssl_ctx_st *context);

/* Likewise another address_connects_per_s. Any thread. */
void vd_http_set_connects(struct vd_http *http, uint32_t address_connects_per_s);

struct vd_http_beats {
    int64_t loop_ms; /* the last beat of its loop, as in lib/pulse.h */
    int64_t
        waiting_since_ms; /* monotonic: since when the first of those that wait for a worker waits; 0: none does */
};

/* Any thread. */
void vd_http_beats_get(struct vd_http *http, struct vd_http_beats *out);

/*
 * Takes no more requests and waits for those under way, answered later or not, and until streams are closed, but no longer than
 * timeout_ms; after half of it is_gone is set for what goes on. True: all ended, everything is freed. False: one goes on (a long
 * query): what the faces work on must not be closed. NULL is allowed.
 */
bool vd_http_stop(struct vd_http *http, int timeout_ms);

#endif
