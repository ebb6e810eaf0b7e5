/* SPDX-License-Identifier: MIT */
/* A copy of all days beside the writer: past days are linked, of the newest the rows that were there when it began. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "center/store/duckdb_internal.h"

#define FOLDER  "backup"
#define CATALOG "vd_copying"
/* An interrupt between two statements goes unheard: it is repeated. */
#define STOP_REPEAT_MS 20

/* ---- The folder ---- */

static int remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int error = VD_OK;
    struct dirent *entry;

    if (dir == NULL) {
        return errno == ENOENT ? VD_OK : vd_error_from_errno(errno);
    }
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            error = vd_error_from_errno(errno);
        }
    }
    closedir(dir);
    return error == VD_OK && rmdir(folder) != 0 ? vd_error_from_errno(errno) : error;
}

int vd_duckdb_copy_init(struct vd_duckdb *store)
{
    struct vd_buf path = {0};

    vd_buf_printf(&path, "%s/" FOLDER, store->folder);
    vd_buf_append(&path, "", 1);
    if (path.error != VD_OK) {
        vd_buf_release(&path);
        return VD_E_NOMEM;
    }
    store->copy.folder = (char *)path.data;
    return remove_folder(store->copy.folder);
}

/* Where the copy of a day stands; the caller's, NULL without memory. */
static char *copy_path(const struct vd_duckdb *store, const struct vd_duckdb_day *day)
{
    char *from = vd_duckdb_day_path(store, day);
    struct vd_buf path = {0};

    if (from != NULL) {
        vd_buf_printf(&path, "%s/%s", store->copy.folder, strrchr(from, '/') + 1);
        vd_buf_append(&path, "", 1);
    }
    free(from);
    if (path.error != VD_OK) {
        vd_buf_release(&path);
    }
    return (char *)path.data;
}

/* ---- The beginning ---- */

/* What is in a day's log goes to its file, which does not change any more then. */
static int link_day(
    struct vd_duckdb *store, const struct vd_duckdb_day *day, char *text, size_t text_size)
{
    char catalog[32];
    char sql[64];
    char *from = vd_duckdb_day_path(store, day);
    char *to = copy_path(store, day);
    int error = from != NULL && to != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && vd_duckdb_day_has_log(store, day)) {
        vd_duckdb_day_catalog(day, catalog);
        snprintf(sql, sizeof sql, "CHECKPOINT %s", catalog);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
        store->broken = store->broken || error != VD_OK; /* as after a commit that failed */
    }
    if (error == VD_OK && vd_duckdb_day_has_log(store, day)) {
        snprintf(text, text_size, "%s keeps its log", from);
        error = VD_E_BUSY;
    }
    if (error == VD_OK && link(from, to) != 0) {
        error = vd_error_from_errno(errno);
        snprintf(text, text_size, "%s cannot be linked", from);
    }
    free(from);
    free(to);
    return error;
}

static int note_newest(
    struct vd_duckdb *store, const struct vd_duckdb_day *day, char *text, size_t text_size)
{
    struct vd_duckdb_copy *copy = &store->copy;
    char catalog[32];
    char sql[96];
    int error = VD_OK;

    vd_duckdb_day_catalog(day, catalog);
    for (size_t i = 0; error == VD_OK && i < VD_DUCKDB_TABLES; i++) {
        snprintf(
            sql, sizeof sql, "SELECT count(*) FROM %s.main.%s", catalog, vd_duckdb_tables[i].name);
        error = vd_duckdb_number(store->writer, sql, &copy->rows[i], text, text_size);
    }
    copy->newest = *day;
    copy->has_newest = true;
    copy->next_offset = store->next_offset;
    return error;
}

int vd_duckdb_copy_begin(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_duckdb_copy *copy = &store->copy;
    int error;

    if (vd_duckdb_copy_is_under_way(store)) {
        snprintf(text, text_size, "a copy is under way");
        return VD_E_BUSY;
    }
    error = remove_folder(copy->folder);
    if (error == VD_OK && mkdir(copy->folder, 0700) != 0) {
        error = vd_error_from_errno(errno);
    }
    copy->has_newest = false;
    for (size_t i = 0; error == VD_OK && i < store->day_count; i++) {
        error = i != vd_duckdb_day_current(store)
            ? link_day(store, &store->days[i], text, text_size)
            : note_newest(store, &store->days[i], text, text_size);
    }
    if (error != VD_OK) {
        (void)!remove_folder(copy->folder);
        return error;
    }
    atomic_store(&copy->is_cancelled, false);
    atomic_store(&copy->is_under_way, true);
    return VD_OK;
}

/* ---- The rest ---- */

