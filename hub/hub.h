/* SPDX-License-Identifier: MIT */
/* The hub: the MQTT endpoint that devices connect to, authenticated, into the event log. */

#ifndef VEDETTE_HUB_HUB_H
#define VEDETTE_HUB_HUB_H

#include <stdint.h>

#include "hub/ip_filter.h"
#include "hub/registry.h"
#include "hub/state.h"
#include "lib/bus.h"
#include "lib/event_log.h"

struct vd_operation;
struct ssl_ctx_st;

/* Limits on what one peer may do; 0: none. Whoever rested may do at once what ten seconds, or a minute, allow. */
struct vd_hub_rates {
    uint32_t address_connects_per_s;  /* new connections of an IPv4 address or an IPv6 /64 */
    uint32_t failed_logins_per_min;   /* of an identity from one address */
    uint32_t identity_logins_per_min; /* that succeed */
    uint32_t identity_messages_per_s;
    uint32_t identity_kib_per_s; /* as they come over the wire */
};

struct vd_hub_config {
    const char *host_name;      /* as devices name it: user names and tokens must hold it */
    const char *listen_address; /* numeric IPv4 or IPv6 address */
    uint16_t port;              /* 0: any free one, see vd_hub_port */
    const char *certificate_file;
    const char *private_key_file; /* PEM, both */
    uint32_t max_connections;     /* 0: as in hub/limits.h */
    struct vd_hub_rates rates;
    const struct vd_ip_filter *ip_filter; /* copied; NULL: everyone may connect */
    struct vd_state
        *state; /* must outlive the hub; NULL: no twins, no C2D, no kept subscriptions */
    const char *resource_id; /* of the hub, as its records name it; NULL: its host name */
};

/* Counters since the start; each only grows, but for the last three. */
struct vd_hub_stats {
    uint64_t connects_accepted;
    uint64_t connects_refused;
    uint64_t messages_telemetry;
    uint64_t messages_security;
    uint64_t protocol_errors;
    uint64_t takeovers;
    uint64_t append_failures;
    uint64_t connects_limited; /* closed or refused by a rate */
    uint64_t operations_lost;  /* records of the hub's own that found no room in the event log */
    uint64_t throttled;        /* rests that a rate imposed on a device */
    uint64_t methods_answered;
    uint64_t
        methods_unanswered; /* not online, timed out, refused: all that began and were not answered */
    uint64_t method_answers_ignored; /* too late, twice, or to a call of another identity */
    uint32_t connections;            /* open TCP connections now */
    uint32_t authenticated;          /* of them past CONNECT */
    uint32_t
        log_unwritable; /* 1 while the event log takes nothing (full disk): nothing is acknowledged */
};

/* Where devices speak MQTT over WebSocket on a server of HTTPS, and the subprotocol that they name. */
#define VD_HUB_WEBSOCKET_PATH     "/$iothub/websocket"
#define VD_HUB_WEBSOCKET_PROTOCOL "mqtt"

/* A connection of that kind that a server of HTTPS let go of; its TLS is of a context of hub/tls.h. */
struct vd_hub_arrival {
    int fd;               /* does not block */
    struct ssl_st *ssl;   /* without a BIO; no byte is on its way through it */
    struct vd_str answer; /* that the client waits for: the end of WebSocket's handshake */
    struct vd_str early;  /* what has come behind its request; at most VD_HUB_EARLY_MAX_BYTES */
};

struct vd_hub;

/*
 * Opens the listener and starts the hub's threads (an event loop, a committer). `config` and its strings are copied;
 * `log` and `registry` must outlive the hub.
 * VD_E_INVALID with an explanation in error_text (of error_size bytes) for a bad address, certificate or key;
 * VD_E_BUSY for a port that is taken.
 */
VD_NODISCARD int vd_hub_start(const struct vd_hub_config *config, struct vd_event_log *log,
    struct vd_registry *registry, struct vd_hub **hub, char *error_text, size_t error_size);

/* The port that it listens on. */
uint16_t vd_hub_port(const struct vd_hub *hub);

