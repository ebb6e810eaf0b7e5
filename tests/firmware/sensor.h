/* SPDX-License-Identifier: MIT */
/* What the firmware is for, apart from its security: a sensor that reports by UDP, gets a page by TCP and pings. */

#ifndef VEDETTE_TESTS_FIRMWARE_SENSOR_H
#define VEDETTE_TESTS_FIRMWARE_SENSOR_H

#include <stdbool.h>

#include "tests/firmware/config.h"

/* Starts it; the network must be up. */
void sensor_start(const struct firmware_config *config);

/* Does what is due. */
void sensor_step(void);

/* True once the command to stop has come and been answered. */
bool sensor_stopped(void);

#endif