static int copy_rows(struct vd_duckdb *store)
{
    struct vd_duckdb_copy *copy = &store->copy;
    char from[32];
    char sql[96];
    int error = vd_duckdb_day_fill(copy->connection, CATALOG, copy->text, sizeof copy->text);

    vd_duckdb_day_catalog(&copy->newest, from);
    for (size_t i = 0; error == VD_OK && i < VD_DUCKDB_TABLES; i++) {
        const struct vd_duckdb_rows_copy rows = {.connection = copy->connection,
            .from = from,
            .to = CATALOG,
            .table = &vd_duckdb_tables[i],
            .rows = copy->rows[i],
            .piece_rows = vd_duckdb_piece_rows(store),
            .is_cancelled = &copy->is_cancelled};

        error = vd_duckdb_rows_copy(&rows, copy->text, sizeof copy->text);
    }
    if (error == VD_OK) {
        snprintf(sql, sizeof sql, "UPDATE " CATALOG ".main.vd_meta SET next_offset = %llu",
            (unsigned long long)copy->next_offset);
        error = vd_duckdb_run(copy->connection, sql, copy->text, sizeof copy->text);
    }
    if (error == VD_OK) {
        error =
            vd_duckdb_run(copy->connection, "CHECKPOINT " CATALOG, copy->text, sizeof copy->text);
    }
    return error;
}

struct finishing {
    struct vd_duckdb *store;
    int error;
};

static void copy_newest(void *context)
{
    struct finishing *finishing = context;
    struct vd_duckdb *store = finishing->store;
    struct vd_duckdb_copy *copy = &store->copy;
    char ignored[VD_DUCKDB_TEXT_SIZE];
    char *path = copy_path(store, &copy->newest);
    int detached;

    finishing->error = path == NULL ? VD_E_NOMEM
                                    : vd_duckdb_attach(copy->connection, path, CATALOG,
                                          VD_DUCKDB_GROUP_ROWS, copy->text, sizeof copy->text);
    free(path);
    if (finishing->error == VD_OK) {
        finishing->error = copy_rows(store);
        detached = vd_duckdb_run(copy->connection, "DETACH " CATALOG, ignored, sizeof ignored);
        if (finishing->error == VD_OK && detached != VD_OK) {
            snprintf(copy->text, sizeof copy->text, "%s", ignored);
            finishing->error = detached;
        }
    }
}

static int connect_copy(struct vd_duckdb *store)
{
    struct vd_duckdb_copy *copy = &store->copy;
    duckdb_connection connection = NULL;

    if (duckdb_connect(store->database, &connection) != DuckDBSuccess) {
        return VD_E_NOMEM;
    }
    pthread_mutex_lock(&copy->mutex);
    copy->connection = connection;
    pthread_mutex_unlock(&copy->mutex);
    return VD_OK;
}

static void disconnect_copy(struct vd_duckdb *store)
{
    struct vd_duckdb_copy *copy = &store->copy;

    pthread_mutex_lock(&copy->mutex);
    duckdb_disconnect(&copy->connection);
    pthread_mutex_unlock(&copy->mutex);
}

int vd_duckdb_copy_finish(
    struct vd_duckdb *store, const char **folder, char *text, size_t text_size)
{
    struct vd_duckdb_copy *copy = &store->copy;
    struct finishing finishing = {store, VD_OK};

    copy->text[0] = '\0';
    pthread_rwlock_rdlock(&store->instance_lock);
    if (atomic_load(&copy->is_cancelled)) {
        finishing.error = VD_E_CLOSED;
    } else if (copy->has_newest) {
        finishing.error = connect_copy(store);
        if (finishing.error == VD_OK) {
            vd_duckdb_call_nicely(copy_newest, &finishing);
            disconnect_copy(store);
        }
    }
    pthread_rwlock_unlock(&store->instance_lock);
    if (finishing.error != VD_OK) {
        snprintf(text, text_size, "%s", copy->text);
        return atomic_load(&copy->is_cancelled) ? VD_E_CLOSED : finishing.error;
    }
    *folder = copy->folder;
    return VD_OK;
}

void vd_duckdb_copy_end(struct vd_duckdb *store)
{
    (void)!remove_folder(store->copy.folder); /* else the next begin or start does */
    atomic_store(&store->copy.is_under_way, false);
}

bool vd_duckdb_copy_is_under_way(const struct vd_duckdb *store)
{
    return atomic_load(&store->copy.is_under_way);
}

void vd_duckdb_copy_stop(struct vd_duckdb *store)
{
    struct vd_duckdb_copy *copy = &store->copy;
    const struct timespec pause = {.tv_nsec = STOP_REPEAT_MS * 1000000L};
    bool is_copying;

    if (!vd_duckdb_copy_is_under_way(store)) {
        return;
    }
    atomic_store(&copy->is_cancelled, true);
    do {
        pthread_mutex_lock(&copy->mutex);
        is_copying = copy->connection != NULL;
        if (is_copying) {
            duckdb_interrupt(copy->connection);
        }
        pthread_mutex_unlock(&copy->mutex);
        if (is_copying) {
            nanosleep(&pause, NULL);
        }
    } while (is_copying);
}
