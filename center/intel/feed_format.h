/* SPDX-License-Identifier: MIT */
/* Formats of threat-intelligence feeds: from a text to indicators, and what was wrong with it. */

#ifndef VEDETTE_CENTER_INTEL_FEED_FORMAT_H
#define VEDETTE_CENTER_INTEL_FEED_FORMAT_H

#include "center/intel/indicator_set.h"

enum vd_feed_format {
    VD_FEED_AUTO,     /* one of the others, by what the text looks like */
    VD_FEED_LIST,     /* an address, CIDR range or "a-b" a line */
    VD_FEED_CSV,      /* RFC 4180 with a header */
    VD_FEED_STIX,     /* STIX 2.1 bundle or TAXII 2.1 envelope */
    VD_FEED_MISP,     /* JSON of events or attributes */
    VD_FEED_SURICATA, /* IP reputation: address,category,score */
    VD_FEED_ZEEK,     /* intelligence framework, tab-separated */
};

/* "auto", "list" ...; NULL for a number that is none. */
const char *vd_feed_format_name(enum vd_feed_format format);
/* VD_E_INVALID: no such name. */
VD_NODISCARD int vd_feed_format_find(const char *name, enum vd_feed_format *format);

#define VD_FEED_CATEGORIES 61 /* Suricata's, from 0 */

/* What to read, and who takes it. All zero but `format` is allowed. */
struct vd_feed_parse {
    enum vd_feed_format format;
    char delimiter;                 /* of CSV; 0: guessed from the header */
    const char *column;             /* of CSV, any case; NULL: one with a usual name */
    const char *description_column; /* likewise; NULL: none */
    const char *confidence_column;
    const char *until_column;
    struct vd_str categories; /* of Suricata: lines "number,short name,description" */
    bool has_wanted;          /* of Suricata: only categories with a least score count */
    uint8_t
        wanted[VD_FEED_CATEGORIES]; /* that score, 1 to 127, by category; 0: it does not count */
    int64_t now_ms;                 /* UTC: what ended before it counts as expired */
    int64_t fetched_ms;             /* UTC: when the text came */
    int64_t
        lifetime_ms; /* of indicators without an end, from when they were last seen; 0: for ever */
    uint8_t confidence;     /* of those that give none; may be VD_CONFIDENCE_UNKNOWN */
    uint8_t confidence_min; /* known and below it: ignored */
    /* Takes an indicator, valid during the call; what it returns other than VD_OK ends the parse. NULL: nobody. */
    int (*take)(const struct vd_indicator *indicator, void *context);
    void *context;
};

/* Where and what was wrong. */
struct vd_feed_problem {
    uint32_t line;   /* from 1; 0: see place */
    char place[64];  /* "objects[3]"; "": see line */
    char reason[96]; /* text for people */
};

struct vd_feed_report {
    enum vd_feed_format format; /* the one it was read as */
    uint64_t read;              /* entries; the sum of used, ignored and refused */
    uint64_t used;              /* given to `take`; an entry may give several indicators */
    uint64_t expired;           /* of the used ones */
    uint64_t ignored;           /* not for matching addresses, or not wanted */
    uint64_t refused;           /* damaged */
    uint32_t problem_count;     /* of refused entries, the first ones */
    struct vd_feed_problem problems[VD_FEED_PROBLEMS_MAX];
    struct vd_feed_problem fault; /* why it is VD_E_INVALID */
};

/* Reads "1,5:40": categories of Suricata that count, some from a score on, into `wanted`. VD_E_INVALID leaves *parse as it was. */
VD_NODISCARD int vd_feed_wanted_read(const char *text, struct vd_feed_parse *parse);

/*
 * Reads a feed. Damaged entries are counted and passed over.
 * VD_OK; VD_E_INVALID: as a whole it is not of the format, or JSON that would take more memory than VD_FEED_JSON_MEMORY_MAX, see
 * report->fault (some indicators may have been given); VD_E_LIMIT: longer than VD_FEED_BYTES_MAX, or VD_FEED_JSON_BYTES_MAX of
 * JSON; VD_E_NOMEM; or what `take` returned.
 */
VD_NODISCARD int vd_feed_parse(
    const struct vd_feed_parse *parse, struct vd_str text, struct vd_feed_report *report);

#endif
