/* SPDX-License-Identifier: MIT */
/* unshare, setns and the ip program; sockets are made in the namespace that they belong to. */

#include "tests/agent/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "namespaces: %s: %s\n", what, strerror(errno));
        abort();
    }
}

static bool write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0) {
        close(fd);
    }
    return written;
}

/* A network namespace, for which a user who is not root first needs a user namespace. */
static bool leave_ours(void)
{
    unsigned uid = getuid(), gid = getgid();
    char map[64];

    if (unshare(CLONE_NEWNET) == 0) {
        return true;
    }
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return false;
    }
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_text("/proc/self/uid_map", map) || !write_text("/proc/self/setgroups", "deny")) {
        return false;
    }
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_text("/proc/self/gid_map", map);
}

static int this_namespace(void)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

    must(fd >= 0, "/proc/self/ns/net");
    return fd;
}

void namespaces_run(int in, const char *format, ...)
{
    char command[512];
    va_list args;
    int status = -1;
    pid_t child;

    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
        if (setns(in, CLONE_NEWNET) == 0) {
            execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        }
        _exit(127);
    }
    must(waitpid(child, &status, 0) == child, "waitpid");
    errno = 0;
    must(status == 0, command);
}

int namespaces_socket(const struct namespaces *n, int in, int domain, int type, int protocol)
{
    struct timeval limit = {.tv_sec = 10};
    int fd;

    must(setns(in, CLONE_NEWNET) == 0, "setns");
    fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    must(fd >= 0, "socket");
    must(setns(n->device, CLONE_NEWNET) == 0, "setns");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

void namespaces_offload(const struct namespaces *n, int in, const char *interface, bool on)
{
    static const uint32_t commands[] = {ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO};
    int fd = namespaces_socket(n, in, AF_INET, SOCK_DGRAM, 0);

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct ethtool_value value = {commands[i], on ? 1 : 0};
        struct ifreq request = {.ifr_data = (char *)&value};

        snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
        must(ioctl(fd, SIOCETHTOOL, &request) == 0, "SIOCETHTOOL");
    }
    close(fd);
}

static void configure(int in, const char *interface, const char *own4, const char *own6)
{
    namespaces_run(in,
        "ip addr add %s/24 brd %s dev %s && ip addr add %s/64 dev %s nodad && ip link set %s up",
        own4, NAMESPACE_BROADCAST_V4, interface, own6, interface, interface);
}

/* Fixed neighbours: no neighbour discovery runs between the two addresses. */
static void know(int in, const char *interface, const char *v4, const char *v6, const char *mac)
{
    namespaces_run(in,
        "ip neigh replace %s lladdr %s dev %s nud permanent && "
        "ip neigh replace %s lladdr %s dev %s nud permanent",
        v4, mac, interface, v6, mac, interface);
}

void namespaces_join(const struct namespaces *n)
{
    /* The child that runs it moves into the peer's namespace; this process stays the device. */
    namespaces_run(n->peer,
        "ip link add peer0 address 02:00:00:00:00:02 type veth "
        "peer name dev0 address 02:00:00:00:00:01 netns %ld",
        (long)getpid());
    configure(n->device, "dev0", NAMESPACE_DEVICE_V4, NAMESPACE_DEVICE_V6);
    configure(n->peer, "peer0", NAMESPACE_PEER_V4, NAMESPACE_PEER_V6);
    know(n->device, "dev0", NAMESPACE_PEER_V4, NAMESPACE_PEER_V6, "02:00:00:00:00:02");
    know(n->peer, "peer0", NAMESPACE_DEVICE_V4, NAMESPACE_DEVICE_V6, "02:00:00:00:00:01");
    namespaces_offload(n, n->device, "dev0", false);
    namespaces_offload(n, n->peer, "peer0", false);
}

bool namespaces_enter(struct namespaces *n)
{
    if (!leave_ours()) {
        printf("skipped: no right to make network namespaces (%s)\n", strerror(errno));
        return false;
    }
    n->device = this_namespace();
    must(unshare(CLONE_NEWNET) == 0, "unshare");
    n->peer = this_namespace();
    must(setns(n->device, CLONE_NEWNET) == 0, "setns");
    namespaces_run(n->device, "ip link set lo up");
    namespaces_join(n);
    return true;
}
