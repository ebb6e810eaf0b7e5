/* SPDX-License-Identifier: MIT */
/* The alert store's file: opening, schema, transactions, offset. */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "center/store/feed_internal.h"
#include "lib/json_text.h"
#include "lib/log.h"

#define BUSY_TIMEOUT_MS 5000

static const char *const statement_texts[] = {
#define STATEMENT_TEXT(name, sql) sql,
    VD_ALERT_STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

sqlite3_stmt *vd_alert_sql(struct vd_alert_store *store, enum vd_alert_statement statement)
{
    sqlite3_stmt *s = store->statements[statement];

    sqlite3_reset(s);
    sqlite3_clear_bindings(s);
    return s;
}

int vd_alert_sql_run(struct vd_alert_store *store, enum vd_alert_statement statement)
{
    int code = sqlite3_step(store->statements[statement]);

    sqlite3_reset(store->statements[statement]);
    return vd_sqlite_error(code);
}

void vd_sqlite_bind_str(sqlite3_stmt *statement, int index, struct vd_str text)
{
    sqlite3_bind_text64(statement, index, text.data != NULL ? text.data : "", text.length,
        SQLITE_STATIC, SQLITE_UTF8);
}

json_t *vd_sqlite_json_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return vd_json_text(
        (struct vd_str){text, text != NULL ? (size_t)sqlite3_column_bytes(statement, column) : 0});
}

int vd_alert_meta_get(struct vd_alert_store *store, const char *key, int64_t *value)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_META_GET);
    int code;

    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (vd_sqlite_error(code) == VD_OK) {
        *value = code == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

int vd_alert_meta_set(struct vd_alert_store *store, const char *key, int64_t value)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_META_SET);

    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, value);
    return vd_alert_sql_run(store, VD_SQL_META_SET);
}

/* ---- Opening ---- */

static int connect_file(const char *path, int flags, sqlite3 **out)
{
    sqlite3 *db = NULL;
    int error = vd_sqlite_error(
        sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));

    if (error == VD_OK) {
        sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
        sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        *out = db;
    } else {
        sqlite3_close(db);
    }
    return error;
}

/* Makes an empty file with the owner's rights only, so that nothing is ever readable by others. */
static int make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0) {
        return vd_error_from_errno(errno);
    }
    close(fd);
    return VD_OK;
}

static int prepare_all(struct vd_alert_store *store)
{
    for (size_t i = 0; i < VD_SQL_COUNT; i++) {
        int code = sqlite3_prepare_v3(store->writer, statement_texts[i], -1,
            SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);

        if (code != SQLITE_OK) {
            return vd_sqlite_error(code) == VD_E_IO ? VD_E_CORRUPT : vd_sqlite_error(code);
        }
    }
    return VD_OK;
}

static int store_connect(struct vd_alert_store *store, const char *path)
{
    int error = make_file(path);

    if (error == VD_OK) {
        error = connect_file(path, SQLITE_OPEN_READWRITE, &store->writer);
    }
    if (error == VD_OK) {
        error = vd_sqlite_run(store->writer,
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;");
    }
    if (error == VD_OK) {
        error = vd_alert_schema_migrate(store->writer, path);
    }
    if (error == VD_OK) {
        error = prepare_all(store);
    }
    if (error == VD_OK) {
        error = connect_file(path, SQLITE_OPEN_READWRITE, &store->reader);
    }
    if (error == VD_OK) {
        error = vd_sqlite_run(store->reader, "PRAGMA query_only=1;");
    }
    return error;
}

int vd_alert_store_open(const char *path, struct vd_alert_store **out)
{
    struct vd_alert_store *store = calloc(1, sizeof *store);
    int error;

    if (store == NULL) {
        return VD_E_NOMEM;
    }
    pthread_mutex_init(&store->feeds_mutex, NULL);
    pthread_mutex_init(&store->write_mutex, NULL);
    pthread_mutex_init(&store->read_mutex, NULL);
    error = store_connect(store, path);
    if (error == VD_OK) {
        error = vd_alert_letters_recount(store);
    }
    if (error == VD_OK) {
        error = vd_feeds_open(store, path);
    }
    if (error != VD_OK) {
        vd_alert_store_close(store);
        return error;
    }
    *out = store;
    return VD_OK;
}

void vd_alert_store_close(struct vd_alert_store *store)
{
    if (store == NULL) {
        return;
    }
    for (size_t i = 0; i < VD_SQL_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
    }
    sqlite3_close(store->reader);
    sqlite3_close(store->writer);
    pthread_mutex_destroy(&store->feeds_mutex);
    pthread_mutex_destroy(&store->write_mutex);
    pthread_mutex_destroy(&store->read_mutex);
    vd_secret_wipe(store->master_key, sizeof store->master_key);
    free(store);
}

/* ---- The center's transaction ---- */

int vd_alert_store_begin(struct vd_alert_store *store)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    (void)vd_alert_sql(store, VD_SQL_BEGIN);
    error = vd_alert_sql_run(store, VD_SQL_BEGIN);
    if (error != VD_OK) {
        pthread_mutex_unlock(&store->write_mutex);
    }
    return error;
}

void vd_alert_store_rollback(struct vd_alert_store *store)
{
    /* Some failures, a full disk among them, have rolled back already. */
    if (sqlite3_get_autocommit(store->writer) == 0) {
        sqlite3_step(vd_alert_sql(store, VD_SQL_ROLLBACK));
        sqlite3_reset(store->statements[VD_SQL_ROLLBACK]);
    }
    if (vd_alert_letters_recount(store) != VD_OK) {
        vd_log(VD_LOG_WARN, "center.dead_letters_uncounted", "after=rollback");
    }
    pthread_mutex_unlock(&store->write_mutex);
}

int vd_alert_store_commit(struct vd_alert_store *store)
{
    int error;

    (void)vd_alert_sql(store, VD_SQL_COMMIT);
    error = vd_alert_sql_run(store, VD_SQL_COMMIT);
    if (error != VD_OK) {
        vd_alert_store_rollback(store);
        return error;
    }
    pthread_mutex_unlock(&store->write_mutex);
    return VD_OK;
}

int vd_alert_store_end(struct vd_alert_store *store, int error)
{
    if (error == VD_OK) {
        return vd_alert_store_commit(store);
    }
    vd_alert_store_rollback(store);
    return error;
}

int vd_alert_store_offset(struct vd_alert_store *store, uint64_t *next_offset)
{
    int64_t value = 0;
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, "next_offset", &value);
    pthread_mutex_unlock(&store->write_mutex);
    if (error == VD_OK) {
        *next_offset = (uint64_t)value;
    }
    return error;
}

int vd_alert_store_set_offset(struct vd_alert_store *store, uint64_t next_offset)
{
    return vd_alert_meta_set(store, "next_offset", (int64_t)next_offset);
}
