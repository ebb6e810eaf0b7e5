/* SPDX-License-Identifier: MIT */
/* The hub's durable state in one SQLite file: the file, transactions, twins, subscriptions. */

#include "hub/state_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/sync.h"

#define STATE_APPLICATION_ID 0x56645374 /* "VdSt" */
#define STATE_VERSION        2

/* Pages that are kept in memory: more make nothing faster, for the system keeps the file. */
#define STATE_CACHE_KIB "512"

/* Another process that has just been killed may still hold the file. */
#define STATE_BUSY_MS 1000

#define OWNER_COLUMNS  "device_id, module_id, generation_id"
#define OWNER_IS_AFTER "(device_id, module_id, generation_id) > (?1, ?2, ?3)"

static const char *const statement_sql[STATE_STATEMENTS] = {
    [STATE_BEGIN] = "BEGIN IMMEDIATE",
    [STATE_COMMIT] = "COMMIT",
    [STATE_ROLLBACK] = "ROLLBACK",
    [STATE_ATTEMPT] = "SAVEPOINT attempt",
    [STATE_ATTEMPT_UNDO] = "ROLLBACK TO attempt",
    [STATE_ATTEMPT_END] = "RELEASE attempt",
    [STATE_OWNER_FIND] =
        "SELECT id FROM owner WHERE device_id = ?1 AND module_id = ?2 AND generation_id = ?3",
    [STATE_OWNER_ADD] = "INSERT INTO owner (" OWNER_COLUMNS ") VALUES (?1, ?2, ?3)",
    [STATE_OWNER_NEXT] =
        "SELECT id, " OWNER_COLUMNS " FROM owner WHERE id > ?1 ORDER BY id LIMIT 1",
    [STATE_OWNER_NEXT_OF_DEVICE] =
        "SELECT id, " OWNER_COLUMNS
        " FROM owner WHERE id > ?1 AND device_id = ?2 ORDER BY id LIMIT 1",
    [STATE_OWNER_REMOVE] = "DELETE FROM owner WHERE id = ?1",
    [STATE_FILTERS_GET] = "SELECT filters FROM owner WHERE id = ?1",
    [STATE_FILTERS_PUT] = "UPDATE owner SET filters = ?2 WHERE id = ?1",
    [STATE_ACTIVITY_GET] = "SELECT seen_ms, connection_ms FROM owner WHERE id = ?1",
    [STATE_ACTIVITY_PUT] =
        "UPDATE owner SET seen_ms = CASE ?2 WHEN 0 THEN seen_ms ELSE ?2 END,"
        " connection_ms = CASE ?3 WHEN 0 THEN connection_ms ELSE ?3 END WHERE id = ?1",
    [STATE_TWIN_GET] = "SELECT revision, document FROM twin WHERE owner = ?1",
    [STATE_TWIN_PUT] = "INSERT INTO twin (owner, revision, document) VALUES (?1, ?2, ?3) "
                       "ON CONFLICT (owner) DO UPDATE SET revision = ?2, document = ?3",
    /* CROSS: the order of the index is the order asked for, one row is looked at. */
    [STATE_TWIN_NEXT] = "SELECT " OWNER_COLUMNS ", document FROM owner CROSS JOIN twin "
                        "ON twin.owner = owner.id WHERE " OWNER_IS_AFTER
                        " ORDER BY device_id, module_id, generation_id LIMIT 1",
    [STATE_C2D_LOAD] = "SELECT sequence, state, ack, deliveries, expires_ms, lock_until_ms, lock "
                       "FROM c2d WHERE owner = ?1 ORDER BY sequence",
    [STATE_C2D_ADD] = "INSERT INTO c2d (owner, state, ack, deliveries, enqueued_ms, expires_ms, "
                      "due_ms, lock_until_ms, lock, message_id) "
                      "VALUES (?1, 0, ?2, 0, ?3, ?4, ?4, 0, '', ?5)",
    [STATE_C2D_ADD_BODY] = "INSERT INTO c2d_body (sequence, properties, body) VALUES (?1, ?2, ?3)",
    [STATE_C2D_UPDATE] =
        "UPDATE c2d SET state = ?2, deliveries = ?3, expires_ms = ?4, due_ms = ?5, "
        "lock_until_ms = ?6, lock = ?7 WHERE sequence = ?1",
    [STATE_C2D_REMOVE] = "DELETE FROM c2d WHERE sequence = ?1",
    [STATE_C2D_MESSAGE_ID] = "SELECT message_id FROM c2d WHERE sequence = ?1",
    [STATE_C2D_READ] = "SELECT enqueued_ms, message_id, properties, body FROM c2d JOIN c2d_body "
                       "USING (sequence) WHERE sequence = ?1",
    /* Bounded: they run in the writer's thread. */
    [STATE_C2D_TOTAL] = "SELECT count(*) FROM (SELECT 1 FROM c2d LIMIT ?1)",
    [STATE_FEEDBACK_TOTAL] = "SELECT count(*) FROM (SELECT 1 FROM feedback LIMIT ?1)",
    [STATE_C2D_DUE] = "SELECT " OWNER_COLUMNS " FROM c2d JOIN owner ON owner.id = c2d.owner "
                      "WHERE due_ms <= ?1 ORDER BY due_ms LIMIT 1",
    [STATE_C2D_AHEAD] = "SELECT " OWNER_COLUMNS " FROM c2d JOIN owner ON owner.id = c2d.owner "
                        "WHERE due_ms > ?1 ORDER BY due_ms DESC LIMIT 1",
    [STATE_FEEDBACK_ADD] =
        "INSERT INTO feedback (owner, ended_ms, state, message_id) VALUES (?1, ?2, ?3, ?4)",
    [STATE_FEEDBACK_TRIM] = "DELETE FROM feedback WHERE sequence <= ?1",
    [STATE_FEEDBACK_NEXT] = "SELECT " OWNER_COLUMNS ", sequence, ended_ms, state, message_id "
                            "FROM feedback JOIN owner ON owner.id = feedback.owner "
                            "WHERE sequence > ?1 ORDER BY sequence LIMIT 1",
    [STATE_FEEDBACK_REMOVE] = "DELETE FROM feedback WHERE sequence <= ?1",
};

