/* SPDX-License-Identifier: MIT */
/* Writes the audit trail: each write is a transaction that ends with a new head. */

#include "lib/audit.h"

#include <inttypes.h>

#include "lib/audit_internal.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sqlite.h"

#define MINUTE_MS 60000

/* ---- Within a transaction ---- */

int vd_audit_run_text(sqlite3 *db, const char *sql, int64_t number, struct vd_str text,
    const struct vd_audit_hash *hash)
{
    sqlite3_stmt *statement = NULL;
    int error = vd_audit_prepare(db, sql, &number, 1, &statement);
    int rc = SQLITE_OK;

    if (error == VD_OK && text.length > 0) {
        rc = sqlite3_bind_text64(statement, 2, text.data, text.length, SQLITE_STATIC, SQLITE_UTF8);
    }
    if (error == VD_OK && rc == SQLITE_OK && hash != NULL) {
        rc = sqlite3_bind_blob(statement, 3, hash->bytes, VD_AUDIT_HASH_BYTES, SQLITE_STATIC);
    }
    if (error == VD_OK) {
        rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
        error = vd_sqlite_error(rc);
    }
    sqlite3_finalize(statement);
    return error;
}

struct vd_str vd_audit_str(const struct vd_buf *buf)
{
    return (struct vd_str){buf->data != NULL ? (const char *)buf->data : "", buf->length};
}

/* The sequence for the next record: behind rows too that are not ours, for a write must not fail for them. */
static int next_sequence(struct vd_audit *audit, const struct vd_audit_head *head, uint64_t *out)
{
    const int64_t after = (int64_t)head->to;
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record WHERE sequence > ?1 ORDER BY sequence DESC LIMIT 1",
        &after, 1, &statement);

    *out = head->to + 1;
    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        *out = row.sequence + 1;
    }
    sqlite3_finalize(statement);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_audit_append(
    struct vd_audit *audit, struct vd_audit_head *head, const struct vd_audit_entry *entry)
{
    struct vd_buf text = {0};
    struct vd_audit_hash hash;
    uint64_t sequence = 0;
    int error = next_sequence(audit, head, &sequence);

    if (error == VD_OK) {
        vd_audit_record_write(&text, sequence, &head->last, entry);
        error = text.error;
    }
    if (error == VD_OK) {
        error = vd_audit_hash_of(vd_audit_str(&text), &hash);
    }
    if (error == VD_OK) {
        error = vd_audit_run_text(audit->db, "INSERT INTO record VALUES (?1, ?2, ?3)",
            (int64_t)sequence, vd_audit_str(&text), &hash);
    }
    if (error == VD_OK) {
        head->to = sequence;
        head->last = hash;
    }
    vd_buf_release(&text);
    return error;
}

struct vd_audit_entry vd_audit_own_entry(const char *problem)
{
    return (struct vd_audit_entry){.kind = VD_AUDIT_PROGRAM,
        .who = "vedette",
        .via = "program",
        .path = VD_AUDIT_PATH_BROKEN,
        .outcome = VD_AUDIT_DONE,
        .note = problem};
}

void vd_audit_note_problem(struct vd_audit *audit, const char *problem)
{
    audit->stats.problems++;
    audit->stats.problem_ms = vd_clock_utc_ms();
    snprintf(audit->stats.problem, sizeof audit->stats.problem, "%.300s", problem);
    vd_log(VD_LOG_ERROR, "audit.broken", "problem=\"%.300s\"", problem);
}

/* Somebody else has written the head: that goes into the chain, for the head that is about to be written hides it. */
static int compare_head(struct vd_audit *audit, struct vd_audit_head *head)
{
    static const char problem[] = "the head was changed by somebody else while the service ran";
    struct vd_buf line = {0};
    int error = vd_audit_head_line(audit->db, &line);
    const bool same = error == VD_OK && line.length == audit->head_line.length &&
        memcmp(line.data, audit->head_line.data, line.length) == 0;

    vd_buf_release(&line);
    if (error == VD_E_NOT_FOUND) {
        error = VD_OK;
    }
    if (error == VD_OK && !same) {
        const struct vd_audit_entry entry = vd_audit_own_entry(problem);

        error = vd_audit_append(audit, head, &entry);
        if (error == VD_OK) {
            vd_audit_note_problem(audit, problem);
        }
    }
    return error;
}

