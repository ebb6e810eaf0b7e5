/* SPDX-License-Identifier: MIT */
/* The port's connection to a hub of the tests' own, with what its callbacks heard and what it logged. */

#ifndef VEDETTE_TESTS_AGENT_HUB_CLIENT_H
#define VEDETTE_TESTS_AGENT_HUB_CLIENT_H

#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"
#include "tests/agent/certificates.h"
#include "tests/agent/hub_server.h"

#define HUB_CLIENT_WAIT_MS 20000

struct hub_client {
    char ca_path[64];
    char log_path[64];
    int stderr_before;
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *server;
    struct asc_linux_connection connection;
    struct asc_linux_hub_times times; /* to be changed before hub_client_open */
    asc_linux_hub *hub;
    unsigned connected, disconnected, delivered, undelivered;
    unsigned goal; /* of a wait; the test's own */
};

/* Times short enough for tests, a CA, and standard error in the log; no server and no connection yet. */
void hub_client_init(struct hub_client *c);
void hub_client_release(struct hub_client *c);

/* Starts the server with `context`, which then is the client's. */
void hub_client_serve(struct hub_client *c, SSL_CTX *context);

/* Returns a context of the CA for localhost and 127.0.0.1; the caller's. */
SSL_CTX *hub_client_good_context(const struct hub_client *c);

/* Returns options with all that a client has; `twin` may be NULL. */
struct asc_linux_hub_options hub_client_options(struct hub_client *c, struct asc_twin *twin);

/* Makes the connection to the server at `host`: the connection string up to the port. */
void hub_client_open(struct hub_client *c, const char *host, struct asc_twin *twin);

int64_t hub_client_now_ms(void);

/* Runs the connection until `holds`; false: not within `limit_ms`, or HUB_CLIENT_WAIT_MS. */
bool hub_client_run_for(struct hub_client *c, bool (*holds)(struct hub_client *), int64_t limit_ms);
bool hub_client_run_until(struct hub_client *c, bool (*holds)(struct hub_client *));

bool hub_client_is_online(struct hub_client *c);

/* Returns how often the log of this test holds `text`. */
unsigned hub_client_logged(const struct hub_client *c, const char *text);

#endif
