/* SPDX-License-Identifier: MIT */
/* One DuckDB instance over a file for each UTC day, closed off from everything but its folder. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "center/store/duckdb_center.h"
#include "center/store/duckdb_functions.h"
#include "center/store/duckdb_internal.h"
#include "lib/clock.h"
#include "lib/sync.h"

#define DAY_SUFFIX      ".duckdb"
#define NEW_SUFFIX      ".duckdb.new"
#define DAY_TEXT_LENGTH 10
#define DAY_NONE        INT32_MIN

int vd_duckdb_error(duckdb_error_type type, const char *message)
{
    if (message != NULL &&
        (strstr(message, "No space left on device") != NULL ||
            strstr(message, "Disk quota exceeded") != NULL)) {
        return VD_E_FULL;
    }
    if (message != NULL && strstr(message, "with version number") != NULL) {
        return VD_E_NEWER;
    }
    if (message != NULL && strstr(message, "not a valid DuckDB database file") != NULL) {
        return VD_E_CORRUPT;
    }
    switch (type) {
    case DUCKDB_ERROR_OUT_OF_MEMORY:
        return VD_E_NOMEM;
    case DUCKDB_ERROR_SERIALIZATION:
        return VD_E_CORRUPT;
    default:
        return VD_E_IO;
    }
}

int vd_duckdb_run(duckdb_connection connection, const char *sql, char *text, size_t text_size)
{
    duckdb_result result;
    int error = VD_OK;

    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        const char *message = duckdb_result_error(&result);

        error = vd_duckdb_error(duckdb_result_error_type(&result), message);
        snprintf(text, text_size, "%s", message != NULL ? message : "DuckDB failed");
    }
    duckdb_destroy_result(&result);
    return error;
}

int vd_duckdb_run_built(struct vd_duckdb *store, struct vd_buf *sql, char *text, size_t text_size)
{
    int error;

    vd_buf_append(sql, "", 1);
    error = sql->error != VD_OK
        ? sql->error
        : vd_duckdb_run(store->writer, (const char *)sql->data, text, text_size);
    vd_buf_release(sql);
    return error;
}

void vd_duckdb_append_literal(struct vd_buf *sql, const char *value)
{
    vd_buf_append(sql, "'", 1);
    for (; *value != '\0'; value++) {
        vd_buf_append(sql, value, 1);
        if (*value == '\'') {
            vd_buf_append(sql, value, 1);
        }
    }
    vd_buf_append(sql, "'", 1);
}

void vd_duckdb_day_catalog(int32_t day, char out[32])
{
    char text[VD_TIME_TEXT_SIZE];

    vd_day_format(day, text);
    snprintf(out, 32, "d%.4s%.2s%.2s", text, text + 5, text + 8);
}

/* "<folder>/2026-11-24<suffix>"; the caller's, NULL without memory. */
static char *day_path(const struct vd_duckdb *store, int32_t day, const char *suffix)
{
    char text[VD_TIME_TEXT_SIZE];
    struct vd_buf path = {0};

    vd_day_format(day, text);
    vd_buf_printf(&path, "%s/%s%s", store->folder, text, suffix);
    vd_buf_append(&path, "", 1);
    if (path.error != VD_OK) {
        vd_buf_release(&path);
    }
    return (char *)path.data;
}

/* ---- The folder ---- */

/* The day of a file's name, DAY_NONE if it is not one of ours. */
static int32_t day_of_name(const char *name)
{
    static const char shape[] = "dddd-dd-dd";
    char text[VD_TIME_TEXT_SIZE];
    int64_t ms;

    for (size_t i = 0; i < DAY_TEXT_LENGTH; i++) {
        if (shape[i] == 'd' ? !isdigit((unsigned char)name[i]) : name[i] != shape[i]) {
            return DAY_NONE;
        }
    }
    if (strcmp(name + DAY_TEXT_LENGTH, DAY_SUFFIX) != 0) {
        return DAY_NONE;
    }
    snprintf(text, sizeof text, "%.10sT00:00:00Z", name);
    return vd_time_parse(text, &ms) == VD_OK ? vd_time_day(ms) : DAY_NONE;
}

static int add_day(struct vd_duckdb *store, int32_t day)
{
    int32_t *days = realloc(store->days, (store->day_count + 1) * sizeof *days);

    if (days == NULL) {
        return VD_E_NOMEM;
    }
    store->days = days;
    days[store->day_count++] = day;
    return VD_OK;
}

/* A file whose making was cut off holds nothing yet. */
static bool is_unfinished(const char *name)
{
    return strlen(name) > DAY_TEXT_LENGTH &&
        strncmp(name + DAY_TEXT_LENGTH, NEW_SUFFIX, strlen(NEW_SUFFIX)) == 0;
}

static int compare_days(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a;
    int32_t y = *(const int32_t *)b;

    return x < y ? -1 : x > y;
}

