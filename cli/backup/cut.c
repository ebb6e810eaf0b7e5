/* SPDX-License-Identifier: MIT */
/* Makes the cut while the center stands still, and copies databases within its transactions. */

#include "cli/backup/cut.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/backup/files.h"
#include "cli/data_dir.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/sqlite.h"

#define INTEL_FOLDER      "intel"
#define BUSY_MS           5000
#define STEP_PAGES        2048
#define EXPORTS_MAX_BYTES 65536
/* A feed may be replaced between the look at its row and the opening of its text. */
#define FEED_TRIES 5

const char *const vd_cut_names[VD_CUT_DATABASES] = {
    [VD_CUT_ALERTS] = VD_FILE_ALERTS,
    [VD_CUT_STATE] = VD_FILE_STATE,
    [VD_CUT_REGISTRY] = VD_FILE_REGISTRY,
    [VD_CUT_AUDIT] = VD_FILE_AUDIT,
    [VD_CUT_LOG] = VD_FILE_LOG,
};

static int fail(struct vd_cut *cut, int error, const char *what)
{
    if (error != VD_OK && cut->text[0] == '\0') {
        snprintf(cut->text, sizeof cut->text, "%.400s: %s", what, vd_error_text(error));
    }
    return error;
}

static int open_databases(struct vd_cut *cut)
{
    char path[VD_PATH_SIZE];
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < VD_CUT_DATABASES; i++) {
        error = vd_data_path(cut->wish->data_dir, vd_cut_names[i], path);
        if (error == VD_OK && i == VD_CUT_AUDIT && access(path, F_OK) != 0) {
            continue;
        }
        if (error == VD_OK) {
            error = vd_sqlite_error(sqlite3_open_v2(
                path, &cut->databases[i], SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL));
        }
        if (error == VD_OK) {
            sqlite3_busy_timeout(cut->databases[i], BUSY_MS);
        }
        fail(cut, error, path);
    }
    return error;
}

/* ---- While the center stands still ---- */

static void close_feeds(struct vd_cut *cut)
{
    for (size_t i = 0; i < cut->feed_count; i++) {
        close(cut->feeds[i].fd);
    }
    free(cut->feeds);
    cut->feeds = NULL;
    cut->feed_count = 0;
}

/* VD_E_NOT_FOUND: it has no such file (any more). */
static int open_feed(struct vd_cut *cut, const char *name)
{
    struct vd_cut_feed feed = {.fd = -1};
    struct vd_cut_feed *feeds;
    char path[VD_PATH_SIZE];
    char below[VD_CUT_NAME_SIZE + sizeof INTEL_FOLDER + 1];

    if (vd_text_copy(name, feed.name, sizeof feed.name) != VD_OK || strchr(name, '/') != NULL) {
        return VD_E_CORRUPT;
    }
    snprintf(below, sizeof below, INTEL_FOLDER "/%s", name);
    if (vd_data_path(cut->wish->data_dir, below, path) != VD_OK) {
        return VD_E_LIMIT;
    }
    feeds = realloc(cut->feeds, (cut->feed_count + 1) * sizeof *feeds);
    if (feeds == NULL) {
        return VD_E_NOMEM;
    }
    cut->feeds = feeds;
    feed.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (feed.fd < 0) {
        return vd_error_from_errno(errno);
    }
    cut->feeds[cut->feed_count++] = feed;
    return VD_OK;
}

/* is_last: what is not there is left out, as the service does. */
static int open_feeds(struct vd_cut *cut, bool is_last)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(cut->databases[VD_CUT_ALERTS],
        "SELECT file FROM feeds WHERE file <> ''", -1, &statement, NULL);
    int error = VD_OK;

    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(statement);
        if (code != SQLITE_ROW) {
            break;
        }
        error = open_feed(cut, (const char *)sqlite3_column_text(statement, 0));
        if (error == VD_E_NOT_FOUND && is_last) {
            vd_log(VD_LOG_WARN, "backup.feed_missing", "file=\"%.60s\"",
                (const char *)sqlite3_column_text(statement, 0));
            error = VD_OK;
        }
        if (error != VD_OK) {
            break;
        }
    }
    sqlite3_finalize(statement);
    if (error == VD_OK && code != SQLITE_DONE) {
        error = vd_sqlite_error(code);
    }
    return error;
}

/* A read transaction begins with its first reading. */
static int begin(struct vd_cut *cut, enum vd_cut_database number)
{
    const int error =
        vd_sqlite_run(cut->databases[number], "BEGIN; SELECT count(*) FROM sqlite_schema");

    return fail(cut, error, vd_cut_names[number]);
}

