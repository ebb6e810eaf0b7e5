/* SPDX-License-Identifier: MIT */
/* Between the files of the audit trail: the open file, and what reads rows. */

#ifndef VEDETTE_LIB_AUDIT_INTERNAL_H
#define VEDETTE_LIB_AUDIT_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "lib/audit.h"

struct vd_audit;

/* Changes rows and `head`, which counts when it is committed. */
typedef int vd_audit_change(struct vd_audit *audit, struct vd_audit_head *head, void *context);

/* A change that waits to be written, with others in one transaction. */
struct vd_audit_write {
    vd_audit_change *change;
    void *context;
    int error;
    bool is_done;
    struct vd_audit_write *next;
};

/* A caller's refused acts of a minute. */
struct vd_audit_refused {
    char who[96]; /* as much of it as fits */
    unsigned written;
};

struct vd_audit {
    pthread_mutex_t queue_lock; /* for what follows; taken alone */
    pthread_cond_t written;
    struct vd_audit_write *waiting; /* the oldest first */
    struct vd_audit_write **waiting_end;
    bool is_writing; /* a thread writes what waited: the others leave theirs to the next one */

    pthread_mutex_t lock; /* for the rest */
    sqlite3 *db;
    uint8_t head_key[VD_MASTER_KEY_BYTES];
    uint8_t digest_key[VD_MASTER_KEY_BYTES];
    struct vd_audit_head head; /* as it was written last */
    struct vd_buf head_line;   /* likewise, without a NUL */
    struct vd_audit_stats stats;
    char told[VD_AUDIT_PROBLEM_SIZE]; /* what a pass found last */
    struct {
        int64_t minute; /* of the monotonic clock */
        /* Whose were written in it, [0] all sign-ins; when the places are used up all others share the last. */
        struct vd_audit_refused callers[1 + VD_AUDIT_CALLERS];
        size_t count;
        uint64_t held_back; /* of all since the last that was written */
    } refused;
};

/* A row of the table of records; the text and hash lie in the statement. */
struct vd_audit_row {
    uint64_t sequence;
    struct vd_str text;
    struct vd_audit_hash hash; /* zero if it has another length, which fits nothing */
};

/* Prepares, binds numbers (as many as `count`). */
VD_NODISCARD int vd_audit_prepare(
    sqlite3 *db, const char *sql, const int64_t *numbers, size_t count, sqlite3_stmt **statement);
/* VD_E_NOT_FOUND behind the last one. Columns: sequence, body, hash. */
VD_NODISCARD int vd_audit_row_next(sqlite3_stmt *statement, struct vd_audit_row *out);
/* The head's row, appended. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_audit_head_line(sqlite3 *db, struct vd_buf *out);
/* Takes an open act into the digest of all, or, as it was taken in before, out of it. */
VD_NODISCARD int vd_audit_open_mix(const uint8_t key[VD_MASTER_KEY_BYTES], int64_t id,
    struct vd_str text, struct vd_audit_hash *digest);
/* Number and digest of the open acts; key NULL: the digest is left as it is. */
VD_NODISCARD int vd_audit_open_digest(
    sqlite3 *db, const uint8_t *key, uint64_t *count, struct vd_audit_hash *digest);
/* Records from check->next on, at most `count`; *done: there are no more before check->head.to. */
VD_NODISCARD int vd_audit_check_rows(
    sqlite3 *db, struct vd_audit_check *check, uint64_t count, bool *done);
/* The open acts against the head. VD_E_CORRUPT. */
VD_NODISCARD int vd_audit_check_open(sqlite3 *db, struct vd_audit_check *check);
/* Whose file it is. VD_E_CORRUPT, VD_E_NEWER; *is_new: it is empty. */
VD_NODISCARD int vd_audit_format_check(sqlite3 *db, bool *is_new);

/* ---- Writing, with the lock ---- */

struct vd_str vd_audit_str(const struct vd_buf *buf);

/* Runs a statement with a number as ?1, and, where they are given, a text as ?2 and a hash as ?3. */
VD_NODISCARD int vd_audit_run_text(sqlite3 *db, const char *sql, int64_t number, struct vd_str text,
    const struct vd_audit_hash *hash);

/* A transaction that ends with a new head. */
VD_NODISCARD int vd_audit_transact(struct vd_audit *audit, vd_audit_change *change, void *context);

/* Adds a record behind the head's last. */
VD_NODISCARD int vd_audit_append(
    struct vd_audit *audit, struct vd_audit_head *head, const struct vd_audit_entry *entry);

/* What the trail says of itself: that it is broken, unless its path is changed. */
struct vd_audit_entry vd_audit_own_entry(const char *note);
void vd_audit_note_problem(struct vd_audit *audit, const char *problem);

struct vd_audit_ending {
    int64_t id;
    const struct vd_audit_entry *entry;
};

/* Of struct vd_audit_ending; VD_E_NOT_FOUND. */
vd_audit_change vd_audit_change_end;
/* Of the problem's text. */
vd_audit_change vd_audit_change_report;

#endif
