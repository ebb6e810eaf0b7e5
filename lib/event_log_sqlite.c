/* SPDX-License-Identifier: MIT */
/* The embedded event log: a SQLite file in WAL mode with one row a batch, so that many records cost one fsync. */

#include "lib/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/sqlite.h"
#include "lib/sync.h"

#define APPLICATION_ID 0x56644c67 /* "VdLg" */
#define FORMAT_VERSION 1

/* Rows that one transaction of a trim removes: appends wait no longer than that takes. */
#define TRIM_ROWS 64

/* Deleted content is overwritten only where that costs no further write (Debian's default writes every page). */
#define SETUP_CONNECTION "PRAGMA synchronous = FULL; PRAGMA secure_delete = FAST;"
/* 16 MiB of WAL between checkpoints measured 1.5 times faster than the default of 4; what is left is cut to 64. */
#define SETUP_WRITER                                               \
    "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 4096;" \
    "PRAGMA journal_size_limit = 67108864;"

#define TEXT_OF_(value) #value
#define TEXT_OF(value)  TEXT_OF_(value)
#define CREATE_FORMAT                                                                    \
    "BEGIN IMMEDIATE;"                                                                   \
    "CREATE TABLE batch (first_offset INTEGER PRIMARY KEY, count INTEGER NOT NULL,"      \
    " appended_ms INTEGER NOT NULL, records BLOB NOT NULL);"                             \
    "PRAGMA application_id = " TEXT_OF(APPLICATION_ID) ";"                               \
                                                       "PRAGMA user_version = " TEXT_OF( \
                                                           FORMAT_VERSION) ";"           \
                                                                           "COMMIT;"

const struct vd_sqlite_format vd_event_log_format = {APPLICATION_ID, FORMAT_VERSION};

struct sqlite_log {
    struct vd_event_log base;
    int lock_fd;

    pthread_mutex_t write_lock; /* guards the writing connection and its statements */
    sqlite3 *writer;
    sqlite3_stmt *insert;
    sqlite3_stmt *trim;

    pthread_mutex_t read_lock; /* guards the reading connection and its statement */
    sqlite3 *reader;
    sqlite3_stmt *select;

    pthread_mutex_t
        end_lock; /* guards what follows; taken last, never held over a call to the disk */
    pthread_cond_t end_moved;
    uint64_t end;
    bool interrupted;
};

/* Our statements are fixed: only a schema that is not ours can make one fail. */
static int log_error(int rc)
{
    return (rc & 0xff) == SQLITE_ERROR ? VD_E_CORRUPT : vd_sqlite_error(rc);
}

