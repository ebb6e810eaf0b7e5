/* SPDX-License-Identifier: MIT */
/* A device's connection string, and the SAS token that is made from it. */

#ifndef ASC_LINUX_CONNECTION_H
#define ASC_LINUX_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ASC_LINUX_NAME_MAX_BYTES  256u /* a DNS name with its port */
#define ASC_LINUX_ID_MAX_BYTES    128u /* a device or module id (VD_ID_MAX) */
#define ASC_LINUX_KEY_MAX_BYTES   96u  /* a decoded key: 32 or 64 in practice */
#define ASC_LINUX_TOKEN_MAX_BYTES 2048u

/* What the string says. `hub` is HostName as written: a port in it is part of user name and token. */
struct asc_linux_connection {
    char hub[ASC_LINUX_NAME_MAX_BYTES];
    char host[ASC_LINUX_NAME_MAX_BYTES]; /* where TCP and TLS go: the gateway when there is one */
    uint16_t port;
    char device_id[ASC_LINUX_ID_MAX_BYTES + 1];
    char module_id[ASC_LINUX_ID_MAX_BYTES + 1]; /* "": a device's own connection */
    uint8_t key[ASC_LINUX_KEY_MAX_BYTES];
    size_t key_length;
};

/*
 * Parses `HostName=...;DeviceId=...[;ModuleId=...];SharedAccessKey=...[;GatewayHostName=...]`, in any
 * order. Returns NULL, or in words what is wrong, and then `c` is untouched. The words never hold
 * any part of the key.
 */
const char *asc_linux_connection_parse(struct asc_linux_connection *c, const char *text);

/* Wipes the key. */
void asc_linux_connection_release(struct asc_linux_connection *c);

/* Percent-encodes all but letters, digits and `-_.~` (RFC 3986, 2.3). Returns the length of the
   text written, or 0 when it does not fit `size` with its NUL or `text` is empty. */
size_t asc_linux_url_encode(const char *text, char *out, size_t size);

/* Writes `SharedAccessSignature sr=...&sig=...&se=...` for the identity of `c`.
   `expiry_s`: seconds since 1970 UTC. Returns its length, or 0 when it does not fit `size`. */
size_t asc_linux_token(
    const struct asc_linux_connection *c, int64_t expiry_s, char *out, size_t size);

/* Writes the MQTT user name of the identity. Returns its length, 0 when it does not fit. */
size_t asc_linux_user_name(const struct asc_linux_connection *c, char *out, size_t size);

/* Writes the MQTT client id of the identity. Returns its length, 0 when it does not fit. */
size_t asc_linux_client_id(const struct asc_linux_connection *c, char *out, size_t size);

/* Writes the topic of the identity's security messages. Returns its length, 0 when it does not fit. */
size_t asc_linux_topic(const struct asc_linux_connection *c, char *out, size_t size);

#endif
