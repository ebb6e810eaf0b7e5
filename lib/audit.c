/* SPDX-License-Identifier: MIT */
/* Opens the audit trail's file, and takes up what is there. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "lib/audit_internal.h"
#include "lib/clock.h"
#include "lib/sqlite.h"
#include "lib/sync.h"

/* Another process may read it meanwhile. */
#define SETUP                                                                            \
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;" \
    "PRAGMA journal_size_limit = 16777216;"
#define BUSY_MS 5000
#define CREATE                                                                                    \
    "CREATE TABLE record (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL, hash BLOB NOT NULL);" \
    "CREATE TABLE intent (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);"             \
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), line TEXT NOT NULL);"              \
    "PRAGMA application_id = 0x56644175; PRAGMA user_version = 1;"

static int file_create(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return errno == EEXIST ? VD_OK : vd_error_from_errno(errno);
    }
    close(fd);
    return vd_sync_folder_of(path);
}

/* A new trail, with nothing in it. */
static int head_new(struct vd_audit_head *head)
{
    struct vd_uuid trail;
    int error = vd_uuid_random(&trail);

    *head = (struct vd_audit_head){.kind = "head", .from = 1};
    if (error == VD_OK) {
        vd_uuid_format(&trail, head->trail);
    }
    return error;
}

/* The last record of the table; the head's own where there is none. */
static int last_row(struct vd_audit *audit, struct vd_audit_head *head)
{
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(audit->db,
        "SELECT sequence, body, hash FROM record ORDER BY sequence DESC LIMIT 1", NULL, 0,
        &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        head->to = row.sequence;
        error = vd_audit_hash_of(row.text, &head->last);
    }
    sqlite3_finalize(statement);
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int change_nothing(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    (void)audit;
    (void)head;
    (void)context;
    return VD_OK;
}

/* Whether nothing was ever written: the file was made, and the program ended before it had a head. */
static bool is_blank(struct vd_audit *audit)
{
    sqlite3_stmt *statement = NULL;
    const bool blank =
        vd_audit_prepare(audit->db,
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM record) OR EXISTS (SELECT 1 FROM sqlite_sequence)",
            NULL, 0, &statement) == VD_OK &&
        sqlite3_step(statement) == SQLITE_DONE;

    sqlite3_finalize(statement);
    return blank;
}

/* The head of the file; problem: what is wrong with it, and it is then made of what there is. */
static int head_load(struct vd_audit *audit, char problem[VD_AUDIT_PROBLEM_SIZE])
{
    struct vd_audit_check check = {.key = audit->head_key};
    struct vd_audit_head last = {.kind = ""};
    int error = vd_audit_head_line(audit->db, &audit->head_line);

    problem[0] = '\0';
    if (error == VD_E_NOT_FOUND && is_blank(audit)) {
        error = head_new(&audit->head);
        return error == VD_OK ? vd_audit_transact(audit, change_nothing, NULL) : error;
    }
    if (error == VD_OK) {
        error = vd_audit_check_head(&check, vd_audit_str(&audit->head_line));
    } else if (error == VD_E_NOT_FOUND) {
        snprintf(check.problem, sizeof check.problem, "the head was removed");
        error = VD_E_CORRUPT;
    }
    if (error == VD_E_CORRUPT) {
        snprintf(problem, VD_AUDIT_PROBLEM_SIZE, "%s", check.problem);
        error = head_new(&check.head);
        vd_buf_clear(&audit->head_line);
    }
    audit->head = check.head;
    last = check.head;
    last.to = last.from - 1;
    last.last = last.base;
    error = error == VD_OK ? last_row(audit, &last) : error;
    if (error == VD_OK && problem[0] == '\0' &&
        (last.to != audit->head.to || !vd_audit_hash_equal(&last.last, &audit->head.last))) {
        snprintf(problem, VD_AUDIT_PROBLEM_SIZE,
            last.to < audit->head.to
                ? "records at the end are missing: the last is %" PRIu64 ", the head says %" PRIu64
                : "the last record, %" PRIu64 ", is not the one of the head, %" PRIu64,
            last.to, audit->head.to);
    }
    if (error == VD_OK && last.to > audit->head.to) {
        audit->head.to = last.to;
        audit->head.last = last.last;
    }
    if (error == VD_OK && problem[0] == '\0' && vd_audit_check_open(audit->db, &check) != VD_OK) {
        snprintf(problem, VD_AUDIT_PROBLEM_SIZE, "%s",
            check.problem[0] != '\0' ? check.problem : "the open acts cannot be read");
    }
    if (error == VD_OK && problem[0] != '\0') {
        error = vd_audit_open_digest(
            audit->db, audit->head_key, &audit->head.open, &audit->head.open_digest);
    }
    return error;
}

