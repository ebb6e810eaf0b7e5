/* SPDX-License-Identifier: MIT */
/* Secrets at rest: random bytes, sealing under a master key, key files, base64. */

#ifndef VEDETTE_LIB_SECRET_H
#define VEDETTE_LIB_SECRET_H

#include <stddef.h>
#include <stdint.h>

#include "lib/str.h"

#define VD_MASTER_KEY_BYTES 32

/* What sealing adds: the nonce in front, the tag behind. */
#define VD_SEAL_OVERHEAD (12 + 16)

/* Characters that `n` bytes take in base64, without the NUL. */
#define VD_BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

/* Fills `out` from the system's random source. VD_E_IO. */
VD_NODISCARD int vd_secret_random(void *out, size_t length);

/* Overwrites memory that held a secret; the compiler does not leave it out. */
void vd_secret_wipe(void *data, size_t length);

/*
 * Encrypts and authenticates with AES-256-GCM under a random nonce.
 * bound   what the secret belongs to: it opens only together with the same bytes; not stored
 * length  at most 64 KiB
 * out     length + VD_SEAL_OVERHEAD bytes
 * VD_E_LIMIT, VD_E_IO (no randomness), VD_E_NOMEM.
 */
VD_NODISCARD int vd_secret_seal(const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str bound,
    const void *plain, size_t length, uint8_t *out);

/*
 * The reverse; `out` takes length - VD_SEAL_OVERHEAD bytes.
 * VD_E_DENIED: another key, other bound bytes or changed content; `out` is then all zero. VD_E_CORRUPT: too short.
 */
VD_NODISCARD int vd_secret_open(const uint8_t key[VD_MASTER_KEY_BYTES], struct vd_str bound,
    const uint8_t *sealed, size_t length, uint8_t *out);

/* A key for one purpose, of the master key (HKDF with SHA-256, RFC 5869): who knows it knows no other. VD_E_NOMEM. */
VD_NODISCARD int vd_secret_derive(const uint8_t master[VD_MASTER_KEY_BYTES], const char *purpose,
    uint8_t out[VD_MASTER_KEY_BYTES]);

/* Writes a new key file of mode 0600, synced, with a random key. VD_E_EXISTS, VD_E_IO, VD_E_FULL, VD_E_DENIED. */
VD_NODISCARD int vd_secret_key_file_create(const char *path);

/* Reads it. VD_E_NOT_FOUND; VD_E_DENIED: not readable, or readable for others than its owner; VD_E_CORRUPT: not
 * a key file. */
VD_NODISCARD int vd_secret_key_file_read(const char *path, uint8_t key[VD_MASTER_KEY_BYTES]);

/* Standard alphabet with padding (RFC 4648 section 4) and a NUL. VD_E_LIMIT if it does not fit in `size`. */
VD_NODISCARD int vd_base64_encode(const void *data, size_t length, char *out, size_t size);

/* Characters that `n` bytes take in base64 for URLs, without the NUL. */
#define VD_BASE64URL_LENGTH(n) (((n)*4 + 2) / 3)

/* For URLs and headers: without padding (RFC 4648 section 5), and a NUL. VD_E_LIMIT. */
VD_NODISCARD int vd_base64url_encode(const void *data, size_t length, char *out, size_t size);

/* Strict: alphabet, padding, no line breaks, unused bits zero. VD_E_INVALID, VD_E_LIMIT leave *length untouched. */
VD_NODISCARD int vd_base64_decode(struct vd_str text, uint8_t *out, size_t size, size_t *length);

#endif
