/* SPDX-License-Identifier: MIT */
/* What a device tells the hub of itself: SAS token, MQTT user name and client id, and its topic. */

#ifndef ASC_SAS_H
#define ASC_SAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASC_SAS_MAC_BYTES 32u

/* Strings end in NUL and are read during a call only. */
struct asc_identity {
    const char *hub; /* the hub's name as the service knows it, with a port if it has one */
    const char *device_id;
    const char *module_id; /* NULL or "": a device's own connection */
    const char *client;    /* who made the client, for the hub's records: URL-encoded */
};

/* HMAC-SHA256 of `length` bytes at `text` under the key (RFC 2104); false where there is none. The
   port's, since each has a library with hardware behind it or without. */
typedef bool (*asc_hmac_sha256)(const uint8_t *key, size_t key_length, const uint8_t *text,
    size_t length, uint8_t mac[ASC_SAS_MAC_BYTES]);

/*
 * Each of these writes text that ends in NUL to `out` of `size` bytes and returns its length. 0: it
 * does not fit, and `out` holds nothing of use. None keeps state, allocates or blocks.
 */

/* Percent-encodes all but letters, digits and `-_.~` (RFC 3986, 2.3); 0 also for an empty `text`. */
size_t asc_url_encode(const char *text, char *out, size_t size);

/* `SharedAccessSignature sr=...&sig=...&se=...` for the identity. `expiry_s`: seconds since 1970 UTC.
   0 also if `hmac` says false. `out` is wiped on failure. */
size_t asc_sas_token(const struct asc_identity *identity, const uint8_t *key, size_t key_length,
    asc_hmac_sha256 hmac, uint64_t expiry_s, char *out, size_t size);

/* The MQTT user name. */
size_t asc_user_name(const struct asc_identity *identity, char *out, size_t size);

/* The MQTT client id. */
size_t asc_client_id(const struct asc_identity *identity, char *out, size_t size);

/* The topic of the identity's security messages. */
size_t asc_security_topic(const struct asc_identity *identity, char *out, size_t size);

#endif
