/* SPDX-License-Identifier: MIT */
/* The surroundings of a session in tests and fuzzers. */

#include "tests/hub/fake_host.h"

static int64_t fake_utc_ms(void)
{
    return FAKE_NOW_MS;
}

static void fake_send(struct vd_session *session, const void *data, size_t length)
{
    vd_buf_append(&((struct fake_host *)session)->sent, data, length);
}

static enum vd_record_result fake_record(
    struct vd_session *session, const struct vd_event *event, uint16_t packet_id)
{
    struct fake_host *fake = (struct fake_host *)session;

    if (fake->room == 0) {
        return VD_RECORD_NO_ROOM;
    }
    if (fake->no_memory || (event != NULL && vd_event_batch_add(&fake->records, event) != VD_OK)) {
        return VD_RECORD_FAILED;
    }
    fake->room--;
    vd_buf_append(&fake->packet_ids, &packet_id, sizeof packet_id);
    return VD_RECORD_TAKEN;
}

static enum vd_refusal fake_may_try(struct vd_session *session)
{
    return ((struct fake_host *)session)->may_not_try ? VD_REFUSED_TOO_OFTEN : VD_REFUSED_NOT;
}

static bool fake_may_enter(struct vd_session *session)
{
    return !((struct fake_host *)session)->may_not_enter;
}

static void fake_claim(struct vd_session *session)
{
    ((struct fake_host *)session)->claims++;
}

static void fake_refused(struct vd_session *session, enum vd_refusal refusal)
{
    struct fake_host *fake = (struct fake_host *)session;

    fake->refusals++;
    fake->refusal = refusal;
}

/* What it points to is gone when `ask` returns: a copy in a block of its own shows a use after that. */
static void fake_ask(struct vd_session *session, const struct vd_session_ask *ask)
{
    struct fake_host *fake = (struct fake_host *)session;
    const char *text;

    fake->asks++;
    vd_buf_release(&fake->asked_text);
    vd_buf_append(&fake->asked_text, ask->client_type.data, ask->client_type.length);
    vd_buf_append(&fake->asked_text, ask->rid.data, ask->rid.length);
    vd_buf_append(&fake->asked_text, ask->payload.data, ask->payload.length);
    text = (const char *)fake->asked_text.data;
    fake->asked = *ask;
    fake->asked.client_type.data = text;
    fake->asked.rid.data = text != NULL ? text + ask->client_type.length : NULL;
    fake->asked.payload.data =
        text != NULL ? text + ask->client_type.length + ask->rid.length : NULL;
    if (!fake->replies_later) {
        fake_host_reply(fake);
    }
}

void fake_host_reply(struct fake_host *fake)
{
    vd_session_reply(&fake->session, &fake->asked, &fake->reply);
}

static void fake_c2d_wanted(struct vd_session *session)
{
    ((struct fake_host *)session)->c2d_wanted++;
}

static void fake_acknowledged(struct vd_session *session, uint16_t packet_id)
{
    struct fake_host *fake = (struct fake_host *)session;

    fake->acknowledged++;
    fake->acknowledged_id = packet_id;
}

static void fake_methods_wanted(struct vd_session *session)
{
    struct fake_host *fake = (struct fake_host *)session;

    fake->methods_wanted++;
    fake->sent_when_wanted = fake->sent.length;
}

static void fake_method_answered(
    struct vd_session *session, uint64_t rid, int status, struct vd_str payload)
{
    struct fake_host *fake = (struct fake_host *)session;

    fake->method_answers++;
    fake->rid = rid;
    fake->method_status = status;
    vd_buf_clear(&fake->method_payload);
    vd_buf_append(&fake->method_payload, payload.data, payload.length);
}

static void fake_changed(
    struct vd_session *session, enum vd_session_state from, enum vd_session_event event)
{
    struct fake_host *fake = (struct fake_host *)session;

    (void)from;
    fake->changes++;
    fake->last_event = event;
}

void fake_host_init(struct fake_host *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->room = 1000;
    memory_registry_init(&fake->registry);
    memory_registry_add(&fake->registry, "dev1", "", 'a', 'b');
    memory_registry_add(&fake->registry, "dev1", "mod", 'c', 'd');
    memory_registry_add(&fake->registry, "off", "", 'a', 'b')->enabled = false;
    fake->host = (struct vd_session_host){
        .hub_name = PACKET_HUB_NAME,
        .registry = &fake->registry.base,
        .utc_ms = fake_utc_ms,
        .send = fake_send,
        .record = fake_record,
        .may_try = fake_may_try,
        .may_enter = fake_may_enter,
        .claim = fake_claim,
        .refused = fake_refused,
        .ask = fake_ask,
        .methods_wanted = fake_methods_wanted,
        .c2d_wanted = fake_c2d_wanted,
        .acknowledged = fake_acknowledged,
        .method_answered = fake_method_answered,
        .changed = fake_changed,
    };
    vd_session_init(&fake->session, &fake->host, "192.0.2.7");
    vd_session_apply(&fake->session, VD_SESSION_SECURED);
}

void fake_host_release(struct fake_host *fake)
{
    vd_buf_release(&fake->sent);
    vd_buf_release(&fake->packet_ids);
    vd_buf_release(&fake->method_payload);
    vd_buf_release(&fake->asked_text);
    vd_event_batch_release(&fake->records);
}

size_t fake_host_input(struct fake_host *fake, const struct vd_buf *bytes)
{
    return vd_session_input(&fake->session, bytes->data, bytes->length);
}

void fake_host_connect(struct fake_host *fake)
{
    struct vd_key key = memory_key('a');
    struct vd_buf connect = {0};

    packet_connect_device(&connect, "dev1", NULL, &key, FAKE_LATER_S, 60);
    fake_host_input(fake, &connect);
    vd_buf_release(&connect);
    vd_buf_clear(&fake->sent);
}
