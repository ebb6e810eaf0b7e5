/* SPDX-License-Identifier: MIT */
/* The whole agent on a real interface: what the hub got equals, byte for byte, what was sent. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/certificates.h"
#include "tests/agent/decode.h"
#include "tests/agent/hub_server.h"
#include "tests/agent/namespaces.h"

#define KEY          "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define AGENT        VD_BINARY_DIR "/tests/agent/agent_main"
#define EXPECTED_MAX 32u

static struct namespaces ns;

/* What every test has: certificates, a hub on the device's loopback, the agent's process and log. */
struct fixture {
    const char *capture; /* way of capturing */
    char ca_path[64], log_path[64];
    struct test_ca ca;
    SSL_CTX *context;
    struct hub_server *hub;
    pid_t agent;
    unsigned expected_count;
    struct decode_flow expected[EXPECTED_MAX];
    struct decode_sum sum;
};

static void temporary(char *path, size_t size, const char *what)
{
    int fd;

    snprintf(path, size, "/tmp/vedette-%s-XXXXXX", what);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    temporary(f->ca_path, sizeof f->ca_path, "ca");
    temporary(f->log_path, sizeof f->log_path, "log");
    f->ca = test_ca_new("test CA");
    test_ca_write(&f->ca, f->ca_path);
    f->context = test_server_context(&f->ca, "DNS:localhost,IP:127.0.0.1", -3600, 3600);
    f->hub = hub_server_start(f->context, "127.0.0.1");
    f->capture = "ring";
    *state = f;
    return 0;
}

static int setup_socket(void **state)
{
    int result = setup(state);
    struct fixture *f = *state;

    f->capture = "socket";
    return result;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    if (f->agent > 0) {
        kill(f->agent, SIGKILL);
        waitpid(f->agent, NULL, 0);
    }
    hub_server_stop(f->hub);
    SSL_CTX_free(f->context);
    test_ca_release(&f->ca);
    unlink(f->ca_path);
    unlink(f->log_path);
    free(f);
    return 0;
}

static bool logged(const struct fixture *f, const char *text)
{
    static char log[1 << 20];
    int fd = open(f->log_path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, log, sizeof log - 1);
    close(fd);
    log[n > 0 ? n : 0] = '\0';
    return strstr(log, text) != NULL;
}

/* Bounded by the test's time-out, as all waits here. */
static void await_log(const struct fixture *f, const char *text)
{
    while (!logged(f, text)) {
        poll(NULL, 0, 5);
    }
}

static void await_messages(const struct fixture *f, unsigned count)
{
    while (hub_server_messages(f->hub) < count) {
        poll(NULL, 0, 5);
    }
}

/* Starts `agent_main ARGUMENTS...` in the device's namespace with its standard error in the log. */
static pid_t spawn(const struct fixture *f, char *const arguments[], const char *environment)
{
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(f->log_path, O_WRONLY | O_APPEND);

        if (fd >= 0 && dup2(fd, STDERR_FILENO) >= 0) {
            if (environment != NULL) {
                setenv("VEDETTE_CONNECTION_STRING", environment, 1);
            }
            execv(AGENT, arguments);
        }
        _exit(126);
    }
    return child;
}

static void connection_text(const struct fixture *f, char *out, size_t size)
{
    snprintf(out, size, "HostName=localhost:%u;DeviceId=d1;SharedAccessKey=" KEY,
        (unsigned)hub_server_port(f->hub));
}

static void start_agent(struct fixture *f, const char *interval)
{
    char text[300];
    char *arguments[] = {(char[]){"agent"}, (char[]){"--interface"}, (char[]){"dev0"},
        (char[]){"--interval"}, (char[]){"1000000"}, (char[]){"--ca"}, f->ca_path, (char[]){"--id"},
        (char[]){"module-7"}, (char[]){"--verbose"}, (char[]){"--capture"}, (char[]){"socket"},
        NULL};

    snprintf(arguments[4], 8, "%s", interval);
    snprintf(arguments[11], 7, "%s", f->capture);
    connection_text(f, text, sizeof text);
    f->agent = spawn(f, arguments, text);
    await_log(f, "event=capture_attached");
    await_log(f, "event=hub_connected");
}

