/* SPDX-License-Identifier: MIT */
/* Makes certificates with OpenSSL; a failure ends the test program. */

#include "tests/agent/certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "certificates: %s failed\n", what);
        abort();
    }
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

/* A version 3 certificate of `key`, not signed yet. */
static X509 *new_certificate(
    const char *name, long serial, EVP_PKEY *key, long from_s, long until_s)
{
    X509 *certificate = X509_new();
    X509_NAME *subject;

    must(certificate != NULL, "X509_new");
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), until_s);
    X509_set_pubkey(certificate, key);
    subject = X509_get_subject_name(certificate);
    must(X509_NAME_add_entry_by_txt(
             subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1,
        "subject");
    return certificate;
}

struct test_ca test_ca_new(const char *name)
{
    struct test_ca ca = {EVP_EC_gen("P-256"), NULL};

    must(ca.key != NULL, "EVP_EC_gen");
    ca.certificate = new_certificate(name, 1, ca.key, -3600, 86400);
    X509_set_issuer_name(ca.certificate, X509_get_subject_name(ca.certificate));
    add_extension(ca.certificate, ca.certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca.certificate, ca.certificate, NID_key_usage, "critical,keyCertSign");
    add_extension(ca.certificate, ca.certificate, NID_subject_key_identifier, "hash");
    must(X509_sign(ca.certificate, ca.key, EVP_sha256()) > 0, "X509_sign");
    return ca;
}

void test_ca_release(struct test_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
}

void test_ca_write(const struct test_ca *ca, const char *path)
{
    FILE *file = fopen(path, "w");

    must(file != NULL && PEM_write_X509(file, ca->certificate) == 1, path);
    must(fclose(file) == 0, path);
}

SSL_CTX *test_server_context(const struct test_ca *ca, const char *names, long from_s, long until_s)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = new_certificate("server", 2, key, from_s, until_s);

    X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate));
    add_extension(certificate, ca->certificate, NID_subject_alt_name, names);
    add_extension(certificate, ca->certificate, NID_ext_key_usage, "serverAuth");
    must(X509_sign(certificate, ca->key, EVP_sha256()) > 0, "X509_sign");
    must(context != NULL && SSL_CTX_use_certificate(context, certificate) == 1 &&
            SSL_CTX_use_PrivateKey(context, key) == 1,
        "server context");
    X509_free(certificate);
    EVP_PKEY_free(key);
    return context;
}
