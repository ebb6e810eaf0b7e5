/* SPDX-License-Identifier: MIT */
/* Tests of the capture on real interfaces, which go down, vanish and come back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/seccomp.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "tests/agent/namespaces.h"

#define PORT 7000
/* VIRTIO_NET_HDR_GSO_UDP_L4, which headers before Linux 6.2 lack. */
#define GSO_UDP_L4 5

static struct namespaces ns;

/* What the packet function saw: UDP packets of IPv4 by direction and cast, TCP packets by direction
   and the rest in `others`; bytes are those that the IP headers claim. */
struct seen {
    pthread_mutex_t mutex;
    unsigned packets[2][3];
    uint64_t bytes[2];
    unsigned tcp_packets[2];
    uint64_t tcp_bytes[2]; /* IP payload */
    unsigned longest;
    unsigned others;
};

static const enum asc_linux_capture_way ring_way = ASC_LINUX_CAPTURE_RING,
                                        socket_way = ASC_LINUX_CAPTURE_SOCKET;

/* The bytes of a packet, each of which is read. */
static uint32_t length_of(const struct asc_segment *packet)
{
    static volatile uint8_t sum;
    uint32_t length = 0;

    for (; packet != NULL; packet = packet->next) {
        for (uint32_t i = 0; i < packet->length; i++) {
            sum = (uint8_t)(sum + packet->data[i]);
        }
        length += packet->length;
    }
    return length;
}

static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const struct asc_segment *packet)
{
    struct seen *s = context;
    const uint8_t *data = packet->data;
    uint32_t length = length_of(packet), claimed = 0;
    int protocol = -1;

    if (packet->length >= 40) {
        bool ipv6 = data[0] >> 4 == 6;

        protocol = ipv6 ? data[6] : data[9];
        claimed =
            ipv6 ? 40u + (uint32_t)(data[4] << 8 | data[5]) : (uint32_t)(data[2] << 8 | data[3]);
    } else if (packet->length >= 20 && data[0] >> 4 == 4) {
        protocol = data[9];
        claimed = (uint32_t)(data[2] << 8 | data[3]);
    }
    pthread_mutex_lock(&s->mutex);
    s->longest = length > s->longest ? length : s->longest;
    if (protocol == IPPROTO_UDP && data[0] >> 4 == 4 && length >= claimed) {
        s->packets[direction][cast]++;
        s->bytes[direction] += claimed;
    } else if (protocol == IPPROTO_TCP && length >= claimed) {
        s->tcp_packets[direction]++;
        s->tcp_bytes[direction] += claimed - (data[0] >> 4 == 6 ? 40 : 20);
    } else {
        s->others++;
    }
    pthread_mutex_unlock(&s->mutex);
}

static struct seen seen_now(struct seen *s)
{
    struct seen copy;

    pthread_mutex_lock(&s->mutex);
    copy = *s;
    pthread_mutex_unlock(&s->mutex);
    return copy;
}

static int udp(int in, const char *address, uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = namespaces_socket(&ns, in, AF_INET, SOCK_DGRAM, 0);
    int on = 1;

    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &a.sin_addr, sizeof a.sin_addr);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static void send_udp(int fd, const char *address, size_t length)
{
    static const uint8_t payload[2000];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
    assert_int_equal(
        sendto(fd, payload, length, 0, (struct sockaddr *)&a, sizeof a), (ssize_t)length);
}

/* Waits, bounded by the test's time-out, until `count` UDP packets have been seen. */
static struct seen await(struct seen *s, unsigned count)
{
    for (;;) {
        struct seen now = seen_now(s);
        unsigned sum = 0;

        for (int c = 0; c < 3; c++) {
            sum += now.packets[ASC_IN][c] + now.packets[ASC_OUT][c];
        }
        if (sum >= count) {
            return now;
        }
        poll(NULL, 0, 2);
    }
}

