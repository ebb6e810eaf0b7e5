/* SPDX-License-Identifier: MIT */
/* Listening TCP sockets: from a numeric address to a bound socket. */

#include "lib/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

static int parse_address(const char *text, uint16_t port, union address *out, socklen_t *length)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->four.sin_addr) == 1) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons(port);
        *length = sizeof out->four;
        return VD_OK;
    }
    if (inet_pton(AF_INET6, text, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons(port);
        *length = sizeof out->six;
        return VD_OK;
    }
    return VD_E_INVALID;
}

static uint16_t bound_port(int fd)
{
    union address address;
    socklen_t length = sizeof address;

    memset(&address, 0, sizeof address);
    if (getsockname(fd, &address.any, &length) != 0) {
        return 0;
    }
    return ntohs(address.any.sa_family == AF_INET6 ? address.six.sin6_port : address.four.sin_port);
}

static int fail(int error, const char *address, uint16_t port, const char *why, char *error_text,
    size_t error_size)
{
    snprintf(error_text, error_size, "%.64s port %u: %s", address, port, why);
    return error;
}

int vd_listen_bind(const char *address, uint16_t port, int *fd, uint16_t *bound, char *error_text,
    size_t error_size)
{
    const int on = 1;
    const int off = 0;
    union address place;
    socklen_t length = 0;
    int made;

    if (parse_address(address, port, &place, &length) != VD_OK) {
        return fail(VD_E_INVALID, address, port, "not a numeric IPv4 or IPv6 address", error_text,
            error_size);
    }
    made = socket(place.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made < 0) {
        return fail(VD_E_IO, address, port, strerror(errno), error_text, error_size);
    }
    (void)setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (place.any.sa_family == AF_INET6) {
        (void)setsockopt(made, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    if (bind(made, &place.any, length) != 0) {
        int error = errno == EADDRINUSE ? VD_E_BUSY : errno == EACCES ? VD_E_DENIED : VD_E_INVALID;

        fail(error, address, port, strerror(errno), error_text, error_size);
        close(made);
        return error;
    }
    *fd = made;
    *bound = bound_port(made);
    return VD_OK;
}
