/* SPDX-License-Identifier: MIT */
/* Rows of sinks with sealed secrets, and of dead letters. */

#include "center/store/sinks.h"

#include <string.h>

#include "center/limits.h"
#include "center/store/alert_internal.h"
#include "center/store/outbox.h"
#include "center/store/rows.h"
#include "lib/clock.h"

#define GENERATION "sink_generation"

void vd_sinks_set_key(struct vd_alert_store *store, const uint8_t key[VD_MASTER_KEY_BYTES])
{
    memcpy(store->master_key, key, VD_MASTER_KEY_BYTES);
    store->has_master_key = true;
}

static int next_generation(struct vd_alert_store *store)
{
    int64_t generation = 0;
    int error = vd_alert_meta_get(store, GENERATION, &generation);

    return error == VD_OK ? vd_alert_meta_set(store, GENERATION, generation + 1) : error;
}

int vd_sinks_generation(struct vd_alert_store *store, int64_t *generation)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, GENERATION, generation);
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}

/* ---- Making and removing ---- */

static bool is_name(const char *name)
{
    const size_t length =
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    return length > 0 && length <= VD_SINK_NAME_MAX && name[length] == '\0';
}

static int first_number(
    struct vd_alert_store *store, enum vd_alert_statement statement, int64_t *number)
{
    sqlite3_stmt *s = vd_alert_sql(store, statement);
    const int code = sqlite3_step(s);

    if (code == SQLITE_ROW) {
        *number = sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

static int insert(struct vd_alert_store *store, const struct vd_sink_row *row, const char *settings,
    const uint8_t *sealed, size_t sealed_length)
{
    sqlite3_stmt *s;
    int64_t next = 0;
    int64_t count = 0;
    int64_t born = 0;
    int code;
    int error = first_number(store, VD_SQL_OUTBOX_END, &next);

    if (error == VD_OK) {
        error = first_number(store, VD_SQL_OUTBOX_WANTED, &count);
    }
    if (error == VD_OK) {
        error = vd_alert_meta_get(store, GENERATION, &born);
    }
    if (error != VD_OK) {
        return error;
    }
    if (count >= VD_NOTIFY_SINKS_MAX) {
        return VD_E_LIMIT;
    }
    s = vd_alert_sql(store, VD_SQL_SINK_PUT);
    sqlite3_bind_text(s, 1, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, row->kind, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, settings, -1, SQLITE_STATIC);
    sqlite3_bind_blob64(
        s, 4, sealed_length > 0 ? (const void *)sealed : "", sealed_length, SQLITE_STATIC);
    sqlite3_bind_int(s, 5, vd_severity_rank(row->min_severity));
    sqlite3_bind_int64(s, 6, next);
    sqlite3_bind_int64(s, 7, born);
    code = sqlite3_step(s);
    sqlite3_reset(s);
    return (code & 0xff) == SQLITE_CONSTRAINT ? VD_E_EXISTS : vd_sqlite_error(code);
}

int vd_sinks_add(struct vd_alert_store *store, const struct vd_sink_row *row)
{
    uint8_t sealed[VD_SINK_SECRET_MAX + VD_SEAL_OVERHEAD];
    size_t sealed_length = 0;
    char *settings;
    int error = VD_OK;

    if (!is_name(row->name) || vd_severity_rank(row->min_severity) < 0) {
        return VD_E_INVALID;
    }
    if (row->secret.length > VD_SINK_SECRET_MAX) {
        return VD_E_LIMIT;
    }
    if (row->secret.length > 0) {
        error = !store->has_master_key ? VD_E_DENIED
                                       : vd_secret_seal(store->master_key, vd_str_from(row->name),
                                             row->secret.data, row->secret.length, sealed);
        sealed_length = row->secret.length + VD_SEAL_OVERHEAD;
    }
    settings = json_dumps(row->settings, JSON_COMPACT);
    if (settings == NULL) {
        error = VD_E_NOMEM;
    }
    if (error == VD_OK && (error = vd_alert_store_begin(store)) == VD_OK) {
        error = insert(store, row, settings, sealed, sealed_length);
        error = vd_alert_store_end(store, error == VD_OK ? next_generation(store) : error);
    }
    free(settings);
    return error;
}

int vd_sinks_remove(struct vd_alert_store *store, const char *name)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_text(vd_alert_sql(store, VD_SQL_SINK_REMOVE), 1, name, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_SINK_REMOVE);
    if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        sqlite3_bind_text(vd_alert_sql(store, VD_SQL_SINK_DEAD_REMOVE), 1, name, -1, SQLITE_STATIC);
        error = vd_alert_sql_run(store, VD_SQL_SINK_DEAD_REMOVE);
    }
    if (error == VD_OK) {
        (void)vd_alert_sql(store, VD_SQL_OUTBOX_TRIM);
        error = vd_alert_sql_run(store, VD_SQL_OUTBOX_TRIM);
    }
    return vd_alert_store_end(store, error == VD_OK ? next_generation(store) : error);
}

