/* SPDX-License-Identifier: MIT */
/* The parts of the DuckDB store: its instance and day files, the guard of queries, and queries themselves. */

#ifndef VEDETTE_CENTER_STORE_DUCKDB_INTERNAL_H
#define VEDETTE_CENTER_STORE_DUCKDB_INTERNAL_H

#include <duckdb.h>
#include <pthread.h>

#include "center/limits.h"
#include "center/store/analytics.h"
#include "lib/log.h"

#define VD_DUCKDB_TEXT_SIZE 512

/* A query under way, for the watchdog. */
struct vd_duckdb_running {
    duckdb_connection connection; /* NULL: the slot is free */
    int64_t deadline_ms;          /* monotonic */
    const atomic_bool *is_unwanted;
    int ended; /* why it was interrupted: VD_E_TIMEOUT, VD_E_CLOSED; VD_OK: it was not */
};

struct vd_duckdb {
    struct vd_analytics base;
    char *folder;
    char *resource_id;
    char *hub;         /* its last part */
    char *center_path; /* NULL: none */
    uint32_t memory_limit_mib;
    uint32_t threads;
    int lock_fd; /* held as long as the store is open */

    /* Queries hold it shared, whoever replaces the instance holds it alone. */
    pthread_rwlock_t instance_lock;
    duckdb_database database;
    duckdb_connection writer;
    bool broken; /* the instance refuses to work: it must be opened anew */
    int32_t *days;
    size_t day_count;
    uint64_t next_offset;
    struct vd_log_limit log_limit;

    pthread_mutex_t queries_mutex;
    pthread_cond_t queries_changed;
    struct vd_duckdb_running running[VD_QUERIES_MAX];
    bool stopping;
    bool has_watchdog;
    pthread_t watchdog;
};

/* ---- duckdb_days.c: the instance and its day files. Texts of errors go to `text`. ---- */

/* The result that stands for DuckDB's error type and message. */
int vd_duckdb_error(duckdb_error_type type, const char *message);
/* Runs one statement. */
VD_NODISCARD int vd_duckdb_run(
    duckdb_connection connection, const char *sql, char *text, size_t text_size);
/* Runs on the writer what was written to `sql`, and lets it go. */
VD_NODISCARD int vd_duckdb_run_built(
    struct vd_duckdb *store, struct vd_buf *sql, char *text, size_t text_size);
/* Appends text as an SQL literal. */
void vd_duckdb_append_literal(struct vd_buf *sql, const char *value);
/* Opens the instance over all day files of the folder. The caller holds instance_lock alone. */
VD_NODISCARD int vd_duckdb_instance_open(struct vd_duckdb *store, char *text, size_t text_size);
void vd_duckdb_instance_close(struct vd_duckdb *store);
/* Makes and attaches the file of `day` unless it is there, and makes the view take it in. */
VD_NODISCARD int vd_duckdb_day_ensure(
    struct vd_duckdb *store, int32_t day, char *text, size_t text_size);
/* The name under which a day's file is attached: "d20261124". */
void vd_duckdb_day_catalog(int32_t day, char out[32]);

/* ---- duckdb_tables.c: what is in a day's file, and the views over all days. The caller writes alone. ---- */

#define VD_DUCKDB_DAY_VERSION \
    5 /* 1: without the table of diagnostics; 2: of activities; 3: without ids of records; 4: without the table of flows */

/* Makes the tables of a new file. */
VD_NODISCARD int vd_duckdb_day_fill(
    struct vd_duckdb *store, const char *catalog, char *text, size_t text_size);
/* Brings a file of an earlier version up to this one, all at once. */
VD_NODISCARD int vd_duckdb_day_migrate(
    struct vd_duckdb *store, const char *catalog, int64_t version, char *text, size_t text_size);
/* Makes the tables without rows that views have where there is no day. */
VD_NODISCARD int vd_duckdb_empty_make(struct vd_duckdb *store, char *text, size_t text_size);
/* Makes the tables that queries know, over the files of all days. */
VD_NODISCARD int vd_duckdb_views_make(struct vd_duckdb *store, char *text, size_t text_size);

/* ---- duckdb_rows.c ---- */

/* Appends rows within the writer's transaction. */
VD_NODISCARD int vd_duckdb_rows_append(struct vd_duckdb *store, const char *catalog,
    const struct vd_table_rows *rows, char *text, size_t text_size);

/* ---- duckdb_guard.c ---- */

/*
 * Judges the tree of a query, as json_serialize_sql gives it: one SELECT, from the query tables, its own
 * common table expressions, VALUES and a few harmless table functions. What our compiler wrote may call what makes lists:
 * it bounds them. VD_E_INVALID with the reason in `text`.
 */
VD_NODISCARD int vd_duckdb_guard(
    const char *tree_json, bool is_compiled, char *text, size_t text_size);

/* ---- duckdb_query.c ---- */

VD_NODISCARD int vd_duckdb_query(struct vd_duckdb *store, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size);

/* ---- duckdb_watchdog.c ---- */

VD_NODISCARD int vd_duckdb_watchdog_start(struct vd_duckdb *store);
void vd_duckdb_watchdog_stop(struct vd_duckdb *store);
/* Ends all queries under way. */
void vd_duckdb_interrupt_all(struct vd_duckdb *store);
/* A slot for a query that starts now; NULL if as many run as may. */
struct vd_duckdb_running *vd_duckdb_running_add(struct vd_duckdb *store,
    duckdb_connection connection, uint32_t timeout_ms, const atomic_bool *is_unwanted);
/* Gives the slot back. VD_E_TIMEOUT, VD_E_CLOSED: it was interrupted. */
VD_NODISCARD int vd_duckdb_running_remove(
    struct vd_duckdb *store, struct vd_duckdb_running *running);
uint32_t vd_duckdb_running_count(struct vd_duckdb *store);

#endif
