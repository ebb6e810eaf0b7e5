/* SPDX-License-Identifier: MIT */
/* What the hub does with each packet, and the states of a session. */

#include "hub/session.h"

#include "hub/session_reply.h"
#include "hub/topic.h"
#include "lib/url.h"

#define PROPERTY_RETAIN "mqtt-retain=true"

const char *vd_session_state_text(enum vd_session_state state)
{
    static const char *const texts[] = {
#define VD_SESSION_STATE_TEXT(name, text) text,
        VD_SESSION_STATES(VD_SESSION_STATE_TEXT)
#undef VD_SESSION_STATE_TEXT
    };

    return texts[state];
}

const char *vd_session_event_text(enum vd_session_event event)
{
    static const char *const texts[] = {
#define VD_SESSION_EVENT_TEXT(name, text, ends) text,
        VD_SESSION_EVENTS(VD_SESSION_EVENT_TEXT)
#undef VD_SESSION_EVENT_TEXT
    };

    return texts[event];
}

enum vd_session_state vd_session_next(enum vd_session_state state, enum vd_session_event event)
{
    static const int ends[] = {
#define VD_SESSION_EVENT_ENDS(name, text, ends) ends,
        VD_SESSION_EVENTS(VD_SESSION_EVENT_ENDS)
#undef VD_SESSION_EVENT_ENDS
    };

    if (state == VD_SESSION_CLOSED) {
        return state;
    }
    switch (ends[event]) {
    case 2:
        /* Nothing is flushed before the last word was said. */
        return event == VD_SESSION_FLUSHED && state != VD_SESSION_CLOSING ? state
                                                                          : VD_SESSION_CLOSED;
    case 1:
        /* Without TLS there is no way to say anything. */
        return state == VD_SESSION_HANDSHAKING ? VD_SESSION_CLOSED : VD_SESSION_CLOSING;
    default:
        if (state == VD_SESSION_HANDSHAKING && event == VD_SESSION_SECURED) {
            return VD_SESSION_CONNECTING;
        }
        if (state == VD_SESSION_CONNECTING && event == VD_SESSION_ACCEPTED) {
            return VD_SESSION_CONNECTED;
        }
        return state;
    }
}

void vd_session_init(
    struct vd_session *session, const struct vd_session_host *host, const char *address)
{
    *session = (struct vd_session){.host = host, .state = VD_SESSION_HANDSHAKING};
    snprintf(session->address, sizeof session->address, "%s", address);
}

void vd_session_apply(struct vd_session *session, enum vd_session_event event)
{
    enum vd_session_state from = session->state;

    session->state = vd_session_next(from, event);
    if (session->state != from) {
        session->host->changed(session, from, event);
    }
}

static void ask(struct vd_session *session, const struct vd_session_ask *question)
{
    session->is_waiting = true;
    session->host->ask(session, question);
}

/* Judges a CONNECT, unless its peer may not or its principal has tried, or been let in, too often. */
static enum vd_refusal judge(struct vd_session *session, const struct vd_mqtt_connect *connect)
{
    const struct vd_session_host *host = session->host;
    enum vd_refusal refusal;

    (void)vd_auth_identify(connect->client_id, &session->principal);
    refusal = host->may_try(session);
    if (refusal != VD_REFUSED_NOT) {
        return refusal;
    }
    refusal = vd_auth_judge(host->registry, host->hub_name, connect, session->certificate,
        host->utc_ms(), &session->principal);
    return refusal == VD_REFUSED_NOT && !host->may_enter(session) ? VD_REFUSED_TOO_OFTEN : refusal;
}

/* What the client says it is, in the query of its user name. */
static struct vd_str client_type_of(struct vd_str user_name)
{
    static const char name[] = "DeviceClientType=";
    const size_t length = sizeof name - 1;
    const char *from;
    const char *end;

    for (size_t i = 0; i + length < user_name.length; i++) {
        if (memcmp(user_name.data + i, name, length) == 0 &&
            (i == 0 || strchr("?&/", user_name.data[i - 1]) != NULL)) {
            from = user_name.data + i + length;
            end = memchr(from, '&', user_name.length - i - length);
            return (struct vd_str){
                from, end != NULL ? (size_t)(end - from) : user_name.length - i - length};
        }
    }
    return (struct vd_str){"", 0};
}

