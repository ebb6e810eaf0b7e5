/* SPDX-License-Identifier: MIT */
/* One DuckDB instance over a file for each UTC day, closed off from everything but its folder. */

#include "center/store/duckdb_center.h"
#include "center/store/duckdb_functions.h"
#include "center/store/duckdb_internal.h"
#include "lib/clock.h"

int vd_duckdb_error(duckdb_error_type type, const char *message)
{
    if (message != NULL &&
        (strstr(message, "No space left on device") != NULL ||
            strstr(message, "Disk quota exceeded") != NULL)) {
        return VD_E_FULL;
    }
    /* What DuckDB 1.4 makes of any exception that it has no memory to describe: of type SERIALIZATION. */
    if (message != NULL && strstr(message, "input JSON is NULL") != NULL) {
        return VD_E_NOMEM;
    }
    if (message != NULL && strstr(message, "with version number") != NULL) {
        return VD_E_NEWER;
    }
    if (message != NULL &&
        (strstr(message, "not a valid DuckDB database file") != NULL ||
            strstr(message, "Corrupt database file") != NULL)) {
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

int vd_duckdb_run_built_on(
    duckdb_connection connection, struct vd_buf *sql, char *text, size_t text_size)
{
    int error;

    vd_buf_append(sql, "", 1);
    error = sql->error != VD_OK
        ? sql->error
        : vd_duckdb_run(connection, (const char *)sql->data, text, text_size);
    vd_buf_release(sql);
    return error;
}

int vd_duckdb_run_built(struct vd_duckdb *store, struct vd_buf *sql, char *text, size_t text_size)
{
    return vd_duckdb_run_built_on(store->writer, sql, text, text_size);
}

int vd_duckdb_number(
    duckdb_connection connection, const char *sql, uint64_t *number, char *text, size_t text_size)
{
    duckdb_result result;
    int error = VD_OK;

    if (duckdb_query(connection, sql, &result) != DuckDBSuccess) {
        const char *message = duckdb_result_error(&result);

        error = vd_duckdb_error(duckdb_result_error_type(&result), message);
        snprintf(text, text_size, "%s", message != NULL ? message : "DuckDB failed");
    } else {
        duckdb_data_chunk chunk = duckdb_fetch_chunk(result);

        *number = 0;
        if (chunk != NULL && duckdb_data_chunk_get_size(chunk) == 1) {
            *number = *(uint64_t *)duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk, 0));
        }
        duckdb_destroy_data_chunk(&chunk);
    }
    duckdb_destroy_result(&result);
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

/* ---- The instance ---- */

int vd_duckdb_attach(duckdb_connection connection, const char *path, const char *catalog,
    uint32_t group_rows, char *text, size_t text_size)
{
    struct vd_buf sql = {0};

    vd_buf_append_text(&sql, "ATTACH ");
    vd_duckdb_append_literal(&sql, path);
    vd_buf_printf(&sql, " AS %s (STORAGE_VERSION 'v1.4.0', ROW_GROUP_SIZE %u)", catalog,
        (unsigned)group_rows);
    return vd_duckdb_run_built_on(connection, &sql, text, text_size);
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
        const char *message = duckdb_result_error(&result);

        snprintf(text, text_size, "%s", message != NULL ? message : "DuckDB failed");
        error = vd_duckdb_error(duckdb_result_error_type(&result), message);
        error = error == VD_E_NOMEM ? error : VD_E_CORRUPT;
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

/* DuckDB takes a failure to replay the day's log for the end of a log that was cut off by a crash: what follows would be lost,
 * without a word, by the next row. Until then it is on the disk, and is read when the day is opened again. */
static int check_committed(const struct vd_duckdb_day *day, uint64_t next_offset,
    const char *catalog, char *text, size_t text_size)
{
    if (next_offset >= day->next_offset) {
        return VD_OK;
    }
    snprintf(text, text_size,
        "%s: rows up to offset %llu were committed, but were read up to %llu only", catalog,
        (unsigned long long)day->next_offset, (unsigned long long)next_offset);
    return VD_E_IO;
}

size_t vd_duckdb_day_current(const struct vd_duckdb *store)
{
    size_t current = 0;

    for (size_t i = 1; i < store->day_count; i++) {
        current = store->days[i].next_offset >= store->days[current].next_offset ? i : current;
    }
    return current;
}

int vd_duckdb_day_attach(
    struct vd_duckdb *store, struct vd_duckdb_day *day, char *text, size_t text_size)
{
    char *path = vd_duckdb_day_path(store, day);
    char catalog[32];
    int64_t version = 0;
    uint64_t next_offset = 0;
    int error = VD_E_NOMEM;

    vd_duckdb_day_catalog(day, catalog);
    if (path != NULL) {
        error =
            vd_duckdb_attach(store->writer, path, catalog, VD_DUCKDB_GROUP_ROWS, text, text_size);
    }
    free(path);
    if (error == VD_OK) {
        error = read_meta(store, catalog, &version, &next_offset, text, text_size);
    }
    if (error == VD_OK) {
        error = check_committed(day, next_offset, catalog, text, text_size);
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
    if (error == VD_OK) {
        day->next_offset = next_offset;
        store->next_offset = next_offset > store->next_offset ? next_offset : store->next_offset;
    }
    return error;
}

/* Shuts the instance in: its folder is all it can reach, and no setting changes any more. */
static int lock_down(struct vd_duckdb *store, char *text, size_t text_size)
{
    static const char *const settings[] = {
        "SET GLOBAL TimeZone='UTC'",
        /* Rows since the last checkpoint are in memory as they came, and no query's need can drive them out; 16 MB by itself. */
        "SET GLOBAL checkpoint_threshold='4MB'",
        /* A checkpoint that failed leaves tables that miss rows (DuckDB 1.4): closing must not write those down. */
        "PRAGMA disable_checkpoint_on_shutdown",
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

struct opening {
    struct vd_duckdb *store;
    char *text;
    size_t text_size;
    int error;
};

static void run_opening(void *context)
{
    struct opening *opening = context;

    opening->error = open_database(opening->store, opening->text, opening->text_size);
}

/* One that lay there: which of them it is comes before what DuckDB has to say of it. */
static int attach_found(
    struct vd_duckdb *store, struct vd_duckdb_day *day, char *text, size_t text_size)
{
    char why[VD_DUCKDB_TEXT_SIZE] = "";
    const int error = vd_duckdb_day_attach(store, day, why, sizeof why);
    char *path = error != VD_OK ? vd_duckdb_day_path(store, day) : NULL;

    if (path != NULL) {
        snprintf(text, text_size, "%s: %s", strrchr(path, '/') + 1, why);
    }
    free(path);
    return error;
}

int vd_duckdb_instance_open(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct opening opening = {store, text, text_size, VD_OK};
    int error;

    /* The instance's own threads, which queries share, are made here. */
    vd_duckdb_call_nicely(run_opening, &opening);
    error = opening.error;
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
        error = vd_duckdb_folder_scan(store);
    }
    for (size_t i = 0; error == VD_OK && i < store->day_count; i++) {
        error = attach_found(store, &store->days[i], text, text_size);
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
    int error =
        vd_duckdb_attach(store->writer, path, "vd_creating", VD_DUCKDB_GROUP_ROWS, text, text_size);
    int detached;

    if (error != VD_OK) {
        return error;
    }
    error = vd_duckdb_day_fill(store->writer, "vd_creating", text, text_size);
    detached = vd_duckdb_run(store->writer, "DETACH vd_creating", ignored, sizeof ignored);
    if (detached != VD_OK) {
        store->broken = true;
    }
    return error != VD_OK ? error : detached;
}

static int create_day(
    struct vd_duckdb *store, const struct vd_duckdb_day *day, char *text, size_t text_size)
{
    char *path = vd_duckdb_new_path(store, day->day);
    int error = path != NULL ? fill_new_day(store, path, text, text_size) : VD_E_NOMEM;

    free(path);
    if (error == VD_OK) {
        error = vd_duckdb_new_publish(store, day);
    }
    if (error != VD_OK) {
        (void)!vd_duckdb_new_remove(store, day->day);
    }
    return error;
}

int vd_duckdb_day_ensure(struct vd_duckdb *store, int32_t day, char *text, size_t text_size)
{
    struct vd_duckdb_day new_day = {.day = day};
    int error;

    for (size_t i = 0; i < store->day_count; i++) {
        if (store->days[i].day == day) {
            return VD_OK;
        }
    }
    error = create_day(store, &new_day, text, text_size);
    if (error == VD_OK) {
        error = vd_duckdb_day_attach(store, &new_day, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_day_add(store, &new_day);
    }
    if (error == VD_OK) {
        error = vd_duckdb_views_make(store, text, text_size);
    }
    if (error != VD_OK) {
        store->broken = true; /* half taken in: start again from what is in the folder */
    }
    return error;
}
