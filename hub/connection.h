/* SPDX-License-Identifier: MIT */
/* One client's socket with its TLS and its session, on the hub's loop. */

#ifndef VEDETTE_HUB_CONNECTION_H
#define VEDETTE_HUB_CONNECTION_H

#include "hub/server.h"
#include "hub/websocket.h"

struct connection {
    struct vd_session session; /* first: a session's owner is found by its address */
    struct vd_hub *hub;
    SSL *ssl;
    struct vd_tls_wire wire;
    struct vd_websocket *websocket; /* NULL: MQTT is spoken without it */
    struct vd_peer_certificate
        *certificate; /* from the handshake until CONNECT was judged, else NULL */
    uint32_t slot;
    struct event readable;
    struct event *writable; /* NULL: it never had to wait to write */
    struct event timer;
    int64_t timer_due_ms; /* monotonic, as are all below; 0: not armed */
    int64_t opened_ms;
    int64_t progress_ms;    /* the last whole packet */
    int64_t partial_ms;     /* when the packet in `in` began; 0: none */
    int64_t write_ms;       /* since when nothing could be written; 0: all is */
    int64_t closing_ms;     /* when the last word was queued */
    int64_t rests_until_ms; /* not read before, for its rate; 0: it does not rest */
    struct vd_pace messages;
    struct vd_pace bytes;
    int64_t throttle_recorded_ms; /* 0: never */
    uint32_t messages_taken;      /* since they were last counted */
    int64_t
        counted_minute; /* of the day's clock, UTC: of which the two below are; they are recorded when it is over */
    uint64_t counted_messages;
    uint64_t counted_bytes;
    struct vd_buf in;  /* a packet that is not whole, or packets that found no room */
    struct vd_buf out; /* of which out_sent bytes are sent */
    size_t out_sent;
    bool has_said_goodbye;
    bool is_dirty;             /* in hub->dirty */
    bool is_paused;            /* in hub->paused */
    struct delivery *delivery; /* of messages to the device; NULL: none was wanted yet */
    struct peer_key peer;
    TAILQ_ENTRY(connection) dirty;
    TAILQ_ENTRY(connection) paused;
    struct vd_presence_entry presence;
};

/* Takes the socket over; closes it if there is no memory. */
void vd_connection_open(
    struct vd_hub *hub, int fd, const char *address, const struct peer_key *peer);

/* Likewise with one that arrived from a server of HTTPS. */
void vd_connection_adopt(struct vd_hub *hub, const struct vd_hub_arrival *arrival,
    const char *address, const struct peer_key *peer);

/* Queues a PUBACK. */
void vd_connection_acknowledge(struct connection *connection, uint16_t packet_id);

/* Whether `length` more bytes find room in what is queued for the peer; may send some of it before. */
bool vd_connection_has_room(struct vd_session *session, size_t length);

/* Sends what is queued. */
void vd_connection_flush(struct connection *connection);

/* Reads on after a pause. */
void vd_connection_resume(struct connection *connection);

/* Goes on after its session's question was answered, or it has rested. */
void vd_connection_go_on(struct connection *connection);

/* Records an operation of the connection's client: who it is is set here. */
void vd_connection_record(struct connection *connection, struct vd_operation *operation);

/* Closes the socket and frees all. */
void vd_connection_free(struct connection *connection);

/* The session's callbacks; hub_name and registry are left to the caller. */
void vd_connection_session_host(struct vd_session_host *host);

/* ---- Between connection_open.c, which makes and frees it, connection.c, which moves bytes, and connection_host.c, which does
 * what the session says ---- */

/* Has the loop tell of its socket and its time. */
void vd_connection_watch(struct connection *connection);

/* Its handshake was done elsewhere; `early` has come behind it, in WebSocket's frames. */
void vd_connection_is_secured(struct connection *connection, struct vd_str early);

/* Has vd_hub_settle send what is queued, or free what is closed. */
void vd_connection_mark_dirty(struct connection *connection);

/* The same once something was queued, which may not have found room: then the session ends. */
void vd_connection_check_queue(struct connection *connection);

/* It waits no more for room in the batch. */
void vd_connection_leave_paused(struct connection *connection);

/* Arms the timer if the next deadline is before it; one that is later is found when it fires. */
void vd_connection_arm_timer(struct connection *connection, int64_t now_ms);

/* Before what has just come is counted: records what came in a minute that is over. */
void vd_connection_begin_minute(struct connection *connection);

/* Counts what came against the device's rates; one that is over them is not read for a while, and so waits by itself. */
void vd_connection_keep_rate(struct connection *connection, size_t bytes, int64_t now_ms);

/* Once CONNECT was judged nobody needs it: an idle connection is to be small. */
void vd_connection_drop_certificate(struct connection *connection);

#endif
