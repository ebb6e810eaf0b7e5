/* SPDX-License-Identifier: MIT */
/* A day whose rows have all come is written anew: sorted, in large pieces, without gaps. */

#include <stdlib.h>

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"

/* Rows that are sorted at once and compressed together; half a gigabyte of memory is enough for twice that many. */
#define PIECE_ROWS_MAX     245760U
#define PIECE_ROWS_PER_MIB 512U
/* What appends and queries have meanwhile. */
#define OTHERS_MIB 32U
#define CATALOG    "vd_rewriting"
/* An interrupt between two statements goes unheard: it is repeated. */
#define STOP_REPEAT_MS 20

uint32_t vd_duckdb_piece_rows(const struct vd_duckdb *store)
{
    const uint64_t mib =
        store->memory_limit_mib > OTHERS_MIB ? store->memory_limit_mib - OTHERS_MIB : 0;
    uint64_t rows = mib * PIECE_ROWS_PER_MIB;

    rows = rows < PIECE_ROWS_MAX ? rows - rows % VD_DUCKDB_GROUP_ROWS : PIECE_ROWS_MAX;
    return rows > VD_DUCKDB_GROUP_ROWS ? (uint32_t)rows : VD_DUCKDB_GROUP_ROWS;
}

static int copy_piece(
    const struct vd_duckdb_rows_copy *copy, uint64_t row, char *text, size_t text_size)
{
    const uint64_t end = row + copy->piece_rows < copy->rows ? row + copy->piece_rows : copy->rows;
    struct vd_buf sql = {0};

    if (atomic_load(copy->is_cancelled)) {
        return VD_E_CLOSED;
    }
    vd_buf_printf(&sql,
        "INSERT INTO %s.main.%s SELECT * FROM %s.main.%s WHERE rowid >= %llu AND rowid < %llu",
        copy->to, copy->table->name, copy->from, copy->table->name, (unsigned long long)row,
        (unsigned long long)end);
    if (copy->is_sorted) {
        vd_buf_printf(&sql, " ORDER BY %s", copy->table->order);
    }
    return vd_duckdb_run_built_on(copy->connection, &sql, text, text_size);
}

static int count_rows(duckdb_connection connection, const char *catalog, const char *table,
    uint64_t *rows, char *text, size_t text_size)
{
    char sql[96];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s.main.%s", catalog, table);
    return vd_duckdb_number(connection, sql, rows, text, text_size);
}

int vd_duckdb_rows_copy(const struct vd_duckdb_rows_copy *copy, char *text, size_t text_size)
{
    uint64_t copied = 0;
    int error = VD_OK;

    for (uint64_t row = 0; error == VD_OK && row < copy->rows; row += copy->piece_rows) {
        error = copy_piece(copy, row, text, text_size);
    }
    if (error == VD_OK) {
        error = count_rows(copy->connection, copy->to, copy->table->name, &copied, text, text_size);
    }
    if (error == VD_OK && copied != copy->rows) {
        snprintf(text, text_size, "%s.%s: %llu rows became %llu", copy->from, copy->table->name,
            (unsigned long long)copy->rows, (unsigned long long)copied);
        error = VD_E_CORRUPT;
    }
    return error;
}

static int copy_table(
    struct vd_duckdb_rewrite *r, const char *from, const struct vd_duckdb_table *table)
{
    struct vd_duckdb_rows_copy copy = {.connection = r->connection,
        .from = from,
        .to = CATALOG,
        .table = table,
        .piece_rows = r->piece_rows,
        .is_sorted = true,
        .is_cancelled = &r->is_cancelled};
    int error = count_rows(r->connection, from, table->name, &copy.rows, r->text, sizeof r->text);

    return error == VD_OK ? vd_duckdb_rows_copy(&copy, r->text, sizeof r->text) : error;
}

static int copy_day(struct vd_duckdb_rewrite *r)
{
    char from[32];
    char sql[192];
    int error = vd_duckdb_day_fill(r->connection, CATALOG, r->text, sizeof r->text);

    vd_duckdb_day_catalog(&r->from, from);
    for (size_t i = 0; error == VD_OK && i < VD_DUCKDB_TABLES; i++) {
        if (r->keeps[vd_duckdb_tables[i].kind]) {
            error = copy_table(r, from, &vd_duckdb_tables[i]);
        }
    }
    if (error == VD_OK) {
        snprintf(sql, sizeof sql,
            "UPDATE " CATALOG ".main.vd_meta SET next_offset = (SELECT next_offset FROM"
            " %s.main.vd_meta); CHECKPOINT " CATALOG,
            from);
        error = vd_duckdb_run(r->connection, sql, r->text, sizeof r->text);
    }
    return error;
}

