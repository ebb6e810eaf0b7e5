/* SPDX-License-Identifier: MIT */
/* What each state of the connection does: look the host up, open, greet, keep alive, deliver, and again after a failure. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_hub.h"

#include <lwip/dns.h>
#include <lwip/sys.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <string.h>

#define STEP_MS (ASC_LWIP_HUB_STEP_TIME * 1000u)
/* How often to look whether the time of day is known by now. */
#define CLOCK_MS 1000u
/* A quarter of the time is left for what is under way. */
#define RENEW_MS ((uint32_t)ASC_LWIP_HUB_TOKEN_LIFE * 750u)
#define PING_MS  ((uint32_t)ASC_LWIP_HUB_KEEP_ALIVE * 750u)

static void say(const struct asc_lwip_hub *h, const char *event, const char *reason, int code)
{
    if (h->options.log != NULL) {
        h->options.log(h->options.context, event, reason, code);
    }
}

static void change(struct asc_lwip_hub *h, enum asc_lwip_hub_event event)
{
    h->state = asc_lwip_hub_next(h->state, event);
    h->since_ms = sys_now();
    say(h, "hub_state", asc_lwip_hub_state_name(h->state), 0);
}

static uint32_t elapsed(uint32_t since_ms)
{
    return sys_now() - since_ms;
}

static void tell(struct asc_lwip_hub *h, bool connected)
{
    if (h->told_connected != connected) {
        h->told_connected = connected;
        h->options.connected(h->options.context, connected);
    }
}

static void settle(struct asc_lwip_hub *h, bool delivered)
{
    if (h->owes_sent) {
        h->owes_sent = false;
        h->options.sent(h->options.context, delivered);
    }
}

static void hang_up(struct asc_lwip_hub *h)
{
    asc_mqtt_closed(&h->mqtt);
    asc_lwip_tls_close(&h->tls);
    mbedtls_platform_zeroize(h->head, sizeof h->head);
    h->head_at = h->head_length = h->body_length = 0;
    settle(h, false);
}

static void lose(struct asc_lwip_hub *h, const char *reason, int code)
{
    uint32_t random = 0;

    /* Without random numbers there is no TLS either; the wait then is the shortest of its range. */
    (void)h->options.random(h->options.context, (unsigned char *)&random, sizeof random);
    h->failures += h->failures < UINT32_MAX;
    say(h, "hub_lost", reason, code);
    hang_up(h);
    h->wait_ms = asc_lwip_hub_retry_ms(h->failures, random);
    change(h, ASC_LWIP_HUB_LOST);
    tell(h, false);
}

/* ---- WAITING, RESOLVING ---- */

static void on_resolved(const char *name, const ip_addr_t *address, void *context)
{
    struct asc_lwip_hub *h = context;

    (void)name;
    h->lookup = address != NULL ? ERR_OK : ERR_VAL;
    if (address != NULL) {
        h->address = *address;
    }
}

static void step_waiting(struct asc_lwip_hub *h)
{
    /* lwIP cannot take a question back: the answer to an old one is waited for. */
    if (elapsed(h->since_ms) < h->wait_ms || h->options.time_utc_s(h->options.context) == 0) {
        return;
    }
    if (h->lookup != ERR_INPROGRESS) {
        h->lookup = dns_gethostbyname(h->options.host, &h->address, on_resolved, h);
    }
    change(h, ASC_LWIP_HUB_DONE);
}

static void step_resolving(struct asc_lwip_hub *h)
{
    if (h->lookup == ERR_OK) {
        change(h, ASC_LWIP_HUB_DONE);
        if (asc_lwip_tls_open(&h->tls, &h->address, h->options.port) == ASC_LWIP_TLS_FAILED) {
            lose(h, h->tls.problem, h->tls.code);
        }
    } else if (h->lookup != ERR_INPROGRESS) {
        lose(h, "the host name is not known", h->lookup);
    } else if (elapsed(h->since_ms) >= STEP_MS) {
        lose(h, "looking the host name up took too long", 0);
    }
}