/* Judges the CONNECT; one that is good is answered when it is known what was kept of the identity. */
static void judge_connect(struct vd_session *session, const struct vd_mqtt_connect *connect)
{
    const enum vd_refusal refusal = judge(session, connect);

    if (refusal != VD_REFUSED_NOT) {
        vd_session_refuse(session, refusal);
        return;
    }
    session->keep_alive_s = connect->keep_alive_s;
    session->is_kept = !connect->clean_session;
    session->host->claim(session);
    ask(session,
        &(struct vd_session_ask){.kind = VD_ASK_OPEN,
            .is_clean = connect->clean_session,
            .client_type = session->client_type});
}

static void on_connect(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    struct vd_mqtt_connect connect;
    int error = vd_mqtt_read_connect(packet->body, &connect);

    if (error != VD_OK) {
        if (error == VD_E_UNSUPPORTED) {
            vd_session_send_connack(session, false, VD_CONNACK_BAD_PROTOCOL);
        }
        vd_session_apply(session, VD_SESSION_MALFORMED);
        return;
    }
    if (connect.has_user_name) {
        session->client_type = client_type_of(connect.user_name);
    }
    judge_connect(session, &connect);
    session->client_type = (struct vd_str){0};
}

/* Checks every property and sees whether the message is one for the security center. */
static int read_bag(struct vd_str bag, enum vd_event_kind *kind)
{
    struct vd_bag walk = {.bag = bag};
    struct vd_str name;
    struct vd_str value;
    int error;

    *kind = VD_EVENT_TELEMETRY;
    while ((error = vd_bag_next(&walk, &name, &value)) == VD_OK) {
        if (vd_url_equal(name, VD_STR_LITERAL(VD_PROPERTY_INTERFACE)) &&
            vd_url_equal(value, VD_STR_LITERAL(VD_INTERFACE_SECURITY))) {
            *kind = VD_EVENT_SECURITY;
        }
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

/* Why a message is refused; VD_SESSION_ACCEPTED if it is not. */
static enum vd_session_event check_message(
    const struct vd_mqtt_publish *publish, struct vd_str bag, struct vd_event *event)
{
    size_t max = VD_MESSAGE_PROPERTIES_MAX;

    if (publish->payload.length > VD_MESSAGE_BODY_MAX_BYTES) {
        return VD_SESSION_TOO_LARGE;
    }
    max -= publish->retain ? sizeof "&" PROPERTY_RETAIN : 0;
    if (bag.length > max || read_bag(bag, &event->kind) != VD_OK) {
        return VD_SESSION_BAG_MALFORMED;
    }
    event->properties = bag;
    event->body = publish->payload;
    return VD_SESSION_ACCEPTED;
}

/* Hands the record on; with RETAIN its bag says so. */
static enum vd_record_result record(
    struct vd_session *session, struct vd_event *event, const struct vd_mqtt_publish *publish)
{
    struct vd_buf bag = {0};
    enum vd_record_result result = VD_RECORD_FAILED;
    size_t length = event->properties.length;

    event->enqueued_ms = session->host->utc_ms();
    event->device_id = vd_str_from(session->principal.device_id);
    event->module_id = vd_str_from(session->principal.module_id);
    event->address = vd_str_from(session->address);
    if (!publish->retain) {
        return session->host->record(session, event, publish->packet_id);
    }
    if (length > 0 && event->properties.data[length - 1] == '/') {
        length--;
    }
    vd_buf_append(&bag, event->properties.data, length);
    vd_buf_append_text(&bag, length > 0 ? "&" PROPERTY_RETAIN : PROPERTY_RETAIN);
    if (bag.error == VD_OK) {
        event->properties = (struct vd_str){(const char *)bag.data, bag.length};
        result = session->host->record(session, event, publish->packet_id);
    }
    vd_buf_release(&bag);
    return result;
}

static void on_message(
    struct vd_session *session, const struct vd_mqtt_publish *publish, struct vd_str bag)
{
    struct vd_event event = {0};
    enum vd_session_event refused = check_message(publish, bag, &event);

    if (refused != VD_SESSION_ACCEPTED) {
        vd_session_apply(session, refused);
    } else if (vd_session_is_taken(session, record(session, &event, publish))) {
        session->has_published = true;
    }
}

static void on_method_answer(
    struct vd_session *session, const struct vd_mqtt_publish *publish, struct vd_str rest)
{
    int status;
    uint64_t rid;

    if (publish->payload.length > VD_METHOD_PAYLOAD_MAX_BYTES) {
        vd_session_apply(session, VD_SESSION_TOO_LARGE);
        return;
    }
    if (vd_topic_read_method_answer(rest, &status, &rid) != VD_OK) {
        vd_session_apply(session, VD_SESSION_TOPIC_UNKNOWN);
        return;
    }
    /* Nothing of it has to be durable, but its PUBACK may not overtake those of messages [MQTT-4.6.0-2]. */
    if (publish->packet_id == 0 ||
        vd_session_is_taken(session, session->host->record(session, NULL, publish->packet_id))) {
        session->host->method_answered(session, rid, status, publish->payload);
    }
}

/* A question about the twin. Its PUBACK waits for the reply, as all that comes after does. */
static void on_twin(struct vd_session *session, enum vd_ask_kind kind,
    const struct vd_mqtt_publish *publish, struct vd_str rest)
{
    struct vd_session_ask question = {
        .kind = kind,
        .packet_id = publish->packet_id,
        .payload = publish->payload,
    };

    if (publish->payload.length > VD_MESSAGE_BODY_MAX_BYTES) {
        vd_session_apply(session, VD_SESSION_TOO_LARGE);
    } else if (vd_topic_read_rid(rest, &question.rid) != VD_OK) {
        vd_session_apply(session, VD_SESSION_TOPIC_UNKNOWN);
    } else {
        ask(session, &question);
    }
}

static void on_publish(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    struct vd_mqtt_publish publish;
    struct vd_str rest = {"", 0};

    if (vd_mqtt_read_publish(packet->flags, packet->body, &publish) != VD_OK) {
        vd_session_apply(session, VD_SESSION_MALFORMED);
        return;
    }
    if (publish.qos == 2) {
        vd_session_apply(session, VD_SESSION_QOS_2);
        return;
    }
    switch (vd_topic_classify(
        publish.topic, session->principal.device_id, session->principal.module_id, &rest)) {
    case VD_TOPIC_TELEMETRY:
        on_message(session, &publish, rest);
        break;
    case VD_TOPIC_METHOD_ANSWER:
        on_method_answer(session, &publish, rest);
        break;
    case VD_TOPIC_FOREIGN:
        vd_session_apply(session, VD_SESSION_TOPIC_FOREIGN);
        break;
    case VD_TOPIC_TWIN_GET:
        on_twin(session, VD_ASK_TWIN_GET, &publish, rest);
        break;
    case VD_TOPIC_TWIN_PATCH:
        on_twin(session, VD_ASK_TWIN_PATCH, &publish, rest);
        break;
    default:
        vd_session_apply(session, VD_SESSION_TOPIC_UNKNOWN);
    }
}

/* Adds one filter and its code of SUBACK; false if asking for it ends the session. */
static bool grant(const struct vd_session *session, struct vd_str filter, uint8_t qos,
    struct vd_session_ask *question)
{
    enum vd_filter kind =
        vd_filter_classify(filter, session->principal.device_id, session->principal.module_id);

    if (kind == VD_FILTER_UNKNOWN || question->code_count == VD_HUB_FILTERS_MAX) {
        return false;
    }
    question->filters |= (uint8_t)kind;
    if (kind == VD_FILTER_DEVICEBOUND) {
        question->filters &= (uint8_t)~VD_FILTER_DEVICEBOUND_QOS_1;
        question->filters |= qos > 0 ? VD_FILTER_DEVICEBOUND_QOS_1 : 0;
    }
    question->codes[question->code_count++] = qos > 1 ? 1 : qos;
    return true;
}

/* Has the subscriptions kept, if that is asked for and they are others, and answers. */
static void subscribe(struct vd_session *session, const struct vd_session_ask *question)
{
    if (session->is_kept && question->filters != session->filters) {
        ask(session, question);
    } else {
        vd_session_reply(session, question, &(struct vd_session_reply){.error = VD_OK});
    }
}

static void on_subscribe(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    struct vd_session_ask question = {.kind = VD_ASK_KEEP, .filters = session->filters};
    struct vd_mqtt_filters filters;
    struct vd_str filter;
    uint8_t qos;
    int error = vd_mqtt_filters_begin(packet->body, true, &filters);

    while (error == VD_OK && (error = vd_mqtt_filters_next(&filters, &filter, &qos)) == VD_OK) {
        if (!grant(session, filter, qos, &question)) {
            vd_session_apply(session, VD_SESSION_FILTER_UNKNOWN);
            return;
        }
    }
    if (error != VD_E_NOT_FOUND) {
        vd_session_apply(session, VD_SESSION_MALFORMED);
        return;
    }
    question.packet_id = filters.packet_id;
    subscribe(session, &question);
}

static void on_unsubscribe(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    struct vd_session_ask question = {.kind = VD_ASK_KEEP};
    struct vd_mqtt_filters filters;
    struct vd_str filter;
    uint8_t qos;
    uint8_t removed = 0;
    size_t count = 0;
    int error = vd_mqtt_filters_begin(packet->body, false, &filters);

    while (error == VD_OK && (error = vd_mqtt_filters_next(&filters, &filter, &qos)) == VD_OK) {
        if (count++ == VD_HUB_FILTERS_MAX) {
            vd_session_apply(session, VD_SESSION_FILTER_UNKNOWN);
            return;
        }
        /* One that was never there is acknowledged as well [MQTT-3.10.4-5]. */
        removed |= (uint8_t)vd_filter_classify(
            filter, session->principal.device_id, session->principal.module_id);
    }
    if (error != VD_E_NOT_FOUND) {
        vd_session_apply(session, VD_SESSION_MALFORMED);
        return;
    }
    question.filters = session->filters & (uint8_t)~removed;
    question.packet_id = filters.packet_id;
    subscribe(session, &question);
}

/* Packets without a body. */
static void on_bare(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    static const uint8_t pingresp[] = {VD_MQTT_PINGRESP << 4, 0};

    if (packet->body.length != 0) {
        vd_session_apply(session, VD_SESSION_MALFORMED);
    } else if (packet->type == VD_MQTT_PINGREQ) {
        session->host->send(session, pingresp, sizeof pingresp);
    } else {
        vd_session_apply(session, VD_SESSION_DISCONNECT);
    }
}

static void on_packet(struct vd_session *session, const struct vd_mqtt_packet *packet)
{
    bool is_connect = packet->type == VD_MQTT_CONNECT;
    uint16_t packet_id;

    /* The first packet is a CONNECT, and no other is [MQTT-3.1.0-1], [MQTT-3.1.0-2]. */
    if (is_connect != (session->state == VD_SESSION_CONNECTING)) {
        vd_session_apply(session, VD_SESSION_UNEXPECTED);
        return;
    }
    switch (packet->type) {
    case VD_MQTT_CONNECT:
        on_connect(session, packet);
        break;
    case VD_MQTT_PUBLISH:
        on_publish(session, packet);
        break;
    case VD_MQTT_PUBACK:
        if (vd_mqtt_read_packet_id(packet->body, &packet_id) != VD_OK) {
            vd_session_apply(session, VD_SESSION_MALFORMED);
        } else {
            session->host->acknowledged(session, packet_id);
        }
        break;
    case VD_MQTT_SUBSCRIBE:
        on_subscribe(session, packet);
        break;
    case VD_MQTT_UNSUBSCRIBE:
        on_unsubscribe(session, packet);
        break;
    case VD_MQTT_PINGREQ:
    case VD_MQTT_DISCONNECT:
        on_bare(session, packet);
        break;
    default:
        vd_session_apply(session, VD_SESSION_UNEXPECTED);
    }
}

static size_t packet_max(const struct vd_session *session)
{
    return session->state == VD_SESSION_CONNECTED ? VD_HUB_PACKET_MAX_BYTES
                                                  : VD_HUB_CONNECT_MAX_BYTES;
}

size_t vd_session_input(struct vd_session *session, const uint8_t *data, size_t length)
{
    size_t used = 0;

    if (session->is_waiting) {
        return 0;
    }
    session->is_stalled = false;
    vd_session_settle_ack(session);
    while (!vd_session_is_blocked(session) &&
        (session->state == VD_SESSION_CONNECTING || session->state == VD_SESSION_CONNECTED)) {
        struct vd_mqtt_packet packet;

        switch (vd_mqtt_frame(data + used, length - used, packet_max(session), &packet)) {
        case VD_FRAME_WHOLE:
            break;
        case VD_FRAME_PARTIAL:
            return used;
        case VD_FRAME_TOO_LARGE:
            vd_session_apply(session, VD_SESSION_TOO_LARGE);
            return used;
        default:
            vd_session_apply(session, VD_SESSION_MALFORMED);
            return used;
        }
        on_packet(session, &packet);
        if (session->is_stalled && session->pending_ack == 0) {
            return used; /* the packet waits; one that waits for its PUBACK alone was done */
        }
        session->has_progress = true;
        used += packet.total;
    }
    return used;
}

bool vd_session_is_blocked(const struct vd_session *session)
{
    return session->is_waiting || session->is_stalled;
}

size_t vd_session_packet_bytes(const struct vd_session *session, const uint8_t *data, size_t length)
{
    struct vd_mqtt_packet packet;

    return vd_mqtt_frame(data, length, packet_max(session), &packet) == VD_FRAME_PARTIAL
        ? packet.total
        : 0;
}
