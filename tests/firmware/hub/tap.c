/* SPDX-License-Identifier: MIT */
/* A TAP interface as a netif of lwIP. */

#include "tests/firmware/hub/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lwip/etharp.h"
#include "lwip/pbuf.h"

#define FRAME_MAX 1518

static int tap = -1;

const char *tap_open(void)
{
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    if (unshare(CLONE_NEWNET) != 0) {
        return "a network namespace is not allowed here (root is needed)";
    }
    tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "tap0");
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request) != 0) {
        return "there is no /dev/net/tun";
    }
    return system("ip addr add " TAP_KERNEL "/24 dev tap0 && ip link set tap0 up") == 0
        ? NULL
        : "the interface cannot be configured";
}

static err_t link_output(struct netif *netif, struct pbuf *p)
{
    uint8_t frame[FRAME_MAX];
    u16_t length = pbuf_copy_partial(p, frame, sizeof(frame), 0);

    (void)netif;
    return write(tap, frame, length) == length ? ERR_OK : ERR_IF;
}

err_t tap_init(struct netif *netif)
{
    static const uint8_t address[ETH_HWADDR_LEN] = {2, 0, 0, 0, 0, 2};

    netif->hwaddr_len = sizeof(address);
    memcpy(netif->hwaddr, address, sizeof(address));
    netif->name[0] = 't';
    netif->name[1] = 'p';
    netif->mtu = 1500;
    netif->output = etharp_output;
    netif->linkoutput = link_output;
    netif->flags =
        NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP | NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
    return ERR_OK;
}

void tap_poll(struct netif *netif, int timeout_ms)
{
    uint8_t frame[FRAME_MAX];
    struct pollfd ready = {.fd = tap, .events = POLLIN};
    ssize_t n;

    (void)poll(&ready, 1, timeout_ms);
    while ((n = read(tap, frame, sizeof(frame))) > 0) {
        struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16_t)n, PBUF_POOL);

        if (p == NULL) {
            continue; /* TCP sends it again */
        }
        (void)pbuf_take(p, frame, (u16_t)n);
        if (netif->input(p, netif) != ERR_OK) {
            (void)pbuf_free(p);
        }
    }
}
