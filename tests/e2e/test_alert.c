/* SPDX-License-Identifier: MIT */
/* From packets on an interface to the alert that a person reads, and from traffic that must not alert. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"
#include "tests/e2e/netns.h"

#define INTERVAL_S "2"
/* What the issue allows: the device's interval and five seconds. */
#define ALERT_MS  (2000 + 5000)
#define CENSOR_MS 15000
#define FILE_SIZE 200000

#define HUB_ADDRESS  "10.77.0.2"
#define LISTED_TCP   "203.0.113.66"
#define BESIDE_TCP   "203.0.113.65"
#define LISTED_UDP   "203.0.113.130" /* in 203.0.113.128/28 */
#define BESIDE_RANGE "203.0.113.144" /* the first one behind it */
#define LISTED_ICMP  "203.0.113.131"
#define LISTED_TCP6  "2001:db8:bad::66"
#define LISTED_ICMP6 "2001:db8:bad::67"
#define BENIGN_TCP6  "2001:db8:600d::1"
#define BENIGN       "198.51.100.20"
#define NOBODY       "198.51.100.77" /* listed, and contacted by nobody */
#define DEVICE_LOCAL "10.77.0.11"    /* listed: the device's own address must not count as a peer */

static const char indicators[] = "# the end-to-end test's\n" LISTED_TCP "\n203.0.113.128/28\n"
                                 "2001:db8:bad::/48\n" NOBODY "\n" DEVICE_LOCAL "\n";

struct scene {
    struct e2e_hub hub;
    struct e2e_capture *capture; /* of the device under suspicion */
    pid_t agents[2];
    int sinks[2];
};

static struct scene scene;

/* ---- The network. ---- */

static void start_web_server(const char *address)
{
    char place[80];
    char log[128];
    snprintf(place, sizeof(place), strchr(address, ':') != NULL ? "[%s]:8080" : "%s:8080", address);
    snprintf(log, sizeof(log), "%s/httpd.log", e2e_folder());
    struct e2e_start start = {
        .argv = E2E_ARGS("busybox", "httpd", "-f", "-p", place, "-h", e2e_folder()),
        .netns = "wan",
        .stdout_path = log,
    };
    e2e_start(&start);
}

static void make_network(void)
{
    static const char *const others[] = {LISTED_TCP "/32", BESIDE_TCP "/32", LISTED_UDP "/32",
        BESIDE_RANGE "/32", LISTED_ICMP "/32", BENIGN "/32", LISTED_TCP6 "/128",
        LISTED_ICMP6 "/128", BENIGN_TCP6 "/128"};
    static const char *const web[] = {LISTED_TCP, BESIDE_TCP, BENIGN, LISTED_TCP6, BENIGN_TCP6};
    static char page[FILE_SIZE];
    char path[128];

    e2e_net_init();
    e2e_net_add("wan", "10.77.0.1/24", "fd77::1/64", NULL, NULL);
    e2e_net_add("hub", HUB_ADDRESS "/24", "fd77::2/64", NULL, NULL);
    e2e_net_add("dev1", DEVICE_LOCAL "/24", "fd77::11/64", "10.77.0.1", "fd77::1");
    e2e_net_add("dev2", "10.77.0.12/24", "fd77::12/64", "10.77.0.1", "fd77::1");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        e2e_net_address("wan", others[i]);
    }
    memset(page, 'v', sizeof(page));
    snprintf(path, sizeof(path), "%s/page", e2e_folder());
    e2e_write_file(path, page, sizeof(page));
    for (size_t i = 0; i < sizeof(web) / sizeof(web[0]); i++) {
        start_web_server(web[i]);
    }
}

static void fetch(const char *netns, const char *address)
{
    char url[96];
    snprintf(url, sizeof(url),
        strchr(address, ':') != NULL ? "http://[%s]:8080/page" : "http://%s:8080/page", address);
    struct e2e_start start = {
        .argv = E2E_ARGS("busybox", "wget", "-q", "-O", "/dev/null", url),
        .netns = netns,
    };
    int64_t deadline = e2e_now_ms() + 10000;
    struct e2e_result result = e2e_run(&start, 10000);
    while (result.status != 0 && e2e_now_ms() < deadline) { /* until the server listens */
        e2e_result_release(&result);
        e2e_pause();
        result = e2e_run(&start, 10000);
    }
    if (result.status != 0) {
        fail_msg("wget %s in %s: %s", url, netns, result.err);
    }
    e2e_result_release(&result);
}

