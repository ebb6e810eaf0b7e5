/* SPDX-License-Identifier: MIT */
/* From a query to one SQL statement. ADR 27 says how. Any thread. */

#ifndef VEDETTE_CENTER_KQL_KQL_H
#define VEDETTE_CENTER_KQL_KQL_H

#include "center/kql/functions.h"
#include "center/kql/syntax.h"

/* A value for what `declare query_parameters` names: of a string as it is, else as it would stand in a literal of the type that is
 * declared, such as 1d, 2024-01-01 or [1,2]. */
struct vd_kql_parameter {
    struct vd_str name;
    struct vd_str value;
};

struct vd_kql_options {
    enum vd_kql_dialect dialect;
    int64_t now_ms;                            /* UTC, what now() is */
    int64_t time_from_ms;                      /* TimeGenerated of all tables is at least this, */
    int64_t time_to_ms;                        /* and less than this; both 0: no bound */
    const struct vd_kql_parameter *parameters; /* one that the query does not declare is an error */
    size_t parameter_count;
    bool lacks_values; /* parameters without a value are null: to see whether a query is right */
};

struct vd_kql_result_column {
    const char *name;
    enum vd_kql_type type;
};

/* What `declare query_parameters` names. */
struct vd_kql_declared {
    const char *name;
    enum vd_kql_type type;
    bool has_default;
    struct vd_str default_text; /* as the query has it */
};

/* In the arena. */
struct vd_kql_compiled {
    const char *sql; /* a SELECT whose columns are these, in this order, in the forms of types.h */
    const struct vd_kql_result_column *columns;
    uint32_t column_count;
    const char *
        render; /* JSON object of the render operator: {"visualization":"timechart",...}; NULL: none */
    uint32_t text_functions; /* calls in it that give texts, also those that stand there twice */
    bool is_sorted;          /* the order of rows is the query's */
    const struct vd_kql_declared *parameters; /* also where names or types are wrong */
    uint32_t parameter_count;
};

/* VD_E_INVALID and VD_E_LIMIT with the problem, its place filled; VD_E_NOMEM. */
VD_NODISCARD int vd_kql_compile(struct vd_str query, const struct vd_kql_options *options,
    struct vd_arena *arena, struct vd_kql_compiled *out, struct vd_kql_problem *problem);

#endif
