/* SPDX-License-Identifier: MIT */
/* Queries in KQL beside the same by hand in SQL, over what bench_raw_events and bench_alerts left; and beside ingest.
 * `bench_query FOLDER ALERTS.DB` prints names and values. */

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "center/query.h"
#include "lib/clock.h"

#define ROUNDS      7
#define INGEST_RATE 50000 /* rows a second */
#define INGEST_STEP 5000  /* rows of a batch */
#define INGEST_MS   10000
/* Behind what is stored, as live events are. */
#define INGEST_T0_MS 1764633600000LL /* 2025-12-02T00:00:00Z */

static void must(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "bench_query: %s\n", what);
        exit(1);
    }
}

#define SQL_DAY "TimeGenerated >= TIMESTAMP '2025-11-27' AND TimeGenerated < TIMESTAMP '2025-11-28'"
#define KQL_DAY "TimeGenerated >= datetime(2025-11-27) and TimeGenerated < datetime(2025-11-28)"

#define SQL_DAY_OF(e) \
    e "."             \
      "TimeGenerated >= TIMESTAMP '2025-11-27' AND " e ".TimeGenerated < TIMESTAMP '2025-11-28'"

/* What the compiler makes of the day. */
#define SQL_ALERTS_OF_DAY \
    "SecurityAlert(since := TIMESTAMP '2025-11-27', until := TIMESTAMP '2025-11-28')"

static const struct pair {
    const char *name;
    const char *kql;
    const char *sql;
} pairs[] = {
    {"device_day",
        "SecurityIoTRawEvent | where DeviceId == 'plant-6-gateway-0042' and " KQL_DAY
        " | project TimeGenerated, EventDetails",
        "SELECT TimeGenerated, EventDetails FROM SecurityIoTRawEvent WHERE DeviceId ="
        " 'plant-6-gateway-0042' AND " SQL_DAY},
    {"top_day",
        "SecurityIoTRawEvent | where " KQL_DAY
        " | summarize n = count() by tostring(parse_json(EventDetails).RemoteAddress)"
        " | top 10 by n",
        "SELECT \"EventDetails.RemoteAddress\", count(*) AS n FROM SecurityIoTRawEvent WHERE " SQL_DAY
        " GROUP BY 1 ORDER BY n DESC LIMIT 10"},
    {"top_all",
        "SecurityIoTRawEvent | extend d = parse_json(EventDetails)"
        " | summarize n = count() by Remote = tostring(d.RemoteAddress) | top 10 by n",
        "SELECT \"EventDetails.RemoteAddress\", count(*) AS n FROM SecurityIoTRawEvent"
        " GROUP BY 1 ORDER BY n DESC LIMIT 10"},
    {"distinct_day",
        "SecurityIoTRawEvent | where " KQL_DAY
        " | summarize dcount(DeviceId) by bin(TimeGenerated, 1h)",
        "SELECT time_bucket(INTERVAL 1 HOUR, TimeGenerated) AS bin, count(DISTINCT DeviceId)"
        " FROM SecurityIoTRawEvent WHERE " SQL_DAY " GROUP BY 1"},
    {"distinct_all", "SecurityIoTRawEvent | summarize dcount(DeviceId) by bin(TimeGenerated, 6h)",
        "SELECT time_bucket(INTERVAL 6 HOUR, TimeGenerated) AS bin, count(DISTINCT DeviceId)"
        " FROM SecurityIoTRawEvent GROUP BY 1"},
    /* The devices with alerts of the whole time, and what they sent in it. */
    {"join_all",
        "SecurityAlert | where TimeGenerated > ago(7d)"
        " | summarize Alerts = count(), High = countif(AlertSeverity == 'High')"
        " by DeviceId = tostring(parse_json(ExtendedProperties).DeviceId)"
        " | join kind=inner (SecurityIoTRawEvent"
        " | summarize Bytes = sum(tolong(parse_json(EventDetails).BytesOut)) by DeviceId)"
        " on DeviceId | project DeviceId, Alerts, High, Bytes",
        "SELECT a.d, a.n, a.high, e.bytes FROM (SELECT \"ExtendedProperties.DeviceId\" AS d,"
        " count(*) AS n, count(*) FILTER (WHERE AlertSeverity = 'High') AS high FROM"
        " SecurityAlert(since := TIMESTAMP '2025-11-25') WHERE TimeGenerated >"
        " TIMESTAMP '2025-11-25' GROUP BY 1) AS a"
        " JOIN (SELECT DeviceId AS d, sum(\"EventDetails.BytesOut\") AS bytes"
        " FROM SecurityIoTRawEvent GROUP BY 1) AS e ON a.d = e.d"},
    /* Each alert of a day with what its device sent in the same hour. */
    {"join_day",
        "SecurityAlert | where " KQL_DAY
        " | project DeviceId = CompromisedEntity, AlertType, Hour = bin(TimeGenerated, 1h)"
        " | join kind=inner (SecurityIoTRawEvent | where " KQL_DAY
        " | summarize Bytes = sum(tolong(parse_json(EventDetails).BytesOut))"
        " by DeviceId, Hour = bin(TimeGenerated, 1h)) on DeviceId, Hour"
        " | summarize sum(Bytes), count() by AlertType",
        "SELECT AlertType, sum(bytes), count(*) FROM (SELECT CompromisedEntity AS d, AlertType,"
        " time_bucket(INTERVAL 1 HOUR, TimeGenerated) AS h FROM " SQL_ALERTS_OF_DAY
        " WHERE " SQL_DAY
        ") AS a JOIN (SELECT DeviceId AS d, time_bucket(INTERVAL 1 HOUR, TimeGenerated) AS h,"
        " sum(\"EventDetails.BytesOut\") AS bytes FROM SecurityIoTRawEvent WHERE " SQL_DAY
        " GROUP BY 1, 2) AS e USING (d, h) GROUP BY 1"},
    /* Each alert of a day with each flow of its device in that day, one after another. */
    {"join_flows",
        "SecurityAlert | where " KQL_DAY " and AlertSeverity == 'High'"
        " | project DeviceId = CompromisedEntity, AlertType"
        " | join kind=inner (SecurityIoTRawEvent | where " KQL_DAY
        " | project DeviceId, Bytes = tolong(parse_json(EventDetails).BytesOut)) on DeviceId"
        " | summarize sum(Bytes), count() by AlertType",
        "SELECT AlertType, sum(\"EventDetails.BytesOut\"), count(*) FROM " SQL_ALERTS_OF_DAY " AS a"
        " JOIN SecurityIoTRawEvent AS e ON a.CompromisedEntity = e.DeviceId WHERE"
        " a.AlertSeverity = 'High' AND " SQL_DAY_OF("a") " AND " SQL_DAY_OF("e") " GROUP BY 1"},
    {"alerts_by_type",
        "SecurityAlert | summarize count() by AlertType, AlertSeverity, bin(TimeGenerated, 1d)",
        "SELECT AlertType, AlertSeverity, time_bucket(INTERVAL 1 DAY, TimeGenerated) AS d, count(*)"
        " FROM SecurityAlert GROUP BY ALL"},
    {"alerts_device_day",
        "SecurityAlert | where CompromisedEntity == 'plant-6-gateway-0042' and " KQL_DAY
        " | project-away SourceSystem",
        "SELECT * EXCLUDE (SourceSystem) FROM SecurityAlert(\"CompromisedEntity\" :="
        " 'plant-6-gateway-0042', since := TIMESTAMP '2025-11-27',"
        " until := TIMESTAMP '2025-11-28') WHERE " SQL_DAY},
};

