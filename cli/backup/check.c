/* SPDX-License-Identifier: MIT */
/* Opens nothing for writing: databases are read in place, keys are tried on a copy of the registry. */

#include "cli/backup/check.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/audit_watch.h"
#include "center/store/alert_store.h"
#include "center/store/analytics.h"
#include "cli/backup/backup.h"
#include "cli/backup/files.h"
#include "cli/backup/sealed.h"
#include "cli/data_dir.h"
#include "hub/registry.h"
#include "hub/state.h"
#include "lib/audit.h"
#include "lib/event_log.h"
#include "lib/folder.h"
#include "lib/secret.h"

/* What is read of a database's own report of damage. */
#define DAMAGE_ROWS 3

struct checking {
    struct vd_checks *checks;
    const char *folder;
    bool is_backup;
    const struct vd_manifest *manifest; /* of the backup; NULL: of a data directory */
    struct vd_buf anchor; /* what its registry knows of the audit trail; empty: nothing */
    /* Where each store is in the event log; -1: not known. */
    int64_t log_end;
    int64_t alerts_next;
    int64_t rows_next;
};

static bool is_bad(const struct vd_checks *checks, const char *what)
{
    const json_t *check;
    size_t i;

    json_array_foreach(checks->list, i, check)
    {
        if (json_is_false(json_object_get(check, "ok")) &&
            strcmp(json_string_value(json_object_get(check, "what")), what) == 0) {
            return true;
        }
    }
    return false;
}