/* The oldest act that was open when the program ended; VD_E_NOT_FOUND: none was. */
static int oldest_intent(struct vd_audit *audit, int64_t *id)
{
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row;
    int error = vd_audit_prepare(
        audit->db, "SELECT id, body, NULL FROM intent ORDER BY id LIMIT 1", NULL, 0, &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        *id = (int64_t)row.sequence;
    }
    sqlite3_finalize(statement);
    return error;
}

static int change_forget(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    const int64_t *id = context;
    const struct vd_audit_entry entry =
        vd_audit_own_entry("an act that had begun and not ended cannot be read");
    int error = vd_audit_append(audit, head, &entry);

    if (error == VD_OK) {
        error = vd_audit_run_text(
            audit->db, "DELETE FROM intent WHERE id = ?1", *id, (struct vd_str){"", 0}, NULL);
    }
    if (error == VD_OK) {
        error = vd_audit_open_digest(audit->db, audit->head_key, &head->open, &head->open_digest);
    }
    return error;
}

/* All of them in one transaction: a hub that was killed may have had thousands. */
static int change_end_open(struct vd_audit *audit, struct vd_audit_head *head, void *context)
{
    int64_t id = 0;
    int error;

    while ((error = oldest_intent(audit, &id)) == VD_OK) {
        struct vd_audit_ending ending = {id, context};

        error = vd_audit_change_end(audit, head, &ending);
        if (error == VD_E_CORRUPT) {
            error = change_forget(audit, head, &id);
        }
        if (error != VD_OK) {
            return error;
        }
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int end_open(struct vd_audit *audit)
{
    struct vd_audit_entry unknown = {.outcome = VD_AUDIT_UNKNOWN,
        .note = "the program ended before it could say how this ended: it may have happened"};
    int64_t id = 0;
    const int error = oldest_intent(audit, &id);

    if (error == VD_E_NOT_FOUND) {
        return VD_OK;
    }
    return error == VD_OK ? vd_audit_transact(audit, change_end_open, &unknown) : error;
}

static int file_open(struct vd_audit *audit, const char *path)
{
    bool is_new = false;
    char problem[VD_AUDIT_PROBLEM_SIZE] = "";
    int error = file_create(path);

    if (error == VD_OK) {
        error = vd_sqlite_error(
            sqlite3_open_v2(path, &audit->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    }
    if (error == VD_OK) {
        sqlite3_busy_timeout(audit->db, BUSY_MS);
        error = vd_audit_format_check(audit->db, &is_new);
    }
    if (error == VD_OK) {
        error = vd_sqlite_run(audit->db, SETUP);
    }
    if (error == VD_OK && is_new) {
        error = vd_sqlite_run(audit->db, "BEGIN;" CREATE "COMMIT;");
    }
    if (error == VD_OK) {
        error = head_load(audit, problem);
    }
    if (error == VD_OK && problem[0] != '\0') {
        vd_audit_note_problem(audit, problem);
        error = vd_audit_transact(audit, vd_audit_change_report, problem);
    }
    return error == VD_OK ? end_open(audit) : error;
}

int vd_audit_open(
    const char *path, const uint8_t master[VD_MASTER_KEY_BYTES], struct vd_audit **out)
{
    struct vd_audit *audit = calloc(1, sizeof *audit);
    int error;

    if (audit == NULL) {
        return VD_E_NOMEM;
    }
    pthread_mutex_init(&audit->lock, NULL);
    pthread_mutex_init(&audit->queue_lock, NULL);
    pthread_cond_init(&audit->written, NULL);
    audit->waiting_end = &audit->waiting;
    error = vd_audit_keys_derive(master, audit->head_key, audit->digest_key);
    if (error == VD_OK) {
        error = file_open(audit, path);
    }
    if (error != VD_OK) {
        vd_audit_close(audit);
        return error;
    }
    *out = audit;
    return VD_OK;
}

void vd_audit_close(struct vd_audit *audit)
{
    if (audit == NULL) {
        return;
    }
    sqlite3_close(audit->db);
    vd_buf_release(&audit->head_line);
    pthread_cond_destroy(&audit->written);
    pthread_mutex_destroy(&audit->queue_lock);
    pthread_mutex_destroy(&audit->lock);
    vd_secret_wipe(audit, sizeof *audit);
    free(audit);
}
