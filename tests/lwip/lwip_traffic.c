/* SPDX-License-Identifier: MIT */
/* Echo servers and clients on lwIP's netconn interface. */

#include "tests/lwip/lwip_traffic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lwip/api.h"
#include "lwip/inet_chksum.h"
#include "lwip/ip.h"

/* An answer that has not come by then fails the test. */
#define ANSWER_MS 20000
/* Pings until one is answered: the first ones wait for an address of the link. */
#define PING_MS  250
#define PINGS    80
#define PING_ID  0x5655u
#define TCP_STEP 1000u

/* --- Servers ------------------------------------------------------------------------------------ */

/* Sends back what comes, until the client closes. */
static void echo(struct netconn *conn)
{
    struct netbuf *buf;

    while (netconn_recv(conn, &buf) == ERR_OK) {
        do {
            void *data;
            u16_t length;

            netbuf_data(buf, &data, &length);
            (void)netconn_write(conn, data, length, NETCONN_COPY);
        } while (netbuf_next(buf) >= 0);
        netbuf_delete(buf);
    }
}

static void *serve_tcp(void *context)
{
    struct netconn *listener = context;
    struct netconn *conn;

    while (netconn_accept(listener, &conn) == ERR_OK) {
        echo(conn);
        netconn_close(conn);
        netconn_delete(conn);
    }
    return NULL;
}

/* A netbuf that came is not sent itself: lwIP 2.1.3 leaves its flags unset, and may believe that it holds a
 * checksum. */
static void send_copy(struct netconn *conn, struct netbuf *from)
{
    struct netbuf *buf = netbuf_new();
    void *data = buf != NULL ? netbuf_alloc(buf, netbuf_len(from)) : NULL;

    if (data != NULL) {
        netbuf_copy(from, data, netbuf_len(from));
        (void)netconn_sendto(conn, buf, netbuf_fromaddr(from), netbuf_fromport(from));
    }
    if (buf != NULL) {
        netbuf_delete(buf);
    }
}

static void *serve_udp(void *context)
{
    struct netconn *conn = context;
    struct netbuf *buf;

    while (netconn_recv(conn, &buf) == ERR_OK) {
        send_copy(conn, buf);
        netbuf_delete(buf);
    }
    return NULL;
}

void traffic_serve(void)
{
    struct netconn *tcp = netconn_new(NETCONN_TCP_IPV6);
    struct netconn *udp = netconn_new(NETCONN_UDP_IPV6);
    pthread_t thread;

    if (tcp == NULL || udp == NULL || netconn_bind(tcp, IP6_ADDR_ANY, TRAFFIC_PORT) != ERR_OK ||
        netconn_bind(udp, IP6_ADDR_ANY, TRAFFIC_PORT) != ERR_OK || netconn_listen(tcp) != ERR_OK ||
        pthread_create(&thread, NULL, serve_tcp, tcp) != 0 || pthread_detach(thread) != 0 ||
        pthread_create(&thread, NULL, serve_udp, udp) != 0 || pthread_detach(thread) != 0) {
        abort();
    }
}

/* --- Clients ------------------------------------------------------------------------------------ */

static ip_addr_t address_of(bool ipv6, uint8_t host)
{
    ip_addr_t address;

    if (ipv6) {
        IP_ADDR6(&address, PP_HTONL(0xfd000000), 0, 0, PP_HTONL(host));
    } else {
        IP_ADDR4(&address, 10, 9, 0, host);
    }
    return address;
}

/* Reads `length` bytes of the connection; false when they do not come. */
static bool receive_bytes(struct netconn *conn, uint32_t length)
{
    struct netbuf *buf;

    while (length > 0) {
        if (netconn_recv(conn, &buf) != ERR_OK || netbuf_len(buf) > length) {
            return false;
        }
        length -= netbuf_len(buf);
        netbuf_delete(buf);
    }
    return true;
}

static bool tcp(const ip_addr_t *to, uint32_t bytes)
{
    static const uint8_t data[TCP_STEP] = {1, 2, 3};
    struct netconn *conn = netconn_new(IP_IS_V6(to) ? NETCONN_TCP_IPV6 : NETCONN_TCP);
    bool ok = conn != NULL;

    if (ok) {
        netconn_set_recvtimeout(conn, ANSWER_MS);
        ok = netconn_connect(conn, to, TRAFFIC_PORT) == ERR_OK;
    }
    for (uint32_t left = bytes; ok && left > 0;) {
        const uint32_t n = left < sizeof data ? left : sizeof data;

        ok = netconn_write(conn, data, n, NETCONN_COPY) == ERR_OK && receive_bytes(conn, n);
        left -= n;
    }
    if (conn != NULL) {
        netconn_close(conn);
        netconn_delete(conn);
    }
    return ok;
}

