/* SPDX-License-Identifier: MIT */
/* Opens and closes the stores, and says what is wrong with which file. */

#include "cli/stores.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "api/api.h"
#include "api/audit_watch.h"
#include "center/store/sinks.h"
#include "cli/data_dir.h"
#include "lib/secret.h"

struct opening {
    const char *dir;
    const struct vd_config *config;
    struct vd_stores *stores;
    char *error_text;
    size_t error_size;
};

/* The format that a SQLite file says it has; 0 if that cannot be read. */
static int format_of(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    int version = 0;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        version = sqlite3_column_int(statement, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return version;
}

/*
 * Stores that are there since `vedette init`, and are not made again in silence. Without some the others cannot be right: twins
 * belong to the registry's devices, alerts to the log's records. The rest may be begun anew by who knows what is lost.
 */
static const struct {
    const char *file;
    unsigned need;
    bool can_begin_anew;
} made_once[] = {
    {VD_FILE_REGISTRY, VD_NEEDS_REGISTRY, false},
    {VD_FILE_LOG, VD_NEEDS_LOG, false},
    {VD_FILE_ALERTS, VD_NEEDS_ALERTS, true},
    {VD_FILE_STATE, VD_NEEDS_STATE, true},
};
#define MADE_ONCE_COUNT (sizeof made_once / sizeof made_once[0])

/* Its place in made_once; MADE_ONCE_COUNT for another file. */
static size_t made_once_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t i = 0;

    while (
        i < MADE_ONCE_COUNT && strcmp(made_once[i].file, slash != NULL ? slash + 1 : path) != 0) {
        i++;
    }
    return i;
}

static void put_advice(int error, const char *path, char *out, size_t size)
{
    const size_t i = made_once_of(path);
    const char *advice;

    switch (error) {
    case VD_E_FULL:
        advice = "make room on its file system";
        break;
    case VD_E_BUSY:
        advice = "end the other process first";
        break;
    case VD_E_CORRUPT:
        if (i < MADE_ONCE_COUNT && made_once[i].can_begin_anew) {
            snprintf(out, size,
                "restore it from a backup; or move it away, with its -wal and -shm if there are any, and "
                "`vedette init --store %s` makes an empty one",
                made_once[i].file);
            return;
        }
        advice = i < MADE_ONCE_COUNT
            ? "restore it from a backup"
            : "restore it from a backup, or move it away to start with an empty one";
        break;
    case VD_E_DENIED:
        advice =
            "it is to be readable and writable by this user: run as the one who owns the data directory, "
            "or see that the file is theirs, mode 0600";
        break;
    default:
        advice = "see the log";
    }
    snprintf(out, size, "%s", advice);
}

void vd_store_error_text(const char *path, int error, char *out, size_t size)
{
    if (error == VD_E_NEWER) {
        snprintf(out, size,
            "%s: its format is version %d, written by a newer vedette than this one (%s); "
            "nothing was changed: run that version again",
            path, format_of(path), VD_VERSION);
    } else {
        char advice[200];

        put_advice(error, path, advice, sizeof advice);
        snprintf(out, size, "%s: %s; %s", path, vd_error_text(error), advice);
    }
}

static int describe(const struct opening *o, int error, const char *path)
{
    vd_store_error_text(path, error, o->error_text, o->error_size);
    return error;
}

static int open_registry(const struct opening *o)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(o->dir, VD_FILE_MASTER_KEY, path);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(path, key);
    }
    if (error != VD_OK) {
        snprintf(o->error_text, o->error_size,
            "%s: %s; it is to be the key file that `vedette init` made, mode 0600, readable by this user",
            path, vd_error_text(error));
        return error;
    }
    error = vd_data_path(o->dir, VD_FILE_REGISTRY, path);
    if (error == VD_OK) {
        error = vd_registry_sqlite_open(path, key, &o->stores->registry);
    }
    vd_secret_wipe(key, sizeof key);
    if (error == VD_E_DENIED) {
        snprintf(o->error_text, o->error_size,
            "%s: does not open with %s: not the key that it was made with, or not readable", path,
            VD_FILE_MASTER_KEY);
        return error;
    }
    return error != VD_OK ? describe(o, error, path) : VD_OK;
}

static int open_state(const struct opening *o)
{
    char path[VD_PATH_SIZE];
    int error = vd_data_path(o->dir, VD_FILE_STATE, path);

    if (error == VD_OK) {
        error = vd_state_open(path, &o->stores->state);
    }
    return error != VD_OK ? describe(o, error, path) : VD_OK;
}

