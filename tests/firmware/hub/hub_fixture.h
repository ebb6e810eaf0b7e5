/* SPDX-License-Identifier: MIT */
/* A connection of the lwIP port in this process, and the server that it talks to. */

#ifndef VEDETTE_TESTS_FIRMWARE_HUB_FIXTURE_H
#define VEDETTE_TESTS_FIRMWARE_HUB_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure_iot_security_module/ports/lwip/asc_lwip_hub.h"
#include "tests/agent/certificates.h"
#include "tests/agent/hub_server.h"

#define HOST   "hub.test"
#define DEVICE "device-1"

#define HUB_FIXTURE_KEY_BYTES 32
extern const uint8_t hub_fixture_key[HUB_FIXTURE_KEY_BYTES + 1];

/* What every test has, and what its callbacks heard. */
struct hub_fixture {
    struct test_ca ca;
    uint8_t ca_pem[2048];
    size_t ca_bytes;
    SSL_CTX *context;
    struct hub_server *server;
    struct asc_lwip_hub hub;
    bool made; /* the hub */
    unsigned connected, disconnected, delivered, undelivered;
    char log[8192];
    size_t log_length;
    uint32_t skipped_ms; /* how far the clock was turned */
    uint32_t utc_s;      /* 0: the clock's time */
    bool no_time;
    long allocations_left; /* -1: no end */
    long allocated;        /* blocks held */
    unsigned wanted;       /* what failed_so_often() and so_many_messages() compare with */
};

extern struct hub_fixture fixture;

/* Once: lwIP, with the name HOST for the kernel's side of the TAP interface. */
int hub_fixture_start_lwip(void **state);

/* Before each test, a CA; after it, the end of all: fails the test if anything is still held. */
int hub_fixture_setup(void **state);
int hub_fixture_teardown(void **state);

/* Starts the server; takes the context. */
void hub_fixture_serve(SSL_CTX *context);
/* What the server should have: TLS by the CA for HOST. */
SSL_CTX *hub_fixture_good_context(void);

struct asc_lwip_hub_options hub_fixture_options(void);
/* Makes the connection. */
void hub_fixture_make(void);

/* One turn of the firmware's loop, after waiting at most so long for a frame. */
void hub_fixture_step(int timeout_ms);
/* Turns the clock forward, a little at a time so that lwIP's timers keep up. */
void hub_fixture_pass_ms(uint32_t ms);
/* Runs until it holds; false: not within 20 s. */
bool hub_fixture_run_until(bool (*holds)(void));

/* True if the log holds the text. */
bool hub_fixture_logged(const char *text);

#endif
