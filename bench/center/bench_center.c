/* SPDX-License-Identifier: MIT */
/* Flow records a second on one core: decode and detect, and with both stores. `bench_center PART [FOLDER]` prints it. */

#include <inttypes.h>

#include "center/detect/rule.h"
#include "center/ingest.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "tests/center/message.h"

#define FLOWS_PER_MESSAGE 64
#define INDICATORS        100000
#define MEASURE_MS        1500
#define STORE_MESSAGES    4000
#define T0_MS             1764000000000LL

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_center: %s failed\n", what);
        exit(1);
    }
}

/* A message of 64 flows, one of them to the address with which one in a thousand indicators begins. */
static struct vd_str message_of(uint32_t number, bool hit)
{
    static char addresses[FLOWS_PER_MESSAGE][VD_ADDRESS_TEXT_SIZE];
    struct test_flow flows[FLOWS_PER_MESSAGE];
    struct test_event event = {
        test_uuid(number + 1), T0_MS / 1000, 10, 1, flows, FLOWS_PER_MESSAGE};
    struct vd_buf body = {0};

    for (unsigned i = 0; i < FLOWS_PER_MESSAGE; i++) {
        snprintf(addresses[i], sizeof addresses[i], hit && i == 0 ? "11.0.0.1" : "198.51.%u.%u",
            i % 256, (number + i) % 256);
        flows[i] = (struct test_flow){"10.0.0.2", addresses[i], (uint16_t)(40000 + i), 443,
            1000 + i, 2000 + i, (uint8_t)(i % 3)};
    }
    test_message_write(&body, &event, 1);
    return (struct vd_str){(char *)body.data, body.length};
}

/* 11.x.y.z, every one 16 addresses behind the one before. */
static struct vd_indicator_set *make_indicators(void)
{
    const struct vd_feed_info feed = {.name = "bench", .confidence = VD_CONFIDENCE_UNKNOWN};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;

    must(vd_indicator_builder_new(NULL, &builder) == VD_OK, "builder");
    must(vd_indicator_builder_feed(builder, &feed) == VD_OK, "feed");
    for (uint32_t i = 0; i < INDICATORS; i++) {
        uint32_t address = 0x0b000001u + i * 16;
        uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
            (uint8_t)(address >> 8), (uint8_t)address};
        struct vd_indicator indicator = {
            .range = {vd_address_from_ipv4(bytes), vd_address_from_ipv4(bytes)},
            .text = "11.0.0.1",
            .confidence = VD_CONFIDENCE_UNKNOWN,
            .line = i + 1,
        };

        must(vd_indicator_builder_add(builder, &indicator) == VD_OK, "indicator");
    }
    must(vd_indicator_builder_finish(builder, &set) == VD_OK, "indicators");
    return set;
}

static void examine_all(const struct vd_security_message *message,
    const struct vd_indicator_set *indicators, struct vd_findings *findings)
{
    for (uint32_t i = 0; i < message->events.count; i++) {
        const struct vd_security_event *event = vd_security_message_event(message, i);
        const struct vd_observation seen = {
            .what = VD_OBSERVED_EVENT,
            .device_id = VD_STR_LITERAL("device-1"),
            .message = message,
            .event = event,
            .time = vd_event_time_judge(T0_MS, event->time_s, event->interval_s),
        };
        const struct vd_detect_input input = {.seen = &seen, .indicators = indicators};

        must(vd_rules_examine(&input, findings) == VD_OK, "rules");
    }
}

