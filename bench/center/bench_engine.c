/* SPDX-License-Identifier: MIT */
/* The detection engine: flow records a second through decoder, indicators and all rules, memory, and the time to an alert. */

#include <inttypes.h>
#include <time.h>

#include "center/center.h"
#include "center/detect/engine.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "tests/center/message.h"

#define FLOWS_PER_MESSAGE 64
#define BODIES            64
#define INDICATORS        100000
#define MEASURE_MS        1500
#define BATCH             1000
#define RULES_PER_GROUP   10
#define SAMPLES           200
#define T0_MS             1764000000000LL

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_engine: %s failed\n", what);
        exit(1);
    }
}

/* ---- A fleet ---- */

struct bench_fleet {
    struct vd_fleet base;
    uint32_t devices;
    uint32_t groups;
};

static void device_at(const struct bench_fleet *fleet, uint32_t i, struct vd_fleet_device *device)
{
    *device = (struct vd_fleet_device){.is_enabled = true};
    snprintf(device->device_id, sizeof device->device_id, "device-%06u", i);
    snprintf(device->group, sizeof device->group, "group-%u", i % fleet->groups);
}

static int fleet_get(struct vd_fleet *base, const char *device_id, struct vd_fleet_device *device)
{
    device_at((struct bench_fleet *)base, (uint32_t)strtoul(device_id + 7, NULL, 10), device);
    return VD_OK;
}

static int fleet_each(struct vd_fleet *base,
    bool (*each)(void *context, const struct vd_fleet_device *device), void *context)
{
    const struct bench_fleet *fleet = (struct bench_fleet *)base;
    struct vd_fleet_device device;

    for (uint32_t i = 0; i < fleet->devices; i++) {
        device_at(fleet, i, &device);
        if (!each(context, &device)) {
            break;
        }
    }
    return VD_OK;
}

static const struct vd_fleet_ops fleet_ops = {fleet_get, fleet_each};

/* All counters, an allow list and a deny list: ten rules a group. */
static struct vd_group_rules *rules_of(uint32_t group)
{
    static const char list[] = "\"isEnabled\":true,";
    struct vd_buf text = {0};
    struct vd_group_rules *rules = NULL;
    char name[32];
    char problem[256];
    json_t *json;

    vd_buf_append_text(&text, "{\"timeWindowRules\":[");
    for (int i = 0; i < VD_COUNTERS_END; i++) {
        vd_buf_printf(&text,
            "%s{\"ruleType\":\"%s\",%s\"minThreshold\":0,\"maxThreshold\":1000000,"
            "\"timeWindowSize\":\"PT5M\"}",
            i > 0 ? "," : "", vd_counter_rule_type((enum vd_counter)i), list);
    }
    vd_buf_printf(&text,
        "],\"allowlistRules\":[{\"ruleType\":\"ConnectionToIpNotAllowed\",%s\"allowlistValues\":["
        "\"198.51.0.0/16\",\"10.0.0.0/8\",\"11.0.0.0/8\",\"2001:db8::/32\"]}],\"denylistRules\":["
        "{\"ruleType\":\"DenylistCustomAlertRule\",%s\"denylistValues\":[\"203.0.113.0/24\"]}]}",
        list, list);
    json = json_loadb((const char *)text.data, text.length, 0, NULL);
    snprintf(name, sizeof name, "group-%u", group);
    must(vd_group_rules_read(name, json, &rules, problem) == VD_OK, problem);
    json_decref(json);
    vd_buf_release(&text);
    return rules;
}

static void set_rules(struct vd_engine *engine, uint32_t groups)
{
    struct vd_group_rules **rules = calloc(groups, sizeof(void *));

    must(rules != NULL, "memory");
    for (uint32_t i = 0; i < groups; i++) {
        rules[i] = rules_of(i);
    }
    must(vd_engine_set_rules(engine, rules, groups) == VD_OK, "rules");
    free(rules);
}

static struct vd_indicator_set *make_indicators(void)
{
    const struct vd_feed_info feed = {.name = "bench", .confidence = VD_CONFIDENCE_UNKNOWN};
    struct vd_indicator_builder *builder = NULL;
    struct vd_indicator_set *set = NULL;

