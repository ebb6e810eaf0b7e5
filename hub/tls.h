/* SPDX-License-Identifier: MIT */
/* The hub's TLS: its context, and a BIO that reads from a buffer that all connections share. */

#ifndef VEDETTE_HUB_TLS_H
#define VEDETTE_HUB_TLS_H

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

#include "hub/x509.h"
#include "lib/error.h"

/* Ciphertext just received, for the one connection that is being served. */
struct vd_tls_input {
    const uint8_t *cur;
    const uint8_t *end;
};

/*
 * TLS 1.2 and 1.3 with that certificate chain and key (PEM). VD_E_INVALID with an explanation in error_text, VD_E_NOMEM.
 * asks_clients  every client is asked for a certificate, naming no CA. Clients without one, and with whatever one, pass the
 *               handshake; what it sends may be VD_HUB_CHAIN_MAX_BYTES together. A client that showed one never resumes
 */
VD_NODISCARD int vd_tls_context_new(const char *certificate_file, const char *private_key_file,
    bool asks_clients, SSL_CTX **context, char *error_text, size_t error_size);

/* After the handshake: what the client showed, for the caller to free; *out is NULL if nothing. VD_E_NOMEM. */
VD_NODISCARD int vd_tls_peer_certificate(SSL *ssl, struct vd_peer_certificate **out);

/*
 * The context of which new connections are made. Another thread may put the next one in its place: connections keep that of which
 * they were made, and a ticket is good for the context that gave it, so that who resumes has seen the certificate.
 */
struct vd_tls_server {
    pthread_mutex_t lock;
    SSL_CTX *context; /* NULL: none yet */
};

void vd_tls_server_init(struct vd_tls_server *server);
void vd_tls_server_release(struct vd_tls_server *server);

/* Takes the context over. False: it shows the same certificates as the one that is there, which then stays. Any thread. */
bool vd_tls_server_put(struct vd_tls_server *server, SSL_CTX *context);

/* An SSL of the context that is there now; NULL: no memory. Any thread. */
SSL *vd_tls_server_ssl(struct vd_tls_server *server);

/* Where a connection's TLS reads and writes. */
struct vd_tls_wire {
    int fd;                     /* written to, never read */
    struct vd_tls_input *input; /* NULL while another connection is served */
};

/*
 * A server's SSL that writes to the wire's fd and reads from its input alone. The caller receives into the input
 * and lets SSL take all of it before another connection uses it; `wire` must outlive the SSL. NULL: no memory.
 */
SSL *vd_tls_new(struct vd_tls_server *server, struct vd_tls_wire *wire);

/* Has an SSL whose handshake is done, of a context made here, read and write likewise. False (no memory): it is as it was. */
bool vd_tls_move(SSL *ssl, struct vd_tls_wire *wire);

/* After the handshake: wipes the keys of its exchange, which OpenSSL keeps as long as the connection: 500 bytes, and what
 * would open a recording of it. */
void vd_tls_forget_exchange(SSL *ssl);

/* What OpenSSL says is wrong, and forgets it; "" if nothing. Valid until the next call on the thread. */
const char *vd_tls_error_text(void);

#endif