/* Ends the connections of a device and its modules (module_id NULL), or of one module. Any thread; does not wait. */
void vd_hub_disconnect(struct vd_hub *hub, const char *device_id, const char *module_id);

/* Judges whoever connects by this filter, which is copied, and ends the connections that it refuses. Any thread; does not
 * wait. */
void vd_hub_set_ip_filter(struct vd_hub *hub, const struct vd_ip_filter *filter);

/* Limits everyone by these from now on; what was done before counts on. Any thread; does not wait. */
void vd_hub_set_rates(struct vd_hub *hub, const struct vd_hub_rates *rates);

/* As vd_tls_server_put, with a context that was made as the hub's own: connections that come from now on see its certificates. */
bool vd_hub_set_tls(struct vd_hub *hub, struct ssl_ctx_st *context);

/* Policies of the registry were changed: ends the connections that a policy let in which is gone, has lost the right or
 * has other keys. Any thread; does not wait. The loop reads each such policy once. */
void vd_hub_policies_changed(struct vd_hub *hub);

/* As desired_changed and c2d_waiting of struct vd_bus_ops in lib/bus.h. */
void vd_hub_desired_changed(struct vd_hub *hub, const char *device_id, const char *module_id,
    int64_t version, struct vd_str change);
void vd_hub_c2d_waiting(struct vd_hub *hub, const char *device_id);

/* Takes the connection over as if it had come to the hub's own port, or closes it: fd and ssl are the hub's from now on.
 * Any thread; does not wait. */
void vd_hub_adopt(struct vd_hub *hub, const struct vd_hub_arrival *arrival);

/* True if the identity is connected now. Any thread. */
bool vd_hub_is_connected(struct vd_hub *hub, const char *device_id, const char *module_id);

/* As call_method of struct vd_bus_ops in lib/bus.h. */
VD_NODISCARD int vd_hub_call_method(
    struct vd_hub *hub, const struct vd_method_call *call, vd_method_done *done, void *context);

/* Takes no more calls and has those under way end with VD_E_CLOSED, so that whoever waits for one can be stopped before
 * the hub is. Any thread; does not wait. */
void vd_hub_refuse_methods(struct vd_hub *hub);

/*
 * Puts an event into the event log, behind what is there. Any thread; does not wait: it is copied, and durable a moment later.
 * VD_E_LIMIT (too many wait: the log takes nothing, or not so much), VD_E_NOMEM: it is lost, and counted as an operation.
 */
VD_NODISCARD int vd_hub_append(struct vd_hub *hub, const struct vd_event *event);

/* Records an operation of hub/operation.h likewise; one that is lost is counted. */
void vd_hub_record(struct vd_hub *hub, const struct vd_operation *operation);

/* Called once, on the hub's loop: must not block. VD_OK: it is durable. VD_E_CLOSED: the hub has stopped, and it may be lost. */
typedef void vd_post_done(void *context, int error);

/*
 * Takes a message of a device that came otherwise than over MQTT (its event's kind, ids and bounds are the caller's to check).
 * Any thread; does not wait: it is copied, and `done` tells the end if this returns VD_OK.
 * VD_E_LIMIT: the device is over its rate of messages or bytes, or too many wait. VD_E_CLOSED, VD_E_NOMEM.
 */
VD_NODISCARD int vd_hub_post(
    struct vd_hub *hub, const struct vd_event *event, vd_post_done *done, void *context);

/* True, and counted as a message, if a device may ask something now otherwise than over MQTT: it is within its rates. Any
 * thread. */
bool vd_hub_may_ask(struct vd_hub *hub, const char *device_id);

void vd_hub_stats_get(struct vd_hub *hub, struct vd_hub_stats *out);

/* The last beats of its threads, as in lib/pulse.h. */
struct vd_hub_beats {
    int64_t loop_ms;
    int64_t committer_ms;
};

/* Any thread; takes no lock. */
void vd_hub_beats_get(const struct vd_hub *hub, struct vd_hub_beats *out);

/* Takes no more messages, acknowledges what is durable, closes all connections, ends the threads, frees. NULL is allowed. */
void vd_hub_stop(struct vd_hub *hub);

#endif
