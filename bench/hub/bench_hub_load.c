/* SPDX-License-Identifier: MIT */
/* Load for an MQTT server over TLS: messages in a window, connections that stay, or connections that come and go. */

#include <errno.h>
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/hub/load.h"
#include "lib/clock.h"

#define EVENTS 256
/* Connections that are being opened at a time. */
#define OPENING_MAX 16
#define WARM_UP_MS  1000

struct load_options load_options = {
    .connections = 50, .window = 64, .body_bytes = 500, .seconds = 5};
struct load_counts load_counts;

static struct load_client clients[LOAD_CLIENTS_MAX];

static void poll_once(int epoll)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll, events, EVENTS, 1000);

    for (int i = 0; i < n; i++) {
        load_client_serve(epoll, events[i].data.ptr);
    }
}

static void run_until(int epoll, int64_t end_ms)
{
    while (vd_clock_monotonic_ms() < end_ms) {
        poll_once(epoll);
    }
}

static void connect_all(int epoll)
{
    for (unsigned i = 0, device = 0; i < load_options.connections; i++) {
        load_client_open(epoll, &clients[i], device);
        device = device + 1 < load_options.devices ? device + 1 : 0;
        while (i + 1 - load_counts.connected > OPENING_MAX) {
            poll_once(epoll);
        }
    }
    while (load_counts.connected < load_options.connections) {
        poll_once(epoll);
    }
}

/* Processor time of the server in ns. */
static double server_time(void)
{
    struct timespec time = {0};
    clockid_t clock;

    if (load_options.server != 0 &&
        (clock_getcpuclockid(load_options.server, &clock) != 0 ||
            clock_gettime(clock, &time) != 0)) {
        load_die("the server's clock");
    }
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Prints how often `counter` grows in a second, and the server's ns for each. */
static void measure(int epoll, const uint64_t *counter)
{
    int64_t start;
    uint64_t before;
    double time_before;
    double count;

    run_until(epoll, vd_clock_monotonic_ms() + WARM_UP_MS);
    before = *counter;
    time_before = server_time();
    start = vd_clock_monotonic_ms();
    run_until(epoll, start + 1000 * (int64_t)load_options.seconds);
    count = (double)(*counter - before);
    printf("%.0f %.0f\n", count * 1000.0 / (double)(vd_clock_monotonic_ms() - start),
        count > 0 ? (server_time() - time_before) / count : 0);
}

/* Says that all are connected, and waits for the end of its input. */
static int hold(void)
{
    char byte;

    puts("connected");
    fflush(stdout);
    return read(STDIN_FILENO, &byte, 1) < 0;
}

static void set_option(int name)
{
    unsigned value = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;

    switch (name) {
    case 'p':
        load_options.port = (uint16_t)value;
        break;
    case 'n':
        load_options.connections = value;
        break;
    case 'd':
        load_options.devices = value;
        break;
    case 'w':
        load_options.window = value;
        break;
    case 'b':
        load_options.body_bytes = value;
        break;
    case 's':
        load_options.seconds = value;
        break;
    case 'S':
        load_options.server = (int)value;
        break;
    case 'c':
        load_options.certificate = optarg;
        break;
    case 'k':
        load_options.private_key = optarg;
        break;
    default:
        exit(2);
    }
}

static void parse_options(int argc, char **argv)
{
    static int mode = LOAD_PUBLISH;
    static int is_hub;
    static int issues;
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'n'},
        {"devices", required_argument, NULL, 'd'},
        {"window", required_argument, NULL, 'w'},
        {"bytes", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 's'},
        {"server", required_argument, NULL, 'S'},
        {"certificate", required_argument, NULL, 'c'},
        {"private-key", required_argument, NULL, 'k'},
        {"issue", no_argument, &issues, 1},
        {"hub", no_argument, &is_hub, 1},
        {"idle", no_argument, &mode, LOAD_IDLE},
        {"churn", no_argument, &mode, LOAD_CHURN},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (c != 0) {
            set_option(c);
        }
    }
    load_options.mode = (enum load_mode)mode;
    load_options.is_hub = is_hub != 0;
    load_options.issues = issues != 0;
    if (load_options.devices == 0) {
        load_options.devices = load_options.connections;
    }
    if (load_options.connections == 0 || load_options.connections > LOAD_CLIENTS_MAX ||
        (load_options.certificate == NULL) != (load_options.private_key == NULL) ||
        (load_options.issues && load_options.devices > LOAD_CLIENTS_MAX)) {
        fputs("bench_hub_load: options that make no load\n", stderr);
        exit(2);
    }
}

/* Prints messages, or with --churn connections, a second and the server's ns for each; with --idle that all are connected. */
int main(int argc, char **argv)
{
    struct rlimit files = {0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    parse_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (epoll < 0) {
        load_die("start");
    }
    load_clients_prepare();
    connect_all(epoll);
    if (load_options.mode == LOAD_IDLE) {
        return hold();
    }
    measure(epoll,
        load_options.mode == LOAD_CHURN ? &load_counts.connected : &load_counts.acknowledged);
    return 0;
}