/* Lists the days there are, in order, and removes what was left unfinished. */
static int scan_folder(struct vd_duckdb *store)
{
    DIR *dir = opendir(store->folder);
    int error = VD_OK;
    struct dirent *entry;

    if (dir == NULL) {
        return vd_error_from_errno(errno);
    }
    store->day_count = 0;
    while (error == VD_OK && (entry = readdir(dir)) != NULL) {
        int32_t day = day_of_name(entry->d_name);

        if (day != DAY_NONE) {
            error = add_day(store, day);
        } else if (is_unfinished(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) != 0) {
            error = vd_error_from_errno(errno);
        }
    }
    closedir(dir);
    if (store->day_count > 0) {
        qsort(store->days, store->day_count, sizeof *store->days, compare_days);
    }
    return error;
}

/* ---- The instance ---- */

static int attach(
    struct vd_duckdb *store, const char *path, const char *catalog, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "ATTACH ");
    vd_duckdb_append_literal(&sql, path);
    vd_buf_printf(&sql, " AS %s (STORAGE_VERSION 'v1.4.0')", catalog);
    return vd_duckdb_run_built(store, &sql, text, text_size);
}

/* What the day's file says of itself. */
static int read_meta(struct vd_duckdb *store, const char *catalog, int64_t *version,
    uint64_t *next_offset, char *text, size_t text_size)
{
    char sql[96];
    duckdb_result result;
    int error = VD_OK;

    snprintf(sql, sizeof sql, "SELECT schema_version, next_offset FROM %s.main.vd_meta", catalog);
    if (duckdb_query(store->writer, sql, &result) != DuckDBSuccess) {
        snprintf(text, text_size, "%s", duckdb_result_error(&result));
        error = VD_E_CORRUPT;
    } else {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);

        if (chunk == NULL || duckdb_data_chunk_get_size(chunk) != 1) {
            snprintf(text, text_size, "%s: no single row of meta data", catalog);
            error = VD_E_CORRUPT;
        } else {
            *version = *(int64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
            *next_offset =
                *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 1));
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
    return error;
}

static int attach_day(struct vd_duckdb *store, int32_t day, char *text, size_t text_size)
{
    char *path = day_path(store, day, DAY_SUFFIX);
    char catalog[32];
    int64_t version = 0;
    uint64_t next_offset = 0;
    int error = VD_E_NOMEM;

    vd_duckdb_day_catalog(day, catalog);
    if (path != NULL) {
        error = attach(store, path, catalog, text, text_size);
    }
    free(path);
    if (error == VD_OK) {
        error = read_meta(store, catalog, &version, &next_offset, text, text_size);
    }
    if (error == VD_OK && version > VD_DUCKDB_DAY_VERSION) {
        snprintf(text, text_size,
            "%s was written by a newer version of this program (schema %lld, known %d)", catalog,
            (long long)version, VD_DUCKDB_DAY_VERSION);
        error = VD_E_NEWER;
    }
    if (error == VD_OK && version < VD_DUCKDB_DAY_VERSION) {
        error = vd_duckdb_day_migrate(store, catalog, version, text, text_size);
    }
    if (error == VD_OK && next_offset > store->next_offset) {
        store->next_offset = next_offset;
    }
    return error;
}

/* Shuts the instance in: its folder is all it can reach, and no setting changes any more. */
static int lock_down(struct vd_duckdb *store, char *text, size_t text_size)
{
    static const char *const settings[] = {
        "SET GLOBAL TimeZone='UTC'",
        "SET GLOBAL enable_external_access=false",
        "SET GLOBAL lock_configuration=true",
    };
    struct vd_buf sql = {0};
    struct vd_buf folder = {0};
    int error;

    vd_buf_printf(&folder, "%s/", store->folder);
    vd_buf_append(&folder, "", 1);
    vd_buf_append_text(&sql, "SET GLOBAL allowed_directories=[");
    if (folder.error == VD_OK) {
        vd_duckdb_append_literal(&sql, (const char *)folder.data);
    }
    vd_buf_append_text(&sql, "]");
    error = folder.error;
    vd_buf_release(&folder);
    if (error != VD_OK) {
        vd_buf_release(&sql);
        return error;
    }
    error = vd_duckdb_run_built(store, &sql, text, text_size);
    for (size_t i = 0; error == VD_OK && i < sizeof settings / sizeof settings[0]; i++) {
        error = vd_duckdb_run(store->writer, settings[i], text, text_size);
    }
    return error;
}

