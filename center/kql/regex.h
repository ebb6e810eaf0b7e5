/* SPDX-License-Identifier: MIT */
/* Whether a pattern is a regular expression of RE2, before a database reads it. */

#ifndef VEDETTE_CENTER_KQL_REGEX_H
#define VEDETTE_CENTER_KQL_REGEX_H

#include "lib/str.h"

struct vd_kql_regex_problem {
    size_t offset; /* bytes from the beginning of the pattern */
    char text[120];
};

/*
 * False: it is none, and the problem says why. What this does not judge passes: long names of classes of Unicode, and how large the
 * pattern becomes once its repetitions are multiplied. Of valid UTF-8. Source: RE2's syntax page (google/re2, doc/syntax.txt).
 */
bool vd_kql_regex_check(struct vd_str pattern, struct vd_kql_regex_problem *problem);

#endif