/* ---- Reading ---- */

static json_t *sink_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I}", "name",
        vd_sqlite_json_text(s, 0), "kind", vd_sqlite_json_text(s, 1), "settings",
        json_loads((const char *)sqlite3_column_text(s, 2), 0, NULL), "minSeverity",
        vd_alert_severity_of_rank(sqlite3_column_int(s, 3)), "waiting",
        (json_int_t)sqlite3_column_int64(s, 4), "delivered", (json_int_t)sqlite3_column_int64(s, 5),
        "skipped", (json_int_t)sqlite3_column_int64(s, 6), "dead",
        (json_int_t)sqlite3_column_int64(s, 7), "born", (json_int_t)sqlite3_column_int64(s, 8));
}

int vd_sinks_list(struct vd_alert_store *store, json_t **sinks)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT name, kind, settings, min_rank, (SELECT count(*) FROM outbox WHERE sequence >= next"
        " AND (sink = name OR (sink = '' AND rank >= min_rank))), delivered, skipped,"
        " (SELECT count(*) FROM notify_dead WHERE sink = name), born FROM notify_sinks ORDER BY name");

    return vd_rows_end(store, s, sink_json, sinks);
}

int vd_sinks_secret(
    struct vd_alert_store *store, const char *name, uint8_t out[VD_SINK_SECRET_MAX], size_t *length)
{
    sqlite3_stmt *s = NULL;
    int error;

    pthread_mutex_lock(&store->read_mutex);
    error = vd_sqlite_error(sqlite3_prepare_v2(
        store->reader, "SELECT secret FROM notify_sinks WHERE name = ?1", -1, &s, NULL));
    if (error == VD_OK) {
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        error = sqlite3_step(s) == SQLITE_ROW ? VD_OK : VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        const size_t size = (size_t)sqlite3_column_bytes(s, 0);

        if (size == 0) {
            *length = 0;
        } else if (!store->has_master_key) {
            error = VD_E_DENIED;
        } else if (size < VD_SEAL_OVERHEAD || size > VD_SINK_SECRET_MAX + VD_SEAL_OVERHEAD) {
            error = VD_E_CORRUPT;
        } else {
            error = vd_secret_open(
                store->master_key, vd_str_from(name), sqlite3_column_blob(s, 0), size, out);
            *length = size - VD_SEAL_OVERHEAD;
        }
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return error;
}

/* ---- Dead letters ---- */

static json_t *time_json(int64_t ms)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(ms, text);
    return json_string(text);
}

static json_t *letter_json(sqlite3_stmt *s)
{
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "number",
        (json_int_t)sqlite3_column_int64(s, 0), "sink", vd_sqlite_json_text(s, 1), "sequence",
        (json_int_t)sqlite3_column_int64(s, 2), "what", vd_sqlite_json_text(s, 3), "time",
        time_json(sqlite3_column_int64(s, 4)), "failed", time_json(sqlite3_column_int64(s, 5)),
        "reason", vd_sqlite_json_text(s, 6), "alert",
        json_loads((const char *)sqlite3_column_text(s, 7), 0, NULL));
}

int vd_sinks_dead_list(
    struct vd_alert_store *store, int64_t number, uint32_t limit, json_t **letters)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT number, sink, sequence, what, time_ms, failed_ms, reason, body FROM notify_dead"
        " WHERE ?1 = 0 OR number = ?1 ORDER BY number DESC LIMIT ?2");

    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, limit);
    return vd_rows_end(store, s, letter_json, letters);
}

static int run_on(struct vd_alert_store *store, enum vd_alert_statement statement, int64_t number)
{
    int error;

    sqlite3_bind_int64(vd_alert_sql(store, statement), 1, number);
    error = vd_alert_sql_run(store, statement);
    return error == VD_OK && sqlite3_changes(store->writer) == 0 ? VD_E_NOT_FOUND : error;
}

int vd_sinks_dead_replay(struct vd_alert_store *store, int64_t number)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = run_on(store, VD_SQL_DEAD_REPLAY, number);
    return vd_alert_store_end(
        store, error == VD_OK ? run_on(store, VD_SQL_DEAD_REMOVE, number) : error);
}

int vd_sinks_dead_discard(struct vd_alert_store *store, int64_t number)
{
    int error = vd_alert_store_begin(store);

    return error == VD_OK ? vd_alert_store_end(store, run_on(store, VD_SQL_DEAD_REMOVE, number))
                          : error;
}
