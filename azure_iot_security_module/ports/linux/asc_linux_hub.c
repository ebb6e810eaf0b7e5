/* SPDX-License-Identifier: MIT */
/* Drives look-up, TLS and MQTT from one non-blocking step function. */

#include "azure_iot_security_module/ports/linux/asc_linux_hub.h"

#include <openssl/crypto.h>
#include <poll.h>
#include <sys/random.h>

#include "azure_iot_security_module/inc/asc_port.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "azure_iot_security_module/ports/linux/asc_linux_resolve.h"
#include "azure_iot_security_module/ports/linux/asc_linux_twin.h"
#include "azure_iot_security_module/src/asc_mqtt.h"

/* A connection that lasted this long was a good one: the next failure counts as the first. */
#define STABLE_MS 30000u
/* Room beside the largest message: CONNECT, or header and topic of PUBLISH, PINGREQ, DISCONNECT. */
#define OUT_EXTRA_BYTES 8192u
#define OUT_MAX_BYTES   ((ASC_MESSAGE_BYTES) + OUT_EXTRA_BYTES)
/* Of these, what may be queued about the twin at one time: SUBSCRIBE, two topics, a blank, a report. */
#define OUT_TWIN_BYTES (512u + ASC_TWIN_REPORT_MAX)
/* Any document that is read, with its topic. */
#define IN_MAX_BYTES (ASC_TWIN_DOCUMENT_MAX + 1024u)

struct asc_linux_hub {
    struct asc_linux_hub_options options;
    SSL_CTX *tls_context;
    enum asc_linux_hub_state state;
    uint64_t deadline_ms; /* of the state; ONLINE: none */
    uint32_t failures;    /* in a row */
    bool told_connected;  /* what options.connected last heard */
    bool owes_sent;       /* a message was taken, and options.sent has not been called for it */

    asc_linux_resolve *resolve;
    struct addrinfo *addresses;
    const struct addrinfo *next_address;
    struct asc_linux_tls tls;
    short read_events;
    short write_events;

    struct asc_mqtt mqtt;
    uint64_t online_ms;   /* when the hub accepted us */
    uint64_t renew_ms;    /* when the token is due */
    uint64_t delivery_ms; /* when the message in flight is given up */
    uint64_t ping_ms;     /* when PINGRESP is given up */
    uint64_t wrote_ms;    /* last time that a packet was queued */
    uint64_t stall_ms;    /* when output that does not move is given up */

    struct asc_linux_twin twin;

    uint32_t out_at;
    uint32_t out_length;
    uint8_t out[OUT_MAX_BYTES];
    uint8_t in[IN_MAX_BYTES];
};

/* Counts on while the machine sleeps, as the life of a token does. */
static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t random_u32(void)
{
    uint32_t value = 0;

    /* Without entropy yet (early boot) the wait is only less random. */
    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value) {
        value = (uint32_t)now_ms() * 2654435761u;
    }
    return value;
}

static void change(asc_linux_hub *h, enum asc_linux_hub_event event, uint64_t deadline_ms)
{
    enum asc_linux_hub_state next = asc_linux_hub_next(h->state, event);

    if (next != h->state) {
        asc_linux_log(ASC_LINUX_LOG_DEBUG, "hub_state", "from=%s to=%s",
            asc_linux_hub_state_name(h->state), asc_linux_hub_state_name(next));
    }
    h->state = next;
    h->deadline_ms = deadline_ms;
}

static void release_addresses(asc_linux_hub *h)
{
    asc_linux_resolve_free(h->resolve);
    h->resolve = NULL;
    if (h->addresses != NULL) {
        freeaddrinfo(h->addresses);
    }
    h->addresses = NULL;
    h->next_address = NULL;
}

/* Says what became of the message that was taken, if there is one. */
static void settle(asc_linux_hub *h, bool delivered)
{
    if (h->owes_sent) {
        h->owes_sent = false;
        h->options.sent(h->options.context, delivered);
    }
}

