/* SPDX-License-Identifier: MIT */
/* Twin queries for whoever is no device: rows that the registry (who there is) and the state (their twins) make together. */

#ifndef VEDETTE_API_QUERIES_H
#define VEDETTE_API_QUERIES_H

#include "api/twins.h"
#include "hub/twin_query.h"

/* Rows of one page. */
#define VD_QUERIES_ROWS_MAX 1000

/*
 * The page of the query behind `continuation` (empty: the first). Any thread; blocks for up to a second, one with groups for
 * up to a minute, and has the state's writer for a few milliseconds at a time. A query that names its devices
 * (vd_twin_query_names_devices) looks at no others.
 * max_rows  1 to VD_QUERIES_ROWS_MAX; a page may be shorter, or empty, and go on all the same
 * VD_E_INVALID: the continuation is not this query's; VD_E_LIMIT: more than VD_TWIN_QUERY_GROUPS_MAX groups; VD_E_TIMEOUT:
 * groups took too long; VD_E_BUSY: too much waits for the writer. Else the errors of registry and state.
 */
VD_NODISCARD int vd_queries_page(const struct vd_twins *twins, const struct vd_twin_query *query,
    struct vd_str continuation, size_t max_rows, struct vd_twin_query_page *page);

#endif
