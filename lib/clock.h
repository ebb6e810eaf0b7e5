/* SPDX-License-Identifier: MIT */
/* Times: UTC in milliseconds since 1970, a monotonic clock, ISO 8601 text. */

#ifndef VEDETTE_LIB_CLOCK_H
#define VEDETTE_LIB_CLOCK_H

#include <stdint.h>

#include "lib/error.h"

/* "2026-11-24T07:44:03.123Z" and its NUL. */
#define VD_TIME_TEXT_SIZE 32

#define VD_DAY_MS 86400000LL

/* Milliseconds since 1970-01-01 UTC; may jump. */
int64_t vd_clock_utc_ms(void);

/* Milliseconds of a clock that never goes back; its zero means nothing. */
int64_t vd_clock_monotonic_ms(void);

/* Writes `utc_ms` (years 0 to 9999; clamped) as ISO 8601 with milliseconds and Z. */
void vd_time_format(int64_t utc_ms, char out[VD_TIME_TEXT_SIZE]);

/* Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM|-HH:MM)`. VD_E_INVALID leaves *utc_ms untouched. */
VD_NODISCARD int vd_time_parse(const char *text, int64_t *utc_ms);

/* The UTC day of a time: days since 1970-01-01, rounded down. */
int32_t vd_time_day(int64_t utc_ms);

/* That day as "YYYY-MM-DD". */
void vd_day_format(int32_t day, char out[VD_TIME_TEXT_SIZE]);

#endif
