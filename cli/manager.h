/* SPDX-License-Identifier: MIT */
/* Words to the service manager that started the service, by the protocol of sd_notify(3). */

#ifndef VEDETTE_CLI_MANAGER_H
#define VEDETTE_CLI_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

#include "api/health.h"

/* All of these do nothing unless the environment names the manager's socket. None blocks. Any thread, but for the watch. */
void vd_manager_ready(void);
void vd_manager_stopping(void);
/* A reload begins and ends. */
void vd_manager_reloading(void);
void vd_manager_reloaded(void);

/* The manager's watchdog, and what it was told last of the service's health. */
struct vd_manager_watch {
    int64_t interval_ms; /* within which it wants a word; 0: it has none */
    int64_t next_ms;     /* monotonic: of the next word */
    vd_health_reasons told;
};

/* Begins by WATCHDOG_USEC and WATCHDOG_PID. */
void vd_manager_watch_begin(struct vd_manager_watch *watch);

/*
 * Gives the watchdog its word when it is due (twice an interval), but only while the service lives: what is stuck is to be
 * restarted. Tells the manager and the log when the judgement has changed.
 */
void vd_manager_watch_tick(
    struct vd_manager_watch *watch, vd_health_reasons reasons, int64_t now_ms);

#endif
