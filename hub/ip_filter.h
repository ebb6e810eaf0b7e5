/* SPDX-License-Identifier: MIT */
/* Which addresses may connect: ordered rules of IPv4 networks, of which the first that matches decides. */

#ifndef VEDETTE_HUB_IP_FILTER_H
#define VEDETTE_HUB_IP_FILTER_H

#include <jansson.h>

#include "hub/registry.h"
#include "lib/str.h"

/* The old hub took ten. Looked through at each connection: a microsecond at most. */
#define VD_IP_RULES_MAX     100
#define VD_IP_RULE_NAME_MAX 128

struct vd_ip_rule {
    char name[VD_IP_RULE_NAME_MAX + 1]; /* no two alike in one list, whatever their case */
    bool accepts;
    uint32_t network; /* host byte order, zero behind the prefix */
    uint8_t prefix;   /* bits, 0 to 32 */
};

/* All zero refuses everyone: begin with vd_ip_filter_init. */
struct vd_ip_filter {
    struct vd_ip_rule rules[VD_IP_RULES_MAX];
    size_t count;
    bool accepts_rest; /* what no rule matches, and all IPv6 */
};

/* No rules: accepts everyone. */
void vd_ip_filter_init(struct vd_ip_filter *filter);

/*
 * Reads the rules of a hub's properties as its management API has them, in one of two forms; others of its members are
 * not looked at:
 *   {"ipFilterRules":[{"filterName","action":"Accept"|"Reject","ipMask"}...]}        what no rule matches is accepted
 *   {"networkRuleSets":{"defaultAction":"Deny"|"Allow","ipRules":[{"filterName","action":"Allow","ipMask"}...]}}
 * ipMask is an IPv4 address or CIDR range; defaultAction is Deny, and action Allow, where they are absent. With both forms
 * the rules of the first come first. VD_E_INVALID with the reason leaves *filter as it was.
 */
VD_NODISCARD int vd_ip_filter_read(
    struct vd_ip_filter *filter, const json_t *properties, char *error_text, size_t error_size);

/* The rules as JSON of the first form, with "acceptsRest" beside; the caller's. NULL: no memory. */
json_t *vd_ip_filter_json(const struct vd_ip_filter *filter);

/* The registry's setting under which the properties are kept. */
#define VD_IP_FILTER_SETTING "ip-filter"

/*
 * Reads the filter that the registry keeps; none there: everyone is accepted. Blocks for the disk.
 * properties  as they were stored, the caller's; NULL: not wanted
 * etag        of the setting, 0 without one; NULL: not wanted
 * VD_E_CORRUPT: what is there is no filter; *filter then refuses everyone.
 */
VD_NODISCARD int vd_ip_filter_load(
    struct vd_registry *registry, struct vd_ip_filter *filter, json_t **properties, uint64_t *etag);

/* address: 4 bytes of an IPv4 address in network order; any other length: not IPv4. */
bool vd_ip_filter_accepts(const struct vd_ip_filter *filter, const uint8_t *address, size_t length);

#endif
