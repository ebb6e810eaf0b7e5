/* SPDX-License-Identifier: MIT */
/* A TLS and MQTT server of the tests' own: records what a device sends and misbehaves on demand. */

#ifndef VEDETTE_TESTS_AGENT_HUB_SERVER_H
#define VEDETTE_TESTS_AGENT_HUB_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

/* A device's key in base64, for connection strings: the server takes any. */
#define HUB_SERVER_KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

#define HUB_SERVER_CONNECTIONS_MAX 64u
#define HUB_SERVER_MESSAGES_MAX    256u
#define HUB_SERVER_TEXT_BYTES      2048u
#define HUB_SERVER_TWIN_BYTES      (80u << 10)

enum hub_server_mode {
    HUB_SERVER_NORMAL,
    HUB_SERVER_SILENT_TLS,     /* accepts TCP, never answers the handshake */
    HUB_SERVER_SILENT_CONNACK, /* never answers CONNECT */
    HUB_SERVER_SILENT_PUBACK,  /* never acknowledges */
    HUB_SERVER_SILENT_PING,    /* never answers PINGREQ */
    HUB_SERVER_REFUSE,         /* CONNACK with refuse_code */
    HUB_SERVER_DROP_PUBLISH,   /* closes the connection instead of PUBACK */
    HUB_SERVER_GARBAGE,        /* answers PUBLISH with what MQTT does not know */
    HUB_SERVER_WRONG_ID,       /* acknowledges another message */
    HUB_SERVER_DROP_SUBSCRIBE, /* closes the connection instead of SUBACK */
    HUB_SERVER_SILENT_TWIN     /* grants the twin's filters and answers nothing about it */
};

struct hub_server_connection {
    char client_id[HUB_SERVER_TEXT_BYTES];
    char user_name[HUB_SERVER_TEXT_BYTES];
    char password[HUB_SERVER_TEXT_BYTES];
    char server_name[HUB_SERVER_TEXT_BYTES]; /* SNI, "" without */
    uint8_t flags;
    uint16_t keep_alive_s;
    bool disconnected; /* by DISCONNECT */
    unsigned pings;
};

struct hub_server_message {
    unsigned connection; /* index */
    char topic[HUB_SERVER_TEXT_BYTES];
    uint8_t *payload;
    uint32_t length;
    uint16_t packet_id;
    bool acknowledged;
};

struct hub_server;

/* Listens on an ephemeral port of `address` (an IPv4 address) with `context`, which stays the
   caller's, in a thread of its own. */
struct hub_server *hub_server_start(SSL_CTX *context, const char *address);
void hub_server_stop(struct hub_server *s);
uint16_t hub_server_port(const struct hub_server *s);

/* Takes effect with the next connection or packet. */
void hub_server_set(struct hub_server *s, enum hub_server_mode mode, uint8_t refuse_code);

/* What a device that reads its twin gets: the answer's status and its body, which is copied and at most
   HUB_SERVER_TWIN_BYTES long. NULL, as at first: the hub has no twins and refuses their filters. */
void hub_server_twin(struct hub_server *s, unsigned status, const char *body);

/* Sends a change of desired properties at `qos`, 0 or 1, to the connection that there is. Returns when
   it is written. */
void hub_server_desired(struct hub_server *s, const char *body, uint8_t qos);

unsigned hub_server_reads(struct hub_server *s);        /* of the twin, so far */
unsigned hub_server_reports(struct hub_server *s);      /* likewise */
unsigned hub_server_acknowledged(struct hub_server *s); /* PUBACKs of the device, so far */
/* Copies the last report to `out`. */
void hub_server_report(struct hub_server *s, char out[HUB_SERVER_TEXT_BYTES]);

/* Closes the connection that there is without a word. */
void hub_server_drop(struct hub_server *s);

unsigned hub_server_accepted(struct hub_server *s);    /* TCP connections so far */
unsigned hub_server_connections(struct hub_server *s); /* CONNECTs so far */
unsigned hub_server_messages(struct hub_server *s);
struct hub_server_connection hub_server_connection(struct hub_server *s, unsigned index);
/* The payload stays the server's. */
struct hub_server_message hub_server_message(struct hub_server *s, unsigned index);

#endif
