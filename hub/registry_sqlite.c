/* SPDX-License-Identifier: MIT */
/* The registry in one SQLite file: identities by id, their keys sealed under the master key. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "hub/registry.h"
#include "lib/clock.h"
#include "lib/secret.h"
#include "lib/sqlite.h"
#include "lib/uuid.h"

#define REGISTRY_APPLICATION_ID 0x56645267 /* "VdRg" */
#define REGISTRY_VERSION        1
#define REGISTRY_BUSY_MS        5000

/* Identities that a list reads under one lock. */
#define LIST_PAGE 64

/* Two keys, each with its length in front. */
#define KEYS_BYTES  (2 * (1 + VD_KEY_MAX_BYTES))
#define BOUND_BYTES (2 * (VD_ID_MAX + 1) + VD_UUID_TEXT_SIZE)

/* What the check value holds when it is opened: a wrong master key does not get that far. */
#define CHECK_TEXT  "vedette registry"
#define CHECK_BYTES (sizeof CHECK_TEXT - 1)

enum statement {
    STATEMENT_GET,
    STATEMENT_LIST,
    STATEMENT_CREATE,
    STATEMENT_REMOVE,
    STATEMENTS
};

static const char *const statement_sql[STATEMENTS] = {
    [STATEMENT_GET] = "SELECT device_id, module_id, generation_id, enabled, created_ms, keys "
                      "FROM identity WHERE device_id = ?1 AND module_id = ?2",
    [STATEMENT_LIST] = "SELECT device_id, module_id, generation_id, enabled, created_ms, keys "
                       "FROM identity WHERE (device_id, module_id) > (?1, ?2) "
                       "ORDER BY device_id, module_id LIMIT ?3",
    [STATEMENT_CREATE] =
        "INSERT INTO identity (device_id, module_id, generation_id, enabled, created_ms, keys) "
        "SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?2 = '' OR EXISTS "
        "(SELECT 1 FROM identity WHERE device_id = ?1 AND module_id = '')",
    [STATEMENT_REMOVE] =
        "DELETE FROM identity WHERE device_id = ?1 AND (module_id = ?2 OR ?2 = '')",
};

