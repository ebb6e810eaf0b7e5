/* SPDX-License-Identifier: MIT */
/* Tests of the capture where the interface segments: packets of up to 64 KiB and more are taken apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/agent/capture_seen.h"
#include "tests/agent/tcp.h"

/* VIRTIO_NET_HDR_GSO_UDP_L4, which headers before Linux 6.2 lack. */
#define GSO_UDP_L4 5

/* Both ends of a connection from the device to the peer, by IPv6 or IPv4. */
static void connect_ends(bool ipv6, int ends[2])
{
    struct sockaddr_storage a = {.ss_family = ipv6 ? AF_INET6 : AF_INET};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;
    socklen_t size = ipv6 ? sizeof *v6 : sizeof *v4;
    int listener = namespaces_socket(
        &capture_namespaces, capture_namespaces.peer, a.ss_family, SOCK_STREAM, 0);

    assert_int_equal(ipv6 ? inet_pton(AF_INET6, NAMESPACE_PEER_V6, &v6->sin6_addr)
                          : inet_pton(AF_INET, NAMESPACE_PEER_V4, &v4->sin_addr),
        1);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    ends[0] = namespaces_socket(
        &capture_namespaces, capture_namespaces.device, a.ss_family, SOCK_STREAM, 0);
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c = capture_start(state, "dev0", &s);
    unsigned before = passed_by_interface(), passed;
    struct asc_linux_capture_counters counters;
    struct tcp_info info, peer;
    struct capture_seen now;
    int ends[2];

    connect_ends(ipv6, ends);
    tcp_transfer(ends[0], ends[1], 1000000);
    tcp_transfer(ends[1], ends[0], 700000);
    info = tcp_settled(ends[0], ends[1]);
    peer = tcp_info_of(ends[1]);
    passed = passed_by_interface() - before;
    counters = asc_linux_capture_stop(c);
    now = capture_seen_now(&s);
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
    namespaces_offload(&capture_namespaces, capture_namespaces.device, "dev0", on);
    namespaces_offload(&capture_namespaces, capture_namespaces.peer, "peer0", on);
    namespaces_run(capture_namespaces.device, "ip link set dev0 gso_max_size %u gro_max_size %u",
        bytes, bytes);
    namespaces_run(
        capture_namespaces.peer, "ip link set peer0 gso_max_size %u gro_max_size %u", bytes, bytes);
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c;
    int device = capture_udp(capture_namespaces.device, NAMESPACE_DEVICE_V4, CAPTURE_PORT),
        size = 1000;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(CAPTURE_PORT)};
    unsigned before, passed;
    struct capture_seen now;

    offload(true, 65536);
    c = capture_start(state, "dev0", &s);
    before = passed_by_interface();
    assert_int_equal(inet_pton(AF_INET, NAMESPACE_PEER_V4, &a.sin_addr), 1);
    assert_int_equal(setsockopt(device, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    assert_int_equal(sendto(device, payload, sizeof payload, 0, (struct sockaddr *)&a, sizeof a),
        sizeof payload);
    passed = passed_by_interface() - before;
    asc_linux_capture_stop(c);
    now = capture_seen_now(&s);
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
    namespaces_run(capture_namespaces.device, "ip link set tun0 up");
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c;
    struct asc_linux_capture_counters counters;
    struct capture_seen now;
    unsigned taken = 0;
    int tun = open_tun();

    if (tun < 0) {
        skip();
    }
    c = capture_start(state, "tun0", &s);
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
    now = capture_seen_now(&s);
    assert_int_equal(counters.dropped, FRAMES - taken);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], taken + 3);
    assert_int_equal(now.bytes[ASC_IN], taken * 300 + 4200 + 3 * 28);
    close(tun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURE_BOTH_WAYS(test_linux_capture__takes_super_packets_apart),
        CAPTURE_BOTH_WAYS(test_linux_capture__takes_super_datagrams_apart),
        CAPTURE_BOTH_WAYS(test_linux_capture__refused_frames),
    };

    if (!namespaces_enter(&capture_namespaces)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
