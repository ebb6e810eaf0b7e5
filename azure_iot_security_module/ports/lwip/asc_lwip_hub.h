/* SPDX-License-Identifier: MIT */
/* Keeps one MQTT connection to the hub over lwIP and mbed TLS, and sends the module's messages on it. */

#ifndef ASC_LWIP_HUB_H
#define ASC_LWIP_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"
#include "azure_iot_security_module/ports/lwip/asc_lwip_tls.h"
#include "azure_iot_security_module/src/asc_mqtt.h"
#include "azure_iot_security_module/src/asc_sas.h"

/* For a firmware that has no connection of its own to the hub; one that has gives the module's messages
 * to its own client. lwIP's MQTT client is not used. All calls come from the context of lwIP's core: its
 * thread, or the main loop with NO_SYS. */

/* Bytes, 256 to 4096: token, user name and client id together, each with its NUL, and likewise the topic.
 * With a hub's name of 40 letters and a device id of 40 they take about 450. */
#ifndef ASC_LWIP_HUB_TEXT_BYTES
#define ASC_LWIP_HUB_TEXT_BYTES 640
#endif
#if ASC_LWIP_HUB_TEXT_BYTES < 256 || ASC_LWIP_HUB_TEXT_BYTES > 4096
#error "ASC_LWIP_HUB_TEXT_BYTES must be 256 to 4096 bytes"
#endif

/* Seconds, 60 to 604800: how long a token is valid; it is renewed, by a new connection, after 3/4 of that. */
#ifndef ASC_LWIP_HUB_TOKEN_LIFE
#define ASC_LWIP_HUB_TOKEN_LIFE 3600
#endif
#if ASC_LWIP_HUB_TOKEN_LIFE < 60 || ASC_LWIP_HUB_TOKEN_LIFE > 604800
#error "ASC_LWIP_HUB_TOKEN_LIFE must be 60 to 604800 seconds"
#endif

/* Seconds, 10 to 1177 (the hub's own bound): MQTT's keep-alive. */
#ifndef ASC_LWIP_HUB_KEEP_ALIVE
#define ASC_LWIP_HUB_KEEP_ALIVE 240
#endif
#if ASC_LWIP_HUB_KEEP_ALIVE < 10 || ASC_LWIP_HUB_KEEP_ALIVE > 1177
#error "ASC_LWIP_HUB_KEEP_ALIVE must be 10 to 1177 seconds"
#endif

/* Seconds, 1 to 600: how long one step of connecting, a PUBACK and a PINGRESP may take. */
#ifndef ASC_LWIP_HUB_STEP_TIME
#define ASC_LWIP_HUB_STEP_TIME 30
#endif
#if ASC_LWIP_HUB_STEP_TIME < 1 || ASC_LWIP_HUB_STEP_TIME > 600
#error "ASC_LWIP_HUB_STEP_TIME must be 1 to 600 seconds"
#endif

/* Seconds, 1 to 3600: the longest wait between two tries; the first is a second, and each twice the last. */
#ifndef ASC_LWIP_HUB_RETRY_MAX
#define ASC_LWIP_HUB_RETRY_MAX 60
#endif
#if ASC_LWIP_HUB_RETRY_MAX < 1 || ASC_LWIP_HUB_RETRY_MAX > 3600
#error "ASC_LWIP_HUB_RETRY_MAX must be 1 to 3600 seconds"
#endif

enum asc_lwip_hub_state {
    ASC_LWIP_HUB_WAITING,   /* for the next try */
    ASC_LWIP_HUB_RESOLVING, /* the host name */
    ASC_LWIP_HUB_OPENING,   /* TCP and TLS */
    ASC_LWIP_HUB_GREETING,  /* CONNECT is out */
    ASC_LWIP_HUB_ONLINE,    /* accepted */
    ASC_LWIP_HUB_STOPPED,   /* until asc_lwip_hub_init() */
    ASC_LWIP_HUB_STATES
};

enum asc_lwip_hub_event {
    ASC_LWIP_HUB_DONE, /* what the state waits for has happened */
    ASC_LWIP_HUB_LOST, /* a failure, or a token that must be renewed */
    ASC_LWIP_HUB_STOP,
    ASC_LWIP_HUB_EVENTS
};

