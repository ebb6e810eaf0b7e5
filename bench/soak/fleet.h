/* SPDX-License-Identifier: MIT */
/* A fleet of devices in one process: each is the security module with the Linux port's connection, its packets are made up. */

#ifndef VEDETTE_BENCH_SOAK_FLEET_H
#define VEDETTE_BENCH_SOAK_FLEET_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "azure_iot_security_module/inc/security_module.h"
#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"

/* Latencies are counted by ms of the machine's time up to this. */
#define FLEET_LATENCY_MAX 1000u

struct fleet_options {
    const char *ca_file;
    uint16_t port;
    unsigned devices;
    unsigned attackers; /* identities behind those of the devices, with keys that are not theirs */
    int64_t begin_s;    /* when the day begins, and when it ends; s since 1970 */
    int64_t end_s;
    const char *ledger; /* file for what was delivered in the end */
    unsigned speed;     /* of the clock: network timeouts are the machine's */
};

struct fleet_counts {
    unsigned running; /* devices that have not ended */
    unsigned online;
    unsigned opening;
    uint64_t sent; /* messages that were acknowledged */
    uint64_t unsent;
    uint64_t refused;  /* attempts of attackers that ended */
    unsigned accepted; /* of attackers: has to stay 0 */
    uint32_t latencies[FLEET_LATENCY_MAX + 1];
};

struct device {
    unsigned number;
    bool is_attacker;
    bool is_opening; /* counted in fleet_counts.opening */
    enum {
        DEVICE_RUNS,
        DEVICE_ENDS,
        DEVICE_ENDED
    } phase;
    int64_t feed_s;  /* when packets pass next */
    int64_t sent_ms; /* when the message that is under way was given to the connection */
    uint64_t random;
    struct event event;
    asc_linux_hub *hub;
    struct asc_linux_connection connection;
    struct asc_module module;
    struct asc_twin twin;
};

extern struct fleet_options fleet_options;
extern struct fleet_counts fleet_counts;
extern struct event_base *fleet_base;

/* ---- fleet.c ---- */

/* Seconds since the day began. */
int64_t fleet_at_s(void);
/* Ends the program with what went wrong. */
__attribute__((noreturn)) void fleet_die(const char *what, const char *why);

/* ---- device.c ---- */

/* Makes device `number`, which has its turns in the loop from now on; it stays where it is. */
void device_start(struct device *d, unsigned number);
/* Nothing passes it any more: it delivers what it has and disconnects. */
void device_end(struct device *d);
void device_release(struct device *d);

/* ---- receiver.c: where notifications go ---- */

/* Listens for them on any port of the loopback, which it returns; one hour of the day it refuses them. */
uint16_t receiver_start(void);
/* How many it has taken, and refused. */
uint64_t receiver_taken(void);
uint64_t receiver_refused(void);

/* ---- day.c: what happens when, `at_s` in s since the day began ---- */

/* Until when the device is cut off: nothing of it is heard, and its connection is not closed. 0: it is not. */
int64_t day_outage_end_s(unsigned number, int64_t at_s);
/* Whether the receiver of notifications is broken. */
bool day_receiver_fails(int64_t at_s);
/* How many flows pass it now. */
unsigned day_flows(struct device *d, int64_t at_s);
/* The first of these, as bench/device/workload.h counts them. */
unsigned day_first_flow(struct device *d);
/* A number below `bound`, by the device's own sequence. */
unsigned day_random(struct device *d, unsigned bound);

#endif