/* ---- Hub and agents. ---- */

static pid_t start_agent(const char *netns, const char *device_id)
{
    static char connection[2][320];
    static char log[2][128];
    unsigned which = strcmp(netns, "dev1") == 0 ? 0 : 1;
    snprintf(connection[which], sizeof(connection[which]),
        "VEDETTE_CONNECTION_STRING=HostName=%s;DeviceId=%s;SharedAccessKey=%s;GatewayHostName=%s",
        E2E_HUB_NAME, device_id, E2E_PRIMARY_KEY, HUB_ADDRESS);
    snprintf(log[which], sizeof(log[which]), "%s/agent-%s.log", e2e_folder(), netns);
    struct e2e_start start = {
        .argv = E2E_ARGS(e2e_vedette(), "agent", "--interface", "eth0", "--ca", scene.hub.ca,
            "--interval", INTERVAL_S),
        .netns = netns,
        .env = E2E_ARGS(connection[which]),
        .stdout_path = log[which],
    };
    return e2e_start(&start);
}

static bool both_report(void *context)
{
    (void)context;
    return e2e_query_number(
               &scene.hub, "SELECT count(DISTINCT DeviceId) FROM SecurityIoTRawEvent") == 2;
}

static int make_scene(void **state)
{
    (void)state;
    make_network();
    e2e_hub_init(&scene.hub, "hub", "hub", HUB_ADDRESS, 8883);
    e2e_hub_start(&scene.hub);
    e2e_device_create(&scene.hub, "device-1");
    e2e_device_create(&scene.hub, "device-2");
    e2e_intel_import(&scene.hub, indicators);
    scene.sinks[0] = e2e_net_udp_sink("wan", 5683);
    scene.sinks[1] = e2e_net_udp_sink("dev1", 5683);
    scene.capture = e2e_capture_start("dev1");
    scene.agents[0] = start_agent("dev1", "device-1");
    scene.agents[1] = start_agent("dev2", "device-2");
    if (!e2e_wait(CENSOR_MS, both_report, NULL)) {
        fail_msg("the agents' first messages did not arrive");
    }
    return 0;
}

static int end_scene(void **state)
{
    (void)state;
    close(scene.sinks[0]);
    close(scene.sinks[1]);
    if (scene.capture != NULL) {
        e2e_capture_free(scene.capture);
    }
    return 0;
}

/* ---- What the tables and alerts say. ---- */

/* How the raw events call the protocol of IP's number. */
static const char *protocol_name(uint8_t protocol)
{
    return protocol == 6 ? "TCP" : protocol == 17 ? "UDP" : "ICMP";
}

struct expected {
    const char *remote;
    uint16_t port; /* 0: any */
    bool alerts;
    struct e2e_captured sum; /* what the capture saw */
};

/* True if the rows of the raw events for the address add up to what the capture saw. */
static bool raw_events_agree(void *context)
{
    struct expected *e = context;
    size_t flows = e2e_capture_sum(scene.capture, e->remote, e->port, &e->sum);
    json_t *rows = e2e_query(&scene.hub,
        "SELECT sum(CAST(json_extract(EventDetails, '$.BytesIn') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.BytesOut') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.PacketsIn') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.PacketsOut') AS BIGINT))"
        " FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1'"
        " AND RawEventName = 'NetworkActivity'"
        " AND json_extract_string(EventDetails, '$.RemoteAddress') = '%s'"
        " AND json_extract_string(EventDetails, '$.Protocol') = '%s'",
        e->remote, protocol_name(e->sum.protocol));
    json_t *row = json_array_get(rows, 0);
    uint64_t sums[4];
    for (size_t i = 0; i < 4; i++) {
        sums[i] = (uint64_t)json_number_value(json_array_get(row, i));
    }
    json_decref(rows);
    return flows > 0 && sums[0] == e->sum.bytes_in && sums[1] == e->sum.bytes_out &&
        sums[2] == e->sum.packets_in && sums[3] == e->sum.packets_out;
}

