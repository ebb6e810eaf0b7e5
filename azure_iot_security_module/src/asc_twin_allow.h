/* SPDX-License-Identifier: MIT */
/* The entries of the twin's allow-list: read from text, and held against flows. */

#ifndef ASC_TWIN_ALLOW_H
#define ASC_TWIN_ALLOW_H

#include "azure_iot_security_module/inc/asc_twin.h"

/* Names by enum asc_protocol. */
#define ASC_TWIN_PROTOCOLS 3u
extern const char asc_twin_protocols[ASC_TWIN_PROTOCOLS][5];

/* Makes an entry that fits any port and protocol. */
void asc_twin_entry_clear(struct asc_twin_entry *entry);

/* Reads `a.b.c.d`, an IPv6 address without a dotted end, or either with `/prefix`. Returns false, with
 * `entry` anyhow, if `text` is none. RFC 4291 section 2.2. */
bool asc_twin_read_remote(struct asc_twin_entry *entry, const char *text);

/* Reads `tcp`, `udp` or `icmp`. Returns false if `text` is none of them. */
bool asc_twin_read_protocol(struct asc_twin_entry *entry, const char *text);

/* As `allows` of struct asc_allow, which is the first of a struct asc_twin. Cost: one pass over the
 * entries. */
bool asc_twin_allows(const struct asc_allow *allow, const struct asc_flow_view *flow);

#endif
