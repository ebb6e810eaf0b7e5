/* SPDX-License-Identifier: MIT */
/* Network namespaces by unshare, links and addresses by iproute2. */

#include "cli/demo/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define WORDS_MAX     20
#define IP_TIMEOUT_MS 10000

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t length = strlen(text);
    bool good = fd >= 0 && write(fd, text, length) == (ssize_t)length;

    if (fd >= 0) {
        close(fd);
    }
    return good;
}

/* A user namespace in which this user is root: it may have network namespaces then. */
static int enter_as_user(void)
{
    char map[64];
    unsigned uid = (unsigned)geteuid();
    unsigned gid = (unsigned)getegid();

    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) {
        return errno;
    }
    snprintf(map, sizeof map, "0 %u 1", uid);
    if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map)) {
        return EPERM;
    }
    snprintf(map, sizeof map, "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map) ? 0 : EPERM;
}

int vd_netns_enter(void)
{
    if (unshare(CLONE_NEWNET) == 0) {
        return 0;
    }
    return errno == EPERM ? enter_as_user() : errno;
}

int vd_netns_new(void)
{
    int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int made = -1;

    if (own < 0) {
        return -1;
    }
    if (unshare(CLONE_NEWNET) == 0) {
        made = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (setns(own, CLONE_NEWNET) != 0) {
            if (made >= 0) {
                close(made);
            }
            made = -1;
        }
    }
    close(own);
    return made;
}

bool vd_netns_ip(struct vd_children *children, int netns, const char *log, const char *format, ...)
{
    char text[256];
    const char *argv[WORDS_MAX + 2] = {"ip"};
    struct vd_spawn spawn = {.argv = argv, .netns = netns, .log = log, .out = -1};
    size_t count = 1;
    char *at = text;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    while (*at != '\0' && count <= WORDS_MAX) {
        argv[count++] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    argv[count] = NULL;
    return vd_children_run(children, &spawn, NULL, IP_TIMEOUT_MS);
}