/* Sends a datagram of `bytes` bytes; `answer`: and waits until it comes back. */
static bool udp(const ip_addr_t *to, uint16_t bytes, bool answer)
{
    struct netconn *conn = netconn_new(IP_IS_V6(to) ? NETCONN_UDP_IPV6 : NETCONN_UDP);
    struct netbuf *buf = netbuf_new();
    void *data = buf != NULL ? netbuf_alloc(buf, bytes) : NULL;
    struct netbuf *back = NULL;
    bool ok = conn != NULL && data != NULL;

    if (ok) {
        memset(data, 0x5a, bytes);
        netconn_set_recvtimeout(conn, ANSWER_MS);
        ok = netconn_sendto(conn, buf, to, TRAFFIC_PORT) == ERR_OK;
        ok = ok && (!answer || (netconn_recv(conn, &back) == ERR_OK && netbuf_len(back) == bytes));
    }
    if (back != NULL) {
        netbuf_delete(back);
    }
    if (buf != NULL) {
        netbuf_delete(buf);
    }
    if (conn != NULL) {
        netconn_delete(conn);
    }
    return ok;
}

/* Whether a packet, with its IP header, is the answer to our ping. */
static bool is_answer(struct netbuf *buf, bool ipv6)
{
    uint8_t header[48] = {0};
    const size_t at = ipv6 ? 40 : 20;

    netbuf_copy(buf, header, sizeof header);
    return header[at] == (ipv6 ? 129 : 0) && header[at + 4] * 256u + header[at + 5] == PING_ID;
}

static bool send_ping(struct netconn *conn, const ip_addr_t *to, uint8_t number)
{
    struct netbuf *buf = netbuf_new();
    uint8_t *data = buf != NULL ? netbuf_alloc(buf, 40) : NULL;
    bool ok = data != NULL;

    if (ok) {
        memset(data, number, 40);
        data[0] = IP_IS_V6(to) ? 128 : 8;
        data[1] = data[2] = data[3] = 0;
        data[4] = PING_ID >> 8;
        data[5] = PING_ID & 0xff;
        if (!IP_IS_V6(to)) {
            const u16_t sum = inet_chksum(data, 40);

            memcpy(data + 2, &sum, sizeof sum);
        }
        ok = netconn_sendto(conn, buf, to, 0) == ERR_OK;
    }
    if (buf != NULL) {
        netbuf_delete(buf);
    }
    return ok;
}

static bool ping(const ip_addr_t *to)
{
    const bool ipv6 = IP_IS_V6(to);
    struct netconn *conn = netconn_new_with_proto_and_callback(
        ipv6 ? NETCONN_RAW_IPV6 : NETCONN_RAW, ipv6 ? IP6_NEXTH_ICMP6 : IP_PROTO_ICMP, NULL);
    bool answered = false;

    if (conn == NULL) {
        return false;
    }
    netconn_set_recvtimeout(conn, PING_MS);
    for (uint8_t i = 0; i < PINGS && !answered; i++) {
        struct netbuf *buf;

        (void)send_ping(conn, to, i);
        while (!answered && netconn_recv(conn, &buf) == ERR_OK) {
            answered = is_answer(buf, ipv6);
            netbuf_delete(buf);
        }
    }
    netconn_delete(conn);
    return answered;
}

bool traffic_ping(uint8_t host)
{
    const ip_addr_t to4 = address_of(false, host);
    const ip_addr_t to6 = address_of(true, host);

    return ping(&to4) && ping(&to6);
}

/* --- All of it ---------------------------------------------------------------------------------- */

static const char *unicast(bool ipv6, uint8_t host, uint32_t bytes)
{
    const ip_addr_t to = address_of(ipv6, host);

    return !ping(&to)           ? "no ping is answered"
        : !tcp(&to, bytes)      ? "TCP does not echo"
        : !udp(&to, 10, true)   ? "UDP does not echo"
        : !udp(&to, 5000, true) ? "UDP in fragments does not echo"
                                : NULL;
}

static const char *groups(void)
{
    ip_addr_t all, subnet, group, group6;

    IP_ADDR4(&all, 255, 255, 255, 255);
    IP_ADDR4(&subnet, 10, 9, 0, 255);
    IP_ADDR4(&group, 224, 0, 0, 251);
    IP_ADDR6(&group6, PP_HTONL(0xff020000), 0, 0, PP_HTONL(0xfb));
    return !udp(&all, 20, false)    ? "no datagram to all"
        : !udp(&subnet, 30, false)  ? "no datagram to the subnet"
        : !udp(&group, 40, false)   ? "no datagram to a group"
        : !udp(&group6, 50, false)  ? "no datagram to a group of IPv6"
        : !udp(&group, 3000, false) ? "no datagram in fragments to a group"
                                    : NULL;
}

const char *traffic_to(uint8_t host, uint32_t bytes)
{
    const char *wrong = unicast(false, host, bytes);

    wrong = wrong != NULL ? wrong : unicast(true, host, bytes);
    return wrong != NULL ? wrong : groups();
}
