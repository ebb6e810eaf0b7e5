/* SPDX-License-Identifier: MIT */
/* Reads and judges certificates by OpenSSL. */

#include "hub/x509.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "lib/secret.h"

/* OpenSSL's level 2, 112 bits: RSA from 2048, EC from 224 bits, no SHA-1. */
#define CHAIN_SECURITY_LEVEL 2

static void to_hex(const uint8_t *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

/* False leaves *out untouched. */
static bool read_time(const ASN1_TIME *time, int64_t *out)
{
    struct tm parts = {0};

    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) {
        return false;
    }
    *out = (int64_t)timegm(&parts) * 1000;
    return true;
}

static int digest_hex(const X509 *certificate, const EVP_MD *type, char *out)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    if (X509_digest(certificate, type, digest, &length) != 1) {
        return VD_E_NOMEM;
    }
    to_hex(digest, length, out);
    return VD_OK;
}

/* The subject's one CN; "" if there is none, more than one, one with a NUL, or one that does not fit. */
static void read_common_name(const X509 *certificate, char *out, size_t size)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(subject, at) : NULL;
    unsigned char *text = NULL;
    int length;

    out[0] = '\0';
    if (entry == NULL || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0) {
        return;
    }
    length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry));
    if (length > 0 &&
        vd_str_copy((struct vd_str){(const char *)text, (size_t)length}, out, size) != VD_OK) {
        out[0] = '\0';
    }
    OPENSSL_free(text);
}

int vd_peer_certificate_new(X509 *leaf, STACK_OF(X509) * others, struct vd_peer_certificate **out)
{
    struct vd_peer_certificate *made = calloc(1, sizeof *made);
    int error = made != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK) {
        error = digest_hex(leaf, EVP_sha1(), made->sha1);
    }
    if (error == VD_OK) {
        error = digest_hex(leaf, EVP_sha256(), made->sha256);
    }
    if (error == VD_OK && others != NULL) {
        made->others = X509_chain_up_ref(others);
        error = made->others != NULL ? VD_OK : VD_E_NOMEM;
    }
    if (error != VD_OK) {
        free(made);
        return error;
    }
    X509_up_ref(leaf);
    made->leaf = leaf;
    made->not_before_ms = INT64_MAX;
    made->not_after_ms = 0;
    read_time(X509_get0_notBefore(leaf), &made->not_before_ms);
    read_time(X509_get0_notAfter(leaf), &made->not_after_ms);
    read_common_name(leaf, made->common_name, sizeof made->common_name);
    ERR_clear_error();
    *out = made;
    return VD_OK;
}

void vd_peer_certificate_free(struct vd_peer_certificate *certificate)
{
    if (certificate != NULL) {
        X509_free(certificate->leaf);
        sk_X509_pop_free(certificate->others, X509_free);
        free(certificate);
    }
}

static bool same_text(const char *a, const char *b)
{
    size_t length = strlen(a);

    return strlen(b) == length && CRYPTO_memcmp(a, b, length) == 0;
}

bool vd_x509_has_thumbprint(
    const struct vd_peer_certificate *certificate, const char thumbprints[2][VD_THUMBPRINT_SIZE])
{
    bool found = false;

    for (int i = 0; i < 2; i++) {
        bool sha1 = same_text(thumbprints[i], certificate->sha1);
        bool sha256 = same_text(thumbprints[i], certificate->sha256);

        found |= sha1 | sha256;
    }
    return found;
}

/* ---- Chains ---- */

/* The certificate that is all of `der`; NULL: it holds none. */
static X509 *from_der(const uint8_t *der, size_t length)
{
    const uint8_t *at = der;
    X509 *certificate = length <= LONG_MAX ? d2i_X509(NULL, &at, (long)length) : NULL;

    if (certificate != NULL && at != der + length) {
        X509_free(certificate);
        certificate = NULL;
    }
    return certificate;
}

struct anchors {
    const struct vd_peer_certificate *certificate;
    X509_STORE *store;
    int error;
};

