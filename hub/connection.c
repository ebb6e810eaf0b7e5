/* SPDX-License-Identifier: MIT */
/* Moves bytes between a socket, TLS and a session; keeps the deadlines. */

#include "hub/connection.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/asks.h"
#include "hub/calls.h"
#include "hub/delivery.h"
#include "hub/operation.h"
#include "lib/clock.h"

/* What is reserved at once for a packet that announces more. */
#define READ_STEP 16384
/* A timer is looked at again at least this often: wall clock deadlines move when the clock is set. */
#define TIMER_MAX_MS       60000
#define THROTTLE_RECORD_MS 60000
#define MINUTE_MS          60000

static struct connection *of_session(struct vd_session *session)
{
    return (struct connection *)session;
}

void vd_connection_record(struct connection *c, struct vd_operation *operation)
{
    const struct vd_principal *who = &c->session.principal;

    operation->device_id = who->device_id;
    operation->module_id = who->module_id;
    operation->protocol = c->websocket != NULL ? "MqttWs" : "Mqtt";
    operation->auth_type = vd_operation_auth_type(who);
    operation->address = c->session.address;
    operation->client_type = c->session.client_type;
    vd_record_now(c->hub, operation);
}

static void record_connection(
    struct connection *c, const char *name, struct vd_result result, const char *reason)
{
    struct vd_operation operation = {
        .category = VD_OPERATION_CONNECTIONS,
        .name = name,
        .result = result,
        .reason = reason,
    };

    if (strcmp(name, "deviceConnect") == 0) {
        operation.duration_ms = vd_clock_monotonic_ms() - c->opened_ms;
    }
    vd_connection_record(c, &operation);
}

/* Records what the device has sent in a minute that is over, or of which it sends no more. */
static void record_count(struct connection *c)
{
    char minute[VD_TIME_TEXT_SIZE];
    struct vd_operation operation = {
        .category = VD_OPERATION_TELEMETRY,
        .name = "ingress",
        .properties = {{"messageCount", NULL, (int64_t)c->counted_messages},
            {"messageSizeInBytes", NULL, (int64_t)c->counted_bytes},
            {"EventEnqueuedUtcTime", minute, 0}},
    };

    if (c->counted_messages == 0) {
        return;
    }
    vd_time_format(c->counted_minute * MINUTE_MS, minute);
    c->counted_messages = 0;
    c->counted_bytes = 0;
    vd_connection_record(c, &operation);
}

/* Before what has just come is counted. */
static void begin_minute(struct connection *c)
{
    const int64_t minute = c->session.host->utc_ms() / MINUTE_MS;

    if (minute != c->counted_minute) {
        record_count(c);
        c->counted_minute = minute;
    }
}

static void mark_dirty(struct connection *c)
{
    if (!c->is_dirty) {
        c->is_dirty = true;
        TAILQ_INSERT_TAIL(&c->hub->dirty, c, dirty);
    }
}

static void pause_reading(struct connection *c)
{
    event_del(&c->readable);
    if (!c->is_paused) {
        c->is_paused = true;
        TAILQ_INSERT_TAIL(&c->hub->paused, c, paused);
    }
}

static void leave_paused(struct connection *c)
{
    if (c->is_paused) {
        c->is_paused = false;
        TAILQ_REMOVE(&c->hub->paused, c, paused);
    }
}

/* A client that the hub does not read just now is not silent. */
static bool is_read(const struct connection *c)
{
    return !c->is_paused && c->rests_until_ms == 0 && !c->session.is_waiting;
}

