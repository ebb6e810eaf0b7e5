/* SPDX-License-Identifier: MIT */
/* Queries in KQL over the tables: compiled, run, and the answer in the language's types. */

#ifndef VEDETTE_CENTER_QUERY_H
#define VEDETTE_CENTER_QUERY_H

#include <jansson.h>

#include "center/kql/kql.h"
#include "center/store/analytics.h"

struct vd_query {
    struct vd_str text;
    int64_t now_ms;  /* UTC */
    int64_t from_ms; /* rows whose TimeGenerated is at least this, */
    int64_t to_ms;   /* and less than this; both 0: any */
    struct vd_query_limits limits;
    const struct vd_kql_parameter *parameters;
    size_t parameter_count;
    bool lacks_values; /* vd_query_explain: parameters without a value are null */
};

/* What is wrong with a query. */
struct vd_query_problem {
    bool has_place; /* `place` says where, and what; else `text` does */
    struct vd_kql_problem place;
    char text[400];
};

/*
 * *result, the caller's: {"columns":[{"name","type"}], "rows":[[...]], "truncated", "cutBy" ("rows", "bytes", "values" or null), "render" (object
 * or null), "seconds"}.
 * Cells: bool, int, long, real as such; datetime ISO 8601; timespan "1.02:03:04.5"; dynamic JSON text; null as null.
 * Any thread; blocks up to the limit of time. VD_E_INVALID, VD_E_LIMIT (memory, size), VD_E_TIMEOUT,
 * VD_E_BUSY (as many are under way as may be) with the problem.
 */
VD_NODISCARD int vd_query_run(struct vd_analytics *analytics, const struct vd_query *query,
    json_t **result, struct vd_query_problem *problem);

/* Whether a query declares a parameter of that name; false: it does not, or is wrong. */
bool vd_query_declares(struct vd_str text, const char *name);

/* The statement that a query becomes, its columns and parameters: {"sql","columns","render","parameters":[{"name","type","hasDefault","default"}]};
 * "default" is text as the query has it, or null. As vd_query_run. */
VD_NODISCARD int vd_query_explain(
    const struct vd_query *query, json_t **result, struct vd_query_problem *problem);

/*
 * "P1D", "{start}/{end}", "{start}/P1D", "P1D/{end}" with ISO 8601 times; empty: both 0. VD_E_INVALID.
 */
VD_NODISCARD int vd_query_timespan_parse(
    struct vd_str text, int64_t now_ms, int64_t *from_ms, int64_t *to_ms);

#endif