/* True if `der` holds, byte for byte, the name that issued the certificate. */
static bool holds_issuer(const struct vd_ca_certificate *ca, const X509 *certificate)
{
    const unsigned char *name = NULL;
    size_t length = 0;

    return X509_NAME_get0_der(X509_get_issuer_name(certificate), &name, &length) == 1 &&
        memmem(ca->der, ca->der_length, name, length) != NULL;
}

/* A hundred certificates take longer to read than a loop may stand still: only what can have issued one is read. */
static bool may_anchor(
    const struct vd_ca_certificate *ca, const struct vd_peer_certificate *certificate)
{
    bool may = ca->is_verified && holds_issuer(ca, certificate->leaf);

    for (int i = 0; ca->is_verified && !may && i < sk_X509_num(certificate->others); i++) {
        may = holds_issuer(ca, sk_X509_value(certificate->others, i));
    }
    return may;
}

/* One that cannot be read anchors nothing; the others still do. */
static bool add_anchor(void *context, const struct vd_ca_certificate *ca)
{
    struct anchors *anchors = context;
    X509 *certificate =
        may_anchor(ca, anchors->certificate) ? from_der(ca->der, ca->der_length) : NULL;

    if (certificate != NULL && X509_STORE_add_cert(anchors->store, certificate) != 1) {
        anchors->error = VD_E_NOMEM;
    }
    X509_free(certificate);
    return anchors->error == VD_OK;
}

/* VD_E_DENIED: no anchor of the store holds it. */
static int verify(const struct vd_peer_certificate *certificate, X509_STORE *store, int64_t now_ms)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;
    int error = VD_E_NOMEM;

    if (context != NULL &&
        X509_STORE_CTX_init(context, store, certificate->leaf, certificate->others) == 1 &&
        X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) == 1) {
        param = X509_STORE_CTX_get0_param(context);
        /* An owner may give us an intermediate that he has, of a root that he has not. */
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_depth(param, VD_HUB_CHAIN_DEPTH_MAX);
        X509_VERIFY_PARAM_set_auth_level(param, CHAIN_SECURITY_LEVEL);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_ms / 1000));
        error = X509_verify_cert(context) == 1 ? VD_OK : VD_E_DENIED;
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return error;
}

int vd_x509_chain_check(
    const struct vd_peer_certificate *certificate, struct vd_registry *registry, int64_t now_ms)
{
    struct anchors anchors = {certificate, X509_STORE_new(), VD_OK};
    int error = VD_E_NOMEM;

    if (anchors.store != NULL) {
        error = vd_registry_ca_list(registry, add_anchor, &anchors);
        error = error == VD_OK ? anchors.error : error;
    }
    if (error == VD_OK) {
        error = verify(certificate, anchors.store, now_ms);
    }
    X509_STORE_free(anchors.store);
    ERR_clear_error();
    return error;
}

/* ---- CA certificates ---- */

/* One certificate in PEM or DER, alone; NULL: it is none. */
static X509 *from_text(struct vd_str text)
{
    static const char pem_start[] = "-----BEGIN";
    X509 *certificate = NULL;
    X509 *second = NULL;
    BIO *bio;

    if (text.length == 0 || text.length > INT_MAX) {
        return NULL;
    }
    if (memmem(text.data, text.length, pem_start, sizeof pem_start - 1) == NULL) {
        certificate = from_der((const uint8_t *)text.data, text.length);
        ERR_clear_error();
        return certificate;
    }
    bio = BIO_new_mem_buf(text.data, (int)text.length);
    if (bio != NULL) {
        certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        second = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    }
    if (second != NULL) {
        X509_free(certificate);
        certificate = NULL;
    }
    X509_free(second);
    BIO_free(bio);
    ERR_clear_error();
    return certificate;
}

