/* SPDX-License-Identifier: MIT */
/* The connection to the hub: stays up by itself, renews its token, delivers one message at a time. */

#ifndef ASC_LINUX_HUB_H
#define ASC_LINUX_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/ports/linux/asc_linux_connection.h"
#include "azure_iot_security_module/ports/linux/asc_linux_tls.h"

struct asc_twin;

typedef struct asc_linux_hub asc_linux_hub;

enum asc_linux_hub_state {
    ASC_LINUX_HUB_WAITING,   /* for the next try */
    ASC_LINUX_HUB_RESOLVING, /* looking the host name up */
    ASC_LINUX_HUB_OPENING,   /* TCP and TLS */
    ASC_LINUX_HUB_GREETING,  /* CONNECT sent */
    ASC_LINUX_HUB_ONLINE,
    ASC_LINUX_HUB_RENEWING, /* DISCONNECT on its way, to come back at once with a new token */
    ASC_LINUX_HUB_STOPPING, /* DISCONNECT on its way, for good */
    ASC_LINUX_HUB_STOPPED,
    ASC_LINUX_HUB_STATES
};

enum asc_linux_hub_event {
    ASC_LINUX_HUB_DONE, /* what the state waits for has happened */
    ASC_LINUX_HUB_LOST, /* it failed, or took too long */
    ASC_LINUX_HUB_RENEW,
    ASC_LINUX_HUB_STOP,
    ASC_LINUX_HUB_EVENTS
};

/* Pure. An event that means nothing in a state leaves it as it is. */
enum asc_linux_hub_state asc_linux_hub_next(
    enum asc_linux_hub_state state, enum asc_linux_hub_event event);

const char *asc_linux_hub_state_name(enum asc_linux_hub_state state);

/* Every wait of the connection has a bound. */
struct asc_linux_hub_times {
    uint32_t token_life_s; /* the token is renewed after 3/4 of it */
    uint16_t keep_alive_s; /* told to the hub; a PINGREQ goes out after 3/4 of it in silence */
    uint32_t step_ms;      /* each of: look-up, TCP and TLS to one address, CONNACK, PINGRESP */
    uint32_t delivery_ms;  /* PUBLISH to PUBACK */
    uint32_t close_ms;     /* getting DISCONNECT out */
    uint32_t retry_min_ms; /* first wait after a failure; doubles each time, half of it random */
    uint32_t retry_max_ms;
};

struct asc_linux_hub_options {
    const struct asc_linux_connection *connection; /* stays the caller's, until _free */
    const char *ca_file;                           /* NULL: the system's CAs */
    struct asc_linux_hub_times times;
    /* Kept in step with the identity's twin by asc_linux_hub_step, which may change the module's
       settings; stays the caller's, until _free. NULL: the twin is not asked for. */
    struct asc_twin *twin;
    void *context; /* of the two functions, which asc_linux_hub_step calls */
    /* The hub accepted us, or the connection is gone. */
    void (*connected)(void *context, bool connected);
    /* What came of the message that asc_linux_hub_send took: PUBACK seen, or connection lost. */
    void (*sent)(void *context, bool delivered);
};

/* 3,600 s of token, keep-alive 240 s, 15 s a step, 20 s a delivery, retries after 1 to 60 s. */
struct asc_linux_hub_times asc_linux_hub_times_default(void);

/* Makes a connection that opens with the first step. NULL with the reason in `error` when the CA
   file cannot be read or memory is short. Release with asc_linux_hub_free. */
asc_linux_hub *asc_linux_hub_new(
    const struct asc_linux_hub_options *options, char error[ASC_LINUX_TLS_ERROR_BYTES]);

/* Closes without ceremony. NULL is allowed. */
void asc_linux_hub_free(asc_linux_hub *h);

/* Does what can be done without blocking. Returns the milliseconds after which it wants to be
   called again, sooner when asc_linux_hub_poll's descriptor is ready. One thread only. */
uint32_t asc_linux_hub_step(asc_linux_hub *h);

/* What to poll: `fd` (-1: nothing) and POLLIN or POLLOUT. */
void asc_linux_hub_poll(const asc_linux_hub *h, int *fd, short *events);

/* Publishes a security message at QoS 1. True: taken (copied) and `sent` will be called, once.
   False: not online, a message is in flight, or it is longer than
   ASC_MESSAGE_BYTES. */
bool asc_linux_hub_send(asc_linux_hub *h, const uint8_t *message, uint32_t length);

/* Disconnects and does not come back; done when the state is STOPPED, at most close_ms later. */
void asc_linux_hub_stop(asc_linux_hub *h);

enum asc_linux_hub_state asc_linux_hub_state(const asc_linux_hub *h);

/* The wait before try number `failures` (1 or more), `random` uniform over its type: between half
   of and the whole of retry_min_ms doubled failures - 1 times, capped at retry_max_ms. */
uint32_t asc_linux_hub_retry_ms(
    const struct asc_linux_hub_times *times, uint32_t failures, uint32_t random);

#endif
