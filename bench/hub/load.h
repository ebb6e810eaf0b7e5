/* SPDX-License-Identifier: MIT */
/* A load on an MQTT server: its settings, its clients, what it counts. */

#ifndef VEDETTE_BENCH_HUB_LOAD_H
#define VEDETTE_BENCH_HUB_LOAD_H

#include <openssl/ssl.h>

#include "lib/str.h"

/* What the limit of open files of one machine allows. */
#define LOAD_CLIENTS_MAX 19000

enum load_mode {
    LOAD_PUBLISH, /* QoS 1 messages, a window of them on the way */
    LOAD_IDLE,    /* connects and says nothing more */
    LOAD_CHURN,   /* connects, disconnects, connects as the next device */
};

struct load_options {
    enum load_mode mode;
    uint16_t port;
    bool is_hub; /* user names and tokens; else anonymous */
    unsigned connections;
    unsigned devices; /* whose names are used */
    unsigned window;
    unsigned body_bytes;
    unsigned seconds;
    int server;              /* process whose time is measured; 0: none */
    const char *certificate; /* PEM, what clients show; NULL: nothing */
    const char *private_key;
    bool issues; /* the certificate is a CA's: each client shows one of its own */
};

struct load_counts {
    uint64_t acknowledged;
    uint64_t connected;
};

/* Every message is a TLS record of its own, as devices send them; what is written in one turn is sent at once. */
struct load_client {
    SSL *ssl;
    BIO *from_peer; /* owned by ssl, as is to_peer */
    BIO *to_peer;
    struct vd_buf publish;
    size_t id_at; /* where the packet id stands in `publish` */
    size_t ack_length;
    uint8_t ack[4];
    unsigned device;
    unsigned in_flight;
    uint16_t next_id;
    bool is_connected;
    bool wants_write;
    int fd;
};

extern struct load_options load_options;
extern struct load_counts load_counts;

/* Ends the program with what went wrong. */
__attribute__((noreturn)) void load_die(const char *what);

/* What all clients share, by the options. */
void load_clients_prepare(void);

/* Opens a connection as that device; the events of `epoll` carry the client. */
void load_client_open(int epoll, struct load_client *client, unsigned device);

/* Takes what has come and sends what is due. */
void load_client_serve(int epoll, struct load_client *client);

#endif