static asc_linux_capture *start(void *const *way, const char *interface, struct seen *s)
{
    enum asc_linux_capture_way wanted = *(const enum asc_linux_capture_way *)*way;
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES] = "";
    asc_linux_capture *c;

    pthread_mutex_init(&s->mutex, NULL);
    c = asc_linux_capture_start(interface, wanted, on_packet, s, error);
    if (c == NULL) {
        fail_msg("%s", error);
    }
    assert_int_equal(asc_linux_capture_counters(c).way, wanted);
    return c;
}

static void test_linux_capture__directions_and_casts(void **state)
{
    struct seen s = {.others = 0};
    asc_linux_capture *c = start(state, "dev0", &s);
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT),
        peer = udp(ns.peer, NAMESPACE_PEER_V4, PORT);
    struct seen now;

    for (int i = 0; i < 5; i++) {
        send_udp(device, NAMESPACE_PEER_V4, 100);
    }
    for (int i = 0; i < 7; i++) {
        send_udp(peer, NAMESPACE_DEVICE_V4, 1000);
    }
    send_udp(peer, NAMESPACE_BROADCAST_V4, 10);
    send_udp(peer, "224.0.0.1", 10);
    now = await(&s, 14);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 5);
    assert_int_equal(now.bytes[ASC_OUT], 5 * (20 + 8 + 100));
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 7);
    assert_int_equal(now.packets[ASC_IN][ASC_BROADCAST], 1);
    assert_int_equal(now.packets[ASC_IN][ASC_MULTICAST], 1);
    assert_int_equal(now.bytes[ASC_IN], 7 * (20 + 8 + 1000) + 2 * (20 + 8 + 10));
    assert_int_equal(asc_linux_capture_counters(c).dropped, 0);
    assert_int_equal(asc_linux_capture_counters(c).attached, 1);
    asc_linux_capture_stop(c);
    close(device);
    close(peer);
}

static void test_linux_capture__loopback_once(void **state)
{
    struct seen s = {.others = 0};
    asc_linux_capture *c = start(state, "lo", &s);
    int a = udp(ns.device, "127.0.0.1", PORT);
    struct seen now;

    for (int i = 0; i < 9; i++) {
        send_udp(a, "127.0.0.1", 50);
    }
    asc_linux_capture_stop(c); /* takes all that the kernel holds */
    now = seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 9);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 0);
    close(a);
}

/* An Ethernet frame from the peer that holds an IPv4 UDP packet, whatever its type says. */
static void send_frame(const uint8_t to[6], uint16_t type)
{
    int fd = namespaces_socket(&ns, ns.peer, AF_PACKET, SOCK_DGRAM, 0);
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(type), .sll_halen = 6};
    struct iphdr ip = {
        .version = 4, .ihl = 5, .tot_len = htons(28), .ttl = 64, .protocol = IPPROTO_UDP};
    uint8_t packet[46] = {0};
    struct ifreq request = {.ifr_name = "peer0"};

    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &request), 0);
    a.sll_ifindex = request.ifr_ifindex;
    memcpy(a.sll_addr, to, 6);
    memcpy(packet, &ip, sizeof ip);
    assert_int_equal(
        sendto(fd, packet, sizeof packet, 0, (struct sockaddr *)&a, sizeof a), sizeof packet);
    close(fd);
}

static void test_linux_capture__only_our_ip(void **state)
{
    static const uint8_t ours[] = {2, 0, 0, 0, 0, 1}, other[] = {2, 0, 0, 0, 0, 9};
    struct seen s = {.others = 0};
    asc_linux_capture *c;
    struct seen now;

    namespaces_run(ns.device, "ip link set dev0 promisc on");
    c = start(state, "dev0", &s);
    send_frame(ours, ETH_P_ARP);
    send_frame(ours, 0x88b5); /* local experimental */
    send_frame(other, ETH_P_IP);
    send_frame(ours, ETH_P_IP);
    (void)await(&s, 1);
    asc_linux_capture_stop(c);
    now = seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 1);
    namespaces_run(ns.device, "ip link set dev0 promisc off");
}