static int write_head(struct vd_audit *audit, struct vd_audit_head *head, struct vd_buf *line)
{
    int error;

    head->time_ms = vd_clock_utc_ms();
    vd_audit_head_write(line, head, audit->head_key);
    error = line->error;
    if (error == VD_OK) {
        error = vd_audit_run_text(
            audit->db, "INSERT OR REPLACE INTO head VALUES (?1, ?2)", 1, vd_audit_str(line), NULL);
    }
    return error;
}

/* One change in a savepoint of its own. False: the transaction is over. */
static bool write_one(
    struct vd_audit *audit, struct vd_audit_head *head, struct vd_audit_write *write)
{
    struct vd_audit_head changed = *head;

    write->error = vd_sqlite_run(audit->db, "SAVEPOINT one");
    if (write->error == VD_OK) {
        write->error = write->change(audit, &changed, write->context);
    }
    if (sqlite3_get_autocommit(audit->db) != 0) {
        return false; /* SQLite has rolled back all of it, for want of room or memory */
    }
    if (write->error == VD_OK) {
        write->error = vd_sqlite_run(audit->db, "RELEASE one");
        *head = write->error == VD_OK ? changed : *head;
        return write->error == VD_OK;
    }
    return vd_sqlite_run(audit->db, "ROLLBACK TO one; RELEASE one") == VD_OK;
}

/* All of them in one transaction. What fails by itself leaves the others; else all have the error. */
static int write_all(struct vd_audit *audit, struct vd_audit_write *first)
{
    struct vd_audit_head head = audit->head;
    struct vd_buf line = {0};
    int error = vd_sqlite_run(audit->db, "BEGIN IMMEDIATE");

    if (error != VD_OK) {
        return error;
    }
    if (audit->head_line.length > 0) {
        error = compare_head(audit, &head);
    }
    for (struct vd_audit_write *write = first; error == VD_OK && write != NULL;
         write = write->next) {
        if (!write_one(audit, &head, write)) {
            error = write->error != VD_OK ? write->error : VD_E_IO;
        }
    }
    error = error == VD_OK ? write_head(audit, &head, &line) : error;
    error = error == VD_OK ? vd_sqlite_run(audit->db, "COMMIT") : error;
    if (error != VD_OK) {
        if (sqlite3_get_autocommit(audit->db) == 0) {
            (void)!vd_sqlite_run(audit->db, "ROLLBACK");
        }
        vd_buf_release(&line);
        return error;
    }
    audit->stats.written += head.to - audit->head.to;
    audit->head = head;
    vd_buf_release(&audit->head_line);
    audit->head_line = line;
    return VD_OK;
}

/* Writes them, with the lock. */
static void write_batch(struct vd_audit *audit, struct vd_audit_write *first)
{
    const int error = write_all(audit, first);

    for (struct vd_audit_write *write = first; write != NULL; write = write->next) {
        write->error = error != VD_OK ? error : write->error;
        audit->stats.write_failures += write->error != VD_OK ? 1 : 0;
    }
}

int vd_audit_transact(struct vd_audit *audit, vd_audit_change *change, void *context)
{
    struct vd_audit_write write = {.change = change, .context = context};

    write_batch(audit, &write);
    return write.error;
}

/* Writes what waits, its own among it. With the queue's lock, which it gives back meanwhile. */
static void lead(struct vd_audit *audit)
{
    struct vd_audit_write *first = audit->waiting;

    audit->is_writing = true;
    audit->waiting = NULL;
    audit->waiting_end = &audit->waiting;
    pthread_mutex_unlock(&audit->queue_lock);
    pthread_mutex_lock(&audit->lock);
    write_batch(audit, first);
    pthread_mutex_unlock(&audit->lock);
    pthread_mutex_lock(&audit->queue_lock);
    audit->is_writing = false;
    while (first != NULL) {
        struct vd_audit_write *next = first->next; /* it is its thread's again */

        first->is_done = true;
        first = next;
    }
    pthread_cond_broadcast(&audit->written);
}