static int open_log(const struct opening *o)
{
    char path[VD_PATH_SIZE];
    int error = vd_data_path(o->dir, VD_FILE_LOG, path);

    if (error == VD_OK) {
        error = vd_event_log_sqlite_open(path, &o->stores->log);
    }
    return error != VD_OK ? describe(o, error, path) : VD_OK;
}

static int open_alerts(const struct opening *o)
{
    uint8_t key[VD_MASTER_KEY_BYTES] = {0};
    char path[VD_PATH_SIZE];
    int error = vd_data_path(o->dir, VD_FILE_ALERTS, path);

    if (error == VD_OK) {
        error = vd_alert_store_open(path, &o->stores->alerts);
    }
    if (error != VD_OK) {
        return describe(o, error, path);
    }
    error = vd_data_path(o->dir, VD_FILE_MASTER_KEY, path);
    if (error == VD_OK) {
        error = vd_secret_key_file_read(path, key);
    }
    if (error == VD_OK) {
        vd_sinks_set_key(o->stores->alerts, key);
    }
    vd_secret_wipe(key, sizeof key);
    return error != VD_OK ? describe(o, error, path) : VD_OK;
}

static int open_audit(const struct opening *o)
{
    uint8_t key[VD_MASTER_KEY_BYTES];
    char path[VD_PATH_SIZE];
    int error = vd_data_path(o->dir, VD_FILE_MASTER_KEY, path);

    if (error == VD_OK) {
        error = vd_secret_key_file_read(path, key);
    }
    if (error == VD_OK) {
        error = vd_data_path(o->dir, VD_FILE_AUDIT, path);
    }
    if (error == VD_OK) {
        error = vd_audit_open(path, key, &o->stores->audit);
    }
    vd_secret_wipe(key, sizeof key);
    return error != VD_OK ? describe(o, error, path) : VD_OK;
}

static int open_analytics(const struct opening *o)
{
    char path[VD_PATH_SIZE];
    char center[VD_PATH_SIZE];
    char hub[VD_RESOURCE_ID_SIZE];
    char reason[400] = "";
    struct vd_resource_scope scope;
    struct vd_duckdb_options options = {
        .folder = path,
        .resource_id = hub,
        .center_path = o->stores->alerts != NULL ? center : NULL,
        .memory_limit_mib = o->config->analytics_memory_mib,
        .threads = o->config->analytics_threads,
        .keep = vd_analytics_keep_of(o->config),
    };
    int error = vd_data_path(o->dir, VD_FILE_ANALYTICS, path);

    vd_config_scope(o->config, &scope);
    vd_resource_hub_id(&scope, hub);
    if (error == VD_OK) {
        error = vd_data_path(o->dir, VD_FILE_ALERTS, center);
    }
    if (error == VD_OK) {
        error = vd_analytics_duckdb_open(&options, &o->stores->analytics, reason, sizeof reason);
    }
    if (error != VD_OK) {
        snprintf(o->error_text, o->error_size, "%s: %s%s%s%s", path, vd_error_text(error),
            reason[0] != '\0' ? ": " : "", reason,
            error == VD_E_CORRUPT
                ? "; restore a backup, or move that file, and its .wal if there is "
                  "one, away to go on without its rows"
                : "");
    }
    return error;
}

static bool is_gone(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? status.st_size == 0 : errno == ENOENT;
}

int vd_stores_find(const char *dir, char *error_text, size_t error_size)
{
    for (size_t i = 0; i < MADE_ONCE_COUNT; i++) {
        char path[VD_PATH_SIZE];

        if (vd_data_path(dir, made_once[i].file, path) != VD_OK || !is_gone(path)) {
            continue; /* of a path that is too long opening it says so */
        }
        if (made_once[i].can_begin_anew) {
            snprintf(error_text, error_size,
                "%s: is gone, or empty; restore the data directory from a backup, "
                "or make an empty one: `vedette init --store %s`",
                path, made_once[i].file);
        } else {
            snprintf(error_text, error_size,
                "%s: is gone, or empty; restore the data directory from a backup", path);
        }
        return VD_E_CORRUPT;
    }
    return VD_OK;
}