/* A frame with `tags` VLAN tags before an IPv4 UDP packet of 28 bytes, all written here. */
static void send_tagged(bool in, const uint16_t *tags, size_t count)
{
    static const uint8_t device_mac[] = {2, 0, 0, 0, 0, 1}, peer_mac[] = {2, 0, 0, 0, 0, 2};
    int fd = namespaces_socket(&ns, in ? ns.peer : ns.device, AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_8021Q)};
    struct ifreq request = {.ifr_flags = 0};
    struct iphdr ip = {
        .version = 4, .ihl = 5, .tot_len = htons(28), .ttl = 64, .protocol = IPPROTO_UDP};
    uint8_t frame[80] = {0};
    size_t at = 12;

    memcpy(frame, in ? device_mac : peer_mac, 6);
    memcpy(frame + 6, in ? peer_mac : device_mac, 6);
    for (size_t i = 0; i < count; i++) {
        uint16_t type = htons(count == 2 && i == 0 ? ETH_P_8021AD : ETH_P_8021Q);
        uint16_t tag = htons(tags[i]);

        memcpy(frame + at, &type, 2);
        memcpy(frame + at + 2, &tag, 2);
        at += 4;
    }
    frame[at] = ETH_P_IP >> 8;
    frame[at + 1] = ETH_P_IP & 255;
    memcpy(frame + at + 2, &ip, sizeof ip);
    memcpy(request.ifr_name, in ? "peer0" : "dev0", in ? 6 : 5);
    assert_int_equal(ioctl(fd, SIOCGIFINDEX, &request), 0);
    a.sll_ifindex = request.ifr_ifindex;
    assert_int_equal(
        sendto(fd, frame, sizeof frame, 0, (struct sockaddr *)&a, sizeof a), (ssize_t)sizeof frame);
    close(fd);
}

/* One tag and two, both ways; tags with a priority look like the first byte of an IP header. */
static void test_linux_capture__steps_over_tags(void **state)
{
    static const uint16_t tags[] = {0x0007, 0x4009, 0x6009};
    struct seen s = {.others = 0};
    asc_linux_capture *c = start(state, "dev0", &s);
    struct seen now;

    for (int in = 0; in < 2; in++) {
        send_tagged(in != 0, tags, 1);
        send_tagged(in != 0, tags, 2);
        send_tagged(in != 0, tags + 1, 2);
    }
    asc_linux_capture_stop(c);
    now = seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 3);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 3);
    assert_int_equal(now.bytes[ASC_IN], 3 * 28);
    assert_int_equal(now.bytes[ASC_OUT], 3 * 28);
}

static struct tcp_info tcp_info_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    memset(&info, 0, sizeof info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info;
}

/* What the device's end sent and got, once both ends have acknowledged everything. */
static struct tcp_info settled(int device, int peer)
{
    struct tcp_info d = tcp_info_of(device), p = tcp_info_of(peer);

    while (d.tcpi_unacked > 0 || p.tcpi_unacked > 0) {
        poll(NULL, 0, 2);
        d = tcp_info_of(device);
        p = tcp_info_of(peer);
    }
    return tcp_info_of(device);
}

