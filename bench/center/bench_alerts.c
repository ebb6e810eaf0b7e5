/* SPDX-License-Identifier: MIT */
/* How long pages of alerts take among many, one in ten open. `bench_alerts FOLDER [COUNT]` prints a row of JSON a query, and
 * leaves FOLDER/alerts.db, of the same days and devices as the raw events of bench_raw_events. */

#include <stdio.h>
#include <stdlib.h>

#include "center/store/alert_store_internal.h"
#include "center/store/counts.h"
#include "lib/clock.h"

#define COUNT_DEFAULT 1000000
#define BATCH         10000
#define ROUNDS        20
#define DAYS          7
#define T0_MS         1764028800000LL /* 2025-11-25T00:00:00Z */

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_alerts: %s failed\n", what);
        exit(1);
    }
}

static const char *evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    (void)update;
    (void)i;
    *key = 0;
    return "{\"rawEventId\":\"00000000-0000-0000-0000-000000000000\",\"remoteAddress\":\"203.0.113.1\"}";
}

/* As long as those of the rules are. */
#define DESCRIPTION                                                                             \
    "Device '%s' exchanged 1,742 bytes with 203.0.113.%u port 443 (TCP), which is on the list " \
    "'bogons' as 203.0.113.0/24. Its agent reported the flow; the device opened it."
#define REMEDIATION                                                                        \
    "[\"Look at the process that opened the connection and at what else the device talks " \
    "to.\",\"Block the address at the gateway if nothing legitimate needs it.\","          \
    "\"If the device is compromised, disable its identity and renew its credentials.\"]"
#define TECHNIQUES                                                                   \
    "[{\"id\":\"T1071\",\"name\":\"Application Layer Protocol\"},{\"id\":\"T0885\"," \
    "\"name\":\"Commonly Used Port\"}]"

/* One in 100 High, of 1,000 devices, 20 types and 250 causes, evenly over the days. */
static void add(struct vd_alert_store *store, uint32_t n, int64_t generated_ms)
{
    const uint32_t d = n * 7 % 1000;
    char type[32];
    char device[32];
    char subject[32];
    char description[256];
    bool raised = false;
    struct vd_alert_update update = {
        .type = type,
        .display_name = "Communication with a suspicious IP address detected",
        .severity = n % 100 == 0 ? "High"
            : n % 5 == 0         ? "Medium"
                                 : "Low",
        .module_id = VD_STR_LITERAL("azureiotsecurity"),
        .subject = subject,
        .start_ms = generated_ms - 2000,
        .end_ms = generated_ms - 1000,
        .generated_ms = generated_ms,
        .day = vd_time_day(generated_ms),
        .description = description,
        .remediation_json = REMEDIATION,
        .techniques_json = TECHNIQUES,
        .count = 1,
        .evidence = evidence,
    };

    snprintf(type, sizeof type, "IoT_Type%u", (unsigned)(n % 20));
    snprintf(device, sizeof device, "plant-%u-gateway-%04u", d % 12, d);
    snprintf(subject, sizeof subject, "203.0.113.%u", (unsigned)(n % 250));
    must(vd_uuid_derived(&n, sizeof n, &update.id) == VD_OK, "id");
    snprintf(description, sizeof description, DESCRIPTION, device, (unsigned)(n % 250));
    update.device_id = vd_str_from(device);
    update.cause = vd_str_from(subject);
    must(vd_alert_store_apply(store, &update, &raised) == VD_OK && raised, "alert");
}

static void fill(struct vd_alert_store *store, uint32_t count)
{
    const int64_t step_us = DAYS * VD_DAY_MS * 1000 / count;

    for (uint32_t n = 0; n < count; n++) {
        if (n % BATCH == 0) {
            must(vd_alert_store_begin(store) == VD_OK, "begin");
        }
        add(store, n, T0_MS + (int64_t)n * step_us / 1000);
        if (n % BATCH == BATCH - 1 || n + 1 == count) {
            must(vd_alert_store_commit(store) == VD_OK, "commit");
        }
    }
}