    must(vd_indicator_builder_new(NULL, &builder) == VD_OK, "builder");
    must(vd_indicator_builder_feed(builder, &feed) == VD_OK, "feed");
    for (uint32_t i = 0; i < INDICATORS; i++) {
        const uint32_t address = 0x0b000001u + i * 16;
        const uint8_t bytes[4] = {(uint8_t)(address >> 24), (uint8_t)(address >> 16),
            (uint8_t)(address >> 8), (uint8_t)address};
        const struct vd_indicator indicator = {
            .range = {vd_address_from_ipv4(bytes), vd_address_from_ipv4(bytes)},
            .text = "11.0.0.1",
            .description = "",
            .confidence = VD_CONFIDENCE_UNKNOWN,
            .line = i + 1,
        };

        must(vd_indicator_builder_add(builder, &indicator) == VD_OK, "indicator");
    }
    must(vd_indicator_builder_finish(builder, &set) == VD_OK, "indicators");
    return set;
}

static struct vd_str message_of(uint32_t number)
{
    char addresses[FLOWS_PER_MESSAGE][VD_ADDRESS_TEXT_SIZE];
    struct test_flow flows[FLOWS_PER_MESSAGE];
    const struct test_event event = {
        test_uuid(number + 1), T0_MS / 1000, 10, 1, flows, FLOWS_PER_MESSAGE};
    struct vd_buf body = {0};

    for (unsigned i = 0; i < FLOWS_PER_MESSAGE; i++) {
        snprintf(addresses[i], sizeof addresses[i], "198.51.%u.%u", i % 256, (number + i) % 256);
        flows[i] = (struct test_flow){"10.0.0.2", addresses[i], (uint16_t)(40000 + i), 443,
            1000 + i, 2000 + i, (uint8_t)(i % 3)};
    }
    test_message_write(&body, &event, 1);
    return (struct vd_str){(char *)body.data, body.length};
}

/* ---- Throughput ---- */

struct load {
    struct bench_fleet fleet;
    struct vd_engine *engine;
    struct vd_indicator_set *indicators;
    struct vd_security_message message;
    struct vd_findings findings;
    struct vd_str bodies[BODIES];
};

/* One message of a device, decoded and judged. */
static void take(struct load *load, uint32_t n)
{
    char reason[VD_DECODE_REASON_SIZE];
    char device[32];
    const int length =
        snprintf(device, sizeof device, "device-%06u", (n * 7919u) % load->fleet.devices);
    struct vd_observation seen = {
        .what = VD_OBSERVED_MESSAGE,
        .over_mqtt = true,
        .offset = n,
        .device_id = {device, (size_t)length},
        .address = VD_STR_LITERAL("203.0.113.9"),
        .enqueued_ms = T0_MS,
        .time = {T0_MS, T0_MS, T0_MS, true},
    };

    must(vd_security_message_decode(&load->message, load->bodies[n % BODIES], reason) == VD_OK,
        reason);
    must(vd_engine_observe(load->engine, &seen, &load->findings) == VD_OK, "message");
    seen.what = VD_OBSERVED_EVENT;
    seen.message = &load->message;
    seen.event = vd_security_message_event(&load->message, 0);
    must(vd_engine_observe(load->engine, &seen, &load->findings) == VD_OK, "event");
}

static void end_batch(struct load *load)
{
    must(vd_engine_flush(load->engine, &load->findings) == VD_OK, "flush");
    must(vd_engine_save(load->engine, NULL) == VD_OK, "save");
    vd_findings_clear(&load->findings);
}

static void measure(uint32_t devices, uint32_t rules)
{
    const struct vd_detect_settings settings = {.lateness_ms = 60000};
    struct load load = {
        .fleet = {{&fleet_ops}, devices, rules / RULES_PER_GROUP}, .indicators = make_indicators()};
    uint64_t messages = 0;
    int64_t start;
    int64_t took;

    must(vd_engine_new(&settings, &load.fleet.base, &load.engine) == VD_OK, "engine");
    must(vd_engine_load(load.engine, NULL) == VD_OK, "fleet");
    set_rules(load.engine, load.fleet.groups);
    vd_engine_set_indicators(load.engine, load.indicators);
    for (uint32_t i = 0; i < BODIES; i++) {
        load.bodies[i] = message_of(i);
    }
    for (uint32_t i = 0; i < devices; i++) { /* every device has its windows open */
        take(&load, i);
    }
    end_batch(&load);
    start = vd_clock_monotonic_ms();
    do {
        for (uint32_t i = 0; i < BATCH; i++) {
            take(&load, (uint32_t)messages++);
        }
        end_batch(&load);
        took = vd_clock_monotonic_ms() - start;
    } while (took < MEASURE_MS);
    printf("%.0f %.0f\n", (double)messages * FLOWS_PER_MESSAGE * 1000 / (double)took,
        (double)vd_engine_memory(load.engine) / devices);
    for (uint32_t i = 0; i < BODIES; i++) {
        free((void *)(uintptr_t)load.bodies[i].data);
    }
    vd_security_message_release(&load.message);
    vd_findings_release(&load.findings);
    vd_engine_free(load.engine);
    vd_indicator_set_release(load.indicators);
}

