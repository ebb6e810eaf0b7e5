/* SPDX-License-Identifier: MIT */
/* The agent as a program, with a hub of the tests' own to send to, and what the hub must have got. */

#ifndef VEDETTE_TESTS_AGENT_AGENT_FIXTURE_H
#define VEDETTE_TESTS_AGENT_AGENT_FIXTURE_H

#include <sys/types.h>

#include "tests/agent/certificates.h"
#include "tests/agent/decode.h"
#include "tests/agent/hub_server.h"
#include "tests/agent/temporary.h"

#define AGENT_EXPECTED_MAX 32u

/* Certificates, a hub on the device's loopback, the agent's process and log. */
struct agent_fixture {
    const char *capture; /* way of capturing */
    char ca_path[64], log_path[64];
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *hub;
    pid_t agent;
    unsigned expected_count;
    struct decode_flow expected[AGENT_EXPECTED_MAX];
    struct decode_sum sum; /* of the messages, once the agent is stopped */
};

/* Capturing by a ring, or by a socket. The process is in the device's namespace by then. */
int agent_setup(void **state);
int agent_setup_socket(void **state);
int agent_teardown(void **state);

#define AGENT_TEST(test) cmocka_unit_test_setup_teardown(test, agent_setup, agent_teardown)

/* Starts `agent_main ARGUMENTS...` with its standard error in the log, and with a connection string in its
 * environment or NULL. Returns the process. */
pid_t agent_spawn(const struct agent_fixture *f, char *const arguments[], const char *environment);

/* Writes a connection string for the hub. */
void agent_connection_text(const struct agent_fixture *f, char *out, size_t size);

/* Returns once the agent captures and is connected. `interval`: seconds. */
void agent_start(struct agent_fixture *f, const char *interval);

/* Waits until the process ends; returns its status. */
int agent_status(pid_t child);

/* Tells the agent to stop, waits until it has, and decodes what the hub got. */
void agent_stop(struct agent_fixture *f);

/* Bounded by the test's time-out. */
void agent_await_messages(const struct agent_fixture *f, unsigned count);

#endif