const struct vd_sqlite_format vd_state_format = {STATE_APPLICATION_ID, STATE_VERSION};

/* What leads to each version from the one before it. They are never changed: a new version is a new step. A message's body
 * has a table of its own, so that a lock or a delivery rewrites a short row; due_ms is the end of the lock or of the life. */
static const char *const version_sql[STATE_VERSION] = {
    "CREATE TABLE owner (id INTEGER PRIMARY KEY AUTOINCREMENT, device_id TEXT NOT NULL,"
    " module_id TEXT NOT NULL, generation_id TEXT NOT NULL, filters INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (device_id, module_id, generation_id));"
    "CREATE TABLE twin (owner INTEGER PRIMARY KEY REFERENCES owner ON DELETE CASCADE,"
    " revision INTEGER NOT NULL, document BLOB NOT NULL);"
    "CREATE TABLE c2d (sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
    " owner INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE, state INTEGER NOT NULL,"
    " ack INTEGER NOT NULL, deliveries INTEGER NOT NULL, enqueued_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL, lock_until_ms INTEGER NOT NULL,"
    " lock TEXT NOT NULL, message_id TEXT NOT NULL);"
    "CREATE INDEX c2d_owner ON c2d (owner, sequence);"
    "CREATE INDEX c2d_due ON c2d (due_ms);"
    "CREATE TABLE c2d_body (sequence INTEGER PRIMARY KEY REFERENCES c2d ON DELETE CASCADE,"
    " properties BLOB NOT NULL, body BLOB NOT NULL);"
    "CREATE TABLE feedback (sequence INTEGER PRIMARY KEY AUTOINCREMENT,"
    " owner INTEGER NOT NULL REFERENCES owner ON DELETE CASCADE, ended_ms INTEGER NOT NULL,"
    " state INTEGER NOT NULL, message_id TEXT NOT NULL);"
    "CREATE INDEX feedback_owner ON feedback (owner);",
    "ALTER TABLE owner ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE owner ADD COLUMN connection_ms INTEGER NOT NULL DEFAULT 0;",
};

