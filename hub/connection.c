/* SPDX-License-Identifier: MIT */
/* Moves bytes between a socket, TLS and a session; keeps the deadlines. */

#include "hub/connection.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "hub/delivery.h"
#include "lib/clock.h"

/* What is reserved at once for a packet that announces more. */
#define READ_STEP 16384
/* A timer is looked at again at least this often: wall clock deadlines move when the clock is set. */
#define TIMER_MAX_MS 60000

void vd_connection_mark_dirty(struct connection *c)
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

void vd_connection_leave_paused(struct connection *c)
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

void vd_connection_arm_timer(struct connection *c, int64_t now_ms)
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
    vd_connection_begin_minute(c);
    if (c->rests_until_ms != 0 && c->rests_until_ms <= now_ms) {
        c->rests_until_ms = 0;
        vd_connection_go_on(c);
    }
    if (next_deadline(c, now_ms, &event) <= now_ms) {
        vd_session_apply(&c->session, event);
    }
    if (c->session.state != VD_SESSION_CLOSED) {
        vd_connection_arm_timer(c, now_ms);
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

void vd_connection_check_queue(struct connection *c)
{
    vd_connection_mark_dirty(c);
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
        vd_connection_check_queue(c);
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

static void on_writable(evutil_socket_t fd, short what, void *argument);

/* False: no memory. Few connections ever have to wait, so few have the event. */
static bool await_writable(struct connection *c)
{
    if (c->writable == NULL) {
        c->writable = event_new(c->hub->base, c->wire.fd, EV_WRITE, on_writable, c);
    }
    return c->writable != NULL && event_add(c->writable, NULL) == 0;
}

static bool wants_more(struct connection *c, int result)
{
    int error = SSL_get_error(c->ssl, result);

    if (error == SSL_ERROR_WANT_WRITE) {
        return await_writable(c);
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

    vd_tls_forget_exchange(c->ssl);
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

    vd_connection_begin_minute(c);
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
        vd_connection_keep_rate(c, length, now_ms);
    }
    if (c->session.state != VD_SESSION_CLOSED) {
        vd_connection_arm_timer(c, now_ms);
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
    vd_connection_mark_dirty(c);
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
        vd_connection_arm_timer(c, c->write_ms);
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
    vd_connection_begin_minute(c);
    if (c->messages_taken > 0) {
        vd_connection_keep_rate(c, 0, now_ms);
    }
    if (is_read(c)) {
        feed_kept(c);
        note_progress(c, now_ms);
        rest_if_blocked(c);
    }
    if (c->session.state == VD_SESSION_CONNECTED) {
        read_on(c, now_ms);
        vd_connection_arm_timer(c, now_ms);
    }
}

void vd_connection_resume(struct connection *c)
{
    vd_connection_leave_paused(c);
    vd_connection_go_on(c);
}

void vd_connection_watch(struct connection *c)
{
    event_assign(&c->readable, c->hub->base, c->wire.fd, EV_READ | EV_PERSIST, on_readable, c);
    evtimer_assign(&c->timer, c->hub->base, on_timer, c);
    event_add(&c->readable, NULL);
    vd_connection_arm_timer(c, c->opened_ms);
}

void vd_connection_is_secured(struct connection *c, struct vd_str early)
{
    struct vd_hub *hub = c->hub;

    secured(c);
    if (c->session.state == VD_SESSION_CONNECTING && early.length > 0) {
        memcpy(hub->plaintext, early.data, early.length);
        feed_frames(c, hub->plaintext, early.length);
    }
    serve(c, 0); /* what TLS has taken from the socket already */
}
