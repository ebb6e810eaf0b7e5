/* SPDX-License-Identifier: MIT */
/* A device on the simulated stack with the port in it, and what its hub was told. */

#ifndef VEDETTE_TESTS_NETXDUO_FIXTURE_H
#define VEDETTE_TESTS_NETXDUO_FIXTURE_H

#include "azure_iot_security_module/inc/nx_azure_iot_security_module.h"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo.h"
#include "azure_iot_security_module/ports/netxduo/asc_netxduo_hook.h"
#include "tests/device/device_test.h"
#include "tests/device/message_check.h"
#include "tests/netxduo/sim.h"

/* The device's addresses: 10.0.0.1/24, 2001:db8::a00:1; and a remote one. */
#define OURS   0x0a000001u
#define REMOTE 0xc6336407u

#define FIXTURE_UTC_S 1700000000u

#define FIXTURE_FLOWS_MAX 512
#define FIXTURE_IDS_MAX   64

struct fixture {
    NX_IP ip;
    NXD_IPV6_ADDRESS address6;
    NX_AZURE_IOT azure;
    struct sim_hub hub;
    unsigned seen; /* of the hub's messages */
    unsigned flows;
    struct check_flow flow[FIXTURE_FLOWS_MAX]; /* of the last fixture_collect() */
    unsigned ids;
    uint8_t id[FIXTURE_IDS_MAX][16]; /* of the events, likewise */
    char os[64];                     /* of the last system information */
    char kernel[64];
    uint32_t time; /* of the last event */
    struct asc_counters before;
};

extern struct fixture fx;

/* cmocka's setup and teardown: the device with its hub connected and the module enabled; at the end no
 * packet may be left and no filter in place. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Remembers the module's counters; fixture_counted() returns what they have gone up by since: packets
 * counted, overflowed, malformed and ignored. */
void fixture_mark(void);
struct asc_counters fixture_counted(void);

/* Lets 45 seconds pass, in which each collector with the shortest interval has its turn, and decodes what
 * the hub took. Every message must verify and name the security interface. Returns the flows. */
unsigned fixture_collect(void);

/* Passes a packet in one NX_PACKET; returns its IP payload. It must not be dropped. */
uint32_t fixture_pass(UINT direction, const struct device_packet *packet);

/* Passes a plain packet from or to a remote port. */
uint32_t fixture_pass_udp(UINT direction, uint16_t remote_port, uint16_t data_bytes);

#endif