static int status_of(pid_t child)
{
    int status = -1;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void stop_agent(struct fixture *f)
{
    assert_int_equal(kill(f->agent, SIGTERM), 0);
    assert_int_equal(status_of(f->agent), 0);
    f->agent = 0;
    for (unsigned i = 0; i < hub_server_messages(f->hub); i++) {
        struct hub_server_message m = hub_server_message(f->hub, i);

        decode_add(&f->sum, m.payload, m.length);
    }
}

/* --- Traffic, with what the agent must have counted of it --------------------------------------- */

static struct sockaddr_storage address_of(bool ipv6, bool device, uint16_t port, socklen_t *size)
{
    struct sockaddr_storage out = {.ss_family = ipv6 ? AF_INET6 : AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out;
    const char *text = ipv6 ? (device ? NAMESPACE_DEVICE_V6 : NAMESPACE_PEER_V6)
                            : (device ? NAMESPACE_DEVICE_V4 : NAMESPACE_PEER_V4);

    *size = ipv6 ? sizeof *v6 : sizeof *v4;
    if (ipv6) {
        v6->sin6_port = htons(port);
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    } else {
        v4->sin_port = htons(port);
        assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    }
    return out;
}

static int open_bound(bool ipv6, bool device, int type, int protocol, uint16_t port)
{
    socklen_t size;
    struct sockaddr_storage a = address_of(ipv6, device, port, &size);
    int fd = namespaces_socket(
        &ns, device ? ns.device : ns.peer, ipv6 ? AF_INET6 : AF_INET, type, protocol);
    int on = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    return fd;
}

/* What crossed the interface in one direction. */
struct amount {
    uint64_t bytes; /* IP payload */
    uint64_t packets;
};

static void expect(struct fixture *f, bool ipv6, enum decode_protocol protocol, uint16_t local_port,
    uint16_t remote_port, struct amount in, struct amount out)
{
    struct decode_flow *e = &f->expected[f->expected_count++];
    const char *local = ipv6 ? NAMESPACE_DEVICE_V6 : NAMESPACE_DEVICE_V4;
    const char *remote = ipv6 ? NAMESPACE_PEER_V6 : NAMESPACE_PEER_V4;

    assert_true(f->expected_count <= EXPECTED_MAX);
    *e = (struct decode_flow){.ipv6 = ipv6,
        .protocol = protocol,
        .local_port = local_port,
        .remote_port = remote_port,
        .bytes_in = in.bytes,
        .bytes_out = out.bytes,
        .packets_in = in.packets,
        .packets_out = out.packets};
    assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, local, e->local), 1);
    assert_int_equal(inet_pton(ipv6 ? AF_INET6 : AF_INET, remote, e->remote), 1);
}

/* Adds a datagram of `length` bytes (transport header included) at an MTU of 1,500: each fragment of
   IPv4 has at most 1,480 bytes of it, one of IPv6 at most 1,448 and a fragment header of 8. */
static void add_datagram(struct amount *a, bool ipv6, uint64_t length)
{
    const uint64_t whole = ipv6 ? 1460 : 1480, part = ipv6 ? 1448 : 1480;
    const uint64_t packets = length > whole ? (length + part - 1) / part : 1;

    a->packets += packets;
    a->bytes += length + (ipv6 && packets > 1 ? 8 * packets : 0);
}

static void send_datagram(int from, int to, bool ipv6, bool device, uint16_t port, size_t length)
{
    static uint8_t data[65536];
    socklen_t size;
    struct sockaddr_storage a = address_of(ipv6, device, port, &size);

    assert_int_equal(sendto(from, data, length, 0, (struct sockaddr *)&a, size), (ssize_t)length);
    assert_int_equal(recv(to, data, sizeof data, 0), (ssize_t)length);
}

