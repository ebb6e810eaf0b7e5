/* SPDX-License-Identifier: MIT */
/* The port to NetX Duo: its settings, and what it gives beyond the API of old. */

#ifndef ASC_NETXDUO_H
#define ASC_NETXDUO_H

/* How it works, and why so.
 *
 * One hook. Every packet that comes in or goes out passes `nx_ip_packet_filter_extended` once, with its
 * IP header as on the wire: coming in as the driver delivered it, going out before it is cut into
 * fragments. The pointers through which IP hands packets to the transports (nx_ip_tcp_packet_receive
 * and so on) are left alone. Whatever reaches them has passed the filter; to tell unicast from broadcast
 * takes the IP destination and the interface, which the filter has too (datagrams to a group arrive
 * at the UDP pointer like any other); and at them malformed packets, fragments that never become whole
 * and packets of protocols that are not enabled are gone already, so that what was lost could not be
 * told. NetX Duo writes these pointers itself (nx_tcp_enable() and others), which would lose a hook there
 * or let its removal disable a protocol.
 *
 * No thread of its own. The module is stepped by the thread of the Azure IoT instance, as NetX Duo's
 * own add-ons are: once a second, and at once after enable. That costs no stack and it is the thread whose
 * mutex guards the list of hub clients. So intervals are kept to a second.
 *
 * A message counts as sent when a hub client has taken it. With its default QoS 1 the client keeps it
 * until the hub has acknowledged it. */

#include "azure_iot_security_module/inc/asc_twin.h"
#include "azure_iot_security_module/inc/security_module.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Settings: each can be given by -D ---------------------------------------------------------- */

/* IP instances, 1 to 32: how many are watched. */
#ifndef ASC_NETXDUO_IP_INSTANCES_MAX
#define ASC_NETXDUO_IP_INSTANCES_MAX 4
#endif

/* Packets of a chain, 2 to 64, that are given to the module where they lie. Of a longer chain the first
 * 192 bytes are copied. Each takes 12 bytes of stack on a 32-bit machine. */
#ifndef ASC_NETXDUO_SEGMENTS_MAX
#define ASC_NETXDUO_SEGMENTS_MAX 8
#endif

/* Ticks: the longest that each step of sending through one hub client waits for packets and for the TCP
 * window. The thread of the Azure IoT instance waits along. */
#ifndef ASC_NETXDUO_SEND_WAIT
#define ASC_NETXDUO_SEND_WAIT (2 * NX_IP_PERIODIC_RATE)
#endif

/* Boolean: a mutex, not masked interrupts, keeps hook and collection apart. Masked interrupts are right
 * for any driver; they then are masked for as long as it takes to move the flows of a table. Where no
 * driver calls _nx_ip_packet_receive() from an interrupt, the mutex leaves interrupts alone. */
#ifndef ASC_NETXDUO_LOCK_MUTEX
#define ASC_NETXDUO_LOCK_MUTEX 0
#endif

/* Boolean: asc_netxduo_twin_apply() is there, for settings from the twin. Without it none of that is in
 * the image. */
#ifndef ASC_NETXDUO_TWIN
#define ASC_NETXDUO_TWIN 0
#endif

/* String: the hardware, for the system information. Default: unknown.
 * #define ASC_NETXDUO_HARDWARE "..." */

/* Name of a function of the firmware, UINT name(UCHAR *out, UINT length), that fills `length` bytes with
 * unpredictable ones and returns 0, or another value where it cannot. Default: a pool of the port
 * (asc_netxduo_random.h says what is in it), as good as the NX_CRYPTO_RBG that makes the keys of TLS.
 * #define ASC_NETXDUO_RANDOM board_random_bytes */

#if ASC_NETXDUO_IP_INSTANCES_MAX < 1 || ASC_NETXDUO_IP_INSTANCES_MAX > 32
#error "ASC_NETXDUO_IP_INSTANCES_MAX must be 1 to 32 instances"
#endif
#if ASC_NETXDUO_SEGMENTS_MAX < 2 || ASC_NETXDUO_SEGMENTS_MAX > 64
#error "ASC_NETXDUO_SEGMENTS_MAX must be 2 to 64 packets"
#endif

/* --- Beyond the API of old ---------------------------------------------------------------------- */

/* Sets the settings that the module starts with, in place of those of asc_port.h. `settings` is copied;
 * the id's characters must outlive the module. From threads, before the first enable: returns false,
 * and changes nothing, after it. */
bool asc_netxduo_settings_set(const struct asc_settings *settings);

/* Returns the module's state; not initialised before the first enable. From threads. */
enum asc_state asc_netxduo_state(void);

/* Returns what the module has counted since the first enable; zeros before. From threads. */
struct asc_counters asc_netxduo_counters(void);

#if ASC_NETXDUO_TWIN
/* Applies a document of the twin that a hub client has received; docs/device-twin.md has an example.
 * `json`, `length`, `patch` and what is returned: as for asc_twin_apply(); while the module is not
 * enabled nothing is applied, and ASC_TWIN_BEHIND returned. `report`: `size` bytes, for the reported
 * properties to be sent, with a NUL; empty where there is nothing to send. ASC_TWIN_REPORT_MAX is always
 * enough. From threads; waits for the mutex of the Azure IoT instance. */
enum asc_twin_result asc_netxduo_twin_apply(
    const char *json, size_t length, bool patch, char *report, size_t size);
#endif

#ifdef __cplusplus
}
#endif

#endif
