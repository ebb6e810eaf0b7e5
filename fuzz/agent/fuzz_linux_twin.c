/* SPDX-License-Identifier: MIT */
/* Any order of events and any messages in the conversation about the twin: it asks only what it may. */

#include <stdio.h>

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "azure_iot_security_module/ports/linux/asc_linux_twin.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"

#define ANSWER_MS 100u
#define RETRY_MS  500u

static struct device_port port;
static struct asc_module module;
static struct asc_twin twin;
static struct asc_linux_twin t;

/* Takes bytes up to a zero or the end. */
static const uint8_t *next_text(struct input *in, uint32_t *length)
{
    const uint8_t *start = in->at;

    while (in->at < in->end && *in->at != 0) {
        in->at++;
    }
    *length = (uint32_t)(in->at - start);
    (void)next_byte(in);
    return start;
}

/* A message whose topic answers the request under way, or is the input's. */
static void give_message(struct input *in, uint8_t what, uint64_t now_ms)
{
    char topic[300];
    uint32_t length = 0;
    const uint8_t *payload;
    int n;

    if ((what & 3) == 0) {
        n = snprintf(topic, sizeof topic, "$iothub/twin/PATCH/properties/desired/?$version=1");
    } else if ((what & 3) == 1) {
        n = snprintf(topic, sizeof topic, "$iothub/twin/res/%u/?$rid=%u", 200u + (what >> 4) * 20u,
            t.read.rid);
    } else if ((what & 3) == 2) {
        n = snprintf(topic, sizeof topic, "$iothub/twin/res/%u/?$rid=%u&$version=3",
            200u + (what >> 4) * 20u, t.report.rid);
    } else {
        const uint8_t *text = next_text(in, &length);

        n = snprintf(topic, sizeof topic, "%.*s%.*s", what >> 4, "$iothub/twin/r",
            (int)(length < 200 ? length : 200), (const char *)text);
    }
    payload = next_text(in, &length);
    asc_linux_twin_message(
        &t, topic, (uint32_t)n, (what & 8) != 0 ? NULL : (const char *)payload, length, now_ms);
}

static void check(uint64_t now_ms, enum asc_linux_twin_want want)
{
    const uint64_t due_ms = asc_linux_twin_due_ms(&t);

    require(want == ASC_LINUX_TWIN_NOTHING || t.state == ASC_LINUX_TWIN_LISTENING ||
            t.state == ASC_LINUX_TWIN_SUBSCRIBING,
        "a wish without a connection");
    require((want == ASC_LINUX_TWIN_SUBSCRIBE) ==
            (want != ASC_LINUX_TWIN_NOTHING && t.state == ASC_LINUX_TWIN_SUBSCRIBING),
        "a SUBSCRIBE at the wrong time");
    if (want == ASC_LINUX_TWIN_PUBLISH) {
        require(strncmp(t.topic, "$iothub/twin/", 13) == 0, "a topic that is none");
        require(strlen(t.payload) > 0 && strlen(t.payload) < ASC_TWIN_REPORT_MAX, "no payload");
    } else if (want == ASC_LINUX_TWIN_NOTHING) {
        require(due_ms > now_ms, "nothing is wanted, and yet it is due");
    }
    require(!(t.read.wanted && t.read.rid != 0) && !(t.report.wanted && t.report.rid != 0),
        "a request that is wanted and under way");
    require(
        module.settings.high_interval_s >= 1 && module.settings.high_interval_s <= ASC_INTERVAL_MAX,
        "an interval out of range");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asc_settings settings = device_settings();
    struct input in = {data, data + size};
    uint64_t now_ms = 1000;

    asc_linux_log_level(ASC_LINUX_LOG_ERROR);
    memset(&port, 0, sizeof port);
    device_start(&module, &port, &settings);
    asc_twin_init(&twin, &module);
    asc_linux_twin_init(&t, &twin, ANSWER_MS, RETRY_MS);
    while (in.at < in.end) {
        const uint8_t what = next_byte(&in);

        switch (what >> 2 & 7) {
        case 0:
            asc_linux_twin_offline(&t);
            asc_linux_twin_online(&t);
            break;
        case 1:
            asc_linux_twin_offline(&t);
            break;
        case 2:
            asc_linux_twin_subscribed(&t, what & 3);
            break;
        case 3:
            now_ms += (uint64_t)next_byte(&in) * 4;
            break;
        default:
            give_message(&in, next_byte(&in), now_ms);
        }
        /* As the connection does: until nothing is wanted, which comes soon. */
        for (unsigned i = 0;; i++) {
            const enum asc_linux_twin_want want = asc_linux_twin_next(&t, now_ms);

            require(i < 4, "it always wants more");
            check(now_ms, want);
            if (want == ASC_LINUX_TWIN_NOTHING) {
                break;
            }
        }
    }
    return 0;
}
