/* SPDX-License-Identifier: MIT */
/* Documents of groups: checked before they are stored, compiled when they are loaded. */

#include "center/store/groups.h"

#include "center/store/alert_store_internal.h"
#include "center/store/rows.h"
#include "lib/log.h"

#define GENERATION "group_generation"

static int next_generation(struct vd_alert_store *store)
{
    int64_t generation = 0;
    int error = vd_alert_meta_get(store, GENERATION, &generation);

    return error == VD_OK ? vd_alert_meta_set(store, GENERATION, generation + 1) : error;
}

/* How many there are, and whether one has the name. */
static int count_groups(
    struct vd_alert_store *store, const char *name, int64_t *count, bool *is_there)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_GROUP_COUNT);
    int code;

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        *count = sqlite3_column_int64(s, 0);
        *is_there = sqlite3_column_int64(s, 1) != 0;
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

static int put_text(
    struct vd_alert_store *store, const char *name, const char *text, int64_t now_ms, bool *is_new)
{
    int64_t count = 0;
    bool is_there = false;
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = count_groups(store, name, &count, &is_there);
    if (error == VD_OK && !is_there && count >= VD_GROUPS_MAX) {
        error = VD_E_LIMIT;
    }
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_GROUP_PUT);
        sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 3, now_ms);
        error = vd_alert_sql_run(store, VD_SQL_GROUP_PUT);
    }
    if (error == VD_OK) {
        error = next_generation(store);
    }
    error = vd_alert_store_end(store, error);
    if (error == VD_OK) {
        *is_new = !is_there;
    }
    return error;
}

int vd_groups_put(struct vd_alert_store *store, const char *name, const json_t *properties,
    int64_t now_ms, bool *is_new, char problem[256])
{
    struct vd_group_rules *rules = NULL;
    char *text;
    int error = vd_group_rules_read(name, properties, &rules, problem);

    vd_group_rules_free(rules);
    if (error != VD_OK) {
        return error;
    }
    text = json_dumps(properties, JSON_COMPACT);
    if (text == NULL) {
        return VD_E_NOMEM;
    }
    error = put_text(store, name, text, now_ms, is_new);
    free(text);
    return error;
}

int vd_groups_remove(struct vd_alert_store *store, const char *name)
{
    sqlite3_stmt *s;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    s = vd_alert_sql(store, VD_SQL_GROUP_REMOVE);
    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_GROUP_REMOVE);
    if (error == VD_OK && sqlite3_changes(store->writer) == 0) {
        error = VD_E_NOT_FOUND;
    }
    if (error == VD_OK) {
        error = next_generation(store);
    }
    return vd_alert_store_end(store, error);
}

static json_t *group_json(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:o}", "name", vd_sqlite_json_text(s, 0), "properties",
        json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL));
}

int vd_groups_list(struct vd_alert_store *store, const char *name, json_t **groups)
{
    sqlite3_stmt *s = vd_rows_begin(store,
        "SELECT name, properties FROM security_groups WHERE ?1 IS NULL OR name = ?1 ORDER BY name");

    sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
    return vd_rows_end(store, s, group_json, groups);
}

int vd_groups_generation(struct vd_alert_store *store, int64_t *generation)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, GENERATION, generation);
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}

/* The group of the statement's row, added to the list. */
static int load_group(sqlite3_stmt *s, struct vd_group_rules ***rules, size_t *count)
{
    const char *name = (const char *)sqlite3_column_text(s, 0);
    json_t *properties = json_loads((const char *)sqlite3_column_text(s, 1), 0, NULL);
    struct vd_group_rules **larger = realloc(*rules, (*count + 1) * sizeof(void *));
    char problem[256] = "no JSON";
    int error = VD_E_NOMEM;

    if (larger != NULL) {
        *rules = larger;
        error = vd_group_rules_read(name, properties, &larger[*count], problem);
    }
    json_decref(properties);
    if (error == VD_E_INVALID) {
        vd_log(
            VD_LOG_ERROR, "center.group_unreadable", "group=\"%s\" problem=\"%s\"", name, problem);
        return VD_OK;
    }
    *count += error == VD_OK ? 1 : 0;
    return error;
}

int vd_groups_load(struct vd_alert_store *store, int64_t *generation,
    struct vd_group_rules ***rules, size_t *count)
{
    sqlite3_stmt *s;
    int code = SQLITE_DONE;
    int error;

    *rules = NULL;
    *count = 0;
    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, GENERATION, generation);
    s = vd_alert_sql(store, VD_SQL_GROUPS);
    while (error == VD_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        error = load_group(s, rules, count);
    }
    sqlite3_reset(s);
    pthread_mutex_unlock(&store->write_mutex);
    error = error == VD_OK ? vd_sqlite_error(code) : error;
    if (error != VD_OK) {
        for (size_t i = 0; i < *count; i++) {
            vd_group_rules_free((*rules)[i]);
        }
        free(*rules);
        *rules = NULL;
        *count = 0;
    }
    return error;
}
