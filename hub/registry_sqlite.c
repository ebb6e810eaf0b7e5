/* SPDX-License-Identifier: MIT */
/* The registry in one SQLite file: the file, its versions, sealed keys and statements. */

#include "hub/registry_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define REGISTRY_APPLICATION_ID 0x56645267 /* "VdRg" */
#define REGISTRY_VERSION        4
#define REGISTRY_BUSY_MS        5000

/* Pages that the reader keeps: what leads to the identities, where there are a million. They themselves are the system's to
 * keep. */
#define READER_CACHE_KIB "1024"

/* What the check value holds when it is opened: a wrong master key does not get that far. */
#define CHECK_TEXT  "vedette registry"
#define CHECK_BYTES (sizeof CHECK_TEXT - 1)

/* The order in which the rows are read and the statements that write are bound. */
#define IDENTITY_COLUMNS                                                          \
    "device_id, module_id, generation_id, enabled, created_ms, keys, auth_type, " \
    "primary_thumbprint, secondary_thumbprint, status_reason, etag, status_updated_ms"
#define POLICY_COLUMNS "name, rights, keys, etag"
#define TOKEN_COLUMNS  "name, role, hash, created_by, created_ms, expires_ms, last_used_ms"
#define CA_COLUMNS     "name, der, is_verified, verification_code, etag, created_ms, updated_ms"

static const char *const statement_sql[REGISTRY_STATEMENTS] = {
    [REGISTRY_BEGIN] = "BEGIN IMMEDIATE",
    [REGISTRY_COMMIT] = "COMMIT",
    [REGISTRY_ROLLBACK] = "ROLLBACK",
    [REGISTRY_IDENTITY_GET] =
        "SELECT " IDENTITY_COLUMNS " FROM identity WHERE device_id = ?1 AND module_id = ?2",
    [REGISTRY_IDENTITY_LIST] =
        "SELECT " IDENTITY_COLUMNS " FROM identity WHERE (device_id, module_id) > (?1, ?2) "
        "ORDER BY device_id, module_id LIMIT ?3",
    /* The index is (enabled, device_id), of devices. */
    [REGISTRY_IDENTITY_LIST_STATUS] =
        "SELECT " IDENTITY_COLUMNS " FROM identity INDEXED BY device_status "
        "WHERE enabled = ?4 AND module_id = '' AND device_id > ?1 ORDER BY device_id LIMIT ?3",
    [REGISTRY_IDENTITY_CREATE] = "INSERT INTO identity (" IDENTITY_COLUMNS ") "
                                 "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 "
                                 "WHERE ?2 = '' OR EXISTS "
                                 "(SELECT 1 FROM identity WHERE device_id = ?1 AND module_id = '')",
    [REGISTRY_IDENTITY_UPDATE] = "REPLACE INTO identity (" IDENTITY_COLUMNS ") "
                                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [REGISTRY_IDENTITY_REMOVE] =
        "DELETE FROM identity WHERE device_id = ?1 AND (module_id = ?2 OR ?2 = '')",
    [REGISTRY_IDENTITY_COUNT] =
        "SELECT count(*), total(enabled) FROM identity WHERE module_id = ''",
    [REGISTRY_POLICY_GET] = "SELECT " POLICY_COLUMNS " FROM policy WHERE name = ?1",
    [REGISTRY_POLICY_NEXT] =
        "SELECT " POLICY_COLUMNS " FROM policy WHERE name > ?1 ORDER BY name LIMIT 1",
    [REGISTRY_POLICY_COUNT] = "SELECT count(*) FROM policy",
    [REGISTRY_POLICY_PUT] = "REPLACE INTO policy (" POLICY_COLUMNS ") VALUES (?1, ?2, ?3, ?4)",
    [REGISTRY_POLICY_REMOVE] = "DELETE FROM policy WHERE name = ?1",
    [REGISTRY_CA_GET] = "SELECT " CA_COLUMNS " FROM ca_certificate WHERE name = ?1",
    [REGISTRY_CA_LIST] = "SELECT " CA_COLUMNS " FROM ca_certificate ORDER BY name",
    [REGISTRY_CA_COUNT] = "SELECT count(*) FROM ca_certificate",
    [REGISTRY_CA_PUT] =
        "REPLACE INTO ca_certificate (" CA_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [REGISTRY_CA_REMOVE] = "DELETE FROM ca_certificate WHERE name = ?1",
    [REGISTRY_SETTING_GET] = "SELECT value, etag FROM setting WHERE name = ?1",
    [REGISTRY_SETTING_PUT] = "REPLACE INTO setting (name, value, etag) VALUES (?1, ?2, ?3)",
    [REGISTRY_TOKEN_GET] = "SELECT " TOKEN_COLUMNS " FROM token WHERE name = ?1",
    [REGISTRY_TOKEN_NEXT] =
        "SELECT " TOKEN_COLUMNS " FROM token WHERE name > ?1 ORDER BY name LIMIT 1",
    [REGISTRY_TOKEN_COUNT] = "SELECT count(*) FROM token",
    [REGISTRY_TOKEN_CREATE] =
        "INSERT INTO token (" TOKEN_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
    [REGISTRY_TOKEN_USED] = "UPDATE token SET last_used_ms = ?2 WHERE name = ?1",
    [REGISTRY_TOKEN_REMOVE] = "DELETE FROM token WHERE name = ?1",
    [REGISTRY_DATA_VERSION] = "PRAGMA data_version",
};

