/* SPDX-License-Identifier: MIT */
/* MQTT over TLS, byte by byte: for tests that must send what no library would, or count every PUBACK. */

#ifndef VEDETTE_TESTS_E2E_MQTT_H
#define VEDETTE_TESTS_E2E_MQTT_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/e2e/harness.h"

/* The hub sends nothing longer to these clients. */
#define E2E_PACKET_MAX 4096

/* What e2e_mqtt_read found. */
enum e2e_read {
    E2E_READ_PACKET,
    E2E_READ_NOTHING, /* within the time */
    E2E_READ_CLOSED,  /* the peer ended the connection, or broke the protocol */
};

struct e2e_packet {
    uint8_t type; /* the first byte */
    uint8_t body[E2E_PACKET_MAX];
    size_t length;
};

/* One connection; all zero is a closed one. None of these functions fails the test: they may run in threads. */
struct e2e_mqtt {
    int fd;
    SSL *ssl;
    SSL_CTX *context;
    uint8_t input[E2E_PACKET_MAX + 5];
    size_t held; /* bytes of `input` */
};

/* A plain TCP connection to the hub on the loopback; -1 if refused. */
int e2e_tcp(uint16_t port);

/* Connects and shakes hands, verifying the hub's certificate for "localhost". False: `m` is closed again. */
bool e2e_mqtt_open(struct e2e_mqtt *m, uint16_t port, const char *ca);
/* Likewise from an address of the loopback, 127.0.0.0/8; NULL: from any. */
bool e2e_mqtt_open_from(struct e2e_mqtt *m, const char *source, uint16_t port, const char *ca);
void e2e_mqtt_close(struct e2e_mqtt *m);

/* Sends bytes as they are; false once the connection is gone or nothing goes out for ten seconds. */
bool e2e_mqtt_write(struct e2e_mqtt *m, const void *bytes, size_t length);
enum e2e_read e2e_mqtt_read(struct e2e_mqtt *m, struct e2e_packet *packet, int timeout_ms);
/* True if the hub closes within the time; packets before that are passed over. */
bool e2e_mqtt_closed_by_hub(struct e2e_mqtt *m, int timeout_ms);

/* Writes a CONNECT of the device (CleanSession 1, keep-alive 60 s) into `out`; returns its length. */
size_t e2e_mqtt_connect_packet(
    uint8_t *out, size_t size, const char *client_id, const char *user_name, const char *password);
/* Sends CONNECT with a token of the key, for `life_s` from now; returns the CONNACK code, or -1 if none came. */
int e2e_mqtt_login(struct e2e_mqtt *m, const char *device_id, const char *key, int64_t life_s);
/* Likewise with a token of the primary key that a wrong clock does not spoil. */
int e2e_mqtt_connect(struct e2e_mqtt *m, const char *device_id);

/* A message to be published. */
struct e2e_publish {
    const char *topic;
    const void *body;
    size_t length;
    uint16_t packet_id;
    uint8_t qos;
    bool duplicate;
};
bool e2e_mqtt_publish(struct e2e_mqtt *m, const struct e2e_publish *publish);

/* Publishes with QoS 1 and waits for the PUBACK. */
bool e2e_mqtt_send(struct e2e_mqtt *m, const struct e2e_publish *publish, int timeout_ms);

#endif
