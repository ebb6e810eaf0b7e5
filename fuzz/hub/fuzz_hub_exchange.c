/* SPDX-License-Identifier: MIT */
/* A session from an accepted CONNECT on, played whole and cut at random places: both must come to the same. The first
 * byte seeds the cuts, the second says how many records find room before the session stalls, the rest is what follows. */

#include "fuzz/replay.h"
#include "hub/limits.h"
#include "tests/hub/fake_host.h"

/* The longest piece of a cut: most packets of the corpus are shorter. */
#define PIECE_MAX 64

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

/* Feeds the stream in pieces, making room and replying each time that the session waits for it; returns how much was used. */
static size_t play(
    struct fake_host *fake, const struct vd_buf *stream, uint32_t seed, unsigned room)
{
    size_t start = 0;
    size_t end = 0;

    fake->room = room;
    while (fake->session.state < VD_SESSION_CLOSING) {
        size_t used;

        if (fake->session.is_waiting) {
            fake_host_reply(fake);
        } else if (fake->session.is_stalled) {
            fake->room = room;
        } else if (end == stream->length) {
            break;
        } else {
            size_t piece = seed != 0 ? 1 + next_random(&seed) % PIECE_MAX : stream->length;

            end = piece < stream->length - end ? end + piece : stream->length;
        }
        used = vd_session_input(&fake->session, stream->data + start, end - start);
        check(used <= end - start);
        start += used;
    }
    return start;
}

/* What it says are whole packets of a server, CONNACK first and only then, and never a PUBACK: that is the committer's
 * to send. It says little more than it was told: an answer about a twin has a longer topic than the question. */
static void check_sent(const struct vd_buf *sent, size_t used)
{
    size_t at = 0;

    check(sent->length <= 2 * used);
    while (at < sent->length) {
        struct vd_mqtt_packet packet;

        check(vd_mqtt_frame(sent->data + at, sent->length - at, 256, &packet) == VD_FRAME_WHOLE);
        check((packet.type == VD_MQTT_CONNACK) == (at == 0));
        check(at == 0 || packet.type == VD_MQTT_SUBACK || packet.type == VD_MQTT_UNSUBACK ||
            packet.type == VD_MQTT_PINGRESP || packet.type == VD_MQTT_PUBLISH);
        at += packet.total;
    }
}

/* The packet id of a PUBLISH at QoS 1 at `data`, else 0; *total is the packet's length. */
static uint16_t publish_id(const uint8_t *data, size_t *total)
{
    size_t header = 1;
    size_t remaining = 0;
    size_t at;

    do {
        remaining |= (size_t)(data[header] & 0x7f) << (7 * (header - 1));
    } while ((data[header++] & 0x80) != 0);
    *total = header + remaining;
    if (data[0] >> 4 != VD_MQTT_PUBLISH || (data[0] & 6) != 2 || remaining < 2) {
        return 0;
    }
    at = header + 2 + ((size_t)data[header] << 8 | data[header + 1]);
    return (uint16_t)(at + 2 <= *total ? data[at] << 8 | data[at + 1] : 0);
}

/* What will be acknowledged are the QoS 1 messages that came, in their order and each once; only the one that ended the
 * session may be missing. */
static void check_packet_ids(const struct fake_host *fake, const uint8_t *data, size_t used)
{
    size_t at = 0;
    size_t missing = 0;
    size_t taken = 0;

    while (at < used) {
        size_t total;
        uint16_t id = publish_id(data + at, &total);
        uint16_t noted = 0;

        at += total;
        check(at <= used);
        if (id == 0) {
            continue;
        }
        while (noted == 0 && taken < fake->packet_ids.length) {
            memcpy(&noted, fake->packet_ids.data + taken, sizeof noted);
            taken += sizeof noted; /* 0 for a message at QoS 0 */
        }
        missing += noted != id ? 1 : 0;
        check(noted == id || (at == used && noted == 0));
    }
    check(missing == 0 || fake->session.state == VD_SESSION_CLOSING);
    for (; taken < fake->packet_ids.length; taken++) {
        check(fake->packet_ids.data[taken] == 0);
    }
}

static void check_same(const struct vd_buf *a, const struct vd_buf *b)
{
    check(a->length == b->length);
    check(a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Once it has ended, by itself or from outside, nothing that comes does anything. */
static void check_end(struct fake_host *fake, const struct vd_buf *stream)
{
    size_t sent;
    uint32_t records;
    unsigned answers;

    vd_session_apply(&fake->session, VD_SESSION_TAKEN_OVER);
    sent = fake->sent.length;
    records = fake->records.count;
    answers = fake->method_answers;
    check(fake->session.state == VD_SESSION_CLOSING);
    check(vd_session_input(&fake->session, stream->data, stream->length) == 0);
    check(fake->sent.length == sent && fake->records.count == records);
    check(fake->method_answers == answers && fake->claims == 1 && fake->refusals == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    const struct vd_key key = memory_key('a');
    struct vd_buf stream = {0};
    struct fake_host whole;
    struct fake_host cut;
    size_t used;

    if (length < 2) {
        return 0;
    }
    packet_connect_device(&stream, "dev1", NULL, &key, FAKE_LATER_S, 60);
    vd_buf_append(&stream, data + 2, length - 2);
    fake_host_init(&whole);
    fake_host_init(&cut);
    cut.replies_later = true;
    whole.reply.status = 200;
    cut.reply.status = 200;
    used = play(&whole, &stream, 0, 1u + data[1]);
    check(play(&cut, &stream, 1u + data[0], 1u + data[1]) == used);
    check(whole.session.state == cut.session.state && whole.last_event == cut.last_event);
    check(whole.session.filters == cut.session.filters && whole.asks == cut.asks);
    check(whole.acknowledged == cut.acknowledged && whole.c2d_wanted == cut.c2d_wanted);
    check(whole.method_answers == cut.method_answers && whole.rid == cut.rid);
    check_same(&whole.sent, &cut.sent);
    check_same(&whole.records.bytes, &cut.records.bytes);
    check_same(&whole.packet_ids, &cut.packet_ids);
    check_sent(&whole.sent, used);
    check_packet_ids(&whole, stream.data, used);
    check_end(&whole, &stream);
    check_end(&cut, &stream);
    fake_host_release(&whole);
    fake_host_release(&cut);
    vd_buf_release(&stream);
    return 0;
}
