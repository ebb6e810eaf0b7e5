/* SPDX-License-Identifier: MIT */
/* A hub that listens on loopback with a log and a registry in memory, and what a client says to it. */

#ifndef VEDETTE_TESTS_HUB_LIVE_HUB_H
#define VEDETTE_TESTS_HUB_LIVE_HUB_H

#include <unistd.h>

#include "hub/server.h"
#include "lib/clock.h"
#include "tests/hub/fault_log.h"
#include "tests/hub/memory_registry.h"
#include "tests/hub/packets.h"
#include "tests/hub/state_file.h"
#include "tests/hub/tls_client.h"

#define LIVE_TOPIC    "devices/dev1/messages/events/a=b"
#define LIVE_AWAIT_MS 20000

struct live_hub {
    char folder[64];
    char certificate[96];
    char key[96];
    struct memory_registry registry;
    struct fault_log log;
    struct vd_hub_rates rates; /* none, unless the test sets some before it starts the hub */
    struct state_file state_file;
    struct vd_state *state; /* NULL unless the test called live_open_state */
    struct vd_hub *hub;
};

/* Devices dev1, dev2 and dev1's module mod, with keys 'a' and 'b'; the hub is not started yet. From then on
 * the process ignores SIGPIPE, and only errors are logged. */
int live_setup(void **state);
int live_teardown(void **state);

#define LIVE_TEST(test) cmocka_unit_test_setup_teardown(test, live_setup, live_teardown)

/* Times that no test runs into. */
extern const struct vd_hub_times live_patient;

/* What the hub is to remember, in a file; before live_start. */
void live_open_state(struct live_hub *f);
/* Stops the hub and closes its state; both can be started again, and find the file. */
void live_stop(struct live_hub *f);

/* `max_connections`: 0 for the hub's own bound. */
void live_start(struct live_hub *f, const struct vd_hub_times *times, uint32_t max_connections);

struct vd_hub_stats live_stats(struct live_hub *f);

/* Asks until `condition` holds; there is nothing else to wait on where the hub only changes a counter. */
#define LIVE_AWAIT(condition)                                         \
    do {                                                              \
        int64_t await_end = vd_clock_monotonic_ms() + LIVE_AWAIT_MS;  \
        while (!(condition) && vd_clock_monotonic_ms() < await_end) { \
            usleep(1000);                                             \
        }                                                             \
        assert_true(condition);                                       \
    } while (0)

/* The time of day, in `seconds` from now. */
int64_t live_in_s(int64_t seconds);

/* Each fails the test if it cannot. */
void live_open(struct live_hub *f, struct tls_client *client);
void live_send(struct tls_client *client, struct vd_buf *bytes); /* which it releases */
void live_expect(struct tls_client *client, const char *bytes, size_t length);
void live_log_in_until(struct live_hub *f, struct tls_client *client, const char *device,
    int64_t expiry_s, uint16_t keep_alive_s);
void live_log_in(struct live_hub *f, struct tls_client *client, const char *device);
/* With CleanSession 0; whether its session must be present, or must not. */
void live_log_in_kept(
    struct live_hub *f, struct tls_client *client, const char *device, bool is_present);

/* A PUBLISH of the hub; texts without NUL. */
struct live_publish {
    struct vd_mqtt_publish publish; /* topic and payload of the next one */
    char topic[1024];
    char payload[4096];
};

/* False: the hub has closed, and nothing comes any more. */
bool live_next_publish(struct tls_client *client, struct live_publish *out);
void live_read_publish(struct tls_client *client, struct live_publish *out);

/* At QoS 1; `packet_id` 0: at QoS 0. */
void live_publish(struct tls_client *client, const char *topic, uint16_t packet_id);
void live_expect_puback(struct tls_client *client, uint16_t packet_id);
void live_expect_end(struct tls_client *client); /* and closes the client */
void live_ping(struct tls_client *client);

#endif