/* Closes whatever is open. */
static void hang_up(asc_linux_hub *h)
{
    asc_mqtt_closed(&h->mqtt);
    asc_linux_twin_offline(&h->twin);
    asc_linux_tls_close(&h->tls);
    release_addresses(h);
    OPENSSL_cleanse(h->out, h->out_length);
    h->out_at = h->out_length = 0;
    settle(h, false);
}

static void tell(asc_linux_hub *h, bool connected)
{
    if (h->told_connected != connected) {
        h->told_connected = connected;
        h->options.connected(h->options.context, connected);
    }
}

static void lose(asc_linux_hub *h, const char *reason)
{
    uint64_t now = now_ms();
    uint32_t wait;

    if (h->state == ASC_LINUX_HUB_ONLINE && now - h->online_ms >= STABLE_MS) {
        h->failures = 0;
    }
    h->failures += h->failures < UINT32_MAX;
    wait = asc_linux_hub_retry_ms(&h->options.times, h->failures, random_u32());
    asc_linux_log(ASC_LINUX_LOG_WARN, "hub_lost",
        "host=%s port=%u while=%s failures=%u retry_ms=%u reason=\"%s\"",
        h->options.connection->host, (unsigned)h->options.connection->port,
        asc_linux_hub_state_name(h->state), h->failures, wait, reason);
    hang_up(h);
    change(h, ASC_LINUX_HUB_LOST, now + wait);
    tell(h, false);
}

static uint8_t *out_end(asc_linux_hub *h)
{
    return h->out + h->out_length;
}

static uint32_t out_room(const asc_linux_hub *h)
{
    return OUT_MAX_BYTES - h->out_length;
}

static void queued(asc_linux_hub *h, uint32_t length)
{
    uint64_t now = now_ms();

    /* What was not written does not keep the connection alive. */
    if (length == 0) {
        return;
    }
    if (h->out_length == 0) {
        h->stall_ms = now + h->options.times.step_ms;
    }
    h->out_length += length;
    h->wrote_ms = now;
}

/* Writes what is queued as far as it goes; false: the connection is lost. */
static bool flush(asc_linux_hub *h)
{
    while (h->out_at < h->out_length) {
        size_t n = 0;
        enum asc_linux_tls_result r =
            asc_linux_tls_write(&h->tls, h->out + h->out_at, h->out_length - h->out_at, &n);

        if (r == ASC_LINUX_TLS_WAIT) {
            h->write_events = h->tls.events;
            return true;
        }
        if (r != ASC_LINUX_TLS_DONE) {
            lose(h, h->tls.error);
            return false;
        }
        h->out_at += (uint32_t)n;
        h->stall_ms = now_ms() + h->options.times.step_ms;
    }
    /* The first thing written is a CONNECT with its token. */
    OPENSSL_cleanse(h->out, h->out_length);
    h->out_at = h->out_length = 0;
    return true;
}

static void step_waiting(asc_linux_hub *h, uint64_t now)
{
    const struct asc_linux_connection *c = h->options.connection;

    if (now < h->deadline_ms) {
        return;
    }
    h->resolve = asc_linux_resolve_start(c->host, c->port);
    if (h->resolve == NULL) {
        lose(h, "no memory or thread to look the host name up");
        return;
    }
    change(h, ASC_LINUX_HUB_DONE, now + h->options.times.step_ms);
}

/* Starts on the next address that can be tried; none left: lost, for the reason of the last. */
static void open_next(asc_linux_hub *h, uint64_t now)
{
    asc_linux_tls_close(&h->tls);
    while (h->next_address != NULL) {
        const struct addrinfo *address = h->next_address;

        h->next_address = address->ai_next;
        h->deadline_ms = now + h->options.times.step_ms;
        if (asc_linux_tls_open(&h->tls, h->tls_context, address, h->options.connection->host) ==
            ASC_LINUX_TLS_WAIT) {
            return;
        }
    }
    lose(h, h->tls.error);
}