#define PAIRS (sizeof pairs / sizeof pairs[0])

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Milliseconds. */
static double since(int64_t start_us)
{
    return (double)(now_us() - start_us) / 1000;
}

static double ask_kql(struct vd_analytics *analytics, const char *text, size_t *rows)
{
    const struct vd_query query = {.text = vd_str_from(text), .now_ms = INGEST_T0_MS};
    const int64_t start = now_us();
    struct vd_query_problem problem;
    json_t *result = NULL;
    double took;

    if (vd_query_run(analytics, &query, &result, &problem) != VD_OK) {
        must(false, problem.has_place ? problem.place.text : problem.text);
    }
    took = since(start);
    *rows = json_array_size(json_object_get(result, "rows"));
    json_decref(result);
    return took;
}

static double ask_sql(struct vd_analytics *analytics, const char *text, size_t *rows)
{
    const struct vd_query_limits limits = {.is_compiled = true}; /* it may call what makes lists */
    const int64_t start = now_us();
    json_t *result = NULL;
    char problem[400] = "";
    double took;

    must(vd_analytics_query(analytics, text, &limits, &result, problem, sizeof problem) == VD_OK,
        problem);
    took = since(start);
    *rows = json_array_size(json_object_get(result, "rows"));
    json_decref(result);
    return took;
}

/* The best of some rounds each, in turns. */
static void compare(struct vd_analytics *analytics, const struct pair *pair)
{
    double kql = 1e9;
    double sql = 1e9;

    for (int i = 0; i < ROUNDS; i++) {
        size_t rows[2];
        const double took[2] = {
            ask_kql(analytics, pair->kql, &rows[0]), ask_sql(analytics, pair->sql, &rows[1])};

        must(rows[0] > 0 && rows[0] == rows[1], pair->name);
        kql = took[0] < kql ? took[0] : kql;
        sql = took[1] < sql ? took[1] : sql;
    }
    printf("%s %.1f %.1f\n", pair->name, kql, sql);
}

