/* SPDX-License-Identifier: MIT */
/* Makes certificates by OpenSSL. */

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "tests/hub/certificates.h"

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void add_common_name(X509_NAME *name, const char *text, int length)
{
    if (text != NULL) {
        assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                             (const unsigned char *)text, length > 0 ? length : -1, -1, 0),
            1);
    }
}

static void add_comment(X509 *certificate, int length)
{
    ASN1_IA5STRING *comment = ASN1_IA5STRING_new();
    char *text = malloc((size_t)length);

    assert_non_null(text);
    memset(text, 'c', (size_t)length);
    assert_int_equal(ASN1_STRING_set(comment, text, length), 1);
    assert_int_equal(X509_add1_ext_i2d(certificate, NID_netscape_comment, comment, 0, 0), 1);
    free(text);
    ASN1_IA5STRING_free(comment);
}

/* ---- Keys ---- */

static void push_number(OSSL_PARAM_BLD *params, const char *name, const BIGNUM *number)
{
    assert_int_equal(OSSL_PARAM_BLD_push_BN(params, name, number), 1);
}

static EVP_PKEY *key_of_numbers(const BIGNUM *n, const BIGNUM *e, const BIGNUM *d)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM_BLD *building = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    push_number(building, OSSL_PKEY_PARAM_RSA_N, n);
    push_number(building, OSSL_PKEY_PARAM_RSA_E, e);
    push_number(building, OSSL_PKEY_PARAM_RSA_D, d);
    params = OSSL_PARAM_BLD_to_param(building);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, params), 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(building);
    EVP_PKEY_CTX_free(context);
    return key;
}

static EVP_PKEY *key_of_primes(int count, bool has_long_exponent)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *modulus = BN_new();
    BIGNUM *order = BN_new(); /* of the group: the product of all primes less one */
    BIGNUM *small = BN_new();
    BIGNUM *inverse = NULL;
    BIGNUM *prime = BN_new();
    EVP_PKEY *key;

    assert_int_equal(BN_set_word(small, RSA_F4), 1);
    while (inverse == NULL) {
        assert_true(BN_one(modulus) == 1 && BN_one(order) == 1);
        for (int i = 0; i < count; i++) {
            assert_int_equal(BN_generate_prime_ex(prime, 512, 0, NULL, NULL, NULL), 1);
            assert_int_equal(BN_mul(modulus, modulus, prime, context), 1);
            assert_int_equal(BN_sub_word(prime, 1), 1);
            assert_int_equal(BN_mul(order, order, prime, context), 1);
        }
        inverse = BN_mod_inverse(NULL, small, order, context);
    }
    key = has_long_exponent ? key_of_numbers(modulus, inverse, small)
                            : key_of_numbers(modulus, small, inverse);
    BN_free(modulus);
    BN_free(order);
    BN_free(small);
    BN_free(inverse);
    BN_free(prime);
    BN_CTX_free(context);
    return key;
}

static EVP_PKEY *key_for(const struct test_certificate_plan *plan)
{
    if (plan->key_of != NULL) {
        EVP_PKEY_up_ref(plan->key_of->key);
        return plan->key_of->key;
    }
    if (plan->rsa_primes > 0) {
        return key_of_primes(plan->rsa_primes, plan->has_long_exponent);
    }
    return plan->rsa_bits > 0 ? EVP_RSA_gen(plan->rsa_bits) : EVP_EC_gen("P-256");
}

struct test_certificate test_certificate_make(const struct test_certificate_plan *plan)
{
    static long serial = 1;
    struct test_certificate made = {X509_new(), key_for(plan)};
    X509 *issuer = plan->issuer != NULL ? plan->issuer->x509 : made.x509;
    EVP_PKEY *signer = plan->issuer != NULL ? plan->issuer->key : made.key;
    X509_NAME *name = X509_get_subject_name(made.x509);
    int64_t from = plan->not_before_s != 0 ? plan->not_before_s : plan->now_s - 3600;
    int64_t until = plan->not_after_s != 0 ? plan->not_after_s : plan->now_s + 3600;