static int say(struct vd_checks *checks, bool ok, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int say(struct vd_checks *checks, bool ok, const char *what, const char *format, ...)
{
    char text[600];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (ok && checks->bad > 0 && is_bad(checks, what)) {
        return VD_OK; /* a database may be whole, and not the one that was saved */
    }
    checks->bad += ok ? 0 : 1;
    return json_array_append_new(checks->list,
               json_pack("{s:s, s:b, s:s}", "what", what, "ok", ok ? 1 : 0, "text", text)) == 0
        ? VD_OK
        : VD_E_NOMEM;
}

/* ---- Databases ---- */

static const struct database {
    const char *name;
    const struct vd_sqlite_format
        *format;      /* NULL: it need not be there, and is not ours to judge */
    const char *next; /* SQL: its place in the event log */
} databases[] = {
    {VD_FILE_REGISTRY, &vd_registry_format, NULL},
    {VD_FILE_STATE, &vd_state_format, NULL},
    {VD_FILE_ALERTS, &vd_alert_store_format,
        "SELECT coalesce((SELECT value FROM meta WHERE key = 'next_offset'), 0)"},
    {VD_FILE_AUDIT, NULL, NULL},
    {VD_FILE_LOG, &vd_event_log_format,
        "SELECT coalesce((SELECT first_offset + count FROM batch ORDER BY first_offset DESC LIMIT 1), 0)"},
};

/* In a backup nobody writes, and SQLite may not either: no file beside it is made. */
static int open_database(const struct checking *c, const char *name, sqlite3 **db)
{
    struct vd_buf uri = {0};
    int error;

    vd_buf_append_text(&uri, "file:");
    for (const char *at = c->folder; *at != '\0'; at++) {
        if (strchr("?#%", *at) != NULL) {
            vd_buf_printf(&uri, "%%%02x", (unsigned char)*at);
        } else {
            vd_buf_append(&uri, at, 1);
        }
    }
    vd_buf_printf(&uri, "/%s%s", name, c->is_backup ? "?immutable=1" : "");
    vd_buf_append(&uri, "", 1);
    error = uri.error != VD_OK
        ? uri.error
        : vd_sqlite_error(sqlite3_open_v2((const char *)uri.data, db,
              SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, NULL));
    vd_buf_release(&uri);
    return error;
}

static int read_number(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    if (code == SQLITE_OK) {
        code = sqlite3_step(statement);
    }
    if (code == SQLITE_ROW) {
        *out = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? VD_OK : vd_sqlite_error(code);
}

/* Runs a pragma that gives a row for each fault; `good` is the text of a row that is none. */
static int read_faults(sqlite3 *db, const char *sql, const char *good, struct vd_buf *faults)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    while ((code == SQLITE_OK || code == SQLITE_ROW) &&
        (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);

        if (text == NULL || strcmp(text, good) != 0) {
            vd_buf_printf(faults, "%s%.150s", faults->length > 0 ? "; " : "",
                text != NULL ? text : "a row without text");
        }
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? VD_OK : vd_sqlite_error(code);
}

static int judge_database(struct checking *c, const struct database *of, sqlite3 *db)
{
    char integrity[64];
    struct vd_buf faults = {.max = 400};
    int64_t application = 0;
    int64_t version = 0;
    int error = read_number(db, "PRAGMA application_id", &application);

    if (error == VD_OK) {
        error = read_number(db, "PRAGMA user_version", &version);
    }
    if (error == VD_OK && of->format != NULL && application != of->format->application_id) {
        return say(c->checks, false, of->name, "it is not what its name says");
    }
    if (error == VD_OK && of->format != NULL && version > of->format->version) {
        return say(c->checks, false, of->name,
            "format %lld, written by a newer vedette; this one knows up to %d", (long long)version,
            of->format->version);
    }
    snprintf(integrity, sizeof integrity, "PRAGMA integrity_check(%d)", DAMAGE_ROWS);
    if (error == VD_OK) {
        error = read_faults(db, integrity, "ok", &faults);
    }
    if (error == VD_OK && faults.length == 0) {
        error = read_faults(db,
            "SELECT \"table\" || ': a row refers to one that is not there' FROM"
            " pragma_foreign_key_check LIMIT 3",
            "", &faults);
    }
    vd_buf_append(&faults, "", 1);
    if (error == VD_OK && faults.length > 1) {
        error = say(c->checks, false, of->name, "%s", (const char *)faults.data);
        vd_buf_release(&faults);
        return error;
    }
    vd_buf_release(&faults);
    return error != VD_OK
        ? say(c->checks, false, of->name, "%s", vd_error_text(error))
        : say(c->checks, true, of->name, "whole, format %lld", (long long)version);
}

static int check_database(struct checking *c, const struct database *of)
{
    sqlite3 *db = NULL;
    char path[VD_PATH_SIZE];
    int64_t next = -1;
    int error = vd_data_path(c->folder, of->name, path);

    if (error == VD_OK && of->format == NULL && access(path, F_OK) != 0) {
        return VD_OK;
    }
    if (error == VD_OK && access(path, R_OK) != 0) {
        return say(c->checks, false, of->name, "%s", vd_error_text(vd_error_from_errno(errno)));
    }
    error = open_database(c, of->name, &db);
    error = error != VD_OK ? say(c->checks, false, of->name, "%s", vd_error_text(error))
                           : judge_database(c, of, db);
    if (of->next != NULL && db != NULL && read_number(db, of->next, &next) == VD_OK) {
        *(of->format == &vd_event_log_format ? &c->log_end : &c->alerts_next) = next;
    }
    sqlite3_close(db);
    return error;
}

/* ---- Day files ---- */

static int check_day(struct checking *c, const char *name)
{
    struct vd_day_found found;
    char below[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    char reason[400] = "";
    int error;

    snprintf(below, sizeof below, VD_FILE_ANALYTICS "/%.255s", name);
    error = vd_data_path(c->folder, below, path);
    if (error == VD_OK) {
        error = vd_analytics_day_check(path, &found, reason, sizeof reason);
    }
    if (error == VD_E_NOMEM) {
        return error;
    }
    if (error != VD_OK) {
        return say(
            c->checks, false, below, "%s", reason[0] != '\0' ? reason : vd_error_text(error));
    }
    if ((int64_t)found.next_offset > c->rows_next) {
        c->rows_next = (int64_t)found.next_offset;
    }
    return say(c->checks, true, below, "whole, format %d, %llu rows", found.version,
        (unsigned long long)found.rows);
}

static bool is_day(const char *name)
{
    const size_t length = strlen(name);

    return length > 7 && strcmp(name + length - 7, ".duckdb") == 0;
}

static int check_days(struct checking *c)
{
    char path[VD_PATH_SIZE];
    struct dirent *entry;
    int error = vd_data_path(c->folder, VD_FILE_ANALYTICS, path);
    DIR *dir = error == VD_OK ? opendir(path) : NULL;

    if (dir == NULL) {
        return say(c->checks, false, VD_FILE_ANALYTICS, "%s",
            vd_error_text(error != VD_OK ? error : vd_error_from_errno(errno)));
    }
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        error = is_day(entry->d_name) ? check_day(c, entry->d_name) : VD_OK;
    }
    closedir(dir);
    return error;
}

/* ---- What they say together ---- */

static int check_offsets(struct checking *c)
{
    if (c->log_end < 0 || c->alerts_next < 0) {
        return VD_OK; /* said already */
    }
    if (c->alerts_next > c->log_end || c->rows_next > c->log_end) {
        return say(c->checks, false, "offsets",
            "the event log ends at %lld, alerts go to %lld and rows to %lld: it is another log",
            (long long)c->log_end, (long long)c->alerts_next, (long long)c->rows_next);
    }
    return say(c->checks, true, "offsets", "log to %lld, alerts to %lld, rows to %lld",
        (long long)c->log_end, (long long)c->alerts_next, (long long)c->rows_next);
}

/* ---- Keys ---- */

static bool count_identity(void *context, const struct vd_identity *identity)
{
    (void)identity;
    ++*(uint64_t *)context;
    return true;
}

static bool count_policy(void *context, const struct vd_policy *policy)
{
    (void)policy;
    ++*(uint64_t *)context;
    return true;
}

/* What opens a database of ours may change it: that is done to a copy. */
static int copy_database(const struct checking *c, const char *name, const char *to)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int error = open_database(c, name, &db);
    int code = SQLITE_OK;

    if (error == VD_OK) {
        code = sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &statement, NULL);
    }
    if (error == VD_OK && code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, to, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return error != VD_OK ? error : vd_sqlite_error(code);
}

/* All keys of devices, modules and policies are opened. */
static int open_all_keys(const char *path, const uint8_t key[VD_MASTER_KEY_BYTES],
    uint64_t *identities, uint64_t *policies)
{
    struct vd_registry *registry = NULL;
    int error = vd_registry_sqlite_open(path, key, &registry);

    if (error == VD_OK) {
        error = vd_registry_list(registry, NULL, NULL, count_identity, identities);
    }
    if (error == VD_OK) {
        error = vd_registry_policy_list(registry, count_policy, policies);
    }
    vd_registry_close(registry);
    return error;
}

static int judge_keys(struct checking *c, const char *path, const uint8_t *key)
{
    uint64_t identities = 0;
    uint64_t policies = 0;
    const int error = open_all_keys(path, key, &identities, &policies);

    if (error != VD_OK) {
        return say(c->checks, false, "keys", "the registry's do not open: %s",
            error == VD_E_DENIED ? "it is another master key" : vd_error_text(error));
    }
    return say(c->checks, true, "keys", "of %llu identities and %llu policies open",
        (unsigned long long)identities, (unsigned long long)policies);
}

/* ---- The audit trail ---- */

/* key: the master key; NULL: the chain alone is judged, not who signed its head. */
static int judge_audit(struct checking *c, const char *path, const uint8_t *key)
{
    struct vd_audit_check check = {.key = NULL};
    uint8_t signing[VD_MASTER_KEY_BYTES] = {0};
    uint8_t digest[VD_MASTER_KEY_BYTES] = {0};
    int error = key != NULL ? vd_audit_keys_derive(key, signing, digest) : VD_OK;

    check.key = key != NULL ? signing : NULL;
    check.anchor = (struct vd_str){(const char *)c->anchor.data, c->anchor.length};
    if (error == VD_OK) {
        error = vd_audit_file_verify(path, &check);
    }
    vd_secret_wipe(signing, sizeof signing);
    vd_secret_wipe(digest, sizeof digest);
    if (error != VD_OK) {
        return say(c->checks, false, "audit trail", "%s",
            check.problem[0] != '\0' ? check.problem : vd_error_text(error));
    }
    if (check.breaks > 0) {
        return say(c->checks, false, "audit trail", "record %llu says that it was found broken: %s",
            (unsigned long long)check.last_break, check.break_note);
    }
    return say(c->checks, true, "audit trail", "%llu records verify%s",
        (unsigned long long)check.records, key != NULL ? "" : ", by their chain alone");
}

/* ---- What is done to copies ---- */

/* A copy of the database, beside nothing else, is judged. */
static int check_copy(struct checking *c, const char *name, const uint8_t *key,
    int (*judge)(struct checking *c, const char *path, const uint8_t *key))
{
    const char *temporary = getenv("TMPDIR");
    char folder[VD_PATH_SIZE];
    char path[VD_PATH_SIZE];
    int error;

    snprintf(folder, sizeof folder, "%.400s/vedette-verify-XXXXXX",
        temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL) {
        return say(c->checks, false, name, "%.400s: %s", folder,
            vd_error_text(vd_error_from_errno(errno)));
    }
    error = vd_data_path(folder, name, path);
    if (error == VD_OK) {
        error = copy_database(c, name, path);
    }
    error = error == VD_OK ? judge(c, path, key)
                           : say(c->checks, false, name, "cannot be copied to %.400s: %s", folder,
                                 vd_error_text(error));
    vd_folder_remove(folder);
    return error;
}

/* Before the trail is, which may grow meanwhile. */
static void read_anchor(struct checking *c)
{
    sqlite3 *db = NULL;

    if (open_database(c, VD_FILE_REGISTRY, &db) == VD_OK) {
        (void)!vd_audit_anchor_read(db, &c->anchor); /* its damage was told of */
    }
    sqlite3_close(db);
}

/* One of before audit trails has none, and its registry knows of none. */
static int check_audit(struct checking *c, const uint8_t *key)
{
    char path[VD_PATH_SIZE];
    int error = VD_OK;

    read_anchor(c);
    if (vd_data_path(c->folder, VD_FILE_AUDIT, path) == VD_OK && access(path, F_OK) == 0) {
        error = check_copy(c, VD_FILE_AUDIT, key, judge_audit);
    } else if (c->anchor.length > 0) {
        error = say(c->checks, false, "audit trail",
            "the registry knows of one, and " VD_FILE_AUDIT " is gone");
    }
    vd_buf_release(&c->anchor);
    return error;
}

static int check_sealed_file(
    struct checking *c, const uint8_t *key, const struct vd_manifest_file *file)
{
    uint8_t plain[VD_SEALED_MAX_BYTES];
    char name[VD_BACKUP_PATH_SIZE];
    size_t length = 0;
    const int error = vd_sealed_open(key, c->folder, file, name, plain, &length);

    vd_secret_wipe(plain, sizeof plain);
    return error == VD_OK ? say(c->checks, true, file->path, "opens")
                          : say(c->checks, false, file->path, "%s",
                                error == VD_E_DENIED ? VD_SEALED_SHUT : vd_error_text(error));
}

/* What a backup holds sealed besides the registry's keys. */
static int check_sealed_files(struct checking *c, const uint8_t *master)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    int error = vd_secret_derive(master, VD_BACKUP_SEAL_PURPOSE, key);

    for (size_t i = 0; error == VD_OK && c->manifest != NULL && i < c->manifest->count; i++) {
        const struct vd_manifest_file *file = &c->manifest->files[i];

        if (vd_sealed_is(file->path)) {
            error = check_sealed_file(c, key, file);
        }
    }
    vd_secret_wipe(key, sizeof key);
    return error;
}

