/* SPDX-License-Identifier: MIT */
/* Between the compiler and the store. */

#include "center/query.h"

#include <stdio.h>
#include <string.h>

#include "center/detect/group_rules.h"
#include "center/kql/lex.h"
#include "lib/clock.h"
#include "lib/json_text.h"

static int compile(const struct vd_query *query, struct vd_arena *arena,
    struct vd_kql_compiled *compiled, struct vd_query_problem *problem)
{
    const struct vd_kql_options options = {
        .dialect = VD_KQL_DUCKDB,
        .now_ms = query->now_ms,
        .time_from_ms = query->from_ms,
        .time_to_ms = query->to_ms,
        .parameters = query->parameters,
        .parameter_count = query->parameter_count,
        .lacks_values = query->lacks_values,
    };
    const int error = vd_kql_compile(query->text, &options, arena, compiled, &problem->place);

    problem->has_place = error == VD_E_INVALID || error == VD_E_LIMIT;
    return error;
}

/* ---- The answer ---- */

static json_t *columns_json(const struct vd_kql_compiled *compiled)
{
    json_t *columns = json_array();

    for (uint32_t i = 0; i < compiled->column_count; i++) {
        json_array_append_new(columns,
            json_pack("{s:s, s:s}", "name", compiled->columns[i].name, "type",
                vd_kql_type_text(compiled->columns[i].type)));
    }
    return columns;
}

static json_t *render_json(const struct vd_kql_compiled *compiled)
{
    return compiled->render != NULL ? json_loads(compiled->render, 0, NULL) : json_null();
}

/* Ticks as [-][d.]hh:mm:ss[.fffffff]. */
static json_t *timespan_json(int64_t ticks)
{
    const uint64_t all = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    const uint64_t seconds = all / VD_KQL_TICKS_PER_S;
    const unsigned rest = (unsigned)(all % VD_KQL_TICKS_PER_S);
    char days[24] = "";
    char fraction[16] = "";

    if (seconds >= 86400) {
        snprintf(days, sizeof days, "%llu.", (unsigned long long)(seconds / 86400));
    }
    if (rest > 0) {
        snprintf(fraction, sizeof fraction, ".%07u", rest);
    }
    return json_sprintf("%s%s%02u:%02u:%02u%s", ticks < 0 ? "-" : "", days,
        (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60), (unsigned)(seconds % 60),
        fraction);
}

/* Timespans come as numbers of ticks. */
static void finish_rows(const struct vd_kql_compiled *compiled, json_t *rows)
{
    for (uint32_t column = 0; column < compiled->column_count; column++) {
        if (compiled->columns[column].type != VD_KQL_TIMESPAN) {
            continue;
        }
        for (size_t i = 0; i < json_array_size(rows); i++) {
            json_t *row = json_array_get(rows, i);
            const json_t *cell = json_array_get(row, column);

            if (json_is_integer(cell)) {
                json_array_set_new(row, column, timespan_json(json_integer_value(cell)));
            }
        }
    }
}

int vd_query_run(struct vd_analytics *analytics, const struct vd_query *query, json_t **result,
    struct vd_query_problem *problem)
{
    const int64_t began_ms = vd_clock_monotonic_ms();
    struct vd_arena arena = {0};
    struct vd_kql_compiled compiled;
    struct vd_query_limits limits = query->limits;
    json_t *answer = NULL;
    int error;

    *problem = (struct vd_query_problem){0};
    error = compile(query, &arena, &compiled, problem);
    limits.is_compiled = true;
    limits.text_functions = compiled.text_functions;
    if (error == VD_OK) {
        error = vd_analytics_query(
            analytics, compiled.sql, &limits, &answer, problem->text, sizeof problem->text);
    }
    if (error == VD_OK) {
        finish_rows(&compiled, json_object_get(answer, "rows"));
        json_object_set_new(answer, "columns", columns_json(&compiled));
        json_object_set_new(answer, "render", render_json(&compiled));
        json_object_set_new(
            answer, "seconds", json_real((double)(vd_clock_monotonic_ms() - began_ms) / 1000));
        *result = answer;
    }
    vd_arena_release(&arena);
    return error;
}