const struct vd_sqlite_format vd_registry_format = {REGISTRY_APPLICATION_ID, REGISTRY_VERSION};

/* What leads to each version from the one before it. They are never changed: a new version is a new step. */
static const char *const version_sql[REGISTRY_VERSION] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE identity ("
    " device_id TEXT NOT NULL, module_id TEXT NOT NULL, generation_id TEXT NOT NULL,"
    " enabled INTEGER NOT NULL, created_ms INTEGER NOT NULL, keys BLOB NOT NULL,"
    " PRIMARY KEY (device_id, module_id)) WITHOUT ROWID;",

    "ALTER TABLE identity ADD COLUMN auth_type INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE identity ADD COLUMN primary_thumbprint TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE identity ADD COLUMN secondary_thumbprint TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE identity ADD COLUMN status_reason TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE identity ADD COLUMN etag INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE identity ADD COLUMN status_updated_ms INTEGER NOT NULL DEFAULT 0;"
    "UPDATE identity SET status_updated_ms = created_ms;"
    "CREATE INDEX device_status ON identity (enabled) WHERE module_id = '';"
    "CREATE TABLE policy (name TEXT PRIMARY KEY, rights INTEGER NOT NULL, keys BLOB NOT NULL,"
    " etag INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE ca_certificate (name TEXT PRIMARY KEY, der BLOB NOT NULL,"
    " is_verified INTEGER NOT NULL, verification_code TEXT NOT NULL, etag INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);",

    ("CREATE TABLE setting (name TEXT PRIMARY KEY, value BLOB NOT NULL, etag INTEGER NOT NULL)"
     " WITHOUT ROWID;"),

    ("CREATE TABLE token (name TEXT PRIMARY KEY, role INTEGER NOT NULL, hash BLOB NOT NULL,"
     " created_by TEXT NOT NULL, created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL,"
     " last_used_ms INTEGER NOT NULL) WITHOUT ROWID;"),
};

/* ---- Keys: sealed together, bound to what they belong to. ---- */

static uint8_t *put_key(uint8_t *out, const struct vd_key *key)
{
    *out++ = key->length;
    memcpy(out, key->bytes, key->length);
    memset(out + key->length, 0, (size_t)VD_KEY_MAX_BYTES - key->length);
    return out + VD_KEY_MAX_BYTES;
}

static bool take_key(const uint8_t *in, struct vd_key *key)
{
    if (in[0] != 0 && (in[0] < VD_KEY_MIN_BYTES || in[0] > VD_KEY_MAX_BYTES)) {
        return false;
    }
    key->length = in[0];
    memcpy(key->bytes, in + 1, VD_KEY_MAX_BYTES);
    return true;
}

int vd_registry_seal_keys(const struct sqlite_registry *self, struct vd_str bound,
    const struct vd_key *primary, const struct vd_key *secondary,
    uint8_t out[REGISTRY_SEALED_BYTES])
{
    uint8_t plain[REGISTRY_KEYS_BYTES];
    int error;

    put_key(put_key(plain, primary), secondary);
    error = vd_secret_seal(self->master_key, bound, plain, sizeof plain, out);
    vd_secret_wipe(plain, sizeof plain);
    return error;
}

