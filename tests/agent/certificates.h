/* SPDX-License-Identifier: MIT */
/* A CA and server certificates that a test makes for itself. */

#ifndef VEDETTE_TESTS_AGENT_CERTIFICATES_H
#define VEDETTE_TESTS_AGENT_CERTIFICATES_H

#include <openssl/ssl.h>

struct test_ca {
    EVP_PKEY *key;
    X509 *certificate;
};

/* A new CA with an EC key, valid for a day. Release with test_ca_release. */
struct test_ca test_ca_new(const char *name);
void test_ca_release(struct test_ca *ca);

/* Writes the CA's certificate as PEM. */
void test_ca_write(const struct test_ca *ca, const char *path);

/* A server context with a new key and a certificate of `ca` for `names`, which is written as
   OpenSSL's subjectAltName ("DNS:localhost,IP:127.0.0.1"), from `from_s` to `until_s` seconds from
   now. Release with SSL_CTX_free. */
SSL_CTX *test_server_context(
    const struct test_ca *ca, const char *names, long from_s, long until_s);

#endif
