/* SPDX-License-Identifier: MIT */
/* Makes traffic, and says what crossed the interface. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>
#include <unistd.h>

#include "tests/agent/tcp.h"
#include "tests/agent/traffic.h"

struct namespaces traffic_namespaces;

struct sockaddr_storage traffic_address(bool ipv6, bool device, uint16_t port, socklen_t *size)
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

int traffic_socket(bool ipv6, bool device, int type, int protocol, uint16_t port)
{
    socklen_t size;
    struct sockaddr_storage a = traffic_address(ipv6, device, port, &size);
    int fd = namespaces_socket(&traffic_namespaces,
        device ? traffic_namespaces.device : traffic_namespaces.peer, ipv6 ? AF_INET6 : AF_INET,
        type, protocol);
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

static void expect(struct agent_fixture *f, bool ipv6, enum decode_protocol protocol,
    uint16_t local_port, uint16_t remote_port, struct amount in, struct amount out)
{
    struct decode_flow *e = &f->expected[f->expected_count++];
    const char *local = ipv6 ? NAMESPACE_DEVICE_V6 : NAMESPACE_DEVICE_V4;
    const char *remote = ipv6 ? NAMESPACE_PEER_V6 : NAMESPACE_PEER_V4;

    assert_true(f->expected_count <= AGENT_EXPECTED_MAX);
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
    struct sockaddr_storage a = traffic_address(ipv6, device, port, &size);

    assert_int_equal(sendto(from, data, length, 0, (struct sockaddr *)&a, size), (ssize_t)length);
    assert_int_equal(recv(to, data, sizeof data, 0), (ssize_t)length);
}

void traffic_udp(struct agent_fixture *f, bool ipv6, uint16_t port)
{
    static const size_t out[] = {0, 1, 512, 1452, 1453, 1472, 1473, 4000, 60000};
    static const size_t in[] = {0, 33, 1400, 2896, 2897, 9000};
    int device = traffic_socket(ipv6, true, SOCK_DGRAM, 0, port);
    int peer = traffic_socket(ipv6, false, SOCK_DGRAM, 0, (uint16_t)(port + 1));
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
    struct sockaddr_storage a = traffic_address(ipv6, false, 0, &size);
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

void traffic_icmp(struct agent_fixture *f, bool ipv6)
{
    static const size_t lengths[] = {8, 64, 1480, 1482, 3008, 20000};
    int fd = traffic_socket(ipv6, true, SOCK_RAW, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP, 0);
    struct amount each_way = {0, 0};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        ping(fd, ipv6, (uint16_t)i, lengths[i]);
        add_datagram(&each_way, ipv6, lengths[i]);
    }
    expect(f, ipv6, DECODE_ICMP, 0, 0, each_way, each_way);
    close(fd);
}

/* What the kernel itself counted at the device's end. A segment has 32 bytes of header (timestamps), one
   with SYN 40. */
static void expect_tcp(struct agent_fixture *f, bool ipv6, int device, int peer,
    uint16_t local_port, uint16_t remote_port)
{
    const struct tcp_info d = tcp_settled(device, peer);

    assert_true((d.tcpi_options & TCPI_OPT_TIMESTAMPS) != 0);
    assert_int_equal(d.tcpi_total_retrans, 0);
    expect(f, ipv6, DECODE_TCP, local_port, remote_port,
        (struct amount){d.tcpi_bytes_received + 32 * (uint64_t)d.tcpi_segs_in + 8, d.tcpi_segs_in},
        (struct amount){d.tcpi_bytes_sent + 32 * (uint64_t)d.tcpi_segs_out + 8, d.tcpi_segs_out});
}

void traffic_tcp(
    struct agent_fixture *f, bool ipv6, uint16_t port, size_t out, size_t in, int ends[2])
{
    int listener = traffic_socket(ipv6, false, SOCK_STREAM, 0, port);
    int device = traffic_socket(ipv6, true, SOCK_STREAM, 0, (uint16_t)(port + 1));
    socklen_t size;
    struct sockaddr_storage a = traffic_address(ipv6, false, port, &size);
    int peer;

    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(connect(device, (struct sockaddr *)&a, size), 0);
    peer = accept(listener, NULL, NULL);
    assert_true(peer >= 0);
    close(listener);
    tcp_transfer(device, peer, out);
    tcp_transfer(peer, device, in);
    expect_tcp(f, ipv6, device, peer, (uint16_t)(port + 1), port);
    ends[0] = device;
    ends[1] = peer;
}

void traffic_broadcast(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(4999)};
    int fd = traffic_socket(false, false, SOCK_DGRAM, 0, 4998);
    int on = 1;

    assert_int_equal(inet_pton(AF_INET, NAMESPACE_BROADCAST_V4, &to.sin_addr), 1);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    assert_int_equal(sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to), 1);
    close(fd);
}
