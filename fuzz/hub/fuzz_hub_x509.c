/* SPDX-License-Identifier: MIT */
/* Certificates of strangers: `c` and a CA certificate to be added, or a chain, each certificate behind its length. */

#include "fuzz/replay.h"
#include "hub/x509.h"
#include "tests/hub/memory_registry.h"

#define NOW_MS 1800000000000LL

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What can be added can be shown, and proves nothing by itself. */
static void fuzz_ca(struct vd_str text)
{
    static struct vd_ca_certificate ca = {.name = "ca"};
    struct vd_ca_description description;

    memset(ca.verification_code, 'A', VD_VERIFICATION_CODE_SIZE - 1);
    if (vd_ca_read(text, ca.der, &ca.der_length) == VD_OK) {
        check(ca.der_length > 0 && ca.der_length <= VD_HUB_CA_MAX_BYTES);
        check(vd_ca_describe(&ca, &description) == VD_OK);
        check(strlen(description.thumbprint) == 40);
        check(vd_ca_certificate_is_valid(&ca));
        (void)!vd_ca_check_proof(&ca, text, NOW_MS);
        ca.verification_code[0] = '\0';
        check(vd_ca_check_proof(&ca, text, NOW_MS) == VD_E_NOT_FOUND);
    }
}

/* The next certificate; NULL at the end, or if it is none. */
static X509 *next_certificate(struct vd_reader *reader)
{
    struct vd_str der = vd_reader_bytes(reader, vd_reader_u16_be(reader));
    const uint8_t *at = (const uint8_t *)der.data;

    return reader->failed || der.length == 0 ? NULL : d2i_X509(NULL, &at, (long)der.length);
}

static bool is_known(const struct vd_peer_certificate *shown, const struct vd_identity *identity)
{
    return vd_x509_has_thumbprint(shown, identity->thumbprints);
}

static void check_thumbprints(const struct vd_peer_certificate *shown)
{
    struct vd_identity identity = {.thumbprints = {"", ""}};

    check(!is_known(shown, &identity));
    snprintf(identity.thumbprints[1], VD_THUMBPRINT_SIZE, "%s", shown->sha1);
    check(is_known(shown, &identity));
    snprintf(identity.thumbprints[0], VD_THUMBPRINT_SIZE, "%s", shown->sha256);
    check(is_known(shown, &identity));
}

static void judge(const struct vd_peer_certificate *shown, X509 *anchor)
{
    static struct memory_registry registry;
    struct vd_ca_certificate *ca = &registry.cas[0];
    uint8_t *at = ca->der;
    int length = i2d_X509(anchor, NULL);
    int error;

    memory_registry_init(&registry);
    check(strlen(shown->sha1) == 40 && strlen(shown->sha256) == 64);
    check_thumbprints(shown);
    check(vd_x509_chain_check(shown, &registry.base, NOW_MS) == VD_E_DENIED);
    if (length > 0 && (size_t)length <= sizeof ca->der) {
        ca->der_length = (size_t)i2d_X509(anchor, &at);
        ca->is_verified = true;
        registry.ca_count = 1;
        error = vd_x509_chain_check(shown, &registry.base, NOW_MS);
        check(error == VD_OK || error == VD_E_DENIED);
        /* What holds now does not hold when the leaf has ended. */
        check(error != VD_OK ||
            vd_x509_chain_check(shown, &registry.base, shown->not_after_ms + 1000) != VD_OK);
    }
}

/* The anchor, the leaf, and what is sent behind it. */
static void fuzz_chain(const uint8_t *data, size_t length)
{
    struct vd_peer_certificate *shown = NULL;
    struct vd_reader reader;
    STACK_OF(X509) *others = sk_X509_new_null();
    X509 *anchor;
    X509 *leaf;
    X509 *other;

    vd_reader_init(&reader, data, length);
    anchor = next_certificate(&reader);
    leaf = anchor != NULL ? next_certificate(&reader) : NULL;
    while (leaf != NULL && (other = next_certificate(&reader)) != NULL) {
        check(sk_X509_push(others, other) > 0);
    }
    if (leaf != NULL && vd_peer_certificate_new(leaf, others, &shown) == VD_OK) {
        judge(shown, anchor);
    }
    vd_peer_certificate_free(shown);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    X509_free(anchor);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    if (length > 0 && data[0] == 'c') {
        fuzz_ca((struct vd_str){(const char *)data + 1, length - 1});
    } else if (length > 0) {
        fuzz_chain(data + 1, length - 1);
    }
    return 0;
}