/* The state machine: pure, total over both enums. */
enum asc_lwip_hub_state asc_lwip_hub_next(
    enum asc_lwip_hub_state state, enum asc_lwip_hub_event event);
const char *asc_lwip_hub_state_name(enum asc_lwip_hub_state state);

/* Returns the wait before the next try, at most ASC_LWIP_HUB_RETRY_MAX. `failures`: in a row, at least 1.
   Half of it is random, so that a fleet does not come back to a restarted hub in step. */
uint32_t asc_lwip_hub_retry_ms(uint32_t failures, uint32_t random);

/* What the connection is made from. Everything pointed to must outlive it, but for `ca`. */
struct asc_lwip_hub_options {
    const char *host; /* DNS name to connect to, which the hub's certificate must have; looked up by
                         lwIP (LWIP_DNS), whose local host list can hold it */
    uint16_t port;    /* 8883 as a rule */
    struct asc_identity identity;
    const uint8_t *key; /* the device's, decoded from base64 */
    size_t key_length;
    const uint8_t *ca; /* the certificates to trust: PEM with its NUL counted, or DER */
    size_t ca_bytes;
    /* Seconds since 1970 UTC; 0 while not known: the connection waits, since a token needs the time, and
     * so does the check of a certificate (MBEDTLS_HAVE_TIME_DATE). */
    uint32_t (*time_utc_s)(void *context);
    /* Fills `length` bytes and returns 0; from a generator seeded by true random numbers. */
    int (*random)(void *context, unsigned char *out, size_t length);
    /* Tells that the connection came up or went down: asc_module_connected(). */
    void (*connected)(void *context, bool connected);
    /* Tells what came of the message that was taken: asc_module_sent(). */
    void (*sent)(void *context, bool delivered);
    /* A line for the log: stable event, text and number (0: none) of the reason. NULL: none is kept. */
    void (*log)(void *context, const char *event, const char *reason, int code);
    void *context; /* of these five */
};

/* One connection; the caller owns the memory; the fields belong to the port. */
struct asc_lwip_hub {
    struct asc_lwip_hub_options options;
    struct asc_lwip_tls tls;
    struct asc_mqtt mqtt;
    enum asc_lwip_hub_state state;
    ip_addr_t address;
    err_t lookup;         /* ERR_INPROGRESS until the answer */
    uint32_t since_ms;    /* when the state was entered */
    uint32_t wait_ms;     /* WAITING: for so long */
    uint32_t written_ms;  /* when something was last given to TLS */
    uint32_t asked_ms;    /* when the message or the ping under way was sent */
    uint32_t failures;    /* in a row */
    const uint8_t *body;  /* of the message under way, the module's own bytes */
    uint32_t body_length; /* of it, not given to TLS yet */
    uint32_t head_at;     /* of the packet in `head`: given to TLS so far */
    uint32_t head_length;
    bool owes_sent; /* `sent` must be called */
    bool told_connected;
    uint8_t head[ASC_LWIP_HUB_TEXT_BYTES + 32];
};

/* Prepares the connection, in the state WAITING with no time to wait; `options` is copied.
 * Returns NULL, or in words what is wrong; then nothing has to be stopped. Allocates through mbed TLS. */
const char *asc_lwip_hub_init(struct asc_lwip_hub *hub, const struct asc_lwip_hub_options *options);

/* Does what is due. Returns the milliseconds until it wants to be called again; to be called at once after
 * lwIP has taken a packet, and after asc_lwip_hub_send(). Calls `connected` and `sent` from within.
 * Does not block but for the handshake's arithmetic (asc_lwip_tls_handshake). */
uint32_t asc_lwip_hub_step(struct asc_lwip_hub *hub);

/* `send` of struct asc_lwip_system, whose `sender` is the hub: takes one message, which stays where it is
 * until `sent` or `connected`(false) is called. PENDING; RETRY while not online or one is under way. */
enum asc_send_result asc_lwip_hub_send(void *hub, const uint8_t *message, uint32_t length);

/* Says goodbye if online, closes, and gives back what was allocated. `sent` and `connected` are called if
 * they are owed. */
void asc_lwip_hub_stop(struct asc_lwip_hub *hub);

#endif