static int exec(sqlite3 *db, const char *sql)
{
    return log_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int query_integer(sqlite3 *db, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    if (rc == SQLITE_ROW) {
        *value = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return log_error(rc);
}

/* Looks before anything is changed, so that a file that is not ours stays as it is. */
static int format_check(sqlite3 *db, bool *is_new)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int error = query_integer(db, "PRAGMA application_id", &id);

    if (error == VD_OK) {
        error = query_integer(db, "PRAGMA user_version", &version);
    }
    if (error == VD_OK) {
        error = query_integer(db, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (error != VD_OK) {
        return error;
    }
    *is_new = id == 0 && version == 0 && tables == 0;
    if (*is_new) {
        return VD_OK;
    }
    if (id != APPLICATION_ID || version < 1) {
        return VD_E_CORRUPT;
    }
    return version > FORMAT_VERSION ? VD_E_NEWER : VD_OK;
}

static int connection_open(const char *path, sqlite3 **db)
{
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc != SQLITE_OK) {
        return *db != NULL ? log_error(rc) : VD_E_NOMEM;
    }
    sqlite3_extended_result_codes(*db, 1);
    /* Only the two connections of this process meet here, and only where the WAL is made or restarted. */
    sqlite3_busy_timeout(*db, 5000);
    return VD_OK;
}

static int prepare(sqlite3 *db, const char *sql, sqlite3_stmt **statement)
{
    return log_error(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL));
}

static int writer_open(struct sqlite_log *self, const char *path)
{
    bool is_new = false;
    int64_t end = 0;
    int error = connection_open(path, &self->writer);

    if (error == VD_OK) {
        error = format_check(self->writer, &is_new);
    }
    if (error == VD_OK) {
        error = exec(self->writer, SETUP_CONNECTION SETUP_WRITER);
    }
    if (error == VD_OK && is_new) {
        error = exec(self->writer, CREATE_FORMAT);
    }
    if (error == VD_OK) {
        error = query_integer(self->writer,
            "SELECT coalesce((SELECT first_offset + count FROM batch"
            " ORDER BY first_offset DESC LIMIT 1), 0)",
            &end);
    }
    if (error == VD_OK) {
        error = prepare(self->writer, "INSERT INTO batch VALUES (?1, ?2, ?3, ?4)", &self->insert);
    }
    if (error == VD_OK) {
        /* The last row stays whatever is asked: it remembers where the log ends. */
        error = prepare(self->writer,
            "DELETE FROM batch WHERE first_offset IN (SELECT first_offset FROM batch"
            " WHERE first_offset < ?1 AND first_offset + count <= ?1"
            " AND first_offset < (SELECT max(first_offset) FROM batch)"
            " ORDER BY first_offset LIMIT " TEXT_OF(TRIM_ROWS) ")",
            &self->trim);
    }
    self->end = (uint64_t)end;
    return error;
}

static int reader_open(struct sqlite_log *self, const char *path)
{
    int error = connection_open(path, &self->reader);

    if (error == VD_OK) {
        error = exec(self->reader, SETUP_CONNECTION "PRAGMA query_only = ON;");
    }
    if (error == VD_OK) {
        error = prepare(self->reader,
            "SELECT first_offset, count, records FROM batch WHERE first_offset >="
            " coalesce((SELECT max(first_offset) FROM batch WHERE first_offset <= ?1), 0)"
            " ORDER BY first_offset",
            &self->select);
    }
    return error;
}

/* Makes the file with its mode, and its name durable: SQLite syncs the folder for journals only. */
static int file_create(const char *path)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        return errno == EEXIST ? VD_OK : vd_error_from_errno(errno);
    }
    close(fd);
    return vd_sync_folder_of(path);
}

static int log_append(struct vd_event_log *log, uint32_t partition,
    const struct vd_event_batch *batch, uint64_t *first_offset)
{
    struct sqlite_log *self = (struct sqlite_log *)log;
    uint64_t first;
    int rc;

    if (partition != 0 || batch->count == 0) {
        return VD_E_INVALID;
    }
    pthread_mutex_lock(&self->write_lock);
    first = self->end;
    sqlite3_bind_int64(self->insert, 1, (sqlite3_int64)first);
    sqlite3_bind_int64(self->insert, 2, batch->count);
    sqlite3_bind_int64(self->insert, 3, vd_clock_utc_ms());
    rc =
        sqlite3_bind_blob64(self->insert, 4, batch->bytes.data, batch->bytes.length, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(self->insert);
    }
    rc = log_error(rc);
    sqlite3_reset(self->insert);
    sqlite3_bind_null(self->insert, 4);
    if (rc == VD_OK) {
        pthread_mutex_lock(&self->end_lock);
        self->end = first + batch->count;
        pthread_cond_broadcast(&self->end_moved);
        pthread_mutex_unlock(&self->end_lock);
        *first_offset = first;
    }
    pthread_mutex_unlock(&self->write_lock);
    return rc;
}

/* Where a read has got to. */
struct read_state {
    uint64_t offset; /* what was asked for */
    size_t max_bytes;
    struct vd_event_batch *out;
    uint64_t first;
    bool is_full;
};

/* Copies what is wanted of one row, of which `count` records begin at `first`. */
static int read_row(struct read_state *state, uint64_t first, uint64_t count, struct vd_str records)
{
    struct vd_reader reader;
    struct vd_event event;
    uint64_t at = first;
    const uint8_t *from = NULL;
    const uint8_t *to = NULL;

    vd_reader_init(&reader, records.data, records.length);
    for (; at < first + count && !state->is_full; at++) {
        const uint8_t *start = reader.cur;
        size_t taken = from != NULL ? (size_t)(start - from) : 0;

        if (vd_event_next(&reader, &event) != VD_OK) {
            return VD_E_CORRUPT;
        }
        if (at < state->offset) {
            continue;
        }
        if (state->out->count > 0 &&
            state->out->bytes.length + taken + (size_t)(reader.cur - start) > state->max_bytes) {
            state->is_full = true;
            break;
        }
        if (state->out->count++ == 0) {
            state->first = at;
        }
        from = from != NULL ? from : start;
        to = reader.cur;
    }
    if (!state->is_full && vd_reader_left(&reader) != 0) {
        return VD_E_CORRUPT;
    }
    if (from != NULL) {
        vd_buf_append(&state->out->bytes, from, (size_t)(to - from));
    }
    return state->out->bytes.error;
}

