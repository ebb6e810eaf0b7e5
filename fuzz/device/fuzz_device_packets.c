/* SPDX-License-Identifier: MIT */
/* The packet hook fed with any packets, whole and as chains: both count alike, and every message verifies. */

#include "azure_iot_security_module/inc/security_module.h"
#include "fuzz/replay.h"
#include "tests/device/message_check.h"

#define PACKETS_MAX  400
#define SEGMENTS_MAX 8
#define STEPS_MAX    64

static struct asc_module whole;
static struct asc_module chained;
static struct check_message checked;
static uint32_t now_ms;
static unsigned random_next;

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static uint32_t time_utc_s(void *context)
{
    (void)context;
    return 1700000000u + now_ms / 1000u;
}

static uint32_t uptime_ms(void *context)
{
    (void)context;
    return now_ms;
}

static bool random_bytes(void *context, uint8_t *out, size_t length)
{
    (void)context;
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(random_next = random_next * 1103515245u + 12345u);
    }
    return true;
}

static enum asc_send_result send_message(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    check(check_message(message, length, &checked) == NULL);
    return ASC_SEND_DONE;
}

static void start(struct asc_module *m)
{
    static const struct asc_port port = {
        .time_utc_s = time_utc_s,
        .uptime_ms = uptime_ms,
        .random = random_bytes,
        .send = send_message,
    };
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "fuzz";
    random_next = 1; /* both modules get the same keys */
    check(asc_module_init(m, &port, NULL, &settings) == ASC_OK);
    check(asc_module_enable(m) == ASC_OK);
}

/* Hands `packet` over in segments of `cut` bytes, the last of them with all that is left. */
static void count_chained(enum asc_direction direction, enum asc_cast cast, const uint8_t *packet,
    uint32_t length, uint32_t cut)
{
    struct asc_segment segment[SEGMENTS_MAX];
    unsigned n = 0;

    do {
        const uint32_t part = n + 1 < SEGMENTS_MAX && cut < length ? cut : length;

        segment[n] = (struct asc_segment){packet, part, NULL};
        if (n > 0) {
            segment[n - 1].next = &segment[n];
        }
        n++;
        packet += part;
        length -= part;
    } while (length > 0);
    asc_module_packet(&chained, direction, cast, segment);
}

/* The input: for each packet a byte of flags, a length, a cut, and its bytes. */
static unsigned feed(const uint8_t *data, size_t length)
{
    unsigned packets = 0;

    while (length >= 3 && packets < PACKETS_MAX) {
        const enum asc_direction direction = (data[0] & 1) != 0 ? ASC_OUT : ASC_IN;
        const enum asc_cast cast = (data[0] & 6) == 6 ? ASC_BROADCAST : ASC_UNICAST;
        const uint32_t bytes = data[1] < length - 3 ? data[1] : (uint32_t)(length - 3);
        const struct asc_segment segment = {data + 3, bytes, NULL};

        asc_module_packet(&whole, direction, cast, &segment);
        count_chained(direction, cast, data + 3, bytes, data[2] % 64u + 1u);
        packets++;
        data += 3 + bytes;
        length -= 3 + bytes;
    }
    return packets;
}

static void send_all(struct asc_module *m)
{
    asc_module_connected(m, true);
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        now_ms += asc_module_step(m) % 100000u;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct asc_counters a;
    struct asc_counters b;
    unsigned packets;

    now_ms = 1000;
    start(&whole);
    start(&chained);
    packets = feed(data, length);
    a = asc_module_counters(&whole);
    b = asc_module_counters(&chained);
    check(asc_counters_packets_seen(&a) == packets && asc_counters_packets_seen(&b) == packets);
    check(a.packets_counted == b.packets_counted && a.packets_malformed == b.packets_malformed &&
        a.packets_overflowed == b.packets_overflowed);
    send_all(&whole);
    send_all(&chained);
    return 0;
}
