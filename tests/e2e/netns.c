/* SPDX-License-Identifier: MIT */
/* Network namespaces on one bridge, and a capture of the test's own. */

#include "tests/e2e/netns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define PING_WAIT_MS 5000
#define PACKET_MAX   70000

void e2e_net_init(void)
{
    e2e_shell("ip link add br0 type bridge mcast_snooping 0\n"
              "ip link set br0 up");
}

/* Without segmentation in the interface the test's own capture sees packets as they would be on a
 * wire, which is how a device counts them. */
static void no_offload(const char *name)
{
    static const uint32_t commands[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    int fd = e2e_net_socket(name, AF_INET, SOCK_DGRAM, 0);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        struct ethtool_value value = {commands[i], 0};
        struct ifreq request = {.ifr_name = "eth0", .ifr_data = (char *)&value};
        assert_int_equal(ioctl(fd, SIOCETHTOOL, &request), 0);
    }
    close(fd);
}

void e2e_net_add(const char *name, const char *ipv4, const char *ipv6, const char *gateway4,
    const char *gateway6)
{
    /* No duplicate address detection: addresses must be usable at once. */
    e2e_shell("ip netns add %s\n"
              "ip netns exec %s sh -c 'echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad'\n"
              "ip link add %s type veth peer name eth0 netns %s\n"
              "ip link set %s master br0 up\n"
              "ip -n %s link set lo up\n"
              "ip -n %s link set eth0 up\n"
              "ip -n %s address add %s dev eth0\n"
              "ip -n %s address add %s dev eth0 nodad",
        name, name, name, name, name, name, name, name, ipv4, name, ipv6);
    no_offload(name);
    if (gateway4 != NULL) {
        e2e_shell("ip -n %s route add default via %s", name, gateway4);
    }
    if (gateway6 != NULL) {
        e2e_shell("ip -n %s -6 route add default via %s", name, gateway6);
    }
}

void e2e_net_address(const char *name, const char *address_and_prefix)
{
    bool ipv6 = strchr(address_and_prefix, ':') != NULL;
    e2e_shell("ip -n %s address add %s dev eth0 %s", name, address_and_prefix, ipv6 ? "nodad" : "");
}

int e2e_net_socket(const char *name, int domain, int type, int protocol)
{
    char path[128];
    snprintf(path, sizeof(path), "/run/netns/%s", name);
    int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int there = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(home >= 0 && there >= 0);
    assert_int_equal(setns(there, CLONE_NEWNET), 0);
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    int problem = errno;
    assert_int_equal(setns(home, CLONE_NEWNET), 0);
    close(home);
    close(there);
    if (fd < 0) {
        fail_msg("socket in %s: %s", name, strerror(problem));
    }
    return fd;
}

static socklen_t make_address(struct sockaddr_storage *out, const char *text, uint16_t port)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return sizeof(*v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    return sizeof(*v6);
}

int e2e_net_udp_sink(const char *name, uint16_t port)
{
    struct sockaddr_storage place;
    socklen_t length = make_address(&place, "::", port);
    int fd = e2e_net_socket(name, AF_INET6, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&place, length), 0);
    return fd;
}

void e2e_net_udp(const char *name, const char *address, uint16_t port, size_t length)
{
    struct sockaddr_storage to;
    socklen_t to_length = make_address(&to, address, port);
    uint8_t *data = calloc(1, length + 1);
    int fd = e2e_net_socket(name, to.ss_family, SOCK_DGRAM, 0);
    assert_non_null(data);
    assert_int_equal(sendto(fd, data, length, 0, (struct sockaddr *)&to, to_length), length);
    free(data);
    close(fd);
}

static uint16_t checksum(const uint8_t *data, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < length; i += 2) {
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    }
    if (length % 2 == 1) {
        sum += (uint32_t)(data[length - 1] << 8);
    }
    while (sum >> 16 != 0) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)~sum;
}

