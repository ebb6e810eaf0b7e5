/* SPDX-License-Identifier: MIT */
/* The query tables: append what came of a stretch of the log together with the offset, and read-only SQL. */

#ifndef VEDETTE_CENTER_STORE_ANALYTICS_H
#define VEDETTE_CENTER_STORE_ANALYTICS_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"
#include "lib/uuid.h"

/* A row of SecurityIoTRawEvent that is no flow: one port, process ... of one event of a device. */
struct vd_raw_event {
    int64_t time_generated_ms; /* UTC, when the hub got it */
    int64_t timestamp_ms;      /* UTC, when the device saw it */
    struct vd_uuid id;
    struct vd_str device_id;
    struct vd_str agent_version;
    struct vd_str name;     /* NetworkActivity ... */
    struct vd_str type;     /* Security, Operational, Diagnostic */
    struct vd_str category; /* Periodic, Triggered */
    bool is_empty;
    struct vd_str details; /* JSON object, PascalCase */
};

/* A row of SecurityIoTRawEvent: one flow of an event NetworkActivity. EventDetails is put together when it is asked for. */
struct vd_flow_row {
    int64_t time_generated_ms;
    int64_t timestamp_ms;
    struct vd_uuid id;
    struct vd_str device_id;
    struct vd_str agent_version;
    struct vd_str local_address;
    struct vd_str remote_address;
    struct vd_str protocol;
    uint32_t bytes_in;
    uint32_t bytes_out;
    uint32_t packets_in; /* both 0: absent */
    uint32_t packets_out;
    int32_t process_id; /* both VD_FLOW_NONE: absent */
    int32_t user_id;
    uint16_t local_port;
    uint16_t remote_port;
    uint8_t opened_by;          /* 0: absent; 1 the device, 2 the remote end; others as they came */
    struct vd_str executable;   /* as JSON writes it, in quotes; empty: absent */
    struct vd_str command_line; /* likewise */
    struct vd_str
        others; /* members of JSON with commas between them: ModuleId, DeviceTime; mostly empty */
};

#define VD_FLOW_NONE (-1)

/* A row of AzureDiagnostics: what the hub recorded of one operation, in the form of its resource logs. */
struct vd_diagnostic {
    int64_t time_generated_ms; /* UTC */
    struct vd_str resource_id;
    struct vd_str category; /* Connections, TwinQueries ... */
    struct vd_str operation_name;
    struct vd_str level;
    struct vd_str result_type; /* empty where nothing went wrong */
    struct vd_str result_description;
    int64_t duration_ms;
    struct vd_str location;
    struct vd_str properties;     /* JSON */
    struct vd_str correlation_id; /* the record's id, see vd_record_id_format */
};

/* A row of AzureActivity: what was done on the control plane. */
struct vd_activity_row {
    int64_t time_generated_ms; /* UTC */
    struct vd_str caller;
    struct vd_str operation_name;
    struct vd_str status; /* Started, Succeeded, Failed */
    struct vd_str resource_id;
    struct vd_str caller_address;
    struct vd_str category;
    struct vd_str properties; /* JSON */
    struct vd_str correlation_id;
};

/* What comes of a stretch of the log, each kind in its order. */
struct vd_table_rows {
    const struct vd_raw_event *raw_events;
    size_t raw_event_count;
    const struct vd_flow_row *flows;
    size_t flow_count;
    const struct vd_diagnostic *diagnostics;
    size_t diagnostic_count;
    const struct vd_activity_row *activities;
    size_t activity_count;
};

/* Query tables that have day files. */
enum vd_analytics_kind {
    VD_ANALYTICS_RAW_EVENTS,
    VD_ANALYTICS_DIAGNOSTICS,
    VD_ANALYTICS_ACTIVITY,
    VD_ANALYTICS_KINDS,
};

struct vd_analytics_amount {
    uint64_t rows;
    uint64_t bytes; /* on disk: its share of what the files of its days take; 0 only without rows */
};

struct vd_analytics_stats {
    struct vd_analytics_amount amounts[VD_ANALYTICS_KINDS];
    int64_t oldest_ms[VD_ANALYTICS_KINDS]; /* start of the oldest day with rows; 0: there is none */
    uint32_t keep_days[VD_ANALYTICS_KINDS];
    uint64_t bytes;           /* of all day files */
    uint64_t max_bytes;       /* 0: without limit */
    uint64_t days_for_size;   /* dropped since start for want of room */
    uint32_t days_to_pack;    /* past, and not yet written anew */
    int64_t last_for_size_ms; /* start of the latest of these; 0: none */
};

/* How long days are kept, and how much. */
struct vd_analytics_keep {
    uint32_t days[VD_ANALYTICS_KINDS]; /* before this one; 0: without limit */
    uint64_t max_bytes;                /* of all day files; 0: without limit */
};

/* What results may hold. */
struct vd_query_room {
    size_t text_bytes;
    size_t values;
};

struct vd_query_limits {
    uint32_t max_rows;   /* 0: 10,000 */
    uint32_t timeout_ms; /* 0: 180,000 */
    bool is_compiled;    /* our compiler wrote it: it may be longer, and call what makes lists */
    uint32_t
        text_functions; /* how many of its functions give texts, whose room they share; 0: unknown */
    const atomic_bool
        *is_unwanted; /* true: nobody waits for it, and it ends; NULL: somebody does */
    const char
        *token; /* its name, of who asked over HTTPS: VD_QUERIES_HTTPS_MAX of these at once, and
                        * VD_QUERIES_TOKEN_MAX of each token; NULL: nobody did */
    struct vd_query_room *
        room; /* of this result and those after it together: what it takes is taken off. NULL: 64 MiB, 4,000,000 */
};

struct vd_analytics;

