/* SPDX-License-Identifier: MIT */
/* Reads a day's file from end to end, by an instance of its own. */

#include "center/store/duckdb_internal.h"

#define MEMORY "512MiB"

static int open_file(const char *path, duckdb_database *database, char *text, size_t text_size)
{
    duckdb_config config = NULL;
    char *message = NULL;
    int error = VD_OK;

    if (duckdb_create_config(&config) != DuckDBSuccess) {
        return VD_E_NOMEM;
    }
    if (duckdb_set_config(config, "access_mode", "READ_ONLY") != DuckDBSuccess ||
        duckdb_set_config(config, "memory_limit", MEMORY) != DuckDBSuccess ||
        duckdb_set_config(config, "threads", "2") != DuckDBSuccess ||
        duckdb_set_config(config, "temp_directory", "") != DuckDBSuccess ||
        duckdb_set_config(config, "autoload_known_extensions", "false") != DuckDBSuccess ||
        duckdb_set_config(config, "autoinstall_known_extensions", "false") != DuckDBSuccess) {
        snprintf(text, text_size, "DuckDB does not know a setting");
        error = VD_E_UNSUPPORTED;
    } else if (duckdb_open_ext(path, database, config, &message) != DuckDBSuccess) {
        snprintf(text, text_size, "%s", message != NULL ? message : "DuckDB did not start");
        error = vd_duckdb_error(DUCKDB_ERROR_IO, message);
    }
    duckdb_free(message);
    duckdb_destroy_config(&config);
    return error;
}

static int read_meta(
    duckdb_connection connection, struct vd_day_found *out, char *text, size_t text_size)
{
    uint64_t rows = 0;
    uint64_t version = 0;
    int error =
        vd_duckdb_number(connection, "SELECT count(*) FROM vd_meta", &rows, text, text_size);

    if (error == VD_OK && rows != 1) {
        snprintf(text, text_size, "no single row of meta data");
        error = VD_E_CORRUPT;
    }
    if (error == VD_OK) {
        error = vd_duckdb_number(connection, "SELECT CAST(schema_version AS UBIGINT) FROM vd_meta",
            &version, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_number(
            connection, "SELECT next_offset FROM vd_meta", &out->next_offset, text, text_size);
    }
    out->version = (int)version;
    if (error == VD_OK && version > VD_DUCKDB_DAY_VERSION) {
        snprintf(text, text_size,
            "its tables are of version %llu; this program knows version %d and is older than the one that wrote them",
            (unsigned long long)version, VD_DUCKDB_DAY_VERSION);
        error = VD_E_NEWER;
    }
    return error;
}

/* Every value goes into the sum, so every block is read, and its checksum compared. */
static int read_table(duckdb_connection connection, const char *name, struct vd_day_found *out,
    char *text, size_t text_size)
{
    char sql[128];
    uint64_t number = 0;
    int error;

    snprintf(sql, sizeof sql,
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = '%s' AND NOT internal", name);
    error = vd_duckdb_number(connection, sql, &number, text, text_size);
    if (error != VD_OK || number == 0) {
        return error; /* earlier versions have fewer tables */
    }
    snprintf(sql, sizeof sql, "SELECT coalesce(bit_xor(hash(t)), 0) FROM %s t", name);
    error = vd_duckdb_number(connection, sql, &number, text, text_size);
    if (error == VD_OK) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", name);
        error = vd_duckdb_number(connection, sql, &number, text, text_size);
    }
    out->rows += error == VD_OK ? number : 0;
    return error;
}

int vd_analytics_day_check(
    const char *path, struct vd_day_found *out, char *error_text, size_t error_size)
{
    struct vd_day_found found = {0};
    duckdb_database database = NULL;
    duckdb_connection connection = NULL;
    int error = open_file(path, &database, error_text, error_size);

    if (error == VD_OK && duckdb_connect(database, &connection) != DuckDBSuccess) {
        error = VD_E_NOMEM;
    }
    if (error == VD_OK) {
        error = read_meta(connection, &found, error_text, error_size);
    }
    for (size_t i = 0; error == VD_OK && i < VD_DUCKDB_TABLES; i++) {
        error = read_table(connection, vd_duckdb_tables[i].name, &found, error_text, error_size);
    }
    duckdb_disconnect(&connection);
    duckdb_close(&database);
    if (error == VD_OK) {
        *out = found;
    }
    return error;
}
