/* SPDX-License-Identifier: MIT */
/* From feeds to the set: the one that is kept, or a build; and what a first version had. */

#include "center/store/feed_internal.h"
#include "lib/clock.h"
#include "lib/log.h"

#define SET_FILE "indicators.set"

struct building {
    struct vd_alert_store *store;
    struct vd_indicator_builder *builder;
    int64_t now_ms;
};

static int add(const struct vd_indicator *indicator, void *context)
{
    return vd_indicator_builder_add(context, indicator);
}

static int add_feed(struct building *b, const struct vd_feed_row *row,
    const struct vd_feed_settings *settings, struct vd_str text)
{
    const struct vd_feed_info info = {
        .name = row->name,
        .severity = settings->severity,
        .confidence = VD_CONFIDENCE_UNKNOWN, /* the parse has seen to it */
        .is_exception = settings->is_exception,
    };
    struct vd_feed_parse parse = settings->parse;
    struct vd_feed_report report;
    int error = vd_indicator_builder_feed(b->builder, &info);

    parse.now_ms = b->now_ms;
    parse.fetched_ms = row->fetched_ms;
    parse.take = add;
    parse.context = b->builder;
    return error == VD_OK ? vd_feed_parse(&parse, text, &report) : error;
}

/* A feed that cannot be read is left out: one must not switch the others off. */
static int build_row(struct vd_feed_row *row, void *context)
{
    struct building *b = context;
    struct vd_feed_settings settings = {0};
    struct vd_feed_text text = {0};
    char path[VD_FEED_PATH_SIZE + VD_FEED_FILE_SIZE];
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    int error = vd_feed_settings_read(row->settings, &settings, problem);

    snprintf(path, sizeof path, "%s/%s", b->store->intel_folder, row->file);
    if (error == VD_OK && settings.is_enabled && row->file[0] != '\0') {
        error = vd_feed_text_map(path, &text);
        if (error == VD_OK) {
            error = add_feed(b, row, &settings, text.text);
            vd_feed_text_unmap(&text);
        }
    }
    vd_feed_settings_release(&settings);
    if (error == VD_E_INVALID || error == VD_E_NOT_FOUND) {
        vd_log(VD_LOG_WARN, "intel.left_out", "feed=\"%s\" problem=\"%s\"", row->name,
            vd_error_text(error));
        return VD_OK;
    }
    return error;
}

/* Notes that the set that is kept is of this generation. */
static int note_generation(struct vd_alert_store *store, int64_t generation)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = vd_alert_meta_set(store, VD_FEED_SET_GENERATION, generation);
    return vd_alert_store_end(store, error);
}

static int build(
    struct vd_alert_store *store, const char *path, int64_t now_ms, struct vd_indicator_set **set)
{
    struct building b = {.store = store, .now_ms = now_ms};
    int error = vd_indicator_builder_new(path, &b.builder);

    if (error != VD_OK) {
        return error;
    }
    error = vd_feed_rows_each(store, NULL, build_row, &b);
    if (error != VD_OK) {
        vd_indicator_builder_free(b.builder);
        return error;
    }
    return vd_indicator_builder_finish(b.builder, set);
}

static int generations(struct vd_alert_store *store, int64_t *feeds, int64_t *kept)
{
    int error;

    pthread_mutex_lock(&store->write_mutex);
    error = vd_alert_meta_get(store, VD_FEED_GENERATION, feeds);
    if (error == VD_OK) {
        error = vd_alert_meta_get(store, VD_FEED_SET_GENERATION, kept);
    }
    pthread_mutex_unlock(&store->write_mutex);
    return error;
}

int vd_feeds_load(struct vd_alert_store *store, bool keep, int64_t now_ms, int64_t *generation,
    struct vd_indicator_set **set)
{
    char path[VD_FEED_PATH_SIZE + sizeof SET_FILE];
    int64_t feeds = 0;
    int64_t kept = 0;
    /* Before the feeds: what is changed meanwhile has a later one, and is built again. */
    int error = generations(store, &feeds, &kept);

    if (error != VD_OK) {
        return error;
    }
    snprintf(path, sizeof path, "%s/" SET_FILE, store->intel_folder);
    if (kept == feeds && vd_indicator_set_open(path, set) == VD_OK) {
        *generation = feeds;
        return VD_OK;
    }
    error = build(store, keep ? path : NULL, now_ms, set);
    if (error != VD_OK) {
        return error;
    }
    if (keep && note_generation(store, feeds) != VD_OK) {
        vd_log(VD_LOG_WARN, "intel.generation_unwritten", "generation=%lld", (long long)feeds);
    }
    *generation = feeds;
    return VD_OK;
}