static int read_rows(struct sqlite_log *self, struct read_state *state)
{
    int error = VD_OK;
    int rc = SQLITE_DONE;

    sqlite3_bind_int64(self->select, 1, (sqlite3_int64)state->offset);
    while (error == VD_OK && !state->is_full && (rc = sqlite3_step(self->select)) == SQLITE_ROW) {
        struct vd_str records = {
            sqlite3_column_blob(self->select, 2), (size_t)sqlite3_column_bytes(self->select, 2)};

        error = read_row(state, (uint64_t)sqlite3_column_int64(self->select, 0),
            (uint64_t)sqlite3_column_int64(self->select, 1), records);
    }
    if (error == VD_OK) {
        error = log_error(rc);
    }
    sqlite3_reset(self->select);
    return error;
}

static int log_read(struct vd_event_log *log, uint32_t partition, uint64_t offset, size_t max_bytes,
    struct vd_event_batch *out, uint64_t *first_offset)
{
    struct sqlite_log *self = (struct sqlite_log *)log;
    struct read_state state = {.offset = offset, .max_bytes = max_bytes, .out = out};
    int error;

    if (partition != 0) {
        return VD_E_INVALID;
    }
    vd_event_batch_clear(out);
    pthread_mutex_lock(&self->end_lock);
    error = offset < self->end ? VD_OK : VD_E_NOT_FOUND;
    pthread_mutex_unlock(&self->end_lock);
    if (error != VD_OK) {
        return error;
    }
    pthread_mutex_lock(&self->read_lock);
    error = read_rows(self, &state);
    pthread_mutex_unlock(&self->read_lock);
    if (error != VD_OK) {
        vd_event_batch_clear(out);
        return error;
    }
    if (out->count == 0) {
        return VD_E_NOT_FOUND;
    }
    *first_offset = state.first;
    return VD_OK;
}

