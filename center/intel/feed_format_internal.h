/* SPDX-License-Identifier: MIT */
/* What formats share: giving entries, refusing them, cutting text into lines and fields. */

#ifndef VEDETTE_CENTER_INTEL_FEED_FORMAT_INTERNAL_H
#define VEDETTE_CENTER_INTEL_FEED_FORMAT_INTERNAL_H

#include <jansson.h>

#include "center/intel/feed_format.h"

/* A parse under way. */
struct vd_format_run {
    const struct vd_feed_parse *parse;
    struct vd_feed_report *report;
};

/* Where an entry stands: a line, or a place if there is one. */
struct vd_format_at {
    uint32_t line;
    const char *place; /* NULL: none */
};

/* An entry before its texts are looked at. */
struct vd_format_entry {
    struct vd_format_at at;
    struct vd_str address;
    struct vd_str description;
    int64_t valid_from_ms;
    int64_t valid_until_ms;
    int64_t seen_ms; /* when its source last saw it; 0: unknown */
    uint8_t confidence;
    uint8_t tlp;
};

/* Reads the address and gives the indicator. *used: it was neither ignored nor refused. Counts nothing but expired ones and
 * problems. Returns what `take` did. */
VD_NODISCARD int vd_format_give(
    struct vd_format_run *run, const struct vd_format_entry *entry, bool *used);
/* Gives an entry that is one indicator, and counts it. */
VD_NODISCARD int vd_format_entry_give(
    struct vd_format_run *run, const struct vd_format_entry *entry);
/* Counts an entry that is damaged. */
void vd_format_refuse(struct vd_format_run *run, struct vd_format_at at, const char *reason);
/* Counts one that is not for us. */
void vd_format_ignore(struct vd_format_run *run);
/* Says why the text is not of the format; VD_E_INVALID. */
int vd_format_fault(struct vd_format_run *run, struct vd_format_at at, const char *reason);

/* Lines of a text, without their ends. `line` is the number of the last one given. */
struct vd_format_lines {
    struct vd_str rest;
    uint32_t line;
};

bool vd_format_next_line(struct vd_format_lines *lines, struct vd_str *out);
struct vd_str vd_format_trim(struct vd_str s);
/* Cuts `s` before the first `delimiter`; *s is what is behind it, or empty with data NULL at the end. */
struct vd_str vd_format_cut(struct vd_str *s, char delimiter);
/* True if `s` begins with `prefix`. */
bool vd_format_begins(struct vd_str s, const char *prefix);
/* A number of at most `max`, digits only; -1 for anything else. */
int64_t vd_format_number(struct vd_str s, int64_t max);
/* ISO 8601, "YYYY-MM-DD[ HH:MM:SS]" (UTC) or seconds since 1970. */
VD_NODISCARD int vd_format_time(struct vd_str text, int64_t *utc_ms);
/* "tlp:amber", "TLP:AMBER+STRICT", "amber" ...; VD_TLP_NONE for anything else. */
enum vd_tlp vd_format_tlp(struct vd_str text);

/* The root of a JSON text; NULL: *error is VD_E_INVALID (fault said) or VD_E_NOMEM. */
json_t *vd_format_json(struct vd_format_run *run, struct vd_str text, int *error);
/* Text of a member; empty if it is not there or no text. */
struct vd_str vd_format_member(const json_t *object, const char *name);
/* A time of a member into *utc_ms, untouched if it is not there or null. False: it is none. */
bool vd_format_member_time(const json_t *object, const char *name, int64_t *utc_ms);

/* The formats. Each counts what it reads. */
typedef int vd_format_reader(struct vd_format_run *run, struct vd_str text);
vd_format_reader vd_format_list;
vd_format_reader vd_format_csv;
vd_format_reader vd_format_stix;
vd_format_reader vd_format_misp;
vd_format_reader vd_format_suricata;
vd_format_reader vd_format_zeek;

/* Values of a STIX pattern that an address alone decides. */
enum vd_stix_pattern {
    VD_STIX_ADDRESSES, /* each one was told */
    VD_STIX_OTHER,     /* about other things, or more than addresses */
    VD_STIX_BROKEN,    /* not a pattern */
    VD_STIX_STOPPED,   /* `tell` returned false */
};
typedef bool vd_stix_teller(struct vd_str value, void *context);
/* `tell` NULL: only says which it is. Before a later part of the pattern is seen values may have been told: ask without first. */
enum vd_stix_pattern vd_stix_pattern_read(
    struct vd_str pattern, vd_stix_teller *tell, void *context);

#endif
