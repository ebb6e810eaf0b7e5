/* SPDX-License-Identifier: MIT */
/* A simulated stack behind the headers in include/: kernel, IP instances, cloud thread, hub clients. */

#ifndef VEDETTE_TESTS_NETXDUO_SIM_H
#define VEDETTE_TESTS_NETXDUO_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nx_azure_iot_hub_client.h"

/* Whatever breaks a rule of the real stack (a mutex given back that is not held, a packet released twice, a
 * filter called with interrupts masked) ends the program with a word. */

/* --- Kernel ------------------------------------------------------------------------------------- */

/* Sets the clock that nx_azure_iot_unix_time_get() tells; 0: it fails. It goes on with the ticks. */
void sim_clock_set(uint32_t utc_s);

/* Moves ticks and clock on. */
void sim_ticks_add(uint32_t ticks);

/* Makes NX_CRYPTO_RBG fail, or start over with the same bytes, as rand() does after a reset. */
void sim_rbg_fail(bool fail);
void sim_rbg_restart(void);

/* Returns whether this thread has interrupts masked. */
bool sim_masked(void);

/* --- Network ------------------------------------------------------------------------------------ */

/* Creates an IP instance with one interface, at the end of the ring; `ip` is zeroed as nx_ip_create()
 * does. */
void sim_ip_create(NX_IP *ip, uint32_t address, uint32_t mask);
void sim_ip_delete(NX_IP *ip);

/* Adds an IPv6 address, four words in host order. */
void sim_ip_address6(NX_IP *ip, NXD_IPV6_ADDRESS *address, const uint32_t words[4]);

/* Passes a packet through the filter as NetX Duo does when one came in or is to go out, and releases it.
 * Its bytes lie in a chain of NX_PACKETs of `piece` bytes, the first of which has `first` (0: `piece`; piece
 * 0: one packet), each in an allocation of its very length. Returns whether the filter let it pass. */
bool sim_pass(
    NX_IP *ip, UINT direction, const uint8_t *data, size_t length, size_t first, size_t piece);

/* Returns the NX_PACKETs that are allocated and not released, telemetry's included. */
unsigned sim_packets(void);

/* --- Azure IoT instance ------------------------------------------------------------------------- */

void sim_azure_create(NX_AZURE_IOT *azure, NX_IP *ip);

/* Returns the line that was logged last; empty: none. */
const char *sim_log_line(void);

/* Lets the cloud thread run on the caller's thread, for the events that are set. */
void sim_cloud_run(NX_AZURE_IOT *azure);

/* Lets `seconds` pass, with the periodic event after each. */
void sim_seconds(NX_AZURE_IOT *azure, unsigned seconds);

/* --- Hub clients -------------------------------------------------------------------------------- */

#define SIM_MESSAGES_MAX 64
#define SIM_MESSAGE_MAX  8192

struct sim_message {
    uint32_t length;
    uint8_t bytes[SIM_MESSAGE_MAX];
    char properties[256]; /* as they go into the topic */
};

struct sim_hub {
    NX_AZURE_IOT_HUB_CLIENT client; /* first: the port has pointers to it */
    unsigned fail_create;           /* the next so many calls fail */
    unsigned fail_property;
    unsigned fail_send;
    unsigned attempts; /* of sending */
    void (*during_send)(struct sim_hub *hub);
    unsigned messages; /* taken, ever */
    struct sim_message message[SIM_MESSAGES_MAX];
};

/* Initialises a hub client, as NetX Duo at the head of the list, and deinitialises it. */
void sim_hub_open(struct sim_hub *hub, NX_AZURE_IOT *azure);
void sim_hub_close(struct sim_hub *hub);

void sim_hub_state(struct sim_hub *hub, UINT state);

#endif
