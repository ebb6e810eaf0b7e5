/* SPDX-License-Identifier: MIT */
/* The hub's inside: what its loop, its connections and its tests share. Everything here is the loop thread's unless said. */

#ifndef VEDETTE_HUB_SERVER_H
#define VEDETTE_HUB_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "hub/committer.h"
#include "hub/hub.h"
#include "hub/limiter.h"
#include "hub/limits.h"
#include "hub/methods.h"
#include "hub/presence.h"
#include "hub/record.h"
#include "hub/tls.h"
#include "lib/log.h"
#include "lib/pulse.h"

struct connection;

/* The times of limits.h, so that tests need not wait for them. */
struct vd_hub_times {
    int connect_ms;
    int packet_ms;
    int write_ms;
    int linger_ms;
    int stop_ms;
    int c2d_expire_ms;
};

/* A place for a connection; its generation tells a connection from the next one in the same place. */
struct slot {
    struct connection *connection;
    uint32_t generation;
    uint32_t next_free;
};

TAILQ_HEAD(connection_list, connection);

STAILQ_HEAD(command_list, command);

STAILQ_HEAD(post_list, vd_post);
STAILQ_HEAD(arrival_list, arrival);

struct vd_hub {
    char *host_name;
    char *resource_id;
    uint16_t port;
    uint32_t max_connections;
    struct vd_hub_times times;
    struct vd_session_host session_host;

    pthread_t thread;
    struct event_base *base;
    struct evconnlistener *listener;
    struct event accept_again;
    struct event wake;
    struct event
        hand_over; /* made active with a batch's first record: runs after all that is readable now */
    struct event stop_deadline;
    struct event beat;
    struct vd_pulse pulse;
    int wake_fd;
    struct vd_tls_server tls;
    struct vd_committer *committer;
    struct vd_state *state; /* NULL: nothing is kept of identities */
    uint32_t jobs;          /* that its writer has, */
    size_t job_bytes;       /* and what they keep */
    struct event c2d_timer;
    struct vd_presence *presence; /* any thread */

    uint32_t address_connects_per_s; /* for the log */
    struct vd_limiter *connects_by_address;
    struct vd_limiter *failures; /* by address and client id */
    struct vd_limiter *logins;   /* by client id */
    struct vd_limiter *refusals; /* records of them, by address and kind */
    uint64_t refusals_held_back; /* since the last that was recorded */
    struct vd_rate message_rate;
    struct vd_rate byte_rate;
    struct vd_ip_filter ip_filter;

    struct vd_methods *methods;
    struct event methods_timer;
    int64_t methods_due_ms; /* when it fires, monotonic; INT64_MAX: it is not armed */

    struct slot *slots;
    uint32_t first_free;
    struct connection_list dirty; /* has output or a change to settle */
    struct connection_list
        paused;          /* not read until there is room in the batch; the longest wait first */
    bool posts_go_first; /* into the batch, the last time that there was room again */
    bool is_draining;    /* stopping: nothing is read any more */
    bool is_ended; /* and all sessions are ended: what is recorded of them is still to be written */

    struct vd_tls_input input;
    uint8_t ciphertext[VD_HUB_READ_BYTES];
    uint8_t plaintext[SSL3_RT_MAX_PLAIN_LENGTH];

    struct vd_log_limit log_refused;
    struct vd_log_limit log_protocol;
    struct vd_log_limit log_tls;
    struct vd_log_limit log_accept;
    bool accept_fails; /* since the last connection that was taken */
    struct vd_log_limit log_connection;
    struct vd_log_limit log_limited;
    struct vd_log_limit log_methods;

    pthread_mutex_t lock;
    struct command_list commands; /* the oldest first */
    struct arrival_list arrivals; /* likewise */
    size_t arrival_count;
    struct vd_ip_filter next_ip_filter;
    bool has_next_ip_filter;
    struct vd_hub_rates next_rates;
    bool has_next_rates;
    bool policies_changed;
    bool stop_asked;
    struct vd_method_request *method_queue; /* calls that are to begin, the oldest first */
    struct vd_method_request **method_queue_end;
    size_t method_count; /* calls that have not ended, queued or begun, */
    size_t method_bytes; /* and their payloads */
    bool methods_refused;
    struct vd_record_queue record_queue;
    struct post_list posts;           /* not in a batch, the oldest first */
    size_t post_bytes;                /* theirs and those of `posted` */
    struct vd_limiter *message_paces; /* by identity, as their last connections left them, */
    struct vd_limiter *byte_paces;    /* and with what was posted */
    struct post_list posted;          /* the loop's: in a batch, the oldest first */

    /* Written by the loop, read by any thread. */
    _Atomic uint64_t connects_accepted;
    _Atomic uint64_t connects_refused;
    _Atomic uint64_t messages_telemetry;
    _Atomic uint64_t messages_security;
    _Atomic uint64_t protocol_errors;
    _Atomic uint64_t takeovers;
    _Atomic uint64_t connects_limited;
    _Atomic uint64_t operations_lost;
    _Atomic uint64_t throttled;
    _Atomic uint64_t methods_answered;
    _Atomic uint64_t methods_unanswered;
    _Atomic uint64_t method_answers_ignored;
    _Atomic uint32_t connections;
    _Atomic uint32_t authenticated;
};

/* As vd_hub_start, with other times than those of limits.h. */
VD_NODISCARD int vd_hub_start_timed(const struct vd_hub_config *config,
    const struct vd_hub_times *times, struct vd_event_log *log, struct vd_registry *registry,
    struct vd_hub **hub, char *error_text, size_t error_size);

/* A place for a new connection; false if there is none. */
bool vd_hub_slot_take(struct vd_hub *hub, struct connection *connection, uint32_t *slot);
void vd_hub_slot_release(struct vd_hub *hub, uint32_t slot);

/* Whether there is a place for a connection from that address, and its rate allows it; its text (of INET6_ADDRSTRLEN) and
 * key are set in any case. One that is not let in is counted and logged; closing it is left to the caller. */
bool vd_hub_admits(
    struct vd_hub *hub, const struct sockaddr *address, char *text, struct peer_key *peer);

/* Has the loop look for what other threads asked for. Any thread. */
void vd_hub_wake(struct vd_hub *hub);

/* Sends what is queued, and frees what is closed: the end of every callback of the loop. */
void vd_hub_settle(struct vd_hub *hub);

#endif
