/* SPDX-License-Identifier: MIT */
/* AF_PACKET with a filter in the kernel, and a netlink socket that tells of the interface's fate. */

#include "azure_iot_security_module/ports/linux/asc_linux_capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture_way.h"
#include "azure_iot_security_module/ports/linux/asc_linux_log.h"

/* An interface that is gone is looked for this often even if netlink loses its message. */
#define ABSENT_POLL_MS 1000
/* How long stopping waits for what the kernel holds: many ages of a block of the ring, for a host that is
   busy gives blocks out late. */
#define DRAIN_MS      3000u
#define DRAIN_POLL_MS 5

struct asc_linux_capture {
    char interface[IF_NAMESIZE];
    const struct asc_linux_way *way;
    void *way_state;
    struct asc_linux_taken taken; /* the thread's */
    int packets;                  /* AF_PACKET */
    int netlink;                  /* link changes */
    int stop;                     /* eventfd */
    int index;    /* of the interface that `packets` is bound to; 0: there is none */
    bool running; /* up and with a carrier, as last logged */
    pthread_t thread;
    pthread_mutex_t mutex; /* of what follows */
    struct asc_linux_capture_counters counters;
    uint64_t refused;  /* of taken.refused, those in counters.dropped */
    uint64_t accepted; /* frames that the kernel took for us, the dropped ones not among them */
};

static bool attach_filter(int fd, struct sock_filter *code, unsigned short length)
{
    struct sock_fprog program = {.len = length, .filter = code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* Lets the first bytes of IPv4 and IPv6 through that is ours, from or to this host, and of tagged
   frames, which may hold it. On a loopback interface each packet is seen going out and again coming
   in, and only the latter counts. */
static bool set_filter(int fd, bool loopback)
{
    /* Jumps count instructions from the next one. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, loopback ? PACKET_OUTGOING : PACKET_LOOPBACK, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, ASC_LINUX_FRAME_SNAP_BYTES),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };

    return attach_filter(fd, code, sizeof code / sizeof code[0]);
}

/* Lets nothing through any more; what the socket holds stays. */
static bool close_filter(int fd)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

    return attach_filter(fd, code, 1);
}

/* The interface's flags; 0 when it is gone. */
static int interface_flags(const asc_linux_capture *c)
{
    struct ifreq request = {.ifr_flags = 0};

    memcpy(request.ifr_name, c->interface, sizeof request.ifr_name);
    return ioctl(c->packets, SIOCGIFFLAGS, &request) == 0 ? request.ifr_flags : 0;
}

static void log_running(asc_linux_capture *c, bool running)
{
    if (c->running != running) {
        c->running = running;
        asc_linux_log(running ? ASC_LINUX_LOG_INFO : ASC_LINUX_LOG_WARN,
            running ? "interface_up" : "interface_down", "interface=%s", c->interface);
    }
}

/* Binds to the interface that has the name now. False: there is none, or errno says why not. */
static bool attach(asc_linux_capture *c, int index)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};

    if (index == 0 || !set_filter(c->packets, (interface_flags(c) & IFF_LOOPBACK) != 0) ||
        bind(c->packets, (struct sockaddr *)&address, sizeof address) != 0) {
        return false;
    }
    c->index = index;
    pthread_mutex_lock(&c->mutex);
    c->counters.attached++;
    pthread_mutex_unlock(&c->mutex);
    asc_linux_log(ASC_LINUX_LOG_INFO, "capture_attached", "interface=%s index=%d way=%s",
        c->interface, index, c->way->name);
    return true;
}

