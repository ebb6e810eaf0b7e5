/* SPDX-License-Identifier: MIT */
/* One client's MQTT session: bytes in, bytes and records out. It knows no socket, so that tests and fuzzers can drive it. */

#ifndef VEDETTE_HUB_SESSION_H
#define VEDETTE_HUB_SESSION_H

#include "hub/auth.h"
#include "hub/limits.h"
#include "lib/event.h"

/* X(name, text). Closed is the end: nothing leads out of it. */
#define VD_SESSION_STATES(X)                 \
    X(VD_SESSION_HANDSHAKING, "handshaking") \
    X(VD_SESSION_CONNECTING, "connecting")   \
    X(VD_SESSION_CONNECTED, "connected")     \
    X(VD_SESSION_CLOSING, "closing")         \
    X(VD_SESSION_CLOSED, "closed")

/* X(name, text, what it ends: 0 nothing, 1 after what is queued was sent, 2 at once). The text is the log's reason. */
#define VD_SESSION_EVENTS(X)                                    \
    X(VD_SESSION_SECURED, "secured", 0)                         \
    X(VD_SESSION_ACCEPTED, "accepted", 0)                       \
    X(VD_SESSION_REFUSED, "refused", 1)                         \
    X(VD_SESSION_DISCONNECT, "disconnect", 1)                   \
    X(VD_SESSION_WEBSOCKET_CLOSED, "websocket_closed", 1)       \
    X(VD_SESSION_TAKEN_OVER, "400027_taken_over", 1)            \
    X(VD_SESSION_TOKEN_EXPIRED, "token_expired", 1)             \
    X(VD_SESSION_CERTIFICATE_EXPIRED, "certificate_expired", 1) \
    X(VD_SESSION_KEEP_ALIVE_OVER, "keep_alive_over", 1)         \
    X(VD_SESSION_REMOVED, "identity_removed", 1)                \
    X(VD_SESSION_POLICY_CHANGED, "policy_changed", 1)           \
    X(VD_SESSION_FILTERED, "address_filtered", 1)               \
    X(VD_SESSION_STOPPING, "hub_stopping", 1)                   \
    X(VD_SESSION_MALFORMED, "malformed_packet", 1)              \
    X(VD_SESSION_FRAME_MALFORMED, "malformed_frame", 1)         \
    X(VD_SESSION_TOO_LARGE, "packet_too_large", 1)              \
    X(VD_SESSION_UNEXPECTED, "unexpected_packet", 1)            \
    X(VD_SESSION_QOS_2, "qos_2", 1)                             \
    X(VD_SESSION_TOPIC_UNKNOWN, "topic_unknown", 1)             \
    X(VD_SESSION_TOPIC_FOREIGN, "topic_foreign", 1)             \
    X(VD_SESSION_FILTER_UNKNOWN, "filter_unknown", 1)           \
    X(VD_SESSION_BAG_MALFORMED, "properties_malformed", 1)      \
    X(VD_SESSION_STATE_FAILED, "state_failed", 1)               \
    X(VD_SESSION_NO_MEMORY, "no_memory", 1)                     \
    X(VD_SESSION_CONNECT_DEADLINE, "connect_deadline", 2)       \
    X(VD_SESSION_PACKET_DEADLINE, "packet_deadline", 2)         \
    X(VD_SESSION_SLOW_READER, "slow_reader", 2)                 \
    X(VD_SESSION_TLS_FAILED, "tls_failed", 2)                   \
    X(VD_SESSION_PEER_CLOSED, "peer_closed", 2)                 \
    X(VD_SESSION_FLUSHED, "flushed", 2)

enum vd_session_state {
#define VD_SESSION_STATE_ENUM(name, text) name,
    VD_SESSION_STATES(VD_SESSION_STATE_ENUM)
#undef VD_SESSION_STATE_ENUM
};

enum vd_session_event {
#define VD_SESSION_EVENT_ENUM(name, text, ends) name,
    VD_SESSION_EVENTS(VD_SESSION_EVENT_ENUM)
#undef VD_SESSION_EVENT_ENUM
};

const char *vd_session_state_text(enum vd_session_state state);
const char *vd_session_event_text(enum vd_session_event event);

/* The whole transition table. An event that means nothing in a state leaves it. */
enum vd_session_state vd_session_next(enum vd_session_state state, enum vd_session_event event);

struct vd_session;

enum vd_record_result {
    VD_RECORD_TAKEN,
    VD_RECORD_NO_ROOM, /* call vd_session_input again with the same bytes when there is */
    VD_RECORD_FAILED,  /* out of memory */
};

enum vd_ask_kind {
    VD_ASK_OPEN, /* a good CONNECT: what was kept of the identity's session */
    VD_ASK_KEEP, /* subscriptions are to be there after a reconnect */
    VD_ASK_TWIN_GET,
    VD_ASK_TWIN_PATCH,
};

