/* SPDX-License-Identifier: MIT */
/* Runs the fleet from the beginning of its day to the end, says how it does, and then what it delivered; the receiver stays until SIGTERM. */

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "bench/soak/fleet.h"
#include "lib/clock.h"

#define REPORT_S 60

struct fleet_options fleet_options = {.devices = 100, .speed = 1};
struct fleet_counts fleet_counts;
struct event_base *fleet_base;

static struct device *devices;
static struct event report_timer;
static struct event stop;

int64_t fleet_at_s(void)
{
    return vd_clock_utc_ms() / 1000 - fleet_options.begin_s;
}

void fleet_die(const char *what, const char *why)
{
    fprintf(stderr, "soak_fleet: %s: %s\n", what, why);
    exit(1);
}

static unsigned device_count(void)
{
    return fleet_options.devices + fleet_options.attackers;
}

/* The latency in ms that `share` of those since the last report stayed within. */
static unsigned latency_within(double share)
{
    uint64_t all = 0;
    uint64_t seen = 0;
    unsigned ms = 0;

    for (unsigned i = 0; i <= FLEET_LATENCY_MAX; i++) {
        all += fleet_counts.latencies[i];
    }
    while (ms < FLEET_LATENCY_MAX &&
        (double)(seen += fleet_counts.latencies[ms]) < share * (double)all) {
        ms++;
    }
    return ms;
}

/* at_s online sent unsent refused accepted taken not_taken p50_ms p99_ms */
static void report(void)
{
    printf("%lld %u %llu %llu %llu %u %llu %llu %u %u\n", (long long)fleet_at_s(),
        fleet_counts.online, (unsigned long long)fleet_counts.sent,
        (unsigned long long)fleet_counts.unsent, (unsigned long long)fleet_counts.refused,
        fleet_counts.accepted, (unsigned long long)receiver_taken(),
        (unsigned long long)receiver_refused(), latency_within(0.5), latency_within(0.99));
    fflush(stdout);
    memset(fleet_counts.latencies, 0, sizeof fleet_counts.latencies);
}

/* What each device delivered: id, messages, packets in their ledgers. */
static void write_ledger(void)
{
    FILE *file = fopen(fleet_options.ledger, "w");

    if (file == NULL) {
        fleet_die(fleet_options.ledger, "cannot be written");
    }
    for (unsigned i = 0; i < fleet_options.devices; i++) {
        const struct asc_counters c = asc_module_counters(&devices[i].module);

        fprintf(file, "%s,%u,%u\n", devices[i].connection.device_id, c.messages_sent,
            c.packets_counted - c.packets_given_up);
    }
    if (fclose(file) != 0) {
        fleet_die(fleet_options.ledger, "cannot be written");
    }
}

static void on_report(evutil_socket_t fd, short what, void *context)
{
    static bool is_over;
    static bool is_told;

    (void)fd;
    (void)what;
    (void)context;
    report();
    if (!is_over && vd_clock_utc_ms() / 1000 >= fleet_options.end_s) {
        is_over = true;
        for (unsigned i = 0; i < device_count(); i++) {
            device_end(&devices[i]);
        }
    }
    if (!is_told && fleet_counts.running == 0) {
        is_told = true;
        write_ledger();
    }
}

static void on_stop(evutil_socket_t signal_number, short what, void *context)
{
    (void)signal_number;
    (void)what;
    (void)context;
    event_base_loopbreak(fleet_base);
}

static void parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"ca", required_argument, NULL, 'c'},
        {"port", required_argument, NULL, 'p'},
        {"devices", required_argument, NULL, 'd'},
        {"attackers", required_argument, NULL, 'a'},
        {"begin", required_argument, NULL, 'b'},
        {"end", required_argument, NULL, 'e'},
        {"speed", required_argument, NULL, 's'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        const long long value = c == '?' ? 0 : strtoll(optarg, NULL, 10);

        switch (c) {
        case 'c':
            fleet_options.ca_file = optarg;
            break;
        case 'p':
            fleet_options.port = (uint16_t)value;
            break;
        case 'd':
            fleet_options.devices = (unsigned)value;
            break;
        case 'a':
            fleet_options.attackers = (unsigned)value;
            break;
        case 'b':
            fleet_options.begin_s = value;
            break;
        case 'e':
            fleet_options.end_s = value;
            break;
        case 's':
            fleet_options.speed = (unsigned)value;
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc || fleet_options.port == 0 || fleet_options.speed == 0) {
        fputs("usage: soak_fleet --ca FILE --port N --devices N --attackers N --begin S --end S "
              "--speed N LEDGER\n",
            stderr);
        exit(2);
    }
    fleet_options.ledger = argv[optind];
}

static void allow_files(void)
{
    struct rlimit files = {0};

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int argc, char **argv)
{
    const struct timeval every = {REPORT_S, 0};

    parse_options(argc, argv);
    signal(SIGPIPE, SIG_IGN);
    allow_files();
    asc_linux_log_level(ASC_LINUX_LOG_WARN);
    fleet_base = event_base_new();
    devices = calloc(device_count(), sizeof *devices);
    if (fleet_base == NULL || devices == NULL) {
        fleet_die("start", "out of memory");
    }
    for (unsigned i = 0; i < device_count(); i++) {
        device_start(&devices[i], i);
    }
    printf("receiver %u\n", receiver_start());
    fflush(stdout);
    event_assign(&report_timer, fleet_base, -1, EV_PERSIST, on_report, NULL);
    event_add(&report_timer, &every);
    evsignal_assign(&stop, fleet_base, SIGTERM, on_stop, NULL);
    evsignal_add(&stop, NULL);
    event_base_dispatch(fleet_base);
    for (unsigned i = 0; i < device_count(); i++) {
        device_release(&devices[i]);
    }
    free(devices);
    return 0;
}