static void transfer(int from, int to, size_t length)
{
    static uint8_t data[1 << 18];
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

/* Both ends of a connection from the device to the peer, by IPv6 or IPv4. */
static void connect_ends(bool ipv6, int ends[2])
{
    struct sockaddr_storage a = {.ss_family = ipv6 ? AF_INET6 : AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
    socklen_t size = ipv6 ? sizeof *v6 : sizeof *v4;
    int listener = namespaces_socket(&ns, ns.peer, a.ss_family, SOCK_STREAM, 0);

    assert_int_equal(ipv6 ? inet_pton(AF_INET6, NAMESPACE_PEER_V6, &v6->sin6_addr)
                          : inet_pton(AF_INET, NAMESPACE_PEER_V4, &v4->sin_addr),
        1);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    ends[0] = namespaces_socket(&ns, ns.device, a.ss_family, SOCK_STREAM, 0);
    assert_int_equal(connect(ends[0], (struct sockaddr *)&a, size), 0);
    ends[1] = accept(listener, NULL, NULL);
    assert_true(ends[1] >= 0);
    close(listener);
}

/* Packets that the interface says it has passed, a super-packet being one. */
static unsigned passed_by_interface(void)
{
    char text[64] = "";
    unsigned sum = 0;

    for (int i = 0; i < 2; i++) {
        FILE *file = popen(i == 0 ? "ip -s link show dev0 | awk '/RX:/ { getline; print $2 }'"
                                  : "ip -s link show dev0 | awk '/TX:/ { getline; print $2 }'",
            "r");

        assert_non_null(file);
        assert_non_null(fgets(text, sizeof text, file));
        pclose(file);
        sum += (unsigned)strtoul(text, NULL, 10);
    }
    return sum;
}

/* With segmentation in the interface the capture gets packets of up to 64 KiB, and beyond with
   IPv6; what it makes of them is what the connection itself counts: segments, and bytes with the
   header of each. A segment has 32 bytes of header (timestamps), one with SYN 40. False: the machine
   was too busy, and the kernel dropped some. */
static bool try_super_packets(void **state, bool ipv6)
{
    struct seen s = {.others = 0};
    asc_linux_capture *c = start(state, "dev0", &s);
    unsigned before = passed_by_interface(), passed;
    struct asc_linux_capture_counters counters;
    struct tcp_info info, peer;
    struct seen now;
    int ends[2];

    connect_ends(ipv6, ends);
    transfer(ends[0], ends[1], 1000000);
    transfer(ends[1], ends[0], 700000);
    info = settled(ends[0], ends[1]);
    peer = tcp_info_of(ends[1]);
    passed = passed_by_interface() - before;
    counters = asc_linux_capture_stop(c);
    now = seen_now(&s);
    close(ends[0]);
    close(ends[1]);
    print_message("ipv6=%d segments out=%u in=%u, passed the interface as %u, dropped %u\n", ipv6,
        info.tcpi_segs_out, info.tcpi_segs_in, passed, (unsigned)counters.dropped);
    if (counters.dropped > 0 || info.tcpi_total_retrans > 0 || peer.tcpi_total_retrans > 0) {
        return false; /* what is sent again is answered with options of other lengths, too */
    }
    assert_int_equal(now.tcp_packets[ASC_OUT], info.tcpi_segs_out);
    assert_int_equal(now.tcp_packets[ASC_IN], info.tcpi_segs_in);
    assert_int_equal(
        now.tcp_bytes[ASC_OUT], info.tcpi_bytes_sent + 32 * (uint64_t)info.tcpi_segs_out + 8);
    assert_int_equal(
        now.tcp_bytes[ASC_IN], info.tcpi_bytes_received + 32 * (uint64_t)info.tcpi_segs_in + 8);
    assert_in_range(now.longest, 1400, 1500);
    /* They were super-packets indeed. */
    assert_true(passed < (now.tcp_packets[ASC_IN] + now.tcp_packets[ASC_OUT]) / 2);
    return true;
}

static void check_super_packets(void **state, bool ipv6)
{
    while (!try_super_packets(state, ipv6)) { /* bounded by the test's time-out */
    }
}

static void offload(bool on, unsigned bytes)
{
    namespaces_offload(&ns, ns.device, "dev0", on);
    namespaces_offload(&ns, ns.peer, "peer0", on);
    namespaces_run(ns.device, "ip link set dev0 gso_max_size %u gro_max_size %u", bytes, bytes);
    namespaces_run(ns.peer, "ip link set peer0 gso_max_size %u gro_max_size %u", bytes, bytes);
}

static void test_linux_capture__takes_super_packets_apart(void **state)
{
    offload(true, 65536);
    check_super_packets(state, false);
    check_super_packets(state, true);
    offload(true, 180000);
    check_super_packets(state, true);
    offload(false, 65536);
}

/* One call that sends many datagrams (UDP_SEGMENT) is one packet to the interface. */
static void test_linux_capture__takes_super_datagrams_apart(void **state)
{
    static const uint8_t payload[10 * 1000 + 17];
    struct seen s = {.others = 0};
    asc_linux_capture *c;
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT), size = 1000;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    unsigned before, passed;
    struct seen now;

    offload(true, 65536);
    c = start(state, "dev0", &s);
    before = passed_by_interface();
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_PEER_V4, &a.sin_addr), 1);
    assert_int_equal(setsockopt(device, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    assert_int_equal(sendto(device, payload, sizeof payload, 0, (struct sockaddr *)&a, sizeof a),
        sizeof payload);
    passed = passed_by_interface() - before;
    asc_linux_capture_stop(c);
    now = seen_now(&s);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 11);
    assert_int_equal(now.bytes[ASC_OUT], 11 * 28 + sizeof payload);
    assert_true(passed < 11);
    close(device);
    offload(false, 65536);
}

