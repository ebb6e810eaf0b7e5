/* SPDX-License-Identifier: MIT */
/* Flow tables of fixed size: what a device said to whom since the last collection. */

#ifndef ASC_FLOW_H
#define ASC_FLOW_H

#include "azure_iot_security_module/inc/asc_network.h"

struct asc_packet;

/* Empties the tables. The caller has set `key`, or sets it before the first packet. */
void asc_flow_reset(struct asc_network *n);

/* For a fragment: the first of a datagram tells its ports and protocol, which a later one (`later`) is
 * given in `packet`. Returns false where they are not known. */
bool asc_flow_datagram(
    struct asc_network *n, struct asc_packet *packet, bool later, enum asc_direction direction);

/* Tells that the first `written` flows that were due are reported, their counters at zero. Of all that
 * were reported, those without a packet since leave the table; the others keep their order. Cost: a
 * pass over the table. */
struct asc_flow_table;
void asc_flow_reported(
    const struct asc_network *n, const struct asc_flow_table *t, unsigned written);

/* Holds the packets of all flows of both tables. */
#if ASC_COLLECTOR_NETWORK_ACTIVITY_WIDE_COUNTERS
typedef uint64_t asc_flow_packets_sum;
#else
typedef uint32_t asc_flow_packets_sum;
#endif

/* Returns the packets of the flows in the tables. Cost: a pass over them. */
asc_flow_packets_sum asc_flow_packets_held(const struct asc_network *n);

/* What a collection has to report, as bits. */
#define ASC_FOUND_FLOWS4   1u
#define ASC_FOUND_FLOWS6   2u
#define ASC_FOUND_OVERFLOW 4u

/* Takes stock, unless flows of the last collection are still due: what is in the tables now is what this
 * one reports, in as many messages as it needs, and flows that come meanwhile wait for the next.
 * Datagrams whose fragments have had a whole interval are forgotten. Returns what there is. */
unsigned asc_flow_begin(struct asc_network *n);

#endif
