/* SPDX-License-Identifier: MIT */
/* Tests of the capture on real interfaces, which go down, vanish and come back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/agent/capture_seen.h"
#include "tests/agent/temporary.h"

static void test_linux_capture__directions_and_casts(void **state)
{
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c = capture_start(state, "dev0", &s);
    int device = capture_udp(capture_namespaces.device, NAMESPACE_DEVICE_V4, CAPTURE_PORT),
        peer = capture_udp(capture_namespaces.peer, NAMESPACE_PEER_V4, CAPTURE_PORT);
    struct capture_seen now;

    for (int i = 0; i < 5; i++) {
        capture_send_udp(device, NAMESPACE_PEER_V4, 100);
    }
    for (int i = 0; i < 7; i++) {
        capture_send_udp(peer, NAMESPACE_DEVICE_V4, 1000);
    }
    capture_send_udp(peer, NAMESPACE_BROADCAST_V4, 10);
    capture_send_udp(peer, "224.0.0.1", 10);
    now = capture_await(&s, 14);
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c = capture_start(state, "lo", &s);
    int a = capture_udp(capture_namespaces.device, "127.0.0.1", CAPTURE_PORT);
    struct capture_seen now;

    for (int i = 0; i < 9; i++) {
        capture_send_udp(a, "127.0.0.1", 50);
    }
    asc_linux_capture_stop(c); /* takes all that the kernel holds */
    now = capture_seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 9);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 0);
    close(a);
}

/* An Ethernet frame from the peer that holds an IPv4 UDP packet, whatever its type says. */
static void send_frame(const uint8_t to[6], uint16_t type)
{
    int fd =
        namespaces_socket(&capture_namespaces, capture_namespaces.peer, AF_PACKET, SOCK_DGRAM, 0);
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c;
    struct capture_seen now;

    namespaces_run(capture_namespaces.device, "ip link set dev0 promisc on");
    c = capture_start(state, "dev0", &s);
    send_frame(ours, ETH_P_ARP);
    send_frame(ours, 0x88b5); /* local experimental */
    send_frame(other, ETH_P_IP);
    send_frame(ours, ETH_P_IP);
    (void)capture_await(&s, 1);
    asc_linux_capture_stop(c);
    now = capture_seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 1);
    namespaces_run(capture_namespaces.device, "ip link set dev0 promisc off");
}

/* A frame with `tags` VLAN tags before an IPv4 UDP packet of 28 bytes, all written here. */
static void send_tagged(bool in, const uint16_t *tags, size_t count)
{
    static const uint8_t device_mac[] = {2, 0, 0, 0, 0, 1}, peer_mac[] = {2, 0, 0, 0, 0, 2};
    int fd = namespaces_socket(&capture_namespaces,
        in ? capture_namespaces.peer : capture_namespaces.device, AF_PACKET, SOCK_RAW, 0);
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
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c = capture_start(state, "dev0", &s);
    struct capture_seen now;

    for (int in = 0; in < 2; in++) {
        send_tagged(in != 0, tags, 1);
        send_tagged(in != 0, tags, 2);
        send_tagged(in != 0, tags + 1, 2);
    }
    asc_linux_capture_stop(c);
    now = capture_seen_now(&s);
    assert_int_equal(now.packets[ASC_IN][ASC_UNICAST], 3);
    assert_int_equal(now.packets[ASC_OUT][ASC_UNICAST], 3);
    assert_int_equal(now.bytes[ASC_IN], 3 * 28);
    assert_int_equal(now.bytes[ASC_OUT], 3 * 28);
}

/* Nothing that was sent before the stop is missing, however short before. */
static void test_linux_capture__takes_all_when_it_stops(void **state)
{
    int device = capture_udp(capture_namespaces.device, NAMESPACE_DEVICE_V4, CAPTURE_PORT);

    for (unsigned i = 1; i <= 30; i++) {
        struct capture_seen s = {.others = 0};
        asc_linux_capture *c = capture_start(state, "dev0", &s);

        for (unsigned k = 0; k < 10 * i; k++) {
            capture_send_udp(device, NAMESPACE_PEER_V4, 100);
        }
        assert_int_equal(asc_linux_capture_stop(c).dropped, 0);
        assert_int_equal(capture_seen_now(&s).packets[ASC_OUT][ASC_UNICAST], 10 * i);
    }
    close(device);
}

/* The peer sends until one of its packets is seen. */
static void await_traffic(struct capture_seen *s, int peer)
{
    unsigned before = capture_seen_now(s).packets[ASC_IN][ASC_UNICAST];

    while (capture_seen_now(s).packets[ASC_IN][ASC_UNICAST] == before) {
        capture_send_udp(peer, NAMESPACE_DEVICE_V4, 20);
        poll(NULL, 0, 5);
    }
}