/* An interface without a link header whose packets this process writes; -1: not here. */
static int open_tun(void)
{
    struct ifreq request = {.ifr_name = "tun0"};
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0) {
        print_message("skipped: no /dev/net/tun (%s)\n", strerror(errno));
        close(fd);
        return -1;
    }
    namespaces_run(ns.device, "ip link set tun0 up");
    return fd;
}

/* Writes an IPv4 UDP packet of `length` bytes, to be cut as `gso_type` says. */
static void write_tun(int fd, size_t length, uint8_t gso_type)
{
    struct virtio_net_hdr head = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
        .gso_type = gso_type,
        .hdr_len = 28,
        .gso_size = gso_type == VIRTIO_NET_HDR_GSO_NONE ? 0
            : length > 1428                             ? 1400
                                                        : 100,
        .csum_start = 20,
        .csum_offset = 6};
    struct iphdr ip = {.version = 4,
        .ihl = 5,
        .tot_len = htons((uint16_t)length),
        .ttl = 64,
        .protocol = IPPROTO_UDP,
        .saddr = htonl(0x0a630001),
        .daddr = htonl(0x0a630002)};
    static uint8_t packet[8000];
    struct udphdr udp_header = {.len = htons((uint16_t)(length - 20))};
    struct iovec parts[] = {{&head, sizeof head}, {packet, length}};

    memcpy(packet, &ip, sizeof ip);
    memcpy(packet + sizeof ip, &udp_header, sizeof udp_header);
    assert_int_equal(writev(fd, parts, 2), (ssize_t)(sizeof head + length));
}

/* For UDP fragmentation offload the kernel's own header has no name on this way: it drops such a packet,
   and in a ring leaves a frame that it has begun. It is counted as dropped, and nothing else by it, also
   where its place in the ring had a packet in it before. */
static void test_linux_capture__refused_frames(void **state)
{
    enum {
        FRAMES = 20000, /* more than once around the ring */
        AT_ONCE = 2000
    };
    struct seen s = {.others = 0};
    asc_linux_capture *c;
    struct asc_linux_capture_counters counters;
    struct seen now;
    unsigned taken = 0;
    int tun = open_tun();

    if (tun < 0) {
        skip();
    }
    c = start(state, "tun0", &s);
    /* Both kinds take as much of the ring. Two of five are refused, and a block has room for 372: in the
       next lap they come to lie where others lay. */
    for (unsigned i = 0; i < FRAMES; i++) {
        const bool refused = i % 5 < 2;

        write_tun(tun, 300, refused ? VIRTIO_NET_HDR_GSO_UDP : VIRTIO_NET_HDR_GSO_NONE);
        taken += refused ? 0 : 1;
        while (i % AT_ONCE == 0 && asc_linux_capture_counters(c).packets < taken) {
            poll(NULL, 0, 2); /* so that nothing is dropped for want of room */
        }
    }
    write_tun(tun, 4228, GSO_UDP_L4);
    counters = asc_linux_capture_stop(c);
    now = seen_now(&s);
    assert_int_equal(counters.dropped, FRAMES - taken);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], taken + 3);
    assert_int_equal(now.bytes[ASC_IN], taken * 300 + 4200 + 3 * 28);
    close(tun);
}

