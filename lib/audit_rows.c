/* SPDX-License-Identifier: MIT */
/* Rows of the audit trail's file, and verifying it from outside. */

#include <inttypes.h>
#include <stdio.h>

#include "lib/audit_internal.h"
#include "lib/sqlite.h"

#define APPLICATION_ID 0x56644175 /* "VdAu" */
#define FORMAT_VERSION 1
#define STEP           1000

int vd_audit_prepare(
    sqlite3 *db, const char *sql, const int64_t *numbers, size_t count, sqlite3_stmt **statement)
{
    int rc = sqlite3_prepare_v2(db, sql, -1, statement, NULL);

    for (size_t i = 0; rc == SQLITE_OK && i < count; i++) {
        rc = sqlite3_bind_int64(*statement, (int)i + 1, numbers[i]);
    }
    /* Our statements are fixed: only a schema that is not ours can make one fail. */
    return (rc & 0xff) == SQLITE_ERROR ? VD_E_CORRUPT : vd_sqlite_error(rc);
}

int vd_audit_row_next(sqlite3_stmt *statement, struct vd_audit_row *out)
{
    const int rc = sqlite3_step(statement);

    if (rc != SQLITE_ROW) {
        return rc == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(rc);
    }
    *out = (struct vd_audit_row){.sequence = (uint64_t)sqlite3_column_int64(statement, 0)};
    out->text.data = (const char *)sqlite3_column_blob(statement, 1);
    out->text.length = (size_t)sqlite3_column_bytes(statement, 1);
    if (out->text.data == NULL) {
        out->text = VD_STR_LITERAL("");
    }
    if (sqlite3_column_bytes(statement, 2) == VD_AUDIT_HASH_BYTES) {
        memcpy(out->hash.bytes, sqlite3_column_blob(statement, 2), VD_AUDIT_HASH_BYTES);
    }
    return VD_OK;
}

int vd_audit_head_line(sqlite3 *db, struct vd_buf *out)
{
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row = {0};
    int error = vd_audit_prepare(db, "SELECT 0, line, NULL FROM head", NULL, 0, &statement);

    if (error == VD_OK) {
        error = vd_audit_row_next(statement, &row);
    }
    if (error == VD_OK) {
        vd_buf_append(out, row.text.data, row.text.length);
        error = out->error;
    }
    sqlite3_finalize(statement);
    return error;
}

/* Exclusive-or: it does not matter in which order they end. Without the key nobody knows what to take out. */
int vd_audit_open_mix(const uint8_t key[VD_MASTER_KEY_BYTES], int64_t id, struct vd_str text,
    struct vd_audit_hash *digest)
{
    struct vd_buf named = {0};
    struct vd_audit_hash mac;
    int error;

    vd_buf_printf(&named, "intent %" PRId64 " ", id);
    vd_buf_append(&named, text.data, text.length);
    error = named.error;
    if (error == VD_OK) {
        error = vd_audit_mac_of(key, (struct vd_str){(const char *)named.data, named.length}, &mac);
    }
    for (size_t i = 0; error == VD_OK && i < VD_AUDIT_HASH_BYTES; i++) {
        digest->bytes[i] ^= mac.bytes[i];
    }
    vd_buf_release(&named);
    return error;
}

int vd_audit_open_digest(
    sqlite3 *db, const uint8_t *key, uint64_t *count, struct vd_audit_hash *digest)
{
    sqlite3_stmt *statement = NULL;
    struct vd_audit_hash all = {{0}};
    struct vd_audit_row row = {0};
    int error = vd_audit_prepare(db, "SELECT id, body, NULL FROM intent", NULL, 0, &statement);

    *count = 0;
    while (error == VD_OK && (error = vd_audit_row_next(statement, &row)) == VD_OK) {
        if (key != NULL) {
            error = vd_audit_open_mix(key, (int64_t)row.sequence, row.text, &all);
        }
        ++*count;
    }
    sqlite3_finalize(statement);
    error = error == VD_E_NOT_FOUND ? VD_OK : error;
    if (error == VD_OK && key != NULL) {
        *digest = all;
    }
    return error;
}

int vd_audit_check_open(sqlite3 *db, struct vd_audit_check *check)
{
    struct vd_audit_hash digest = check->head.open_digest;
    uint64_t count = 0;
    const int error = vd_audit_open_digest(db, check->key, &count, &digest);

    if (error != VD_OK) {
        return error;
    }
    if (count != check->head.open || !vd_audit_hash_equal(&digest, &check->head.open_digest)) {
        if (check->problem[0] == '\0') {
            snprintf(check->problem, sizeof check->problem,
                "the acts that had begun and not ended (%" PRIu64
                ") are not those of the head (%" PRIu64 ")",
                count, check->head.open);
        }
        return VD_E_CORRUPT;
    }
    return VD_OK;
}