static json_int_t member(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

/* True if the alert's evidence adds up to what the capture saw. */
static bool evidence_agrees(json_t *alert, const struct e2e_captured *sum)
{
    json_t *evidence = json_object_get(alert, "evidence");
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t packets_in = 0;
    uint64_t packets_out = 0;
    size_t i;
    json_t *item;
    json_array_foreach(evidence, i, item)
    {
        in += (uint64_t)member(item, "bytesIn");
        out += (uint64_t)member(item, "bytesOut");
        packets_in += (uint64_t)member(item, "packetsIn");
        packets_out += (uint64_t)member(item, "packetsOut");
    }
    return json_array_size(evidence) > 0 && in == sum->bytes_in && out == sum->bytes_out &&
        packets_in == sum->packets_in && packets_out == sum->packets_out;
}

static bool alert_agrees(void *context)
{
    struct expected *e = context;
    json_t *alerts = e2e_alerts(&scene.hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", e->remote, NULL);
    bool agrees = alert != NULL && evidence_agrees(alert, &e->sum);
    json_decref(alerts);
    return agrees;
}

static void check_text(json_t *object, const char *name, const char *wanted)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL || strcmp(text, wanted) != 0) {
        fail_msg("\"%s\" is %s, not %s", name, text != NULL ? text : "absent", wanted);
    }
}

static void check_evidence(json_t *item, const struct e2e_captured *sum, const char *local)
{
    const char *id = json_string_value(json_object_get(item, "rawEventId"));
    assert_non_null(id);
    assert_true(e2e_query_number(&scene.hub,
                    "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1'"
                    " AND IoTRawEventId = '%s'"
                    " AND json_extract_string(EventDetails, '$.RemoteAddress') = '%s'",
                    id, sum->remote) >= 1);
    check_text(item, "localAddress", local);
    check_text(item, "remoteAddress", sum->remote);
    check_text(item, "protocol", protocol_name(sum->protocol));
    assert_int_equal(member(item, "remotePort"), sum->remote_port);
    assert_int_equal(member(item, "collectionIntervalSeconds") > 0, 1);
}

/* Alerts are to be raised before this, text like that of the alerts. */
static char latest[40];

static void set_latest(void)
{
    time_t when = time(NULL) + ALERT_MS / 1000;
    struct tm utc;
    gmtime_r(&when, &utc);
    strftime(latest, sizeof(latest), "%Y-%m-%dT%H:%M:%S.999Z", &utc);
}

static void check_in_time(json_t *alert)
{
    const char *raised = json_string_value(json_object_get(alert, "timeGenerated"));
    assert_non_null(raised);
    if (strlen(raised) < 20 || strcmp(raised, latest) > 0) {
        fail_msg("raised at %s, later than %s", raised, latest);
    }
}

/* The alert about one peer: there in time, once, with the facts that the capture saw. */
static void check_alert(const char *remote, const char *source, const char *local)
{
    struct expected expected = {.remote = remote};
    e2e_capture_sum(scene.capture, remote, 0, &expected.sum);
    assert_true(expected.sum.bytes_in + expected.sum.bytes_out > 0);
    if (!e2e_wait(ALERT_MS, alert_agrees, &expected)) {
        json_t *alerts = e2e_alerts(&scene.hub);
        char *text = json_dumps(alerts, JSON_INDENT(1));
        print_error("%s: captured %llu in, %llu out; alerts: %s\n", remote,
            (unsigned long long)expected.sum.bytes_in, (unsigned long long)expected.sum.bytes_out,
            text);
        free(text);
        fail();
    }
    json_t *alerts = e2e_alerts(&scene.hub);
    int how_many = 0;
    json_t *alert = e2e_alert_find(alerts, "device-1", remote, &how_many);
    assert_int_equal(how_many, 1);
    check_text(alert, "displayName", "Communication with a suspicious IP address detected");
    check_text(alert, "alertType", "IoT_TiConnection");
    check_text(alert, "severity", "Medium");
    check_in_time(alert);
    check_text(json_object_get(alert, "indicator"), "value", source);
    check_text(json_object_get(alert, "indicator"), "source", "e2e");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(alert, "evidence"), i, item)
    {
        check_evidence(item, &expected.sum, local);
    }
    json_decref(alerts);
    if (!e2e_wait(ALERT_MS, raw_events_agree, &expected)) {
        fail_msg("the raw events about %s do not add up to what was captured", remote);
    }
}

