/* SPDX-License-Identifier: MIT */
/* The functions that templates of queries name and DuckDB does not have: kql_has, kql_parse_ipv4 ... */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H
#define VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H

#include <duckdb.h>
#include <stdatomic.h>
#include <stdint.h>

#include "lib/error.h"

/* Registers all of them with the instance of `connection`; any connection to it may then call them. VD_E_NOMEM, VD_E_IO. */
VD_NODISCARD int vd_duckdb_functions_register(duckdb_connection connection);

/*
 * texts  bytes that the texts which one function gives for one chunk of rows may have together, or else the statement ends; 0, and
 *        what is more than that: 256 MiB
 * ended  not 0: functions end the statement, also within a chunk, where DuckDB is deaf to an interrupt; NULL: they go on. It has to
 *        be there as long as the statement
 */
struct vd_duckdb_function_bounds {
    uint64_t texts;
    const atomic_int *ended;
};

/* For the functions of the statements that this thread prepares from now on. */
void vd_duckdb_functions_bound(struct vd_duckdb_function_bounds bounds);

#endif
