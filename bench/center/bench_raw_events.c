/* SPDX-License-Identifier: MIT */
/* Raw events at rest: bytes a row, how long questions about them take, and to let a day go. `bench_raw_events FOLDER ROWS` fills the
 * folder, `bench_raw_events FOLDER drop` takes its oldest day away; both print name and value. */

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "center/limits.h"
#include "center/store/analytics.h"
#include "lib/clock.h"

#define DEVICES       1000
#define REMOTES       5000 /* of the fleet */
#define REMOTES_OF    24   /* of a device */
#define FLOWS_MAX     10   /* of an event */
#define DAYS          7
#define T0_MS         1764028800000LL /* 2025-11-25T00:00:00Z */
#define PROCESS_EVERY 4               /* of so many devices one tells processes */
#define ROUNDS        5

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_raw_events: %s\n", what);
        exit(1);
    }
}

/* splitmix64: the same rows every time */
static uint64_t random_next(void)
{
    static uint64_t state = 20251125;
    uint64_t z = state += 0x9e3779b97f4a7c15ULL;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint32_t below(uint32_t limit)
{
    return (uint32_t)(random_next() % limit);
}

/* Small numbers are far more frequent: as sizes and favourites are. */
static uint32_t skewed(uint32_t limit)
{
    return below(below(below(limit) + 1) + 1);
}

/* ---- The fleet ---- */

struct name {
    char text[64];
    struct vd_str str;
};

struct fleet {
    struct name devices[DEVICES];
    struct name locals[DEVICES];
    struct name remotes[REMOTES];
    uint16_t ports[REMOTES];
    uint16_t remotes_of[DEVICES][REMOTES_OF];
    struct name executables[REMOTES_OF];
    struct name commands[REMOTES_OF];
};

#define SET_NAME(name, ...)                                      \
    do {                                                         \
        snprintf((name)->text, sizeof(name)->text, __VA_ARGS__); \
        (name)->str = vd_str_from((name)->text);                 \
    } while (0)

static void fill_fleet(struct fleet *fleet)
{
    static const uint16_t ports[] = {443, 443, 443, 8883, 53, 123, 80, 5671};

    for (uint32_t i = 0; i < REMOTES; i++) {
        SET_NAME(&fleet->remotes[i], "%u.%u.%u.%u", 11 + below(200), below(256), below(256),
            1 + below(254));
        fleet->ports[i] = ports[below(sizeof ports / sizeof ports[0])];
    }
    for (uint32_t i = 0; i < REMOTES_OF; i++) {
        SET_NAME(&fleet->executables[i], "\"/usr/bin/service-%u\"", i);
        SET_NAME(&fleet->commands[i], "\"/usr/bin/service-%u --config /etc/%u.conf\"", i, i);
    }
    for (uint32_t i = 0; i < DEVICES; i++) {
        SET_NAME(&fleet->devices[i], "plant-%u-gateway-%04u", i % 12, i);
        SET_NAME(&fleet->locals[i], "10.%u.%u.%u", i % 12, i / 250, i % 250 + 2);
        for (uint32_t k = 0; k < REMOTES_OF; k++) {
            fleet->remotes_of[i][k] = (uint16_t)skewed(REMOTES);
        }
    }
}

/* ---- Rows ---- */

static void fill_flow(const struct fleet *fleet, uint32_t device, struct vd_flow_row *row)
{
    const uint32_t favourite = skewed(REMOTES_OF);
    const uint16_t remote = fleet->remotes_of[device][favourite];
    const bool has_process = device % PROCESS_EVERY == 0;
    const struct vd_str none = VD_STR_LITERAL("");

    row->local_address = fleet->locals[device].str;
    row->remote_address = fleet->remotes[remote].str;
    row->protocol = fleet->ports[remote] == 53 || fleet->ports[remote] == 123
        ? VD_STR_LITERAL("UDP")
        : VD_STR_LITERAL("TCP");
    row->local_port = (uint16_t)(32768 + below(28232));
    row->remote_port = fleet->ports[remote];
    row->packets_in = 1 + skewed(200);
    row->packets_out = 1 + skewed(200);
    row->bytes_in = row->packets_in * 52 + below(row->packets_in * 1000);
    row->bytes_out = row->packets_out * 52 + below(row->packets_out * 300);
    row->opened_by = 1;
    row->process_id = has_process ? (int32_t)(400 + favourite * 7) : VD_FLOW_NONE;
    row->user_id = has_process ? (int32_t)(favourite % 3 * 500) : VD_FLOW_NONE;
    row->executable = has_process ? fleet->executables[favourite].str : none;
    row->command_line = has_process ? fleet->commands[favourite].str : none;
    row->others = none;
}

/* The flows of one event; returns how many. */
static uint32_t fill_event(const struct fleet *fleet, int64_t now_ms, struct vd_flow_row *rows)
{
    const uint32_t device = below(DEVICES);
    const uint32_t count = 1 + below(FLOWS_MAX);
    struct vd_uuid id;

    for (size_t i = 0; i < sizeof id.bytes; i++) {
        id.bytes[i] = (uint8_t)random_next();
    }
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct vd_flow_row){
            .time_generated_ms = now_ms,
            .timestamp_ms = now_ms / 1000 * 1000 - 1000LL * device % 7,
            .id = id,
            .device_id = fleet->devices[device].str,
            .agent_version = VD_STR_LITERAL("1.2.3"),
        };
        fill_flow(fleet, device, &rows[i]);
    }
    return count;
}