/* Datagrams of many sizes both ways; those over 1,472 and 1,452 bytes go in fragments. */
static void traffic_udp(struct fixture *f, bool ipv6, uint16_t port)
{
    static const size_t out[] = {0, 1, 512, 1452, 1453, 1472, 1473, 4000, 60000};
    static const size_t in[] = {0, 33, 1400, 2896, 2897, 9000};
    int device = open_bound(ipv6, true, SOCK_DGRAM, 0, port);
    int peer = open_bound(ipv6, false, SOCK_DGRAM, 0, (uint16_t)(port + 1));
    struct amount sent = {0, 0}, received = {0, 0};

    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        send_datagram(device, peer, ipv6, false, (uint16_t)(port + 1), out[i]);
        add_datagram(&sent, ipv6, 8 + out[i]);
    }
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        send_datagram(peer, device, ipv6, true, port, in[i]);
        add_datagram(&received, ipv6, 8 + in[i]);
    }
    expect(f, ipv6, DECODE_UDP, port, (uint16_t)(port + 1), received, sent);
    close(device);
    close(peer);
}

static uint16_t checksum(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < length; i += 2) {
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

/* One echo request of `length` bytes (even, header included) and its answer by the peer's kernel. */
static void ping(int fd, bool ipv6, uint16_t sequence, size_t length)
{
    static uint8_t out[65536], in[65536];
    socklen_t size;
    struct sockaddr_storage a = address_of(ipv6, false, 0, &size);
    uint8_t reply = ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
    uint16_t sum;

    memset(out, 0x61, length);
    memset(out, 0, 8);
    out[0] = ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
    out[4] = 0x77;
    out[6] = (uint8_t)(sequence >> 8);
    out[7] = (uint8_t)sequence;
    sum = checksum(out, length); /* of ICMPv6 the kernel's, over what is there */
    out[2] = (uint8_t)(sum >> 8);
    out[3] = (uint8_t)sum;
    assert_int_equal(sendto(fd, out, length, 0, (struct sockaddr *)&a, size), (ssize_t)length);
    for (;;) {
        ssize_t n = recv(fd, in, sizeof in, 0);
        size_t head = ipv6 ? 0 : 20;

        assert_true(n > 0);
        if ((size_t)n == head + length && in[head] == reply &&
            memcmp(in + head + 4, out + 4, 4) == 0) {
            return;
        }
    }
}

static void traffic_icmp(struct fixture *f, bool ipv6)
{
    static const size_t lengths[] = {8, 64, 1480, 1482, 3008, 20000};
    int fd = open_bound(ipv6, true, SOCK_RAW, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 0);
    struct amount each_way = {0, 0};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ping(fd, ipv6, (uint16_t)i, lengths[i]);
        add_datagram(&each_way, ipv6, lengths[i]);
    }
    expect(f, ipv6, DECODE_ICMP, 0, 0, each_way, each_way);
    close(fd);
}

static void transfer(int from, int to, size_t length)
{
    static uint8_t data[16384];
    size_t sent = 0, received = 0;

    while (received < length) {
        size_t rest = length - sent < sizeof data ? length - sent : sizeof data;
        ssize_t n = rest > 0 ? send(from, data, rest, MSG_DONTWAIT) : 0;

        sent += n > 0 ? (size_t)n : 0;
        n = recv(to, data, sizeof data, sent > received ? 0 : MSG_DONTWAIT);
        received += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(received, length);
}

static struct tcp_info tcp_info_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    memset(&info, 0, sizeof info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info;
}

/* What the kernel itself counted at the device's end, once both ends have acknowledged everything.
   A segment has 32 bytes of header (timestamps), one with SYN 40. */
static void expect_tcp(
    struct fixture *f, bool ipv6, int device, int peer, uint16_t local_port, uint16_t remote_port)
{
    struct tcp_info d = tcp_info_of(device), p = tcp_info_of(peer);

    while (d.tcpi_unacked > 0 || p.tcpi_unacked > 0) {
        poll(NULL, 0, 2);
        d = tcp_info_of(device);
        p = tcp_info_of(peer);
    }
    d = tcp_info_of(device);
    assert_true((d.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0);
    assert_int_equal(d.tcpi_total_retrans, 0);
    expect(f, ipv6, DECODE_TCP, local_port, remote_port,
        (struct amount){d.tcpi_bytes_received + 32 * (uint64_t)d.tcpi_segs_in + 8, d.tcpi_segs_in},
        (struct amount){d.tcpi_bytes_sent + 32 * (uint64_t)d.tcpi_segs_out + 8, d.tcpi_segs_out});
}

/* A connection that stays open, so that nothing moves after it was counted; returns both ends. */
static void traffic_tcp(
    struct fixture *f, bool ipv6, uint16_t port, size_t out, size_t in, int ends[2])
{
    int listener = open_bound(ipv6, false, SOCK_STREAM, 0, port);
    int device = open_bound(ipv6, true, SOCK_STREAM, 0, (uint16_t)(port + 1));
    socklen_t size;
    struct sockaddr_storage a = address_of(ipv6, false, port, &size);
    int peer;

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(device, (struct sockaddr *)&a, size), 0);
    peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    close(listener);
    transfer(device, peer, out);
    transfer(peer, device, in);
    expect_tcp(f, ipv6, device, peer, (uint16_t)(port + 1), port);
    ends[0] = device;
    ends[1] = peer;
}

/* Incoming broadcast, which is not the device's own traffic. */
static void traffic_broadcast(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4999)};
    int fd = open_bound(false, false, SOCK_DGRAM, 0, 4998);
    int on = 1;

    assert_int_equal(inet_pton(AF_INET, NAMESPACE_BROADCAST_V4, &to.sin_addr), 1);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    close(fd);
}

