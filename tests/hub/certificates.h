/* SPDX-License-Identifier: MIT */
/* Certificates that tests make: authorities, devices, and what is wrong with them. */

#ifndef VEDETTE_TESTS_HUB_CERTIFICATES_H
#define VEDETTE_TESTS_HUB_CERTIFICATES_H

#include "hub/x509.h"

struct test_certificate {
    X509 *x509;
    EVP_PKEY *key;
};

/* What is not said is as it should be: EC P-256, valid for an hour before and after now_s. */
struct test_certificate_plan {
    const char *common_name;               /* NULL: none */
    const char *other_common_name;         /* a second one */
    int common_name_length;                /* 0: of the text */
    const struct test_certificate *issuer; /* NULL: itself */
    const struct test_certificate *key_of; /* whose key it has; NULL: a new one */
    int64_t now_s;                         /* UTC */
    int64_t not_before_s;                  /* 0: now_s - 3600 */
    int64_t not_after_s;                   /* 0: now_s + 3600 */
    const char *basic_constraints;         /* "critical,CA:TRUE"; NULL: none */
    const char *extended_key_usage;
    const char *not_after_text; /* in place of a time, which it need not be; NULL: not_after_s */
    unsigned rsa_bits;          /* 0: EC */
    int rsa_primes;             /* RSA of so many of 512 bits: any size in no time; 0: rsa_bits */
    bool has_long_exponent;     /* of those: public, and as long as the modulus */
    int comment_bytes;          /* of an extension that only takes room */
};

/* Fails the test if it cannot. */
struct test_certificate test_certificate_make(const struct test_certificate_plan *plan);
void test_certificate_release(struct test_certificate *certificate);

/* A root of that name; a leaf of `issuer`. */
struct test_certificate test_certificate_ca(const char *name, int64_t now_s);
struct test_certificate test_certificate_leaf(
    const char *name, const struct test_certificate *issuer, int64_t now_s);

/* As a client shows it, with one other behind it (NULL: none); the caller frees it. */
struct vd_peer_certificate *test_certificate_shown(
    const struct test_certificate *leaf, const struct test_certificate *other);

/* As the registry keeps it. */
struct vd_ca_certificate test_certificate_stored(
    const char *name, const struct test_certificate *ca, bool is_verified);

/* PEM; appended to. */
void test_certificate_pem(const struct test_certificate *certificate, struct vd_buf *out);

/* Writes PEM files; NULL: not that one. Fails the test if it cannot. */
void test_certificate_write(
    const struct test_certificate *certificate, const char *path, const char *key_path);

#endif