static void test_linux_capture__interface_comes_and_goes(void **state)
{
    char path[64];
    int before = temporary_log(path, sizeof path);
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c;
    int peer;

    c = capture_start(state, "dev0", &s);
    peer = capture_udp(capture_namespaces.peer, NAMESPACE_PEER_V4, CAPTURE_PORT);
    await_traffic(&s, peer);
    namespaces_run(capture_namespaces.device, "ip link set dev0 down");
    temporary_await(path, "event=interface_down interface=dev0");
    namespaces_run(capture_namespaces.device,
        "ip link set dev0 up && ip addr replace " NAMESPACE_DEVICE_V6 "/64 dev dev0 nodad");
    temporary_await(path, "event=interface_up interface=dev0");
    await_traffic(&s, peer);
    assert_int_equal(asc_linux_capture_counters(c).attached, 1);

    close(peer);
    namespaces_run(capture_namespaces.device, "ip link delete dev0");
    temporary_await(path, "event=interface_gone interface=dev0");
    namespaces_join(&capture_namespaces);
    while (asc_linux_capture_counters(c).attached < 2) {
        poll(NULL, 0, 5);
    }
    peer = capture_udp(capture_namespaces.peer, NAMESPACE_PEER_V4, CAPTURE_PORT);
    await_traffic(&s, peer);
    asc_linux_capture_stop(c);
    close(peer);
    temporary_end_log(before, path);
}

/* The packet function is held up while more arrives than the kernel keeps for us. */
static void test_linux_capture__counts_what_the_kernel_dropped(void **state)
{
    enum {
        SENT = 40000
    };
    struct capture_seen s = {.others = 0};
    asc_linux_capture *c = capture_start(state, "dev0", &s);
    int device = capture_udp(capture_namespaces.device, NAMESPACE_DEVICE_V4, CAPTURE_PORT);
    struct asc_linux_capture_counters counters;
    struct capture_seen now;

    pthread_mutex_lock(&s.mutex);
    for (int i = 0; i < SENT; i++) {
        capture_send_udp(device, NAMESPACE_PEER_V4, 1400);
    }
    pthread_mutex_unlock(&s.mutex);
    do {
        poll(NULL, 0, 2);
        counters = asc_linux_capture_counters(c);
    } while (counters.packets + counters.dropped < SENT);
    now = capture_seen_now(&s);
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
    struct capture_seen s = {.others = 0};

    (void)state;
    assert_null(
        asc_linux_capture_start("nope0", ASC_LINUX_CAPTURE_RING, capture_on_packet, &s, error));
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
    if (asc_linux_capture_start("dev0", ASC_LINUX_CAPTURE_RING, capture_on_packet, NULL, error) !=
        NULL) {
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
    struct capture_seen s = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    asc_linux_capture *c;
    struct asc_linux_capture_counters counters;

    if (!refuse_rings()) {
        return 1;
    }
    c = asc_linux_capture_start("dev0", ASC_LINUX_CAPTURE_RING, capture_on_packet, &s, error);
    if (c == NULL) {
        return 2;
    }
    capture_send_udp(capture_udp(capture_namespaces.device, NAMESPACE_DEVICE_V4, CAPTURE_PORT),
        NAMESPACE_PEER_V4, 10);
    counters = asc_linux_capture_stop(c);
    return counters.way != ASC_LINUX_CAPTURE_SOCKET               ? 3
        : capture_seen_now(&s).packets[ASC_OUT][ASC_UNICAST] != 1 ? 4
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
        CAPTURE_BOTH_WAYS(test_linux_capture__directions_and_casts),
        CAPTURE_BOTH_WAYS(test_linux_capture__loopback_once),
        CAPTURE_BOTH_WAYS(test_linux_capture__only_our_ip),
        CAPTURE_BOTH_WAYS(test_linux_capture__steps_over_tags),
        CAPTURE_BOTH_WAYS(test_linux_capture__takes_all_when_it_stops),
        CAPTURE_BOTH_WAYS(test_linux_capture__interface_comes_and_goes),
        CAPTURE_BOTH_WAYS(test_linux_capture__counts_what_the_kernel_dropped),
        cmocka_unit_test(test_linux_capture__by_socket_where_there_is_no_ring),
        cmocka_unit_test(test_linux_capture__no_such_interface),
        cmocka_unit_test(test_linux_capture__without_the_right),
    };

    if (!namespaces_enter(&capture_namespaces)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