/* ---- Statements ---- */

void vd_state_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

void vd_state_bind_bytes(sqlite3_stmt *statement, int index, struct vd_str bytes)
{
    sqlite3_bind_blob(
        statement, index, bytes.length > 0 ? bytes.data : "", (int)bytes.length, SQLITE_STATIC);
}

void vd_state_bind_key(sqlite3_stmt *statement, int index, const struct vd_state_key *key)
{
    vd_state_bind_text(statement, index, key->device_id);
    vd_state_bind_text(statement, index + 1, key->module_id);
    vd_state_bind_text(statement, index + 2, key->generation_id);
}

void vd_state_reset(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

int vd_state_step(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    return result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
}

int vd_state_exec(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    vd_state_reset(statement);
    return vd_sqlite_error(result);
}

int vd_state_column_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    if (text == NULL ||
        vd_str_copy((struct vd_str){text, (size_t)sqlite3_column_bytes(statement, column)}, out,
            size) != VD_OK) {
        return VD_E_CORRUPT;
    }
    return VD_OK;
}

int vd_state_column_bytes(sqlite3_stmt *statement, int column, struct vd_buf *out, size_t max)
{
    const void *bytes = sqlite3_column_blob(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);

    if (length > max) {
        return VD_E_CORRUPT;
    }
    if (bytes == NULL && length > 0) {
        return VD_E_NOMEM;
    }
    if (length > 0) {
        vd_buf_append(out, bytes, length);
    }
    return out->error;
}

int vd_state_column_key(sqlite3_stmt *statement, int column, struct vd_state_key *key)
{
    int error = vd_state_column_text(statement, column, key->device_id, sizeof key->device_id);

    if (error == VD_OK) {
        error = vd_state_column_text(statement, column + 1, key->module_id, sizeof key->module_id);
    }
    if (error == VD_OK) {
        error = vd_state_column_text(
            statement, column + 2, key->generation_id, sizeof key->generation_id);
    }
    return error;
}

/* ---- Opening ---- */

static int read_int(sqlite3 *db, const char *sql, int *value)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            *value = sqlite3_column_int(statement, 0);
        }
    }
    sqlite3_finalize(statement);
    return vd_sqlite_error(result);
}

/* Goes the steps from `version` (0: an empty file) to today's. */
static int upgrade(sqlite3 *db, int version)
{
    char sql[128];
    int error = VD_OK;

    for (int next = version; error == VD_OK && next < STATE_VERSION; next++) {
        error = vd_sqlite_run(db, version_sql[next]);
    }
    if (error != VD_OK) {
        return error;
    }
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
        STATE_APPLICATION_ID, STATE_VERSION);
    return vd_sqlite_run(db, sql);
}

