/* SPDX-License-Identifier: MIT */
/* All indicators as one immutable set that says which of them an address falls under. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_SET_H
#define VEDETTE_CENTER_INTEL_INDICATOR_SET_H

#include "center/intel/indicator_list.h"

/* An indicator as an alert names it; valid as long as the set. */
struct vd_indicator {
    struct vd_indicator_range range;
    const char *text;
    const char *feed;
    uint32_t line;
};

struct vd_indicator_builder;
struct vd_indicator_set;

/* NULL without memory. */
struct vd_indicator_builder *vd_indicator_builder_new(void);
/* Adds an indicator, copying its texts. VD_E_INVALID if from is behind to, VD_E_NOMEM. */
VD_NODISCARD int vd_indicator_builder_add(
    struct vd_indicator_builder *builder, const struct vd_indicator *indicator);
/* Makes the set and frees the builder; after VD_E_NOMEM the builder is freed too. n log n in time. */
VD_NODISCARD int vd_indicator_builder_finish(
    struct vd_indicator_builder *builder, struct vd_indicator_set **set);
/* NULL is allowed. */
void vd_indicator_builder_free(struct vd_indicator_builder *builder);

/*
 * The indicator of the smallest range that holds `address`, of equal ones the one added first; NULL if none does.
 * IPv4 addresses (mapped ones too) fall under ranges of IPv4 addresses only, however wide an IPv6 range is.
 * `set` may be NULL. Any thread; no lock, log n.
 */
const struct vd_indicator *vd_indicator_set_find(
    const struct vd_indicator_set *set, const struct vd_address *address);

/* Indicators in the set; `set` may be NULL. */
uint32_t vd_indicator_set_count(const struct vd_indicator_set *set);
/* NULL is allowed. */
void vd_indicator_set_free(struct vd_indicator_set *set);

#endif
