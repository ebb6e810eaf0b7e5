/* SPDX-License-Identifier: MIT */
/* The functions that templates of queries name and DuckDB does not have: kql_has, kql_parse_ipv4 ... */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H
#define VEDETTE_CENTER_STORE_DUCKDB_FUNCTIONS_H

#include <duckdb.h>

#include "lib/error.h"

/* Registers all of them with the instance of `connection`; any connection to it may then call them. VD_E_NOMEM, VD_E_IO. */
VD_NODISCARD int vd_duckdb_functions_register(duckdb_connection connection);

/*
 * The functions of statements that this thread prepares from now on give, each for one chunk of rows, texts of so many bytes
 * together at most, and else end the statement. 0, and what is more than that: 256 MiB.
 */
void vd_duckdb_functions_limit_texts(uint64_t bytes);

#endif
