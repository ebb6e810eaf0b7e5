/* SPDX-License-Identifier: MIT */
/* Parts of times by name: added, counted, taken out, and their beginnings. Weeks begin on Sunday. */

#include <math.h>
#include <string.h>

#include "center/store/duckdb_functions_internal.h"

#define US_PER_DAY 86400000000ll
/* No time is further from another in any unit but the two least, which are reckoned apart. */
#define AMOUNT_MAX 400000000000000000ll

enum part {
    PART_YEAR,
    PART_QUARTER,
    PART_MONTH,
    PART_WEEK,
    PART_DAY,
    PART_HOUR,
    PART_MINUTE,
    PART_SECOND,
    PART_MILLISECOND,
    PART_MICROSECOND,
    PART_NANOSECOND,
    PART_WEEK_OF_YEAR,
    PART_DAY_OF_YEAR,
    PART_COUNT
};

static const struct {
    const char *name;
    int64_t us; /* 0: it is no fixed stretch */
} units[PART_COUNT] = {
    [PART_YEAR] = {"year", 0},
    [PART_QUARTER] = {"quarter", 0},
    [PART_MONTH] = {"month", 0},
    [PART_WEEK] = {"week", 7 * US_PER_DAY},
    [PART_DAY] = {"day", US_PER_DAY},
    [PART_HOUR] = {"hour", 3600000000ll},
    [PART_MINUTE] = {"minute", 60000000},
    [PART_SECOND] = {"second", 1000000},
    [PART_MILLISECOND] = {"millisecond", 1000},
    [PART_MICROSECOND] = {"microsecond", 1},
    [PART_NANOSECOND] = {"nanosecond", 0},
    [PART_WEEK_OF_YEAR] = {"weekofyear", 0},
    [PART_DAY_OF_YEAR] = {"dayofyear", 0},
};

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