/* Compares the interface with what it was, and follows it. */
static void look_at_interface(asc_linux_capture *c)
{
    int index = (int)if_nametoindex(c->interface);
    int flags;

    if (index != c->index && !attach(c, index)) {
        if (c->index != 0) {
            c->index = 0;
            c->running = false;
            asc_linux_log(ASC_LINUX_LOG_WARN, "interface_gone", "interface=%s", c->interface);
        }
        return;
    }
    flags = interface_flags(c);
    log_running(c, (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0);
}

/* Adds what the kernel counted since the last look, after which its counters start from 0. */
static void look_at_statistics(asc_linux_capture *c)
{
    struct tpacket_stats_v3 stats = {0, 0, 0};
    socklen_t size = sizeof stats; /* a socket without a ring fills the first two */

    if (getsockopt(c->packets, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
        c->counters.dropped += stats.tp_drops;
        c->accepted += stats.tp_packets - stats.tp_drops;
    }
}

static void take_packets(asc_linux_capture *c)
{
    const bool whole = c->way->take(c->way_state, &c->taken);

    pthread_mutex_lock(&c->mutex);
    c->counters.packets = c->taken.sink.packets;
    c->counters.dropped += c->taken.refused - c->refused;
    c->refused = c->taken.refused;
    pthread_mutex_unlock(&c->mutex);
    if (!whole) {
        look_at_interface(c);
    }
}

static uint64_t taken(const asc_linux_capture *c)
{
    return c->taken.frames + c->taken.refused;
}

static bool all_taken(asc_linux_capture *c)
{
    uint64_t accepted;

    pthread_mutex_lock(&c->mutex);
    look_at_statistics(c);
    accepted = c->accepted;
    pthread_mutex_unlock(&c->mutex);
    return taken(c) >= accepted;
}

/* Takes what came before now. Waits only while nothing comes: of a ring the kernel gives out a block
   that is not full when it is old enough. What it still holds then counts as dropped. */
static void drain(asc_linux_capture *c)
{
    const bool closed = close_filter(c->packets);
    unsigned waited_ms = 0;

    take_packets(c);
    while (closed && waited_ms < DRAIN_MS && !all_taken(c)) {
        const uint64_t before = taken(c);

        take_packets(c);
        if (taken(c) == before) {
            (void)poll(NULL, 0, DRAIN_POLL_MS);
            waited_ms += DRAIN_POLL_MS;
        }
    }
    if (!all_taken(c)) {
        pthread_mutex_lock(&c->mutex);
        c->counters.dropped += c->accepted - taken(c);
        pthread_mutex_unlock(&c->mutex);
    }
}

/* What the messages say is looked up afresh, so a lost one does no harm. */
static void drain_netlink(asc_linux_capture *c)
{
    uint8_t buffer[8192];

    while (recv(c->netlink, buffer, sizeof buffer, MSG_DONTWAIT) > 0 || errno == ENOBUFS) {
    }
}

static void *capture(void *context)
{
    asc_linux_capture *c = context;
    struct pollfd fds[] = {{.fd = c->stop, .events = POLLIN}, {.fd = c->netlink, .events = POLLIN},
        {.fd = c->packets, .events = POLLIN}};

    for (;;) {
        int ready = poll(fds, 3, c->index == 0 ? ABSENT_POLL_MS : -1);

        if (ready > 0 && fds[2].revents != 0) {
            take_packets(c);
        }
        if (ready > 0 && fds[0].revents != 0) {
            break;
        }
        if (ready == 0 || (ready > 0 && fds[1].revents != 0)) {
            drain_netlink(c);
            look_at_interface(c);
        }
    }
    drain(c);
    return NULL;
}

/* The names of this host's interfaces, for the message about one that is not among them. */
static void list_interfaces(char *out, size_t size)
{
    struct if_nameindex *all = if_nameindex();
    size_t length = 0;

    out[0] = '\0';
    for (struct if_nameindex *i = all; i != NULL && i->if_index != 0 && length < size; i++) {
        int n = snprintf(out + length, size - length, "%s%s", length > 0 ? ", " : "", i->if_name);

        length += n > 0 ? (size_t)n : 0;
    }
    if (all != NULL) {
        if_freenameindex(all);
    }
}

static void say_no_right(char error[ASC_LINUX_CAPTURE_ERROR_BYTES])
{
    char program[256];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);

    program[n > 0 ? n : 0] = '\0';
    snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES,
        "capturing packets needs the right CAP_NET_RAW: run as root, or once, as root: "
        "setcap cap_net_raw+ep %s",
        program);
}

/* Whether the kernel can say of every usual super-packet how it is to be taken apart. One that knows
   of TCP only would drop the others. */
static bool kernel_tells_segments(void)
{
    struct utsname name;
    char *end = NULL;
    unsigned long major;

    if (uname(&name) != 0) {
        return false;
    }
    major = strtoul(name.release, &end, 10);
    return major > 6 || (major == 6 && *end == '.' && strtoul(end + 1, NULL, 10) >= 2);
}

