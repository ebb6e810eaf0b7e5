/* SPDX-License-Identifier: MIT */
/* The TLS connections of an HTTP server: how many, how slow, and how much of requests they may hold. */

#ifndef VEDETTE_API_HTTP_TLS_H
#define VEDETTE_API_HTTP_TLS_H

#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <stdbool.h>

#include "hub/tls.h"
#include "lib/str.h"

/* Connections at a time: some 40 KB each while idle. More wait in the kernel until one ends. */
#define VD_HTTP_TLS_CONNECTIONS_MAX 512

/* Of them from one IPv4 address or IPv6 /64, a quarter, so that no address takes all: browsers open six each, and back ends
 * and devices share the address of their network. One more is closed. */
#define VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX 128

/* From accept, or from the answer before, until the next request is whole: 4 MiB in it are 70 KB/s. Once nobody has logged in
 * for so long (since accept, or the answer to the last who did), the next answer is the connection's last: who never does
 * keeps none for more than three times that. */
#define VD_HTTP_TLS_REQUEST_DEADLINE_MS 60000

/* Of requests that are not whole yet, in all: beyond it the connection that holds most is cut off. */
#define VD_HTTP_TLS_PENDING_MAX_BYTES (64u << 20)

struct vd_http_tls;

struct vd_http_tls_config {
    const char *certificate_file; /* PEM, both */
    const char *private_key_file;
    bool
        wants_certificates; /* clients are asked for one, and pass with any or none: see hub/tls.h */
    size_t read_max_bytes;  /* the largest request: what one connection may hold unread */
    uint32_t address_connects_per_s; /* as in api/http.h */
    int request_deadline_ms;         /* 0: as above */
};

/*
 * Makes every connection that `server` accepts from `listener` one of TLS. All of it belongs to the loop's thread.
 * VD_E_INVALID (certificate or key) with the reason in error_text, VD_E_NOMEM.
 */
VD_NODISCARD int vd_http_tls_new(const struct vd_http_tls_config *config, struct event_base *base,
    struct evhttp *server, struct evconnlistener *listener, struct vd_http_tls **out,
    char *error_text, size_t error_size);

/* As vd_tls_server_put. Any thread. */
bool vd_http_tls_put(struct vd_http_tls *tls, SSL_CTX *context);

/* Another rate of handshakes, as of the configuration. Any thread. */
void vd_http_tls_set_connects(struct vd_http_tls *tls, uint32_t address_connects_per_s);

/* Call before evhttp_free, which frees the listener. NULL is allowed. */
void vd_http_tls_listener_gone(struct vd_http_tls *tls);

/* Call behind event_base_free, which ends the last connections. NULL is allowed. */
void vd_http_tls_free(struct vd_http_tls *tls);

/* A whole request has come: its connection's clock stands still until it is answered. False: it did not come over
 * TLS (there was no memory for that), and must be refused. */
bool vd_http_tls_begin(struct evhttp_request *request);

/* Whoever sent the request has logged in. Before its answer is sent. */
void vd_http_tls_login(struct evhttp_request *request);

/* Its answer is about to be sent; it may get a header that makes it the connection's last. */
void vd_http_tls_end(struct evhttp_request *request);

struct vd_http_tls_taken {
    int fd;
    SSL *ssl;            /* without a BIO */
    struct vd_str early; /* what came behind the request; valid until the call returns */
};

/*
 * Takes a connection away from evhttp, whose last request `request` is, and which must be ending: that and all that HTTP has
 * of the connection is freed. `taken` is called with what is left, the callee's to close, once nobody else touches it: from
 * the loop, soon, or when the server is freed. False: it cannot be done (no memory, no descriptor, too much behind the
 * request), and the connection is as it was.
 */
bool vd_http_tls_take(struct evhttp_request *request,
    void (*taken)(void *context, const struct vd_http_tls_taken *what), void *context);

#endif
