/* SPDX-License-Identifier: MIT */
/* The smallest lwIP that has netifs and pbufs; what a variant changes comes from the command line. */

#ifndef VEDETTE_TESTS_LWIP_LWIPOPTS_H
#define VEDETTE_TESTS_LWIP_LWIPOPTS_H

#define NO_SYS          1
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT   8
#define LWIP_STATS      0
#define LWIP_NETCONN    0
#define LWIP_SOCKET     0
#define LWIP_TCP        0
#define LWIP_UDP        0
#define LWIP_RAW        0
#define LWIP_ICMP       0
#define LWIP_DHCP       0
#define LWIP_IPV6_MLD   0
#define LWIP_IPV6_REASS 0
#define LWIP_TIMERS     0
#define LWIP_ARP        LWIP_IPV4
#define LWIP_ETHERNET   1
#define IP_REASSEMBLY   0
#define IP_FRAG         0
#define LWIP_ICMP6      LWIP_IPV6
#define LWIP_IPV6_FRAG  0

#endif
