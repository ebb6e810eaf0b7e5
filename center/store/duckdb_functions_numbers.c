/* SPDX-License-Identifier: MIT */
/* Whole numbers and times of two numbers: the language's arithmetic, which neither fails nor is undefined. */

#include "center/store/duckdb_functions_internal.h"

#define TICKS_PER_US 10
/* Microseconds from 0001-01-01, from where times are cut into bins, to 1970. */
#define US_TO_1970 62135596800000000ll

bool vd_udf_is_time(int64_t us)
{
    return us >= VD_UDF_TIME_MIN_US && us < VD_UDF_TIME_END_US;
}

/* ---- Whole numbers wrap around; what is divided by 0 is null ---- */

static bool add(int64_t a, int64_t b, int64_t *out)
{
    *out = (int64_t)((uint64_t)a + (uint64_t)b);
    return true;
}

static bool subtract(int64_t a, int64_t b, int64_t *out)
{
    *out = (int64_t)((uint64_t)a - (uint64_t)b);
    return true;
}

static bool multiply(int64_t a, int64_t b, int64_t *out)
{
    *out = (int64_t)((uint64_t)a * (uint64_t)b);
    return true;
}

static bool divide(int64_t a, int64_t b, int64_t *out)
{
    if (b == -1) {
        return subtract(0, a, out);
    }
    *out = b != 0 ? a / b : 0;
    return b != 0;
}

/* Never negative, whatever the signs are: 0 <= a % b < |b|. */
static bool modulo(int64_t a, int64_t b, int64_t *out)
{
    if (b == 0) {
        return false;
    }
    *out = b == -1 ? 0 : a % b;
    if (*out < 0) {
        *out = (int64_t)((uint64_t)*out + (b < 0 ? 0 - (uint64_t)b : (uint64_t)b));
    }
    return true;
}

/* Down to a multiple; of a size that is not positive null. */
static bool bin(int64_t value, int64_t size, int64_t *out)
{
    int64_t rest;

    return size > 0 && modulo(value, size, &rest) && subtract(value, rest, out);
}

/* By the lowest six bits of how many; null of a negative one. */
static bool shift_left(int64_t value, int64_t by, int64_t *out)
{
    *out = (int64_t)((uint64_t)value << (by & 63));
    return by >= 0;
}

static bool shift_right(int64_t value, int64_t by, int64_t *out)
{
    *out = value >> (by & 63);
    return by >= 0;
}

/* ---- Times: microseconds since 1970, years 1 to 9999; timespans are ticks ---- */

static int64_t whole_us(int64_t ticks)
{
    return ticks / TICKS_PER_US - (ticks % TICKS_PER_US < 0 ? 1 : 0);
}

static bool time_add(int64_t us, int64_t ticks, int64_t *out)
{
    return !__builtin_add_overflow(us, whole_us(ticks), out) && vd_udf_is_time(*out);
}

static bool time_subtract(int64_t us, int64_t ticks, int64_t *out)
{
    /* Down to whole microseconds, which is up for what is taken away. */
    const int64_t away = ticks / TICKS_PER_US + (ticks % TICKS_PER_US > 0 ? 1 : 0);

    return !__builtin_sub_overflow(us, away, out) && vd_udf_is_time(*out);
}

static bool time_bin(int64_t us, int64_t size, int64_t *out)
{
    int64_t ticks;

    if (!vd_udf_is_time(us) || !bin((us + US_TO_1970) * TICKS_PER_US, size, &ticks)) {
        return false;
    }
    *out = whole_us(ticks) - US_TO_1970;
    return true;
}

static bool time_modulo(int64_t us, int64_t size, int64_t *out)
{
    return vd_udf_is_time(us) && modulo((us + US_TO_1970) * TICKS_PER_US, size, out);
}

/* A number of units since 1970, of `us` microseconds each. */
static bool unixtime(int64_t number, int64_t us, int64_t *out)
{
    return !__builtin_mul_overflow(number, us, out) && vd_udf_is_time(*out);
}

/* Two's complement shifts right with the sign. */
_Static_assert((int64_t)-2 >> 1 == -1, "right shift of negative numbers keeps the sign");

const struct vd_udf_pair vd_udf_pairs[] = {
    {"kql_add", "ll", 'l', add},
    {"kql_subtract", "ll", 'l', subtract},
    {"kql_multiply", "ll", 'l', multiply},
    {"kql_divide", "ll", 'l', divide},
    {"kql_modulo", "ll", 'l', modulo},
    {"kql_bin", "ll", 'l', bin},
    {"kql_shift_left", "ll", 'l', shift_left},
    {"kql_shift_right", "ll", 'l', shift_right},
    {"kql_time_add", "tl", 't', time_add},
    {"kql_time_subtract", "tl", 't', time_subtract},
    {"kql_time_bin", "tl", 't', time_bin},
    {"kql_time_modulo", "tl", 'l', time_modulo},
    {"kql_unixtime", "ll", 't', unixtime},
    {NULL, NULL, 0, NULL},
};