/* key_file NULL: there is none. */
static int check_sealed(struct checking *c, const char *key_file)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    int error = VD_OK;

    if (key_file == NULL) {
        error = say(c->checks, true, "keys",
            "not looked at: the master key is not in the backup, and none is given by --master-key");
        return error == VD_OK ? check_audit(c, NULL) : error;
    }
    error = vd_secret_key_file_read(key_file, key);
    if (error != VD_OK) {
        error = say(c->checks, false, "keys", "%.400s: %s", key_file, vd_error_text(error));
        return error == VD_OK ? check_audit(c, NULL) : error;
    }
    error = check_copy(c, VD_FILE_REGISTRY, key, judge_keys);
    if (error == VD_OK) {
        error = check_sealed_files(c, key);
    }
    if (error == VD_OK) {
        error = check_audit(c, key);
    }
    vd_secret_wipe(key, sizeof key);
    return error;
}

/* ---- The whole ---- */

static int check_stores(struct checking *c)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < sizeof databases / sizeof databases[0]; i++) {
        error = check_database(c, &databases[i]);
    }
    if (error == VD_OK) {
        error = check_days(c);
    }
    return error == VD_OK ? check_offsets(c) : error;
}

static struct checking checking_of(struct vd_checks *checks, const char *folder, bool is_backup)
{
    return (struct checking){.checks = checks,
        .folder = folder,
        .is_backup = is_backup,
        .log_end = -1,
        .alerts_next = -1,
        .rows_next = -1};
}