/* ---- OPENING: TCP, TLS, then CONNECT with a token made now. ---- */

static bool hmac_sha256(const uint8_t *key, size_t key_length, const uint8_t *text, size_t length,
    uint8_t mac[ASC_SAS_MAC_BYTES])
{
    const mbedtls_md_info_t *sha256 = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);

    return sha256 != NULL && mbedtls_md_hmac(sha256, key, key_length, text, length, mac) == 0;
}

/* Writes the three strings of a CONNECT one after the other; false: they do not fit. */
static bool strings(const struct asc_lwip_hub *h, uint32_t now_utc_s, char *text, size_t size,
    struct asc_mqtt_connect *packet)
{
    const struct asc_lwip_hub_options *o = &h->options;
    size_t used = asc_client_id(&o->identity, text, size), n;

    if (used == 0) {
        return false;
    }
    packet->client_id = text;
    used++;
    n = asc_user_name(&o->identity, text + used, size - used);
    packet->user_name = text + used;
    used += n + 1;
    if (n == 0 || used >= size) {
        return false;
    }
    packet->password = text + used;
    return asc_sas_token(&o->identity, o->key, o->key_length, hmac_sha256,
               (uint64_t)now_utc_s + ASC_LWIP_HUB_TOKEN_LIFE, text + used, size - used) > 0;
}

static bool greet(struct asc_lwip_hub *h)
{
    char text[ASC_LWIP_HUB_TEXT_BYTES];
    struct asc_mqtt_connect packet = {.keep_alive_s = ASC_LWIP_HUB_KEEP_ALIVE};

    if (strings(h, h->options.time_utc_s(h->options.context), text, sizeof text, &packet)) {
        h->head_length = asc_mqtt_connect(&h->mqtt, &packet, h->head, sizeof h->head);
    }
    mbedtls_platform_zeroize(text, sizeof text);
    h->head_at = 0;
    return h->head_length > 0;
}

static void step_opening(struct asc_lwip_hub *h)
{
    switch (asc_lwip_tls_handshake(&h->tls)) {
    case ASC_LWIP_TLS_DONE:
        change(h, ASC_LWIP_HUB_DONE);
        if (!greet(h)) {
            lose(h, "no token could be made", 0);
        }
        break;
    case ASC_LWIP_TLS_FAILED:
        lose(h, h->tls.problem, h->tls.code);
        break;
    default:
        if (elapsed(h->since_ms) >= STEP_MS) {
            lose(h, h->tls.connected ? "the TLS handshake took too long" : "TCP took too long", 0);
        }
        break;
    }
}

/* ---- GREETING, ONLINE ---- */

/* Gives `*left` bytes at `data` to TLS as far as it goes; false: the connection is lost. */
static bool push(struct asc_lwip_hub *h, const uint8_t *data, uint32_t *left)
{
    while (*left > 0) {
        size_t n = 0;
        enum asc_lwip_tls_result r = asc_lwip_tls_write(&h->tls, data, *left, &n);

        if (r == ASC_LWIP_TLS_WAIT) {
            return true;
        }
        if (r == ASC_LWIP_TLS_FAILED) {
            lose(h, h->tls.problem, h->tls.code);
            return false;
        }
        data += n;
        *left -= (uint32_t)n;
        h->written_ms = sys_now();
    }
    return true;
}

static bool flush(struct asc_lwip_hub *h)
{
    uint32_t left = h->head_length - h->head_at;

    if (left > 0) {
        if (!push(h, h->head + h->head_at, &left)) {
            return false;
        }
        h->head_at = h->head_length - left;
        if (left > 0) {
            return true;
        }
        /* The first packet is a CONNECT with its token. */
        mbedtls_platform_zeroize(h->head, sizeof h->head);
        h->head_at = h->head_length = 0;
    }
    left = h->body_length;
    if (left > 0) {
        if (!push(h, h->body, &left)) {
            return false;
        }
        h->body += h->body_length - left;
        h->body_length = left;
    }
    return true;
}