/* Makes the socket and its way. False with errno. */
static bool open_way(asc_linux_capture *c, const struct asc_linux_way *way)
{
    int on = 1;
    bool segments;

    /* Protocol 0: no packet is queued before filter and interface are set. */
    c->packets = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (c->packets < 0) {
        return false;
    }
    segments = kernel_tells_segments() &&
        setsockopt(c->packets, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) == 0;
    c->way = way;
    c->way_state = way->open(c->packets, segments);
    if (c->way_state == NULL) {
        const int error = errno;

        close(c->packets);
        c->packets = -1;
        errno = error;
        return false;
    }
    return true;
}

static bool open_packets(
    asc_linux_capture *c, enum asc_linux_capture_way way, char error[ASC_LINUX_CAPTURE_ERROR_BYTES])
{
    if (way == ASC_LINUX_CAPTURE_RING && !open_way(c, &asc_linux_way_ring)) {
        if (errno != EPERM && errno != EACCES) {
            asc_linux_log(ASC_LINUX_LOG_WARN, "capture_ring_failed",
                "interface=%s reason=\"%s\" instead=socket", c->interface, strerror(errno));
        }
        way = ASC_LINUX_CAPTURE_SOCKET;
    }
    c->counters.way = way;
    if (c->way_state != NULL || open_way(c, &asc_linux_way_socket)) {
        return true;
    }
    if (errno == EPERM || errno == EACCES) {
        say_no_right(error);
    } else {
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES, "no packet socket: %s", strerror(errno));
    }
    return false;
}

static bool open_sockets(
    asc_linux_capture *c, enum asc_linux_capture_way way, char error[ASC_LINUX_CAPTURE_ERROR_BYTES])
{
    struct sockaddr_nl links = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

    if (!open_packets(c, way, error)) {
        return false;
    }
    c->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    c->stop = eventfd(0, EFD_CLOEXEC);
    if (c->stop < 0 || c->netlink < 0 ||
        bind(c->netlink, (struct sockaddr *)&links, sizeof links) != 0) {
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES, "no netlink socket: %s", strerror(errno));
        return false;
    }
    return true;
}

static bool first_attach(asc_linux_capture *c, char error[ASC_LINUX_CAPTURE_ERROR_BYTES])
{
    char names[256];
    int index = (int)if_nametoindex(c->interface);

    if (index == 0) {
        list_interfaces(names, sizeof names);
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES,
            "there is no interface \"%s\"; this host has: %s", c->interface, names);
        return false;
    }
    c->running = true; /* so that one that is down is logged */
    if (!attach(c, index)) {
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES, "cannot capture on %s: %s", c->interface,
            strerror(errno));
        return false;
    }
    look_at_interface(c);
    return true;
}

static void release(asc_linux_capture *c)
{
    int fds[] = {c->packets, c->netlink, c->stop};

    if (c->way_state != NULL) {
        c->way->close(c->way_state);
    }
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

/* Signals are the main thread's. */
static int start_thread(asc_linux_capture *c)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&c->thread, NULL, capture, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

asc_linux_capture *asc_linux_capture_start(const char *interface, enum asc_linux_capture_way way,
    asc_linux_packet_fn *packet, void *context, char error[ASC_LINUX_CAPTURE_ERROR_BYTES])
{
    asc_linux_capture *c = calloc(1, sizeof *c);

    if (c == NULL) {
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&c->mutex, NULL);
    snprintf(c->interface, sizeof c->interface, "%s", interface);
    c->taken.sink = (struct asc_linux_sink){packet, context, 0};
    c->packets = c->netlink = c->stop = -1;
    if (!open_sockets(c, way, error) || !first_attach(c, error)) {
        release(c);
        return NULL;
    }
    if (start_thread(c) != 0) {
        snprintf(error, ASC_LINUX_CAPTURE_ERROR_BYTES, "no thread could be started");
        release(c);
        return NULL;
    }
    return c;
}

struct asc_linux_capture_counters asc_linux_capture_counters(asc_linux_capture *c)
{
    struct asc_linux_capture_counters counters;

    pthread_mutex_lock(&c->mutex);
    look_at_statistics(c);
    counters = c->counters;
    pthread_mutex_unlock(&c->mutex);
    return counters;
}

struct asc_linux_capture_counters asc_linux_capture_stop(asc_linux_capture *c)
{
    struct asc_linux_capture_counters counters = {.packets = 0};
    uint64_t one = 1;
    ssize_t n;

    if (c == NULL) {
        return counters;
    }
    n = write(c->stop, &one, sizeof one);
    (void)n; /* a new eventfd always has room for 1 */
    pthread_join(c->thread, NULL);
    counters = asc_linux_capture_counters(c);
    release(c);
    return counters;
}
