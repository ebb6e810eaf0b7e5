/* SPDX-License-Identifier: MIT */
/* What scalar operators, functions and aggregates take and give, and how each dialect says them: one table. */

#ifndef VEDETTE_CENTER_KQL_FUNCTIONS_H
#define VEDETTE_CENTER_KQL_FUNCTIONS_H

#include "center/kql/types.h"

enum vd_kql_dialect {
    VD_KQL_DUCKDB,
    VD_KQL_CLICKHOUSE,
    VD_KQL_DIALECT_COUNT
};

enum vd_kql_role {
    VD_KQL_SCALAR,
    VD_KQL_AGGREGATE,
    VD_KQL_ROLE_COUNT
};

#define VD_KQL_ARGUMENTS_MAX 64

/*
 * One way of calling something.
 *
 * name     "strcat", "+", "has", "dcount". Operators stand under the text of their BINARY or UNARY node ("-" with one
 *          argument is the unary one); in, between and has_any are expanded by the resolver to what stands here under "in",
 *          "has_any" ... with the list as further arguments
 * takes    a letter of types.h for each argument; 'a' any type; 'T' any, but all T of the call the same; 'j' any type, given as JSON; 'x' any type, given as text. '?' before what may
 *          be left out; '*' behind the last: once or more
 * gives    a letter; '0'..'9' the type of that argument; 'T'
 * sql      templates: {0} {1} ... the arguments, each in parentheses where it needs them; {*} all with ", " between; {2*}
 *          from the third on; {#} how many; {^} the input's order as the clause of an aggregate, {^0} an array of the
 *          argument's values in that order, which is what ClickHouse has instead. "{{" is a brace. NULL: the dialect cannot say it
 * An argument that may be left out and is, is the text of `missing` (SQL, the same for both dialects) in templates.
 */
struct vd_kql_overload {
    const char *name;
    const char *takes;
    char gives;
    enum vd_kql_role role;
    const char *sql[VD_KQL_DIALECT_COUNT];
    const char *missing;
};

/*
 * The overload for these types; the first whose types are the arguments' own, else the first to which int widens to long, and
 * int and long to real. NULL: there is none, and `problem` says what would do: "strlen takes (string), not (long)", or that
 * there is no such function, with the nearest name.
 */
const struct vd_kql_overload *vd_kql_overload_find(enum vd_kql_role role, struct vd_str name,
    const enum vd_kql_type *types, uint32_t count, char problem[400]);

/* The type of its result, called with these. */
enum vd_kql_type vd_kql_overload_type(
    const struct vd_kql_overload *overload, const enum vd_kql_type *types, uint32_t count);

/* What argument i is to be cast to; VD_KQL_TYPE_COUNT: as it is. */
enum vd_kql_type vd_kql_overload_wants(const struct vd_kql_overload *overload,
    const enum vd_kql_type *types, uint32_t count, uint32_t i);

/* Each function's name once, sorted; for completion. NULL behind the last. */
const char *const *vd_kql_function_names(enum vd_kql_role role);

#endif