/* ---- From the hub's log to an alert that can be read ---- */

static int compare_ms(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* A wrong login of another device each time, as the hub records it. */
static void append_login(struct vd_event_log *log, unsigned number)
{
    struct vd_event_batch batch = {0};
    uint64_t offset;
    char device[32];
    char body[400];
    const struct vd_event event = {
        .kind = VD_EVENT_OPERATION,
        .enqueued_ms = vd_clock_utc_ms(),
        .device_id = {device, (size_t)snprintf(device, sizeof device, "device-%06u", number)},
        .address = VD_STR_LITERAL("203.0.113.9"),
        .body = {body,
            (size_t)snprintf(body, sizeof body,
                "{\"operationName\":\"deviceConnect\",\"category\":\"Connections\",\"level\":"
                "\"Error\",\"resultType\":\"401003\",\"properties\":\"{\\\"deviceId\\\":\\\"%s\\\","
                "\\\"reason\\\":\\\"signature_wrong\\\"}\"}",
                device)},
    };

    must(vd_event_batch_add(&batch, &event) == VD_OK, "record");
    must(vd_event_log_append(log, 0, &batch, &offset) == VD_OK, "append");
    vd_event_batch_release(&batch);
}

static void wait_for_alert(struct vd_alert_store *store, unsigned number)
{
    char device[32];
    const struct vd_alert_filter filter = {.device_id = device, .limit = 1};
    const struct timespec pause = {0, 500000};
    bool is_there = false;

    snprintf(device, sizeof device, "device-%06u", number);
    while (!is_there) {
        json_t *alerts = NULL;

        must(vd_alert_store_list(store, &filter, &alerts) == VD_OK, "list");
        is_there = json_array_size(alerts) > 0;
        json_decref(alerts);
        nanosleep(&pause, NULL);
    }
}

static void latency(const char *folder)
{
    char path[512];
    char text[256];
    struct vd_duckdb_options options = {.folder = path, .resource_id = "/hub"};
    struct vd_event_log *log = NULL;
    struct vd_alert_store *store = NULL;
    struct vd_analytics *analytics = NULL;
    struct vd_center_config config;
    struct vd_center *center = NULL;
    int64_t samples[SAMPLES];

    snprintf(path, sizeof path, "%s/log.db", folder);
    must(vd_event_log_sqlite_open(path, &log) == VD_OK, path);
    snprintf(path, sizeof path, "%s/alerts.db", folder);
    must(vd_alert_store_open(path, &store) == VD_OK, path);
    snprintf(path, sizeof path, "%s/raw", folder);
    must(vd_analytics_duckdb_open(&options, &analytics, text, sizeof text) == VD_OK, text);
    config = (struct vd_center_config){.log = log, .analytics = analytics, .store = store};
    must(vd_center_start(&config, &center) == VD_OK, "center");
    for (unsigned i = 0; i < SAMPLES; i++) {
        const struct timespec pause = {0, (long)(i * 7919 % 97) * 1000000};
        const int64_t start = vd_clock_monotonic_ms();

        append_login(log, i);
        wait_for_alert(store, i);
        samples[i] = vd_clock_monotonic_ms() - start;
        nanosleep(&pause, NULL);
    }
    qsort(samples, SAMPLES, sizeof samples[0], compare_ms);
    printf("%" PRId64 " %" PRId64 "\n", samples[SAMPLES / 2], samples[SAMPLES * 99 / 100]);
    vd_event_log_interrupt(log);
    vd_center_stop(center);
    vd_analytics_close(analytics);
    vd_alert_store_close(store);
    vd_event_log_close(log);
}

int main(int argc, char **argv)
{
    vd_log_set_level(VD_LOG_ERROR);
    if (argc == 4 && strcmp(argv[1], "flows") == 0) {
        measure((uint32_t)strtoul(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "latency") == 0) {
        latency(argv[2]);
        return 0;
    }
    fprintf(stderr, "usage: bench_engine flows DEVICES RULES | bench_engine latency FOLDER\n");
    return 2;
}
