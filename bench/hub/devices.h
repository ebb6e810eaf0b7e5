/* SPDX-License-Identifier: MIT */
/* The devices of the hub's benchmarks, as those who make them and those who speak for them know them. */

#ifndef VEDETTE_BENCH_HUB_DEVICES_H
#define VEDETTE_BENCH_HUB_DEVICES_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "hub/registry.h"

#define BENCH_DEVICES_MAX 1000000u

/* "bench0", "bench1" ... */
void bench_device_id(unsigned number, char *out, size_t size);

/* The key of them all. */
struct vd_key bench_device_key(void);

/* A SAS token for the device, good for an hour. VD_E_LIMIT. */
VD_NODISCARD int bench_device_token(unsigned number, char *out, size_t size);

/* The one certificate of a PEM file; NULL: none. The caller's. */
X509 *bench_certificate_read(const char *path);

/* A certificate with that CN and key, good for a day, signed by `issuer_key`; `issuer` NULL: a CA's own. The caller's. */
X509 *bench_certificate_make(
    const char *name, EVP_PKEY *key, const X509 *issuer, EVP_PKEY *issuer_key);

#endif