static int open_database(struct vd_duckdb *store, char *text, size_t text_size)
{
    duckdb_config config = NULL;
    char *message = NULL;
    char memory[32];
    char threads[16];
    int error = VD_OK;

    snprintf(memory, sizeof memory, "%uMiB", store->memory_limit_mib);
    snprintf(threads, sizeof threads, "%u", store->threads);
    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return VD_E_NOMEM;
    }
    if (duckdb_set_config(config, "memory_limit", memory) != DuckDBSuccess ||
        duckdb_set_config(config, "threads", threads) != DuckDBSuccess ||
        /* No spilling: a query that needs more memory than it may have ends with an error. */
        duckdb_set_config(config, "temp_directory", "") != DuckDBSuccess ||
        /* Where order is kept, results that are read as they come lose rows of some UNION ALL (DuckDB 1.4); ORDER BY orders
           all the same. */
        duckdb_set_config(config, "preserve_insertion_order", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "autoload_known_extensions", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "autoinstall_known_extensions", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "allow_community_extensions", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "allow_persistent_secrets", "false") != DuckDBSuccess) {
        snprintf(text, text_size, "DuckDB does not know a setting");
        error = VD_E_UNSUPPORTED;
    } else if (duckdb_open_ext(NULL, &store->database, config, &message) != DuckDBSuccess) {
        snprintf(text, text_size, "%s", message != NULL ? message : "DuckDB did not start");
        error = VD_E_IO;
    } else if (duckdb_connect(store->database, &store->writer) != DuckDBSuccess) {
        error = VD_E_NOMEM;
    }
    duckdb_free(message);
    duckdb_destroy_config(&config);
    return error;
}

int vd_duckdb_instance_open(struct vd_duckdb *store, char *text, size_t text_size)
{
    int error = open_database(store, text, text_size);

    store->next_offset = 0;
    if (error == VD_OK) {
        error = vd_duckdb_functions_register(store->writer);
    }
    if (error == VD_OK) {
        error = vd_duckdb_center_register(store);
    }
    if (error == VD_OK) {
        error = lock_down(store, text, text_size);
    }
    if (error == VD_OK) {
        error = scan_folder(store);
    }
    for (size_t i = 0; error == VD_OK && i < store->day_count; i++) {
        error = attach_day(store, store->days[i], text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_empty_make(store, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_views_make(store, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_center_views_make(store, text, text_size);
    }
    store->broken = error != VD_OK;
    if (error != VD_OK) {
        vd_duckdb_instance_close(store);
    }
    return error;
}

void vd_duckdb_instance_close(struct vd_duckdb *store)
{
    duckdb_disconnect(&store->writer);
    duckdb_close(&store->database);
}

/* ---- A new day ---- */

/* Fills a new file that nobody looks for yet. */
static int fill_new_day(struct vd_duckdb *store, const char *path, char *text, size_t text_size)
{
    char ignored[VD_DUCKDB_TEXT_SIZE];
    int error = attach(store, path, "vd_creating", text, text_size);
    int detached;

    if (error != VD_OK) {
        return error;
    }
    error = vd_duckdb_day_fill(store, "vd_creating", text, text_size);
    detached = vd_duckdb_run(store->writer, "DETACH vd_creating", ignored, sizeof ignored);
    if (detached != VD_OK) {
        store->broken = true;
    }
    return error != VD_OK ? error : detached;
}

/* Syncs the file under its final name, so that after a loss of power it is whole or absent. */
static int publish_day(struct vd_duckdb *store, const char *new_path, const char *path)
{
    int fd = open(new_path, O_RDONLY | O_CLOEXEC);
    int error = VD_OK;

    if (fd < 0 || fsync(fd) != 0 || rename(new_path, path) != 0) {
        error = vd_error_from_errno(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (error == VD_OK) {
        error = vd_sync_folder(store->folder);
    }
    return error;
}

static int create_day(struct vd_duckdb *store, int32_t day, char *text, size_t text_size)
{
    char *new_path = day_path(store, day, NEW_SUFFIX);
    char *path = day_path(store, day, DAY_SUFFIX);
    int error = VD_E_NOMEM;

    if (new_path != NULL && path != NULL) {
        error = fill_new_day(store, new_path, text, text_size);
        if (error == VD_OK) {
            error = publish_day(store, new_path, path);
        }
        if (error != VD_OK) {
            unlink(new_path);
        }
    }
    free(new_path);
    free(path);
    return error;
}

int vd_duckdb_day_ensure(struct vd_duckdb *store, int32_t day, char *text, size_t text_size)
{
    int error;

    for (size_t i = 0; i < store->day_count; i++) {
        if (store->days[i] == day) {
            return VD_OK;
        }
    }
    error = create_day(store, day, text, text_size);
    if (error == VD_OK) {
        error = attach_day(store, day, text, text_size);
    }
    if (error == VD_OK) {
        error = add_day(store, day);
    }
    if (error == VD_OK) {
        qsort(store->days, store->day_count, sizeof *store->days, compare_days);
        error = vd_duckdb_views_make(store, text, text_size);
    }
    if (error != VD_OK) {
        store->broken = true; /* half taken in: start again from what is in the folder */
    }
    return error;
}