/* Whoever comes while others write has his change written together with all that gather meanwhile: one sync for all. */
static int transact_locked(struct vd_audit *audit, vd_audit_change *change, void *context)
{
    struct vd_audit_write own = {.change = change, .context = context};
    int error;

    pthread_mutex_lock(&audit->queue_lock);
    *audit->waiting_end = &own;
    audit->waiting_end = &own.next;
    while (!own.is_done && audit->is_writing) {
        pthread_cond_wait(&audit->written, &audit->queue_lock);
    }
    if (!own.is_done) {
        lead(audit);
    }
    pthread_mutex_unlock(&audit->queue_lock);
    error = own.error;
    if (error != VD_OK && error != VD_E_LIMIT && error != VD_E_CORRUPT && error != VD_E_NOT_FOUND) {
        vd_log(VD_LOG_ERROR, "audit.unwritable", "reason=\"%s\"", vd_error_text(error));
    }
    return error;
}

/* ---- Acts ---- */

static int change_add(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    return vd_audit_append(audit, head, context);
}

int vd_audit_add(struct vd_audit *audit, const struct vd_audit_entry *entry)
{
    struct vd_audit_entry copy = *entry;

    return transact_locked(audit, change_add, &copy);
}

int vd_audit_add_program(struct vd_audit *audit, const char *what, const char *note)
{
    struct vd_audit_entry entry = vd_audit_own_entry(note);

    entry.path = what;
    return transact_locked(audit, change_add, &entry);
}

struct beginning {
    const struct vd_audit_entry *entry;
    int64_t id;
};

static int change_begin(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    static const struct vd_audit_hash none = {{0}};
    struct beginning *beginning = context;
    struct vd_buf text = {0};
    int error = VD_E_LIMIT;

    if (head->open < VD_AUDIT_OPEN_MAX) {
        vd_audit_record_write(&text, 0, &none, beginning->entry);
        error = text.error;
    }
    if (error == VD_OK) {
        error = vd_audit_run_text(audit->db, "INSERT INTO intent VALUES (nullif(?1, 0), ?2)", 0,
            vd_audit_str(&text), NULL);
    }
    if (error == VD_OK) {
        beginning->id = sqlite3_last_insert_rowid(audit->db);
        head->open++;
        error = vd_audit_open_mix(
            audit->head_key, beginning->id, vd_audit_str(&text), &head->open_digest);
    }
    vd_buf_release(&text);
    return error;
}

int vd_audit_begin(struct vd_audit *audit, const struct vd_audit_entry *entry, int64_t *id)
{
    struct beginning beginning = {entry, 0};
    const int error = transact_locked(audit, change_begin, &beginning);

    if (error == VD_OK) {
        *id = beginning.id;
    }
    return error;
}

/* The act as it began, taken out of those of the head. VD_E_NOT_FOUND. */
static int take_intent(
    struct vd_audit *audit, struct vd_audit_head *head, int64_t id, struct vd_audit_record *out)
{
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(
        audit->db, "SELECT id, body, NULL FROM intent WHERE id = ?1", &id, 1, &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        error = vd_audit_open_mix(audit->head_key, id, row.text, &head->open_digest);
        head->open -= head->open > 0 ? 1 : 0;
    }
    if (error == VD_OK) {
        error = vd_audit_record_read(row.text, out) == VD_OK ? VD_OK : VD_E_CORRUPT;
    }
    sqlite3_finalize(statement);
    return error;
}