int vd_registry_open_keys(const struct sqlite_registry *self, struct vd_str bound,
    const void *sealed, int length, struct vd_key *primary, struct vd_key *secondary)
{
    uint8_t plain[REGISTRY_KEYS_BYTES];
    struct vd_key keys[2] = {0};
    bool good;

    if (length != REGISTRY_SEALED_BYTES) {
        return VD_E_CORRUPT;
    }
    /* The master key was checked when the registry was opened: what does not open now was changed. */
    good = vd_secret_open(self->master_key, bound, sealed, (size_t)length, plain) == VD_OK &&
        take_key(plain, &keys[0]) && take_key(plain + 1 + VD_KEY_MAX_BYTES, &keys[1]);
    if (good) {
        *primary = keys[0];
        *secondary = keys[1];
    }
    vd_secret_wipe(plain, sizeof plain);
    vd_secret_wipe(keys, sizeof keys);
    return good ? VD_OK : VD_E_CORRUPT;
}

/* ---- Statements ---- */

void vd_registry_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT);
}

int vd_registry_column_text(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    if (text == NULL ||
        vd_str_copy((struct vd_str){text, (size_t)sqlite3_column_bytes(statement, column)}, out,
            size) != VD_OK) {
        return VD_E_CORRUPT;
    }
    return VD_OK;
}

void vd_registry_reset(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

int vd_registry_run(sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    vd_registry_reset(statement);
    return vd_sqlite_error(result);
}

int vd_registry_begin(struct sqlite_registry *self)
{
    int error;

    pthread_mutex_lock(&self->lock);
    error = vd_registry_run(self->statements[REGISTRY_BEGIN]);
    if (error != VD_OK) {
        pthread_mutex_unlock(&self->lock);
    }
    return error;
}

int vd_registry_end(struct sqlite_registry *self, int error)
{
    if (error == VD_OK) {
        error = vd_registry_run(self->statements[REGISTRY_COMMIT]);
    }
    /* SQLite itself rolls back after some faults, of a commit as well. */
    if (error != VD_OK && sqlite3_get_autocommit(self->db) == 0) {
        sqlite3_step(self->statements[REGISTRY_ROLLBACK]);
        sqlite3_reset(self->statements[REGISTRY_ROLLBACK]);
    }
    pthread_mutex_unlock(&self->lock);
    return error;
}

static void connection_close(struct sqlite_registry *self)
{
    for (size_t i = 0; i < REGISTRY_STATEMENTS; i++) {
        sqlite3_finalize(self->statements[i]);
    }
    sqlite3_close(self->db);
    pthread_mutex_destroy(&self->lock);
    vd_secret_wipe(self->master_key, sizeof self->master_key);
    free(self);
}

static void registry_close(struct vd_registry *registry)
{
    struct sqlite_registry *self = vd_registry_self(registry);

    if (self->reader != NULL) {
        vd_registry_cas_free(self->reader);
        connection_close(self->reader);
    }
    connection_close(self);
}

static const struct vd_registry_ops registry_ops = {
    .create = vd_registry_identity_create,
    .update = vd_registry_identity_update,
    .get = vd_registry_identity_get,
    .list = vd_registry_identity_list,
    .list_by_status = vd_registry_identity_list_by_status,
    .remove = vd_registry_identity_remove,
    .count = vd_registry_identity_count,
    .policy_get = vd_registry_sqlite_policy_get,
    .policy_list = vd_registry_sqlite_policy_list,
    .policy_put = vd_registry_sqlite_policy_put,
    .policy_remove = vd_registry_sqlite_policy_remove,
    .ca_get = vd_registry_sqlite_ca_get,
    .ca_list = vd_registry_sqlite_ca_list,
    .ca_put = vd_registry_sqlite_ca_put,
    .ca_remove = vd_registry_sqlite_ca_remove,
    .setting_get = vd_registry_sqlite_setting_get,
    .setting_put = vd_registry_sqlite_setting_put,
    .change = vd_registry_sqlite_change,
    .token_create = vd_registry_sqlite_token_create,
    .token_get = vd_registry_sqlite_token_get,
    .token_list = vd_registry_sqlite_token_list,
    .token_used = vd_registry_sqlite_token_used,
    .token_remove = vd_registry_sqlite_token_remove,
    .revision = vd_registry_sqlite_revision,
    .close = registry_close,
};

/* ---- Opening ---- */

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

/* Stores the check value that only this master key opens. */
static int store_check(struct sqlite_registry *self)
{
    uint8_t sealed[CHECK_BYTES + VD_SEAL_OVERHEAD];
    sqlite3_stmt *statement = NULL;
    int error =
        vd_secret_seal(self->master_key, VD_STR_LITERAL("check"), CHECK_TEXT, CHECK_BYTES, sealed);

    if (error == VD_OK) {
        error = vd_sqlite_error(sqlite3_prepare_v2(
            self->db, "INSERT INTO meta (name, value) VALUES ('check', ?1)", -1, &statement, NULL));
    }
    if (error == VD_OK) {
        sqlite3_bind_blob(statement, 1, sealed, (int)sizeof sealed, SQLITE_TRANSIENT);
        error = vd_sqlite_error(sqlite3_step(statement));
    }
    sqlite3_finalize(statement);
    return error;
}

/* Goes the steps from `version` (0: an empty file) to today's. */
static int upgrade(struct sqlite_registry *self, int version)
{
    char sql[128];
    int error = VD_OK;

    for (int next = version; error == VD_OK && next < REGISTRY_VERSION; next++) {
        error = vd_sqlite_run(self->db, version_sql[next]);
        if (error == VD_OK && next == 0) {
            error = store_check(self);
        } else if (error == VD_OK && next == 1) {
            error = vd_registry_seed_policies(self);
        }
    }
    if (error != VD_OK) {
        return error;
    }
    snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
        REGISTRY_APPLICATION_ID, REGISTRY_VERSION);
    return vd_sqlite_run(self->db, sql);
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

/* Within a transaction: what kind of file it is; an empty one and an older one are brought to today's version. */
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
        return upgrade(self, 0);
    }
    if (application != REGISTRY_APPLICATION_ID || version < 1) {
        return VD_E_CORRUPT;
    }
    if (version > REGISTRY_VERSION) {
        return VD_E_NEWER;
    }
    error = check_master_key(self);
    return error == VD_OK && version < REGISTRY_VERSION ? upgrade(self, version) : error;
}

