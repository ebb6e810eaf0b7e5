/* SPDX-License-Identifier: MIT */
/* The states of the connection to the hub, and how long it waits between tries. */

#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"

enum asc_linux_hub_state asc_linux_hub_next(
    enum asc_linux_hub_state state, enum asc_linux_hub_event event)
{
    enum {
        WAITING = ASC_LINUX_HUB_WAITING,
        RESOLVING = ASC_LINUX_HUB_RESOLVING,
        OPENING = ASC_LINUX_HUB_OPENING,
        GREETING = ASC_LINUX_HUB_GREETING,
        ONLINE = ASC_LINUX_HUB_ONLINE,
        RENEWING = ASC_LINUX_HUB_RENEWING,
        STOPPING = ASC_LINUX_HUB_STOPPING,
        STOPPED = ASC_LINUX_HUB_STOPPED
    };
    static const uint8_t next[ASC_LINUX_HUB_STATES][ASC_LINUX_HUB_EVENTS] = {
        /*              DONE       LOST      RENEW      STOP */
        [WAITING] = {RESOLVING, WAITING, WAITING, STOPPED},
        [RESOLVING] = {OPENING, WAITING, RESOLVING, STOPPED},
        [OPENING] = {GREETING, WAITING, OPENING, STOPPED},
        [GREETING] = {ONLINE, WAITING, GREETING, STOPPED},
        [ONLINE] = {ONLINE, WAITING, RENEWING, STOPPING},
        [RENEWING] = {WAITING, WAITING, RENEWING, STOPPING},
        [STOPPING] = {STOPPED, STOPPED, STOPPING, STOPPING},
        [STOPPED] = {STOPPED, STOPPED, STOPPED, STOPPED},
    };

    return (enum asc_linux_hub_state)next[state][event];
}

const char *asc_linux_hub_state_name(enum asc_linux_hub_state state)
{
    static const char *const names[ASC_LINUX_HUB_STATES] = {
        "waiting", "resolving", "opening", "greeting", "online", "renewing", "stopping", "stopped"};

    return names[state];
}

struct asc_linux_hub_times asc_linux_hub_times_default(void)
{
    return (struct asc_linux_hub_times){
        .token_life_s = 3600,
        .keep_alive_s = 240,
        .step_ms = 15000,
        .delivery_ms = 20000,
        .close_ms = 2000,
        .retry_min_ms = 1000,
        .retry_max_ms = 60000,
    };
}

uint32_t asc_linux_hub_retry_ms(
    const struct asc_linux_hub_times *times, uint32_t failures, uint32_t random)
{
    uint64_t wait = times->retry_min_ms;
    uint64_t half;

    for (uint32_t i = 1; i < failures && wait < times->retry_max_ms; i++) {
        wait *= 2;
    }
    if (wait > times->retry_max_ms) {
        wait = times->retry_max_ms;
    }
    half = wait / 2;
    /* Half of it is random, so that a fleet does not come back to a restarted hub in step. */
    return (uint32_t)(half + ((wait - half) * random >> 32));
}