/* ---- The tests. ---- */

static void test_alert__listed_peers_over_tcp_udp_and_icmp(void **state)
{
    (void)state;
    /* What must not alert goes first: once the alerts are there, its events have been judged too. */
    fetch("dev1", BESIDE_TCP);
    fetch("dev1", BENIGN);
    fetch("dev1", BENIGN_TCP6);
    fetch("dev2", BENIGN);
    fetch("dev2", BESIDE_TCP);
    e2e_net_udp("dev1", BESIDE_RANGE, 5683, 100);
    e2e_net_udp("dev2", DEVICE_LOCAL, 5683, 10);
    fetch("dev1", LISTED_TCP);
    fetch("dev1", LISTED_TCP6);
    e2e_net_udp("dev1", LISTED_UDP, 5683, 321);
    e2e_net_udp("dev1", LISTED_UDP, 5683, 1);
    assert_true(e2e_net_ping("dev1", LISTED_ICMP, 56));
    assert_true(e2e_net_ping("dev1", LISTED_ICMP6, 64));
    set_latest();

    check_alert(LISTED_TCP, LISTED_TCP, DEVICE_LOCAL);
    check_alert(LISTED_TCP6, "2001:db8:bad::/48", "fd77::11");
    check_alert(LISTED_UDP, "203.0.113.128/28", DEVICE_LOCAL);
    check_alert(LISTED_ICMP, "203.0.113.128/28", DEVICE_LOCAL);
    check_alert(LISTED_ICMP6, "2001:db8:bad::/48", "fd77::11");
}

/* dev2 spoke to dev1's address, which is listed: that one alert is dev2's, and right. */
static void test_alert__nothing_else_alerts(void **state)
{
    static const char *const benign[] = {BESIDE_TCP, BENIGN, BENIGN_TCP6, BESIDE_RANGE};
    (void)state;
    for (size_t i = 0; i < sizeof(benign) / sizeof(benign[0]); i++) {
        struct expected expected = {.remote = benign[i]};
        e2e_capture_sum(scene.capture, benign[i], 0, &expected.sum);
        assert_true(expected.sum.bytes_in + expected.sum.bytes_out > 0);
        if (!e2e_wait(ALERT_MS, raw_events_agree, &expected)) {
            fail_msg("the raw events about %s do not add up to what was captured", benign[i]);
        }
    }
    json_t *alerts = e2e_alerts(&scene.hub);
    size_t of_device_1 = 0;
    size_t i;
    json_t *alert;
    json_array_foreach(alerts, i, alert)
    {
        const char *device = json_string_value(json_object_get(alert, "deviceId"));
        const char *subject = json_string_value(json_object_get(alert, "subject"));
        of_device_1 += strcmp(device, "device-1") == 0;
        if (strcmp(device, "device-2") == 0) {
            assert_string_equal(subject, DEVICE_LOCAL);
        }
        assert_string_not_equal(subject, NOBODY);
    }
    assert_int_equal(of_device_1, 5);
    json_decref(alerts);
}

struct repeat {
    json_int_t count;
    char end[40];
};