    assert_non_null(made.key);
    X509_set_version(made.x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.x509), serial++);
    ASN1_TIME_set(X509_getm_notBefore(made.x509), (time_t)from);
    ASN1_TIME_set(X509_getm_notAfter(made.x509), (time_t)until);
    if (plan->not_after_text != NULL) {
        assert_int_equal(
            ASN1_STRING_set(X509_getm_notAfter(made.x509), plan->not_after_text, -1), 1);
    }
    add_common_name(name, plan->common_name, plan->common_name_length);
    add_common_name(name, plan->other_common_name, 0);
    X509_set_issuer_name(made.x509, X509_get_subject_name(issuer));
    X509_set_pubkey(made.x509, made.key);
    if (plan->basic_constraints != NULL) {
        add_extension(made.x509, issuer, NID_basic_constraints, plan->basic_constraints);
    }
    if (plan->extended_key_usage != NULL) {
        add_extension(made.x509, issuer, NID_ext_key_usage, plan->extended_key_usage);
    }
    if (plan->comment_bytes > 0) {
        add_comment(made.x509, plan->comment_bytes);
    }
    assert_true(X509_sign(made.x509, signer, EVP_sha256()) > 0);
    return made;
}

void test_certificate_release(struct test_certificate *certificate)
{
    X509_free(certificate->x509);
    EVP_PKEY_free(certificate->key);
    *certificate = (struct test_certificate){NULL, NULL};
}

struct test_certificate test_certificate_ca(const char *name, int64_t now_s)
{
    const struct test_certificate_plan plan = {
        .common_name = name, .now_s = now_s, .basic_constraints = "critical,CA:TRUE"};

    return test_certificate_make(&plan);
}

struct test_certificate test_certificate_leaf(
    const char *name, const struct test_certificate *issuer, int64_t now_s)
{
    const struct test_certificate_plan plan = {
        .common_name = name, .issuer = issuer, .now_s = now_s};

    return test_certificate_make(&plan);
}

struct vd_peer_certificate *test_certificate_shown(
    const struct test_certificate *leaf, const struct test_certificate *other)
{
    STACK_OF(X509) *others = other != NULL ? sk_X509_new_null() : NULL;
    struct vd_peer_certificate *shown = NULL;

    if (other != NULL) {
        assert_true(sk_X509_push(others, other->x509) > 0);
    }
    assert_int_equal(vd_peer_certificate_new(leaf->x509, others, &shown), VD_OK);
    sk_X509_free(others);
    return shown;
}

struct vd_ca_certificate test_certificate_stored(
    const char *name, const struct test_certificate *ca, bool is_verified)
{
    struct vd_ca_certificate stored = {.is_verified = is_verified, .etag = 1};
    uint8_t *at = stored.der;
    int length = i2d_X509(ca->x509, NULL);

    assert_true(length > 0 && (size_t)length <= sizeof stored.der);
    stored.der_length = (size_t)i2d_X509(ca->x509, &at);
    assert_int_equal(vd_text_copy(name, stored.name, sizeof stored.name), VD_OK);
    return stored;
}

void test_certificate_pem(const struct test_certificate *certificate, struct vd_buf *out)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long length;

    assert_int_equal(PEM_write_bio_X509(bio, certificate->x509), 1);
    length = BIO_get_mem_data(bio, &text);
    assert_true(length > 0);
    vd_buf_append(out, text, (size_t)length);
    assert_int_equal(out->error, VD_OK);
    BIO_free(bio);
}

static void write_pem(const char *path, X509 *x509, EVP_PKEY *private_key)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    if (x509 != NULL) {
        assert_int_equal(PEM_write_X509(file, x509), 1);
    } else {
        assert_int_equal(PEM_write_PrivateKey(file, private_key, NULL, NULL, 0, NULL, NULL), 1);
    }
    assert_int_equal(fclose(file), 0);
}

void test_certificate_write(
    const struct test_certificate *certificate, const char *path, const char *key_path)
{
    if (path != NULL) {
        write_pem(path, certificate->x509, NULL);
    }
    if (key_path != NULL) {
        write_pem(key_path, NULL, certificate->key);
    }
}