/* Before the store is made, so that none is there of which the trail says nothing. */
static int record_anew(const char *dir, const struct vd_config *config, const char *file,
    char *error_text, size_t error_size)
{
    char note[64];
    struct vd_stores stores = {0};
    int error = vd_stores_open(
        dir, config, VD_NEEDS_AUDIT | VD_NEEDS_REGISTRY, &stores, error_text, error_size);

    if (error != VD_OK) {
        return error;
    }
    snprintf(note, sizeof note, "%s, empty", file);
    error = vd_audit_add_program(stores.audit, "store.anew", note);
    if (error == VD_OK) {
        error = vd_audit_anchor_follow(stores.audit, stores.registry);
    }
    vd_stores_close(&stores);
    if (error != VD_OK) {
        snprintf(error_text, error_size, "the audit trail cannot say that %s is made anew: %s",
            file, vd_error_text(error));
    }
    return error;
}

/* Its place has to be free of what belongs to another file of its name: SQLite would throw that away. */
static int check_place(const char *path, char *error_text, size_t error_size)
{
    char wal[VD_PATH_SIZE + 8];

    snprintf(wal, sizeof wal, "%s-wal", path);
    if (is_gone(path) && is_gone(wal)) {
        return VD_OK;
    }
    snprintf(error_text, error_size,
        "%s: is there; an empty store is made only in the place of one that is gone: move it away first",
        is_gone(path) ? wal : path);
    return VD_E_EXISTS;
}

int vd_stores_begin_anew(const char *dir, const struct vd_config *config, const char *file,
    char *error_text, size_t error_size)
{
    const size_t i = made_once_of(file);
    char path[VD_PATH_SIZE];
    struct vd_stores stores = {0};
    int error;

    if (i == MADE_ONCE_COUNT || !made_once[i].can_begin_anew ||
        strcmp(made_once[i].file, file) != 0) {
        snprintf(error_text, error_size,
            "--store %s: is to be " VD_FILE_ALERTS " or " VD_FILE_STATE
            ": without its other stores a data directory "
            "is restored from a backup, or made anew as a whole",
            file);
        return VD_E_INVALID;
    }
    error = vd_data_path(dir, file, path);
    if (error == VD_OK) {
        error = check_place(path, error_text, error_size);
    }
    if (error == VD_OK) {
        error = record_anew(dir, config, file, error_text, error_size);
    }
    if (error == VD_OK) {
        error = vd_stores_open(dir, config, made_once[i].need, &stores, error_text, error_size);
        if (error != VD_OK) {
            (void)!unlink(path); /* half made: it was gone, and is to be found so */
        }
        vd_stores_close(&stores);
    }
    return error;
}

int vd_stores_open(const char *dir, const struct vd_config *config, unsigned needs,
    struct vd_stores *stores, char *error_text, size_t error_size)
{
    static const struct {
        unsigned need;
        int (*open)(const struct opening *opening);
    } parts[] = {
        {VD_NEEDS_REGISTRY, open_registry},
        {VD_NEEDS_STATE, open_state},
        {VD_NEEDS_LOG, open_log},
        {VD_NEEDS_ALERTS, open_alerts},
        {VD_NEEDS_ANALYTICS, open_analytics},
        {VD_NEEDS_AUDIT, open_audit},
    };
    struct vd_stores opened = {0};
    struct opening opening = {dir, config, &opened, error_text, error_size};

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        int error = (needs & parts[i].need) != 0 ? parts[i].open(&opening) : VD_OK;

        if (error != VD_OK) {
            vd_stores_close(&opened);
            return error;
        }
    }
    *stores = opened;
    return VD_OK;
}

void vd_stores_close(struct vd_stores *stores)
{
    vd_audit_close(stores->audit);
    vd_analytics_close(stores->analytics);
    vd_alert_store_close(stores->alerts);
    vd_event_log_close(stores->log);
    if (stores->state != NULL) {
        vd_state_stop(stores->state);
        vd_state_close(stores->state);
    }
    vd_registry_close(stores->registry);
    *stores = (struct vd_stores){0};
}

void vd_detect_settings_of(const struct vd_config *config, struct vd_detect_settings *out)
{
    *out = (struct vd_detect_settings){
        .lateness_ms = (int64_t)config->detection_lateness_s * 1000,
        .silent_after_ms = (int64_t)config->detection_silent_hours * 3600000,
    };
}

struct vd_analytics_keep vd_analytics_keep_of(const struct vd_config *config)
{
    return (struct vd_analytics_keep){
        .days = {[VD_ANALYTICS_RAW_EVENTS] = config->analytics_raw_events_days,
            [VD_ANALYTICS_DIAGNOSTICS] = config->analytics_diagnostics_days,
            [VD_ANALYTICS_ACTIVITY] = config->analytics_activity_days},
        .max_bytes = (uint64_t)config->analytics_max_mib << 20,
    };
}
