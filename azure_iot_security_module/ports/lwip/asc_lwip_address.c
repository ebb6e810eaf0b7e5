/* SPDX-License-Identifier: MIT */
/* Whom the destination address of an IP packet means, after ip4_input() and ip6_input() of lwIP. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_address.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_bytes.h"
#include "lwip/autoip.h"
#include "lwip/ip4_addr.h"
#include "lwip/ip6_addr.h"

enum asc_cast asc_lwip_cast(const struct netif *netif, const uint8_t *header)
{
    (void)netif;
    if (header[0] >> 4 == 6) {
        return header[24] == 0xff ? ASC_MULTICAST : ASC_UNICAST;
    }
#if LWIP_IPV4
    if (header[0] >> 4 == 4 && ip4_addr_isbroadcast_u32(asc_raw32(header + 16), netif)) {
        return ASC_BROADCAST;
    }
#endif
    return header[0] >> 4 == 4 && header[16] >> 4 == 14 ? ASC_MULTICAST : ASC_UNICAST;
}

/* Families that lwIP has and does not forward: what is for others it drops. */
#define JUDGED4 (LWIP_IPV4 && !IP_FORWARD)
#define JUDGED6 (LWIP_IPV6 && !LWIP_IPV6_FORWARD)

#if JUDGED4
static bool has_address4(struct netif *netif, uint32_t address)
{
#if LWIP_AUTOIP
    /* One of its own choice lwIP keeps to after it has got another (RFC 3927, 1.9). */
    const ip4_addr_t chosen = {address};

    if (autoip_accept_packet(netif, &chosen)) {
        return true;
    }
#endif
    return ip4_addr_get_u32(netif_ip4_addr(netif)) == address;
}

/* What lwIP takes from a netif that has another address: loopback, where no netif is there for it; and
 * any while it has none, for a DHCP server's offer goes to the one to come. */
static bool takes_address4(const struct netif *netif, uint32_t address)
{
    (void)address;
    return ip4_addr_isany_val(*netif_ip4_addr(netif))
#if LWIP_NETIF_LOOPBACK && !LWIP_HAVE_LOOPIF
        || address == PP_HTONL(IPADDR_LOOPBACK)
#endif
        ;
}
#endif

#if JUDGED6
static bool has_address6(const struct netif *netif, const uint8_t *address)
{
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)) &&
            memcmp(netif_ip6_addr(netif, i)->addr, address, 16) == 0) {
            return true;
        }
    }
    return false;
}
#endif

bool asc_lwip_has_address(struct netif *netif, const uint8_t *header)
{
    (void)netif;
    (void)header;
#if JUDGED4
    if (header[0] >> 4 == 4) {
        return has_address4(netif, asc_raw32(header + 16));
    }
#endif
#if JUDGED6
    if (header[0] >> 4 == 6) {
        return has_address6(netif, header + 24);
    }
#endif
    return true;
}

bool asc_lwip_takes(struct netif *netif, const uint8_t *header)
{
#if JUDGED4
    if (header[0] >> 4 == 4 && takes_address4(netif, asc_raw32(header + 16))) {
        return true;
    }
#endif
    return asc_lwip_has_address(netif, header);
}