int vd_audit_check_rows(sqlite3 *db, struct vd_audit_check *check, uint64_t count, bool *done)
{
    const int64_t numbers[] = {(int64_t)check->next, (int64_t)check->head.to, (int64_t)count};
    sqlite3_stmt *statement = NULL;
    struct vd_audit_row row = {0};
    int error = vd_audit_prepare(db,
        "SELECT sequence, body, hash FROM record WHERE sequence >= ?1 AND sequence <= ?2"
        " ORDER BY sequence LIMIT ?3",
        numbers, 3, &statement);
    uint64_t taken = 0;

    while (error == VD_OK && (error = vd_audit_row_next(statement, &row)) == VD_OK) {
        taken++;
        error = vd_audit_check_record(check, row.text, &row.hash);
    }
    sqlite3_finalize(statement);
    *done = taken < count;
    if (error == VD_E_CORRUPT && check->problem[0] == '\0') {
        check->wrong = check->next;
        snprintf(check->problem, sizeof check->problem,
            "the file is damaged: record %" PRIu64 " cannot be read", check->next);
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

static int query_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int error = vd_audit_prepare(db, sql, NULL, 0, &statement);

    if (error == VD_OK) {
        const int rc = sqlite3_step(statement);

        *out = rc == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
        error = vd_sqlite_error(rc);
    }
    sqlite3_finalize(statement);
    return error;
}

int vd_audit_format_check(sqlite3 *db, bool *is_new)
{
    int64_t id = 0;
    int64_t version = 0;
    int64_t tables = 0;
    int error = query_number(db, "PRAGMA application_id", &id);

    error = error == VD_OK ? query_number(db, "PRAGMA user_version", &version) : error;
    error =
        error == VD_OK ? query_number(db, "SELECT count(*) FROM sqlite_schema", &tables) : error;
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

/* ---- From outside ---- */

/* More rows than the head knows of, before the first or behind the last. */
static int check_beyond(sqlite3 *db, struct vd_audit_check *check)
{
    int64_t first = 0;
    int64_t last = 0;
    int error = query_number(db, "SELECT coalesce(min(sequence), 0) FROM record", &first);

    error = error == VD_OK
        ? query_number(db, "SELECT coalesce(max(sequence), 0) FROM record", &last)
        : error;
    if (error == VD_OK && last != 0 &&
        (first < (int64_t)check->head.from || last > (int64_t)check->head.to)) {
        snprintf(check->problem, sizeof check->problem,
            "there are records %" PRId64 " to %" PRId64 ", the head says %" PRIu64 " to %" PRIu64,
            first, last, check->head.from, check->head.to);
        check->wrong = last > (int64_t)check->head.to ? check->head.to + 1 : (uint64_t)first;
        error = VD_E_CORRUPT;
    }
    return error;
}

static int verify(sqlite3 *db, struct vd_audit_check *check)
{
    struct vd_buf line = {0};
    bool is_new = false;
    bool done = false;
    int error = vd_audit_format_check(db, &is_new);

    if (error == VD_OK) {
        error = is_new ? VD_E_NOT_FOUND : vd_audit_head_line(db, &line);
    }
    if (error == VD_E_NOT_FOUND || error == VD_E_CORRUPT) {
        snprintf(check->problem, sizeof check->problem, "%s",
            is_new || error == VD_E_CORRUPT ? "it is no audit trail" : "there is no head");
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        error = vd_audit_check_head(check, (struct vd_str){(const char *)line.data, line.length});
    }
    while (error == VD_OK && !done) {
        error = vd_audit_check_rows(db, check, STEP, &done);
    }
    error = error == VD_OK ? vd_audit_check_end(check) : error;
    error = error == VD_OK ? check_beyond(db, check) : error;
    error = error == VD_OK ? vd_audit_check_open(db, check) : error;
    if (error == VD_E_CORRUPT && check->problem[0] == '\0') {
        snprintf(check->problem, sizeof check->problem, "the file is damaged");
    }
    vd_buf_release(&line);
    return error;
}

int vd_audit_file_verify(const char *path, struct vd_audit_check *check)
{
    sqlite3 *db = NULL;
    FILE *there = fopen(path, "rbe");
    int error = there != NULL ? VD_OK : VD_E_NOT_FOUND;

    if (there != NULL) {
        fclose(there);
        error = vd_sqlite_open_to_read(path, &db);
    }
    if (error == VD_OK) {
        error = vd_sqlite_run(db, "BEGIN");
    }
    if (error == VD_OK) {
        error = verify(db, check);
    }
    sqlite3_close(db);
    return error;
}
