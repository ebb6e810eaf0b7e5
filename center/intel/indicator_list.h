/* SPDX-License-Identifier: MIT */
/* Reads lists of indicators: one address or CIDR range a line. */

#ifndef VEDETTE_CENTER_INTEL_INDICATOR_LIST_H
#define VEDETTE_CENTER_INTEL_INDICATOR_LIST_H

#include "center/decode/security_message.h"
#include "center/limits.h"

/* Addresses from `from` to `to`, both included; IPv4 mapped. */
struct vd_indicator_range {
    struct vd_address from;
    struct vd_address to;
};

struct vd_indicator_line {
    struct vd_indicator_range range;
    char text
        [VD_INDICATOR_TEXT]; /* canonical: the network's address, and its prefix unless it is one address; or "a-b" */
    uint32_t line; /* from 1 */
};

/* Reads one indicator, "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "192.0.2.3-192.0.2.9"; bits behind the prefix are cleared.
 * NULL, or static text that says what is wrong. */
const char *vd_indicator_parse(struct vd_str text, struct vd_indicator_line *out);

/* A place in a list; `rest` is what is left of the text, `line` the number of the last line read. */
struct vd_indicator_reader {
    struct vd_str rest;
    uint32_t line;
};

/*
 * Reads the next indicator, past comments (`#` to the end of the line) and blank lines.
 * VD_OK, VD_E_NOT_FOUND at the end, VD_E_INVALID with *problem (static text) for reader->line.
 */
VD_NODISCARD int vd_indicator_next(
    struct vd_indicator_reader *reader, struct vd_indicator_line *out, const char **problem);

#endif
