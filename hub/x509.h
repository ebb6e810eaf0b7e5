/* SPDX-License-Identifier: MIT */
/* Certificates: what a client showed in its handshake, and the owner's CA certificates that it may lean on. */

#ifndef VEDETTE_HUB_X509_H
#define VEDETTE_HUB_X509_H

#include <openssl/x509.h>

#include "hub/registry.h"

/* A module's certificate names `{deviceId}/{moduleId}`. */
#define VD_COMMON_NAME_MAX (2 * VD_ID_MAX + 1)

/* What a client showed, and proved to hold the key of. Nothing about it is judged yet. */
struct vd_peer_certificate {
    X509 *leaf;
    STACK_OF(X509) * others; /* what it sent besides, in its order; NULL: nothing */
    char sha1[41];
    char sha256[VD_THUMBPRINT_SIZE];
    char
        common_name[VD_COMMON_NAME_MAX + 1]; /* "": none, more than one, or one that no id can be */
    int64_t not_before_ms;                   /* UTC; a time that cannot be read is never reached */
    int64_t not_after_ms;                    /* likewise 1970 */
};

/* Reads `leaf`; holds references of its own to both. `others` may be NULL. VD_E_NOMEM. */
VD_NODISCARD int vd_peer_certificate_new(
    X509 *leaf, STACK_OF(X509) * others, struct vd_peer_certificate **out);
/* NULL is allowed. */
void vd_peer_certificate_free(struct vd_peer_certificate *certificate);

/* True if the SHA-1 or SHA-256 of the leaf is one of the thumbprints ("" is none), in constant time. */
bool vd_x509_has_thumbprint(
    const struct vd_peer_certificate *certificate, const char thumbprints[2][VD_THUMBPRINT_SIZE]);

/*
 * Whether the leaf's chain, over what the client sent, leads to a verified CA certificate of the registry (a root or not),
 * with signatures of at least 112 bits of security, for a TLS client, all valid at now_ms (UTC). Blocks for the registry;
 * costs a few signature checks, a look at each CA certificate, and the reading of those whose subject is, byte for byte, an
 * issuer in the chain.
 * VD_E_DENIED: it does not. Others: the registry's.
 */
VD_NODISCARD int vd_x509_chain_check(
    const struct vd_peer_certificate *certificate, struct vd_registry *registry, int64_t now_ms);

/* ---- CA certificates ---- */

struct vd_ca_description {
    char subject[256];   /* as RFC 2253 writes it, cut at that size */
    char thumbprint[41]; /* SHA-1, upper-case hex */
    int64_t not_before_ms;
    int64_t not_after_ms;
};

/*
 * Reads one CA certificate (basicConstraints CA:TRUE) from PEM or DER text into `der`.
 * VD_E_INVALID: no certificate, bytes behind it, or times that are none; VD_E_UNSUPPORTED: not of a CA; VD_E_LIMIT: over VD_HUB_CA_MAX_BYTES.
 */
VD_NODISCARD int vd_ca_read(
    struct vd_str text, uint8_t der[VD_HUB_CA_MAX_BYTES], size_t *der_length);

/* VD_E_CORRUPT: `der` holds no certificate. */
VD_NODISCARD int vd_ca_describe(
    const struct vd_ca_certificate *certificate, struct vd_ca_description *out);

/* A new random verification code. VD_E_IO. */
VD_NODISCARD int vd_ca_make_code(char code[VD_VERIFICATION_CODE_SIZE]);

/*
 * Whether the certificate in `text` (PEM or DER) proves that its owner holds the CA's key: signed by it, CN = the
 * verification code, valid at now_ms (UTC).
 * VD_E_INVALID: no certificate; VD_E_NOT_FOUND: no code was asked for; VD_E_DENIED: another CN or signer; VD_E_EXPIRED.
 */
VD_NODISCARD int vd_ca_check_proof(
    const struct vd_ca_certificate *ca, struct vd_str text, int64_t now_ms);

#endif