static const char schema_sql[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE identity ("
    " device_id TEXT NOT NULL, module_id TEXT NOT NULL, generation_id TEXT NOT NULL,"
    " enabled INTEGER NOT NULL, created_ms INTEGER NOT NULL, keys BLOB NOT NULL,"
    " PRIMARY KEY (device_id, module_id)) WITHOUT ROWID;";

struct sqlite_registry {
    struct vd_registry base;
    pthread_mutex_t lock; /* one statement at a time on the one connection */
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    uint8_t master_key[VD_MASTER_KEY_BYTES];
};

static struct sqlite_registry *self_of(struct vd_registry *registry)
{
    return (struct sqlite_registry *)registry;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

/* ---- Keys: sealed together, bound to the ids that they belong to. ---- */

static struct vd_str bound_of(const struct vd_identity *identity, char out[BOUND_BYTES])
{
    const char *parts[] = {identity->device_id, identity->module_id, identity->generation_id};
    size_t length = 0;

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t with_nul = strlen(parts[i]) + 1;

        memcpy(out + length, parts[i], with_nul);
        length += with_nul;
    }
    return (struct vd_str){out, length};
}

static uint8_t *put_key(uint8_t *out, const struct vd_key *key)
{
    *out++ = key->length;
    memcpy(out, key->bytes, VD_KEY_MAX_BYTES);
    memset(out + key->length, 0, (size_t)VD_KEY_MAX_BYTES - key->length);
    return out + VD_KEY_MAX_BYTES;
}

static bool take_key(const uint8_t *in, struct vd_key *key)
{
    if (in[0] < VD_KEY_MIN_BYTES || in[0] > VD_KEY_MAX_BYTES) {
        return false;
    }
    key->length = in[0];
    memcpy(key->bytes, in + 1, VD_KEY_MAX_BYTES);
    return true;
}

static int seal_keys(const struct sqlite_registry *self, const struct vd_identity *identity,
    uint8_t out[KEYS_BYTES + VD_SEAL_OVERHEAD])
{
    char bound[BOUND_BYTES];
    uint8_t plain[KEYS_BYTES];
    int error;

    put_key(put_key(plain, &identity->primary_key), &identity->secondary_key);
    error = vd_secret_seal(self->master_key, bound_of(identity, bound), plain, sizeof plain, out);
    vd_secret_wipe(plain, sizeof plain);
    return error;
}

static int open_keys(const struct sqlite_registry *self, const void *sealed, int length,
    struct vd_identity *identity)
{
    char bound[BOUND_BYTES];
    uint8_t plain[KEYS_BYTES];
    bool good;

    if (length != KEYS_BYTES + VD_SEAL_OVERHEAD) {
        return VD_E_CORRUPT;
    }
    /* The master key was checked when the registry was opened: what does not open now was changed. */
    good = vd_secret_open(self->master_key, bound_of(identity, bound), sealed, (size_t)length,
               plain) == VD_OK &&
        take_key(plain, &identity->primary_key) &&
        take_key(plain + 1 + VD_KEY_MAX_BYTES, &identity->secondary_key);
    vd_secret_wipe(plain, sizeof plain);
    return good ? VD_OK : VD_E_CORRUPT;
}

/* ---- Rows ---- */

static int column_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    if (text == NULL ||
        vd_str_copy((struct vd_str){text, (size_t)sqlite3_column_bytes(statement, column)}, out,
            size) != VD_OK) {
        return VD_E_CORRUPT;
    }
    return VD_OK;
}

static int identity_from_row(
    const struct sqlite_registry *self, sqlite3_stmt *row, struct vd_identity *out)
{
    struct vd_identity identity = {0};
    int error = VD_OK;

    if (column_text(row, 0, identity.device_id, sizeof identity.device_id) != VD_OK ||
        column_text(row, 1, identity.module_id, sizeof identity.module_id) != VD_OK ||
        column_text(row, 2, identity.generation_id, sizeof identity.generation_id) != VD_OK) {
        return VD_E_CORRUPT;
    }
    identity.enabled = sqlite3_column_int(row, 3) != 0;
    identity.created_ms = sqlite3_column_int64(row, 4);
    error = open_keys(self, sqlite3_column_blob(row, 5), sqlite3_column_bytes(row, 5), &identity);
    if (error == VD_OK) {
        *out = identity;
    }
    vd_secret_wipe(&identity, sizeof identity);
    return error;
}

/* Steps a statement that gives no rows and makes it ready for its next use. */
static int run(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return vd_sqlite_error(result);
}

/* ---- Operations ---- */

static bool key_is_valid(const struct vd_key *key)
{
    return key->length >= VD_KEY_MIN_BYTES && key->length <= VD_KEY_MAX_BYTES;
}

static bool identity_is_valid(const struct vd_identity *identity)
{
    size_t module_length = strnlen(identity->module_id, sizeof identity->module_id);

    return vd_device_id_is_valid(
               identity->device_id, strnlen(identity->device_id, sizeof identity->device_id)) &&
        (module_length == 0 || vd_device_id_is_valid(identity->module_id, module_length)) &&
        key_is_valid(&identity->primary_key) && key_is_valid(&identity->secondary_key);
}

static int registry_create(struct vd_registry *registry, struct vd_identity *identity)
{
    struct sqlite_registry *self = self_of(registry);
    sqlite3_stmt *statement = self->statements[STATEMENT_CREATE];
    uint8_t sealed[KEYS_BYTES + VD_SEAL_OVERHEAD];
    struct vd_identity made;
    struct vd_uuid generation;
    int error;

    if (!identity_is_valid(identity)) {
        return VD_E_INVALID;
    }
    made = *identity;
    made.created_ms = vd_clock_utc_ms();
    error = vd_uuid_random(&generation);
    if (error == VD_OK) {
        vd_uuid_format(&generation, made.generation_id);
        error = seal_keys(self, &made, sealed);
    }
    if (error != VD_OK) {
        goto out;
    }
    pthread_mutex_lock(&self->lock);
    bind_text(statement, 1, made.device_id);
    bind_text(statement, 2, made.module_id);
    bind_text(statement, 3, made.generation_id);
    sqlite3_bind_int(statement, 4, made.enabled);
    sqlite3_bind_int64(statement, 5, made.created_ms);
    sqlite3_bind_blob(statement, 6, sealed, (int)sizeof sealed, SQLITE_TRANSIENT);
    error = run(statement);
    if (error == VD_OK && sqlite3_changes(self->db) == 0) {
        error = VD_E_NOT_FOUND; /* a module without its device */
    }
    pthread_mutex_unlock(&self->lock);
    if (error == VD_OK) {
        *identity = made;
    }
out:
    vd_secret_wipe(&made, sizeof made);
    return error;
}

static int registry_get(struct vd_registry *registry, const char *device_id, const char *module_id,
    struct vd_identity *out)
{
    struct sqlite_registry *self = self_of(registry);
    sqlite3_stmt *statement = self->statements[STATEMENT_GET];
    int result;
    int error;

    pthread_mutex_lock(&self->lock);
    bind_text(statement, 1, device_id);
    bind_text(statement, 2, module_id != NULL ? module_id : "");
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        error = identity_from_row(self, statement, out);
    } else {
        error = result == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(result);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&self->lock);
    return error;
}

