/* SPDX-License-Identifier: MIT */
/* Flow tables of fixed size: what a device said to whom since the last collection. */

#ifndef ASC_FLOW_H
#define ASC_FLOW_H

#include "azure_iot_security_module/inc/asc_network.h"

/* Flows in one bucket's chain; a further one counts as overflow, which bounds what a packet costs
 * whoever chose the flows. With a seeded hash and as many buckets as flows, one full table of 64 in
 * about 14,000 has a bucket of nine. */
#define ASC_CHAIN_MAX 8

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
void asc_flow_reported4(struct asc_network *n, unsigned written);
void asc_flow_reported6(struct asc_network *n, unsigned written);

/* Tells that a collection began: datagrams whose fragments have had a whole interval are forgotten. */
void asc_flow_age_datagrams(struct asc_network *n);

#endif
