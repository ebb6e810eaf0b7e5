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

/* A day and the file that holds it. */
struct vd_duckdb_day {
    int32_t day;
    uint32_t generation; /* how often it was written anew; 0: as rows came */
    uint64_t
        next_offset; /* of the log, when rows came to it last: as far as this process knows that they are on the disk */
    bool is_measured;
    bool is_damaged; /* as far as it was read; its amounts are not known */
    uint64_t bytes;
    struct vd_analytics_amount amounts[VD_ANALYTICS_KINDS];
};

/* The writing anew of a day, by a thread of its own. */
struct vd_duckdb_rewrite {
    bool is_under_way; /* the thread has to be joined */
    pthread_t thread;
    atomic_bool is_done;
    atomic_bool is_cancelled;
    duckdb_connection connection;
    char *path; /* of the new file */
    struct vd_duckdb_day from;
    struct vd_duckdb_day to;
    bool keeps[VD_ANALYTICS_KINDS];
    uint32_t piece_rows;
    int error;
    char text[VD_DUCKDB_TEXT_SIZE];
};

#define VD_DUCKDB_TABLES 4
/* Rows of a day's file that are compressed together while it grows. What a checkpoint needs in memory grows with them. */
#define VD_DUCKDB_GROUP_ROWS 30720U

/* A copy of all days: center/store/analytics.h. */
struct vd_duckdb_copy {
    atomic_bool is_under_way; /* days stay as they are */
    atomic_bool is_cancelled;
    pthread_mutex_t mutex;        /* for the connection */
    duckdb_connection connection; /* NULL: nothing is copied now */
    char *folder;
    bool has_newest;
    struct vd_duckdb_day newest;
    uint64_t rows[VD_DUCKDB_TABLES]; /* of the newest day, when the copy began */
    uint64_t next_offset;
    char text[VD_DUCKDB_TEXT_SIZE];
};

/* A query under way, for the watchdog. */
struct vd_duckdb_running {
    duckdb_connection connection; /* NULL: the slot is free */
    int64_t deadline_ms;          /* monotonic */
    const atomic_bool *is_unwanted;
    const char *token; /* its caller's, of who asked over HTTPS; NULL: nobody did */
    atomic_int ended;  /* why it was interrupted: VD_E_TIMEOUT, VD_E_CLOSED; VD_OK: it was not */
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
    bool broken;                /* the instance refuses to work: it must be opened anew */
    struct vd_duckdb_day *days; /* in their order */
    size_t day_count;
    struct vd_duckdb_copy copy;
    struct vd_duckdb_rewrite rewrite;
    int64_t rewrite_again_ms;  /* after a failure, monotonic */
    atomic_uint views_changed; /* how often a day went or was replaced */
    uint64_t next_offset;
    struct vd_log_limit log_limit;

