/* SPDX-License-Identifier: MIT */
/* Whole MQTT sessions: the first byte says whether the client is logged in already, the second how the rest is cut. */

#include "fuzz/replay.h"
#include "hub/limits.h"
#include "tests/hub/fake_host.h"

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

/* What the hub sends are whole packets of the kinds that a server sends. */
static void check_sent(const struct vd_buf *sent)
{
    size_t at = 0;

    while (at < sent->length) {
        struct vd_mqtt_packet packet;

        check(vd_mqtt_frame(sent->data + at, sent->length - at, 256, &packet) == VD_FRAME_WHOLE);
        check(packet.type == VD_MQTT_CONNACK || packet.type == VD_MQTT_SUBACK ||
            packet.type == VD_MQTT_UNSUBACK || packet.type == VD_MQTT_PINGRESP ||
            packet.type == VD_MQTT_PUBLISH);
        at += packet.total;
    }
}

/* A packet that is not whole announces more than is there, and no more than may be. */
static void check_announced(const struct vd_session *session, const uint8_t *data, size_t length)
{
    const size_t bytes = vd_session_packet_bytes(session, data, length);

    check(bytes == 0 || (bytes > length && bytes <= VD_HUB_PACKET_MAX_BYTES));
}

/* What it records can be read again and is the client's own. */
static void check_records(const struct vd_event_batch *records)
{
    struct vd_reader reader;
    struct vd_event event;
    uint32_t count = 0;

    vd_reader_init(&reader, records->bytes.data, records->bytes.length);
    while (vd_event_next(&reader, &event) == VD_OK) {
        check(vd_str_equal_text(event.device_id, "dev1"));
        check(event.body.length <= VD_MESSAGE_BODY_MAX_BYTES);
        count++;
    }
    check(!reader.failed && count == records->count);
}

static void feed(struct fake_host *fake, const uint8_t *data, size_t length, size_t step)
{
    size_t start = 0;
    size_t end = step < length ? step : length;

    for (;;) {
        size_t used = vd_session_input(&fake->session, data + start, end - start);

        check(used <= end - start);
        check(fake->session.state != VD_SESSION_HANDSHAKING);
        start += used;
        check_announced(&fake->session, data + start, end - start);
        if (fake->session.is_waiting) {
            fake_host_reply(fake);
            continue;
        }
        if (end == length || fake->session.state >= VD_SESSION_CLOSING ||
            fake->session.is_stalled) {
            return;
        }
        end = step < length - end ? end + step : length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct fake_host fake;

    if (length < 2) {
        return 0;
    }
    fake_host_init(&fake);
    if ((data[0] & 1) != 0) {
        fake_host_connect(&fake);
    }
    fake.room = (data[0] & 2) != 0 ? 3 : 1000;
    fake.replies_later = (data[0] & 4) != 0;
    fake.reply.status = (data[0] & 8) != 0 ? 200 : 429;
    feed(&fake, data + 2, length - 2, data[1] != 0 ? data[1] : length);
    check_sent(&fake.sent);
    check_records(&fake.records);
    check(fake.claims <= 1 && fake.refusals <= 1);
    check(vd_session_state_text(fake.session.state)[0] != '\0');
    fake_host_release(&fake);
    return 0;
}