/* --- Checks -------------------------------------------------------------------------------------- */

static void print_flow(const char *what, const struct decode_flow *flow)
{
    print_message(
        "%s ipv6=%d protocol=%d local_port=%u remote_port=%u in=%llu (%llu) out=%llu (%llu)\n",
        what, flow->ipv6, (int)flow->protocol, (unsigned)flow->local_port,
        (unsigned)flow->remote_port, (unsigned long long)flow->bytes_in,
        (unsigned long long)flow->packets_in, (unsigned long long)flow->bytes_out,
        (unsigned long long)flow->packets_out);
}

/* Besides what we sent the kernel itself reports its multicast groups: ICMP to ff02::. */
static bool is_kernels_own(const struct decode_flow *flow)
{
    return flow->ipv6 && flow->protocol == DECODE_ICMP && flow->remote[0] == 0xff;
}

static void check_flows(const struct fixture *f)
{
    unsigned own = 0;

    for (unsigned i = 0; i < f->expected_count; i++) {
        const struct decode_flow *got = decode_find(&f->sum, &f->expected[i]);

        print_flow("expected", &f->expected[i]);
        assert_non_null(got);
        print_flow("     got", got);
        assert_int_equal(got->bytes_in, f->expected[i].bytes_in);
        assert_int_equal(got->bytes_out, f->expected[i].bytes_out);
        assert_int_equal(got->packets_in, f->expected[i].packets_in);
        assert_int_equal(got->packets_out, f->expected[i].packets_out);
    }
    for (unsigned i = 0; i < f->sum.flow_count; i++) {
        if (is_kernels_own(&f->sum.flows[i])) {
            own++;
        }
    }
    assert_int_equal(f->sum.flow_count, f->expected_count + own);
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void test_agent__counts_exactly(void **state)
{
    struct fixture *f = *state;
    int ends[8];

    start_agent(f, "1");
    traffic_udp(f, false, 5000);
    traffic_icmp(f, false);
    traffic_tcp(f, false, 6000, 300000, 1000, &ends[0]);
    await_messages(f, 1); /* so that the flows come in more than one message */
    traffic_udp(f, true, 5000);
    traffic_icmp(f, true);
    traffic_tcp(f, true, 6000, 10, 500000, &ends[2]);
    traffic_tcp(f, false, 6010, 0, 0, &ends[4]);
    await_messages(f, 2);
    traffic_udp(f, false, 5010);
    traffic_tcp(f, true, 6020, 70000, 70000, &ends[6]);
    traffic_broadcast();
    stop_agent(f);
    close_all(ends, 8);
    check_flows(f);
    assert_string_equal(f->sum.module_id, "module-7");
    assert_int_equal(f->sum.heartbeat, 2); /* the first, and one with the last message */
    assert_int_equal(f->sum.system, 2);
    assert_true(strlen(f->sum.kernel) > 0 && strlen(f->sum.hw) > 0);
    assert_true(f->sum.network >= 2);
    assert_true(hub_server_connection(f->hub, 0).disconnected);
    assert_false(logged(f, KEY));
    assert_false(logged(f, "SharedAccessSignature"));
    assert_false(logged(f, "event=capture_dropped"));
}

/* The hub drops the connection instead of acknowledging, twice: nothing is missing or doubled. */
static void test_agent__loses_nothing_when_the_hub_does_not_acknowledge(void **state)
{
    struct fixture *f = *state;

    hub_server_set(f->hub, HUB_SERVER_DROP_PUBLISH, 0);
    start_agent(f, "1");
    traffic_udp(f, false, 5000);
    await_messages(f, 2);
    traffic_udp(f, false, 5010);
    hub_server_set(f->hub, HUB_SERVER_NORMAL, 0);
    await_log(f, "event=message_delivered");
    traffic_udp(f, true, 5020);
    stop_agent(f);
    check_flows(f);
    assert_true(f->sum.repeated > 0);
}

/* With an interval that never ends, all goes out at the end. */
static void test_agent__sends_what_it_has_when_stopped(void **state)
{
    struct fixture *f = *state;

    start_agent(f, "100000");
    traffic_udp(f, false, 5000);
    assert_int_equal(hub_server_messages(f->hub), 0);
    stop_agent(f);
    check_flows(f);
}

/* Its twin turns collectors off, and allows a flow that is then counted and not reported. */
static void test_agent__takes_its_settings_from_its_twin(void **state)
{
    struct fixture *f = *state;
    char report[HUB_SERVER_TEXT_BYTES];

    hub_server_twin(f->hub, 200,
        "{\"desired\":{\"vedette\":{\"lowPriorityInterval\":77,\"collectors\":{\"heartbeat\":false,"
        "\"systemInformation\":false},\"allow\":[{\"remote\":\"" NAMESPACE_PEER_V4
        "\",\"port\":5001,\"protocol\":\"udp\"}]},\"$version\":3},\"reported\":{}}");
    start_agent(f, "100000");
    await_log(f, "event=twin_applied version=3");
    traffic_udp(f, false, 5000);
    f->expected_count = 0; /* allowed */
    traffic_udp(f, true, 5000);
    traffic_udp(f, false, 5010);
    while (hub_server_reports(f->hub) == 0) {
        poll(NULL, 0, 5);
    }
    stop_agent(f);
    check_flows(f);
    assert_int_equal(f->sum.heartbeat, 0);
    assert_int_equal(f->sum.system, 0);
    assert_true(logged(f, "event=agent_stopped packets="));
    assert_false(logged(f, " withheld=0 "));
    hub_server_report(f->hub, report);
    assert_non_null(strstr(report, "\"status\":\"ok\""));
    assert_non_null(strstr(report, "\"lowPriorityInterval\":77,"));
}

/* Without a hub it stops all the same, and soon. */
static void test_agent__stops_without_a_hub(void **state)
{
    struct fixture *f = *state;
    struct timespec start, end;

    start_agent(f, "1");
    hub_server_set(f->hub, HUB_SERVER_SILENT_TLS, 0);
    hub_server_drop(f->hub);
    await_log(f, "event=hub_lost");
    traffic_udp(f, false, 5000);
    clock_gettime(CLOCK_MONOTONIC, &start);
    assert_int_equal(kill(f->agent, SIGINT), 0);
    assert_int_equal(status_of(f->agent), 0);
    f->agent = 0;
    clock_gettime(CLOCK_MONOTONIC, &end);
    assert_in_range(end.tv_sec - start.tv_sec, 0, 10);
    assert_true(logged(f, "event=stopped_unsent"));
}

/* More flows than a small device has room for. */
static void test_agent__counts_many_flows(void **state)
{
    enum {
        FLOWS = 200
    };
    struct fixture *f = *state;
    socklen_t size;
    struct sockaddr_storage a = address_of(false, false, 5001, &size);
    int device = open_bound(false, true, SOCK_DGRAM, 0, 5000);
    unsigned found = 0;

    start_agent(f, "100000");
    for (unsigned i = 0; i < FLOWS; i++) {
        ((struct sockaddr_in *)&a)->sin_port = htons((uint16_t)(6000 + i));
        assert_int_equal(sendto(device, "xy", 2, 0, (struct sockaddr *)&a, size), 2);
    }
    stop_agent(f);
    close(device);
    for (unsigned i = 0; i < f->sum.flow_count; i++) {
        const struct decode_flow *flow = &f->sum.flows[i];

        found += flow->protocol == DECODE_UDP && flow->local_port == 5000 &&
            flow->packets_out == 1 && flow->bytes_out == 8 + 2;
    }
    assert_int_equal(found, FLOWS);
    assert_int_equal(f->sum.ledger.overflowed, 0);
}

/* While the agent stands still the kernel's room for packets runs over: what it drops passed the
   interface all the same, and the ledger says so. */
static void test_agent__tells_what_the_kernel_dropped(void **state)
{
    enum {
        SENT = 40000
    };
    struct fixture *f = *state;
    struct decode_flow flow = {.protocol = DECODE_UDP, .local_port = 5000, .remote_port = 5001};
    const struct decode_flow *got;
    int fd = open_bound(false, true, SOCK_DGRAM, 0, 5000);
    socklen_t size;
    struct sockaddr_storage a = address_of(false, false, 5001, &size);

    start_agent(f, "100000");
    assert_int_equal(kill(f->agent, SIGSTOP), 0);
    for (unsigned i = 0; i < SENT; i++) {
        assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&a, size), 1);
    }
    assert_int_equal(kill(f->agent, SIGCONT), 0);
    stop_agent(f);
    close(fd);
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_DEVICE_V4, flow.local), 1);
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_PEER_V4, flow.remote), 1);
    got = decode_find(&f->sum, &flow);
    assert_non_null(got);
    print_message("counted %llu overflowed %llu seen %llu\n", (unsigned long long)got->packets_out,
        (unsigned long long)f->sum.ledger.overflowed, (unsigned long long)f->sum.ledger.seen);
    assert_true(got->packets_out > 0 && got->packets_out < SENT);
    /* Besides ours a few packets of the peer's and of IPv6's own may be among the dropped. */
    assert_in_range(got->packets_out + f->sum.ledger.overflowed, SENT, SENT + 40);
    assert_in_range(f->sum.ledger.seen, SENT, SENT + 60);
    assert_true(logged(f, "event=capture_dropped"));
}

