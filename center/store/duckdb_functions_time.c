/* SPDX-License-Identifier: MIT */
/* Times from text and back. A TIMESTAMP is microseconds since 1970, a timespan ticks of 100 ns. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/kql/lex.h"
#include "center/store/duckdb_functions.h"

#define US_PER_S 1000000LL

static void todatetime(struct vd_duckdb_row *row)
{
    int64_t ticks = 0;

    row->is_null = !vd_kql_parse_datetime(row->arguments[0].text, &ticks);
    row->result.integer = ticks / 10 - (ticks % 10 < 0 ? 1 : 0);
}

static void totimespan(struct vd_duckdb_row *row)
{
    row->is_null = !vd_kql_parse_timespan(row->arguments[0].text, &row->result.integer);
}

/* [-][d.]hh:mm:ss[.fffffff] */
static void timespan_text(struct vd_duckdb_row *row)
{
    const int64_t ticks = row->arguments[0].integer;
    const uint64_t all = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    const uint64_t seconds = all / VD_KQL_TICKS_PER_S;
    const unsigned rest = (unsigned)(all % VD_KQL_TICKS_PER_S);

    vd_buf_append_text(row->text, ticks < 0 ? "-" : "");
    if (seconds >= 86400) {
        vd_buf_printf(row->text, "%llu.", (unsigned long long)(seconds / 86400));
    }
    vd_buf_printf(row->text, "%02u:%02u:%02u", (unsigned)(seconds / 3600 % 24),
        (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60));
    if (rest > 0) {
        vd_buf_printf(row->text, ".%07u", rest);
    }
}

/* ---- Formats: runs of the same letter ---- */

struct parts {
    int year;
    int month;
    int day;
    int hour;
    int minute;
    int second;
    int ticks; /* of the second */
    int64_t days;
};

static struct parts parts_of(int64_t us)
{
    const int64_t seconds = us / US_PER_S - (us % US_PER_S < 0 ? 1 : 0);
    const time_t time = (time_t)seconds;
    struct tm tm = {0};

    gmtime_r(&time, &tm);
    return (struct parts){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
        tm.tm_sec, (int)(us - seconds * US_PER_S) * 10, 0};
}

/* The first `digits` digits of the second's fraction; F leaves zeros at the end out. */
static void append_fraction(struct vd_buf *out, int ticks, size_t digits, bool trims)
{
    char text[8];

    snprintf(text, sizeof text, "%07d", ticks);
    digits = digits > 7 ? 7 : digits;
    while (trims && digits > 0 && text[digits - 1] == '0') {
        digits--;
    }
    vd_buf_append(out, text, digits);
}

/* A run of a letter; false: the letter stands for nothing. */
static bool append_run(
    struct vd_buf *out, const struct parts *parts, char letter, size_t length, bool is_timespan)
{
    const int width = length >= 2 ? 2 : 1;
    int number = 0;

    switch (letter) {
    case 'y':
        vd_buf_printf(
            out, length > 2 ? "%04d" : "%02d", length > 2 ? parts->year : parts->year % 100);
        return !is_timespan;
    case 'M':
        number = parts->month;
        break;
    case 'd':
        if (is_timespan) {
            vd_buf_printf(out, "%0*lld", (int)(length > 8 ? 8 : length), (long long)parts->days);
            return true;
        }
        number = parts->day;
        break;
    case 'H':
        number = parts->hour;
        break;
    case 'h':
        number = is_timespan ? parts->hour : (parts->hour + 11) % 12 + 1;
        break;
    case 'm':
        number = parts->minute;
        break;
    case 's':
        number = parts->second;
        break;
    case 'f':
    case 'F':
        append_fraction(out, parts->ticks, length, letter == 'F');
        return true;
    case 't':
        vd_buf_append_text(out, parts->hour < 12 ? "AM" : "PM");
        return !is_timespan;
    default:
        return false;
    }
    vd_buf_printf(out, "%0*d", width, number);
    return true;
}

static void append_format(
    struct vd_duckdb_row *row, const struct parts *parts, struct vd_str format, bool is_timespan)
{
    static const char delimiters[] = " /-:,._[]";
    size_t i = 0;

    while (i < format.length && row->error == NULL) {
        const char letter = format.data[i];
        size_t length = 1;

        while (i + length < format.length && format.data[i + length] == letter) {
            length++;
        }
        if (letter != '\0' && strchr(delimiters, letter) != NULL) {
            vd_buf_append(row->text, format.data + i, length);
        } else if (!append_run(row->text, parts, letter, length, is_timespan)) {
            row->error = is_timespan
                ? "a format of timespans has d, H, h, m, s, f, F and ' /-:,._[]' only"
                : "a format of times has y, M, d, H, h, m, s, f, F, t and ' /-:,._[]' only";
        }
        i += length;
    }
}

static void format_datetime(struct vd_duckdb_row *row)
{
    const struct parts parts = parts_of(row->arguments[0].integer);

    append_format(row, &parts, row->arguments[1].text, false);
}

static void format_timespan(struct vd_duckdb_row *row)
{
    const int64_t ticks = row->arguments[0].integer;
    const uint64_t all = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    const uint64_t seconds = all / VD_KQL_TICKS_PER_S;
    const struct parts parts = {.days = (int64_t)(seconds / 86400),
        .hour = (int)(seconds / 3600 % 24),
        .minute = (int)(seconds / 60 % 60),
        .second = (int)(seconds % 60),
        .ticks = (int)(all % VD_KQL_TICKS_PER_S)};

    vd_buf_append_text(row->text, ticks < 0 ? "-" : "");
    append_format(row, &parts, row->arguments[1].text, true);
}

const struct vd_duckdb_function vd_duckdb_time_functions[] = {
    {"kql_todatetime", "s", 't', todatetime},
    {"kql_totimespan", "s", 'l', totimespan},
    {"kql_timespan_text", "l", 's', timespan_text},
    {"kql_format_datetime", "ls", 's', format_datetime},
    {"kql_format_timespan", "ls", 's', format_timespan},
    {NULL, NULL, 0, NULL},
};