static void step_resolving(asc_linux_hub *h, uint64_t now)
{
    int error = 0;

    if (!asc_linux_resolve_take(h->resolve, &error, &h->addresses)) {
        if (now >= h->deadline_ms) {
            lose(h, "looking the host name up took too long");
        }
    } else if (error != 0) {
        lose(h, gai_strerror(error));
    } else {
        asc_linux_resolve_free(h->resolve);
        h->resolve = NULL;
        h->next_address = h->addresses;
        change(h, ASC_LINUX_HUB_DONE, now);
        open_next(h, now);
    }
}

/* Queues CONNECT with a token made now. */
static bool greet(asc_linux_hub *h, uint64_t now)
{
    const struct asc_linux_connection *c = h->options.connection;
    uint32_t life_s = h->options.times.token_life_s;
    char token[ASC_LINUX_TOKEN_MAX_BYTES];
    char user_name[2 * ASC_LINUX_NAME_MAX_BYTES + 2 * ASC_LINUX_ID_MAX_BYTES];
    char client_id[2 * ASC_LINUX_ID_MAX_BYTES + 2];
    struct asc_mqtt_connect packet = {client_id, user_name, token, h->options.times.keep_alive_s};
    uint32_t length = 0;

    if (asc_linux_token(c, (int64_t)time(NULL) + life_s, token, sizeof token) > 0 &&
        asc_linux_user_name(c, user_name, sizeof user_name) > 0 &&
        asc_linux_client_id(c, client_id, sizeof client_id) > 0) {
        length = asc_mqtt_connect(&h->mqtt, &packet, out_end(h), out_room(h));
    }
    OPENSSL_cleanse(token, sizeof token);
    h->renew_ms = now + (uint64_t)life_s * 750;
    queued(h, length);
    return length > 0;
}

static void step_opening(asc_linux_hub *h, uint64_t now)
{
    enum asc_linux_tls_result r = asc_linux_tls_handshake(&h->tls);

    if (r == ASC_LINUX_TLS_DONE) {
        change(h, ASC_LINUX_HUB_DONE, now + h->options.times.step_ms);
        h->read_events = POLLIN;
        if (!greet(h, now)) {
            lose(h, "no token could be made");
        }
    } else if (r == ASC_LINUX_TLS_FAILED) {
        open_next(h, now);
    } else if (now >= h->deadline_ms) {
        snprintf(h->tls.error, sizeof h->tls.error, "%s took too long",
            h->tls.connected ? "the TLS handshake" : "TCP connect");
        open_next(h, now);
    }
}

static void accepted(asc_linux_hub *h)
{
    uint64_t now = now_ms();

    release_addresses(h);
    change(h, ASC_LINUX_HUB_DONE, UINT64_MAX);
    h->online_ms = now;
    asc_linux_log(ASC_LINUX_LOG_INFO, "hub_connected", "host=%s port=%u device=%s%s%s tls=%s",
        h->options.connection->host, (unsigned)h->options.connection->port,
        h->options.connection->device_id, h->options.connection->module_id[0] != '\0' ? "/" : "",
        h->options.connection->module_id, SSL_get_version(h->tls.ssl));
    asc_linux_twin_online(&h->twin);
    tell(h, true);
}

static void received(asc_linux_hub *h, bool whole)
{
    const struct asc_mqtt_message *m = &h->mqtt.message;

    asc_linux_twin_message(&h->twin, m->topic, m->topic_length,
        whole ? (const char *)m->payload : NULL, m->payload_length, now_ms());
    queued(h, asc_mqtt_acknowledge(&h->mqtt, out_end(h), out_room(h)));
}

