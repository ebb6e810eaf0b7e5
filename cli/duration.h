/* SPDX-License-Identifier: MIT */
/* Lengths of time on a command line. */

#ifndef VEDETTE_CLI_DURATION_H
#define VEDETTE_CLI_DURATION_H

#include <stdint.h>

/* "90d" and the like (s, m, h, d, w) as seconds; 0: none of that form. */
int64_t vd_duration_seconds(const char *text);

#endif