int vd_audit_change_end(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    const struct vd_audit_ending *ending = context;
    struct vd_audit_record intent;
    int error = take_intent(audit, head, ending->id, &intent);

    if (error != VD_OK) {
        return error;
    }
    intent.entry.status = ending->entry->status;
    intent.entry.outcome = ending->entry->outcome;
    intent.entry.note = ending->entry->note;
    error = vd_audit_append(audit, head, &intent.entry);
    if (error == VD_OK) {
        error = vd_audit_run_text(audit->db, "DELETE FROM intent WHERE id = ?1", ending->id,
            (struct vd_str){"", 0}, NULL);
    }
    vd_audit_record_release(&intent);
    return error;
}

int vd_audit_end(struct vd_audit *audit, int64_t id, const struct vd_audit_entry *entry)
{
    struct vd_audit_ending ending = {id, entry};

    return transact_locked(audit, vd_audit_change_end, &ending);
}

/* The count that the entry falls under; the lock is held. */
static struct vd_audit_refused *refused_of(
    struct vd_audit *audit, const struct vd_audit_entry *entry)
{
    const char *who = entry->who != NULL ? entry->who : "";
    struct vd_audit_refused *callers = audit->refused.callers;
    size_t i = 1;

    if (entry->kind != NULL && strcmp(entry->kind, VD_AUDIT_SIGN_IN) == 0) {
        return &callers[0];
    }
    while (
        i < audit->refused.count && strncmp(callers[i].who, who, sizeof callers[i].who - 1) != 0) {
        i++;
    }
    if (i > VD_AUDIT_CALLERS) {
        i = VD_AUDIT_CALLERS;
    } else if (i == audit->refused.count) {
        snprintf(callers[i].who, sizeof callers[i].who, "%s", who);
        audit->refused.count++;
    }
    return &callers[i];
}

/* Whether one more may be written; *held_back: how many were not since the last. */
static bool may_write_refused(
    struct vd_audit *audit, const struct vd_audit_entry *entry, uint64_t *held_back)
{
    const int64_t minute = vd_clock_monotonic_ms() / MINUTE_MS;
    struct vd_audit_refused *caller;
    bool may;

    pthread_mutex_lock(&audit->lock);
    if (audit->refused.minute != minute || audit->refused.count == 0) {
        memset(audit->refused.callers, 0, sizeof audit->refused.callers);
        audit->refused.minute = minute;
        audit->refused.count = 1;
    }
    caller = refused_of(audit, entry);
    may = caller->written < VD_AUDIT_REFUSED_MINUTE;
    *held_back = audit->refused.held_back;
    if (may) {
        caller->written++;
        audit->refused.held_back = 0;
    } else {
        audit->refused.held_back++;
    }
    pthread_mutex_unlock(&audit->lock);
    return may;
}

void vd_audit_add_refused(struct vd_audit *audit, const struct vd_audit_entry *entry)
{
    struct vd_audit_entry copy = *entry;
    char note[VD_AUDIT_TEXT_MAX + 1];
    uint64_t held_back = 0;

    if (!may_write_refused(audit, entry, &held_back)) {
        return;
    }
    if (held_back > 0) {
        snprintf(note, sizeof note, "%.200s; %" PRIu64 " more before it were not written",
            entry->note != NULL ? entry->note : "", held_back);
        copy.note = note;
    }
    (void)!transact_locked(audit, change_add, &copy); /* counted and logged */
}

int vd_audit_digest(
    const struct vd_audit *audit, struct vd_str bytes, char out[VD_AUDIT_HASH_TEXT_SIZE])
{
    struct vd_audit_hash mac;
    const int error = vd_audit_mac_of(audit->digest_key, bytes, &mac);

    if (error == VD_OK) {
        vd_audit_hash_format(&mac, out);
    }
    return error;
}

/* ---- Problems ---- */

int vd_audit_change_report(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    const struct vd_audit_entry entry = vd_audit_own_entry(context);

    return vd_audit_append(audit, head, &entry);
}

void vd_audit_report(struct vd_audit *audit, const char *problem)
{
    char text[VD_AUDIT_PROBLEM_SIZE];

    snprintf(text, sizeof text, "%.300s", problem);
    pthread_mutex_lock(&audit->lock);
    vd_audit_note_problem(audit, text);
    pthread_mutex_unlock(&audit->lock);
    (void)!transact_locked(audit, vd_audit_change_report, text); /* counted and logged */
}