bool vd_query_declares(struct vd_str text, const char *name)
{
    const struct vd_kql_options options = {.lacks_values = true};
    struct vd_arena arena = {0};
    struct vd_kql_compiled compiled;
    struct vd_kql_problem problem;
    bool found = false;

    if (vd_kql_compile(text, &options, &arena, &compiled, &problem) == VD_OK) {
        for (uint32_t i = 0; i < compiled.parameter_count; i++) {
            found = found || strcmp(compiled.parameters[i].name, name) == 0;
        }
    }
    vd_arena_release(&arena);
    return found;
}

static json_t *parameters_json(const struct vd_kql_compiled *compiled)
{
    json_t *parameters = json_array();

    for (uint32_t i = 0; i < compiled->parameter_count; i++) {
        const struct vd_kql_declared *declared = &compiled->parameters[i];

        json_array_append_new(parameters,
            json_pack("{s:s, s:s, s:b, s:o}", "name", declared->name, "type",
                vd_kql_type_text(declared->type), "hasDefault", declared->has_default ? 1 : 0,
                "default",
                declared->has_default ? vd_json_text(declared->default_text) : json_null()));
    }
    return parameters;
}

int vd_query_explain(
    const struct vd_query *query, json_t **result, struct vd_query_problem *problem)
{
    struct vd_arena arena = {0};
    struct vd_kql_compiled compiled;
    int error;

    *problem = (struct vd_query_problem){0};
    error = compile(query, &arena, &compiled, problem);
    if (error == VD_OK) {
        *result = json_pack("{s:s, s:o, s:o, s:o}", "sql", compiled.sql, "columns",
            columns_json(&compiled), "render", render_json(&compiled), "parameters",
            parameters_json(&compiled));
        error = *result != NULL ? VD_OK : VD_E_NOMEM;
    }
    vd_arena_release(&arena);
    return error;
}

/* ---- Spans of time ---- */

static bool read_time(struct vd_str text, int64_t *ms)
{
    int64_t ticks;

    if (!vd_kql_parse_datetime(text, &ticks)) {
        return false;
    }
    *ms = ticks / (VD_KQL_TICKS_PER_S / 1000);
    return true;
}

static bool read_duration(struct vd_str text, int64_t *ms)
{
    char copy[64];

    return vd_str_copy(text, copy, sizeof copy) == VD_OK && vd_duration_parse(copy, ms) == VD_OK;
}

int vd_query_timespan_parse(struct vd_str text, int64_t now_ms, int64_t *from_ms, int64_t *to_ms)
{
    const char *slash = text.length > 0 ? memchr(text.data, '/', text.length) : NULL;
    const struct vd_str first = {
        text.data, slash != NULL ? (size_t)(slash - text.data) : text.length};
    struct vd_str second = {NULL, 0};
    int64_t length = 0;

    *from_ms = 0;
    *to_ms = 0;
    if (text.length == 0) {
        return VD_OK;
    }
    if (slash == NULL) {
        *to_ms = now_ms + 1;
        *from_ms = read_duration(first, &length) ? now_ms - length : 0;
        return length > 0 ? VD_OK : VD_E_INVALID;
    }
    second = (struct vd_str){slash + 1, text.length - first.length - 1};
    if (read_time(first, from_ms)) {
        if (read_time(second, to_ms)) {
            return *from_ms <= *to_ms ? VD_OK : VD_E_INVALID;
        }
        *to_ms = read_duration(second, &length) ? *from_ms + length : 0;
        return length > 0 ? VD_OK : VD_E_INVALID;
    }
    if (read_duration(first, &length) && read_time(second, to_ms)) {
        *from_ms = *to_ms - length;
        return VD_OK;
    }
    return VD_E_INVALID;
}
