/* SPDX-License-Identifier: MIT */
/* What a session says once it is known what the hub remembers. */

#include "hub/session_reply.h"

#include "hub/topic.h"

void vd_session_send_connack(
    struct vd_session *session, bool session_present, enum vd_mqtt_connack code)
{
    uint8_t ack[VD_MQTT_ACK_SIZE];

    vd_mqtt_write_connack(session_present, code, ack);
    session->host->send(session, ack, sizeof ack);
}

void vd_session_refuse(struct vd_session *session, enum vd_refusal refusal)
{
    session->host->refused(session, refusal);
    vd_session_send_connack(session, false, vd_refusal_code(refusal));
    vd_session_apply(session, VD_SESSION_REFUSED);
}

bool vd_session_is_taken(struct vd_session *session, enum vd_record_result result)
{
    if (result == VD_RECORD_NO_ROOM) {
        session->is_stalled = true;
    } else if (result != VD_RECORD_TAKEN) {
        vd_session_apply(session, VD_SESSION_NO_MEMORY);
    }
    return result == VD_RECORD_TAKEN;
}

void vd_session_settle_ack(struct vd_session *session)
{
    if (session->pending_ack != 0 &&
        vd_session_is_taken(session, session->host->record(session, NULL, session->pending_ack))) {
        session->pending_ack = 0;
    }
}

/* What waits for the subscriptions that there are now. */
static void announce(struct vd_session *session)
{
    if ((session->filters & VD_FILTER_METHODS) != 0) {
        session->host->methods_wanted(session);
    }
    if ((session->filters & VD_FILTER_DEVICEBOUND) != 0) {
        session->host->c2d_wanted(session);
    }
}

static void opened(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply)
{
    session->client_type = ask->client_type;
    if (reply->error != VD_OK) {
        vd_session_refuse(session, VD_REFUSED_STATE);
    } else {
        session->filters = ask->is_clean ? 0 : reply->filters;
        vd_session_send_connack(session, session->filters != 0, VD_CONNACK_ACCEPTED);
        vd_session_apply(session, VD_SESSION_ACCEPTED);
        announce(session);
    }
    session->client_type = (struct vd_str){0};
}

/* A SUBSCRIBE that failed is answered so; there is no such answer to an UNSUBSCRIBE. */
static void kept(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply)
{
    uint8_t answer[VD_MQTT_ACK_SIZE + VD_HUB_FILTERS_MAX];
    uint8_t codes[VD_HUB_FILTERS_MAX];
    size_t length;

    if (reply->error != VD_OK && ask->code_count == 0) {
        vd_session_apply(session, VD_SESSION_STATE_FAILED);
        return;
    }
    memcpy(codes, ask->codes, ask->code_count);
    if (reply->error != VD_OK) {
        memset(codes, VD_MQTT_SUBACK_FAILURE, ask->code_count);
    } else {
        session->filters = ask->filters;
    }
    if (ask->code_count > 0) {
        length = vd_mqtt_write_suback(ask->packet_id, codes, ask->code_count, answer);
    } else {
        vd_mqtt_write_ack(VD_MQTT_UNSUBACK, ask->packet_id, answer);
        length = VD_MQTT_ACK_SIZE;
    }
    session->host->send(session, answer, length);
    if (ask->code_count > 0) {
        announce(session);
    }
}

static void send_twin(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply)
{
    struct vd_buf topic = {0};
    struct vd_buf packet = {0};

    vd_topic_write_twin_answer(&topic, reply->status, ask->rid, reply->version);
    if (vd_mqtt_write_publish_on(
            &topic, (struct vd_mqtt_publish){.payload = reply->payload}, &packet) == VD_OK) {
        session->host->send(session, packet.data, packet.length);
    } else {
        vd_session_apply(session, VD_SESSION_NO_MEMORY);
    }
    vd_buf_release(&topic);
    vd_buf_release(&packet);
}

static void twin_answered(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply)
{
    session->pending_ack = ask->packet_id;
    vd_session_settle_ack(session);
    if ((session->filters & VD_FILTER_TWIN_ANSWERS) != 0) {
        send_twin(session, ask, reply);
    }
}

void vd_session_reply(struct vd_session *session, const struct vd_session_ask *ask,
    const struct vd_session_reply *reply)
{
    session->is_waiting = false;
    if (session->state !=
        (ask->kind == VD_ASK_OPEN ? VD_SESSION_CONNECTING : VD_SESSION_CONNECTED)) {
        return; /* it ended meanwhile */
    }
    switch (ask->kind) {
    case VD_ASK_OPEN:
        opened(session, ask, reply);
        break;
    case VD_ASK_KEEP:
        kept(session, ask, reply);
        break;
    default:
        twin_answered(session, ask, reply);
    }
}
