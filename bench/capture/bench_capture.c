/* SPDX-License-Identifier: MIT */
/* One round of captured traffic over a veth pair of its own: what it costs the host, and what is lost. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"
#include "tests/agent/namespaces.h"

/* Packets of one sendmmsg call at full speed. */
#define BATCH 64
/* Flows at once, which a module of the default size can hold. */
#define FLOWS     32
#define BYTES_MAX 1472u
/* Milliseconds for packets to arrive. */
#define WAIT_MAX 2000

static struct namespaces ns;
static struct asc_module module;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static uint32_t port_time(void *context)
{
    (void)context;
    return 1700000000;
}

static uint32_t port_uptime(void *context)
{
    (void)context;
    return 0;
}

static bool port_random(void *context, uint8_t *out, size_t length)
{
    (void)context;
    return getrandom(out, length, 0) == (ssize_t)length;
}

static void port_lock(void *context)
{
    (void)context;
    pthread_mutex_lock(&mutex);
}

static void port_unlock(void *context)
{
    (void)context;
    pthread_mutex_unlock(&mutex);
}

static enum asc_send_result port_send(void *context, const uint8_t *message, uint32_t length)
{
    (void)context;
    (void)message;
    (void)length;
    return ASC_SEND_DONE;
}

static const struct asc_port port = {.time_utc_s = port_time,
    .uptime_ms = port_uptime,
    .random = port_random,
    .lock = port_lock,
    .unlock = port_unlock,
    .send = port_send};

/* As the agent does it. */
static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    (void)context;
    asc_module_packet(&module, direction, cast, packet);
}

static bool start_module(void)
{
    struct asc_settings settings = asc_settings_default();

    settings.security_module_id = "bench-capture";
    return asc_module_init(&module, &port, NULL, &settings) == ASC_OK &&
        asc_module_enable(&module) == ASC_OK;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct sockaddr_in address(const char *text, uint16_t number)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(number)};

    (void)inet_pton(AF_INET, text, &a.sin_addr);
    return a;
}

static int open_udp(int in, const char *text, uint16_t number)
{
    struct sockaddr_in a = address(text, number);
    int fd = namespaces_socket(&ns, in, AF_INET, SOCK_DGRAM, 0);

    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        fprintf(stderr, "bench_capture: bind: %s\n", strerror(errno));
        exit(1);
    }
    return fd;
}

/* Sends `count` packets of `bytes` bytes of payload, over all flows in turn, at `rate` packets/s; 0: as
   fast as it goes. */
static void send_all(
    const int *fds, const struct sockaddr_in *to, unsigned count, size_t bytes, unsigned rate)
{
    static uint8_t payload[BYTES_MAX];
    struct iovec vector = {payload, bytes};
    struct mmsghdr headers[BATCH];
    struct sockaddr_in target = *to;
    const unsigned batch = rate > 0 ? 1 : BATCH;
    const uint64_t start = now_ns(CLOCK_MONOTONIC);

    memset(headers, 0, sizeof headers);
    for (unsigned i = 0; i < BATCH; i++) {
        headers[i].msg_hdr = (struct msghdr){
            .msg_name = &target, .msg_namelen = sizeof target, .msg_iov = &vector, .msg_iovlen = 1};
    }
    for (unsigned sent = 0, turn = 0; sent < count; turn++) {
        const unsigned n = count - sent < batch ? count - sent : batch;
        const int done = sendmmsg(fds[turn % FLOWS], headers, n, 0);

        sent += done > 0 ? (unsigned)done : 0;
        if (rate > 0) {
            const uint64_t due = start + sent * UINT64_C(1000000000) / rate;
            const struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};

            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
    }
}

/* Of the numbers of dev0 in /proc/net/dev, the second and the tenth: packets in and out. */
static uint64_t sum_packets(const char *numbers)
{
    uint64_t sum = 0;
    char *end = NULL;

    for (unsigned i = 0; i < 10; i++) {
        const uint64_t value = strtoull(numbers, &end, 10);

        sum += i == 1 || i == 9 ? value : 0;
        numbers = end;
    }
    return sum;
}

/* Packets that the interface has passed, in and out: the truth to hold the capture against. */
static uint64_t passed_by_interface(void)
{
    FILE *file = fopen("/proc/thread-self/net/dev", "re");
    uint64_t sum = 0;
    char line[512];

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *numbers = strstr(line, "dev0:");

        sum += numbers != NULL ? sum_packets(numbers + strlen("dev0:")) : 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return sum;
}

static asc_linux_capture *start_capture(const char *way)
{
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES];
    asc_linux_capture *c = NULL;

    if (strcmp(way, "none") != 0) {
        c = asc_linux_capture_start("dev0",
            strcmp(way, "ring") == 0 ? ASC_LINUX_CAPTURE_RING : ASC_LINUX_CAPTURE_SOCKET, on_packet,
            NULL, error);
        if (c == NULL) {
            fprintf(stderr, "bench_capture: %s\n", error);
            exit(1);
        }
    }
    return c;
}

/* bench_capture none|socket|ring in|out PACKETS BYTES RATE
   prints: CPU ns of this process, the kernel's work for its packets included; of these, those of the
   capture's thread; packets that passed the interface; packets counted; packets dropped */
int main(int argc, char **argv)
{
    int fds[FLOWS];
    int sink;
    asc_linux_capture *c;
    struct asc_linux_capture_counters counters;
    struct asc_counters counted;
    struct sockaddr_in to;
    uint64_t cpu, own, passed, before;
    unsigned count;
    bool in;

    if (argc != 6) {
        fprintf(stderr, "usage: bench_capture none|socket|ring in|out PACKETS BYTES RATE\n");
        return 2;
    }
    if (!namespaces_enter(&ns) || !start_module()) {
        return 1;
    }
    in = strcmp(argv[2], "in") == 0;
    to = address(in ? NAMESPACE_DEVICE_V4 : NAMESPACE_PEER_V4, 9999);
    /* Never read: what comes after it is full is dropped there, behind the capture. */
    sink = open_udp(in ? ns.device : ns.peer, in ? NAMESPACE_DEVICE_V4 : NAMESPACE_PEER_V4, 9999);
    for (unsigned i = 0; i < FLOWS; i++) {
        fds[i] = open_udp(in ? ns.peer : ns.device, in ? NAMESPACE_PEER_V4 : NAMESPACE_DEVICE_V4,
            (uint16_t)(10000 + i));
    }
    asc_linux_log_level(ASC_LINUX_LOG_ERROR);
    count = (unsigned)strtoul(argv[3], NULL, 10);
    c = start_capture(argv[1]);
    before = passed_by_interface();
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    own = now_ns(CLOCK_THREAD_CPUTIME_ID);
    send_all(fds, &to, count, strtoul(argv[4], NULL, 10) % (BYTES_MAX + 1),
        (unsigned)strtoul(argv[5], NULL, 10));
    /* Under load the last may still be on their way in. */
    for (int i = 0; i < WAIT_MAX && passed_by_interface() - before < count; i++) {
        usleep(1000);
    }
    passed = passed_by_interface() - before;
    counters = asc_linux_capture_stop(c);
    own = now_ns(CLOCK_THREAD_CPUTIME_ID) - own;
    cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    counted = asc_module_counters(&module);
    printf("%llu %llu %llu %u %llu\n", (unsigned long long)cpu, (unsigned long long)(cpu - own),
        (unsigned long long)passed, asc_counters_packets_seen(&counted),
        (unsigned long long)counters.dropped);
    close(sink);
    return 0;
}
