/* SPDX-License-Identifier: MIT */
/* Where the firmware reports its readings to: a UDP socket on loopback that answers each, and can give a command. */

#ifndef VEDETTE_TESTS_FIRMWARE_REPORTS_H
#define VEDETTE_TESTS_FIRMWARE_REPORTS_H

#include <stdint.h>

/* One at a time; a thread of its own answers. */
void reports_start(void);
uint16_t reports_port(void);
/* The next reading is answered with the command to stop counting. */
void reports_stop_device(void);
void reports_end(void);

#endif