/* Acts on one event of the reader; false: the connection is lost. */
static bool act(struct asc_lwip_hub *h, enum asc_mqtt_event event)
{
    switch (event) {
    case ASC_MQTT_ACCEPTED:
        change(h, ASC_LWIP_HUB_DONE);
        say(h, "hub_connected", mbedtls_ssl_get_ciphersuite(&h->tls.ssl), 0);
        tell(h, true);
        return true;
    case ASC_MQTT_REFUSED:
        lose(h, asc_mqtt_refusal_text(h->mqtt.refusal), h->mqtt.refusal);
        return false;
    case ASC_MQTT_DELIVERED:
        h->failures = 0;
        settle(h, true);
        return true;
    case ASC_MQTT_VIOLATION:
        lose(h, "the hub sent what MQTT does not allow here", 0);
        return false;
    default:
        return true;
    }
}

/* Reads all there is; false: the connection is lost. */
static bool receive(struct asc_lwip_hub *h)
{
    uint8_t in[64];
    size_t length;

    for (;;) {
        enum asc_lwip_tls_result r = asc_lwip_tls_read(&h->tls, in, sizeof in, &length);

        if (r == ASC_LWIP_TLS_WAIT) {
            return true;
        }
        if (r == ASC_LWIP_TLS_FAILED) {
            lose(h, h->tls.problem, h->tls.code);
            return false;
        }
        for (uint32_t at = 0, used = 0; at < length; at += used) {
            if (!act(h, asc_mqtt_feed(&h->mqtt, in + at, (uint32_t)length - at, &used))) {
                return false;
            }
        }
    }
}

static void step_greeting(struct asc_lwip_hub *h)
{
    if (flush(h) && receive(h) && h->state == ASC_LWIP_HUB_GREETING &&
        elapsed(h->since_ms) >= STEP_MS) {
        lose(h, "the hub did not answer CONNECT in time", 0);
    }
}

static bool idle(const struct asc_lwip_hub *h)
{
    return !h->mqtt.in_flight && !h->mqtt.pinging && h->head_length == 0 && h->body_length == 0;
}

static void step_online(struct asc_lwip_hub *h)
{
    if (!flush(h) || !receive(h)) {
        return;
    }
    if (!idle(h)) {
        if (elapsed(h->asked_ms) >= STEP_MS) {
            lose(h, "the hub did not answer in time", 0);
        }
    } else if (elapsed(h->since_ms) >= RENEW_MS) {
        h->head_length = asc_mqtt_disconnect(&h->mqtt, h->head, sizeof h->head);
        if (flush(h)) {
            say(h, "token_renewal", "", 0);
            hang_up(h); /* the module need not notice */
            h->wait_ms = 0;
            change(h, ASC_LWIP_HUB_LOST);
        }
    } else if (elapsed(h->written_ms) >= PING_MS) {
        h->head_length = asc_mqtt_ping(&h->mqtt, h->head, sizeof h->head);
        h->asked_ms = sys_now();
        (void)flush(h);
    }
}

static void step_stopped(struct asc_lwip_hub *h)
{
    (void)h;
}

/* What is left of `time_ms` since then. */
static uint32_t left_ms(uint32_t since_ms, uint32_t time_ms)
{
    uint32_t gone = elapsed(since_ms);

    return gone >= time_ms ? 0 : time_ms - gone;
}

static uint32_t due_ms(const struct asc_lwip_hub *h)
{
    uint32_t left;

    switch (h->state) {
    case ASC_LWIP_HUB_WAITING:
        left = left_ms(h->since_ms, h->wait_ms);
        return left > 0 ? left : CLOCK_MS;
    case ASC_LWIP_HUB_ONLINE:
        return idle(h) ? LWIP_MIN(left_ms(h->since_ms, RENEW_MS), left_ms(h->written_ms, PING_MS))
                       : left_ms(h->asked_ms, STEP_MS);
    case ASC_LWIP_HUB_STOPPED:
        return UINT32_MAX;
    default:
        return left_ms(h->since_ms, STEP_MS);
    }
}

