/* SPDX-License-Identifier: MIT */
/* A client that speaks TLS to the hub under test, and the certificates for both. */

#ifndef VEDETTE_TESTS_HUB_TLS_CLIENT_H
#define VEDETTE_TESTS_HUB_TLS_CLIENT_H

#include <openssl/ssl.h>

#include "lib/str.h"

struct tls_client {
    int fd;
    SSL *ssl;
};

/* Writes a key and a self-signed certificate for it as PEM; false if that fails. */
bool tls_client_make_certificate(const char *certificate_file, const char *key_file);

/* A TCP connection to the port on loopback; -1 if refused. Reads end after 20 s. */
int tls_client_tcp(uint16_t port);

/* Connects and shakes hands with that version (0: any), trusting certificate_file alone. False: client is closed. */
bool tls_client_open(
    struct tls_client *client, uint16_t port, const char *certificate_file, int version);
/* What a client shows of itself; all may be NULL. */
struct tls_client_identity {
    X509 *certificate;
    EVP_PKEY *key;
    X509 *other;          /* sent behind its own */
    SSL_SESSION *session; /* to resume */
    const char *address;  /* where it comes from, on loopback; NULL: 127.0.0.1 */
};

/* The same, showing that. */
bool tls_client_open_as(struct tls_client *client, uint16_t port, const char *certificate_file,
    int version, const struct tls_client_identity *identity);
bool tls_client_write(struct tls_client *client, const void *data, size_t length);

/* Reads exactly that many bytes; false if the peer closes before. */
bool tls_client_read(struct tls_client *client, void *out, size_t length);

/* Reads until the peer closes; *length is how many bytes came. False if it does not close within 20 s. */
bool tls_client_read_end(struct tls_client *client, size_t *length);

/* True if nothing comes within that time. */
bool tls_client_is_silent(struct tls_client *client, int ms);
void tls_client_close(struct tls_client *client);

#endif
