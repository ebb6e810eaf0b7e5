/* SPDX-License-Identifier: MIT */
/* Tests of the capture on real interfaces, which go down, vanish and come back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"
#include "tests/agent/namespaces.h"

#define PORT 7000

static struct namespaces ns;

/* What the packet function saw: IPv4 UDP packets by direction and cast, the rest in `others`. */
struct seen {
    pthread_mutex_t mutex;
    unsigned packets[2][3];
    uint64_t bytes[2];
    unsigned others;
};

static void on_packet(void *context, enum asc_direction direction, enum asc_cast cast,
    const uint8_t *data, uint32_t length)
{
    struct seen *s = context;

    pthread_mutex_lock(&s->mutex);
    if (length >= 20 && data[0] >> 4 == 4 && data[9] == IPPROTO_UDP) {
        s->packets[direction][cast]++;
        s->bytes[direction] += length;
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

static asc_linux_capture *start(const char *interface, struct seen *s)
{
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES] = "";
    asc_linux_capture *c;

    pthread_mutex_init(&s->mutex, NULL);
    c = asc_linux_capture_start(interface, on_packet, s, error);
    if (c == NULL) {
        fail_msg("%s", error);
    }
    return c;
}

static void test_linux_capture__directions_and_casts(void **state)
{
    struct seen s = {.others = 0};
    asc_linux_capture *c = start("dev0", &s);
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT),
        peer = udp(ns.peer, NAMESPACE_PEER_V4, PORT);
    struct seen now;

    (void)state;
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
    asc_linux_capture *c = start("lo", &s);
    int a = udp(ns.device, "127.0.0.1", PORT);
    struct seen now;

    (void)state;
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

    (void)state;
    namespaces_run(ns.device, "ip link set dev0 promisc on");
    c = start("dev0", &s);
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

    (void)state;
    assert_true(log >= 0 && dup2(log, STDERR_FILENO) >= 0);
    c = start("dev0", &s);
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
        SENT = 12000
    };
    struct seen s = {.others = 0};
    asc_linux_capture *c = start("dev0", &s);
    int device = udp(ns.device, NAMESPACE_DEVICE_V4, PORT);
    struct asc_linux_capture_counters counters;
    struct seen now;

    (void)state;
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
    assert_true(counters.dropped > 0);
    assert_true(now.packets[ASC_OUT][ASC_UNICAST] > 0);
    /* Besides ours a few packets of IPv6's own may be among the dropped. */
    assert_in_range(now.packets[ASC_OUT][ASC_UNICAST] + counters.dropped, SENT, SENT + 20);
    asc_linux_capture_stop(c);
    close(device);
}

static void test_linux_capture__no_such_interface(void **state)
{
    char error[ASC_LINUX_CAPTURE_ERROR_BYTES];
    struct seen s = {.others = 0};

    (void)state;
    assert_null(asc_linux_capture_start("nope0", on_packet, &s, error));
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
    if (asc_linux_capture_start("dev0", on_packet, NULL, error) != NULL) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linux_capture__directions_and_casts),
        cmocka_unit_test(test_linux_capture__loopback_once),
        cmocka_unit_test(test_linux_capture__only_our_ip),
        cmocka_unit_test(test_linux_capture__interface_comes_and_goes),
        cmocka_unit_test(test_linux_capture__counts_what_the_kernel_dropped),
        cmocka_unit_test(test_linux_capture__no_such_interface),
        cmocka_unit_test(test_linux_capture__without_the_right),
    };

    if (!namespaces_enter(&ns)) {
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
