/* SPDX-License-Identifier: MIT */
/* Transfers, and TCP_INFO. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/agent/tcp.h"

struct tcp_info tcp_info_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    memset(&info, 0, sizeof info);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info;
}

struct tcp_info tcp_settled(int device, int peer)
{
    struct tcp_info d = tcp_info_of(device), p = tcp_info_of(peer);

    while (d.tcpi_unacked > 0 || p.tcpi_unacked > 0) {
        poll(NULL, 0, 2);
        d = tcp_info_of(device);
        p = tcp_info_of(peer);
    }
    return tcp_info_of(device);
}

void tcp_transfer(int from, int to, size_t length)
{
    static uint8_t data[1 << 18];
    size_t sent = 0, received = 0;

    while (received < length) {
        size_t rest = length - sent < sizeof data ? length - sent : sizeof data;
        ssize_t n = rest > 0 ? send(from, data, rest, MSG_DONTWAIT) : 0;

        sent += n > 0 ? (size_t)n : 0;
        n = recv(to, data, sizeof data, sent > received ? 0 : MSG_DONTWAIT);
        received += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(received, length);
}