    pthread_mutex_t queries_mutex;
    pthread_cond_t queries_changed;
    struct vd_duckdb_running running[VD_QUERIES_MAX];
    bool stopping;
    struct vd_analytics_keep keep; /* that the latest maintain goes by */
    pthread_mutex_t stats_mutex;
    struct vd_analytics_stats stats;
    struct vd_analytics_keep next_keep;
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
VD_NODISCARD int vd_duckdb_run_built_on(
    duckdb_connection connection, struct vd_buf *sql, char *text, size_t text_size);
/* The count that a statement gives: one row of one BIGINT that is not NULL. */
VD_NODISCARD int vd_duckdb_number(
    duckdb_connection connection, const char *sql, uint64_t *number, char *text, size_t text_size);
/* Appends text as an SQL literal. */
void vd_duckdb_append_literal(struct vd_buf *sql, const char *value);
/* Opens the instance over all day files of the folder. The caller holds instance_lock alone. */
VD_NODISCARD int vd_duckdb_instance_open(struct vd_duckdb *store, char *text, size_t text_size);
void vd_duckdb_instance_close(struct vd_duckdb *store);
/* Makes and attaches the file of `day` unless it is there, and makes the view take it in. */
VD_NODISCARD int vd_duckdb_day_ensure(
    struct vd_duckdb *store, int32_t day, char *text, size_t text_size);
/* Attaches a day's file, brought up to this version, and notes its offset. */
VD_NODISCARD int vd_duckdb_day_attach(
    struct vd_duckdb *store, struct vd_duckdb_day *day, char *text, size_t text_size);
/* The place of the day that rows came to last, which is the newest unless a clock went back; 0 where there is none. */
size_t vd_duckdb_day_current(const struct vd_duckdb *store);
/* Attaches a file, in which rows that come are put together in groups of so many: a multiple of VD_DUCKDB_GROUP_ROWS. */
VD_NODISCARD int vd_duckdb_attach(duckdb_connection connection, const char *path,
    const char *catalog, uint32_t group_rows, char *text, size_t text_size);

/* ---- duckdb_folder.c: names and files ---- */

/* The name under which a day's file is attached: "d20261124", "d20261124_1". */
void vd_duckdb_day_catalog(const struct vd_duckdb_day *day, char out[32]);
/* Paths, the caller's; NULL without memory. New: of what is not yet whole. */
char *vd_duckdb_day_path(const struct vd_duckdb *store, const struct vd_duckdb_day *day);
char *vd_duckdb_new_path(const struct vd_duckdb *store, int32_t day);
/* Lists the days there are, in order, and removes what was left unfinished. Of days that were listed it keeps the offset;
 * where it fails the list stays. */
VD_NODISCARD int vd_duckdb_folder_scan(struct vd_duckdb *store);
/* Only in the list. */
VD_NODISCARD int vd_duckdb_day_add(struct vd_duckdb *store, const struct vd_duckdb_day *day);
void vd_duckdb_day_forget(struct vd_duckdb *store, size_t i);
/* Removes a file and its log; one that is not there is no error. */
VD_NODISCARD int vd_duckdb_day_remove(
    const struct vd_duckdb *store, const struct vd_duckdb_day *day);
VD_NODISCARD int vd_duckdb_new_remove(const struct vd_duckdb *store, int32_t day);
/* Whether the file has a log that is not empty. */
bool vd_duckdb_day_has_log(const struct vd_duckdb *store, const struct vd_duckdb_day *day);
/* With the log. */
uint64_t vd_duckdb_day_bytes(const struct vd_duckdb *store, const struct vd_duckdb_day *day);
/* Syncs the new file under its final name, so that after a loss of power it is whole or absent. */
VD_NODISCARD int vd_duckdb_new_publish(
    const struct vd_duckdb *store, const struct vd_duckdb_day *day);

/* ---- duckdb_rewrite.c ---- */

/* Begins to write a day anew: sorted, without gaps, and of the kinds that it keeps. None may be under way. */
VD_NODISCARD int vd_duckdb_rewrite_start(
    struct vd_duckdb *store, const struct vd_duckdb_day *day, const bool keeps[VD_ANALYTICS_KINDS]);
/* If that has come to its end: puts the new file in the place of the old. */
VD_NODISCARD int vd_duckdb_rewrite_collect(struct vd_duckdb *store, char *text, size_t text_size);
/* Gives it up, if it is under way. */
void vd_duckdb_rewrite_stop(struct vd_duckdb *store);

/* What is copied of a table: its first rows, in the order that takes least room or as they are. */
struct vd_duckdb_rows_copy {
    duckdb_connection connection;
    const char *from; /* catalogs */
    const char *to;
    const struct vd_duckdb_table *table;
    uint64_t rows;
    uint32_t piece_rows; /* at once */
    bool is_sorted;
    const atomic_bool *is_cancelled;
};
/* How many rows may be copied at once: what the memory is enough for. */
uint32_t vd_duckdb_piece_rows(const struct vd_duckdb *store);
/* VD_E_CLOSED: cancelled; VD_E_CORRUPT: another number of rows came out. */
VD_NODISCARD int vd_duckdb_rows_copy(
    const struct vd_duckdb_rows_copy *copy, char *text, size_t text_size);

/* ---- duckdb_copy.c ---- */

VD_NODISCARD int vd_duckdb_copy_begin(struct vd_duckdb *store, char *text, size_t text_size);
VD_NODISCARD int vd_duckdb_copy_finish(
    struct vd_duckdb *store, const char **folder, char *text, size_t text_size);
void vd_duckdb_copy_end(struct vd_duckdb *store);
/* Has a copy that is under way end soon, and waits until it lets go of the instance. */
void vd_duckdb_copy_stop(struct vd_duckdb *store);
bool vd_duckdb_copy_is_under_way(const struct vd_duckdb *store);
/* Removes what a copy left that was cut off. Makes the path of the folder. */
VD_NODISCARD int vd_duckdb_copy_init(struct vd_duckdb *store);

/* ---- duckdb_keep.c: how long days are kept, and how much ---- */

VD_NODISCARD int vd_duckdb_maintain(
    struct vd_duckdb *store, int64_t now_ms, char *text, size_t text_size);
/* Lets day `i` go: from the view, and its file. Queries that read it end as they would. */
VD_NODISCARD int vd_duckdb_day_drop(
    struct vd_duckdb *store, size_t i, char *text, size_t text_size);

/* ---- duckdb_tables.c: what is in a day's file, and the views over all days. The caller writes alone. ---- */

#define VD_DUCKDB_DAY_VERSION \
    5 /* 1: without the table of diagnostics; 2: of activities; 3: without ids of records; 4: without the table of flows */

/* A table of a day's file, and the table of queries whose rows it has. */
struct vd_duckdb_table {
    const char *name;
    enum vd_analytics_kind kind;
    const char *order; /* in which its rows take least room */
};
extern const struct vd_duckdb_table vd_duckdb_tables[VD_DUCKDB_TABLES];

/* Makes the tables of a new file. */
VD_NODISCARD int vd_duckdb_day_fill(
    duckdb_connection connection, const char *catalog, char *text, size_t text_size);
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

/* ---- duckdb_values.c ---- */

/* True if values of the type have a form in JSON of their own. */
bool vd_duckdb_has_json_form(duckdb_type type);
/* What a column is called in the result; DuckDB's names. */
const char *vd_duckdb_type_name(duckdb_type type);
/* The type to cast another to, which has no form of its own: DECIMAL becomes a number, most become text. */
const char *vd_duckdb_cast_of(duckdb_type type);
/* The value in row `row` of a vector of a type that has a form in JSON; NULL: no memory. */
json_t *vd_duckdb_value_json(duckdb_type type, void *data, idx_t row);

/* ---- duckdb_threads.c ---- */

/* Calls it in a thread that gives way to all others of the program, as do those that it makes, and waits for its end. */
void vd_duckdb_call_nicely(void (*function)(void *context), void *context);

/* ---- duckdb_watchdog.c ---- */

VD_NODISCARD int vd_duckdb_watchdog_start(struct vd_duckdb *store);
void vd_duckdb_watchdog_stop(struct vd_duckdb *store);
/* Ends all queries under way. */
void vd_duckdb_interrupt_all(struct vd_duckdb *store);
/* A slot for a query that starts now; NULL if as many run as may. */
struct vd_duckdb_running *vd_duckdb_running_add(
    struct vd_duckdb *store, duckdb_connection connection, const struct vd_query_limits *limits);
/* Gives the slot back. VD_E_TIMEOUT, VD_E_CLOSED: it was interrupted. */
VD_NODISCARD int vd_duckdb_running_remove(
    struct vd_duckdb *store, struct vd_duckdb_running *running);
uint32_t vd_duckdb_running_count(struct vd_duckdb *store);

#endif