/* ---- Beside ingest ---- */

struct ingest {
    struct vd_analytics *analytics;
    uint64_t offset;
    uint64_t number;
    double per_s;
};

static void append_step(struct ingest *ingest)
{
    static struct vd_flow_row rows[INGEST_STEP];
    static char devices[1000][32];
    static char remotes[1000][20];

    for (uint32_t i = 0; i < INGEST_STEP; i++) {
        const uint64_t n = ingest->number++;
        char *device = devices[n * 7 % 1000];
        char *remote = remotes[n * 13 % 1000];
        struct vd_uuid id = {{0}};

        snprintf(device, sizeof devices[0], "plant-%u-gateway-%04u", (unsigned)(n * 7 % 12),
            (unsigned)(n * 7 % 1000));
        snprintf(remote, sizeof remotes[0], "11.22.%u.%u", (unsigned)(n * 13 % 1000 / 250),
            (unsigned)(n * 13 % 250));
        memcpy(id.bytes, &n, sizeof n);
        rows[i] = (struct vd_flow_row){
            .time_generated_ms = INGEST_T0_MS + (int64_t)(n / 50),
            .timestamp_ms = INGEST_T0_MS + (int64_t)(n / 50),
            .id = id,
            .device_id = vd_str_from(device),
            .agent_version = VD_STR_LITERAL("1.2.3"),
            .local_address = VD_STR_LITERAL("10.0.0.2"),
            .remote_address = vd_str_from(remote),
            .protocol = VD_STR_LITERAL("TCP"),
            .local_port = (uint16_t)(32768 + n % 28000),
            .remote_port = 443,
            .bytes_in = (uint32_t)(1000 + n % 5000),
            .bytes_out = (uint32_t)(500 + n % 3000),
            .process_id = VD_FLOW_NONE,
            .user_id = VD_FLOW_NONE,
            .executable = VD_STR_LITERAL(""),
            .command_line = VD_STR_LITERAL(""),
            .others = VD_STR_LITERAL(""),
        };
    }
    ingest->offset += INGEST_STEP;
    must(vd_analytics_append(ingest->analytics,
             &(struct vd_table_rows){.flows = rows, .flow_count = INGEST_STEP},
             ingest->offset) == VD_OK,
        "cannot append");
}

/* At the rate, for INGEST_MS. */
static void *ingest_main(void *argument)
{
    struct ingest *ingest = argument;
    const int64_t start = now_us();
    const uint64_t first = ingest->number;
    double late;

    while (since(start) < INGEST_MS) {
        append_step(ingest);
        late = since(start) - (double)(ingest->number - first) * 1000 / INGEST_RATE;
        if (late < 0) {
            const struct timespec pause = {.tv_nsec = (long)(-late * 1e6)};

            nanosleep(&pause, NULL);
        }
    }
    ingest->per_s = (double)(ingest->number - first) * 1000 / since(start);
    return NULL;
}

static void beside_ingest(struct vd_analytics *analytics)
{
    struct ingest ingest = {.analytics = analytics};
    double worst[PAIRS] = {0};
    pthread_t thread;
    int64_t start;
    double alone;

    must(vd_analytics_offset(analytics, &ingest.offset) == VD_OK, "no offset");
    ingest_main(&ingest);
    alone = ingest.per_s;
    must(pthread_create(&thread, NULL, ingest_main, &ingest) == 0, "no thread");
    start = now_us();
    for (size_t i = 0; since(start) < INGEST_MS; i = (i + 1) % PAIRS) {
        size_t rows;
        const double took = ask_kql(analytics, pairs[i].kql, &rows);

        worst[i] = took > worst[i] ? took : worst[i];
    }
    pthread_join(thread, NULL);
    printf("ingest_alone %.0f\ningest_beside %.0f\n", alone, ingest.per_s);
    for (size_t i = 0; i < PAIRS; i++) {
        printf("beside_%s %.1f\n", pairs[i].name, worst[i]);
    }
}

int main(int argc, char **argv)
{
    struct vd_duckdb_options options = {.resource_id = "/hub"};
    struct vd_analytics *analytics = NULL;
    char text[256] = "";

    if (argc != 3) {
        fprintf(stderr, "usage: bench_query FOLDER ALERTS.DB\n");
        return 2;
    }
    options.folder = argv[1];
    options.center_path = argv[2];
    must(vd_analytics_duckdb_open(&options, &analytics, text, sizeof text) == VD_OK, text);
    for (size_t i = 0; i < PAIRS; i++) {
        compare(analytics, &pairs[i]);
    }
    beside_ingest(analytics);
    vd_analytics_close(analytics);
    return 0;
}