/* VD_E_CORRUPT: its times cannot be read. */
static int describe(const X509 *certificate, struct vd_ca_description *out)
{
    struct vd_ca_description made = {0};
    BIO *bio = BIO_new(BIO_s_mem());
    int error = VD_E_CORRUPT;
    int length;

    if (bio == NULL) {
        error = VD_E_NOMEM;
    } else if (read_time(X509_get0_notBefore(certificate), &made.not_before_ms) &&
        read_time(X509_get0_notAfter(certificate), &made.not_after_ms) &&
        digest_hex(certificate, EVP_sha1(), made.thumbprint) == VD_OK &&
        X509_NAME_print_ex(bio, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253) >= 0) {
        length = BIO_read(bio, made.subject, sizeof made.subject - 1);
        made.subject[length > 0 ? length : 0] = '\0';
        *out = made;
        error = VD_OK;
    }
    BIO_free(bio);
    return error;
}

int vd_ca_read(struct vd_str text, uint8_t der[VD_HUB_CA_MAX_BYTES], size_t *der_length)
{
    X509 *certificate = from_text(text);
    struct vd_ca_description description;
    int length = certificate != NULL ? i2d_X509(certificate, NULL) : 0;
    uint8_t *at = der;
    int error = VD_OK;

    if (length <= 0) {
        error = VD_E_INVALID;
    } else if (X509_check_ca(certificate) != 1) {
        error = VD_E_UNSUPPORTED;
    } else if (length > VD_HUB_CA_MAX_BYTES) {
        error = VD_E_LIMIT;
    } else {
        /* What is stored can be shown. */
        error = describe(certificate, &description);
        error = error == VD_E_CORRUPT ? VD_E_INVALID : error;
    }
    if (error == VD_OK) {
        *der_length = (size_t)i2d_X509(certificate, &at);
    }
    X509_free(certificate);
    ERR_clear_error();
    return error;
}

int vd_ca_describe(const struct vd_ca_certificate *certificate, struct vd_ca_description *out)
{
    X509 *read = from_der(certificate->der, certificate->der_length);
    int error = read != NULL ? describe(read, out) : VD_E_CORRUPT;

    X509_free(read);
    ERR_clear_error();
    return error;
}

int vd_ca_make_code(char code[VD_VERIFICATION_CODE_SIZE])
{
    uint8_t bytes[(VD_VERIFICATION_CODE_SIZE - 1) / 2];
    int error = vd_secret_random(bytes, sizeof bytes);

    if (error == VD_OK) {
        to_hex(bytes, sizeof bytes, code);
    }
    return error;
}

/* What of `proof`, a certificate, does not prove that the CA's key is at hand. */
static int check_proof(
    const struct vd_ca_certificate *ca, X509 *issuer, X509 *proof, int64_t now_ms)
{
    struct vd_peer_certificate *read = NULL;
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    int error = vd_peer_certificate_new(proof, NULL, &read);

    if (error != VD_OK) {
        return error;
    }
    if (key == NULL || X509_check_issued(issuer, proof) != X509_V_OK ||
        X509_verify(proof, key) != 1 || !same_text(read->common_name, ca->verification_code)) {
        error = VD_E_DENIED;
    } else if (now_ms < read->not_before_ms || now_ms > read->not_after_ms) {
        error = VD_E_EXPIRED;
    }
    vd_peer_certificate_free(read);
    return error;
}

int vd_ca_check_proof(const struct vd_ca_certificate *ca, struct vd_str text, int64_t now_ms)
{
    X509 *issuer = NULL;
    X509 *proof = NULL;
    int error = VD_OK;

    if (ca->verification_code[0] == '\0') {
        return VD_E_NOT_FOUND;
    }
    issuer = from_der(ca->der, ca->der_length);
    proof = from_text(text);
    if (issuer == NULL) {
        error = VD_E_CORRUPT;
    } else if (proof == NULL) {
        error = VD_E_INVALID;
    } else {
        error = check_proof(ca, issuer, proof, now_ms);
    }
    X509_free(proof);
    X509_free(issuer);
    ERR_clear_error();
    return error;
}