/* ---- Cutting ---- */

struct cut {
    int64_t before_ms;
    uint64_t keep_min;
    uint64_t removed;
};

/* How many records from the front may go, and up to which hash. Only what is whole goes: a cut must not hide a break. */
static int measure(struct vd_audit *audit, struct cut *cut, uint64_t most, uint64_t beyond,
    struct vd_audit_check *check)
{
    const int64_t numbers[] = {(int64_t)check->next, (int64_t)most};
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record WHERE sequence >= ?1 ORDER BY sequence LIMIT ?2",
        numbers, 2, &statement);

    while (error == VD_OK && (error = vd_audit_row_next(statement, &row)) == VD_OK) {
        struct vd_audit_record record;

        error = vd_audit_record_read(row.text, &record) == VD_OK ? VD_OK : VD_E_CORRUPT;
        if (error == VD_OK) {
            const bool goes = cut->removed < beyond || record.entry.time_ms < cut->before_ms;

            vd_audit_record_release(&record);
            if (!goes) {
                break;
            }
            error = vd_audit_check_record(check, row.text, &row.hash);
        }
        if (error == VD_OK) {
            cut->removed++;
        }
    }
    sqlite3_finalize(statement);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int change_cut(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    struct cut *cut = context;
    struct vd_audit_check check = {
        .head = *head, .has_head = true, .next = head->from, .last = head->base};
    const uint64_t count = head->to + 1 - head->from;
    const uint64_t beyond = count > VD_AUDIT_RECORDS_MAX ? count - VD_AUDIT_RECORDS_MAX : 0;
    const uint64_t spare = count > cut->keep_min ? count - cut->keep_min : 0;
    const uint64_t most = spare < VD_AUDIT_CUT_STEP ? spare : VD_AUDIT_CUT_STEP;
    char hash[VD_AUDIT_HASH_TEXT_SIZE];
    char note[200] = "";
    struct vd_audit_entry entry = vd_audit_own_entry(note);
    int error = measure(audit, cut, most, beyond, &check);

    if (error != VD_OK || cut->removed == 0) {
        return error;
    }
    vd_audit_hash_format(&check.last, hash);
    snprintf(note, sizeof note,
        "records %" PRIu64 " to %" PRIu64 " were removed for their age; the last one's hash was %s",
        head->from, check.next - 1, hash);
    entry.path = VD_AUDIT_PATH_CUT;
    error = vd_audit_run_text(audit->db, "DELETE FROM record WHERE sequence < ?1",
        (int64_t)check.next, (struct vd_str){"", 0}, NULL);
    if (error == VD_OK) {
        head->from = check.next;
        head->base = check.last;
        error = vd_audit_append(audit, head, &entry);
    }
    return error;
}

int vd_audit_cut(struct vd_audit *audit, int64_t before_ms, uint64_t keep_min, uint64_t *removed)
{
    struct cut cut = {before_ms, keep_min, 0};
    int error = VD_OK;
    bool is_due;

    *removed = 0;
    pthread_mutex_lock(&audit->lock);
    is_due = audit->head.to + 1 - audit->head.from > keep_min;
    if (is_due) {
        /* A look first: a transaction that changes nothing would still write a head. */
        struct vd_audit_check check = {.head = audit->head,
            .has_head = true,
            .next = audit->head.from,
            .last = audit->head.base};
        struct cut look = cut;

        error = measure(audit, &look, 1,
            audit->head.to + 1 - audit->head.from > VD_AUDIT_RECORDS_MAX ? 1 : 0, &check);
        is_due = error == VD_OK && look.removed > 0;
    }
    pthread_mutex_unlock(&audit->lock);
    if (is_due) {
        error = transact_locked(audit, change_cut, &cut);
    }
    if (error == VD_OK) {
        *removed = cut.removed;
    }
    return error;
}