static bool alert_repeated(void *context)
{
    const struct repeat *before = context;
    json_t *alerts = e2e_alerts(&scene.hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", LISTED_TCP, NULL);
    const char *end = json_string_value(json_object_get(alert, "endTime"));
    bool repeated = alert != NULL && member(alert, "count") > before->count && end != NULL &&
        strcmp(end, before->end) > 0;
    json_decref(alerts);
    return repeated;
}

static void test_alert__a_repeat_is_counted_not_raised_again(void **state)
{
    struct repeat before;
    int how_many = 0;
    (void)state;
    json_t *alerts = e2e_alerts(&scene.hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", LISTED_TCP, NULL);
    before.count = member(alert, "count");
    snprintf(
        before.end, sizeof(before.end), "%s", json_string_value(json_object_get(alert, "endTime")));
    json_decref(alerts);

    fetch("dev1", LISTED_TCP);
    assert_true(e2e_wait(ALERT_MS, alert_repeated, &before));
    alerts = e2e_alerts(&scene.hub);
    e2e_alert_find(alerts, "device-1", LISTED_TCP, &how_many);
    json_decref(alerts);
    assert_int_equal(how_many, 1);
}

static void test_alert__a_person_can_read_it(void **state)
{
    (void)state;
    struct e2e_result list = e2e_cli(&scene.hub, E2E_ARGS("alert", "list"));
    assert_int_equal(list.status, 0);
    assert_non_null(strstr(list.out, "device-1"));
    assert_non_null(strstr(list.out, LISTED_TCP));
    assert_non_null(strstr(list.out, "Medium"));
    assert_null(strstr(list.out, "\033")); /* no colours into a file */
    e2e_result_release(&list);

    json_t *alerts = e2e_alerts(&scene.hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", LISTED_TCP, NULL);
    const char *id = json_string_value(json_object_get(alert, "id"));
    struct e2e_result show = e2e_cli(&scene.hub, E2E_ARGS("alert", "show", id));
    assert_int_equal(show.status, 0);
    assert_non_null(strstr(show.out, LISTED_TCP));
    assert_non_null(strstr(show.out, "8080"));
    e2e_result_release(&show);
    json_decref(alerts);
}

/* ---- Feeds. ---- */

static bool feed_alerts(void *context)
{
    json_t *alerts = e2e_alerts(&scene.hub);
    bool found = e2e_alert_find(alerts, "device-1", context, NULL) != NULL;
    json_decref(alerts);
    return found;
}

/* A feed that comes while the device talks: its severity, confidence and words are the alert's; an exception raises none. */
static void test_alert__names_its_feed(void **state)
{
    static const char csv[] =
        "ip,score,why\n" BESIDE_TCP ",85,\"relay, seen twice\"\n" BENIGN ",85,none\n";
    char csv_path[160];
    char ours_path[160];
    (void)state;
    snprintf(csv_path, sizeof(csv_path), "%s/feed.csv", e2e_folder());
    e2e_write_file(csv_path, csv, strlen(csv));
    snprintf(ours_path, sizeof(ours_path), "%s/ours.txt", e2e_folder());
    e2e_write_file(ours_path, BENIGN, strlen(BENIGN));
    e2e_cli_ok(&scene.hub, E2E_ARGS("intel", "add", "--kind", "exceptions", "ours", ours_path));
    e2e_cli_ok(&scene.hub,
        E2E_ARGS("intel", "add", "--column", "ip", "--confidence-column", "score",
            "--description-column", "why", "--severity", "High", "relays", csv_path));
    fetch("dev1", BENIGN);
    fetch("dev1", BESIDE_TCP);
    if (!e2e_wait(ALERT_MS, feed_alerts, (void *)(uintptr_t)BESIDE_TCP)) {
        fail_msg("no alert about %s", BESIDE_TCP);
    }
    json_t *alerts = e2e_alerts(&scene.hub);
    json_t *alert = e2e_alert_find(alerts, "device-1", BESIDE_TCP, NULL);
    const char *description = json_string_value(json_object_get(alert, "description"));
    check_text(alert, "severity", "High");
    check_text(json_object_get(alert, "indicator"), "source", "relays");
    assert_non_null(strstr(description, "confidence 85"));
    assert_non_null(strstr(description, "relay, seen twice"));
    assert_null(e2e_alert_find(alerts, "device-1", BENIGN, NULL));
    json_decref(alerts);
}

/* ---- What the device says of itself. ---- */

static void test_alert__who_opened(void **state)
{
    (void)state;
    /* The device opened all of its TCP connections, and neither UDP nor ICMP is opened. */
    assert_true(e2e_query_number(&scene.hub,
                    "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1'"
                    " AND json_extract_string(EventDetails, '$.RemoteAddress') = '%s'"
                    " AND json_extract_string(EventDetails, '$.OpenedBy') = 'Device'",
                    LISTED_TCP) > 0);
    assert_int_equal(e2e_query_number(&scene.hub,
                         "SELECT count(*) FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1'"
                         " AND json_extract_string(EventDetails, '$.OpenedBy') = 'Remote'"),
        0);
    assert_int_equal(e2e_query_number(&scene.hub,
                         "SELECT count(*) FROM SecurityIoTRawEvent"
                         " WHERE json_extract_string(EventDetails, '$.Protocol') <> 'TCP'"
                         " AND json_extract(EventDetails, '$.OpenedBy') IS NOT NULL"),
        0);
}

/* What the device's flows, its ledgers and its number of messages add up to. */
struct account {
    json_int_t flow_packets;
    json_int_t counted;
    json_int_t seen;
    json_int_t lost;
    json_int_t ledgers;
    json_int_t sequences;
};

/* True once the ledgers have told as many counted packets as the flows have. */
static bool ledger_agrees(void *context)
{
    struct account *a = context;
    json_t *rows = e2e_query(&scene.hub,
        "SELECT"
        " sum(CAST(json_extract(EventDetails, '$.PacketsIn') AS BIGINT)"
        " + CAST(json_extract(EventDetails, '$.PacketsOut') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.PacketsCounted') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.PacketsSeen') AS BIGINT)),"
        " sum(CAST(json_extract(EventDetails, '$.PacketsOverflowed') AS BIGINT)"
        " + CAST(json_extract(EventDetails, '$.PacketsMalformed') AS BIGINT)"
        " + CAST(json_extract(EventDetails, '$.PacketsGivenUp') AS BIGINT)"
        " + CAST(json_extract(EventDetails, '$.PacketsWithheld') AS BIGINT)),"
        " count(*) FILTER (RawEventName = 'Ledger'),"
        " max(CAST(json_extract(EventDetails, '$.Sequence') AS BIGINT))"
        " FROM SecurityIoTRawEvent WHERE DeviceId = 'device-1'");
    json_t *row = json_array_get(rows, 0);
    json_int_t *const values[] = {
        &a->flow_packets, &a->counted, &a->seen, &a->lost, &a->ledgers, &a->sequences};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        *values[i] = (json_int_t)json_number_value(json_array_get(row, i));
    }
    json_decref(rows);
    return a->flow_packets > 0 && a->counted == a->flow_packets;
}

/* Every message brought its ledger, and what it says is what arrived: nothing was lost here. */
static void test_alert__ledger_accounts_for_every_packet(void **state)
{
    struct account account = {0};
    (void)state;
    if (!e2e_wait(CENSOR_MS, ledger_agrees, &account)) {
        fail_msg("the ledgers count %lld packets, the flows %lld", (long long)account.counted,
            (long long)account.flow_packets);
    }
    assert_int_equal(account.lost, 0);
    assert_true(account.seen >= account.counted);
    assert_int_equal(account.ledgers, account.sequences);
}

static void test_alert__agents_and_hub_stop_clean(void **state)
{
    (void)state;
    assert_int_equal(e2e_stop(scene.agents[0], SIGTERM, 10000), 0);
    assert_int_equal(e2e_stop(scene.agents[1], SIGINT, 10000), 0);
    e2e_hub_stop(&scene.hub);
}

int main(void)
{
    static const char *const programs[] = {"ip", "busybox", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert__listed_peers_over_tcp_udp_and_icmp),
        cmocka_unit_test(test_alert__nothing_else_alerts),
        cmocka_unit_test(test_alert__a_repeat_is_counted_not_raised_again),
        cmocka_unit_test(test_alert__a_person_can_read_it),
        cmocka_unit_test(test_alert__who_opened),
        cmocka_unit_test(test_alert__ledger_accounts_for_every_packet),
        cmocka_unit_test(test_alert__names_its_feed),
        cmocka_unit_test(test_alert__agents_and_hub_stop_clean),
    };
    int result = e2e_begin(E2E_NAMESPACES, programs);
    return result != 0
        ? result
        : e2e_end(cmocka_run_group_tests_name("alert", tests, make_scene, end_scene));
}
