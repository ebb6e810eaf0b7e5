/* SPDX-License-Identifier: MIT */
/* Clocks and ISO 8601 text, without the C library's time zones. */

#include "lib/clock.h"

#include <ctype.h>
#include <stdbool.h>

/* 0000-01-01 and 9999-12-31T23:59:59.999 UTC. */
#define TIME_MIN_MS (-62167219200000LL)
#define TIME_MAX_MS 253402300799999LL

int64_t vd_clock_utc_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t vd_clock_monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct civil {
    int64_t year;
    unsigned month;
    unsigned day;
};

/* Proleptic Gregorian date of a day number, by 400-year eras that start on 1 March. */
static struct civil civil_from_day(int64_t day)
{
    int64_t shifted = day + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned doe = (unsigned)(shifted - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    struct civil c;

    c.day = doy - (153 * mp + 2) / 5 + 1;
    c.month = mp < 10 ? mp + 3 : mp - 9;
    c.year = (int64_t)yoe + era * 400 + (c.month <= 2 ? 1 : 0);
    return c;
}

static int64_t day_from_civil(struct civil c)
{
    int64_t year = c.year - (c.month <= 2 ? 1 : 0);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned yoe = (unsigned)(year - era * 400);
    unsigned doy = (153 * (c.month > 2 ? c.month - 3 : c.month + 9) + 2) / 5 + c.day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t)doe - 719468;
}

int32_t vd_time_day(int64_t utc_ms)
{
    int64_t day = utc_ms / VD_DAY_MS - (utc_ms % VD_DAY_MS < 0 ? 1 : 0);

    return (int32_t)day;
}

void vd_day_format(int32_t day, char out[VD_TIME_TEXT_SIZE])
{
    struct civil c = civil_from_day(day);

    snprintf(out, VD_TIME_TEXT_SIZE, "%04d-%02u-%02u", (int)c.year, c.month, c.day);
}

void vd_time_format(int64_t utc_ms, char out[VD_TIME_TEXT_SIZE])
{
    struct civil c;
    int64_t day;
    unsigned ms;

    if (utc_ms < TIME_MIN_MS) {
        utc_ms = TIME_MIN_MS;
    } else if (utc_ms > TIME_MAX_MS) {
        utc_ms = TIME_MAX_MS;
    }
    day = vd_time_day(utc_ms);
    ms = (unsigned)(utc_ms - day * VD_DAY_MS);
    c = civil_from_day(day);
    snprintf(out, VD_TIME_TEXT_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u.%03uZ", (int)c.year, c.month,
        c.day, ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

/* Reads exactly `digits` digits at *at and moves past them. */
static bool read_digits(const char **at, int digits, unsigned *value)
{
    unsigned v = 0;

    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i])) {
            return false;
        }
        v = v * 10 + (unsigned)((*at)[i] - '0');
    }
    *at += digits;
    *value = v;
    return true;
}

static bool read_char(const char **at, char expected)
{
    if (**at != expected) {
        return false;
    }
    ++*at;
    return true;
}

/* ".123456" to milliseconds; digits past the third are dropped. */
static bool read_fraction(const char **at, unsigned *ms)
{
    unsigned scale = 100;

    *ms = 0;
    if (**at != '.') {
        return true;
    }
    ++*at;
    if (!isdigit((unsigned char)**at)) {
        return false;
    }
    for (; isdigit((unsigned char)**at); ++*at, scale /= 10) {
        *ms += scale * (unsigned)(**at - '0');
    }
    return true;
}

static bool read_zone(const char **at, int *minutes)
{
    unsigned h;
    unsigned m;
    char sign = **at;

    if (sign == 'Z' || sign == 'z') {
        ++*at;
        *minutes = 0;
        return true;
    }
    if (sign != '+' && sign != '-') {
        return false;
    }
    ++*at;
    if (!read_digits(at, 2, &h) || !read_char(at, ':') || !read_digits(at, 2, &m) || h > 23 ||
        m > 59) {
        return false;
    }
    *minutes = (sign == '-' ? -1 : 1) * (int)(h * 60 + m);
    return true;
}

int vd_time_parse(const char *text, int64_t *utc_ms)
{
    static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *at = text;
    unsigned year;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned ms;
    int zone;
    struct civil c;
    struct civil back;

    if (!read_digits(&at, 4, &year) || !read_char(&at, '-') || !read_digits(&at, 2, &c.month) ||
        !read_char(&at, '-') || !read_digits(&at, 2, &c.day) ||
        !(read_char(&at, 'T') || read_char(&at, 't')) || !read_digits(&at, 2, &hour) ||
        !read_char(&at, ':') || !read_digits(&at, 2, &minute) || !read_char(&at, ':') ||
        !read_digits(&at, 2, &second) || !read_fraction(&at, &ms) || !read_zone(&at, &zone) ||
        *at != '\0') {
        return VD_E_INVALID;
    }
    c.year = year;
    if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > month_days[c.month - 1] || hour > 23 ||
        minute > 59 || second > 60) {
        return VD_E_INVALID;
    }
    back = civil_from_day(day_from_civil(c));
    if (back.day != c.day) {
        return VD_E_INVALID; /* 29 February of a year without one */
    }
    *utc_ms = day_from_civil(c) * VD_DAY_MS +
        (((int64_t)hour * 60 + minute - zone) * 60 + second) * 1000 + ms;
    return VD_OK;
}