static void *rewrite_main(void *argument)
{
    struct vd_duckdb_rewrite *r = argument;
    char ignored[VD_DUCKDB_TEXT_SIZE];
    int detached;

    r->error =
        vd_duckdb_attach(r->connection, r->path, CATALOG, r->piece_rows, r->text, sizeof r->text);
    if (r->error == VD_OK) {
        r->error = copy_day(r);
        detached = vd_duckdb_run(r->connection, "DETACH " CATALOG, ignored, sizeof ignored);
        if (r->error == VD_OK && detached != VD_OK) {
            snprintf(r->text, sizeof r->text, "%s", ignored);
            r->error = detached;
        }
    }
    atomic_store(&r->is_done, true);
    return NULL;
}

int vd_duckdb_rewrite_start(
    struct vd_duckdb *store, const struct vd_duckdb_day *day, const bool keeps[VD_ANALYTICS_KINDS])
{
    struct vd_duckdb_rewrite *r = &store->rewrite;
    int error = vd_duckdb_new_remove(store, day->day);

    if (error != VD_OK) {
        return error;
    }
    r->path = vd_duckdb_new_path(store, day->day);
    if (r->path == NULL || duckdb_connect(store->database, &r->connection) != DuckDBSuccess) {
        free(r->path);
        return VD_E_NOMEM;
    }
    r->from = *day;
    r->piece_rows = vd_duckdb_piece_rows(store);
    r->to = (struct vd_duckdb_day){.day = day->day, .generation = day->generation + 1};
    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        r->keeps[i] = keeps[i];
    }
    r->error = VD_OK;
    r->text[0] = '\0';
    atomic_store(&r->is_done, false);
    atomic_store(&r->is_cancelled, false);
    error = vd_error_from_errno(pthread_create(&r->thread, NULL, rewrite_main, r));
    r->is_under_way = error == VD_OK;
    if (error != VD_OK) {
        duckdb_disconnect(&r->connection);
        free(r->path);
    }
    return error;
}

static void join(struct vd_duckdb_rewrite *r)
{
    pthread_join(r->thread, NULL);
    duckdb_disconnect(&r->connection);
    free(r->path);
    r->is_under_way = false;
}

/* The new file is whole: it takes the place of the old one. */
static int replace(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_duckdb_rewrite *r = &store->rewrite;
    char catalog[32];
    char sql[64];
    int error = vd_duckdb_day_attach(store, &r->to, text, text_size);

    for (size_t i = 0; error == VD_OK && i < store->day_count; i++) {
        if (store->days[i].day == r->to.day) {
            store->days[i] = r->to;
        }
    }
    if (error == VD_OK) {
        error = vd_duckdb_views_make(store, text, text_size);
    }
    if (error == VD_OK) {
        atomic_fetch_add(&store->views_changed, 1);
        vd_duckdb_day_catalog(&r->from, catalog);
        snprintf(sql, sizeof sql, "DETACH %s", catalog);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_day_remove(store, &r->from);
    }
    store->broken = store->broken || error != VD_OK;
    return error;
}

int vd_duckdb_rewrite_collect(struct vd_duckdb *store, char *text, size_t text_size)
{
    struct vd_duckdb_rewrite *r = &store->rewrite;
    int error;

    if (!r->is_under_way || !atomic_load(&r->is_done)) {
        return VD_OK;
    }
    join(r);
    error = r->error == VD_OK ? vd_duckdb_new_publish(store, &r->to) : r->error;
    if (error != VD_OK) {
        snprintf(text, text_size, "%s", r->text);
        (void)!vd_duckdb_new_remove(store, r->to.day);
        return error;
    }
    return replace(store, text, text_size);
}

void vd_duckdb_rewrite_stop(struct vd_duckdb *store)
{
    struct vd_duckdb_rewrite *r = &store->rewrite;
    const struct timespec pause = {.tv_nsec = STOP_REPEAT_MS * 1000000L};

    if (!r->is_under_way) {
        return;
    }
    atomic_store(&r->is_cancelled, true);
    while (!atomic_load(&r->is_done)) {
        duckdb_interrupt(r->connection);
        nanosleep(&pause, NULL);
    }
    join(r);
    (void)!vd_duckdb_new_remove(store, r->to.day);
}