static int begin_alerts(struct vd_cut *cut)
{
    int error = VD_E_NOT_FOUND;

    for (int i = 1; error == VD_E_NOT_FOUND && i <= FEED_TRIES; i++) {
        error = begin(cut, VD_CUT_ALERTS);
        if (error != VD_OK) {
            return error;
        }
        error = open_feeds(cut, i == FEED_TRIES);
        if (error != VD_OK) {
            close_feeds(cut);
        }
        if (error == VD_E_NOT_FOUND) {
            (void)!vd_sqlite_run(cut->databases[VD_CUT_ALERTS], "ROLLBACK");
        }
    }
    return fail(cut, error, INTEL_FOLDER);
}

/* Before the log, so that no place is behind its end. */
static int read_exports(struct vd_cut *cut)
{
    char path[VD_PATH_SIZE];
    char text[EXPORTS_MAX_BYTES];
    size_t length = 0;
    int error = vd_data_path(cut->wish->data_dir, VD_FILE_EXPORTS, path);

    if (error == VD_OK) {
        error = vd_file_read_small(path, text, sizeof text, &length);
    }
    if (error == VD_E_NOT_FOUND) {
        return VD_OK;
    }
    if (error == VD_OK) {
        vd_buf_append(&cut->exports, text, length);
        error = cut->exports.error;
        cut->has_exports = error == VD_OK;
    }
    return fail(cut, error, path);
}

bool vd_cut_has(const struct vd_cut *cut, enum vd_cut_database number)
{
    return cut->databases[number] != NULL;
}

static int begin_all(struct vd_cut *cut)
{
    int error = vd_analytics_copy_begin(cut->wish->analytics, cut->text, sizeof cut->text);

    cut->has_days = error == VD_OK;
    fail(cut, error, VD_FILE_ANALYTICS);
    if (error == VD_OK) {
        error = begin_alerts(cut);
    }
    if (error == VD_OK) {
        error = read_exports(cut);
    }
    if (error == VD_OK) {
        error = begin(
            cut, VD_CUT_STATE); /* state before identities: the start sweeps what is of none */
    }
    if (error == VD_OK) {
        error = begin(cut, VD_CUT_REGISTRY);
    }
    if (error == VD_OK && vd_cut_has(cut, VD_CUT_AUDIT)) {
        error = begin(cut, VD_CUT_AUDIT); /* behind its anchor, which is in the registry */
    }
    if (error == VD_OK) {
        error = begin(cut, VD_CUT_LOG); /* the last: it reaches as far as all others */
    }
    return error;
}

static int64_t monotonic_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void make(void *context)
{
    struct vd_cut *cut = context;
    const int64_t began_us = monotonic_us();

    cut->cut_ms = vd_clock_utc_ms();
    cut->error = begin_all(cut);
    cut->pause_us = monotonic_us() - began_us;
}

int vd_cut_make(struct vd_cut *cut, const struct vd_backup_wish *wish)
{
    int error;

    *cut = (struct vd_cut){.wish = wish};
    error = open_databases(cut);
    if (error == VD_OK && wish->center != NULL) {
        error = fail(cut, vd_center_call(wish->center, make, cut), "the service is about to stop");
    } else if (error == VD_OK) {
        make(cut);
    }
    return error != VD_OK ? error : cut->error;
}

/* ---- Afterwards ---- */

static int copy_pages(struct vd_cut *cut, sqlite3 *from, sqlite3 *to)
{
    const atomic_bool *is_unwanted = cut->wish->is_unwanted;
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code = backup != NULL ? SQLITE_OK : SQLITE_NOMEM;
    int error = VD_OK;

    while (error == VD_OK && code == SQLITE_OK) {
        code = sqlite3_backup_step(backup, STEP_PAGES);
        if (is_unwanted != NULL && atomic_load(is_unwanted)) {
            error = VD_E_CLOSED;
        }
    }
    sqlite3_backup_finish(backup);
    if (error == VD_OK && code != SQLITE_DONE) {
        error = vd_sqlite_error(code);
    }
    return error;
}

int vd_cut_copy(struct vd_cut *cut, enum vd_cut_database number, const char *path)
{
    sqlite3 *to = NULL;
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd >= 0 ? VD_OK : vd_error_from_errno(errno);

    if (fd >= 0) {
        close(fd);
    }
    if (error == VD_OK) {
        error = vd_sqlite_error(
            sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL));
    }
    if (error == VD_OK) {
        /* Nobody reads a copy that is not whole, and it is synced with all others. */
        error = vd_sqlite_run(to, "PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF");
    }
    if (error == VD_OK) {
        error = copy_pages(cut, cut->databases[number], to);
    }
    if (sqlite3_close(to) != SQLITE_OK && error == VD_OK) {
        error = VD_E_IO;
    }
    if (error == VD_OK) {
        error = vd_sqlite_run(cut->databases[number], "ROLLBACK");
    }
    return fail(cut, error, path);
}

void vd_cut_release(struct vd_cut *cut)
{
    if (cut->has_days) {
        vd_analytics_copy_end(cut->wish->analytics);
    }
    for (size_t i = 0; i < VD_CUT_DATABASES; i++) {
        sqlite3_close(cut->databases[i]);
    }
    close_feeds(cut);
    vd_buf_release(&cut->exports);
}
