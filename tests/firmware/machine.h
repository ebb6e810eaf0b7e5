/* SPDX-License-Identifier: MIT */
/* The board in QEMU with the firmware in it, and the network around it. */

#ifndef VEDETTE_TESTS_FIRMWARE_MACHINE_H
#define VEDETTE_TESTS_FIRMWARE_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

#include "tests/e2e/harness.h"
#include "tests/firmware/config.h"

/* What must be in PATH. */
#define MACHINE_PROGRAMS "qemu-system-arm", "busybox"

/* QEMU's user-mode network, which needs no root: MACHINE_HOST stands for this machine's loopback interface, and
 * connections to MACHINE_PEER, port MACHINE_PEER_PORT, reach a web server of the test. Nothing else is there. */
#define MACHINE_ADDRESS   "203.0.113.15"
#define MACHINE_HOST      "203.0.113.2"
#define MACHINE_PEER      "203.0.113.66"
#define MACHINE_PEER_PORT 8080

/* Says why the board cannot be switched on: what main must return. 0: it can. */
int machine_begin(void);

struct machine {
    pid_t pid;
    char uart[128]; /* what the firmware writes */
    char pcap[128]; /* what passed its network chip */
};

/* A configuration of a device with the primary key of e2e_device_create(). ca_path: certificates to trust, PEM.
 * hub_port, report_port: on loopback. */
void machine_configure(struct firmware_config *config, const char *ca_path, uint16_t hub_port,
    const char *device_id, uint16_t report_port);

/* Switches the board on; `name` is for its files. */
void machine_start(struct machine *machine, const char *name, const struct firmware_config *config);
void machine_stop(struct machine *machine);

/* How often the firmware has written `text`. */
unsigned machine_said(const struct machine *machine, const char *text);
/* Waits until it has at least `times`; fails the test after the deadline, or if the firmware had to give up. */
void machine_wait(
    const struct machine *machine, const char *text, unsigned times, int64_t timeout_ms);

#endif
