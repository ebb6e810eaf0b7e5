/* SPDX-License-Identifier: MIT */
/* What a session has its connection do, and what is recorded, counted and logged of it. */

#include "hub/activity.h"
#include "hub/asks.h"
#include "hub/calls.h"
#include "hub/connection.h"
#include "hub/delivery.h"
#include "hub/operation.h"
#include "hub/paces.h"
#include "lib/clock.h"
#include "lib/secret.h"

#define MINUTE_MS          60000
#define THROTTLE_RECORD_MS 60000

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

/* Times and names by which a credential was judged. */
struct credential_texts {
    char expiry[VD_TIME_TEXT_SIZE];
    char not_before[VD_TIME_TEXT_SIZE];
    char not_after[VD_TIME_TEXT_SIZE];
    char expected[2][VD_THUMBPRINT_SIZE];
};

/* Adds what a certificate says of itself. */
static struct vd_operation_property *add_certificate(const struct vd_peer_certificate *certificate,
    struct credential_texts *texts, struct vd_operation_property *next)
{
    vd_time_format(certificate->not_before_ms, texts->not_before);
    vd_time_format(certificate->not_after_ms, texts->not_after);
    *next++ = (struct vd_operation_property){"certificateThumbprintSha256", certificate->sha256, 0};
    *next++ = (struct vd_operation_property){"certificateThumbprintSha1", certificate->sha1, 0};
    *next++ = (struct vd_operation_property){"certificateNotBefore", texts->not_before, 0};
    *next++ = (struct vd_operation_property){"certificateNotAfter", texts->not_after, 0};
    *next++ = (struct vd_operation_property){"certificateCommonName", certificate->common_name, 0};
    return next;
}

/* Adds the thumbprints that one of them should have been, as the registry has them now. */
static struct vd_operation_property *add_expected(
    const struct connection *c, struct credential_texts *texts, struct vd_operation_property *next)
{
    const struct vd_principal *who = &c->session.principal;
    struct vd_identity identity = {0};

    if (vd_registry_get(c->session.host->registry, who->device_id, who->module_id, &identity) ==
        VD_OK) {
        memcpy(texts->expected, identity.thumbprints, sizeof texts->expected);
        *next++ =
            (struct vd_operation_property){"identityThumbprintPrimary", texts->expected[0], 0};
        *next++ =
            (struct vd_operation_property){"identityThumbprintSecondary", texts->expected[1], 0};
    }
    vd_secret_wipe(&identity, sizeof identity);
    return next;
}

/* Adds what a login was judged by; nothing of it is secret. */
static struct vd_operation_property *add_credential(const struct connection *c,
    enum vd_refusal refusal, struct credential_texts *texts, struct vd_operation_property *next)
{
    const struct vd_principal *who = &c->session.principal;

    if (who->expires_s != 0) {
        vd_time_format(who->expires_s * 1000, texts->expiry);
        *next++ = (struct vd_operation_property){"credentialExpiryTime", texts->expiry, 0};
    }
    if (refusal == VD_REFUSED_EXPIRED || refusal == VD_REFUSED_CERTIFICATE_EXPIRED) {
        *next++ = (struct vd_operation_property){
            "credentialWasGood", who->was_good ? "true" : "false", 0};
    }
    if (c->session.certificate != NULL) {
        next = add_certificate(c->session.certificate, texts, next);
    }
    return refusal == VD_REFUSED_THUMBPRINT ? add_expected(c, texts, next) : next;
}

/* held_back: how many refusals before it were not recorded */
static void record_login(struct connection *c, enum vd_refusal refusal, uint64_t held_back)
{
    struct credential_texts texts;
    struct vd_operation_property *next;
    struct vd_operation operation = {
        .category = VD_OPERATION_CONNECTIONS,
        .name = "deviceConnect",
        .result = vd_result_of_refusal(refusal),
        .reason = refusal != VD_REFUSED_NOT ? vd_refusal_text(refusal) : NULL,
        .duration_ms = vd_clock_monotonic_ms() - c->opened_ms,
    };

    next = add_credential(c, refusal, &texts, operation.properties);
    if (held_back > 0) {
        *next = (struct vd_operation_property){"recordsHeldBack", NULL, (int64_t)held_back};
    }
    vd_connection_record(c, &operation);
}

