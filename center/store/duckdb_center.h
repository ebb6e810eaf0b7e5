/* SPDX-License-Identifier: MIT */
/* SecurityAlert and SecurityRecommendation: rows of center.db, which DuckDB reads where they are. */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_CENTER_H
#define VEDETTE_CENTER_STORE_DUCKDB_CENTER_H

#include "center/store/duckdb_internal.h"

/*
 * Registers a table function for each of them with the writer's instance. A query that reads one sees what was committed
 * to center.db before it began, of an alert at least its state then; it reads 2,048 numbers in a transaction, so
 * it never keeps the file from being trimmed. SecurityAlert(since := ..., until := ..., "AlertType" := '...') has, of its rows,
 * at least those of that time and value: center/kql/tables.h. The store must outlive the instance. VD_E_INVALID.
 */
VD_NODISCARD int vd_duckdb_center_register(struct vd_duckdb *store);

/* Makes the views over the functions. */
VD_NODISCARD int vd_duckdb_center_views_make(struct vd_duckdb *store, char *text, size_t text_size);

#endif