static int log_wait(struct vd_event_log *log, uint32_t partition, uint64_t offset, int timeout_ms)
{
    struct sqlite_log *self = (struct sqlite_log *)log;
    struct timespec until;
    int rc = 0;
    int result;

    if (partition != 0) {
        return VD_E_INVALID;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_mutex_lock(&self->end_lock);
    while (!self->interrupted && self->end <= offset && rc == 0) {
        rc = pthread_cond_timedwait(&self->end_moved, &self->end_lock, &until);
    }
    if (self->interrupted) {
        result = VD_E_CLOSED;
    } else {
        result = self->end > offset ? VD_OK : VD_E_TIMEOUT;
    }
    pthread_mutex_unlock(&self->end_lock);
    return result;
}

static int log_trim(struct vd_event_log *log, uint32_t partition, uint64_t offset)
{
    struct sqlite_log *self = (struct sqlite_log *)log;
    sqlite3_int64 before = offset > INT64_MAX ? INT64_MAX : (sqlite3_int64)offset;
    int removed = TRIM_ROWS;
    int error = partition == 0 ? VD_OK : VD_E_INVALID;

    while (error == VD_OK && removed == TRIM_ROWS) {
        pthread_mutex_lock(&self->write_lock);
        sqlite3_bind_int64(self->trim, 1, before);
        error = log_error(sqlite3_step(self->trim));
        removed = sqlite3_changes(self->writer);
        sqlite3_reset(self->trim);
        pthread_mutex_unlock(&self->write_lock);
    }
    return error;
}

static int log_end(struct vd_event_log *log, uint32_t partition, uint64_t *end)
{
    struct sqlite_log *self = (struct sqlite_log *)log;

    if (partition != 0) {
        return VD_E_INVALID;
    }
    pthread_mutex_lock(&self->end_lock);
    *end = self->end;
    pthread_mutex_unlock(&self->end_lock);
    return VD_OK;
}

/* Bytes of the pages that hold something. */
static int used_bytes(sqlite3 *db, uint64_t *bytes)
{
    int64_t pages = 0;
    int64_t free_pages = 0;
    int64_t page_size = 0;
    int error = query_integer(db, "PRAGMA page_count", &pages);

    if (error == VD_OK) {
        error = query_integer(db, "PRAGMA freelist_count", &free_pages);
    }
    if (error == VD_OK) {
        error = query_integer(db, "PRAGMA page_size", &page_size);
    }
    *bytes = (uint64_t)((pages - free_pages) * page_size);
    return error;
}

/* The end of the oldest rows that hold `excess` bytes together. */
static int skip_rows(sqlite3 *db, uint64_t excess, uint64_t *offset)
{
    sqlite3_stmt *statement = NULL;
    uint64_t skipped = 0;
    int rc = sqlite3_prepare_v2(db,
        "SELECT first_offset + count, length(records) FROM batch ORDER BY first_offset", -1,
        &statement, NULL);

    while (rc == SQLITE_OK && skipped < excess && sqlite3_step(statement) == SQLITE_ROW) {
        *offset = (uint64_t)sqlite3_column_int64(statement, 0);
        skipped += (uint64_t)sqlite3_column_int64(statement, 1);
    }
    rc = rc == SQLITE_OK ? sqlite3_finalize(statement) : rc;
    return log_error(rc);
}

static int log_tail(
    struct vd_event_log *log, uint32_t partition, uint64_t max_bytes, uint64_t *offset)
{
    struct sqlite_log *self = (struct sqlite_log *)log;
    uint64_t used = 0;
    uint64_t from = 0;
    int error;

    if (partition != 0) {
        return VD_E_INVALID;
    }
    pthread_mutex_lock(&self->read_lock);
    error = used_bytes(self->reader, &used);
    if (error == VD_OK && used > max_bytes) {
        error = skip_rows(self->reader, used - max_bytes, &from);
    }
    pthread_mutex_unlock(&self->read_lock);
    if (error == VD_OK) {
        *offset = from;
    }
    return error;
}

static void log_interrupt(struct vd_event_log *log)
{
    struct sqlite_log *self = (struct sqlite_log *)log;

    pthread_mutex_lock(&self->end_lock);
    self->interrupted = true;
    pthread_cond_broadcast(&self->end_moved);
    pthread_mutex_unlock(&self->end_lock);
}

static void log_close(struct vd_event_log *log)
{
    struct sqlite_log *self = (struct sqlite_log *)log;

    sqlite3_finalize(self->insert);
    sqlite3_finalize(self->trim);
    sqlite3_finalize(self->select);
    sqlite3_close(self->reader);
    sqlite3_close(self->writer);
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
    }
    pthread_cond_destroy(&self->end_moved);
    pthread_mutex_destroy(&self->end_lock);
    pthread_mutex_destroy(&self->read_lock);
    pthread_mutex_destroy(&self->write_lock);
    free(self);
}

static const struct vd_event_log_ops sqlite_log_ops = {
    .append = log_append,
    .read = log_read,
    .wait = log_wait,
    .trim = log_trim,
    .end = log_end,
    .interrupt = log_interrupt,
    .close = log_close,
    .tail = log_tail,
};

static struct sqlite_log *log_new(void)
{
    struct sqlite_log *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (self == NULL) {
        return NULL;
    }
    self->base.ops = &sqlite_log_ops;
    self->lock_fd = -1;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->end_moved, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->write_lock, NULL);
    pthread_mutex_init(&self->read_lock, NULL);
    pthread_mutex_init(&self->end_lock, NULL);
    return self;
}

int vd_event_log_sqlite_open(const char *path, struct vd_event_log **log)
{
    struct sqlite_log *self = log_new();
    int error;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    error = vd_lock_beside(path, &self->lock_fd);
    if (error == VD_OK) {
        error = file_create(path);
    }
    if (error == VD_OK) {
        error = writer_open(self, path);
    }
    if (error == VD_OK) {
        error = reader_open(self, path);
    }
    if (error != VD_OK) {
        log_close(&self->base);
        return error;
    }
    *log = &self->base;
    return VD_OK;
}