bool e2e_net_ping(const char *name, const char *address, size_t length)
{
    struct sockaddr_storage to;
    socklen_t to_length = make_address(&to, address, 0);
    bool ipv6 = to.ss_family == AF_INET6;
    uint8_t echo[2048] = {ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
    const uint8_t reply = ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
    assert_true(length + 8 <= sizeof(echo));
    echo[5] = 1;
    if (!ipv6) { /* the kernel writes that of ICMPv6 */
        uint16_t sum = checksum(echo, length + 8);
        echo[2] = (uint8_t)(sum >> 8);
        echo[3] = (uint8_t)sum;
    }
    int fd = e2e_net_socket(name, to.ss_family, SOCK_RAW, ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
    assert_int_equal(
        sendto(fd, echo, length + 8, 0, (struct sockaddr *)&to, to_length), length + 8);
    bool answered = false;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (!answered && poll(&wait, 1, PING_WAIT_MS) == 1) {
        uint8_t packet[4096];
        ssize_t got = recv(fd, packet, sizeof(packet), 0);
        size_t header = !ipv6 && got > 0 ? (packet[0] & 15U) * 4U : 0;
        answered = got > (ssize_t)header && packet[header] == reply;
    }
    close(fd);
    return answered;
}

/* ---- The capture. ---- */

static uint16_t read_u16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

/* Reads the packet's addresses, ports and payload length; false for what is no whole IP packet. */
static bool read_packet(const uint8_t *packet, size_t length, bool outgoing,
    struct e2e_captured *flow, uint64_t *payload)
{
    bool ipv6 = length > 0 && packet[0] >> 4 == 6;
    size_t header = ipv6 ? 40 : length > 0 ? (packet[0] & 15U) * 4U : 0;
    if (length < 20 || length < header + 4) {
        return false;
    }
    int family = ipv6 ? AF_INET6 : AF_INET;
    const uint8_t *from = packet + (ipv6 ? 8 : 12);
    const uint8_t *to = from + (ipv6 ? 16 : 4);
    inet_ntop(family, outgoing ? from : to, flow->local, sizeof(flow->local));
    inet_ntop(family, outgoing ? to : from, flow->remote, sizeof(flow->remote));
    flow->protocol = packet[ipv6 ? 6 : 9];
    *payload = ipv6 ? read_u16(packet + 4) : read_u16(packet + 2) - header;
    if (flow->protocol == IPPROTO_TCP || flow->protocol == IPPROTO_UDP) {
        uint16_t source = read_u16(packet + header);
        uint16_t destination = read_u16(packet + header + 2);
        flow->local_port = outgoing ? source : destination;
        flow->remote_port = outgoing ? destination : source;
    }
    return true;
}

static struct e2e_captured *find_flow(
    struct e2e_capture *capture, const struct e2e_captured *wanted)
{
    for (size_t i = 0; i < capture->count; i++) {
        struct e2e_captured *flow = &capture->flows[i];
        if (flow->protocol == wanted->protocol && flow->local_port == wanted->local_port &&
            flow->remote_port == wanted->remote_port && strcmp(flow->local, wanted->local) == 0 &&
            strcmp(flow->remote, wanted->remote) == 0) {
            return flow;
        }
    }
    if (capture->count == E2E_CAPTURE_FLOWS) {
        capture->overflow = true;
        return NULL;
    }
    capture->flows[capture->count] = *wanted;
    return &capture->flows[capture->count++];
}

static void count_packet(
    struct e2e_capture *capture, const uint8_t *packet, size_t length, bool outgoing)
{
    struct e2e_captured seen = {0};
    uint64_t payload = 0;
    if (!read_packet(packet, length, outgoing, &seen, &payload)) {
        return;
    }
    pthread_mutex_lock(&capture->mutex);
    struct e2e_captured *flow = find_flow(capture, &seen);
    if (flow != NULL) {
        *(outgoing ? &flow->bytes_out : &flow->bytes_in) += payload;
        *(outgoing ? &flow->packets_out : &flow->packets_in) += 1;
    }
    pthread_mutex_unlock(&capture->mutex);
}

static void *capture_work(void *context)
{
    struct e2e_capture *capture = context;
    static _Thread_local uint8_t packet[PACKET_MAX];
    while (!atomic_load(&capture->stop)) {
        struct pollfd wait = {.fd = capture->fd, .events = POLLIN};
        if (poll(&wait, 1, 20) <= 0) {
            continue;
        }
        struct sockaddr_ll from = {0};
        socklen_t from_length = sizeof(from);
        ssize_t got = recvfrom(capture->fd, packet, sizeof(packet), MSG_DONTWAIT,
            (struct sockaddr *)&from, &from_length);
        uint16_t type = ntohs(from.sll_protocol);
        if (got > 0 && (type == ETH_P_IP || type == ETH_P_IPV6)) {
            count_packet(capture, packet, (size_t)got, from.sll_pkttype == PACKET_OUTGOING);
        }
    }
    return NULL;
}

struct e2e_capture *e2e_capture_start(const char *netns)
{
    struct e2e_capture *capture = calloc(1, sizeof(*capture));
    assert_non_null(capture);
    pthread_mutex_init(&capture->mutex, NULL);
    capture->fd = e2e_net_socket(netns, AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
    int room = 8 << 20;
    setsockopt(capture->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
    struct ifreq name = {.ifr_name = "eth0"};
    assert_int_equal(ioctl(capture->fd, SIOCGIFINDEX, &name), 0);
    struct sockaddr_ll place = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(ETH_P_ALL),
        .sll_ifindex = name.ifr_ifindex,
    };
    assert_int_equal(bind(capture->fd, (struct sockaddr *)&place, sizeof(place)), 0);
    assert_int_equal(pthread_create(&capture->thread, NULL, capture_work, capture), 0);
    return capture;
}

size_t e2e_capture_sum(
    struct e2e_capture *capture, const char *remote, uint16_t remote_port, struct e2e_captured *sum)
{
    size_t flows = 0;
    *sum = (struct e2e_captured){0};
    pthread_mutex_lock(&capture->mutex);
    for (size_t i = 0; i < capture->count; i++) {
        const struct e2e_captured *flow = &capture->flows[i];
        if (strcmp(flow->remote, remote) != 0 ||
            (remote_port != 0 && flow->remote_port != remote_port)) {
            continue;
        }
        uint64_t bytes_in = sum->bytes_in + flow->bytes_in;
        uint64_t bytes_out = sum->bytes_out + flow->bytes_out;
        uint64_t packets_in = sum->packets_in + flow->packets_in;
        uint64_t packets_out = sum->packets_out + flow->packets_out;
        *sum = *flow;
        sum->bytes_in = bytes_in;
        sum->bytes_out = bytes_out;
        sum->packets_in = packets_in;
        sum->packets_out = packets_out;
        flows++;
    }
    pthread_mutex_unlock(&capture->mutex);
    return flows;
}

void e2e_capture_free(struct e2e_capture *capture)
{
    atomic_store(&capture->stop, true);
    pthread_join(capture->thread, NULL);
    pthread_mutex_destroy(&capture->mutex);
    close(capture->fd);
    free(capture);
}