/* Days since 1970-01-01, by years that begin in March. */
static int64_t days_of(struct date date)
{
    const int64_t year = date.year - (date.month <= 2 ? 1 : 0);
    const int64_t era = floor_div(year, 400);
    const int64_t of_era = year - era * 400;
    const int64_t of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static struct date date_of(int64_t days)
{
    const int64_t shifted = days + 719468;
    const int64_t era = floor_div(shifted, 146097);
    const int64_t day = shifted - era * 146097;
    const int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    const int64_t of_year = day - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;

    return (struct date){year + era * 400 + (month >= 10 ? 1 : 0), month + (month < 10 ? 3 : -9),
        of_year - (153 * month + 2) / 5 + 1};
}

static bool read_part(struct vd_udf_call *call, int count, enum part *out)
{
    char name[16];

    if (vd_str_copy(call->args[0].text, name, sizeof name) == VD_OK) {
        for (int i = 0; i < count; i++) {
            if (strcasecmp(name, units[i].name) == 0 ||
                (i == PART_WEEK_OF_YEAR && strcasecmp(name, "week_of_year") == 0)) {
                *out = (enum part)i;
                return true;
            }
        }
    }
    call->error = count == PART_COUNT
        ? "a part of a time is year, quarter, month, week_of_year, day, dayofyear, hour, minute, "
          "second, millisecond, microsecond or nanosecond"
        : "a period of time is year, quarter, month, week, day, hour, minute, second, millisecond, "
          "microsecond or nanosecond";
    return false;
}

/* The last day of a month that has no such day. */
static bool add_months(int64_t us, int64_t months, int64_t *out)
{
    const int64_t days = floor_div(us, US_PER_DAY);
    const struct date date = date_of(days);
    int64_t all;
    int64_t first;
    int64_t length;

    if (months > 120000 || months < -120000) {
        return false;
    }
    all = date.year * 12 + date.month - 1 + months;
    first = days_of((struct date){floor_div(all, 12), all - floor_div(all, 12) * 12 + 1, 1});
    length = days_of((struct date){
                 floor_div(all + 1, 12), all + 1 - floor_div(all + 1, 12) * 12 + 1, 1}) -
        first;
    *out =
        (first + (date.day < length ? date.day : length) - 1) * US_PER_DAY + us - days * US_PER_DAY;
    return vd_udf_is_time(*out);
}

static bool add(enum part part, int64_t us, int64_t amount, int64_t *out)
{
    if (amount > AMOUNT_MAX || amount < -AMOUNT_MAX) {
        return false;
    }
    switch (part) {
    case PART_YEAR:
        return amount <= 10000 && amount >= -10000 && add_months(us, amount * 12, out);
    case PART_QUARTER:
        return add_months(us, amount * 3, out);
    case PART_MONTH:
        return add_months(us, amount, out);
    case PART_NANOSECOND:
        *out = us + floor_div(amount, 1000);
        break;
    default:
        if (__builtin_mul_overflow(amount, units[part].us, out) ||
            __builtin_add_overflow(us, *out, out)) {
            return false;
        }
    }
    return vd_udf_is_time(*out);
}

/* kql_datetime_add(period, amount, time) */
static bool datetime_add(struct vd_udf_call *call)
{
    enum part part = PART_YEAR;

    return read_part(call, PART_NANOSECOND + 1, &part) &&
        add(part, call->args[2].integer, call->args[1].integer, &call->result.integer);
}

/* Which period since some beginning a time is in. */
static int64_t number_of(enum part part, int64_t us)
{
    const int64_t days = floor_div(us, US_PER_DAY);
    const struct date date = date_of(days);

    switch (part) {
    case PART_YEAR:
        return date.year;
    case PART_QUARTER:
        return date.year * 4 + (date.month - 1) / 3;
    case PART_MONTH:
        return date.year * 12 + date.month;
    case PART_WEEK:
        /* 1970-01-01 was a Thursday. */
        return floor_div(days + 4, 7);
    default:
        return floor_div(us, units[part].us);
    }
}

/* kql_datetime_diff(period, a, b): how many periods begin behind b up to a */
static bool datetime_diff(struct vd_udf_call *call)
{
    enum part part = PART_YEAR;

    if (!read_part(call, PART_NANOSECOND + 1, &part)) {
        return false;
    }
    if (part == PART_NANOSECOND) {
        return !__builtin_mul_overflow(
            call->args[1].integer - call->args[2].integer, 1000, &call->result.integer);
    }
    call->result.integer =
        number_of(part, call->args[1].integer) - number_of(part, call->args[2].integer);
    return true;
}

/* ISO 8601: the week of the year's first Thursday is the first. */
static int64_t week_of(int64_t days)
{
    const int64_t thursday = floor_div(days + 3, 7) * 7;

    return (thursday - days_of((struct date){date_of(thursday).year, 1, 1})) / 7 + 1;
}

/* kql_datetime_part(part, time) */
static bool datetime_part(struct vd_udf_call *call)
{
    const int64_t us = call->args[1].integer;
    const int64_t days = floor_div(us, US_PER_DAY);
    const int64_t of_day = us - days * US_PER_DAY;
    const struct date date = date_of(days);
    enum part part = PART_YEAR;

    if (!read_part(call, PART_COUNT, &part)) {
        return false;
    }
    switch (part) {
    case PART_YEAR:
        call->result.integer = date.year;
        break;
    case PART_QUARTER:
        call->result.integer = (date.month + 2) / 3;
        break;
    case PART_MONTH:
        call->result.integer = date.month;
        break;
    case PART_DAY:
        call->result.integer = date.day;
        break;
    case PART_WEEK:
    case PART_WEEK_OF_YEAR:
        call->result.integer = week_of(days);
        break;
    case PART_DAY_OF_YEAR:
        call->result.integer = days - days_of((struct date){date.year, 1, 1}) + 1;
        break;
    case PART_HOUR:
        call->result.integer = of_day / 3600000000ll;
        break;
    case PART_MINUTE:
        call->result.integer = of_day / 60000000 % 60;
        break;
    case PART_SECOND:
        call->result.integer = of_day / 1000000 % 60;
        break;
    case PART_MILLISECOND:
        call->result.integer = of_day / 1000 % 1000;
        break;
    case PART_MICROSECOND:
        call->result.integer = of_day % 1000000;
        break;
    default:
        call->result.integer = of_day % 1000000 * 1000;
    }
    return true;
}

/* The first moment of the period that the time is in. */
static int64_t start_of(enum part part, int64_t us)
{
    const int64_t days = floor_div(us, US_PER_DAY);
    const struct date date = date_of(days);

    switch (part) {
    case PART_YEAR:
        return days_of((struct date){date.year, 1, 1}) * US_PER_DAY;
    case PART_MONTH:
        return days_of((struct date){date.year, date.month, 1}) * US_PER_DAY;
    case PART_WEEK:
        return (floor_div(days + 4, 7) * 7 - 4) * US_PER_DAY;
    default:
        return days * US_PER_DAY;
    }
}

/* kql_start_of(period, time, offset): of the period `offset` later */
static bool start_of_period(struct vd_udf_call *call)
{
    enum part part = PART_DAY;

    return read_part(call, PART_DAY + 1, &part) &&
        add(part, start_of(part, call->args[1].integer), call->args[2].integer,
            &call->result.integer);
}

/* kql_end_of(period, time, offset): its last microsecond */
static bool end_of_period(struct vd_udf_call *call)
{
    const int64_t offset = call->args[2].integer;
    const int64_t end_of_time = VD_UDF_TIME_END_US - 1;
    enum part part = PART_DAY;
    int64_t start;

    if (!read_part(call, PART_DAY + 1, &part) ||
        !add(part, start_of(part, call->args[1].integer), offset, &start)) {
        return false;
    }
    call->result.integer = end_of_time;
    if (add(part, start, 1, &start)) {
        call->result.integer = start - 1;
    }
    return true;
}

/* kql_make_datetime(year, month, day, hour, minute, second); null of what is no time */
static bool make_datetime(struct vd_udf_call *call)
{
    const struct date date = {call->args[0].integer, call->args[1].integer, call->args[2].integer};
    const int64_t hour = call->args[3].integer;
    const int64_t minute = call->args[4].integer;
    const double second = call->args[5].real;
    struct date same;
    int64_t days;

    if (date.year < 1 || date.year > 9999 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > 31 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        !(second >= 0 && second < 60)) {
        return false;
    }
    days = days_of(date);
    same = date_of(days);
    call->result.integer =
        days * US_PER_DAY + (hour * 60 + minute) * 60000000 + llround(second * 1e6);
    return same.day == date.day && vd_udf_is_time(call->result.integer);
}

/* kql_make_timespan(days, hours, minutes, seconds); null of what is no time of a day */
static bool make_timespan(struct vd_udf_call *call)
{
    const int64_t days = call->args[0].integer;
    const int64_t hour = call->args[1].integer;
    const int64_t minute = call->args[2].integer;
    const double second = call->args[3].real;

    if (days < 0 || days > 10675198 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
        !(second >= 0 && second < 60)) {
        return false;
    }
    call->result.integer =
        ((days * 24 + hour) * 60 + minute) * 600000000 + (int64_t)(second * 1e7 + 0.5);
    return true;
}

static void append_time(int64_t us, struct vd_buf *out)
{
    const int64_t days = floor_div(us, US_PER_DAY);
    const int64_t of_day = us - days * US_PER_DAY;
    const int64_t seconds = of_day / 1000000;
    const struct date date = date_of(days);

    vd_buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06d0Z\"", (int)date.year, (int)date.month,
        (int)date.day, (int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60),
        (int)(of_day % 1000000));
}

