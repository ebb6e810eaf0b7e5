/* SPDX-License-Identifier: MIT */
/* The driver over a socket pair: one system call a frame, one thread that receives. */

#include "tests/lwip/lwip_wire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/tcpip.h"

#define FRAME_BYTES_MAX 1514u
/* Of IEEE for experiments. */
#define MARK_TYPE 0x88b5u

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "wire: %s\n", what);
        abort();
    }
}

/* Called by the stack, in its thread. */
static err_t wire_send(struct netif *netif, struct pbuf *p)
{
    struct wire *wire = netif->state;
    uint8_t frame[FRAME_BYTES_MAX];
    const u16_t length = pbuf_copy_partial(p, frame, sizeof frame, 0);

    if (length != p->tot_len || send(wire->fd, frame, length, MSG_NOSIGNAL) != (ssize_t)length) {
        return ERR_IF;
    }
    tally_frame(&wire->out, true, frame, length);
    return ERR_OK;
}

static err_t wire_init(struct netif *netif)
{
    const struct wire *wire = netif->state;

    netif->name[0] = 'w';
    netif->name[1] = 'i';
    netif->output = etharp_output;
    netif->output_ip6 = ethip6_output;
    netif->linkoutput = wire_send;
    netif->mtu = 1500;
    netif->hwaddr_len = 6;
    memcpy(netif->hwaddr, (const uint8_t[]){2, 0, 0, 0, 0, wire->host}, 6);
    netif->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET |
        NETIF_FLAG_IGMP | NETIF_FLAG_MLD6 | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

static void receive(struct wire *wire, const uint8_t *frame, size_t length)
{
    /* Not of PBUF_POOL: Debian's library corrupts its heap with frames beyond some 590 bytes there. */
    struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)length, PBUF_RAM);

    require(p != NULL && pbuf_take(p, frame, (u16_t)length) == ERR_OK, "no memory for a frame");
    pthread_mutex_lock(&wire->receiving);
    tally_frame(&wire->in, false, frame, length);
    if (length >= 14 && frame[12] * 256u + frame[13] == MARK_TYPE) {
        wire->marks++;
        pthread_cond_signal(&wire->marked);
    }
    if (wire->netif.input(p, &wire->netif) != ERR_OK) {
        pbuf_free(p);
    }
    pthread_mutex_unlock(&wire->receiving);
}

static void *receive_all(void *context)
{
    struct wire *wire = context;
    uint8_t frame[FRAME_BYTES_MAX];
    ssize_t length;

    for (;;) {
        length = recv(wire->fd, frame, sizeof frame, 0);
        if (length > 0) {
            receive(wire, frame, (size_t)length);
        } else if (length == 0 || errno != EINTR) {
            return NULL; /* the other side is gone */
        }
    }
}

static void started(void *context)
{
    sys_sem_signal(context);
}

static void add_netif(struct wire *wire)
{
    ip4_addr_t address, mask, router;

    IP4_ADDR(&address, 10, 9, 0, wire->host);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&router, 10, 9, 0, 254);
    require(netif_add(&wire->netif, &address, &mask, &router, wire, wire_init, tcpip_input) != NULL,
        "the netif cannot be added");
    netif_set_default(&wire->netif);
}

/* Adding one makes lwIP send a report to its group at once. */
static void add_addresses6(struct wire *wire)
{
    ip6_addr_t address;
    s8_t index;

    netif_create_ip6_linklocal_address(&wire->netif, 1);
    IP6_ADDR(&address, PP_HTONL(0xfd000000), 0, 0, PP_HTONL(wire->host));
    require(netif_add_ip6_address(&wire->netif, &address, &index) == ERR_OK,
        "the netif takes no address of IPv6");
    netif_ip6_addr_set_state(&wire->netif, index, IP6_ADDR_PREFERRED);
}

void wire_start(struct wire *wire, int fd, uint8_t host, bool unicast_only)
{
    sys_sem_t ready;

    memset(wire, 0, sizeof *wire);
    wire->fd = fd;
    wire->host = host;
    wire->in.unicast_only = wire->out.unicast_only = unicast_only;
    memcpy(wire->in.subnet_broadcast, (const uint8_t[]){10, 9, 0, 255}, 4);
    pthread_mutex_init(&wire->receiving, NULL);
    pthread_cond_init(&wire->marked, NULL);
    require(sys_sem_new(&ready, 0) == ERR_OK, "no semaphore");
    tcpip_init(started, &ready);
    sys_sem_wait(&ready);
    sys_sem_free(&ready);
    LOCK_TCPIP_CORE();
    add_netif(wire);
    UNLOCK_TCPIP_CORE();
}

void wire_up(struct wire *wire)
{
    pthread_t thread;

    require(pthread_create(&thread, NULL, receive_all, wire) == 0 && pthread_detach(thread) == 0,
        "no thread");
    LOCK_TCPIP_CORE();
    netif_set_up(&wire->netif);
    add_addresses6(wire);
    UNLOCK_TCPIP_CORE();
}

void wire_inject(struct wire *wire, const uint8_t *frame, size_t length)
{
    require(send(wire->fd, frame, length, MSG_NOSIGNAL) == (ssize_t)length, "no frame can be sent");
}

void wire_mark(struct wire *wire)
{
    const uint8_t frame[] = {
        2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, MARK_TYPE >> 8, MARK_TYPE & 0xff, 0};

    wire_inject(wire, frame, sizeof frame);
}

bool wire_await(struct wire *wire, unsigned marks)
{
    struct timespec until;
    bool come;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&wire->receiving);
    while (wire->marks < marks &&
        pthread_cond_timedwait(&wire->marked, &wire->receiving, &until) == 0) {
    }
    come = wire->marks >= marks;
    pthread_mutex_unlock(&wire->receiving);
    return come;
}

void wire_hold(struct wire *wire)
{
    LOCK_TCPIP_CORE();
    pthread_mutex_lock(&wire->receiving);
}

void wire_resume(struct wire *wire)
{
    pthread_mutex_unlock(&wire->receiving);
    UNLOCK_TCPIP_CORE();
}
