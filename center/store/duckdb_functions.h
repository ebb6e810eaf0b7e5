/* SPDX-License-Identifier: MIT */
/* Functions of the query language that DuckDB has not: they are registered with each instance. */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H
#define VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H

#include <duckdb.h>

#include "lib/str.h"

/* No value that a function makes is larger; the query ends with an error. */
#define VD_DUCKDB_VALUE_MAX (16u << 20)

/* An argument that is not null. */
union vd_duckdb_value {
    struct vd_str text;
    int64_t integer; /* a bool is 0 or 1 */
    double real;
};

struct vd_duckdb_row {
    const union vd_duckdb_value *arguments;
    uint32_t count;
    bool is_null;                 /* of the result; false at first */
    union vd_duckdb_value result; /* of numbers */
    struct vd_buf *text;          /* of texts: empty at first */
    const char *error;            /* static; ends the query */
};

typedef void vd_duckdb_row_function(struct vd_duckdb_row *row);

/*
 * A letter for each type: s VARCHAR, l BIGINT, r DOUBLE, b BOOLEAN, t TIMESTAMP. takes "s*": any number of texts, at least one.
 * An argument that is null makes the result null without a call.
 */
struct vd_duckdb_function {
    const char *name;
    const char *takes;
    char gives;
    vd_duckdb_row_function *call;
};

/* Each ended by one without a name. */
extern const struct vd_duckdb_function vd_duckdb_text_functions[];
extern const struct vd_duckdb_function vd_duckdb_number_functions[];
extern const struct vd_duckdb_function vd_duckdb_time_functions[];
extern const struct vd_duckdb_function vd_duckdb_json_functions[];
extern const struct vd_duckdb_function vd_duckdb_address_functions[];

/* Registers all of them. VD_E_NOMEM, VD_E_INVALID. */
VD_NODISCARD int vd_duckdb_functions_register(duckdb_connection connection);

#endif