/* All but one in ten are resolved. */
static void resolve(struct vd_alert_store *store)
{
    must(vd_sqlite_run(store->writer,
             "UPDATE alerts SET status = 'Resolved' WHERE (number / 20) % 10 <> 0") == VD_OK,
        "resolve");
}

static int by_size(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;

    return (left > right) - (left < right);
}

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1000 + (double)t.tv_nsec / 1e6;
}

static void print(const char *name, double took[ROUNDS])
{
    qsort(took, ROUNDS, sizeof took[0], by_size);
    printf("{\"name\":\"center.alerts.%s\",\"value\":%.2f,\"unit\":\"ms\",\"reference\":null,"
           "\"reference_value\":null,\"ratio\":null,\"ceiling\":null}\n",
        name, took[ROUNDS / 2]);
}

/* The median of a page of 100. */
static void measure(struct vd_alert_store *store, const char *name, struct vd_alert_filter filter)
{
    double took[ROUNDS];

    filter.limit = 100;
    for (size_t i = 0; i < ROUNDS; i++) {
        const double start = now_ms();
        json_t *alerts = NULL;

        must(vd_alert_store_list(store, &filter, &alerts) == VD_OK, name);
        took[i] = now_ms() - start;
        must(json_array_size(alerts) > 0, name);
        json_decref(alerts);
    }
    print(name, took);
}

static void add_number(void *context, const struct vd_counted_row *row)
{
    *(double *)context += row->numbers[0];
}

/* What a scrape of the metrics reads: of `count` alerts. */
static void measure_counts(struct vd_alert_store *store, uint32_t count)
{
    double took[ROUNDS];

    for (size_t i = 0; i < ROUNDS; i++) {
        const double start = now_ms();
        double alerts = 0;
        double others = 0;

        must(vd_counted_each(store, VD_COUNTED_ALERTS, add_number, &alerts) == VD_OK, "counts");
        for (int things = VD_COUNTED_ALERTS_EVER; things <= VD_COUNTED_SINKS; things++) {
            must(vd_counted_each(store, (enum vd_counted_things)things, add_number, &others) ==
                    VD_OK,
                "counts");
        }
        took[i] = now_ms() - start;
        must(alerts == count, "sum of counts");
    }
    print("counts", took);
}

int main(int argc, char **argv)
{
    const uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : COUNT_DEFAULT;
    const int64_t middle_ms = T0_MS + DAYS * VD_DAY_MS / 2;
    struct vd_alert_store *store = NULL;
    char path[512];

    if (argc < 2) {
        fprintf(stderr, "usage: bench_alerts FOLDER [COUNT]\n");
        return 2;
    }
    snprintf(path, sizeof path, "%s/alerts.db", argv[1]);
    must(vd_alert_store_open(path, &store) == VD_OK, path);
    fill(store, count);
    resolve(store);
    measure(store, "newest", (struct vd_alert_filter){0});
    measure(store, "open", (struct vd_alert_filter){.state = VD_ALERT_OPEN});
    measure(store, "open_severity",
        (struct vd_alert_filter){.state = VD_ALERT_OPEN, .severity = "Medium"});
    measure(store, "open_changed",
        (struct vd_alert_filter){.state = VD_ALERT_OPEN, .changed_after = count - 1000});
    measure(store, "new", (struct vd_alert_filter){.state = "New"});
    measure(store, "resolved", (struct vd_alert_filter){.state = "Resolved"});
    measure(store, "state_severity", (struct vd_alert_filter){.state = "New", .severity = "High"});
    measure(store, "device", (struct vd_alert_filter){.device_id = "plant-7-gateway-0007"});
    measure(store, "cause", (struct vd_alert_filter){.type = "IoT_Type3", .cause = "203.0.113.3"});
    measure(store, "time",
        (struct vd_alert_filter){.from_ms = middle_ms, .to_ms = middle_ms + VD_DAY_MS});
    measure(store, "page_in_the_middle", (struct vd_alert_filter){.before = count / 2});
    measure_counts(store, count);
    vd_alert_store_close(store);
    return 0;
}
