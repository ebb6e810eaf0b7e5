/* SPDX-License-Identifier: MIT */
/* Whom the destination address of an IP packet means, as lwIP judges it. */

#ifndef ASC_LWIP_ADDRESS_H
#define ASC_LWIP_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "azure_iot_security_module/inc/security_module.h"
#include "lwip/netif.h"

/* `header` of each: 20 bytes, or 40 of what says to be IPv6. Cost bounded by LWIP_IPV6_NUM_ADDRESSES. From
 * wherever a driver hands in packets: the netif's addresses are only read, and may change meanwhile. */

/* Returns how the destination address casts a packet that came in through the netif. */
enum asc_cast asc_lwip_cast(const struct netif *netif, const uint8_t *header);

/* Returns whether the netif has the destination address of a unicast packet. True for what there is no
 * judging: a family that lwIP lacks, or forwards (IP_FORWARD, LWIP_IPV6_FORWARD), and what is not IP. */
bool asc_lwip_has_address(struct netif *netif, const uint8_t *header);

/* Returns whether lwIP takes a unicast packet that came in through the netif for the netif's sake: it has
 * the address, or it takes this one all the same. */
bool asc_lwip_takes(struct netif *netif, const uint8_t *header);

#endif