/* Acts on one event of the reader; false: the connection is lost. */
static bool act(asc_linux_hub *h, enum asc_mqtt_event event)
{
    switch (event) {
    case ASC_MQTT_ACCEPTED:
        accepted(h);
        return true;
    case ASC_MQTT_REFUSED:
        asc_linux_log(ASC_LINUX_LOG_ERROR, "hub_refused", "device=%s code=%u reason=\"%s\"",
            h->options.connection->device_id, (unsigned)h->mqtt.refusal,
            asc_mqtt_refusal_text(h->mqtt.refusal));
        lose(h, "refused by the hub");
        return false;
    case ASC_MQTT_DELIVERED:
        h->failures = 0;
        settle(h, true);
        return true;
    case ASC_MQTT_SUBSCRIBED:
        asc_linux_twin_subscribed(&h->twin, h->mqtt.granted);
        return true;
    case ASC_MQTT_RECEIVED:
    case ASC_MQTT_RECEIVED_CUT:
        received(h, event == ASC_MQTT_RECEIVED);
        return true;
    case ASC_MQTT_VIOLATION:
        lose(h, "the hub sent what MQTT does not allow here");
        return false;
    default:
        return true;
    }
}

/* Reads all there is; false: the connection is lost. */
static bool receive(asc_linux_hub *h)
{
    uint8_t in[512];

    for (;;) {
        size_t length = 0;
        enum asc_linux_tls_result r = asc_linux_tls_read(&h->tls, in, sizeof in, &length);

        if (r == ASC_LINUX_TLS_WAIT) {
            h->read_events = h->tls.events;
            return true;
        }
        if (r != ASC_LINUX_TLS_DONE) {
            lose(h, h->tls.error);
            return false;
        }
        for (uint32_t at = 0, used = 0; at < length; at += used) {
            if (!act(h, asc_mqtt_feed(&h->mqtt, in + at, (uint32_t)length - at, &used))) {
                return false;
            }
        }
    }
}

/* A PINGREQ is due after 3/4 of the keep-alive without a packet of ours. */
static uint64_t ping_due_ms(const asc_linux_hub *h)
{
    return h->options.times.keep_alive_s == 0 || h->mqtt.pinging
        ? UINT64_MAX
        : h->wrote_ms + (uint64_t)h->options.times.keep_alive_s * 750;
}

static void leave(asc_linux_hub *h, enum asc_linux_hub_event why)
{
    queued(h, asc_mqtt_disconnect(&h->mqtt, out_end(h), out_room(h)));
    change(h, why, now_ms() + h->options.times.close_ms);
    settle(h, false);
}

static const char *overdue(const asc_linux_hub *h, uint64_t now)
{
    if (h->mqtt.in_flight && now >= h->delivery_ms) {
        return "the hub did not acknowledge a message in time";
    }
    if (h->mqtt.pinging && now >= h->ping_ms) {
        return "the hub did not answer a ping in time";
    }
    if (h->out_length > 0 && now >= h->stall_ms) {
        return "the hub takes no more bytes";
    }
    return NULL;
}

static bool has_twin_room(const asc_linux_hub *h)
{
    return out_room(h) >= OUT_TWIN_BYTES;
}

/* Queues what the conversation about the twin wants sent. */
static void step_twin(asc_linux_hub *h, uint64_t now)
{
    while (has_twin_room(h)) {
        enum asc_linux_twin_want want = asc_linux_twin_next(&h->twin, now);
        uint32_t n, length;

        if (want == ASC_LINUX_TWIN_NOTHING) {
            return;
        }
        if (want == ASC_LINUX_TWIN_SUBSCRIBE) {
            n = asc_mqtt_subscribe(&h->mqtt, asc_linux_twin_filters, ASC_LINUX_TWIN_FILTERS, 0,
                out_end(h), out_room(h));
            queued(h, n);
            continue;
        }
        length = (uint32_t)strlen(h->twin.payload);
        n = asc_mqtt_publish_once(
            &h->mqtt, h->twin.topic, length, out_end(h), out_room(h) - length);
        memcpy(out_end(h) + n, h->twin.payload, length);
        queued(h, n + length);
    }
}

