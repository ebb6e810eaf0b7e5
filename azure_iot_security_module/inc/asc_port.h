/* SPDX-License-Identifier: MIT */
/* Every setting of the security module, with unit, default and range; each can be given by -D. */

#ifndef ASC_PORT_H
#define ASC_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* The library and everything that includes security_module.h must be built with the same values:
 * asc_module_init() refuses an instance of another size. */

/* --- General ----------------------------------------------------------------------------------- */

/* String, 1 to ASC_SECURITY_MODULE_ID_MAX bytes: unique identifier of the device. No default: define
 * it here or by -D, or set `security_module_id` of struct asc_settings at run time.
 * #define ASC_SECURITY_MODULE_ID "..." */

/* Bytes, 16 to 255: the longest security module id (a device id of the hub has at most 128). */
#ifndef ASC_SECURITY_MODULE_ID_MAX
#define ASC_SECURITY_MODULE_ID_MAX 128
#endif

/* Seconds, 1 to ASC_INTERVAL_MAX: pending for longer than this becomes suspended. */
#ifndef ASC_SECURITY_MODULE_PENDING_TIME
#define ASC_SECURITY_MODULE_PENDING_TIME 300
#endif

/* Seconds, 1 to 3600: wait before a message that could not be sent is tried again. */
#ifndef ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME
#define ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME 3
#endif

/* Connections, 1 to 64: hubs that one device is connected to at the same time, where the port allows
 * for several. */
#ifndef ASC_SECURITY_MODULE_MAX_HUB_DEVICES
#define ASC_SECURITY_MODULE_MAX_HUB_DEVICES 64
#endif

/* How much the module logs through the port, 0 to 5: nothing, fatal, error, warning, information, debug.
 * What is above the level is not in the image. */
#ifndef ASC_LOG_LEVEL
#define ASC_LOG_LEVEL 2
#endif

/* --- Collection -------------------------------------------------------------------------------- */

/* Seconds; times are compared as wrapping 32-bit milliseconds, so an interval stays below 2^31 ms. */
#define ASC_INTERVAL_MAX 2000000

/* Seconds, 1 to ASC_INTERVAL_MAX: from enable to the first collection, of every collector. */
#ifndef ASC_FIRST_COLLECTION_INTERVAL
#define ASC_FIRST_COLLECTION_INTERVAL 30
#endif

/* Seconds, 1 to ASC_INTERVAL_MAX: interval of the collectors of high priority. */
#ifndef ASC_HIGH_PRIORITY_INTERVAL
#define ASC_HIGH_PRIORITY_INTERVAL 10
#endif

/* Seconds, 1 to ASC_INTERVAL_MAX: medium priority. */
#ifndef ASC_MEDIUM_PRIORITY_INTERVAL
#define ASC_MEDIUM_PRIORITY_INTERVAL 30
#endif

/* Seconds, 1 to ASC_INTERVAL_MAX: low priority. */
#ifndef ASC_LOW_PRIORITY_INTERVAL
#define ASC_LOW_PRIORITY_INTERVAL 145440
#endif

/* Boolean: a collector that is off takes its code out of the image. The build options
 * collector_network_activity_enabled and so on set these. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED
#define ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED true
#endif
#ifndef ASC_COLLECTOR_HEARTBEAT_ENABLED
#define ASC_COLLECTOR_HEARTBEAT_ENABLED true
#endif
#ifndef ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED
#define ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED true
#endif

/* The priorities of collectors. */
#define ASC_PRIORITY_HIGH   0
#define ASC_PRIORITY_MEDIUM 1
#define ASC_PRIORITY_LOW    2

/* One of the priorities: whose interval a collector keeps. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_PRIORITY
#define ASC_COLLECTOR_NETWORK_ACTIVITY_PRIORITY ASC_PRIORITY_HIGH
#endif
#ifndef ASC_COLLECTOR_HEARTBEAT_PRIORITY
#define ASC_COLLECTOR_HEARTBEAT_PRIORITY ASC_PRIORITY_LOW
#endif
#ifndef ASC_COLLECTOR_SYSTEM_INFORMATION_PRIORITY
#define ASC_COLLECTOR_SYSTEM_INFORMATION_PRIORITY ASC_PRIORITY_LOW
#endif

/* --- Collector network activity ---------------------------------------------------------------- */