uint32_t asc_lwip_hub_step(struct asc_lwip_hub *h)
{
    static void (*const steps[ASC_LWIP_HUB_STATES])(struct asc_lwip_hub *) = {
        [ASC_LWIP_HUB_WAITING] = step_waiting,
        [ASC_LWIP_HUB_RESOLVING] = step_resolving,
        [ASC_LWIP_HUB_OPENING] = step_opening,
        [ASC_LWIP_HUB_GREETING] = step_greeting,
        [ASC_LWIP_HUB_ONLINE] = step_online,
        [ASC_LWIP_HUB_STOPPED] = step_stopped,
    };
    enum asc_lwip_hub_state before;

    /* A failure leads to WAITING with time to wait, so this ends. */
    do {
        before = h->state;
        steps[before](h);
    } while (h->state != before);
    return due_ms(h);
}

enum asc_send_result asc_lwip_hub_send(void *hub, const uint8_t *message, uint32_t length)
{
    struct asc_lwip_hub *h = hub;
    char topic[ASC_LWIP_HUB_TEXT_BYTES];

    if (h->state != ASC_LWIP_HUB_ONLINE || !idle(h) ||
        asc_security_topic(&h->options.identity, topic, sizeof topic) == 0) {
        return ASC_SEND_RETRY;
    }
    h->head_length = asc_mqtt_publish(&h->mqtt, topic, length, h->head, sizeof h->head);
    if (h->head_length == 0) {
        return ASC_SEND_RETRY;
    }
    h->head_at = 0;
    h->body = message;
    h->body_length = length;
    h->owes_sent = true;
    h->asked_ms = sys_now();
    return ASC_SEND_PENDING;
}

/* Base64 of a signature is 43 letters and a '='; each of them that is '+' or '/' takes two bytes more. */
#define SIGNATURE_SPREAD_BYTES (2u * 43u)

/* Whether what will have to be written fits, whatever the signature. */
static const char *check(struct asc_lwip_hub *h)
{
    char text[ASC_LWIP_HUB_TEXT_BYTES];
    struct asc_mqtt_connect packet;
    bool fits = strings(h, UINT32_MAX, text, sizeof text - SIGNATURE_SPREAD_BYTES, &packet) &&
        asc_security_topic(&h->options.identity, text, sizeof text) > 0;

    mbedtls_platform_zeroize(text, sizeof text);
    return fits ? NULL : "hub name and device id need a larger ASC_LWIP_HUB_TEXT_BYTES";
}

const char *asc_lwip_hub_init(struct asc_lwip_hub *h, const struct asc_lwip_hub_options *options)
{
    const char *problem;

    *h = (struct asc_lwip_hub){.options = *options, .state = ASC_LWIP_HUB_WAITING};
    h->lookup = ERR_VAL;
    h->since_ms = sys_now();
    problem = check(h);
    if (problem == NULL) {
        problem = asc_lwip_tls_init(&h->tls, options->host, options->ca, options->ca_bytes,
            options->random, options->context);
    }
    return problem;
}

void asc_lwip_hub_stop(struct asc_lwip_hub *h)
{
    if (h->state == ASC_LWIP_HUB_STOPPED) {
        return;
    }
    if (h->state == ASC_LWIP_HUB_ONLINE && idle(h)) {
        h->head_length = asc_mqtt_disconnect(&h->mqtt, h->head, sizeof h->head);
        if (!flush(h)) {
            h->head_length = 0;
        }
    }
    change(h, ASC_LWIP_HUB_STOP);
    hang_up(h);
    tell(h, false);
    asc_lwip_tls_release(&h->tls);
}