/* Nothing that was sent before the stop is missing, however short before. */
static void test_linux_capture__takes_all_when_it_stops(void **state)
{
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT);

    for (unsigned i = 1; i <= 30; i++) {
        struct seen s = {.others = 0};
        asc_linux_capture *c = start(state, "dev0", &s);

        for (unsigned k = 0; k < 10 * i; k++) {
            send_udp(device, NAMESPACE_PEER_V4, 100);
        }
        assert_int_equal(asc_linux_capture_stop(c).dropped, 0);
        assert_int_equal(seen_now(&s).packets[ASC_OUT][ASC_UNICAST], 10 * i);
    }
    close(device);
}

/* Counts lines of the log that hold `text`. */
static bool logged(const char *path, const char *text)
{
    char log[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, log, sizeof log - 1);

    close(fd);
    log[n > 0 ? n : 0] = '\0';
    return strstr(log, text) != NULL;
}

static void await_log(const char *path, const char *text)
{
    while (!logged(path, text)) {
        poll(NULL, 0, 5); /* bounded by the test's time-out */
    }
}

/* The peer sends until one of its packets is seen. */
static void await_traffic(struct seen *s, int peer)
{
    unsigned before = seen_now(s).packets[ASC_IN][ASC_UNICAST];

    while (seen_now(s).packets[ASC_IN][ASC_UNICAST] == before) {
        send_udp(peer, NAMESPACE_DEVICE_V4, 20);
        poll(NULL, 0, 5);
    }
}

static void test_linux_capture__interface_comes_and_goes(void **state)
{
    char path[] = "/tmp/vedette-log-XXXXXX";
    int log = mkstemp(path), before = dup(STDERR_FILENO);
    struct seen s = {.others = 0};
    asc_linux_capture *c;
    int peer;

    assert_true(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    c = start(state, "dev0", &s);
    peer = udp(ns.peer, NAMESPACE_PEER_V4, PORT);
    await_traffic(&s, peer);
    namespaces_run(ns.device, "ip link set dev0 down");
    await_log(path, "event=interface_down interface=dev0");
    namespaces_run(ns.device,
        "ip link set dev0 up && ip addr replace " NAMESPACE_DEVICE_V6 "/64 dev dev0 nodad");
    await_log(path, "event=interface_up interface=dev0");
    await_traffic(&s, peer);
    assert_int_equal(asc_linux_capture_counters(c).attached, 1);

    close(peer);
    namespaces_run(ns.device, "ip link delete dev0");
    await_log(path, "event=interface_gone interface=dev0");
    namespaces_join(&ns);
    while (asc_linux_capture_counters(c).attached < 2) {
        poll(NULL, 0, 5);
    }
    peer = udp(ns.peer, NAMESPACE_PEER_V4, PORT);
    await_traffic(&s, peer);
    asc_linux_capture_stop(c);
    close(peer);
    dup2(before, STDERR_FILENO);
    close(before);
    close(log);
    unlink(path);
}

/* The packet function is held up while more arrives than the kernel keeps for us. */
static void test_linux_capture__counts_what_the_kernel_dropped(void **state)
{
    enum {
        SENT = 40000
    };
    struct seen s = {.others = 0};
    asc_linux_capture *c = start(state, "dev0", &s);
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT);
    struct asc_linux_capture_counters counters;
    struct seen now;

    pthread_mutex_lock(&s.mutex);
    for (int i = 0; i < SENT; i++) {
        send_udp(device, NAMESPACE_PEER_V4, 1400);
    }
    pthread_mutex_unlock(&s.mutex);
    do {
        poll(NULL, 0, 2);
        counters = asc_linux_capture_counters(c);
    } while (counters.packets + counters.dropped < SENT);
    now = seen_now(&s);
    print_message("kept %u of %u\n", now.packets[ASC_OUT][ASC_UNICAST], (unsigned)SENT);
    assert_true(counters.dropped > 0);
    assert_true(now.packets[ASC_OUT][ASC_UNICAST] > 0);
    /* Besides ours a few packets of IPv6's own may be among the dropped. */
    assert_in_range(now.packets[ASC_OUT][ASC_UNICAST] + counters.dropped, SENT, SENT + 20);
    (void)asc_linux_capture_stop(c);
    close(device);
}

