/* SPDX-License-Identifier: MIT */
/* Times and timespans from text and as text. */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "center/kql/lex.h"
#include "center/store/duckdb_functions_internal.h"

#define TICKS_PER_DAY (86400 * VD_KQL_TICKS_PER_S)
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* ---- From text ---- */

static bool todatetime(struct vd_udf_call *call)
{
    int64_t ticks;

    if (!vd_kql_parse_datetime(call->args[0].text, &ticks)) {
        return false;
    }
    call->result.integer = floor_div(ticks, 10);
    return vd_udf_is_time(call->result.integer);
}

static bool totimespan(struct vd_udf_call *call)
{
    return vd_kql_parse_timespan(call->args[0].text, &call->result.integer);
}

/* ---- As text ---- */

struct moment {
    bool is_minus;
    int64_t days; /* of a timespan */
    int year, month, day;
    int hour, minute, second;
    int ticks; /* of the second */
};

static void split_ticks(int64_t ticks, struct moment *out)
{
    const int64_t seconds = ticks / VD_KQL_TICKS_PER_S;

    out->ticks = (int)(ticks % VD_KQL_TICKS_PER_S);
    out->second = (int)(seconds % 60);
    out->minute = (int)(seconds / 60 % 60);
    out->hour = (int)(seconds / 3600 % 24);
}

static struct moment moment_of_span(int64_t ticks)
{
    struct moment m = {.is_minus = ticks < 0};
    /* The least one has no opposite. */
    const uint64_t size = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;

    m.days = (int64_t)(size / (uint64_t)TICKS_PER_DAY);
    split_ticks((int64_t)(size % (uint64_t)TICKS_PER_DAY), &m);
    return m;
}

static bool moment_of_time(int64_t us, struct moment *out)
{
    const time_t seconds = (time_t)floor_div(us, 1000000);
    struct tm tm;

    if (!vd_udf_is_time(us) || gmtime_r(&seconds, &tm) == NULL) {
        return false;
    }
    *out = (struct moment){.year = tm.tm_year + 1900,
        .month = tm.tm_mon + 1,
        .day = tm.tm_mday,
        .hour = tm.tm_hour,
        .minute = tm.tm_min,
        .second = tm.tm_sec,
        .ticks = (int)(us - floor_div(us, 1000000) * 1000000) * 10};
    return true;
}

/* [-][d.]hh:mm:ss[.fffffff] */
static bool timespan_text(struct vd_udf_call *call)
{
    const struct moment m = moment_of_span(call->args[0].integer);

    vd_buf_append_text(call->out, m.is_minus ? "-" : "");
    if (m.days > 0) {
        vd_buf_printf(call->out, "%lld.", (long long)m.days);
    }
    vd_buf_printf(call->out, "%02d:%02d:%02d", m.hour, m.minute, m.second);
    if (m.ticks > 0) {
        vd_buf_printf(call->out, ".%07d", m.ticks);
    }
    return true;
}

/* The first `digits` of the second's fraction; of F without zeros at the end. */
static void append_fraction(const struct moment *m, char letter, int digits, struct vd_buf *out)
{
    char text[8];

    snprintf(text, sizeof text, "%07d", m->ticks);
    text[digits < 7 ? digits : 7] = '\0';
    if (letter == 'F') {
        for (size_t length = strlen(text); length > 0 && text[length - 1] == '0'; length--) {
            text[length - 1] = '\0';
        }
    }
    vd_buf_append_text(out, text);
}

/* What a run of one letter stands for in both kinds; false: nothing. */
static bool append_clock(const struct moment *m, char letter, int run, struct vd_buf *out)
{
    switch (letter) {
    case 'f':
    case 'F':
        append_fraction(m, letter, run, out);
        return true;
    case 'H':
        vd_buf_printf(out, "%0*d", run, m->hour);
        return true;
    case 'm':
        vd_buf_printf(out, "%0*d", run, m->minute);
        return true;
    case 's':
        vd_buf_printf(out, "%0*d", run, m->second);
        return true;
    default:
        return false;
    }
}

static bool append_time(const struct moment *m, char letter, int run, struct vd_buf *out)
{
    switch (letter) {
    case 'd':
        vd_buf_printf(out, "%0*d", run, m->day);
        return true;
    case 'M':
        vd_buf_printf(out, "%0*d", run, m->month);
        return true;
    case 'y':
        vd_buf_printf(out, "%0*d", run, run > 2 ? m->year : m->year % 100);
        return true;
    case 'h':
        vd_buf_printf(out, "%0*d", run, m->hour % 12 == 0 ? 12 : m->hour % 12);
        return true;
    case 't':
        vd_buf_append_text(out, m->hour < 12 ? (run > 1 ? "AM" : "A") : (run > 1 ? "PM" : "P"));
        return true;
    default:
        return append_clock(m, letter, run, out);
    }
}

static bool append_span(const struct moment *m, char letter, int run, struct vd_buf *out)
{
    switch (letter) {
    case 'd':
        vd_buf_printf(out, "%0*lld", run, (long long)m->days);
        return true;
    case 'h':
        vd_buf_printf(out, "%0*d", run, m->hour);
        return true;
    default:
        return append_clock(m, letter, run, out);
    }
}

/* Walks the format by runs of one letter; false (and an error): a letter stands for nothing. */
static bool format(struct vd_udf_call *call, const struct moment *m,
    bool (*append)(const struct moment *, char, int, struct vd_buf *))
{
    static const char delimiters[] = " /-:,._[]";
    const struct vd_str text = call->args[1].text;
    size_t at = 0;

    while (at < text.length && call->out->error == VD_OK) {
        const char letter = text.data[at];
        int run = 1;

        while (at + (size_t)run < text.length && text.data[at + (size_t)run] == letter && run < 8) {
            run++;
        }
        if (letter != '\0' && strchr(delimiters, letter) != NULL) {
            vd_buf_append(call->out, text.data + at, (size_t)run);
        } else if (!append(m, letter, run, call->out)) {
            call->error = append == append_time
                ? "a format of times has y, M, d, H, h, m, s, f, F, t and ' /-:,._[]' only"
                : "a format of timespans has d, H, h, m, s, f, F and ' /-:,._[]' only";
            return false;
        }
        at += (size_t)run;
    }
    return true;
}

/* kql_format_datetime(microseconds since 1970, format) */
static bool format_datetime(struct vd_udf_call *call)
{
    struct moment m;

    if (!moment_of_time(call->args[0].integer, &m)) {
        return false;
    }
    return format(call, &m, append_time);
}

/* kql_format_timespan(ticks, format) */
static bool format_timespan(struct vd_udf_call *call)
{
    const struct moment m = moment_of_span(call->args[0].integer);

    vd_buf_append_text(call->out, m.is_minus ? "-" : "");
    return format(call, &m, append_span);
}

const struct vd_udf vd_udf_times[] = {
    {"kql_todatetime", "s", 't', false, todatetime},
    {"kql_totimespan", "s", 'l', false, totimespan},
    {"kql_timespan_text", "l", 's', false, timespan_text},
    {"kql_format_datetime", "ls", 's', false, format_datetime},
    {"kql_format_timespan", "ls", 's', false, format_timespan},
    {NULL, NULL, 0, false, NULL},
};