/* The earliest deadline (monotonic) and what it means. */
static int64_t next_deadline(
    const struct connection *c, int64_t now_ms, enum vd_session_event *event)
{
    const struct vd_hub_times *times = &c->hub->times;
    const struct vd_session *session = &c->session;
    int64_t due = INT64_MAX;
    int64_t at;

#define EARLIEST(time, what) \
    at = (time);             \
    if (at < due) {          \
        due = at;            \
        *event = (what);     \
    }
    switch (session->state) {
    case VD_SESSION_HANDSHAKING:
    case VD_SESSION_CONNECTING:
        EARLIEST(c->opened_ms + times->connect_ms, VD_SESSION_CONNECT_DEADLINE)
        break;
    case VD_SESSION_CONNECTED:
        EARLIEST(now_ms + session->principal.expires_s * 1000 - session->host->utc_ms(),
            session->principal.auth_type != VD_AUTH_SAS ? VD_SESSION_CERTIFICATE_EXPIRED
                                                        : VD_SESSION_TOKEN_EXPIRED)
        if (session->keep_alive_s > 0 && is_read(c)) {
            EARLIEST(c->progress_ms + session->keep_alive_s * 1500LL, VD_SESSION_KEEP_ALIVE_OVER)
        }
        if (c->partial_ms != 0 && is_read(c)) {
            EARLIEST(c->partial_ms + times->packet_ms, VD_SESSION_PACKET_DEADLINE)
        }
        if (c->write_ms != 0) {
            EARLIEST(c->write_ms + times->write_ms, VD_SESSION_SLOW_READER)
        }
        break;
    default:
        EARLIEST(c->closing_ms + times->linger_ms, VD_SESSION_FLUSHED)
    }
#undef EARLIEST
    return due;
}

/* Arms the timer if the next deadline is before it; one that is later is found when it fires. */
static void arm_timer(struct connection *c, int64_t now_ms)
{
    enum vd_session_event event;
    int64_t due = next_deadline(c, now_ms, &event);
    struct timeval delay;
    int64_t delay_ms;

    if (c->rests_until_ms != 0 && c->rests_until_ms < due) {
        due = c->rests_until_ms;
    }
    if (due > now_ms + TIMER_MAX_MS) {
        due = now_ms + TIMER_MAX_MS;
    }
    if (c->timer_due_ms != 0 && c->timer_due_ms <= due) {
        return;
    }
    delay_ms = due > now_ms ? due - now_ms : 0;
    delay.tv_sec = delay_ms / 1000;
    delay.tv_usec = delay_ms % 1000 * 1000;
    event_add(&c->timer, &delay);
    c->timer_due_ms = due;
}

