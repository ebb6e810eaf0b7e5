/* SPDX-License-Identifier: MIT */
/* Times as text. */

#include <string.h>

#include "center/kql/lex.h"

/* Of a timespan, whose ticks are 64 bits. */
#define DAYS_MAX 10675198

struct scan {
    const char *at;
    const char *end;
};

static bool take(struct scan *s, char c)
{
    if (s->at < s->end && *s->at == c) {
        s->at++;
        return true;
    }
    return false;
}

static void skip_spaces(struct scan *s)
{
    while (take(s, ' ') || take(s, '\t')) {
    }
}

/* 1 to `most` digits. */
static bool number(struct scan *s, int most, int64_t *out)
{
    int64_t value = 0;
    int digits = 0;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9' && digits < most) {
        value = value * 10 + (*s->at++ - '0');
        digits++;
    }
    *out = value;
    return digits > 0;
}

/* Digits behind a point as ticks; more than seven are cut off. */
static bool fraction(struct scan *s, int64_t *ticks)
{
    int64_t unit = VD_KQL_TICKS_PER_S / 10;
    bool any = false;

    *ticks = 0;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
        *ticks += (*s->at++ - '0') * unit;
        unit /= 10;
        any = true;
    }
    return any;
}

static struct scan trimmed(struct vd_str text)
{
    struct scan s = {text.data, text.data + text.length};

    while (s.end > s.at && (s.end[-1] == ' ' || s.end[-1] == '\t')) {
        s.end--;
    }
    skip_spaces(&s);
    return s;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400;
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
        719468;
}