/* One message in 16 has a flow that alerts. */
static double decode_detect(void)
{
    struct vd_indicator_set *indicators = make_indicators();
    struct vd_security_message message = {0};
    struct vd_findings findings = {0};
    struct vd_str bodies[16];
    char reason[VD_DECODE_REASON_SIZE];
    int64_t start;
    int64_t took;
    uint64_t flows = 0;

    for (uint32_t i = 0; i < 16; i++) {
        bodies[i] = message_of(i, i == 0);
    }
    start = vd_clock_monotonic_ms();
    do {
        for (uint32_t i = 0; i < 1600; i++) {
            must(vd_security_message_decode(&message, bodies[i % 16], reason) == VD_OK, reason);
            examine_all(&message, indicators, &findings);
            flows += message.flows.count;
        }
        must(findings.count == 1, "detection");
        vd_findings_clear(&findings);
        took = vd_clock_monotonic_ms() - start;
    } while (took < MEASURE_MS);
    for (uint32_t i = 0; i < 16; i++) {
        free((void *)(uintptr_t)bodies[i].data);
    }
    vd_security_message_release(&message);
    vd_findings_release(&findings);
    vd_indicator_set_release(indicators);
    return (double)flows * 1000 / (double)took;
}

static void fill_log(struct vd_event_log *log)
{
    struct vd_event_batch batch = {0};
    uint64_t first;

    for (uint32_t i = 0; i < STORE_MESSAGES; i++) {
        struct vd_event record = {
            .kind = VD_EVENT_SECURITY,
            .enqueued_ms = T0_MS + i,
            .device_id = VD_STR_LITERAL("device-1"),
            .body = message_of(i, i % 16 == 0),
        };

        must(vd_event_batch_add(&batch, &record) == VD_OK, "batch");
        free((void *)(uintptr_t)record.body.data);
    }
    must(vd_event_log_append(log, 0, &batch, &first) == VD_OK, "append");
    vd_event_batch_release(&batch);
}

/* From the event log on disk to rows and alerts on disk. */
static double with_stores(const char *folder)
{
    char path[512];
    char text[256] = "";
    struct vd_duckdb_options options = {.folder = path, .resource_id = "/hub"};
    struct vd_event_log *log = NULL;
    struct vd_alert_store *store = NULL;
    struct vd_analytics *analytics = NULL;
    struct vd_ingest ingest;
    struct vd_center_config config;
    const struct vd_str list = VD_STR_LITERAL("11.0.0.0/8");
    const struct vd_feed_put feed = {.name = "bench", .text = &list, .now_ms = vd_clock_utc_ms()};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    int64_t start;
    int64_t took;
    uint64_t rows;
    int error;

    snprintf(path, sizeof path, "%s/log.db", folder);
    must(vd_event_log_sqlite_open(path, &log) == VD_OK, path);
    snprintf(path, sizeof path, "%s/center.db", folder);
    must(vd_alert_store_open(path, &store) == VD_OK, path);
    snprintf(path, sizeof path, "%s/raw", folder);
    must(vd_analytics_duckdb_open(&options, &analytics, text, sizeof text) == VD_OK, text);
    fill_log(log);
    must(vd_feeds_put(store, &feed, &report, problem) == VD_OK, problem);
    config = (struct vd_center_config){.log = log, .analytics = analytics, .store = store};
    must(vd_ingest_init(&ingest, &config) == VD_OK, "start");
    must(vd_ingest_refresh(&ingest) == VD_OK, "indicators");
    start = vd_clock_monotonic_ms();
    while ((error = vd_ingest_step(&ingest)) == VD_OK) {
    }
    took = vd_clock_monotonic_ms() - start;
    must(error == VD_E_NOT_FOUND, "ingest");
    rows = ingest.stats.raw_events;
    must(rows == (uint64_t)STORE_MESSAGES * FLOWS_PER_MESSAGE && ingest.stats.alerts_raised == 1,
        "count");
    vd_ingest_release(&ingest);
    vd_analytics_close(analytics);
    vd_alert_store_close(store);
    vd_event_log_close(log);
    return (double)rows * 1000 / (double)(took > 0 ? took : 1);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "decode_detect") == 0) {
        printf("%.0f\n", decode_detect());
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "stores") == 0) {
        printf("%.0f\n", with_stores(argv[2]));
        return 0;
    }
    fprintf(stderr, "usage: bench_center decode_detect | bench_center stores FOLDER\n");
    return 2;
}