/* Of VD_HUB_REFUSALS_MINUTE. Kinds differ in it. */
static uint32_t refusal_cost(enum vd_refusal refusal)
{
    switch (refusal) {
    case VD_REFUSED_SIGNATURE:
    case VD_REFUSED_EXPIRED:
    case VD_REFUSED_THUMBPRINT:
    case VD_REFUSED_CERTIFICATE_EXPIRED:
        return 1; /* alerts come of them: no others are to hide them */
    case VD_REFUSED_TOO_OFTEN:
        return VD_HUB_REFUSALS_MINUTE;
    default:
        return VD_HUB_REFUSALS_OTHER_COST;
    }
}

/* Each record is kept: nobody who is let in nowhere is to fill the log with them. */
static void record_refusal(struct connection *c, enum vd_refusal refusal)
{
    struct vd_hub *hub = c->hub;
    const uint32_t cost = refusal_cost(refusal);
    uint8_t key[sizeof cost + sizeof c->peer.bytes];

    memcpy(key, &cost, sizeof cost);
    memcpy(key + sizeof cost, c->peer.bytes, c->peer.length);
    if (vd_limiter_spend(
            hub->refusals, key, sizeof cost + c->peer.length, cost, vd_clock_monotonic_ms())) {
        record_login(c, refusal, hub->refusals_held_back);
        hub->refusals_held_back = 0;
    } else {
        hub->refusals_held_back++;
    }
}

static void record_end(struct connection *c, enum vd_session_event event)
{
    struct vd_operation operation = {
        .category = VD_OPERATION_CONNECTIONS,
        .name = "deviceDisconnect",
        .result = vd_result_of_event(event),
        .reason = vd_session_event_text(event),
    };

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
    vd_activity_seen(c);
    vd_time_format(c->counted_minute * MINUTE_MS, minute);
    c->counted_messages = 0;
    c->counted_bytes = 0;
    vd_connection_record(c, &operation);
}

void vd_connection_begin_minute(struct connection *c)
{
    const int64_t minute = c->session.host->utc_ms() / MINUTE_MS;

    if (minute != c->counted_minute) {
        record_count(c);
        c->counted_minute = minute;
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

void vd_connection_keep_rate(struct connection *c, size_t bytes, int64_t now_ms)
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
    vd_connection_check_queue(c);
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
    record_refusal(of_session(session), refusal);
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

    /* Each costs the writer of the state what a message costs that of the log. */
    c->messages_taken += ask->kind != VD_ASK_OPEN ? 1 : 0;
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

void vd_connection_drop_certificate(struct connection *c)
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
        record_login(c, VD_REFUSED_NOT, 0);
        vd_activity_connected(c);
        vd_paces_begin(c);
    } else if (from == VD_SESSION_CONNECTED) {
        vd_paces_end(c);
        record_count(c);
        record_end(c, event);
    }
    if (session->state != VD_SESSION_CONNECTING) {
        vd_connection_drop_certificate(c);
    }
    if (session->state == VD_SESSION_CLOSING || session->state == VD_SESSION_CLOSED) {
        vd_presence_remove(c->hub->presence, &c->presence);
        vd_connection_leave_paused(c);
        vd_connection_mark_dirty(c);
    }
    if (from == VD_SESSION_CONNECTED) {
        vd_calls_gone(c->hub, session);
        vd_delivery_gone(c);
        vd_activity_left(c);
    }
    if (session->state == VD_SESSION_CLOSING) {
        if (c->websocket != NULL) {
            vd_websocket_write_close(close_code(c, event), &c->out);
        }
        c->closing_ms = vd_clock_monotonic_ms();
        event_add(&c->readable, NULL);
        vd_connection_arm_timer(c, c->closing_ms);
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