static bool is_day(int64_t year, int64_t month, int64_t day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
        day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* YYYY-MM-DD, YYYY-MM, YYYY, M/D/YYYY */
static bool date(struct scan *s, int64_t *days)
{
    int64_t parts[3] = {1, 1, 1};

    if (!number(s, 4, &parts[0])) {
        return false;
    }
    if (take(s, '/')) {
        int64_t month = parts[0];

        if (!number(s, 2, &parts[2]) || !take(s, '/') || !number(s, 4, &parts[0])) {
            return false;
        }
        parts[1] = month;
    } else if (take(s, '-')) {
        if (!number(s, 2, &parts[1]) || (take(s, '-') && !number(s, 2, &parts[2]))) {
            return false;
        }
    }
    *days = is_day(parts[0], parts[1], parts[2]) ? days_of(parts[0], parts[1], parts[2]) : 0;
    return is_day(parts[0], parts[1], parts[2]);
}

/* HH:MM[:SS[.fraction]] */
static bool clock_time(struct scan *s, int64_t *ticks)
{
    int64_t hours;
    int64_t minutes;
    int64_t seconds = 0;
    int64_t rest = 0;

    if (!number(s, 2, &hours) || !take(s, ':') || !number(s, 2, &minutes)) {
        return false;
    }
    if (take(s, ':') && (!number(s, 2, &seconds) || (take(s, '.') && !fraction(s, &rest)))) {
        return false;
    }
    *ticks = ((hours * 60 + minutes) * 60 + seconds) * VD_KQL_TICKS_PER_S + rest;
    return hours < 24 && minutes < 60 && seconds < 60;
}

/* Z, or +HH:MM */
static bool zone(struct scan *s, int64_t *minutes)
{
    int64_t hours = 0;
    int64_t rest = 0;
    const bool is_minus = s->at < s->end && *s->at == '-';

    *minutes = 0;
    skip_spaces(s);
    if (take(s, 'Z') || take(s, 'z')) {
        return true;
    }
    if (!take(s, '+') && !take(s, '-')) {
        return true;
    }
    if (!number(s, 2, &hours)) {
        return false;
    }
    (void)take(s, ':');
    (void)number(s, 2, &rest);
    *minutes = (is_minus ? -1 : 1) * (hours * 60 + rest);
    return hours <= 14 && rest < 60;
}

bool vd_kql_parse_datetime(struct vd_str text, int64_t *ticks)
{
    struct scan s = trimmed(text);
    int64_t days;
    int64_t time = 0;
    int64_t minutes = 0;

    if (!date(&s, &days)) {
        return false;
    }
    if (take(&s, 'T') || take(&s, 't') || take(&s, ' ')) {
        skip_spaces(&s);
        if (!clock_time(&s, &time)) {
            return false;
        }
    }
    if (!zone(&s, &minutes) || s.at != s.end) {
        return false;
    }
    *ticks = (days * 86400 - minutes * 60) * VD_KQL_TICKS_PER_S + time;
    return *ticks >= days_of(1, 1, 1) * 86400 * VD_KQL_TICKS_PER_S &&
        *ticks < days_of(10000, 1, 1) * 86400 * VD_KQL_TICKS_PER_S;
}

/* Ticks of a unit behind a number; 0: there is no such unit. */
static int64_t unit_ticks(struct vd_str unit)
{
    static const struct {
        const char *name;
        int64_t ticks;
    } units[] = {
        {"d", 86400 * VD_KQL_TICKS_PER_S},
        {"day", 86400 * VD_KQL_TICKS_PER_S},
        {"days", 86400 * VD_KQL_TICKS_PER_S},
        {"h", 3600 * VD_KQL_TICKS_PER_S},
        {"hr", 3600 * VD_KQL_TICKS_PER_S},
        {"hrs", 3600 * VD_KQL_TICKS_PER_S},
        {"hour", 3600 * VD_KQL_TICKS_PER_S},
        {"hours", 3600 * VD_KQL_TICKS_PER_S},
        {"m", 60 * VD_KQL_TICKS_PER_S},
        {"min", 60 * VD_KQL_TICKS_PER_S},
        {"minute", 60 * VD_KQL_TICKS_PER_S},
        {"minutes", 60 * VD_KQL_TICKS_PER_S},
        {"s", VD_KQL_TICKS_PER_S},
        {"sec", VD_KQL_TICKS_PER_S},
        {"second", VD_KQL_TICKS_PER_S},
        {"seconds", VD_KQL_TICKS_PER_S},
        {"ms", VD_KQL_TICKS_PER_S / 1000},
        {"milli", VD_KQL_TICKS_PER_S / 1000},
        {"millis", VD_KQL_TICKS_PER_S / 1000},
        {"millisec", VD_KQL_TICKS_PER_S / 1000},
        {"millisecond", VD_KQL_TICKS_PER_S / 1000},
        {"milliseconds", VD_KQL_TICKS_PER_S / 1000},
        {"micro", VD_KQL_TICKS_PER_S / 1000000},
        {"micros", VD_KQL_TICKS_PER_S / 1000000},
        {"microsecond", VD_KQL_TICKS_PER_S / 1000000},
        {"microseconds", VD_KQL_TICKS_PER_S / 1000000},
        {"tick", 1},
        {"ticks", 1},
    };

    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (vd_str_equal_text(unit, units[i].name)) {
            return units[i].ticks;
        }
    }
    return 0;
}

/* 2, 1.02:03:04.5, 02:03, 1d, 1.5h */
bool vd_kql_parse_timespan(struct vd_str text, int64_t *ticks)
{
    struct scan s = trimmed(text);
    const bool is_minus = take(&s, '-');
    const struct scan from = s;
    int64_t days = 0;
    int64_t time = 0;
    int64_t rest = 0;
    int64_t unit;

    if (!number(&s, 8, &days)) {
        return false;
    }
    if (days > DAYS_MAX && (s.at == s.end || *s.at == '.')) {
        return false;
    }
    if (s.at == s.end) {
        time = days * 86400 * VD_KQL_TICKS_PER_S;
    } else if (*s.at == ':') {
        s = from;
        if (!clock_time(&s, &time) || s.at != s.end) {
            return false;
        }
    } else {
        const bool has_point = take(&s, '.');
        struct scan behind = s;

        if (has_point && clock_time(&behind, &time) && behind.at == s.end) {
            time += days * 86400 * VD_KQL_TICKS_PER_S;
        } else {
            if (has_point && !fraction(&s, &rest)) {
                return false;
            }
            skip_spaces(&s);
            unit = unit_ticks((struct vd_str){s.at, (size_t)(s.end - s.at)});
            if (unit == 0 || days > INT64_MAX / unit / 2) {
                return false;
            }
            time = days * unit + (int64_t)((double)rest / VD_KQL_TICKS_PER_S * (double)unit + 0.5);
        }
    }
    *ticks = is_minus ? -time : time;
    return true;
}
