/* SPDX-License-Identifier: MIT */
/* A TCP connection with TLS on it that never blocks. */

#ifndef ASC_LINUX_TLS_H
#define ASC_LINUX_TLS_H

#include <netdb.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#define ASC_LINUX_TLS_ERROR_BYTES 200u

enum asc_linux_tls_result {
    ASC_LINUX_TLS_DONE,
    ASC_LINUX_TLS_WAIT,  /* poll asc_linux_tls.events, then call again */
    ASC_LINUX_TLS_END,   /* the peer closed */
    ASC_LINUX_TLS_FAILED /* asc_linux_tls.error says why */
};

/* One connection; zeroed by the caller, closed by asc_linux_tls_close. */
struct asc_linux_tls {
    SSL *ssl;
    int fd; /* valid while ssl is not NULL */
    bool connected;
    short events; /* POLLIN or POLLOUT: what the last WAIT waits for */
    char error[ASC_LINUX_TLS_ERROR_BYTES];
};

/* TLS 1.2 or later, with verified peers only. `ca_file`: PEM file of the trusted CAs, NULL: the
   system's. Returns NULL with the reason in `error`; release with SSL_CTX_free. */
SSL_CTX *asc_linux_tls_context(const char *ca_file, char error[ASC_LINUX_TLS_ERROR_BYTES]);

/* Starts connecting to `address`; the certificate must be for `host`, a name or an address.
   WAIT, or FAILED with everything released. */
enum asc_linux_tls_result asc_linux_tls_open(
    struct asc_linux_tls *t, SSL_CTX *context, const struct addrinfo *address, const char *host);

/* Goes on with TCP connect and TLS handshake: DONE, WAIT or FAILED. */
enum asc_linux_tls_result asc_linux_tls_handshake(struct asc_linux_tls *t);

/* Reads 1 to `size` bytes: DONE with `length`, WAIT, END or FAILED. */
enum asc_linux_tls_result asc_linux_tls_read(
    struct asc_linux_tls *t, uint8_t *out, size_t size, size_t *length);

/* Writes 1 to `size` bytes: DONE with `length`, WAIT, END or FAILED. */
enum asc_linux_tls_result asc_linux_tls_write(
    struct asc_linux_tls *t, const uint8_t *data, size_t size, size_t *length);

/* Sends TLS's goodbye if it can at once, and closes; allowed at any time. */
void asc_linux_tls_close(struct asc_linux_tls *t);

#endif