/* Boolean: leave that protocol out. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED
#define ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED false
#endif
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED
#define ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED false
#endif
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED
#define ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED false
#endif

/* Boolean: of incoming packets count unicast only; false: broadcast and multicast too. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY
#define ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY true
#endif

/* Boolean: send an event also for an interval in which there was nothing to report. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS
#define ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS false
#endif

/* Boolean: count a flow's packets with 32 bits each way, not 16, for four bytes a flow more. For a host
 * that sees more than 65,535 packets of one flow between two collections; counters saturate. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS
#define ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS false
#endif

/* Flows held in memory, 0 to 4095; 0 leaves the address family out. An IPv4 flow takes 24 bytes, an
 * IPv6 flow 36; one more each where a family has more than 254. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE
#define ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE 64
#endif
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE
#define ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE 64
#endif

/* Whether the collector is in the image: with no flow of either family it has nothing to do. */
#define ASC_HAS_NETWORK_ACTIVITY                                           \
    (ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED &&                             \
        (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE +        \
                ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE > \
            0))

/* Addresses, 1 to 16: local addresses of one family that flows refer to between two collections.
 * Packets of new flows of further local addresses are counted as overflow. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES
#define ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES 8
#endif

/* Datagrams, 1 to 64: fragmented datagrams under way whose later fragments find their flow. */
#ifndef ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS
#define ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS 8
#endif

/* --- Collector system information -------------------------------------------------------------- */

/* Bytes, 16 to 255: each string is cut to this length, between two characters of UTF-8. */
#ifndef ASC_SYSTEM_INFORMATION_STRING_MAX
#define ASC_SYSTEM_INFORMATION_STRING_MAX 48
#endif

/* --- Message ----------------------------------------------------------------------------------- */

/* Bytes that every message has room for: the ledger, an event of each collector with the longest
 * strings, and of the flows one of each family. */
#if ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE > 0
#define ASC_MESSAGE_FIXED_BYTES \
    (584 + (ASC_SECURITY_MODULE_ID_MAX) + 3 * (ASC_SYSTEM_INFORMATION_STRING_MAX))
#else
#define ASC_MESSAGE_FIXED_BYTES \
    (472 + (ASC_SECURITY_MODULE_ID_MAX) + 3 * (ASC_SYSTEM_INFORMATION_STRING_MAX))
#endif

/* Bytes, ASC_MESSAGE_FIXED_BYTES to 32768: the message buffer. What does not fit goes in the next
 * message. The default holds every flow, or about 3 KiB. */
#ifndef ASC_MESSAGE_BYTES
#define ASC_MESSAGE_WHOLE_BYTES                                                                  \
    (ASC_MESSAGE_FIXED_BYTES + 48 * (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE) + \
        72 * (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE))
#if ASC_MESSAGE_WHOLE_BYTES < 3072
#define ASC_MESSAGE_BYTES ASC_MESSAGE_WHOLE_BYTES
#else
#define ASC_MESSAGE_BYTES 3072
#endif
#endif

/* --- Checks: a wrong value does not compile ---------------------------------------------------- */

/* In a condition a word that nobody defined is 0, `yes` and TRUE among them. So where 0 is a value, what
 * is given must be one of these words itself, nothing that comes to it: their numbers are far from what an
 * expression would make of them. */
#define ASC_WORD_(word)   ASC_WORD_IS_##word
#define ASC_WORD(word)    (ASC_WORD_(word))
#define ASC_WORD_IS_0     1000
#define ASC_WORD_IS_false 1000
#define ASC_WORD_IS_1     2000
#define ASC_WORD_IS_true  2000
#define ASC_WORD_IS_2     3000
#define ASC_WORD_IS_3     4000
#define ASC_WORD_IS_4     5000
#define ASC_WORD_IS_5     6000

#define ASC_IS_BOOLEAN(value)  (ASC_WORD(value) == 1000 || ASC_WORD(value) == 2000)
#define ASC_IS_PRIORITY(value) (ASC_WORD(value) >= 1000 && ASC_WORD(value) <= 3000)

#if (ASC_SECURITY_MODULE_ID_MAX) < 16 || (ASC_SECURITY_MODULE_ID_MAX) > 255
#error "ASC_SECURITY_MODULE_ID_MAX must be 16 to 255 bytes"
#endif
#if defined(ASC_SECURITY_MODULE_ID)
typedef char ASC_SECURITY_MODULE_ID_must_be_a_string_of_1_to_ID_MAX_bytes
    [sizeof("" ASC_SECURITY_MODULE_ID "") - 2 < ASC_SECURITY_MODULE_ID_MAX ? 1 : -1];
#endif
#if (ASC_SECURITY_MODULE_PENDING_TIME) < 1 || (ASC_SECURITY_MODULE_PENDING_TIME) > ASC_INTERVAL_MAX
#error "ASC_SECURITY_MODULE_PENDING_TIME must be 1 to 2000000 seconds"
#endif
#if (ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME) < 1 || \
    (ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME) > 3600
