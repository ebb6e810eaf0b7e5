/* SPDX-License-Identifier: MIT */
/* A test device's connection: MQTT over TLS, as a device makes it, with the credentials that a proof needs. */

#ifndef VEDETTE_CLI_PROVE_LINK_H
#define VEDETTE_CLI_PROVE_LINK_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

/* Where the hub is, and what its certificate must say. */
struct vd_link_hub {
    char host_name[256]; /* as devices name it, without port */
    char address[64];    /* numeric */
    uint16_t port;
    char ca_file[512];
};

/* All zero is a closed one. One thread. */
struct vd_link {
    int fd;
    SSL *ssl;
    SSL_CTX *context;
    uint8_t input[8192];
    size_t held;
    uint16_t packet_id;
    char device_id[129];
    uint32_t messages; /* from the cloud, acknowledged */
};

/* What a device shows: a token, or a certificate with its key. */
struct vd_link_credential {
    const char *token; /* NULL: none */
    X509 *certificate; /* NULL: none */
    EVP_PKEY *key;
};

/*
 * Connects and sends CONNECT. *connack is the hub's code, 0: let in. VD_E_IO: no connection, or no CONNACK within ten
 * seconds. Close it in every case.
 */
VD_NODISCARD int vd_link_open(struct vd_link *link, const struct vd_link_hub *hub,
    const char *device_id, const struct vd_link_credential *credential, int *connack);
void vd_link_close(struct vd_link *link);

/* Publishes as telemetry with QoS 1 and waits for the PUBACK. properties: the bag, URL-encoded; "" for none. VD_E_IO. */
VD_NODISCARD int vd_link_send(struct vd_link *link, const char *properties, struct vd_str body);
/* Subscribes to messages from the cloud (QoS 1) and to methods. VD_E_IO. */
VD_NODISCARD int vd_link_subscribe(struct vd_link *link);
/* Takes what comes for so long: acknowledges messages, answers methods. VD_E_IO: the connection is gone. */
VD_NODISCARD int vd_link_serve(struct vd_link *link, int64_t ms);

#endif
