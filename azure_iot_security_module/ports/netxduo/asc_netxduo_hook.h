/* SPDX-License-Identifier: MIT */
/* The packet filter in every IP instance: put in, chained to what was there, and taken out. Without the
 * collector of network activity there is none. */

#ifndef ASC_NETXDUO_HOOK_H
#define ASC_NETXDUO_HOOK_H

#include "nx_api.h"

#include "azure_iot_security_module/inc/security_module.h"

/* Puts the filter into each IP instance that has none of it yet; `any` is one of them. An instance whose
 * filter another part of the firmware has set since is left: that one is taken to call ours.
 * Returns false if there are more instances than ASC_NETXDUO_IP_INSTANCES_MAX; those at hand are watched.
 * `m` stays until there are no more packets. From a thread; masks interrupts. */
bool asc_netxduo_hook_all(struct asc_module *m, NX_IP *any);

/* Takes the filter out of each IP instance where it is the first, and restores what was there. Where it is
 * not, it stays and passes packets on. From a thread; masks interrupts. */
void asc_netxduo_unhook_all(NX_IP *any);

/* The filter. Returns what the filter before it returns, NX_SUCCESS if there is none; never keeps,
 * changes or releases the packet. Whoever puts a filter on top calls it. From the IP instance's thread, a
 * sender's, or a driver's interrupt. */
UINT asc_netxduo_filter(NX_IP *ip_ptr, NX_PACKET *packet_ptr, UINT direction);

#endif