/* ---- At the start ---- */

/* One feed of the old table as a list. */
static int old_text(sqlite3 *db, const char *feed, struct vd_buf *out)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(
        db, "SELECT text FROM indicators WHERE feed = ?1 ORDER BY line", -1, &s, NULL);

    if (code == SQLITE_OK) {
        sqlite3_bind_text(s, 1, feed, -1, SQLITE_STATIC);
        while ((code = sqlite3_step(s)) == SQLITE_ROW) {
            vd_buf_printf(out, "%s\n", (const char *)sqlite3_column_text(s, 0));
        }
    }
    sqlite3_finalize(s);
    return code == SQLITE_DONE ? out->error : vd_sqlite_error(code);
}

/* A feed that is there by that name was moved by a start that did not get to its end. */
static int move_feed(struct vd_alert_store *store, const char *feed, int64_t now_ms)
{
    struct vd_buf text = {.max = VD_FEED_BYTES_MAX};
    struct vd_feed_report report;
    char problem[VD_FEED_PROBLEM_SIZE] = "";
    int error = old_text(store->writer, feed, &text);

    if (error == VD_OK) {
        const struct vd_str list = {(const char *)text.data, text.length};
        json_t *settings = json_pack("{s:s}", "format", "list");
        const struct vd_feed_put put = {
            .name = feed, .settings = settings, .text = &list, .now_ms = now_ms};

        error = settings != NULL ? vd_feeds_put(store, &put, &report, problem) : VD_E_NOMEM;
        json_decref(settings);
    }
    if (error == VD_OK) {
        vd_log(VD_LOG_INFO, "intel.moved", "feed=\"%s\" indicators=%llu", feed,
            (unsigned long long)report.used);
    }
    vd_buf_release(&text);
    return error;
}

/* The first feed of the old table; VD_E_NOT_FOUND: it is empty, or gone. */
static int old_feed(sqlite3 *db, char *out, size_t size)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db, "SELECT feed FROM indicators LIMIT 1", -1, &s, NULL);
    int error;

    if (code == SQLITE_ERROR) { /* no such table */
        return VD_E_NOT_FOUND;
    }
    code = code == SQLITE_OK ? sqlite3_step(s) : code;
    if (code == SQLITE_ROW) {
        error = vd_text_copy((const char *)sqlite3_column_text(s, 0), out, size);
    } else {
        error = code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
    }
    sqlite3_finalize(s);
    return error;
}

static int move_old(struct vd_alert_store *store, int64_t now_ms)
{
    char feed[VD_FEED_NAME_MAX + 1];
    int error;

    while ((error = old_feed(store->writer, feed, sizeof feed)) == VD_OK) {
        sqlite3_stmt *s = NULL;

        error = move_feed(store, feed, now_ms);
        if (error == VD_OK) {
            error = vd_sqlite_error(sqlite3_prepare_v2(
                store->writer, "DELETE FROM indicators WHERE feed = ?1", -1, &s, NULL));
        }
        if (error == VD_OK) {
            sqlite3_bind_text(s, 1, feed, -1, SQLITE_STATIC);
            error = vd_sqlite_error(sqlite3_step(s));
        }
        sqlite3_finalize(s);
        if (error != VD_OK) {
            return error;
        }
    }
    return error == VD_E_NOT_FOUND ? vd_sqlite_run(store->writer, "DROP TABLE IF EXISTS indicators")
                                   : error;
}

struct search {
    const char *file;
    bool is_found;
};

static int compare_file(struct vd_feed_row *row, void *context)
{
    struct search *search = context;

    search->is_found = search->is_found || strcmp(row->file, search->file) == 0;
    return VD_OK;
}

static bool is_used(void *context, const char *file)
{
    struct search search = {file, false};

    return vd_feed_rows_each(context, NULL, compare_file, &search) != VD_OK || search.is_found;
}

int vd_feeds_open(struct vd_alert_store *store, const char *path)
{
    int error = vd_feed_folder(path, store->intel_folder);

    if (error == VD_OK) {
        error = move_old(store, vd_clock_utc_ms());
    }
    if (error == VD_OK) {
        vd_feed_files_sweep(store->intel_folder, is_used, store);
    }
    return error;
}
