/* SPDX-License-Identifier: MIT */
/* The word to systemd that the service is up. */

#include "cli/notify_ready.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/log.h"

void vd_notify_ready(void)
{
    static const char message[] = "READY=1";
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
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return;
    }
    if (sendto(fd, message, sizeof message - 1, MSG_NOSIGNAL, (struct sockaddr *)&address, size) <
        0) {
        vd_log(VD_LOG_WARN, "serve.notify_failed", "errno=%d", errno);
    }
    close(fd);
}
