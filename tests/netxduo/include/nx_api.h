/* SPDX-License-Identifier: MIT */
/* What the port uses of NetX Duo, written from its API reference; sim_net.c plays it. */

#ifndef NX_API_H
#define NX_API_H

#include "tx_api.h"

#define NX_ENABLE_IP_PACKET_FILTER
#define FEATURE_NX_IPV6

#define NETXDUO_MAJOR_VERSION 6
#define NETXDUO_MINOR_VERSION 4
#define NETXDUO_PATCH_VERSION 2

#define NX_SUCCESS           0x00
#define NX_NO_PACKET         0x01
#define NX_NOT_SUCCESSFUL    0x43
#define NX_NULL              0
#define NX_IP_PACKET_IN      0
#define NX_IP_PACKET_OUT     1
#define NX_IP_PERIODIC_RATE  TX_TIMER_TICKS_PER_SECOND
#define NX_MAX_IP_INTERFACES 2

struct NX_IP_STRUCT;
struct NX_INTERFACE_STRUCT;

typedef struct NXD_IPV6_ADDRESS_STRUCT {
    ULONG nxd_ipv6_address[4]; /* in host byte order */
    struct NXD_IPV6_ADDRESS_STRUCT *nxd_ipv6_address_next;
} NXD_IPV6_ADDRESS;

typedef struct NX_INTERFACE_STRUCT {
    ULONG nx_interface_physical_address_msw;
    ULONG nx_interface_physical_address_lsw;
    ULONG nx_interface_ip_address;
    ULONG nx_interface_ip_network_mask;
    NXD_IPV6_ADDRESS *nxd_interface_ipv6_address_list_head;
} NX_INTERFACE;

typedef struct NX_PACKET_STRUCT {
    struct NX_PACKET_STRUCT *nx_packet_next;
    UCHAR *nx_packet_prepend_ptr;
    UCHAR *nx_packet_append_ptr;
    UCHAR *nx_packet_data_start;
    UCHAR *nx_packet_data_end;
    struct NX_PACKET_STRUCT *nx_packet_last;
    ULONG nx_packet_length;
    union {
        NX_INTERFACE *nx_packet_interface_ptr;
        NXD_IPV6_ADDRESS *nx_packet_ipv6_address_ptr;
    } nx_packet_address;
} NX_PACKET;

typedef struct NX_IP_STRUCT {
    struct NX_IP_STRUCT *nx_ip_created_next;
    struct NX_IP_STRUCT *nx_ip_created_previous;
    NX_INTERFACE nx_ip_interface[NX_MAX_IP_INTERFACES];
    UINT(*nx_ip_packet_filter_extended)
    (struct NX_IP_STRUCT *ip_ptr, NX_PACKET *packet_ptr, UINT direction);
} NX_IP;

#endif
