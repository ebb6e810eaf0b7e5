/* SPDX-License-Identifier: MIT */
/* The conversation about the twin on one connection: what to ask the hub, and what its answers mean. */

#ifndef ASC_LINUX_TWIN_H
#define ASC_LINUX_TWIN_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/asc_twin.h"

/* Filters that are subscribed to, all in one SUBSCRIBE. */
#define ASC_LINUX_TWIN_FILTERS 2u
extern const char *const asc_linux_twin_filters[ASC_LINUX_TWIN_FILTERS];

/* Longest topic that is written here, its NUL included. */
#define ASC_LINUX_TWIN_TOPIC_BYTES 64u

/* What is to be sent next. */
enum asc_linux_twin_want {
    ASC_LINUX_TWIN_NOTHING,
    ASC_LINUX_TWIN_SUBSCRIBE, /* to asc_linux_twin_filters, at QoS 0 */
    ASC_LINUX_TWIN_PUBLISH    /* at QoS 0: `topic` and `payload` */
};

/* Where the conversation is. */
enum asc_linux_twin_state {
    ASC_LINUX_TWIN_OFF,         /* no connection, or no twin on this one */
    ASC_LINUX_TWIN_BEGINNING,   /* to subscribe */
    ASC_LINUX_TWIN_SUBSCRIBING, /* SUBSCRIBE sent */
    ASC_LINUX_TWIN_LISTENING,   /* subscribed */
    ASC_LINUX_TWIN_REFUSED      /* the hub has no twins */
};

/* One request of which the answer is awaited, or the wish for it. */
struct asc_linux_twin_request {
    bool wanted;
    uint32_t rid;    /* of what was sent and has no answer yet; 0: nothing */
    uint64_t due_ms; /* not sent before; once sent, the answer is given up */
};

/* The fields are for reading. */
struct asc_linux_twin {
    struct asc_twin *twin;
    uint32_t answer_ms; /* how long an answer may take */
    uint32_t retry_ms;  /* wait before a request that failed is made again */
    enum asc_linux_twin_state state;
    uint32_t rid;  /* the last */
    unsigned lost; /* connections in a row that ended while subscribing */
    bool told;     /* that the hub has no twins */
    struct asc_linux_twin_request read;
    struct asc_linux_twin_request report;
    char sent[ASC_TWIN_REPORT_MAX];     /* the report that is on its way; "" for none */
    char accepted[ASC_TWIN_REPORT_MAX]; /* the report that the hub took last; "" for none */
    char topic[ASC_LINUX_TWIN_TOPIC_BYTES];
    const char *payload; /* of a publish; ends in NUL */
};

/* Prepares it, without a connection. `twin` must outlive it; NULL: it never wants anything. */
void asc_linux_twin_init(
    struct asc_linux_twin *t, struct asc_twin *twin, uint32_t answer_ms, uint32_t retry_ms);

/* The hub has accepted a connection: subscribe, read, report. A hub that ended the last two connections
   while they were subscribing is left in peace on this one. */
void asc_linux_twin_online(struct asc_linux_twin *t);

/* The connection is gone. Without one it does nothing. */
void asc_linux_twin_offline(struct asc_linux_twin *t);

/* What to send now; `topic` and `payload` of `t` say it until the next call. Each is asked for once: the
   caller sends it, or loses the connection. */
enum asc_linux_twin_want asc_linux_twin_next(struct asc_linux_twin *t, uint64_t now_ms);

/* When asc_linux_twin_next may want something without any message; UINT64_MAX: never. */
uint64_t asc_linux_twin_due_ms(const struct asc_linux_twin *t);

/* The hub has answered SUBSCRIBE; `granted` has a bit by filter. */
void asc_linux_twin_subscribed(struct asc_linux_twin *t, uint8_t granted);

/* A message has come. `payload`: `length` bytes; NULL if it was too long to be held. Settings are
   applied to the module: from its thread. */
void asc_linux_twin_message(struct asc_linux_twin *t, const char *topic, uint32_t topic_length,
    const char *payload, uint32_t length, uint64_t now_ms);

#endif