static void test_linux_capture__no_such_interface(void **state)
{
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES];
    struct seen s = {.others = 0};

    (void)state;
    assert_null(asc_linux_capture_start("nope0", ASC_LINUX_CAPTURE_RING, on_packet, &s, error));
    assert_non_null(strstr(error, "\"nope0\""));
    assert_non_null(strstr(error, "dev0"));
}

/* In a child without capabilities: 0 if it is told what to do. */
static int without_right(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES] = "";

    if (syscall(SYS_capset, &header, none) != 0) {
        return 1;
    }
    if (asc_linux_capture_start("dev0", ASC_LINUX_CAPTURE_RING, on_packet, NULL, error) != NULL) {
        return 2;
    }
    return strstr(error, "CAP_NET_RAW") != NULL && strstr(error, "setcap") != NULL &&
            strstr(error, "test_linux_capture") != NULL
        ? 0
        : 3;
}

static void test_linux_capture__without_the_right(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        _exit(without_right());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define BOTH_WAYS(test)                                                     \
    {#test " (ring)", test, NULL, NULL, (void *)(uintptr_t)&ring_way},      \
    {                                                                       \
#test " (socket)", test, NULL, NULL, (void *)(uintptr_t)&socket_way \
    }

/* The kernel refuses rings to this process from now on. */
static bool refuse_rings(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOL_PACKET, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_RX_RING, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* In a child: 0 if packets come by the socket. */
static int without_rings(void)
{
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES] = "";
    struct seen s = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    asc_linux_capture *c;
    struct asc_linux_capture_counters counters;

    if (!refuse_rings()) {
        return 1;
    }
    c = asc_linux_capture_start("dev0", ASC_LINUX_CAPTURE_RING, on_packet, &s, error);
    if (c == NULL) {
        return 2;
    }
    send_udp(udp(ns.device, NAMESPACE_DEVICE_V4, PORT), NAMESPACE_PEER_V4, 10);
    counters = asc_linux_capture_stop(c);
    return counters.way != ASC_LINUX_CAPTURE_SOCKET       ? 3
        : seen_now(&s).packets[ASC_OUT][ASC_UNICAST] != 1 ? 4
                                                          : 0;
}

static void test_linux_capture__by_socket_where_there_is_no_ring(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        _exit(without_rings());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(test_linux_capture__directions_and_casts),
        BOTH_WAYS(test_linux_capture__loopback_once),
        BOTH_WAYS(test_linux_capture__only_our_ip),
        BOTH_WAYS(test_linux_capture__steps_over_tags),
        BOTH_WAYS(test_linux_capture__takes_super_packets_apart),
        BOTH_WAYS(test_linux_capture__takes_super_datagrams_apart),
        BOTH_WAYS(test_linux_capture__refused_frames),
        BOTH_WAYS(test_linux_capture__takes_all_when_it_stops),
        BOTH_WAYS(test_linux_capture__interface_comes_and_goes),
        BOTH_WAYS(test_linux_capture__counts_what_the_kernel_dropped),
        cmocka_unit_test(test_linux_capture__by_socket_where_there_is_no_ring),
        cmocka_unit_test(test_linux_capture__no_such_interface),
        cmocka_unit_test(test_linux_capture__without_the_right),
    };

    if (!namespaces_enter(&ns)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
