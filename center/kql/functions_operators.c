/* SPDX-License-Identifier: MIT */
/* Operators. */

#include "center/kql/functions_internal.h"

/* A dynamic value beside a number or time is read as one, whether it is a number or a text. */
#define WHOLE(x)   "kql_tolong(json_extract_string(" x ", '$'))"
#define REAL(x)    "kql_toreal(json_extract_string(" x ", '$'))"
#define TIME(x)    "kql_todatetime(json_extract_string(" x ", '$'))"
#define CH_REAL(x) "toFloat64OrNull(trim(BOTH '\"' FROM coalesce(" x ", '')))"
#define CH_TIME(x) \
    "parseDateTime64BestEffortOrNull(JSONExtractString(coalesce(" x ", '')), 6, 'UTC')"
#define LONG_IS(op) "coalesce(" WHOLE("{0}") op "{1}, " REAL("{0}") op "{1}"
#define IS_LONG(op) "coalesce({0}" op WHOLE("{1}") ", {0}" op REAL("{1}")

#define COMPARISON(op)                                                                      \
    VD_KQL_ROW(op, "TT", 'b', "{0} " op " {1}", "{0} " op " {1}"),                          \
        VD_KQL_ROW(op, "yl", 'b', LONG_IS(" " op " ") ")", CH_REAL("{0}") " " op " {1}"),   \
        VD_KQL_ROW(op, "ly", 'b', IS_LONG(" " op " ") ")", "{0} " op " " CH_REAL("{1}")),   \
        VD_KQL_ROW(op, "yr", 'b', REAL("{0}") " " op " {1}", CH_REAL("{0}") " " op " {1}"), \
        VD_KQL_ROW(op, "ry", 'b', "{0} " op " " REAL("{1}"), "{0} " op " " CH_REAL("{1}")), \
        VD_KQL_ROW(op, "yt", 'b', TIME("{0}") " " op " {1}", CH_TIME("{0}") " " op " {1}"), \
        VD_KQL_ROW(op, "ty", 'b', "{0} " op " " TIME("{1}"), "{0} " op " " CH_TIME("{1}"))

/* Null is equal to nothing; of two nulls nothing is known. */
#define KNOWN(duckdb)    "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE " duckdb " END"
#define CH_KNOWN(clause) "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE " clause " END"
#define EQUAL(kql, types, duckdb, clickhouse, or) \
    VD_KQL_ROW(                                   \
        kql, types, 'b', KNOWN(duckdb ", " or ")"), CH_KNOWN("coalesce(" clickhouse ", " or ")"))
#define EQUALITY(kql, op, or)                                                                      \
    EQUAL(kql, "yl", LONG_IS(" " op " "), CH_REAL("{0}") " " op " {1}", or),                       \
        EQUAL(kql, "ly", IS_LONG(" " op " "), "{0} " op " " CH_REAL("{1}"), or),                   \
        EQUAL(kql, "yr", "coalesce(" REAL("{0}") " " op " {1}", CH_REAL("{0}") " " op " {1}", or), \
        EQUAL(kql, "ry", "coalesce({0} " op " " REAL("{1}"), "{0} " op " " CH_REAL("{1}"), or),    \
        EQUAL(kql, "yt", "coalesce(" TIME("{0}") " " op " {1}", CH_TIME("{0}") " " op " {1}", or), \
        EQUAL(kql, "ty", "coalesce({0} " op " " TIME("{1}"), "{0} " op " " CH_TIME("{1}"), or)

/* Where no letter beyond ASCII is looked for nothing has to be made lower case; of a constant this is known before a row is read. */
#define ANY_CASE(function, needle)                                                           \
    "CASE WHEN strlen(" needle ") = length(" needle ") THEN " function "_ascii({0}, " needle \
    ") ELSE " function "(lower({0}), lower(" needle ")) END"