static void step_online(asc_linux_hub *h, uint64_t now)
{
    const char *late;

    if (!flush(h) || !receive(h)) {
        return;
    }
    late = overdue(h, now);
    if (late != NULL) {
        lose(h, late);
        return;
    }
    if (now >= h->renew_ms && !h->mqtt.in_flight) {
        asc_linux_log(
            ASC_LINUX_LOG_INFO, "token_renewal", "device=%s", h->options.connection->device_id);
        leave(h, ASC_LINUX_HUB_RENEW);
        return;
    }
    if (now >= ping_due_ms(h)) {
        uint32_t n = asc_mqtt_ping(&h->mqtt, out_end(h), out_room(h));

        queued(h, n);
        h->ping_ms = now + h->options.times.step_ms;
    }
    step_twin(h, now);
    (void)flush(h);
}

static void step_greeting(asc_linux_hub *h, uint64_t now)
{
    if (flush(h) && receive(h) && h->state == ASC_LINUX_HUB_GREETING && now >= h->deadline_ms) {
        lose(h, "the hub did not answer CONNECT in time");
    }
}

/* RENEWING and STOPPING: once DISCONNECT is out, or cannot be, the connection is closed. */
static void step_leaving(asc_linux_hub *h, uint64_t now)
{
    size_t n = 0;
    enum asc_linux_tls_result r = ASC_LINUX_TLS_DONE;

    while (h->out_at < h->out_length && r == ASC_LINUX_TLS_DONE) {
        r = asc_linux_tls_write(&h->tls, h->out + h->out_at, h->out_length - h->out_at, &n);
        h->out_at += r == ASC_LINUX_TLS_DONE ? (uint32_t)n : 0;
    }
    if (r == ASC_LINUX_TLS_WAIT && now < h->deadline_ms) {
        h->write_events = h->tls.events;
        return;
    }
    hang_up(h);
    change(h, ASC_LINUX_HUB_DONE, now);
}

static void step_stopped(asc_linux_hub *h, uint64_t now)
{
    (void)now;
    tell(h, false);
}

/* When the state wants to be looked at again, whatever the descriptor says. */
static uint64_t next_due_ms(const asc_linux_hub *h)
{
    uint64_t due = h->deadline_ms;

    if (h->state == ASC_LINUX_HUB_STOPPED) {
        return UINT64_MAX;
    }
    if (h->state == ASC_LINUX_HUB_ONLINE) {
        uint64_t times[] = {h->mqtt.in_flight ? h->delivery_ms : h->renew_ms,
            h->mqtt.pinging ? h->ping_ms : ping_due_ms(h),
            h->out_length > 0 ? h->stall_ms : UINT64_MAX,
            has_twin_room(h) ? asc_linux_twin_due_ms(&h->twin) : UINT64_MAX};

        for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
            due = times[i] < due ? times[i] : due;
        }
    }
    return due;
}

uint32_t asc_linux_hub_step(asc_linux_hub *h)
{
    static void (*const steps[ASC_LINUX_HUB_STATES])(asc_linux_hub *, uint64_t) = {
        [ASC_LINUX_HUB_WAITING] = step_waiting,
        [ASC_LINUX_HUB_RESOLVING] = step_resolving,
        [ASC_LINUX_HUB_OPENING] = step_opening,
        [ASC_LINUX_HUB_GREETING] = step_greeting,
        [ASC_LINUX_HUB_ONLINE] = step_online,
        [ASC_LINUX_HUB_RENEWING] = step_leaving,
        [ASC_LINUX_HUB_STOPPING] = step_leaving,
        [ASC_LINUX_HUB_STOPPED] = step_stopped,
    };
    enum asc_linux_hub_state before;
    uint64_t now, due;

    /* A failure leads to WAITING with a deadline ahead, so this ends. */
    do {
        before = h->state;
        steps[before](h, now_ms());
    } while (h->state != before);
    now = now_ms();
    due = next_due_ms(h);
    if (due <= now) {
        return 0;
    }
    return due - now > UINT32_MAX ? UINT32_MAX : (uint32_t)(due - now);
}

