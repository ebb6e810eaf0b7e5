/* SPDX-License-Identifier: MIT */
/* The parts of the table of functions, each ended by a row without a name. */

#ifndef VEDETTE_CENTER_KQL_FUNCTIONS_INTERNAL_H
#define VEDETTE_CENTER_KQL_FUNCTIONS_INTERNAL_H

#include "center/kql/functions.h"

extern const struct vd_kql_overload vd_kql_operator_rows[];
extern const struct vd_kql_overload vd_kql_conversion_rows[];
extern const struct vd_kql_overload vd_kql_string_rows[];
extern const struct vd_kql_overload vd_kql_time_rows[];
extern const struct vd_kql_overload vd_kql_dynamic_rows[];
extern const struct vd_kql_overload vd_kql_network_rows[];
extern const struct vd_kql_overload vd_kql_math_rows[];
extern const struct vd_kql_overload vd_kql_aggregate_rows[];

/* A scalar row: name, takes, gives, DuckDB's template, ClickHouse's. */
#define VD_KQL_ROW(name, takes, gives, duckdb, clickhouse)            \
    {                                                                 \
        name, takes, gives, VD_KQL_SCALAR, {duckdb, clickhouse}, NULL \
    }
/* With an argument that may be left out, and what is there instead. */
#define VD_KQL_ROW_OR(name, takes, gives, duckdb, clickhouse, missing)   \
    {                                                                    \
        name, takes, gives, VD_KQL_SCALAR, {duckdb, clickhouse}, missing \
    }
#define VD_KQL_AGGREGATE_ROW(name, takes, gives, duckdb, clickhouse)     \
    {                                                                    \
        name, takes, gives, VD_KQL_AGGREGATE, {duckdb, clickhouse}, NULL \
    }
#define VD_KQL_ROWS_END                                  \
    {                                                    \
        NULL, NULL, 0, VD_KQL_SCALAR, {NULL, NULL}, NULL \
    }

#endif