struct vd_analytics_ops {
    /* Appends rows and sets the sink's offset in the log, in one transaction.
     * VD_E_FULL, VD_E_IO: nothing was changed. One thread at a time. */
    int (*append)(
        struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset);
    /* The offset from which the sink goes on; 0 in a new store. */
    int (*offset)(struct vd_analytics *analytics, uint64_t *next_offset);
    /*
     * Runs one SELECT over the query tables, VALUES and range() and the like. Any thread, beside append.
     * Times come as ISO 8601 text, integers of up to 64 bits, DECIMAL and floating point as numbers, NaN as null,
     * all other types as DuckDB's text.
     * *result: {"columns":[{"name","type"}...],"rows":[[...]...],"truncated":bool,"cutBy":"rows", "bytes" (of text), "values" or null}, the
     * caller's to free.
     * VD_E_INVALID (syntax, more than one statement, anything that is not a SELECT), VD_E_TIMEOUT, VD_E_LIMIT, VD_E_CLOSED
     * (unwanted), VD_E_BUSY (as many are under way as may be) with the reason in error_text.
     */
    int (*query)(struct vd_analytics *analytics, const char *sql,
        const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size);
    /* How many queries are under way. Any thread. */
    uint32_t (*queries_running)(struct vd_analytics *analytics);
    /*
     * Keeps house; to be called every now and then by the thread that appends. Days that are past are written anew so that they
     * take less room (by a thread of its own); those past their time go, and the oldest while all take more room than they
     * may, but never the newest. now_ms: UTC; 0 if it is not to be trusted: nothing goes for its age then.
     */
    int (*maintain)(struct vd_analytics *analytics, int64_t now_ms);
    /* What maintain goes by the next time. Any thread. */
    void (*set_keep)(struct vd_analytics *analytics, const struct vd_analytics_keep *keep);
    /* As the latest maintain found it. Any thread. */
    void (*stats)(struct vd_analytics *analytics, struct vd_analytics_stats *out);
    /* See vd_analytics_copy_begin. */
    int (*copy_begin)(struct vd_analytics *analytics, char *error_text, size_t error_size);
    int (*copy_finish)(
        struct vd_analytics *analytics, const char **folder, char *error_text, size_t error_size);
    void (*copy_end)(struct vd_analytics *analytics);
    void (*close)(struct vd_analytics *analytics);
};

struct vd_analytics {
    const struct vd_analytics_ops *ops;
};

struct vd_duckdb_options {
    const char
        *folder; /* for the day files; made (mode 0700) if absent; nothing else may be in it */
    const char *resource_id; /* the hub's: value of AssociatedResourceId and the like */
    const char
        *center_path; /* of the alert store's file, made already; NULL: there are no alerts */
    uint32_t memory_limit_mib; /* 0: 512 */
    uint32_t threads;          /* 0: 2 */
    struct vd_analytics_keep keep;
};

/* Opens the DuckDB store; one process at a time (VD_E_BUSY). VD_E_NEWER, VD_E_CORRUPT, VD_E_FULL, VD_E_IO; the reason in
 * error_text. */
VD_NODISCARD int vd_analytics_duckdb_open(const struct vd_duckdb_options *options,
    struct vd_analytics **out, char *error_text, size_t error_size);

/* rows NULL: none. */
VD_NODISCARD int vd_analytics_append(
    struct vd_analytics *analytics, const struct vd_table_rows *rows, uint64_t next_offset);
VD_NODISCARD int vd_analytics_offset(struct vd_analytics *analytics, uint64_t *next_offset);
VD_NODISCARD int vd_analytics_query(struct vd_analytics *analytics, const char *sql,
    const struct vd_query_limits *limits, json_t **result, char *error_text, size_t error_size);
uint32_t vd_analytics_queries_running(struct vd_analytics *analytics);
VD_NODISCARD int vd_analytics_maintain(struct vd_analytics *analytics, int64_t now_ms);
void vd_analytics_set_keep(struct vd_analytics *analytics, const struct vd_analytics_keep *keep);
void vd_analytics_stats(struct vd_analytics *analytics, struct vd_analytics_stats *out);
/*
 * A copy of all day files as they are now, in three steps. Begin is quick, and for the thread that appends: it links what
 * does not change any more and notes how far the newest day is. Until the end no day goes or is written anew.
 * VD_E_BUSY: a copy is under way; VD_E_IO, VD_E_FULL ... with the reason in error_text: none is then.
 */
VD_NODISCARD int vd_analytics_copy_begin(
    struct vd_analytics *analytics, char *error_text, size_t error_size);
/* Any thread, beside appends; long: copies the rest. *folder holds the files, until the end. VD_E_CLOSED: the tables had to be
 * opened anew, or are closed. */
VD_NODISCARD int vd_analytics_copy_finish(
    struct vd_analytics *analytics, const char **folder, char *error_text, size_t error_size);
/* After every copy that was begun, in the thread that finished it: removes the folder. */
void vd_analytics_copy_end(struct vd_analytics *analytics);
/* What a day's file was found to hold. */
struct vd_day_found {
    int version;          /* of its tables */
    uint64_t rows;        /* of all tables */
    uint64_t next_offset; /* that it knows */
};
/*
 * Reads every value of a day's file that no store has open, and changes nothing. VD_E_CORRUPT, VD_E_NEWER, VD_E_IO with the reason
 * in error_text.
 */
VD_NODISCARD int vd_analytics_day_check(
    const char *path, struct vd_day_found *out, char *error_text, size_t error_size);
/* The table's name in queries. */
const char *vd_analytics_kind_name(enum vd_analytics_kind kind);
/* NULL is allowed. */
void vd_analytics_close(struct vd_analytics *analytics);

#endif