void asc_linux_hub_poll(const asc_linux_hub *h, int *fd, short *events)
{
    *fd = -1;
    *events = 0;
    switch (h->state) {
    case ASC_LINUX_HUB_RESOLVING:
        *fd = asc_linux_resolve_fd(h->resolve);
        *events = POLLIN;
        break;
    case ASC_LINUX_HUB_OPENING:
        *fd = h->tls.fd;
        *events = h->tls.events;
        break;
    case ASC_LINUX_HUB_GREETING:
    case ASC_LINUX_HUB_ONLINE:
        *fd = h->tls.fd;
        *events = (short)(h->read_events | (h->out_length > 0 ? h->write_events : 0));
        break;
    case ASC_LINUX_HUB_RENEWING:
    case ASC_LINUX_HUB_STOPPING:
        *fd = h->tls.fd;
        *events = h->write_events;
        break;
    default:
        break;
    }
}

bool asc_linux_hub_send(asc_linux_hub *h, const uint8_t *message, uint32_t length)
{
    uint64_t now = now_ms();
    char topic[2 * ASC_LINUX_ID_MAX_BYTES + 256];
    uint32_t head;

    if (h->state != ASC_LINUX_HUB_ONLINE || now >= h->renew_ms || length > ASC_MESSAGE_BYTES ||
        out_room(h) < length + OUT_EXTRA_BYTES / 2 ||
        asc_linux_topic(h->options.connection, topic, sizeof topic) == 0) {
        return false;
    }
    head = asc_mqtt_publish(&h->mqtt, topic, length, out_end(h), out_room(h) - length);
    if (head == 0) {
        return false;
    }
    memcpy(out_end(h) + head, message, length);
    queued(h, head + length);
    h->owes_sent = true;
    h->delivery_ms = now + h->options.times.delivery_ms;
    h->write_events = POLLOUT; /* written by the next step, which is never inside this call */
    return true;
}

void asc_linux_hub_stop(asc_linux_hub *h)
{
    switch (h->state) {
    case ASC_LINUX_HUB_ONLINE:
        leave(h, ASC_LINUX_HUB_STOP);
        h->write_events = POLLOUT;
        break;
    case ASC_LINUX_HUB_RENEWING:
        change(h, ASC_LINUX_HUB_STOP, h->deadline_ms);
        break;
    case ASC_LINUX_HUB_STOPPING:
    case ASC_LINUX_HUB_STOPPED:
        break;
    default:
        hang_up(h);
        change(h, ASC_LINUX_HUB_STOP, 0);
        break;
    }
}

enum asc_linux_hub_state asc_linux_hub_state(const asc_linux_hub *h)
{
    return h->state;
}

asc_linux_hub *asc_linux_hub_new(
    const struct asc_linux_hub_options *options, char error[ASC_LINUX_TLS_ERROR_BYTES])
{
    asc_linux_hub *h = calloc(1, sizeof *h);

    if (h == NULL) {
        snprintf(error, ASC_LINUX_TLS_ERROR_BYTES, "out of memory");
        return NULL;
    }
    h->options = *options;
    asc_linux_twin_init(
        &h->twin, options->twin, options->times.step_ms, options->times.retry_max_ms);
    asc_mqtt_buffer(&h->mqtt, h->in, sizeof h->in);
    h->tls_context = asc_linux_tls_context(options->ca_file, error);
    if (h->tls_context == NULL) {
        free(h);
        return NULL;
    }
    return h;
}

void asc_linux_hub_free(asc_linux_hub *h)
{
    if (h == NULL) {
        return;
    }
    asc_mqtt_closed(&h->mqtt);
    asc_linux_tls_close(&h->tls);
    release_addresses(h);
    OPENSSL_cleanse(h->out, h->out_length);
    SSL_CTX_free(h->tls_context);
    free(h);
}