/* Reads on after a rest, a pause or a question, if none holds any more. */
static void read_on(struct connection *c, int64_t now_ms)
{
    if (c->session.state == VD_SESSION_CONNECTED && is_read(c) && !c->hub->is_draining) {
        c->progress_ms = now_ms;
        c->partial_ms = c->partial_ms != 0 ? now_ms : 0;
        event_add(&c->readable, NULL);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    struct connection *c = argument;
    int64_t now_ms = vd_clock_monotonic_ms();
    enum vd_session_event event = VD_SESSION_FLUSHED;

    (void)fd;
    (void)what;
    c->timer_due_ms = 0;
    begin_minute(c);
    if (c->rests_until_ms != 0 && c->rests_until_ms <= now_ms) {
        c->rests_until_ms = 0;
        read_on(c, now_ms);
    }
    if (next_deadline(c, now_ms, &event) <= now_ms) {
        vd_session_apply(&c->session, event);
    }
    if (c->session.state != VD_SESSION_CLOSED) {
        arm_timer(c, now_ms);
    }
    vd_delivery_go_on(c);
    vd_hub_settle(c->hub);
}

/* Takes the bytes that the session used off the front of `in`. */
static void consume(struct connection *c, size_t used)
{
    c->in.length -= used;
    if (c->in.length == 0) {
        vd_buf_release(&c->in);
    } else if (used > 0) {
        memmove(c->in.data, c->in.data + used, c->in.length);
    }
}

/* The end that WebSocket's frames have come to, once all that came before it was handled. */
static void end_of_frames(struct connection *c)
{
    const struct vd_websocket *w = c->websocket;

    if (w == NULL || w->state == VD_WEBSOCKET_OPEN || vd_session_is_blocked(&c->session)) {
        return;
    }
    if (w->state == VD_WEBSOCKET_CLOSED) {
        vd_session_apply(&c->session, VD_SESSION_WEBSOCKET_CLOSED);
    } else {
        vd_session_apply(&c->session,
            w->code == VD_WEBSOCKET_TOO_LARGE ? VD_SESSION_TOO_LARGE : VD_SESSION_FRAME_MALFORMED);
    }
}

/* Gives the session what is in `in`. */
static void feed_kept(struct connection *c)
{
    consume(c, vd_session_input(&c->session, c->in.data, c->in.length));
    end_of_frames(c);
}

/* Gives the session bytes that lie in the hub's buffer, and keeps what it leaves. */
static void feed_fresh(struct connection *c, const uint8_t *data, size_t length)
{
    size_t used = vd_session_input(&c->session, data, length);

    vd_buf_append(&c->in, data + used, length - used);
    if (c->in.error != VD_OK) {
        vd_session_apply(&c->session, VD_SESSION_NO_MEMORY);
    }
}

/* What was queued may not have found its place. */
static void check_queue(struct connection *c)
{
    mark_dirty(c);
    if (c->out.error != VD_OK) {
        vd_session_apply(&c->session,
            c->out.error == VD_E_LIMIT ? VD_SESSION_SLOW_READER : VD_SESSION_NO_MEMORY);
    }
}

/* Takes WebSocket's frames off bytes that lie in a buffer of the hub's, and gives the session the rest. */
static void feed_frames(struct connection *c, uint8_t *data, size_t length)
{
    const size_t queued = c->out.length;

    length = vd_websocket_read(c->websocket, data, length, VD_HUB_FRAME_MAX_BYTES, &c->out);
    if (c->out.length != queued || c->out.error != VD_OK) {
        check_queue(c);
    }
    if (c->in.length == 0) {
        feed_fresh(c, data, length);
        end_of_frames(c);
        return;
    }
    vd_buf_append(&c->in, data, length);
    if (c->in.error != VD_OK) {
        vd_session_apply(&c->session, VD_SESSION_NO_MEMORY);
    } else if (!vd_session_is_blocked(&c->session)) {
        feed_kept(c);
    }
}

static void on_tls_end(struct connection *c, int result)
{
    enum vd_session_event event = VD_SESSION_PEER_CLOSED;
    uint32_t held_back;

    if (SSL_get_error(c->ssl, result) == SSL_ERROR_SSL) {
        event = VD_SESSION_TLS_FAILED;
        if (vd_log_allowed(&c->hub->log_tls, vd_clock_monotonic_ms(), &held_back)) {
            vd_log(VD_LOG_WARN, "hub.tls_failed", "address=%s state=%s reason=\"%s\" held_back=%u",
                c->session.address, vd_session_state_text(c->session.state), vd_tls_error_text(),
                held_back);
        }
    }
    vd_session_apply(&c->session, event);
}

static bool wants_more(struct connection *c, int result)
{
    int error = SSL_get_error(c->ssl, result);

    if (error == SSL_ERROR_WANT_WRITE) {
        event_add(&c->writable, NULL);
        return true;
    }
    return error == SSL_ERROR_WANT_READ;
}

/* Where the next bytes of a packet that has begun go, and how many; NULL: no memory. */
static uint8_t *kept_room(struct connection *c, size_t *room)
{
    size_t total = vd_session_is_blocked(&c->session)
        ? 0
        : vd_session_packet_bytes(&c->session, c->in.data, c->in.length);
    size_t missing = total > c->in.length ? total - c->in.length : READ_STEP;

    *room = missing < READ_STEP ? missing : READ_STEP;
    return vd_buf_reserve(&c->in, *room);
}

/* Reads one stretch of plaintext and has it handled. False: there is no more, or the session has ended. */
static bool read_some(struct connection *c)
{
    uint8_t *into = c->hub->plaintext;
    size_t room = sizeof c->hub->plaintext;
    int n;

    if (c->in.length > 0 && c->websocket == NULL) {
        into = kept_room(c, &room);
        if (into == NULL) {
            vd_session_apply(&c->session, VD_SESSION_NO_MEMORY);
            return false;
        }
    }
    ERR_clear_error();
    n = SSL_read(c->ssl, into, (int)room);
    if (n <= 0) {
        if (!wants_more(c, n)) {
            on_tls_end(c, n);
        }
        return false;
    }
    if (c->websocket != NULL) {
        feed_frames(c, into, (size_t)n);
    } else if (into == c->hub->plaintext) {
        feed_fresh(c, into, (size_t)n);
    } else {
        c->in.length += (size_t)n;
        if (!vd_session_is_blocked(&c->session)) {
            feed_kept(c);
        }
    }
    return c->session.state <= VD_SESSION_CONNECTED;
}

static void secured(struct connection *c)
{
    const int error = vd_tls_peer_certificate(c->ssl, &c->certificate);

    c->session.certificate = c->certificate;
    vd_session_apply(&c->session, error == VD_OK ? VD_SESSION_SECURED : VD_SESSION_NO_MEMORY);
}

static void handshake(struct connection *c)
{
    int n;

    ERR_clear_error();
    n = SSL_do_handshake(c->ssl);
    if (n == 1) {
        secured(c);
    } else if (!wants_more(c, n)) {
        on_tls_end(c, n);
    }
}

static void note_progress(struct connection *c, int64_t now_ms)
{
    if (c->session.has_progress) {
        c->session.has_progress = false;
        c->progress_ms = now_ms;
        c->partial_ms = 0;
    }
    if (c->in.length == 0 || vd_session_is_blocked(&c->session)) {
        c->partial_ms = 0;
    } else if (c->partial_ms == 0) {
        c->partial_ms = now_ms;
    }
}

/* The first rest of each minute is recorded: a device that sends too much does so all the time. */
static void record_throttling(struct connection *c, int64_t now_ms)
{
    struct vd_operation operation = {
        .category = VD_OPERATION_TELEMETRY,
        .name = "ingress",
        .result = {429001, "ThrottlingException"},
    };

    if (c->throttle_recorded_ms == 0 || now_ms - c->throttle_recorded_ms >= THROTTLE_RECORD_MS) {
        c->throttle_recorded_ms = now_ms;
        vd_connection_record(c, &operation);
    }
}

/* Counts what came against the device's rates; one that is over them is not read for a while, and so waits by itself. */
static void keep_rate(struct connection *c, size_t bytes, int64_t now_ms)
{
    struct vd_hub *hub = c->hub;
    int64_t rest_ms = vd_pace_spend(&c->messages, &hub->message_rate, c->messages_taken, now_ms);
    const int64_t other_ms = vd_pace_spend(&c->bytes, &hub->byte_rate, (uint32_t)bytes, now_ms);
    uint32_t held_back;

    c->messages_taken = 0;
    rest_ms = rest_ms > other_ms ? rest_ms : other_ms;
    if (rest_ms == 0) {
        return;
    }
    event_del(&c->readable);
    c->rests_until_ms = now_ms + rest_ms;
    atomic_fetch_add(&hub->throttled, 1);
    record_throttling(c, now_ms);
    if (vd_log_allowed(&hub->log_limited, now_ms, &held_back)) {
        vd_log(VD_LOG_WARN, "hub.throttled",
            "code=429001 device=\"%s\" module=\"%s\" address=%s rest_ms=%lld held_back=%u",
            c->session.principal.device_id, c->session.principal.module_id, c->session.address,
            (long long)rest_ms, held_back);
    }
}

static void rest_if_blocked(struct connection *c)
{
    if (c->session.is_waiting) {
        event_del(&c->readable);
    } else if (c->session.is_stalled && c->session.state == VD_SESSION_CONNECTED) {
        pause_reading(c);
    }
}

/* Lets TLS take all that was received: what it does not take now would be lost. */
static void serve(struct connection *c, size_t length)
{
    struct vd_hub *hub = c->hub;
    int64_t now_ms = vd_clock_monotonic_ms();

    begin_minute(c);
    hub->input.cur = hub->ciphertext;
    hub->input.end = hub->ciphertext + length;
    c->wire.input = &hub->input;
    if (c->session.state == VD_SESSION_HANDSHAKING) {
        handshake(c);
    }
    while (
        (c->session.state == VD_SESSION_CONNECTING || c->session.state == VD_SESSION_CONNECTED) &&
        read_some(c)) {
    }
    c->wire.input = NULL;
    note_progress(c, now_ms);
    rest_if_blocked(c);
    if (c->session.state == VD_SESSION_CONNECTED) {
        keep_rate(c, length, now_ms);
    }
    if (c->session.state != VD_SESSION_CLOSED) {
        arm_timer(c, now_ms);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
    struct connection *c = argument;
    struct vd_hub *hub = c->hub;
    ssize_t n;

    (void)what;
    if (c->session.has_published && c->session.state == VD_SESSION_CONNECTED &&
        !vd_committer_has_room(hub->committer)) {
        pause_reading(c);
        return;
    }
    n = recv(fd, hub->ciphertext, sizeof hub->ciphertext, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (c->session.state == VD_SESSION_CLOSING) {
        /* The last word was said: what still comes is thrown away, the end or an error ends it. */
        if (n <= 0) {
            vd_session_apply(&c->session, VD_SESSION_FLUSHED);
        }
    } else if (n <= 0) {
        vd_session_apply(&c->session, VD_SESSION_PEER_CLOSED);
    } else {
        serve(c, (size_t)n);
    }
    vd_hub_settle(hub);
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
    struct connection *c = argument;

    (void)fd;
    (void)what;
    if (c->session.state == VD_SESSION_HANDSHAKING) {
        serve(c, 0);
    }
    mark_dirty(c);
    vd_hub_settle(c->hub);
}

/* TLS's and TCP's goodbye; then the peer's end is awaited, lest a reset overtakes what was sent. */
static void say_goodbye(struct connection *c)
{
    if (!c->has_said_goodbye) {
        c->has_said_goodbye = true;
        ERR_clear_error();
        SSL_shutdown(c->ssl);
        ERR_clear_error();
        shutdown(c->wire.fd, SHUT_WR);
    }
}

/* The peer takes nothing more just now: what it has taken makes room, and its deadline runs. */
static void wait_for_peer(struct connection *c)
{
    c->out.length -= c->out_sent;
    memmove(c->out.data, c->out.data + c->out_sent, c->out.length);
    c->out_sent = 0;
    if (c->write_ms == 0) {
        c->write_ms = vd_clock_monotonic_ms();
        arm_timer(c, c->write_ms);
    }
}

void vd_connection_flush(struct connection *c)
{
    while (c->out_sent < c->out.length) {
        size_t length = c->out.length - c->out_sent;
        int n;

        ERR_clear_error();
        n = SSL_write(c->ssl, c->out.data + c->out_sent, length > INT_MAX ? INT_MAX : (int)length);
        if (n > 0) {
            c->out_sent += (size_t)n;
            c->write_ms = 0;
            continue;
        }
        if (!wants_more(c, n)) {
            on_tls_end(c, n);
            return;
        }
        wait_for_peer(c);
        return;
    }
    c->out_sent = 0;
    vd_buf_release(&c->out);
    if (c->session.state == VD_SESSION_CLOSING) {
        say_goodbye(c);
    }
    vd_delivery_go_on(c);
}

void vd_connection_go_on(struct connection *c)
{
    int64_t now_ms = vd_clock_monotonic_ms();

    if (c->session.state != VD_SESSION_CONNECTED || c->hub->is_draining) {
        return;
    }
    c->progress_ms = now_ms;
    begin_minute(c);
    if (!c->is_paused) {
        feed_kept(c);
        note_progress(c, now_ms);
        rest_if_blocked(c);
    }
    if (c->session.state == VD_SESSION_CONNECTED) {
        read_on(c, now_ms);
        arm_timer(c, now_ms);
    }
}

void vd_connection_resume(struct connection *c)
{
    leave_paused(c);
    vd_connection_go_on(c);
}

void vd_connection_acknowledge(struct connection *c, uint16_t packet_id)
{
    uint8_t ack[VD_MQTT_ACK_SIZE];

    if (c->session.state == VD_SESSION_CONNECTED) {
        vd_mqtt_write_ack(VD_MQTT_PUBACK, packet_id, ack);
        c->session.host->send(&c->session, ack, sizeof ack);
    }
}

bool vd_connection_has_room(struct vd_session *session, size_t length)
{
    struct connection *c = of_session(session);

    length += c->websocket != NULL ? VD_WEBSOCKET_SERVER_HEADER_MAX : 0;
    if (c->out.length > 0 && c->out.length + length > c->out.max) {
        vd_connection_flush(c);
    }
    return session->state == VD_SESSION_CONNECTED && c->out.length + length <= c->out.max;
}

static void host_send(struct vd_session *session, const void *data, size_t length)
{
    struct connection *c = of_session(session);
    uint8_t header[VD_WEBSOCKET_SERVER_HEADER_MAX];

    if (c->websocket != NULL) {
        vd_buf_append(&c->out, header, vd_websocket_write_header(length, header));
    }
    vd_buf_append(&c->out, data, length);
    check_queue(c);
}

static enum vd_record_result host_record(
    struct vd_session *session, const struct vd_event *event, uint16_t packet_id)
{
    struct connection *c = of_session(session);
    struct vd_hub *hub = c->hub;
    struct vd_ack ack = {c->slot, hub->slots[c->slot].generation, packet_id};

    if (!vd_committer_has_room(hub->committer)) {
        return VD_RECORD_NO_ROOM;
    }
    if (vd_committer_add(hub->committer, event, packet_id != 0 ? &ack : NULL) != VD_OK) {
        return VD_RECORD_FAILED;
    }
    event_active(&hub->hand_over, EV_TIMEOUT, 0);
    if (event == NULL) {
        return VD_RECORD_TAKEN;
    }
    c->messages_taken++;
    c->counted_messages++;
    c->counted_bytes += event->body.length + event->properties.length;
    atomic_fetch_add_explicit(
        event->kind == VD_EVENT_SECURITY ? &hub->messages_security : &hub->messages_telemetry, 1,
        memory_order_relaxed);
    return VD_RECORD_TAKEN;
}

/* The client id that the principal was read from; with the peer in front where his tries are counted. */
static size_t client_key(const struct connection *c, bool with_peer, uint8_t *out)
{
    const struct vd_principal *who = &c->session.principal;
    const size_t peer = with_peer ? c->peer.length : 0;
    const size_t device = strlen(who->device_id) + 1;
    const size_t module = strlen(who->module_id);

    memcpy(out, c->peer.bytes, peer);
    memcpy(out + peer, who->device_id, device);
    memcpy(out + peer + device, who->module_id, module);
    return peer + device + module;
}

#define CLIENT_KEY_MAX (sizeof((struct peer_key *)NULL)->bytes + sizeof(struct vd_principal))

static enum vd_refusal host_may_try(struct vd_session *session)
{
    struct connection *c = of_session(session);
    uint8_t key[CLIENT_KEY_MAX];

    if (!vd_ip_filter_accepts(&c->hub->ip_filter, c->peer.bytes, c->peer.length)) {
        return VD_REFUSED_ADDRESS;
    }
    return session->principal.device_id[0] == '\0' ||
            vd_limiter_may(c->hub->failures, key, client_key(c, true, key), vd_clock_monotonic_ms())
        ? VD_REFUSED_NOT
        : VD_REFUSED_TOO_OFTEN;
}

static bool host_may_enter(struct vd_session *session)
{
    struct connection *c = of_session(session);
    uint8_t key[CLIENT_KEY_MAX];

    return vd_limiter_take(c->hub->logins, key, client_key(c, false, key), vd_clock_monotonic_ms());
}

/* A login that failed is counted; one that was not judged, or not for the client's sake, is not. */
static void count_refusal(struct connection *c, enum vd_refusal refusal)
{
    uint8_t key[CLIENT_KEY_MAX];

    atomic_fetch_add(&c->hub->connects_refused, 1);
    if (refusal == VD_REFUSED_TOO_OFTEN) {
        atomic_fetch_add(&c->hub->connects_limited, 1);
    } else if (refusal != VD_REFUSED_REGISTRY && refusal != VD_REFUSED_STATE) {
        (void)vd_limiter_take(
            c->hub->failures, key, client_key(c, true, key), vd_clock_monotonic_ms());
    }
}

static void host_claim(struct vd_session *session)
{
    struct connection *c = of_session(session);
    struct vd_session *old = vd_presence_claim(c->hub->presence, &c->presence, session);

    if (old != NULL) {
        vd_session_apply(old, VD_SESSION_TAKEN_OVER);
    }
}

static void host_refused(struct vd_session *session, enum vd_refusal refusal)
{
    struct vd_hub *hub = of_session(session)->hub;
    uint32_t held_back;

    count_refusal(of_session(session), refusal);
    record_connection(of_session(session), "deviceConnect", vd_result_of_refusal(refusal),
        vd_refusal_text(refusal));
    if (vd_log_allowed(&hub->log_refused, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_WARN, "hub.connect_refused",
            "reason=%s code=%d device=\"%s\" module=\"%s\" address=%s held_back=%u",
            vd_refusal_text(refusal), (int)vd_refusal_code(refusal), session->principal.device_id,
            session->principal.module_id, session->address, held_back);
    }
}

static void host_ask(struct vd_session *session, const struct vd_session_ask *ask)
{
    struct connection *c = of_session(session);

    c->messages_taken += ask->kind == VD_ASK_TWIN_GET || ask->kind == VD_ASK_TWIN_PATCH ? 1 : 0;
    vd_asks_begin(c, ask);
}

static void host_c2d_wanted(struct vd_session *session)
{
    vd_delivery_wanted(of_session(session));
}

static void host_acknowledged(struct vd_session *session, uint16_t packet_id)
{
    vd_delivery_acknowledged(of_session(session), packet_id);
}

static void host_methods_wanted(struct vd_session *session)
{
    vd_calls_send(of_session(session)->hub, session);
}

static void host_method_answered(
    struct vd_session *session, uint64_t rid, int status, struct vd_str payload)
{
    of_session(session)->messages_taken++;
    vd_calls_answered(of_session(session)->hub, session, rid, status, payload);
}

static void log_change(struct vd_session *session, enum vd_session_event event)
{
    struct vd_hub *hub = of_session(session)->hub;
    bool is_violation = event >= VD_SESSION_MALFORMED && event <= VD_SESSION_BAG_MALFORMED;
    struct vd_log_limit *limit = is_violation ? &hub->log_protocol : &hub->log_connection;
    uint32_t held_back;

    if (event == VD_SESSION_REFUSED || event == VD_SESSION_SECURED || event == VD_SESSION_FLUSHED ||
        !vd_log_allowed(limit, vd_clock_monotonic_ms(), &held_back)) {
        return;
    }
    vd_log(is_violation ? VD_LOG_WARN : VD_LOG_INFO,
        event == VD_SESSION_ACCEPTED ? "hub.connected" : "hub.disconnected",
        "reason=%s device=\"%s\" module=\"%s\" address=%s held_back=%u",
        vd_session_event_text(event), session->principal.device_id, session->principal.module_id,
        session->address, held_back);
}

static void count_change(
    struct vd_hub *hub, enum vd_session_state from, enum vd_session_event event)
{
    if (event >= VD_SESSION_MALFORMED && event <= VD_SESSION_BAG_MALFORMED) {
        atomic_fetch_add(&hub->protocol_errors, 1);
    }
    if (event == VD_SESSION_TAKEN_OVER) {
        atomic_fetch_add(&hub->takeovers, 1);
    }
    if (event == VD_SESSION_ACCEPTED) {
        atomic_fetch_add(&hub->connects_accepted, 1);
        atomic_fetch_add(&hub->authenticated, 1);
    } else if (from == VD_SESSION_CONNECTED) {
        atomic_fetch_sub(&hub->authenticated, 1);
    }
}

/* What WebSocket calls the end that an event means. */
static uint16_t close_code(const struct connection *c, enum vd_session_event event)
{
    switch (event) {
    case VD_SESSION_DISCONNECT:
        return VD_WEBSOCKET_NORMAL;
    case VD_SESSION_WEBSOCKET_CLOSED:
    case VD_SESSION_FRAME_MALFORMED:
        return c->websocket->code;
    case VD_SESSION_STOPPING:
        return VD_WEBSOCKET_GOING_AWAY;
    case VD_SESSION_TOO_LARGE:
        return VD_WEBSOCKET_TOO_LARGE;
    case VD_SESSION_NO_MEMORY:
        return VD_WEBSOCKET_SERVER_ERROR;
    default:
        return VD_WEBSOCKET_POLICY;
    }
}

/* Once CONNECT was judged nobody needs it: an idle connection is to be small. */
static void drop_certificate(struct connection *c)
{
    c->session.certificate = NULL;
    vd_peer_certificate_free(c->certificate);
    c->certificate = NULL;
}

static void host_changed(
    struct vd_session *session, enum vd_session_state from, enum vd_session_event event)
{
    struct connection *c = of_session(session);

    log_change(session, event);
    count_change(c->hub, from, event);
    if (event == VD_SESSION_ACCEPTED) {
        record_connection(c, "deviceConnect", (struct vd_result){0, ""}, NULL);
    } else if (from == VD_SESSION_CONNECTED) {
        record_count(c);
        record_connection(
            c, "deviceDisconnect", vd_result_of_event(event), vd_session_event_text(event));
    }
    if (session->state != VD_SESSION_CONNECTING) {
        drop_certificate(c);
    }
    if (session->state == VD_SESSION_CLOSING || session->state == VD_SESSION_CLOSED) {
        vd_presence_remove(c->hub->presence, &c->presence);
        leave_paused(c);
        mark_dirty(c);
    }
    if (from == VD_SESSION_CONNECTED) {
        vd_calls_gone(c->hub, session);
        vd_delivery_gone(c);
    }
    if (session->state == VD_SESSION_CLOSING) {
        if (c->websocket != NULL) {
            vd_websocket_write_close(close_code(c, event), &c->out);
        }
        c->closing_ms = vd_clock_monotonic_ms();
        event_add(&c->readable, NULL);
        arm_timer(c, c->closing_ms);
    }
}

void vd_connection_session_host(struct vd_session_host *host)
{
    host->utc_ms = vd_clock_utc_ms;
    host->send = host_send;
    host->record = host_record;
    host->may_try = host_may_try;
    host->may_enter = host_may_enter;
    host->claim = host_claim;
    host->refused = host_refused;
    host->ask = host_ask;
    host->methods_wanted = host_methods_wanted;
    host->c2d_wanted = host_c2d_wanted;
    host->acknowledged = host_acknowledged;
    host->method_answered = host_method_answered;
    host->changed = host_changed;
}

/* A dead peer that sends no keep-alive is found by TCP; small packets are not held back. */
static void set_socket_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 300},
        {IPPROTO_TCP, TCP_KEEPINTVL, 30},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        /* Where one is not to be had the connection works without it. */
        (void)setsockopt(
            fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    }
}

/* `ssl` is the caller's until it succeeds; NULL: it makes one. NULL if there is no memory. */
static struct connection *begin(
    struct vd_hub *hub, int fd, SSL *ssl, const char *address, const struct peer_key *peer)
{
    struct connection *c = calloc(1, sizeof *c);
    SSL *made = NULL;

    if (c == NULL) {
        return NULL;
    }
    if (ssl == NULL) {
        ssl = made = vd_tls_new(hub->tls, &c->wire);
    } else if (!vd_tls_move(ssl, &c->wire)) {
        ssl = NULL;
    }
    if (ssl == NULL || !vd_hub_slot_take(hub, c, &c->slot)) {
        SSL_free(made);
        free(c);
        return NULL;
    }
    c->ssl = ssl;
    c->hub = hub;
    c->wire.fd = fd;
    c->peer = *peer;
    c->out.max = VD_HUB_OUTPUT_MAX_BYTES;
    c->opened_ms = vd_clock_monotonic_ms();
    c->progress_ms = c->opened_ms;
    vd_session_init(&c->session, &hub->session_host, address);
    set_socket_options(fd);
    event_assign(&c->readable, hub->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    event_assign(&c->writable, hub->base, fd, EV_WRITE, on_writable, c);
    evtimer_assign(&c->timer, hub->base, on_timer, c);
    event_add(&c->readable, NULL);
    arm_timer(c, c->opened_ms);
    atomic_fetch_add(&hub->connections, 1);
    return c;
}

void vd_connection_open(
    struct vd_hub *hub, int fd, const char *address, const struct peer_key *peer)
{
    if (begin(hub, fd, NULL, address, peer) == NULL) {
        close(fd);
    }
}

void vd_connection_adopt(struct vd_hub *hub, const struct vd_hub_arrival *arrival,
    const char *address, const struct peer_key *peer)
{
    struct vd_websocket *websocket = calloc(1, sizeof *websocket);
    struct connection *c = NULL;

    if (websocket != NULL) {
        c = begin(hub, arrival->fd, arrival->ssl, address, peer);
    }
    if (c == NULL) {
        free(websocket);
        SSL_free(arrival->ssl);
        close(arrival->fd);
        return;
    }
    vd_buf_append(&c->out, arrival->answer.data, arrival->answer.length);
    check_queue(c);
    c->websocket = websocket;
    secured(c);
    if (c->session.state == VD_SESSION_CONNECTING && arrival->early.length > 0) {
        memcpy(hub->plaintext, arrival->early.data, arrival->early.length);
        feed_frames(c, hub->plaintext, arrival->early.length);
    }
    serve(c, 0); /* what TLS has taken from the socket already */
}

void vd_connection_free(struct connection *c)
{
    struct vd_hub *hub = c->hub;

    if (c->is_dirty) {
        TAILQ_REMOVE(&hub->dirty, c, dirty);
    }
    leave_paused(c);
    vd_presence_remove(hub->presence, &c->presence);
    event_del(&c->readable);
    event_del(&c->writable);
    event_del(&c->timer);
    vd_hub_slot_release(hub, c->slot);
    vd_buf_release(&c->in);
    vd_buf_release(&c->out);
    free(c->delivery);
    free(c->websocket);
    drop_certificate(c);
    SSL_free(c->ssl);
    close(c->wire.fd);
    free(c);
    atomic_fetch_sub(&hub->connections, 1);
}
