/* SPDX-License-Identifier: MIT */
/* The states of the connection to the hub, and how long it waits between tries. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_hub.h"

#define RETRY_MIN_MS 1000u
#define RETRY_MAX_MS (ASC_LWIP_HUB_RETRY_MAX * 1000u)

enum asc_lwip_hub_state asc_lwip_hub_next(
    enum asc_lwip_hub_state state, enum asc_lwip_hub_event event)
{
    enum {
        WAITING = ASC_LWIP_HUB_WAITING,
        RESOLVING = ASC_LWIP_HUB_RESOLVING,
        OPENING = ASC_LWIP_HUB_OPENING,
        GREETING = ASC_LWIP_HUB_GREETING,
        ONLINE = ASC_LWIP_HUB_ONLINE,
        STOPPED = ASC_LWIP_HUB_STOPPED
    };
    static const uint8_t next[ASC_LWIP_HUB_STATES][ASC_LWIP_HUB_EVENTS] = {
        /*              DONE       LOST     STOP */
        [WAITING] = {RESOLVING, WAITING, STOPPED},
        [RESOLVING] = {OPENING, WAITING, STOPPED},
        [OPENING] = {GREETING, WAITING, STOPPED},
        [GREETING] = {ONLINE, WAITING, STOPPED},
        [ONLINE] = {ONLINE, WAITING, STOPPED},
        [STOPPED] = {STOPPED, STOPPED, STOPPED},
    };

    return (enum asc_lwip_hub_state)next[state][event];
}

const char *asc_lwip_hub_state_name(enum asc_lwip_hub_state state)
{
    static const char *const names[ASC_LWIP_HUB_STATES] = {
        "waiting", "resolving", "opening", "greeting", "online", "stopped"};

    return names[state];
}

uint32_t asc_lwip_hub_retry_ms(uint32_t failures, uint32_t random)
{
    uint32_t wait = RETRY_MIN_MS;

    for (uint32_t i = 1; i < failures && wait < RETRY_MAX_MS; i++) {
        wait *= 2;
    }
    wait = wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS;
    return wait / 2 + random % (wait / 2 + 1);
}
