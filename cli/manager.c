/* SPDX-License-Identifier: MIT */
/* Datagrams to the service manager. */

#include "cli/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/log.h"

#define MESSAGE_SIZE 512

static void tell(const char *message)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path != NULL ? strlen(path) : 0;
    socklen_t size;
    int fd;

    if (length < 2 || length >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, length);
    size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (address.sun_path[0] == '@') {
        address.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return;
    }
    if (sendto(fd, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0) {
        vd_log(VD_LOG_WARN, "serve.notify_failed", "errno=%d", errno);
    }
    close(fd);
}

void vd_manager_ready(void)
{
    tell("READY=1\nSTATUS=ready");
}

void vd_manager_stopping(void)
{
    tell("STOPPING=1\nSTATUS=stopping");
}

void vd_manager_reloading(void)
{
    char message[MESSAGE_SIZE];
    struct timespec now;

    /* Exactly: the manager passes over a word that is older than its request. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
        (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    tell(message);
}

void vd_manager_reloaded(void)
{
    tell("READY=1");
}

/* ---- The watchdog ---- */

/* A number of the environment; 0: there is none. */
static int64_t number_of(const char *name)
{
    const char *text = getenv(name);
    char *end = NULL;
    long long number;

    if (text == NULL) {
        return 0;
    }
    errno = 0;
    number = strtoll(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && number > 0 ? number : 0;
}

void vd_manager_watch_begin(struct vd_manager_watch *watch)
{
    const int64_t pid = number_of("WATCHDOG_PID");

    *watch = (struct vd_manager_watch){.told = 0};
    if (pid == 0 || pid == (int64_t)getpid()) {
        watch->interval_ms = number_of("WATCHDOG_USEC") / 1000;
    }
}

static void tell_change(vd_health_reasons reasons)
{
    const char *words = reasons == 0 ? "ready" : vd_health_is_live(reasons) ? "not ready" : "stuck";
    char codes[MESSAGE_SIZE / 2] = "";
    char message[MESSAGE_SIZE];
    size_t at = 0;

    for (unsigned i = 0; i < VD_HEALTH_REASON_COUNT && at < sizeof codes; i++) {
        if ((reasons >> i & 1U) != 0) {
            at += (size_t)snprintf(codes + at, sizeof codes - at, "%s%s", at > 0 ? "," : "",
                vd_health_reason_rows[i].code);
        }
    }
    snprintf(message, sizeof message, "STATUS=%s%s%s", words, codes[0] != '\0' ? ": " : "", codes);
    tell(message);
    vd_log(reasons == 0                  ? VD_LOG_INFO
            : vd_health_is_live(reasons) ? VD_LOG_WARN
                                         : VD_LOG_ERROR,
        "serve.health", "state=\"%s\" reasons=\"%s\"", words, codes);
}

void vd_manager_watch_tick(
    struct vd_manager_watch *watch, vd_health_reasons reasons, int64_t now_ms)
{
    if (reasons != watch->told) {
        tell_change(reasons);
        watch->told = reasons;
    }
    if (watch->interval_ms > 0 && now_ms >= watch->next_ms && vd_health_is_live(reasons)) {
        tell("WATCHDOG=1");
        watch->next_ms = now_ms + watch->interval_ms / 2;
    }
}