#error "ASC_SECURITY_MODULE_SEND_MESSAGE_RETRY_TIME must be 1 to 3600 seconds"
#endif
#if (ASC_SECURITY_MODULE_MAX_HUB_DEVICES) < 1 || (ASC_SECURITY_MODULE_MAX_HUB_DEVICES) > 64
#error "ASC_SECURITY_MODULE_MAX_HUB_DEVICES must be 1 to 64 connections"
#endif
#if ASC_WORD(ASC_LOG_LEVEL) < 1000 || ASC_WORD(ASC_LOG_LEVEL) > 6000
#error "ASC_LOG_LEVEL must be 0 to 5"
#endif
#if (ASC_FIRST_COLLECTION_INTERVAL) < 1 || (ASC_FIRST_COLLECTION_INTERVAL) > ASC_INTERVAL_MAX
#error "ASC_FIRST_COLLECTION_INTERVAL must be 1 to 2000000 seconds"
#endif
#if (ASC_HIGH_PRIORITY_INTERVAL) < 1 || (ASC_HIGH_PRIORITY_INTERVAL) > ASC_INTERVAL_MAX
#error "ASC_HIGH_PRIORITY_INTERVAL must be 1 to 2000000 seconds"
#endif
#if (ASC_MEDIUM_PRIORITY_INTERVAL) < 1 || (ASC_MEDIUM_PRIORITY_INTERVAL) > ASC_INTERVAL_MAX
#error "ASC_MEDIUM_PRIORITY_INTERVAL must be 1 to 2000000 seconds"
#endif
#if (ASC_LOW_PRIORITY_INTERVAL) < 1 || (ASC_LOW_PRIORITY_INTERVAL) > ASC_INTERVAL_MAX
#error "ASC_LOW_PRIORITY_INTERVAL must be 1 to 2000000 seconds"
#endif
#if (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE) < 0 || \
    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE) > 4095
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE must be 0 to 4095 flows"
#endif
#if ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE == 0
#if ASC_WORD(ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE) != 1000
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV4_OBJECTS_IN_CACHE must be 0 to 4095 flows"
#endif
#endif
#if (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE) < 0 || \
    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE) > 4095
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE must be 0 to 4095 flows"
#endif
#if ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE == 0
#if ASC_WORD(ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE) != 1000
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_IPV6_OBJECTS_IN_CACHE must be 0 to 4095 flows"
#endif
#endif
#if (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES) < 1 || \
    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES) > 16
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_LOCAL_ADDRESSES must be 1 to 16 addresses"
#endif
#if (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS) < 1 || \
    (ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS) > 64
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_MAX_DATAGRAMS must be 1 to 64 datagrams"
#endif
#if (ASC_SYSTEM_INFORMATION_STRING_MAX) < 16 || (ASC_SYSTEM_INFORMATION_STRING_MAX) > 255
#error "ASC_SYSTEM_INFORMATION_STRING_MAX must be 16 to 255 bytes"
#endif
#if (ASC_MESSAGE_BYTES) < ASC_MESSAGE_FIXED_BYTES || (ASC_MESSAGE_BYTES) > 32768
#error "ASC_MESSAGE_BYTES must be ASC_MESSAGE_FIXED_BYTES to 32768 bytes"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_ENABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_HEARTBEAT_ENABLED)
#error "ASC_COLLECTOR_HEARTBEAT_ENABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED)
#error "ASC_COLLECTOR_SYSTEM_INFORMATION_ENABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_TCP_DISABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_UDP_DISABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_ICMP_DISABLED must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_CAPTURE_UNICAST_ONLY must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_SEND_EMPTY_EVENTS must be true or false"
#endif
#if !ASC_IS_BOOLEAN(ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS must be true or false"
#endif
#if !ASC_IS_PRIORITY(ASC_COLLECTOR_NETWORK_ACTIVITY_PRIORITY)
#error "ASC_COLLECTOR_NETWORK_ACTIVITY_PRIORITY must be ASC_PRIORITY_HIGH, _MEDIUM or _LOW"
#endif
#if !ASC_IS_PRIORITY(ASC_COLLECTOR_HEARTBEAT_PRIORITY)
#error "ASC_COLLECTOR_HEARTBEAT_PRIORITY must be ASC_PRIORITY_HIGH, _MEDIUM or _LOW"
#endif
#if !ASC_IS_PRIORITY(ASC_COLLECTOR_SYSTEM_INFORMATION_PRIORITY)
#error "ASC_COLLECTOR_SYSTEM_INFORMATION_PRIORITY must be ASC_PRIORITY_HIGH, _MEDIUM or _LOW"
#endif

#endif
