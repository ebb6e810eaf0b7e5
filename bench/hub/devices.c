/* SPDX-License-Identifier: MIT */
/* Names, keys, tokens and certificates of the devices of the hub's benchmarks. */

#include "bench/hub/devices.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "hub/sas.h"
#include "lib/clock.h"

#define DAY_S 86400

void bench_device_id(unsigned number, char *out, size_t size)
{
    snprintf(out, size, "bench%u", number);
}

struct vd_key bench_device_key(void)
{
    struct vd_key key = {.length = 32};

    memset(key.bytes, 'k', key.length);
    return key;
}

int bench_device_token(unsigned number, char *out, size_t size)
{
    const struct vd_key key = bench_device_key();
    char resource[64];

    snprintf(resource, sizeof resource, "localhost/devices/bench%u", number);
    return vd_sas_make(resource, &key, vd_clock_utc_ms() / 1000 + 3600, NULL, out, size);
}

X509 *bench_certificate_read(const char *path)
{
    FILE *file = fopen(path, "r");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    if (file != NULL) {
        fclose(file);
    }
    return certificate;
}

static bool add_ca_extension(X509 *certificate)
{
    BASIC_CONSTRAINTS constraints = {.ca = 0xff};

    return X509_add1_ext_i2d(certificate, NID_basic_constraints, &constraints, 1, 0) == 1;
}

X509 *bench_certificate_make(
    const char *name, EVP_PKEY *key, const X509 *issuer, EVP_PKEY *issuer_key)
{
    X509 *made = X509_new();
    const X509 *signer = issuer != NULL ? issuer : made;

    if (made != NULL && X509_set_version(made, X509_VERSION_3) == 1 &&
        ASN1_INTEGER_set(X509_get_serialNumber(made), 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(made), -DAY_S) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(made), DAY_S) != NULL &&
        X509_NAME_add_entry_by_NID(X509_get_subject_name(made), NID_commonName, MBSTRING_UTF8,
            (const unsigned char *)name, -1, -1, 0) == 1 &&
        X509_set_issuer_name(made, X509_get_subject_name(signer)) == 1 &&
        X509_set_pubkey(made, key) == 1 && (issuer != NULL || add_ca_extension(made)) &&
        X509_sign(made, issuer_key, EVP_sha256()) > 0) {
        return made;
    }
    X509_free(made);
    return NULL;
}
