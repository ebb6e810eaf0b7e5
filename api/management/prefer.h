/* SPDX-License-Identifier: MIT */
/* What the header Prefer asks of a log query. */

#ifndef VEDETTE_API_MANAGEMENT_PREFER_H
#define VEDETTE_API_MANAGEMENT_PREFER_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/error.h"

#define VD_PREFER_PROBLEM_SIZE 160

struct vd_prefer {
    uint32_t
        timeout_ms; /* VD_QUERY_TIMEOUT_DEFAULT_MS where none is asked for; at most VD_QUERY_TIMEOUT_MAX_MS */
    bool statistics;
    bool render;
};

/*
 * Reads `wait=30,include-statistics=true,include-render=true`; spaces around each, parameters behind ';', quotes around
 * values, and any case are allowed, and what has another name is passed over, as RFC 7240, section 2, has it. Of a name twice
 * the first counts. A longer wait than the most is the most.
 *
 * text     the header's value; NULL: there is none
 * problem  set on failure: which of them, and what it is to be
 *
 * VD_E_INVALID: a value of these three is none; *out is unchanged.
 */
VD_NODISCARD int vd_prefer_read(
    const char *text, struct vd_prefer *out, char problem[VD_PREFER_PROBLEM_SIZE]);

#endif
