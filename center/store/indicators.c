/* SPDX-License-Identifier: MIT */
/* Indicators at rest: imported as a whole or not at all, loaded into a set by the center. */

#include "center/limits.h"
#include "center/store/alert_store_internal.h"

static int insert_indicator(struct vd_alert_store *store, const char *feed,
    const struct vd_indicator_line *line, struct vd_import_result *result)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_INDICATOR_ADD);
    int error;

    sqlite3_bind_text(s, 1, feed, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 2, line->range.from.bytes, VD_INDICATOR_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(s, 3, line->range.to.bytes, VD_INDICATOR_BYTES, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, line->text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 5, line->line);
    error = vd_alert_sql_run(store, VD_SQL_INDICATOR_ADD);
    if (error == VD_OK) {
        if (sqlite3_changes(store->writer) > 0) {
            result->added++;
        } else {
            result->known++;
        }
    }
    return error;
}

static int count_indicators(struct vd_alert_store *store, uint64_t *count)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_INDICATOR_COUNT);
    int code = sqlite3_step(s);

    if (code == SQLITE_ROW) {
        *count = (uint64_t)sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

static int import_lines(struct vd_alert_store *store, const char *feed, struct vd_str text,
    struct vd_import_result *result)
{
    struct vd_indicator_reader reader = {text, 0};
    struct vd_indicator_line line;
    const char *problem = "";
    uint64_t room = 0;
    int error = count_indicators(store, &room);

    if (error != VD_OK) {
        return error;
    }
    room = room < VD_INDICATORS_MAX ? VD_INDICATORS_MAX - room : 0;
    for (;;) {
        error = vd_indicator_next(&reader, &line, &problem);
        if (error != VD_OK) {
            break;
        }
        error = insert_indicator(store, feed, &line, result);
        if (error == VD_OK && result->added > room) {
            problem = "more indicators than the center holds";
            error = VD_E_LIMIT;
        }
        if (error != VD_OK) {
            break;
        }
    }
    if (error == VD_E_INVALID || error == VD_E_LIMIT) {
        result->line = reader.line;
        snprintf(result->problem, sizeof result->problem, "%s", problem);
    }
    return error == VD_E_NOT_FOUND ? VD_OK : error;
}

int vd_alert_store_import_indicators(struct vd_alert_store *store, const char *feed,
    struct vd_str text, struct vd_import_result *result)
{
    size_t feed_length = strlen(feed);
    int64_t generation;
    int error;

    *result = (struct vd_import_result){0};
    if (feed_length < 1 || feed_length > VD_FEED_NAME_MAX) {
        snprintf(result->problem, sizeof result->problem, "a feed's name has 1 to %d letters",
            VD_FEED_NAME_MAX);
        return VD_E_INVALID;
    }
    error = vd_alert_store_begin(store);
    if (error != VD_OK) {
        return error;
    }
    error = import_lines(store, feed, text, result);
    if (error == VD_OK) {
        error = vd_alert_meta_get(store, "indicator_generation", &generation);
    }
    if (error == VD_OK) {
        error = vd_alert_meta_set(store, "indicator_generation", generation + 1);
    }
    if (error == VD_OK) {
        error = vd_alert_store_commit(store);
    } else {
        vd_alert_store_rollback(store);
    }
    if (error != VD_OK) {
        result->added = 0;
        result->known = 0;
    }
    return error;
}

int vd_alert_store_indicator_count(struct vd_alert_store *store, uint64_t *count)
{
    sqlite3_stmt *s = NULL;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader, "SELECT count(*) FROM indicators", -1, &s, NULL);
    if (code == SQLITE_OK) {
        code = sqlite3_step(s);
        if (code == SQLITE_ROW) {
            *count = (uint64_t)sqlite3_column_int64(s, 0);
        }
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

int vd_alert_store_indicator_generation(struct vd_alert_store *store, int64_t *generation)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, "indicator_generation", generation);
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}

/* Begins the feed unless it is the one under way. */
static int load_feed(
    struct vd_indicator_builder *builder, const char *name, char feed[VD_FEED_NAME_MAX + 1])
{
    const struct vd_feed_info info = {.name = name, .confidence = VD_CONFIDENCE_UNKNOWN};
    int error;

    if (strcmp(name, feed) == 0) {
        return VD_OK;
    }
    error = vd_text_copy(name, feed, VD_FEED_NAME_MAX + 1);
    return error == VD_OK ? vd_indicator_builder_feed(builder, &info) : error;
}

static int load_rows(sqlite3 *db, struct vd_indicator_builder *builder)
{
    struct vd_indicator indicator = {.confidence = VD_CONFIDENCE_UNKNOWN};
    char feed[VD_FEED_NAME_MAX + 1] = "";
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db,
        "SELECT feed, range_from, range_to, text, line FROM indicators"
        " ORDER BY feed, range_from, range_to",
        -1, &s, NULL);
    int error = vd_sqlite_error(code);

    while (error == VD_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const void *from = sqlite3_column_blob(s, 1);
        const void *to = sqlite3_column_blob(s, 2);

        if (sqlite3_column_bytes(s, 1) != VD_INDICATOR_BYTES ||
            sqlite3_column_bytes(s, 2) != VD_INDICATOR_BYTES) {
            error = VD_E_CORRUPT;
            break;
        }
        memcpy(indicator.range.from.bytes, from, VD_INDICATOR_BYTES);
        memcpy(indicator.range.to.bytes, to, VD_INDICATOR_BYTES);
        indicator.text = (const char *)sqlite3_column_text(s, 3);
        indicator.line = (uint32_t)sqlite3_column_int64(s, 4);
        error = load_feed(builder, (const char *)sqlite3_column_text(s, 0), feed);
        if (error == VD_OK) {
            error = vd_indicator_builder_add(builder, &indicator);
        }
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(code);
    }
    sqlite3_finalize(s);
    return error;
}

int vd_alert_store_load_indicators(
    struct vd_alert_store *store, int64_t *generation, struct vd_indicator_set **set)
{
    struct vd_indicator_builder *builder = NULL;
    int64_t loaded = 0;
    int error = vd_indicator_builder_new(NULL, &builder);

    if (error != VD_OK) {
        return error;
    }
    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, "indicator_generation", &loaded);
    if (error == VD_OK) {
        error = load_rows(store->writer, builder);
    }
    pthread_mutex_unlock(&store->write_mutex);
    if (error != VD_OK) {
        vd_indicator_builder_free(builder);
        return error;
    }
    error = vd_indicator_builder_finish(builder, set);
    if (error == VD_OK) {
        *generation = loaded;
    }
    return error;
}
