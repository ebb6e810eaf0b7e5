/* SPDX-License-Identifier: MIT */
/* lwIP as the firmware needs it: one thread, raw API, IPv4. */

#ifndef VEDETTE_TESTS_FIRMWARE_LWIPOPTS_H
#define VEDETTE_TESTS_FIRMWARE_LWIPOPTS_H

#define NO_SYS               1
#define SYS_LIGHTWEIGHT_PROT 0 /* the interrupt of SysTick touches nothing of lwIP */
#define LWIP_NETCONN         0
#define LWIP_SOCKET          0
#ifndef LWIP_STATS
#define LWIP_STATS 0
#endif

#define LWIP_IPV4 1
#define LWIP_IPV6 0
#define LWIP_ARP  1
#define LWIP_ICMP 1
#define LWIP_RAW  1 /* to send echo requests */
#define LWIP_UDP  1
#define LWIP_TCP  1
#define LWIP_DHCP 0
#define LWIP_DNS  1

/* The configuration block says the hub's address. */
#define DNS_LOCAL_HOSTLIST            1
#define DNS_LOCAL_HOSTLIST_IS_DYNAMIC 1

#if defined(__arm__)
#define MEM_ALIGNMENT 4
#else
#define MEM_ALIGNMENT 8 /* the host, where the connection is tested */
#endif
#define MEM_SIZE (16 * 1024)

#define MEMP_NUM_TCP_PCB 12
#define MEMP_NUM_TCP_SEG 32

/* A full frame takes three of these: the hook sees packets in several pieces. */
#define PBUF_POOL_BUFSIZE 592
#define PBUF_POOL_SIZE    32

/* Four segments fit the receiver's FIFO of the network chip at once. */
#define TCP_MSS          1460
#define TCP_WND          (4 * TCP_MSS)
#define TCP_SND_BUF      (4 * TCP_MSS)
#define TCP_SND_QUEUELEN 16

#endif