/* Within a transaction: what kind of file it is; an empty one and an older one are brought to today's version. */
static int check_schema(sqlite3 *db)
{
    int application = 0;
    int version = 0;
    int tables = 0;
    int error = read_int(db, "PRAGMA application_id", &application);

    if (error == VD_OK) {
        error = read_int(db, "PRAGMA user_version", &version);
    }
    if (error == VD_OK) {
        error = read_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (error != VD_OK) {
        return error;
    }
    if (application == 0 && version == 0 && tables == 0) {
        return upgrade(db, 0);
    }
    if (application != STATE_APPLICATION_ID || version < 1) {
        return VD_E_CORRUPT;
    }
    if (version > STATE_VERSION) {
        return VD_E_NEWER;
    }
    /* An opening that has nothing to change writes nothing: it works on a full disk. */
    return version < STATE_VERSION ? upgrade(db, version) : VD_OK;
}

static int open_database(struct vd_state_store *self, const char *path)
{
    int fd;
    int error = vd_lock_beside(path, &self->lock_fd);

    if (error != VD_OK) {
        return error;
    }
    fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* the mode; SQLite would use the umask's */

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    close(fd);
    error = vd_sqlite_error(
        sqlite3_open_v2(path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    if (error != VD_OK) {
        return error;
    }
    sqlite3_busy_timeout(self->db, STATE_BUSY_MS);
    error = vd_sqlite_run(self->db,
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
        "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -" STATE_CACHE_KIB "; BEGIN IMMEDIATE;");
    if (error != VD_OK) {
        return error;
    }
    error = check_schema(self->db);
    if (error != VD_OK) {
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
        return error;
    }
    /* Only now: a file that is not ours is not changed. */
    error = vd_sqlite_run(self->db, "COMMIT; PRAGMA journal_mode = WAL;");
    for (size_t i = 0; error == VD_OK && i < STATE_STATEMENTS; i++) {
        error = vd_sqlite_error(sqlite3_prepare_v3(
            self->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL));
    }
    return error;
}

int vd_state_store_open(const char *path, struct vd_state_store **out)
{
    struct vd_state_store *self = calloc(1, sizeof *self);
    int error;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->lock_fd = -1;
    error = open_database(self, path);
    if (error != VD_OK) {
        vd_state_store_close(self);
        return error;
    }
    *out = self;
    return VD_OK;
}

void vd_state_store_close(struct vd_state_store *self)
{
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STATE_STATEMENTS; i++) {
        sqlite3_finalize(self->statements[i]);
    }
    sqlite3_close(self->db);
    if (self->lock_fd >= 0) {
        close(self->lock_fd);
    }
    free(self);
}

/* ---- Transactions ---- */

int vd_state_store_begin(struct vd_state_store *self)
{
    self->changes_at_begin = sqlite3_total_changes64(self->db);
    return vd_state_exec(self->statements[STATE_BEGIN]);
}

bool vd_state_store_has_changes(const struct vd_state_store *self)
{
    return sqlite3_total_changes64(self->db) != self->changes_at_begin;
}

bool vd_state_store_is_open(const struct vd_state_store *self)
{
    return sqlite3_get_autocommit(self->db) == 0;
}

static void roll_back(struct vd_state_store *self)
{
    /* SQLite itself rolls back after some faults, of a commit as well. */
    if (vd_state_store_is_open(self)) {
        sqlite3_step(self->statements[STATE_ROLLBACK]);
        sqlite3_reset(self->statements[STATE_ROLLBACK]);
    }
}

int vd_state_store_attempt(struct vd_state_store *self,
    int (*run)(void *context, struct vd_state_store *store), void *context)
{
    int error = vd_state_exec(self->statements[STATE_ATTEMPT]);
    int ended;

    if (error != VD_OK) {
        return error;
    }
    error = run(context, self);
    if (!vd_state_store_is_open(self)) {
        return error;
    }
    ended = error != VD_OK ? vd_state_exec(self->statements[STATE_ATTEMPT_UNDO]) : VD_OK;
    if (ended == VD_OK) {
        ended = vd_state_exec(self->statements[STATE_ATTEMPT_END]);
    }
    if (ended != VD_OK) {
        /* What it did is neither kept nor undone: nothing of the transaction may stay. */
        roll_back(self);
        return ended;
    }
    return error;
}

int vd_state_store_commit(struct vd_state_store *self)
{
    int error = vd_state_exec(self->statements[STATE_COMMIT]);

    if (error != VD_OK) {
        roll_back(self);
    }
    return error;
}

/* ---- Twins ---- */

static int twin_read(
    struct vd_state_store *self, int64_t owner, struct vd_buf *document, uint64_t *revision)
{
    sqlite3_stmt *statement = self->statements[STATE_TWIN_GET];
    int error;

    sqlite3_bind_int64(statement, 1, owner);
    error = vd_state_step(statement);
    if (error == VD_OK && document != NULL) {
        error = vd_state_column_bytes(statement, 1, document, VD_HUB_TWIN_STORED_MAX_BYTES);
    }
    if (error == VD_OK) {
        *revision = (uint64_t)sqlite3_column_int64(statement, 0);
    }
    vd_state_reset(statement);
    return error;
}

int vd_state_twin_get(struct vd_state_store *self, const struct vd_state_key *key,
    struct vd_buf *document, uint64_t *revision)
{
    int64_t owner = 0;
    int error = vd_state_owner_find(self, key, &owner);

    return error == VD_OK ? twin_read(self, owner, document, revision) : error;
}

int vd_state_twin_put(struct vd_state_store *self, const struct vd_state_key *key,
    struct vd_str document, uint64_t expected, uint64_t *revision)
{
    sqlite3_stmt *statement = self->statements[STATE_TWIN_PUT];
    uint64_t stored = 0;
    int64_t owner = 0;
    int error;

    if (document.length == 0) {
        return VD_E_INVALID;
    }
    if (document.length > VD_HUB_TWIN_STORED_MAX_BYTES) {
        return VD_E_LIMIT;
    }
    error = vd_state_owner_need(self, key, &owner);
    if (error == VD_OK) {
        error = twin_read(self, owner, NULL, &stored);
    }
    if (error != VD_OK && error != VD_E_NOT_FOUND) {
        return error;
    }
    if (expected != 0 && expected != stored) {
        return VD_E_CHANGED;
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, (int64_t)(stored + 1));
    vd_state_bind_bytes(statement, 3, document);
    error = vd_state_exec(statement);
    if (error == VD_OK && revision != NULL) {
        *revision = stored + 1;
    }
    return error;
}

int vd_state_twin_update(struct vd_state_store *self, const struct vd_state_key *key,
    vd_state_twin_change *change, void *context)
{
    struct vd_buf old = {0};
    struct vd_buf changed = {0};
    uint64_t revision = 0;
    int error = vd_state_twin_get(self, key, &old, &revision);

    if (error == VD_E_NOT_FOUND) {
        error = VD_OK;
    }
    if (error == VD_OK &&
        change(context, (struct vd_str){(const char *)old.data, old.length}, &changed)) {
        error = changed.error;
        if (error == VD_OK) {
            error = vd_state_twin_put(self, key,
                (struct vd_str){(const char *)changed.data, changed.length}, revision, NULL);
        }
    }
    vd_buf_release(&old);
    vd_buf_release(&changed);
    return error;
}

int vd_state_twin_next(
    struct vd_state_store *self, struct vd_state_key *key, struct vd_buf *document)
{
    sqlite3_stmt *statement = self->statements[STATE_TWIN_NEXT];
    struct vd_state_key found;
    int error;

    vd_state_bind_key(statement, 1, key);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        error = vd_state_column_key(statement, 0, &found);
    }
    if (error == VD_OK) {
        error = vd_state_column_bytes(statement, 3, document, VD_HUB_TWIN_STORED_MAX_BYTES);
    }
    if (error == VD_OK) {
        *key = found;
    }
    vd_state_reset(statement);
    return error;
}

/* ---- Subscriptions ---- */

int vd_state_subscriptions_get(
    struct vd_state_store *self, const struct vd_state_key *key, uint32_t *filters)
{
    sqlite3_stmt *statement = self->statements[STATE_FILTERS_GET];
    int64_t owner = 0;
    int error = vd_state_owner_find(self, key, &owner);

    if (error == VD_E_NOT_FOUND) {
        *filters = 0;
        return VD_OK;
    }
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(statement, 1, owner);
    error = vd_state_step(statement);
    if (error == VD_OK) {
        *filters = (uint32_t)sqlite3_column_int64(statement, 0);
    }
    vd_state_reset(statement);
    return error;
}

int vd_state_subscriptions_put(
    struct vd_state_store *self, const struct vd_state_key *key, uint32_t filters)
{
    sqlite3_stmt *statement = self->statements[STATE_FILTERS_PUT];
    int64_t owner = 0;
    int error = filters == 0 ? vd_state_owner_find(self, key, &owner)
                             : vd_state_owner_need(self, key, &owner);

    if (error != VD_OK) {
        return error == VD_E_NOT_FOUND ? VD_OK : error;
    }
    sqlite3_bind_int64(statement, 1, owner);
    sqlite3_bind_int64(statement, 2, filters);
    return vd_state_exec(statement);
}