/* Reads up to LIST_PAGE identities behind the given one. */
static int list_page(struct sqlite_registry *self, const struct vd_identity *after,
    struct vd_identity page[LIST_PAGE], size_t *count)
{
    sqlite3_stmt *statement = self->statements[STATEMENT_LIST];
    int result = SQLITE_DONE;
    int error = VD_OK;
    size_t n = 0;

    pthread_mutex_lock(&self->lock);
    bind_text(statement, 1, after->device_id);
    bind_text(statement, 2, after->module_id);
    sqlite3_bind_int(statement, 3, LIST_PAGE);
    while (error == VD_OK && n < LIST_PAGE && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        error = identity_from_row(self, statement, &page[n]);
        n += error == VD_OK ? 1 : 0;
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(result);
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    pthread_mutex_unlock(&self->lock);
    *count = n;
    return error;
}

static int registry_list(struct vd_registry *registry,
    bool (*each)(void *context, const struct vd_identity *identity), void *context)
{
    struct sqlite_registry *self = self_of(registry);
    struct vd_identity *page = calloc(LIST_PAGE, sizeof *page);
    struct vd_identity after = {0};
    size_t count = 0;
    bool more = true;
    int error = VD_OK;

    if (page == NULL) {
        return VD_E_NOMEM;
    }
    /* The lock is not held while `each` runs: it may call the registry, and logins go on beside a long list. */
    while (more) {
        error = list_page(self, &after, page, &count);
        for (size_t i = 0; error == VD_OK && more && i < count; i++) {
            more = each(context, &page[i]);
        }
        more = more && error == VD_OK && count == LIST_PAGE;
        if (more) {
            after = page[count - 1];
        }
    }
    vd_secret_wipe(page, LIST_PAGE * sizeof *page);
    vd_secret_wipe(&after, sizeof after);
    free(page);
    return error;
}

static int registry_remove(
    struct vd_registry *registry, const char *device_id, const char *module_id)
{
    struct sqlite_registry *self = self_of(registry);
    sqlite3_stmt *statement = self->statements[STATEMENT_REMOVE];
    int error;

