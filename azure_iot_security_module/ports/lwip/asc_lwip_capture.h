/* SPDX-License-Identifier: MIT */
/* Counts what passes a netif of lwIP, by wrapping its functions at run time; lwIP stays as it is built. */

#ifndef ASC_LWIP_CAPTURE_H
#define ASC_LWIP_CAPTURE_H

#include <stdbool.h>

#include "azure_iot_security_module/inc/security_module.h"
#include "lwip/err.h"
#include "lwip/netif.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The place of a module in one netif. The caller owns the memory; the fields belong to the port. */
struct asc_lwip_netif {
    struct asc_lwip_netif *next;
    struct netif *netif;
    struct asc_module *module; /* NULL: packets are passed on only */
    /* What was in place; NULL where nothing was, or where it was left alone. */
    netif_input_fn input;
    netif_linkoutput_fn linkoutput;
#if LWIP_IPV4
    netif_output_fn output;
#endif
#if LWIP_IPV6
    netif_output_ip6_fn output_ip6;
#endif
    bool ethernet; /* frames, else bare IP packets */
};

/* From now on gives each IP packet of `netif` to `module`: incoming ones before lwIP sees them, outgoing
 * ones once the driver has taken them (what it refuses is not counted). On a netif with
 * NETIF_FLAG_ETHARP or NETIF_FLAG_ETHERNET it wraps `input` and `linkoutput`, and counts the frames that
 * hold IPv4 or IPv6, with at most one VLAN tag; on any other `input`, `output` and `output_ip6`. What is
 * NULL is left alone.
 * Call after netif_add(), and again for each further netif with a hook of its own.
 * `hook`, `netif` and `module` must outlive the attachment. No heap.
 * Returns ERR_OK, also where `hook` is on `netif` already: then `module` takes the place of what was
 * given before. ERR_USE: the hook is on another netif, or the netif has another hook. ERR_ARG: a NULL.
 * From the context of lwIP's core: the tcpip thread, another one between LOCK_TCPIP_CORE() and
 * UNLOCK_TCPIP_CORE(), or the main loop with NO_SYS. Packets may be passing meanwhile. */
ASC_NODISCARD err_t asc_lwip_attach(
    struct asc_lwip_netif *hook, struct netif *netif, struct asc_module *module);

/* Stops giving packets to the module, and puts back what was in place if all the port's functions are
 * still there, or if the netif has been removed; call it before the netif is added anew.
 * Returns true when the hook is out of use and its memory is the caller's again. False: someone has
 * wrapped the port's functions since; the hook passes packets on and must stay, until a later call
 * returns true. No packet is lost for it. The module gets none of a call that begins afterwards; where
 * drivers run in other threads, one that is under way may still reach it.
 * Context as above. A hook that is not attached: true. */
ASC_NODISCARD bool asc_lwip_detach(struct asc_lwip_netif *hook);

/* Counts an incoming packet of a netif that has no `input` for the hook to wrap: lwIP's PPP hands what it
 * receives to IP itself. For lwipopts.h, where such a netif is used:
 *   #define LWIP_HOOK_FILENAME "azure_iot_security_module/ports/lwip/asc_lwip_capture.h"
 *   #define LWIP_HOOK_IP4_INPUT(p, netif) asc_lwip_ip_input(p, netif)
 *   #define LWIP_HOOK_IP6_INPUT(p, netif) asc_lwip_ip_input(p, netif)
 * Does nothing on a netif that has `input`, or no hook. `p` begins with the IP header and is only read.
 * Returns 0: lwIP goes on with the packet. */
int asc_lwip_ip_input(struct pbuf *p, struct netif *netif);

#ifdef __cplusplus
}
#endif

#endif
