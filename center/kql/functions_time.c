/* SPDX-License-Identifier: MIT */
/* Times and timespans. */

#include "center/kql/functions_internal.h"

const struct vd_kql_overload vd_kql_time_rows[] = {
    /* Weeks begin on Sunday; parts and periods in any case. A month that has no such day gives its last. */
    VD_KQL_ROW("datetime_add", "slt", 't', "kql_datetime_add({0}, {1}, {2})", NULL),
    VD_KQL_ROW("datetime_diff", "stt", 'l', "kql_datetime_diff({0}, {1}, {2})",
        "dateDiff({0}, {2}, {1}, 'UTC')"),
    VD_KQL_ROW("datetime_part", "st", 'i', "kql_datetime_part({0}, {1})", NULL),
    VD_KQL_ROW_OR("startofday", "t?l", 't', "kql_start_of('day', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("endofday", "t?l", 't', "kql_end_of('day', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("startofweek", "t?l", 't', "kql_start_of('week', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("endofweek", "t?l", 't', "kql_end_of('week', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("startofmonth", "t?l", 't', "kql_start_of('month', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("endofmonth", "t?l", 't', "kql_end_of('month', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("startofyear", "t?l", 't', "kql_start_of('year', {0}, {1})", NULL, "0"),
    VD_KQL_ROW_OR("endofyear", "t?l", 't', "kql_end_of('year', {0}, {1})", NULL, "0"),
    VD_KQL_ROW("bin", "tp", 't', "kql_time_bin({0}, {1})",
        "fromUnixTimestamp64Micro(intDiv(toUnixTimestamp64Micro({0}) + 62135596800000000, intDiv({1}, 10)) * intDiv({1}, 10) - 62135596800000000, 'UTC')"),
    VD_KQL_ROW("dayofweek", "t", 'p', "CAST(dayofweek({0}) AS BIGINT) * 864000000000",
        "toInt64(toDayOfWeek({0}, 2)) * 864000000000"),
    VD_KQL_ROW("dayofmonth", "t", 'i', "CAST(day({0}) AS INTEGER)", "toInt32(toDayOfMonth({0}))"),
    VD_KQL_ROW(
        "dayofyear", "t", 'i', "CAST(dayofyear({0}) AS INTEGER)", "toInt32(toDayOfYear({0}))"),
    VD_KQL_ROW("monthofyear", "t", 'i', "CAST(month({0}) AS INTEGER)", "toInt32(toMonth({0}))"),
    VD_KQL_ROW("getmonth", "t", 'i', "CAST(month({0}) AS INTEGER)", "toInt32(toMonth({0}))"),
    VD_KQL_ROW("getyear", "t", 'i', "CAST(year({0}) AS INTEGER)", "toInt32(toYear({0}))"),
    VD_KQL_ROW("hourofday", "t", 'i', "CAST(hour({0}) AS INTEGER)", "toInt32(toHour({0}))"),
    VD_KQL_ROW(
        "weekofyear", "t", 'i', "CAST(weekofyear({0}) AS INTEGER)", "toInt32(toISOWeek({0}))"),
    VD_KQL_ROW(
        "week_of_year", "t", 'i', "CAST(weekofyear({0}) AS INTEGER)", "toInt32(toISOWeek({0}))"),
    VD_KQL_ROW("make_datetime", "lll", 't', "kql_make_datetime({0}, {1}, {2}, 0, 0, 0)",
        "makeDateTime64({0}, {1}, {2}, 0, 0, 0, 0, 6, 'UTC')"),
    VD_KQL_ROW(
        "make_datetime", "lllll", 't', "kql_make_datetime({0}, {1}, {2}, {3}, {4}, 0)", NULL),
    VD_KQL_ROW(
        "make_datetime", "lllllr", 't', "kql_make_datetime({0}, {1}, {2}, {3}, {4}, {5})", NULL),
    VD_KQL_ROW("make_timespan", "ll", 'p', "kql_make_timespan(0, {0}, {1}, 0)",
        "({0} * 60 + {1}) * 600000000"),
    VD_KQL_ROW("make_timespan", "llr", 'p', "kql_make_timespan(0, {0}, {1}, {2})", NULL),
    VD_KQL_ROW("make_timespan", "lllr", 'p', "kql_make_timespan({0}, {1}, {2}, {3})", NULL),
    VD_KQL_ROW("unixtime_seconds_todatetime", "r", 't',
        "kql_unixtime(TRY_CAST(round({0} * 1000000) AS BIGINT), 1)", NULL),
    VD_KQL_ROW("unixtime_seconds_todatetime", "l", 't', "kql_unixtime({0}, 1000000)",
        "fromUnixTimestamp64Micro({0} * 1000000, 'UTC')"),
    VD_KQL_ROW("unixtime_milliseconds_todatetime", "l", 't', "kql_unixtime({0}, 1000)",
        "fromUnixTimestamp64Micro({0} * 1000, 'UTC')"),
    VD_KQL_ROW("unixtime_microseconds_todatetime", "l", 't', "kql_unixtime({0}, 1)",
        "fromUnixTimestamp64Micro({0}, 'UTC')"),
    VD_KQL_ROW("unixtime_nanoseconds_todatetime", "l", 't',
        "kql_unixtime(kql_bin({0}, 1000) // 1000, 1)",
        "fromUnixTimestamp64Micro(intDiv({0}, 1000), 'UTC')"),
    VD_KQL_ROW("format_datetime", "ts", 's',
        "coalesce(kql_format_datetime(epoch_us({0}), {1}), '')", NULL),
    VD_KQL_ROW("format_timespan", "ps", 's', "coalesce(kql_format_timespan({0}, {1}), '')", NULL),
    VD_KQL_ROWS_END,
};