/* What a session asks of what the hub remembers. The host may keep a copy of it, and of the texts that it points to. */
struct vd_session_ask {
    enum vd_ask_kind kind;
    bool is_clean;      /* OPEN: nothing is kept, before or after */
    uint8_t filters;    /* KEEP: enum vd_filter */
    uint16_t packet_id; /* of what waits for the reply; 0: it is not acknowledged */
    uint8_t code_count; /* KEEP: of SUBACK; 0: it is an UNSUBSCRIBE */
    uint8_t codes[VD_HUB_FILTERS_MAX];
    struct vd_str client_type; /* OPEN: as in struct vd_session */
    struct vd_str rid;         /* TWIN_*: what the answer repeats */
    struct vd_str payload;     /* TWIN_PATCH */
};

struct vd_session_reply {
    int error;             /* OPEN, KEEP: not VD_OK: nothing was kept */
    uint8_t filters;       /* OPEN: enum vd_filter */
    int status;            /* TWIN_*: as of HTTP */
    int64_t version;       /* of the reported properties; 0: the answer names none */
    struct vd_str payload; /* of the answer */
};

/* What surrounds sessions. Called on the thread of the session, from within vd_session_*. */
struct vd_session_host {
    const char *hub_name;
    struct vd_registry *registry;
    int64_t (*utc_ms)(void);
    /* Queues bytes for the peer; they are copied. */
    void (*send)(struct vd_session *session, const void *data, size_t length);
    /* Takes a message for the event log; packet_id 0: nothing to acknowledge. `event` NULL: only acknowledges, when
     * all that came before is. */
    enum vd_record_result (*record)(
        struct vd_session *session, const struct vd_event *event, uint16_t packet_id);
    /* Why a CONNECT of the principal is not judged at all (VD_REFUSED_NOT: it is), and whether it is let in when it
     * was found good. */
    enum vd_refusal (*may_try)(struct vd_session *session);
    bool (*may_enter)(struct vd_session *session);
    /* The session's identity is connected now: any other session of it must end. */
    void (*claim)(struct vd_session *session);
    /* A CONNECT was refused; `session->principal` says whose as far as it is known. */
    void (*refused)(struct vd_session *session, enum vd_refusal refusal);
    /* Begins to find out; vd_session_reply has the end, from within or later, exactly once unless the session is gone. */
    void (*ask)(struct vd_session *session, const struct vd_session_ask *ask);
    /* The session is subscribed to methods, or to messages to the device, and was told so: what waits can be sent. */
    void (*methods_wanted)(struct vd_session *session);
    void (*c2d_wanted)(struct vd_session *session);
    /* A PUBACK came. */
    void (*acknowledged)(struct vd_session *session, uint16_t packet_id);
    /* The identity answers the call `rid`, 0 for one that was never made; `payload` is valid until it returns. */
    void (*method_answered)(
        struct vd_session *session, uint64_t rid, int status, struct vd_str payload);
    /* The state changed; called once a change. */
    void (*changed)(
        struct vd_session *session, enum vd_session_state from, enum vd_session_event event);
};

struct vd_session {
    const struct vd_session_host *host;
    enum vd_session_state state;
    struct vd_principal principal;
    const struct vd_peer_certificate *
        certificate; /* the owner's: what the client showed, until CONNECT was judged; NULL: none */
    char address[64]; /* the peer, as records carry it */
    struct vd_str
        client_type; /* of the CONNECT that is handled just now, URL-encoded; else empty */
    uint16_t keep_alive_s;
    uint8_t filters; /* enum vd_filter */
    uint16_t
        pending_ack;    /* of a publish that was done, and found no room for its PUBACK; 0: none */
    bool is_kept;       /* CleanSession 0 */
    bool is_waiting;    /* for the reply to what it asked; it takes no input before */
    bool has_published; /* at least one record was taken */
    bool is_stalled;    /* the last input ended for want of room */
    bool has_progress;  /* a whole packet was read since it was last cleared by the owner */
};

/* `host` must outlive it; `address` is copied (cut at its size). Nothing to release. */
void vd_session_init(
    struct vd_session *session, const struct vd_session_host *host, const char *address);

/* Applies an event from outside: the handshake, a deadline, a takeover ... */
void vd_session_apply(struct vd_session *session, enum vd_session_event event);

/* The end of an ask. */
void vd_session_reply(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply);

/*
 * Reads the packets in `length` bytes and does what they say. Returns how many bytes were used: less than given
 * if a packet is not whole yet, is_stalled, is_waiting, or the session ended (what is left is then void).
 */
size_t vd_session_input(struct vd_session *session, const uint8_t *data, size_t length);

/* True while it takes no input. */
bool vd_session_is_blocked(const struct vd_session *session);

/* How many bytes the packet at `data` will have, 0 while that is not known. */
size_t vd_session_packet_bytes(
    const struct vd_session *session, const uint8_t *data, size_t length);

#endif