/* The protocol of systemd's notifications: ready once it captures, stopping when it is told to. */
static void test_agent__tells_who_started_it(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = 20};
    char text[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    temporary(address.sun_path, sizeof address.sun_path, "notify");
    unlink(address.sun_path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(setenv("NOTIFY_SOCKET", address.sun_path, 1), 0);
    start_agent(f, "1");
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(recv(fd, text, sizeof text, 0), 7);
    assert_memory_equal(text, "READY=1", 7);
    stop_agent(f);
    assert_int_equal(recv(fd, text, sizeof text, 0), 10);
    assert_memory_equal(text, "STOPPING=1", 10);
    close(fd);
    unlink(address.sun_path);
}

/* --- The command line ----------------------------------------------------------------------------- */

static void test_agent__usage(void **state)
{
    static const struct {
        const char *arguments[8];
        int status;
        const char *says;
    } cases[] = {
        {{"--help"}, 0, NULL},
        {{NULL}, 2, "--interface is needed"},
        {{"--interface", "dev0"}, 2, "a connection string is needed"},
        {{"--interface"}, 2, "--help"},
        {{"--nonsense"}, 2, "--help"},
        {{"-i", "dev0", "-c", "HostName=h"}, 2, "needs HostName, DeviceId and SharedAccessKey"},
        {{"-i", "dev0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA", "more"}, 2,
            "no argument is wanted here: more"},
        {{"-i", "dev0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA", "-f", "x"}, 2,
            "exclude each other"},
        {{"-i", "dev0", "-f", "/nonexistent"}, 1, "cannot read /nonexistent"},
        {{"-i", "dev0", "--interval", "0"}, 2, "--interval must be a number from 1"},
        {{"-i", "dev0", "--interval", "1x"}, 2, "--interval must be a number from 1"},
        {{"-i", "dev0", "--token-life", "1"}, 2, "--token-life must be a number from 4"},
        {{"-i", "dev0", "--id", ""}, 2, "--id is empty or too long"},
        {{"-i", "dev0", "--capture", "x"}, 2, "--capture must be ring or socket, not x"},
        {{"-i", "nope0", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA"}, 1,
            "there is no interface \\\"nope0\\\""},
        {{"-i", "dev0", "--ca", "/nonexistent", "-c", "HostName=h;DeviceId=d;SharedAccessKey=AAAA"},
            1, "the CA file cannot be read"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char copies[8][100];
        char *arguments[10] = {(char[]){"agent"}};

        for (size_t a = 0; a < 8 && cases[i].arguments[a] != NULL; a++) {
            snprintf(copies[a], sizeof copies[a], "%s", cases[i].arguments[a]);
            arguments[a + 1] = copies[a];
            arguments[a + 2] = NULL;
        }
        print_message("%s\n", cases[i].says != NULL ? cases[i].says : "--help");
        assert_int_equal(status_of(spawn(f, arguments, NULL)), cases[i].status);
        assert_true(cases[i].says == NULL || logged(f, cases[i].says));
        assert_int_equal(truncate(f->log_path, 0), 0);
    }
}

/* True if /proc/PID/NAME holds `text` anywhere. */
static bool proc_holds(pid_t pid, const char *name, const char *text)
{
    char path[64], data[8192];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, data, sizeof data);
    close(fd);
    assert_true(n > 0);
    return memmem(data, (size_t)n, text, strlen(text)) != NULL;
}

/* The key by each of its three ways: the agent connects, and the process list does not show it. */
static void test_agent__key_does_not_show(void **state)
{
    struct fixture *f = *state;
    char text[300], line[400], path[64];
    char *by_file[] = {(char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path,
        (char[]){"-f"}, path, NULL};
    char *by_argument[] = {
        (char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path, line, NULL};
    char *by_environment[] = {
        (char[]){"agent"}, (char[]){"-idev0"}, (char[]){"--ca"}, f->ca_path, NULL};
    char **ways[] = {by_file, by_argument, by_environment};
    FILE *file;

    connection_text(f, text, sizeof text);
    snprintf(line, sizeof line, "--connection-string=%s", text);
    temporary(path, sizeof path, "key");
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "%s\n", text);
    fclose(file);
    for (size_t i = 0; i < 3; i++) {
        f->agent = spawn(f, ways[i], i == 2 ? text : NULL);
        await_log(f, "event=hub_connected");
        assert_false(proc_holds(f->agent, "cmdline", KEY));
        assert_false(proc_holds(f->agent, "environ", KEY));
        assert_int_equal(kill(f->agent, SIGTERM), 0);
        assert_int_equal(status_of(f->agent), 0);
        f->agent = 0;
        assert_int_equal(hub_server_connections(f->hub), i + 1);
        assert_int_equal(truncate(f->log_path, 0), 0);
    }
    unlink(path);
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_agent__counts_exactly),
        {"test_agent__counts_exactly (socket)", test_agent__counts_exactly, setup_socket, teardown,
            NULL},
        WITH_FIXTURE(test_agent__counts_many_flows),
        WITH_FIXTURE(test_agent__tells_what_the_kernel_dropped),
        WITH_FIXTURE(test_agent__tells_who_started_it),
        WITH_FIXTURE(test_agent__loses_nothing_when_the_hub_does_not_acknowledge),
        WITH_FIXTURE(test_agent__sends_what_it_has_when_stopped),
        WITH_FIXTURE(test_agent__takes_its_settings_from_its_twin),
        WITH_FIXTURE(test_agent__stops_without_a_hub),
        WITH_FIXTURE(test_agent__usage),
        WITH_FIXTURE(test_agent__key_does_not_show),
    };

    if (!namespaces_enter(&ns)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