const struct vd_kql_overload vd_kql_operator_rows[] = {
    /* Null is equal to nothing, and unequal to all but null; of two nulls nothing is known. A text is never null. */
    VD_KQL_ROW("==", "ss", 'b', "{0} = {1}", "{0} = {1}"),
    VD_KQL_ROW("!=", "ss", 'b', "{0} <> {1}", "{0} <> {1}"),
    VD_KQL_ROW("==", "yy", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE kql_canonical({0}) IS NOT DISTINCT FROM kql_canonical({1}) END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} = {1}, false) END"),
    VD_KQL_ROW("==", "TT", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE {0} IS NOT DISTINCT FROM {1} END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} = {1}, false) END"),
    VD_KQL_ROW("!=", "yy", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE kql_canonical({0}) IS DISTINCT FROM kql_canonical({1}) END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} <> {1}, true) END"),
    VD_KQL_ROW("!=", "TT", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE {0} IS DISTINCT FROM {1} END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} <> {1}, true) END"),
    EQUALITY("==", "=", "false"),
    EQUALITY("!=", "<>", "true"),
    VD_KQL_ROW("==", "jj", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE {0} IS NOT DISTINCT FROM {1} END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} = {1}, false) END"),
    VD_KQL_ROW("!=", "jj", 'b',
        "CASE WHEN {0} IS NULL AND {1} IS NULL THEN NULL ELSE {0} IS DISTINCT FROM {1} END",
        "CASE WHEN isNull({0}) AND isNull({1}) THEN NULL ELSE coalesce({0} <> {1}, true) END"),
    VD_KQL_ROW("=~", "ss", 'b', "lower({0}) = lower({1})", "lowerUTF8({0}) = lowerUTF8({1})"),
    VD_KQL_ROW("!~", "ss", 'b', "lower({0}) <> lower({1})", "lowerUTF8({0}) <> lowerUTF8({1})"),
    COMPARISON("<"),
    COMPARISON(">"),
    COMPARISON("<="),
    COMPARISON(">="),
    VD_KQL_ROW("and", "bb", 'b', "{0} AND {1}", "{0} AND {1}"),
    VD_KQL_ROW("or", "bb", 'b', "{0} OR {1}", "{0} OR {1}"),
    VD_KQL_ROW("not", "b", 'b', "NOT {0}", "NOT {0}"),
    /*
     * Of two whole numbers, int or long, a long, which wraps around; by 0 null. % is never negative. They are functions of
     * ours: DuckDB ends the query instead.
     */
    VD_KQL_ROW("+", "ll", 'l', "kql_add({0}, {1})", "{0} + {1}"),
    VD_KQL_ROW("+", "rr", 'r', "{0} + {1}", "{0} + {1}"),
    VD_KQL_ROW("-", "ll", 'l', "kql_subtract({0}, {1})", "{0} - {1}"),
    VD_KQL_ROW("-", "rr", 'r', "{0} - {1}", "{0} - {1}"),
    VD_KQL_ROW("*", "ll", 'l', "kql_multiply({0}, {1})", "{0} * {1}"),
    VD_KQL_ROW("*", "rr", 'r', "{0} * {1}", "{0} * {1}"),
    VD_KQL_ROW("/", "ll", 'l', "kql_divide({0}, {1})", "intDivOrNull({0}, {1})"),
    VD_KQL_ROW("/", "rr", 'r', "{0} / {1}", "{0} / {1}"),
    VD_KQL_ROW("%", "ll", 'l', "kql_modulo({0}, {1})", "positiveModulo({0}, abs(nullIf({1}, 0)))"),
    VD_KQL_ROW("%", "rr", 'r', "kql_real_modulo({0}, {1})", "modulo({0}, nullIf({1}, 0))"),
    VD_KQL_ROW("+", "yl", 'l', "kql_add(kql_tolong(json_extract_string({0}, '$')), {1})",
        "toInt64OrNull(coalesce({0}, '')) + {1}"),
    VD_KQL_ROW("+", "ly", 'l', "kql_add({0}, kql_tolong(json_extract_string({1}, '$')))",
        "{0} + toInt64OrNull(coalesce({1}, ''))"),
    VD_KQL_ROW("+", "yr", 'r', "TRY_CAST(json_extract_string({0}, '$') AS DOUBLE) + {1}",
        "toFloat64OrNull(coalesce({0}, '')) + {1}"),
    VD_KQL_ROW("-", "yl", 'l', "kql_subtract(kql_tolong(json_extract_string({0}, '$')), {1})",
        "toInt64OrNull(coalesce({0}, '')) - {1}"),
    VD_KQL_ROW("-", "ly", 'l', "kql_subtract({0}, kql_tolong(json_extract_string({1}, '$')))",
        "{0} - toInt64OrNull(coalesce({1}, ''))"),
    VD_KQL_ROW("-", "yr", 'r', "TRY_CAST(json_extract_string({0}, '$') AS DOUBLE) - {1}",
        "toFloat64OrNull(coalesce({0}, '')) - {1}"),
    VD_KQL_ROW("*", "yl", 'l', "kql_multiply(kql_tolong(json_extract_string({0}, '$')), {1})",
        "toInt64OrNull(coalesce({0}, '')) * {1}"),
    VD_KQL_ROW("*", "ly", 'l', "kql_multiply({0}, kql_tolong(json_extract_string({1}, '$')))",
        "{0} * toInt64OrNull(coalesce({1}, ''))"),
    VD_KQL_ROW("*", "yr", 'r', "TRY_CAST(json_extract_string({0}, '$') AS DOUBLE) * {1}",
        "toFloat64OrNull(coalesce({0}, '')) * {1}"),
    VD_KQL_ROW("/", "yl", 'l', "kql_divide(kql_tolong(json_extract_string({0}, '$')), {1})",
        "intDivOrNull(toInt64OrNull(coalesce({0}, '')), {1})"),
    VD_KQL_ROW("/", "yr", 'r', "TRY_CAST(json_extract_string({0}, '$') AS DOUBLE) / {1}",
        "toFloat64OrNull(coalesce({0}, '')) / {1}"),
    /* Times: a datetime is a timestamp of microseconds, a timespan a number of ticks. */
    VD_KQL_ROW("+", "tp", 't', "kql_time_add({0}, {1})", "addMicroseconds({0}, intDiv({1}, 10))"),
    VD_KQL_ROW("+", "pt", 't', "kql_time_add({1}, {0})", "addMicroseconds({1}, intDiv({0}, 10))"),
    VD_KQL_ROW("-", "tp", 't', "kql_time_subtract({0}, {1})",
        "subtractMicroseconds({0}, intDiv({1}, 10))"),
    VD_KQL_ROW("-", "tt", 'p', "(epoch_us({0}) - epoch_us({1})) * 10",
        "(toUnixTimestamp64Micro({0}) - toUnixTimestamp64Micro({1})) * 10"),
    VD_KQL_ROW("+", "pp", 'p', "kql_add({0}, {1})", "{0} + {1}"),
    VD_KQL_ROW("-", "pp", 'p', "kql_subtract({0}, {1})", "{0} - {1}"),
    VD_KQL_ROW("*", "pl", 'p', "kql_multiply({0}, {1})", "{0} * {1}"),
    VD_KQL_ROW("*", "lp", 'p', "kql_multiply({0}, {1})", "{0} * {1}"),
    VD_KQL_ROW("*", "pr", 'p', "TRY_CAST(round({0} * {1}) AS BIGINT)", "toInt64(round({0} * {1}))"),
    VD_KQL_ROW("*", "rp", 'p', "TRY_CAST(round({0} * {1}) AS BIGINT)", "toInt64(round({0} * {1}))"),
    VD_KQL_ROW("/", "pp", 'r', "CAST({0} AS DOUBLE) / {1}", "toFloat64({0}) / {1}"),
    VD_KQL_ROW("/", "pl", 'p', "kql_divide({0}, {1})", "intDivOrNull({0}, {1})"),
    VD_KQL_ROW("/", "pr", 'p', "TRY_CAST(round({0} / {1}) AS BIGINT)", "toInt64(round({0} / {1}))"),
    VD_KQL_ROW("%", "pp", 'p', "kql_modulo({0}, {1})", "positiveModulo({0}, abs(nullIf({1}, 0)))"),
    VD_KQL_ROW("%", "tp", 'p', "kql_time_modulo({0}, {1})",
        "modulo((toUnixTimestamp64Micro({0}) + 62135596800000000) * 10, nullIf({1}, 0))"),
    VD_KQL_ROW("-", "l", 'l', "kql_subtract(0, {0})", "-{0}"),
    VD_KQL_ROW("-", "r", 'r', "-{0}", "-{0}"),
    VD_KQL_ROW("-", "p", 'p', "kql_subtract(0, {0})", "-{0}"),
    VD_KQL_ROW("+", "l", 'l', "{0}", "{0}"),
    VD_KQL_ROW("+", "r", 'r', "{0}", "{0}"),
    VD_KQL_ROW("+", "p", 'p', "{0}", "{0}"),
    /* Lists. A text is never null, which leaves IN as it is, and fast. */
    VD_KQL_ROW("in", "ss*", 'b', "{0} IN ({1*})", "{0} IN ({1*})"),
    VD_KQL_ROW("!in", "ss*", 'b', "{0} NOT IN ({1*})", "{0} NOT IN ({1*})"),
    VD_KQL_ROW("in", "yy*", 'b',
        "coalesce(list_contains(list_transform([{1*}], lambda vd_x: kql_canonical(vd_x)), kql_canonical({0})), false)",
        "coalesce({0} IN ({1*}), false)"),
    VD_KQL_ROW("!in", "yy*", 'b',
        "NOT coalesce(list_contains(list_transform([{1*}], lambda vd_x: kql_canonical(vd_x)), kql_canonical({0})), false)",
        "coalesce({0} NOT IN ({1*}), true)"),
    VD_KQL_ROW(
        "in", "TT*", 'b', "coalesce({0} IN ({1*}), false)", "coalesce({0} IN ({1*}), false)"),
    VD_KQL_ROW("!in", "TT*", 'b', "coalesce({0} NOT IN ({1*}), true)",
        "coalesce({0} NOT IN ({1*}), true)"),
    VD_KQL_ROW("in", "yl*", 'b',
        "coalesce(" WHOLE("{0}") " IN ({1*}), " REAL("{0}") " IN ({1*}), false)",
        "coalesce(" CH_REAL("{0}") " IN ({1*}), false)"),
    VD_KQL_ROW("!in", "yl*", 'b',
        "coalesce(" WHOLE("{0}") " NOT IN ({1*}), " REAL("{0}") " NOT IN ({1*}), true)",
        "coalesce(" CH_REAL("{0}") " NOT IN ({1*}), true)"),
    VD_KQL_ROW("in", "yr*", 'b', "coalesce(" REAL("{0}") " IN ({1*}), false)",
        "coalesce(" CH_REAL("{0}") " IN ({1*}), false)"),
    VD_KQL_ROW("!in", "yr*", 'b', "coalesce(" REAL("{0}") " NOT IN ({1*}), true)",
        "coalesce(" CH_REAL("{0}") " NOT IN ({1*}), true)"),
    VD_KQL_ROW("in", "jj*", 'b',
        "coalesce(list_contains(list_transform([{1*}], lambda vd_x: kql_canonical(vd_x)), kql_canonical({0})), false)",
        "coalesce({0} IN ({1*}), false)"),
    VD_KQL_ROW("!in", "jj*", 'b',
        "NOT coalesce(list_contains(list_transform([{1*}], lambda vd_x: kql_canonical(vd_x)), kql_canonical({0})), false)",
        "coalesce({0} NOT IN ({1*}), true)"),
    VD_KQL_ROW("in~", "sy", 'b',
        "coalesce(list_contains(list_transform(json_extract_string({1}, '$[*]'), lambda vd_x: lower(vd_x)), lower({0})), false)",
        NULL),
    VD_KQL_ROW("!in~", "sy", 'b',
        "NOT coalesce(list_contains(list_transform(json_extract_string({1}, '$[*]'), lambda vd_x: lower(vd_x)), lower({0})), false)",
        NULL),
    /* Texts: has looks for whole terms, runs of letters and digits; without _cs the case of letters does not matter. */
    VD_KQL_ROW("has", "ss", 'b', ANY_CASE("kql_has", "{1}"),
        "match(lowerUTF8({0}), concat('(^|[^[:alnum:]])', regexpQuoteMeta(lowerUTF8({1})), '($|[^[:alnum:]])'))"),
    VD_KQL_ROW("!has", "ss", 'b', "NOT (" ANY_CASE("kql_has", "{1}") ")",
        "NOT (match(lowerUTF8({0}), concat('(^|[^[:alnum:]])', regexpQuoteMeta(lowerUTF8({1})), '($|[^[:alnum:]])')))"),
    VD_KQL_ROW("has_cs", "ss", 'b', "kql_has({0}, {1})",
        "match({0}, concat('(^|[^[:alnum:]])', regexpQuoteMeta({1}), '($|[^[:alnum:]])'))"),
    VD_KQL_ROW("!has_cs", "ss", 'b', "NOT (kql_has({0}, {1}))",
        "NOT (match({0}, concat('(^|[^[:alnum:]])', regexpQuoteMeta({1}), '($|[^[:alnum:]])')))"),
    VD_KQL_ROW("hasprefix", "ss", 'b', ANY_CASE("kql_hasprefix", "{1}"),
        "match(lowerUTF8({0}), concat('(^|[^[:alnum:]])', regexpQuoteMeta(lowerUTF8({1}))))"),
    VD_KQL_ROW("!hasprefix", "ss", 'b', "NOT (" ANY_CASE("kql_hasprefix", "{1}") ")",
        "NOT (match(lowerUTF8({0}), concat('(^|[^[:alnum:]])', regexpQuoteMeta(lowerUTF8({1})))))"),
    VD_KQL_ROW("hasprefix_cs", "ss", 'b', "kql_hasprefix({0}, {1})",
        "match({0}, concat('(^|[^[:alnum:]])', regexpQuoteMeta({1})))"),
    VD_KQL_ROW("!hasprefix_cs", "ss", 'b', "NOT (kql_hasprefix({0}, {1}))",
        "NOT (match({0}, concat('(^|[^[:alnum:]])', regexpQuoteMeta({1}))))"),
    VD_KQL_ROW("hassuffix", "ss", 'b', ANY_CASE("kql_hassuffix", "{1}"),
        "match(lowerUTF8({0}), concat(regexpQuoteMeta(lowerUTF8({1})), '($|[^[:alnum:]])'))"),
    VD_KQL_ROW("!hassuffix", "ss", 'b', "NOT (" ANY_CASE("kql_hassuffix", "{1}") ")",
        "NOT (match(lowerUTF8({0}), concat(regexpQuoteMeta(lowerUTF8({1})), '($|[^[:alnum:]])')))"),
    VD_KQL_ROW("hassuffix_cs", "ss", 'b', "kql_hassuffix({0}, {1})",
        "match({0}, concat(regexpQuoteMeta({1}), '($|[^[:alnum:]])'))"),
    VD_KQL_ROW("!hassuffix_cs", "ss", 'b', "NOT (kql_hassuffix({0}, {1}))",
        "NOT (match({0}, concat(regexpQuoteMeta({1}), '($|[^[:alnum:]])')))"),
    VD_KQL_ROW("contains", "ss", 'b', "contains(lower({0}), lower({1}))",
        "position(lowerUTF8({0}), lowerUTF8({1})) > 0"),
    VD_KQL_ROW("!contains", "ss", 'b', "NOT (contains(lower({0}), lower({1})))",
        "NOT (position(lowerUTF8({0}), lowerUTF8({1})) > 0)"),
    VD_KQL_ROW("contains_cs", "ss", 'b', "contains({0}, {1})", "position({0}, {1}) > 0"),
    VD_KQL_ROW(
        "!contains_cs", "ss", 'b', "NOT (contains({0}, {1}))", "NOT (position({0}, {1}) > 0)"),
    VD_KQL_ROW("startswith", "ss", 'b', "starts_with(lower({0}), lower({1}))",
        "startsWith(lowerUTF8({0}), lowerUTF8({1}))"),
    VD_KQL_ROW("!startswith", "ss", 'b', "NOT (starts_with(lower({0}), lower({1})))",
        "NOT (startsWith(lowerUTF8({0}), lowerUTF8({1})))"),
    VD_KQL_ROW("startswith_cs", "ss", 'b', "starts_with({0}, {1})", "startsWith({0}, {1})"),
    VD_KQL_ROW(
        "!startswith_cs", "ss", 'b', "NOT (starts_with({0}, {1}))", "NOT (startsWith({0}, {1}))"),
    VD_KQL_ROW("endswith", "ss", 'b', "ends_with(lower({0}), lower({1}))",
        "endsWith(lowerUTF8({0}), lowerUTF8({1}))"),
    VD_KQL_ROW("!endswith", "ss", 'b', "NOT (ends_with(lower({0}), lower({1})))",
        "NOT (endsWith(lowerUTF8({0}), lowerUTF8({1})))"),
    VD_KQL_ROW("endswith_cs", "ss", 'b', "ends_with({0}, {1})", "endsWith({0}, {1})"),
    VD_KQL_ROW("!endswith_cs", "ss", 'b', "NOT (ends_with({0}, {1}))", "NOT (endsWith({0}, {1}))"),
    VD_KQL_ROW("has_any", "ss*", 'b', ANY_CASE("kql_has_any", "concat_ws(chr(1), {1*})"), NULL),
    VD_KQL_ROW("!has_any", "ss*", 'b',
        "NOT (" ANY_CASE("kql_has_any", "concat_ws(chr(1), {1*})") ")", NULL),
    VD_KQL_ROW("has_any", "sy", 'b',
        ANY_CASE("kql_has_any", "array_to_string(json_extract_string({1}, '$[*]'), chr(1))"), NULL),
    VD_KQL_ROW("!has_any", "sy", 'b',
        "NOT (" ANY_CASE(
            "kql_has_any", "array_to_string(json_extract_string({1}, '$[*]'), chr(1))") ")",
        NULL),
    VD_KQL_ROW("has_all", "ss*", 'b', ANY_CASE("kql_has_all", "concat_ws(chr(1), {1*})"), NULL),
    VD_KQL_ROW("!has_all", "ss*", 'b',
        "NOT (" ANY_CASE("kql_has_all", "concat_ws(chr(1), {1*})") ")", NULL),
    VD_KQL_ROW("has_all", "sy", 'b',
        ANY_CASE("kql_has_all", "array_to_string(json_extract_string({1}, '$[*]'), chr(1))"), NULL),
    VD_KQL_ROW("!has_all", "sy", 'b',
        "NOT (" ANY_CASE(
            "kql_has_all", "array_to_string(json_extract_string({1}, '$[*]'), chr(1))") ")",
        NULL),
    VD_KQL_ROW("matches regex", "ss", 'b', "regexp_matches({0}, {1})", "match({0}, {1})"),
    VD_KQL_ROWS_END,
};
