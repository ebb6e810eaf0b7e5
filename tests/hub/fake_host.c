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
        .methods_wanted = fake_methods_wanted,
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
