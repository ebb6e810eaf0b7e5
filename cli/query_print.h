/* SPDX-License-Identifier: MIT */
/* Results of queries for people and programs, and what is wrong with a query. */

#ifndef VEDETTE_CLI_QUERY_PRINT_H
#define VEDETTE_CLI_QUERY_PRINT_H

#include <jansson.h>
#include <stdatomic.h>

#include "cli/command.h"

/* A cell as text, in *out (the caller's, else NULL) where it is no string itself; NULL: it is null. */
const char *vd_query_cell_text(const json_t *value, char **out);

/* {"columns","rows","truncated"} to stdout; lines end with LF, in CSV too. Ends early once *is_unwanted (NULL: never) is true. */
void vd_query_print(const json_t *result, enum vd_output output, const atomic_bool *is_unwanted);

/* Says on stderr that rows were left out, for which limit, and what to do; false: none were. */
bool vd_query_tell_cut(const json_t *result);

/* The error of an answer to stderr, with the line that it is about and a mark below its place. */
void vd_query_print_problem(const char *text, const json_t *error);

#endif