static void append_all(struct vd_analytics *analytics, const struct fleet *fleet, uint64_t total)
{
    static struct vd_flow_row rows[VD_INGEST_ROWS_MAX + FLOWS_MAX];
    const double step_ms = (double)(DAYS * VD_DAY_MS) / (double)total;
    uint64_t made = 0;

    while (made < total) {
        const int32_t day = vd_time_day(T0_MS + (int64_t)((double)made * step_ms));
        uint32_t count = 0;

        while (count < VD_INGEST_ROWS_MAX && made + count < total) {
            const int64_t now_ms =
                T0_MS + (int64_t)((double)(made + count) * step_ms) + below((uint32_t)step_ms + 1);

            if (vd_time_day(now_ms) != day && count > 0) {
                break;
            }
            count += fill_event(fleet, now_ms, rows + count);
        }
        made += count;
        must(vd_analytics_append(analytics,
                 &(struct vd_table_rows){.flows = rows, .flow_count = count}, made) == VD_OK,
            "cannot append");
    }
}

/* What the service does beside: packs the days that are past. */
static void pack(struct vd_analytics *analytics)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    struct vd_analytics_stats stats;

    for (;;) {
        must(vd_analytics_maintain(analytics, 0) == VD_OK, "cannot maintain");
        vd_analytics_stats(analytics, &stats);
        if (stats.days_to_pack == 0) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

/* ---- What it took ---- */

static uint64_t folder_bytes(const char *folder)
{
    DIR *dir = opendir(folder);
    uint64_t bytes = 0;

    must(dir != NULL, folder);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        struct stat status;

        if (fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode)) {
            bytes += (uint64_t)status.st_size;
        }
    }
    closedir(dir);
    return bytes;
}

/* max_bytes 0: without limit. */
static struct vd_analytics *open_at(const char *folder, uint64_t max_bytes)
{
    const struct vd_duckdb_options options = {
        .folder = folder, .resource_id = "/hub", .keep = {.max_bytes = max_bytes}};
    struct vd_analytics *analytics = NULL;
    char text[256] = "";

    must(vd_analytics_duckdb_open(&options, &analytics, text, sizeof text) == VD_OK, text);
    return analytics;
}

#define DAY "TimeGenerated >= TIMESTAMP '2025-11-27' AND TimeGenerated < TIMESTAMP '2025-11-28'"

static const struct {
    const char *name;
    const char *sql;
} questions[] = {
    {"device_day",
        "SELECT TimeGenerated, EventDetails FROM SecurityIoTRawEvent WHERE DeviceId ="
        " 'plant-6-gateway-0042' AND " DAY},
    {"top_day",
        "SELECT \"EventDetails.RemoteAddress\", count(*) AS n FROM SecurityIoTRawEvent WHERE " DAY
        " GROUP BY 1 ORDER BY n DESC LIMIT 10"},
    {"top_all",
        "SELECT \"EventDetails.RemoteAddress\", count(*) AS n FROM SecurityIoTRawEvent"
        " GROUP BY 1 ORDER BY n DESC LIMIT 10"},
    {"distinct_by_bin",
        "SELECT time_bucket(INTERVAL 1 HOUR, TimeGenerated) AS bin, count(DISTINCT DeviceId)"
        " FROM SecurityIoTRawEvent WHERE " DAY " GROUP BY 1 ORDER BY 1"},
    {"distinct_by_bin_all",
        "SELECT time_bucket(INTERVAL 6 HOUR, TimeGenerated) AS bin, approx_count_distinct(DeviceId)"
        " FROM SecurityIoTRawEvent GROUP BY 1 ORDER BY 1"},
    {"distinct_by_bin_all_exact",
        "SELECT time_bucket(INTERVAL 6 HOUR, TimeGenerated) AS bin, count(DISTINCT DeviceId)"
        " FROM SecurityIoTRawEvent GROUP BY 1 ORDER BY 1"},
    {"details_all", "SELECT sum(length(EventDetails)) FROM SecurityIoTRawEvent WHERE " DAY},
};