    pthread_mutex_lock(&self->lock);
    bind_text(statement, 1, device_id);
    bind_text(statement, 2, module_id != NULL ? module_id : "");
    error = run(statement);
    if (error == VD_OK && sqlite3_changes(self->db) == 0) {
        error = VD_E_NOT_FOUND;
    }
    pthread_mutex_unlock(&self->lock);
    return error;
}

static void registry_close(struct vd_registry *registry)
{
    struct sqlite_registry *self = self_of(registry);

    for (size_t i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(self->statements[i]);
    }
    sqlite3_close(self->db);
    pthread_mutex_destroy(&self->lock);
    vd_secret_wipe(self->master_key, sizeof self->master_key);
    free(self);
}

static const struct vd_registry_ops registry_ops = {
    .create = registry_create,
    .get = registry_get,
    .list = registry_list,
    .remove = registry_remove,
    .close = registry_close,
};

/* ---- Opening ---- */

static int execute(sqlite3 *db, const char *sql)
{
    return vd_sqlite_error(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static int pragma_value(sqlite3 *db, const char *sql, int *value)
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

/* Makes the tables, and the check value that only this master key opens. */
static int create_schema(struct sqlite_registry *self)
{
    static const char finish[] = "PRAGMA application_id = %d; PRAGMA user_version = %d;";
    uint8_t sealed[CHECK_BYTES + VD_SEAL_OVERHEAD];
    char sql[128];
    sqlite3_stmt *statement = NULL;
    int error = execute(self->db, schema_sql);

    if (error == VD_OK) {
        error = vd_secret_seal(
            self->master_key, VD_STR_LITERAL("check"), CHECK_TEXT, CHECK_BYTES, sealed);
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(sqlite3_prepare_v2(
            self->db, "INSERT INTO meta (name, value) VALUES ('check', ?1)", -1, &statement, NULL));
    }
    if (error == VD_OK) {
        sqlite3_bind_blob(statement, 1, sealed, (int)sizeof sealed, SQLITE_TRANSIENT);
        error = vd_sqlite_error(sqlite3_step(statement));
    }
    sqlite3_finalize(statement);
    if (error != VD_OK) {
        return error;
    }
    snprintf(sql, sizeof sql, finish, REGISTRY_APPLICATION_ID, REGISTRY_VERSION);
    return execute(self->db, sql);
}

static int check_master_key(struct sqlite_registry *self)
{
    uint8_t plain[CHECK_BYTES];
    sqlite3_stmt *statement = NULL;
    int error = vd_sqlite_error(sqlite3_prepare_v2(
        self->db, "SELECT value FROM meta WHERE name = 'check'", -1, &statement, NULL));

    if (error == VD_OK) {
        error = VD_E_CORRUPT;
        if (sqlite3_step(statement) == SQLITE_ROW &&
            sqlite3_column_bytes(statement, 0) == CHECK_BYTES + VD_SEAL_OVERHEAD) {
            error = vd_secret_open(self->master_key, VD_STR_LITERAL("check"),
                sqlite3_column_blob(statement, 0), CHECK_BYTES + VD_SEAL_OVERHEAD, plain);
        }
    }
    sqlite3_finalize(statement);
    return error;
}

/* Within a transaction: what kind of file it is, and the schema if it is an empty one. */
static int check_schema(struct sqlite_registry *self)
{
    int application = 0;
    int version = 0;
    int pages = 0;
    int error = pragma_value(self->db, "PRAGMA application_id", &application);

    if (error == VD_OK) {
        error = pragma_value(self->db, "PRAGMA user_version", &version);
    }
    if (error == VD_OK) {
        error = pragma_value(self->db, "SELECT count(*) FROM sqlite_schema", &pages);
    }
    if (error != VD_OK) {
        return error;
    }
    if (application == 0 && version == 0 && pages == 0) {
        return create_schema(self);
    }
    if (application != REGISTRY_APPLICATION_ID || version < 1) {
        return VD_E_CORRUPT;
    }
    return version > REGISTRY_VERSION ? VD_E_NEWER : check_master_key(self);
}

static int open_database(struct sqlite_registry *self, const char *path)
{
    int error;
    int fd =
        open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* the mode; SQLite would use the umask's */

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    close(fd);
    error = vd_sqlite_error(
        sqlite3_open_v2(path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL));
    if (error != VD_OK) {
        return error;
    }
    sqlite3_busy_timeout(self->db, REGISTRY_BUSY_MS);
    error = execute(self->db,
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA trusted_schema = OFF; BEGIN IMMEDIATE;");
    if (error != VD_OK) {
        return error;
    }
    error = check_schema(self);
    if (error != VD_OK) {
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
        return error;
    }
    /* Only now: a file that is not ours is not changed. */
    error = execute(self->db, "COMMIT; PRAGMA journal_mode = WAL;");
    for (size_t i = 0; error == VD_OK && i < STATEMENTS; i++) {
        error = vd_sqlite_error(sqlite3_prepare_v3(
            self->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL));
    }
    return error;
}

int vd_registry_sqlite_open(
    const char *path, const uint8_t master_key[32], struct vd_registry **out)
{
    struct sqlite_registry *self = calloc(1, sizeof *self);
    int error;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->base.ops = &registry_ops;
    memcpy(self->master_key, master_key, sizeof self->master_key);
    if (pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return VD_E_NOMEM;
    }
    error = open_database(self, path);
    if (error != VD_OK) {
        registry_close(&self->base);
        return error;
    }
    *out = &self->base;
    return VD_OK;
}
