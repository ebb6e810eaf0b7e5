/* SPDX-License-Identifier: MIT */
/* The notification protocol of systemd: one datagram to a UNIX socket. */

#include "azure_iot_security_module/ports/linux/asc_linux_notify.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void asc_linux_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = path != NULL ? strlen(path) : 0;
    int fd;

    if (length < 2 || length >= sizeof address.sun_path || strchr("/@", path[0]) == NULL) {
        return;
    }
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') { /* the abstract namespace */
        address.sun_path[0] = '\0';
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
        close(fd);
    }
}