static int connect_to(struct sqlite_registry *self, const char *path)
{
    int error = vd_sqlite_error(
        sqlite3_open_v2(path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL));

    if (error == VD_OK) {
        sqlite3_busy_timeout(self->db, REGISTRY_BUSY_MS);
    }
    return error;
}

static int prepare(struct sqlite_registry *self)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < REGISTRY_STATEMENTS; i++) {
        error = vd_sqlite_error(sqlite3_prepare_v3(
            self->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL));
    }
    return error;
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
    error = connect_to(self, path);
    if (error != VD_OK) {
        return error;
    }
    error = vd_sqlite_run(self->db,
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
    error = vd_sqlite_run(self->db, "COMMIT; PRAGMA journal_mode = WAL;");
    return error == VD_OK ? prepare(self) : error;
}

/* Behind the file's own checks. */
static int open_reader(struct sqlite_registry *self, const char *path)
{
    int error = connect_to(self, path);

    if (error == VD_OK) {
        error = vd_sqlite_run(self->db,
            "PRAGMA query_only = ON; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -" READER_CACHE_KIB);
    }
    return error == VD_OK ? prepare(self) : error;
}

static struct sqlite_registry *connection_new(const uint8_t master_key[32])
{
    struct sqlite_registry *self = calloc(1, sizeof *self);

    if (self == NULL || pthread_mutex_init(&self->lock, NULL) != 0) {
        free(self);
        return NULL;
    }
    self->base.ops = &registry_ops;
    memcpy(self->master_key, master_key, sizeof self->master_key);
    return self;
}

int vd_registry_sqlite_open(
    const char *path, const uint8_t master_key[32], struct vd_registry **out)
{
    struct sqlite_registry *self = connection_new(master_key);
    int error;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->reader = connection_new(master_key);
    error = self->reader != NULL ? open_database(self, path) : VD_E_NOMEM;
    if (error == VD_OK) {
        error = open_reader(self->reader, path);
    }
    if (error != VD_OK) {
        registry_close(&self->base);
        return error;
    }
    *out = &self->base;
    return VD_OK;
}
