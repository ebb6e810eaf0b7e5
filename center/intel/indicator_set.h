/* SPDX-License-Identifier: MIT */
/* All indicators as one immutable set in a file, that says which of them an address falls under at a time. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_SET_H
#define VEDETTE_CENTER_INTEL_INDICATOR_SET_H

#include "center/intel/indicator_list.h"

#define VD_CONFIDENCE_MAX     100
#define VD_CONFIDENCE_UNKNOWN 255

/* Traffic Light Protocol 2.0. */
enum vd_tlp {
    VD_TLP_NONE, /* none was given */
    VD_TLP_CLEAR,
    VD_TLP_GREEN,
    VD_TLP_AMBER,
    VD_TLP_AMBER_STRICT,
    VD_TLP_RED,
};

/* An indicator as a feed gives it. */
struct vd_indicator {
    struct vd_indicator_range range;
    const char *text; /* canonical: what an alert names; fewer than VD_INDICATOR_TEXT bytes */
    const char *description; /* NULL: none; cut at VD_INDICATOR_DESCRIPTION_MAX bytes */
    int64_t valid_from_ms;   /* UTC; 0: no bound */
    int64_t valid_until_ms;  /* exclusive; 0: no bound */
    uint8_t confidence;      /* 0..100; VD_CONFIDENCE_UNKNOWN: the feed's */
    uint8_t tlp;             /* enum vd_tlp */
    uint32_t line;           /* of the feed, from 1; 0: none */
};

struct vd_feed_info {
    const char *name;     /* at most VD_FEED_NAME_MAX bytes */
    const char *severity; /* of its alerts; NULL or "": the rule's */
    uint8_t confidence;   /* of indicators that give none; may be VD_CONFIDENCE_UNKNOWN */
    bool is_exception;    /* what falls under it matches nothing */
};

/* What an address falls under; texts are valid as long as the set. */
struct vd_indicator_match {
    const char *text;
    const char *feed;
    const char *severity;    /* "": the rule's */
    const char *description; /* "": none */
    int64_t valid_from_ms;
    int64_t valid_until_ms;
    uint32_t line;
    uint8_t confidence; /* 0..100 or VD_CONFIDENCE_UNKNOWN */
    uint8_t tlp;
    bool is_exception;
};

struct vd_indicator_builder;
struct vd_indicator_set;

/* ---- Building: one thread; one builder a path at a time. ---- */

/*
 * A builder of the file at `path`, written beside it as PATH.new until it is whole; NULL: of a file in memory that has no
 * name. Memory: 16 bytes an IPv4 address and 24 a prefix that ranges are cut to. VD_E_NOMEM, or why PATH.new cannot be made.
 */
VD_NODISCARD int vd_indicator_builder_new(const char *path, struct vd_indicator_builder **builder);
/* Begins a feed: what is added from now on is of it. Its place is its rank among equals. VD_E_INVALID, VD_E_NOMEM, VD_E_LIMIT
 * (more than VD_FEEDS_MAX). */
VD_NODISCARD int vd_indicator_builder_feed(
    struct vd_indicator_builder *builder, const struct vd_feed_info *feed);
/*
 * Adds an indicator, copying its texts. VD_E_INVALID (nothing is added): from is behind to, no feed was begun, or a value is out
 * of range. VD_E_LIMIT: more than VD_INDICATORS_MAX or VD_INDICATOR_PREFIXES_MAX. VD_E_NOMEM, VD_E_IO, VD_E_FULL.
 */
VD_NODISCARD int vd_indicator_builder_add(
    struct vd_indicator_builder *builder, const struct vd_indicator *indicator);
/* Puts the file in its place, durably, opens it, and frees the builder in any case. Blocks: sorts and syncs. After a failure the
 * file at the path is as it was. */
VD_NODISCARD int vd_indicator_builder_finish(
    struct vd_indicator_builder *builder, struct vd_indicator_set **set);
/* Gives up what was built. NULL is allowed. */
void vd_indicator_builder_free(struct vd_indicator_builder *builder);

/* ---- Using: any thread, no lock. `set` may be NULL: it is empty. ---- */

/*
 * Opens what a builder made, with one reference. Reads all of it once; keeps 2 bytes an IPv4 address in memory, 4 a prefix, 6 an IPv4
 * and 20 an IPv6 stretch between the ends of prefixes, and 256 KiB a table. VD_E_NOT_FOUND, VD_E_CORRUPT (damaged, or made by
 * another version), VD_E_IO, VD_E_NOMEM. The file may be replaced (renamed over) but not written while the set is open.
 */
VD_NODISCARD int vd_indicator_set_open(const char *path, struct vd_indicator_set **set);
struct vd_indicator_set *vd_indicator_set_retain(struct vd_indicator_set *set);
void vd_indicator_set_release(struct vd_indicator_set *set);

/*
 * The best of all indicators that hold `address` and are valid at `time_ms` (UTC): the smallest range first, then the highest
 * confidence (unknown last), then the one added first. False, and *match undefined: there is none, or a valid exception holds
 * the address. Of indicators and of exceptions VD_INDICATORS_WEIGHED_MAX are weighed. IPv4 addresses (mapped ones too) fall under ranges of IPv4 addresses only, however wide an IPv6 range is.
 */
bool vd_indicator_set_match(const struct vd_indicator_set *set, const struct vd_address *address,
    int64_t time_ms, struct vd_indicator_match *match);

/* Whether any indicator holds `address`, valid or not; no exception is asked. Reads no record: for asking about many. */
bool vd_indicator_set_holds(const struct vd_indicator_set *set, const struct vd_address *address);

/* Gives every indicator and exception that holds `address`, valid or not, the smallest prefixes first. */
typedef void vd_indicator_visitor(const struct vd_indicator_match *match, void *context);
void vd_indicator_set_visit(const struct vd_indicator_set *set, const struct vd_address *address,
    vd_indicator_visitor *visitor, void *context);

/* Indicators in the set, without exceptions. */
uint32_t vd_indicator_set_count(const struct vd_indicator_set *set);
uint32_t vd_indicator_set_exception_count(const struct vd_indicator_set *set);
/* Bytes of memory that lookups keep; the mapped file is not among them. */
size_t vd_indicator_set_bytes(const struct vd_indicator_set *set);

#endif