/* kql_range_time(first, last, step in ticks) */
static bool range_time(struct vd_udf_call *call)
{
    const int64_t first = call->args[0].integer;
    const int64_t last = call->args[1].integer;
    const int64_t step = call->args[2].integer / 10;

    if (step == 0) {
        return false;
    }
    vd_buf_append(call->out, "[", 1);
    for (int64_t i = 0; call->out->error == VD_OK; i++) {
        int64_t at;

        if (__builtin_mul_overflow(i, step, &at) || __builtin_add_overflow(at, first, &at) ||
            !(step > 0 ? at <= last : at >= last)) {
            break;
        }
        if (i == VD_UDF_ELEMENTS_MAX) {
            return vd_udf_refuse_elements(call);
        }
        vd_buf_append(call->out, ",", i > 0 ? 1 : 0);
        append_time(at, call->out);
    }
    vd_buf_append(call->out, "]", 1);
    return true;
}

const struct vd_udf vd_udf_calendar[] = {
    {"kql_datetime_add", "slt", 't', false, datetime_add},
    {"kql_datetime_diff", "stt", 'l', false, datetime_diff},
    {"kql_datetime_part", "st", 'i', false, datetime_part},
    {"kql_start_of", "stl", 't', false, start_of_period},
    {"kql_end_of", "stl", 't', false, end_of_period},
    {"kql_make_datetime", "lllllr", 't', false, make_datetime},
    {"kql_range_time", "ttl", 's', false, range_time},
    {"kql_make_timespan", "lllr", 'l', false, make_timespan},
    {NULL, NULL, 0, false, NULL},
};
