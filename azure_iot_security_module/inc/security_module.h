/* SPDX-License-Identifier: MIT */
/* The security module's portable API: what a port or a firmware calls, and what a port provides. */

#ifndef SECURITY_MODULE_H
#define SECURITY_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/asc_network.h"
#include "azure_iot_security_module/inc/asc_port.h"
#include "azure_iot_security_module/inc/asc_state.h"

#ifdef __cplusplus
extern "C" {
#endif

/* major << 24 | minor << 16 | patch, as in each message. */
#define ASC_VERSION_MAJOR 0u
#define ASC_VERSION_MINOR 1u
#define ASC_VERSION_PATCH 0u
#define ASC_VERSION       (ASC_VERSION_MAJOR << 24 | ASC_VERSION_MINOR << 16 | ASC_VERSION_PATCH)

/* X(name, text): the codes that calls return. */
#define ASC_RESULTS(X)                                                                  \
    X(ASC_OK, "success")                                                                \
    X(ASC_ERROR_PORT, "the port lacks a function that it must have")                    \
    X(ASC_ERROR_BUILD, "the library and its caller were built with different settings") \
    X(ASC_ERROR_ID, "the security module id is missing or too long")                    \
    X(ASC_ERROR_INTERVAL, "an interval is out of range")                                \
    X(ASC_ERROR_ENTROPY, "the port has no random bytes")                                \
    X(ASC_ERROR_COLLECTOR, "a collector is named that there is not")                    \
    X(ASC_ERROR_TIMEZONE, "the time zone is out of range")

#define ASC_RESULT_ENUM(name, text) name,
enum asc_result {
    ASC_RESULTS(ASC_RESULT_ENUM) ASC_RESULT_COUNT
};
#undef ASC_RESULT_ENUM

#if defined(__GNUC__)
#define ASC_NODISCARD __attribute__((warn_unused_result))
#else
#define ASC_NODISCARD
#endif

/* A packet, or a part of one: `length` bytes at `data`, then the bytes of `next` (NULL at the end).
 * The first byte of the first segment is the first byte of the IP header. Of all segments together the
 * first 192 bytes are read at most, and only as far as headers go; the others only have a length. */
struct asc_segment {
    const uint8_t *data;
    uint32_t length;
    const struct asc_segment *next;
};

/* How the frame that brought a packet was addressed. */
enum asc_cast {
    ASC_UNICAST,
    ASC_BROADCAST,
    ASC_MULTICAST
};

enum asc_send_result {
    ASC_SEND_DONE,    /* delivered: the module drops the message */
    ASC_SEND_PENDING, /* under way: asc_module_sent() will tell; the bytes stay where they are */
    ASC_SEND_RETRY    /* not now: the module keeps the message and tries again */
};

/* How much a log line matters; values of ASC_LOG_LEVEL. */
enum asc_log_level {
    ASC_LOG_FATAL = 1,
    ASC_LOG_ERROR,
    ASC_LOG_WARNING,
    ASC_LOG_INFORMATION,
    ASC_LOG_DEBUG
};

/* NUL-terminated UTF-8, or NULL where unknown; valid until the call that asked has returned. */
struct asc_system_information {
    const char *os;
    const char *kernel;
    const char *hw;
};

/* What a platform provides. All functions get the context given to asc_module_init(), and are called
 * from within the module's calls, on the caller's thread; only lock and unlock also from the hook. */
struct asc_port {
    /* Returns seconds since 1970 UTC; 0 where the time is not known. May jump. */
    uint32_t (*time_utc_s)(void *context);

    /* Returns milliseconds from any start; never goes back, wraps after 2^32. */
    uint32_t (*uptime_ms)(void *context);

    /* Fills `length` bytes at `out` with unpredictable bytes; false where there are none. */
    bool (*random)(void *context, uint8_t *out, size_t length);

    /* Exclude asc_module_packet() from the rest of the module: a mutex where the hook runs in a
     * thread, masked interrupts where it runs in one. Never nested. Both NULL where the hook and the
     * module's thread are one. */
    void (*lock)(void *context);
    void (*unlock)(void *context);

    /* Sends one telemetry message of `length` bytes. Only called while connected, from
     * asc_module_step(), outside the lock; should not block for long. After ASC_SEND_PENDING the
     * bytes stay valid and unchanged until asc_module_sent(), asc_module_connected(m, false) or
     * asc_module_disable(). Must not call back into the module. */
    enum asc_send_result (*send)(void *context, const uint8_t *message, uint32_t length);

    /* Fills `out`, which comes with NULLs. NULL: nothing is known, and no such event is sent. */
    void (*system_information)(void *context, struct asc_system_information *out);

    /* Takes a line of the module's log: one sentence, without its end of line, that stays valid. NULL:
     * no log. Never called from the hook, nor within the lock. */
    void (*log)(void *context, enum asc_log_level level, const char *text);
};

/* Bits of the collectors that are built in, for `collectors` of struct asc_settings. */
#define ASC_COLLECT_SYSTEM_INFORMATION (1u * ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED)
#define ASC_COLLECT_HEARTBEAT          (2u * ASC_COLLECTOR_HEARTBEAT_ENABLED)
#define ASC_COLLECT_NETWORK_ACTIVITY   (4u * ASC_HAS_NETWORK_ACTIVITY)
#define ASC_COLLECT_ALL \
    (ASC_COLLECT_SYSTEM_INFORMATION | ASC_COLLECT_HEARTBEAT | ASC_COLLECT_NETWORK_ACTIVITY)

/* Values that asc_module_init() takes; asc_settings_default() gives those of asc_port.h. */
struct asc_settings {
    const char *security_module_id; /* not copied: must outlive the instance */
    uint32_t first_interval_s;      /* 1 to ASC_INTERVAL_MAX, as all intervals */
    uint32_t high_interval_s;
    uint32_t medium_interval_s;
    uint32_t low_interval_s;
    uint32_t pending_time_s;
    uint32_t retry_time_s; /* 1 to 3600 */
    uint8_t collectors;    /* ASC_COLLECT_ bits: which of those that are built in are on */
    int8_t timezone_hours; /* -12 to 14, east of UTC; told to the service, times stay UTC */
};

/* A flow as it is about to be reported, and who decides whether it is worth it. */
struct asc_flow_view {
    const uint8_t *remote;  /* `address_bytes` bytes in network order */
    uint32_t address_bytes; /* 4 or 16 */
    uint16_t remote_port;   /* 0 for ICMP, as the next */
    uint16_t local_port;
    enum asc_protocol protocol;
};

/* An allow-list of flows; asc_twin.h has one. Embed it in what `allows` needs. */
struct asc_allow {
    /* Returns whether the flow need not be reported. Called outside the lock, from asc_module_step(). */
    bool (*allows)(const struct asc_allow *allow, const struct asc_flow_view *flow);
};

/* Counted since asc_module_init(); every counter saturates. */
struct asc_counters {
    uint32_t packets_counted;    /* in a flow */
    uint32_t packets_overflowed; /* no room in its table, ports not known, or missed by the port */
    uint32_t packets_malformed;  /* shorter than its headers claim, or no IP packet */
    uint32_t packets_ignored;    /* not collected: another protocol, or incoming and not unicast */
    uint32_t packets_given_up;   /* counted, and dropped by disable or suspension before a report */
    uint32_t
        packets_withheld; /* counted, in a flow that the allow-list keeps from being reported */
    uint32_t bytes_overflowed[2]; /* IP payload by enum asc_direction */
    uint32_t messages_built;
    uint32_t messages_sent;
    uint32_t messages_retried;  /* attempts that failed */
    uint32_t messages_kept;     /* messages whose first attempt failed */
    uint32_t messages_given_up; /* dropped by disable or suspension */
};

/* What is counted of packets besides the flows; the first four in the order of the ledger. Saturate. */
enum asc_tally {
    ASC_OVERFLOWED,
    ASC_MALFORMED,
    ASC_GIVEN_UP,
    ASC_WITHHELD,
    ASC_IGNORED,
    ASC_TALLIES
};

struct asc_message_tally {
    uint32_t built;
    uint32_t sent;
    uint32_t retried;
    uint32_t kept;
    uint32_t given_up;
};

/* Collectors of one instance at most. */
#define ASC_COLLECTORS_MAX 3

/* One security module. The caller owns the memory, all of it; the fields belong to the module. */
struct asc_module {
    const struct asc_port *port;
    void *context;
    const struct asc_allow *allow;
    struct asc_settings settings;
    uint64_t packets_taken; /* counted, and taken out of the tables for a message, or given up */
    uint64_t packets_told;  /* counted, and in the ledgers of delivered messages */
    uint32_t packets_in_message;  /* in the flows of the message that is held */
    uint32_t since[ASC_TALLIES];  /* what no ledger of a delivered message holds yet */
    uint32_t before[ASC_TALLIES]; /* what they hold */
    uint32_t bytes_overflowed[2];
    struct asc_message_tally messages;
    uint32_t boot_id; /* random, drawn at the first enable; 0 before */
    enum asc_state state;
    uint32_t entered_ms;                       /* when `state` was entered */
    uint32_t retry_ms;                         /* when the last attempt to send failed */
    uint32_t collected_ms[ASC_COLLECTORS_MAX]; /* when each collector's last event ended */
    uint32_t period_ms[ASC_COLLECTORS_MAX];    /* from then until its next */
    uint8_t id_length;                         /* of the security module id */
    bool counting;                             /* the hook counts; changed under the lock only */
    bool counting_unlocked;                    /* it does, and the port has no lock to take */
    bool in_flight;                            /* the message is with the port */
    bool retrying;                             /* wait for retry_time_s before the next attempt */
    bool failed;                               /* the message has been tried in vain */
    uint32_t message_bytes;                    /* 0: no message is held */
#if ASC_HAS_NETWORK_ACTIVITY
    struct asc_network network;
#endif
    uint32_t message[(ASC_MESSAGE_BYTES) / 4]; /* words, for FlatBuffers' alignment */
};

/* Returns the text of a result; "unknown" for a value outside the enum. */
const char *asc_result_text(enum asc_result result);

/* Returns the settings as asc_port.h has them; `security_module_id` is NULL if it has none. */
struct asc_settings asc_settings_default(void);

/* What asc_module_init() calls; `module_bytes` is the caller's sizeof(struct asc_module). */
ASC_NODISCARD enum asc_result asc_module_init_sized(struct asc_module *m, size_t module_bytes,
    const struct asc_port *port, void *context, const struct asc_settings *settings);

/* Prepares an instance, in the state not initialised; nothing is collected yet. `port` must outlive
 * it; `settings` is copied (the id's characters are not).
 * Returns ASC_OK, ASC_ERROR_PORT, ASC_ERROR_BUILD, ASC_ERROR_ID, ASC_ERROR_INTERVAL, ASC_ERROR_TIMEZONE or
 * ASC_ERROR_COLLECTOR.
 * Call once, before anything else, while no hook is in place. */
ASC_NODISCARD static inline enum asc_result asc_module_init(struct asc_module *m,
    const struct asc_port *port, void *context, const struct asc_settings *settings)
{
    return asc_module_init_sized(m, sizeof *m, port, context, settings);
}

/* Takes other intervals, collectors and time zone; the id stays. Intervals count from the last
 * collection, and `first_interval_s` has no more effect after it. A collector that is off keeps what it
 * has and collects nothing.
 * Returns ASC_OK, or ASC_ERROR_INTERVAL, ASC_ERROR_TIMEZONE or ASC_ERROR_COLLECTOR, and then changes
 * nothing. From the module's thread. */
ASC_NODISCARD enum asc_result asc_module_configure(
    struct asc_module *m, const struct asc_settings *settings);

/* Sets the allow-list, which must outlive the instance; NULL: none. What it allows is counted as
 * withheld. From the module's thread. */
void asc_module_allow(struct asc_module *m, const struct asc_allow *allow);

/* Starts collecting, clean, in the state pending; in pending and active it changes nothing. The port
 * then tells of its connection by asc_module_connected(), also of one that is up already.
 * Returns ASC_OK or ASC_ERROR_ENTROPY. From the module's thread. */
ASC_NODISCARD enum asc_result asc_module_enable(struct asc_module *m);

/* Stops collecting and drops what was collected and not sent. From the module's thread. After it the
 * hook may still be called and does nothing. */
void asc_module_disable(struct asc_module *m);

/* Tells that the connection to the hub came up or went down. A message under way when it goes down
 * counts as not sent, and is sent again. From the module's thread. */
void asc_module_connected(struct asc_module *m, bool connected);

/* The hook: counts one packet that came in or goes out. `packet` is only read during the call.
 * Never waits (but for the port's lock), logs or allocates; cost bounded for any packet. From any
 * thread or interrupt that the port's lock excludes; not from within the port's functions. */
void asc_module_packet(struct asc_module *m, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet);

/* Tells that `packets` went by that the port could not give to the hook: they count as overflow. From
 * the module's thread; takes the lock. */
void asc_module_missed(struct asc_module *m, uint32_t packets);

/* Makes every collector due, so that the next step of a connected module reports what there is. From
 * the module's thread. */
void asc_module_flush(struct asc_module *m);

/* Does what is due: collects, builds a message, sends. Returns the milliseconds until it wants to be
 * called again, at least 1; to be called at once after asc_module_connected() and asc_module_sent().
 * Calling early or late is harmless. From the module's thread. */
uint32_t asc_module_step(struct asc_module *m);

/* Tells what came of the message that `send` answered ASC_SEND_PENDING for: delivered, or to be sent
 * again. Without a message under way it does nothing. From the module's thread. */
void asc_module_sent(struct asc_module *m, bool delivered);

/* Returns the state. From the module's thread. */
enum asc_state asc_module_state(const struct asc_module *m);

/* Returns a copy of the counters. From the module's thread; takes the lock. */
struct asc_counters asc_module_counters(struct asc_module *m);

/* Returns packets counted + overflowed + malformed + ignored, saturated. */
uint32_t asc_counters_packets_seen(const struct asc_counters *counters);

#ifdef __cplusplus
}
#endif

#endif