/* The best of some rounds, ms. */
static int64_t ask(struct vd_analytics *analytics, const char *sql)
{
    int64_t best = INT64_MAX;

    for (int i = 0; i < ROUNDS; i++) {
        const int64_t start = vd_clock_monotonic_ms();
        json_t *result = NULL;
        char text[400] = "";
        int64_t took;

        must(vd_analytics_query(analytics, sql, NULL, &result, text, sizeof text) == VD_OK, text);
        must(json_array_size(json_object_get(result, "rows")) > 0, sql);
        json_decref(result);
        took = vd_clock_monotonic_ms() - start;
        best = took < best ? took : best;
    }
    return best;
}

/* ---- Letting a day go ---- */

static int64_t count_rows(struct vd_analytics *analytics)
{
    json_t *result = NULL;
    char text[400] = "";
    int64_t rows;

    must(vd_analytics_query(analytics, "SELECT count(*) FROM SecurityIoTRawEvent", NULL, &result,
             text, sizeof text) == VD_OK,
        text);
    rows =
        json_integer_value(json_array_get(json_array_get(json_object_get(result, "rows"), 0), 0));
    json_decref(result);
    return rows;
}

/* Rows of today: more than there is room for. */
static void append_more(struct vd_analytics *analytics, const struct fleet *fleet)
{
    static struct vd_flow_row rows[VD_INGEST_ROWS_MAX + FLOWS_MAX];
    uint64_t offset = 0;
    uint32_t count = 0;

    while (count < VD_INGEST_ROWS_MAX) {
        count += fill_event(fleet, T0_MS + DAYS * VD_DAY_MS + count, rows + count);
    }
    must(vd_analytics_offset(analytics, &offset) == VD_OK &&
            vd_analytics_append(analytics,
                &(struct vd_table_rows){.flows = rows, .flow_count = count}, offset + 1) == VD_OK,
        "cannot append");
}

/* As the service does it: all days were measured before, then a few rows are too many. */
static void drop_day(const char *folder)
{
    static struct fleet fleet;
    struct vd_analytics *analytics = open_at(folder, 0);
    struct vd_analytics_stats stats;
    uint64_t before;
    int64_t rows;
    int64_t start;

    fill_fleet(&fleet);
    append_more(analytics, &fleet);
    pack(analytics);
    vd_analytics_close(analytics);
    before = folder_bytes(folder);
    analytics = open_at(folder, before);
    pack(analytics);
    append_more(analytics, &fleet);
    rows = count_rows(analytics);
    start = vd_clock_monotonic_ms();
    must(vd_analytics_maintain(analytics, 0) == VD_OK, "cannot maintain");
    printf("drop_day %" PRId64 "\n", vd_clock_monotonic_ms() - start);
    vd_analytics_stats(analytics, &stats);
    must(stats.days_for_size == 1, "not one day went");
    printf("drop_day_rows %" PRId64 "\n", rows - count_rows(analytics));
    vd_analytics_close(analytics);
    printf("drop_day_bytes %" PRId64 "\n", (int64_t)(before - folder_bytes(folder)));
}

static void fill(const char *folder, uint64_t total)
{
    static struct fleet fleet;
    struct vd_analytics *analytics;
    int64_t start;
    int64_t took;

    fill_fleet(&fleet);
    analytics = open_at(folder, 0);
    start = vd_clock_monotonic_ms();
    append_all(analytics, &fleet, total);
    took = vd_clock_monotonic_ms() - start;
    printf("append_per_s %" PRIu64 "\n", total * 1000 / (uint64_t)(took > 0 ? took : 1));
    start = vd_clock_monotonic_ms();
    pack(analytics);
    printf("pack_ms %" PRId64 "\n", vd_clock_monotonic_ms() - start);
    vd_analytics_close(analytics);
    printf("bytes_per_row %.2f\n", (double)folder_bytes(folder) / (double)total);
    analytics = open_at(folder, 0);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        printf("%s %" PRId64 "\n", questions[i].name, ask(analytics, questions[i].sql));
    }
    vd_analytics_close(analytics);
}

int main(int argc, char **argv)
{
    uint64_t total;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_raw_events FOLDER ROWS|drop\n");
        return 2;
    }
    if (strcmp(argv[2], "drop") == 0) {
        drop_day(argv[1]);
        return 0;
    }
    total = strtoull(argv[2], NULL, 10);
    must(total >= 1000, "at least 1000 rows");
    fill(argv[1], total);
    return 0;
}