int vd_check_data(const char *dir, struct vd_checks *checks)
{
    struct checking c = checking_of(checks, dir, false);
    char path[VD_PATH_SIZE];
    int error = check_stores(&c);

    if (error == VD_OK) {
        error = vd_data_path(dir, VD_FILE_MASTER_KEY, path);
    }
    return error == VD_OK ? check_sealed(&c, path) : error;
}

static int check_file(struct checking *c, const struct vd_manifest_file *file)
{
    struct vd_file_sum sum;
    char path[VD_PATH_SIZE];
    int error = vd_data_path(c->folder, file->path, path);

    if (error == VD_OK) {
        error = vd_file_sum_of(path, &sum);
    }
    if (error != VD_OK) {
        return say(c->checks, false, file->path, "%s", vd_error_text(error));
    }
    if (sum.bytes != file->bytes) {
        return say(c->checks, false, file->path, "%llu bytes; the manifest says %llu",
            (unsigned long long)sum.bytes, (unsigned long long)file->bytes);
    }
    if (strcmp(sum.sha256, file->sha256) != 0) {
        return say(c->checks, false, file->path, "its content is not what the manifest says");
    }
    return VD_OK;
}

static int check_files(struct checking *c, const struct vd_manifest *manifest)
{
    const unsigned bad = c->checks->bad;
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < manifest->count; i++) {
        error = check_file(c, &manifest->files[i]);
    }
    if (error == VD_OK && c->checks->bad == bad) {
        error = say(c->checks, true, VD_MANIFEST_FILE, "%zu files are as it says", manifest->count);
    }
    return error;
}

int vd_check_backup(const char *folder, const char *key_file, struct vd_checks *checks)
{
    struct checking c = checking_of(checks, folder, true);
    struct vd_manifest manifest = {0};
    char reason[600] = "";
    char path[VD_PATH_SIZE];
    int error = vd_manifest_read(folder, &manifest, reason, sizeof reason);

    if (error != VD_OK) {
        return say(checks, false, VD_MANIFEST_FILE, "%s", reason);
    }
    c.manifest = &manifest;
    error = check_files(&c, &manifest);
    if (error == VD_OK) {
        error = vd_check_others(&manifest, folder, checks);
    }
    if (error != VD_OK && error != VD_E_NOMEM) {
        error = say(checks, false, VD_MANIFEST_FILE, "what is beside it cannot be seen: %s",
            vd_error_text(error));
    }
    if (error == VD_OK) {
        error = check_stores(&c);
    }
    if (error == VD_OK && manifest.has_master_key && key_file == NULL) {
        error = vd_data_path(folder, VD_FILE_MASTER_KEY, path);
        key_file = path;
    }
    if (error == VD_OK) {
        error = check_sealed(&c, key_file);
    }
    vd_manifest_release(&manifest);
    return error;
}
