/* SPDX-License-Identifier: MIT */
/* What is kept: days past their time go, the oldest go for want of room, and those that are past are packed. */

#include "center/store/duckdb_internal.h"
#include "lib/clock.h"
#include "lib/damage.h"

/* Days that are measured in one go: each takes some milliseconds. */
#define MEASURE_MAX 16
/* After a day could not be written anew. */
#define AGAIN_MS 600000

/* ---- Measuring ---- */

static int measure_table(struct vd_duckdb *store, struct vd_duckdb_day *day,
    const struct vd_duckdb_table *table, char *text, size_t text_size)
{
    char catalog[32];
    char sql[192];
    uint64_t rows = 0;
    uint64_t blocks = 0;
    int error;

    vd_duckdb_day_catalog(day, catalog);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s.main.%s", catalog, table->name);
    error = vd_duckdb_number(store->writer, sql, &rows, text, text_size);
    if (error == VD_OK && rows > 0) {
        snprintf(sql, sizeof sql,
            "SELECT count(DISTINCT block_id) FROM pragma_storage_info('%s.main.%s') WHERE block_id"
            " >= 0",
            catalog, table->name);
        error = vd_duckdb_number(store->writer, sql, &blocks, text, text_size);
    }
    day->amounts[table->kind].rows += rows;
    day->amounts[table->kind].bytes += blocks; /* of the same size all of them */
    return error;
}

/* Shares what the file takes among its tables, by their blocks. Rows that are in none yet, but in its log, count as one. */
static int measure_day(
    struct vd_duckdb *store, struct vd_duckdb_day *day, char *text, size_t text_size)
{
    struct vd_duckdb_day measured = {
        .day = day->day, .generation = day->generation, .next_offset = day->next_offset};
    uint64_t blocks = 0;
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < VD_DUCKDB_TABLES; i++) {
        error = measure_table(store, &measured, &vd_duckdb_tables[i], text, text_size);
    }
    if (error != VD_OK) {
        return error;
    }
    measured.is_measured = true;
    measured.bytes = vd_duckdb_day_bytes(store, day);
    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        struct vd_analytics_amount *amount = &measured.amounts[i];

        amount->bytes = amount->bytes == 0 && amount->rows > 0 ? 1 : amount->bytes;
        blocks += amount->bytes;
    }
    for (size_t i = 0; i < VD_ANALYTICS_KINDS; i++) {
        measured.amounts[i].bytes =
            blocks > 0 ? measured.bytes * measured.amounts[i].bytes / blocks : 0;
    }
    *day = measured;
    return VD_OK;
}

/* A day that cannot be read holds up none of the others, and goes when its time comes. */
static void take_as_damaged(
    const struct vd_duckdb *store, struct vd_duckdb_day *day, const char *problem)
{
    char text[VD_TIME_TEXT_SIZE];

    (void)vd_damage_note(VD_DAMAGE_ANALYTICS, VD_E_CORRUPT);
    if (!day->is_damaged) {
        vd_day_format(day->day, text);
        vd_log(
            VD_LOG_ERROR, "analytics.day_damaged", "day=%.10s problem=\"%.300s\"", text, problem);
    }
    day->is_damaged = true;
    day->is_measured = true;
    day->bytes = vd_duckdb_day_bytes(store, day);
}

/* The current one grows; of the others some that were not measured yet. */
static int measure(struct vd_duckdb *store, char *text, size_t text_size)
{
    const size_t current = vd_duckdb_day_current(store);
    size_t measured = 0;
    int error = VD_OK;

    for (size_t i = store->day_count; error == VD_OK && i > 0; i--) {
        struct vd_duckdb_day *day = &store->days[i - 1];

        if (i - 1 == current || (!day->is_measured && measured < MEASURE_MAX)) {
            error = measure_day(store, day, text, text_size);
            if (error == VD_E_CORRUPT) {
                take_as_damaged(store, day, text);
                error = VD_OK;
            }
            measured++;
        }
    }
    return error;
}

static void mark_damaged(struct vd_duckdb *store, int32_t day, const char *problem)
{
    for (size_t i = 0; i < store->day_count; i++) {
        if (store->days[i].day == day) {
            take_as_damaged(store, &store->days[i], problem);
        }
    }
}

/* ---- Dropping ---- */

int vd_duckdb_day_drop(struct vd_duckdb *store, size_t i, char *text, size_t text_size)
{
    const struct vd_duckdb_day day = store->days[i];
    char catalog[32];
    char sql[64];
    int error;

    if (store->rewrite.is_under_way && store->rewrite.from.day == day.day) {
        vd_duckdb_rewrite_stop(store);
    }
    vd_duckdb_day_forget(store, i);
    error = vd_duckdb_views_make(store, text, text_size);
    if (error == VD_OK) {
        atomic_fetch_add(&store->views_changed, 1);
        vd_duckdb_day_catalog(&day, catalog);
        snprintf(sql, sizeof sql, "DETACH %s", catalog);
        error = vd_duckdb_run(store->writer, sql, text, text_size);
    }
    if (error == VD_OK) {
        error = vd_duckdb_day_remove(store, &day);
    }
    store->broken = store->broken || error != VD_OK;
    return error;
}

static void tell_dropped(enum vd_log_level level, const char *why, const struct vd_duckdb_day *day)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_day_format(day->day, text);
    vd_log(level, "analytics.day_dropped", "day=%.10s why=%s bytes=%llu rows=%llu", text, why,
        (unsigned long long)day->bytes,
        (unsigned long long)(day->amounts[VD_ANALYTICS_RAW_EVENTS].rows +
            day->amounts[VD_ANALYTICS_DIAGNOSTICS].rows +
            day->amounts[VD_ANALYTICS_ACTIVITY].rows));
}

/* How many days ago rows came to it last. Its name says that, unless the clock was behind: it is no older than any day that was
 * full before it came. What a clock that was ahead left tells nothing. */
static int32_t age_of(const struct vd_duckdb *store, const struct vd_duckdb_day *day, int32_t today)
{
    int32_t last = day->day;

    for (size_t i = 0; i < store->day_count; i++) {
        const struct vd_duckdb_day *other = &store->days[i];

        if (other->day > last && other->day <= today && other->next_offset < day->next_offset) {
            last = other->day;
        }
    }
    return today - last;
}

static bool is_expired(const struct vd_duckdb *store, const struct vd_duckdb_day *day,
    enum vd_analytics_kind kind, int64_t now_ms)
{
    const uint32_t keep = store->keep.days[kind];

    return keep > 0 && now_ms > 0 &&
        (int64_t)age_of(store, day, vd_time_day(now_ms)) > (int64_t)keep;
}

/* Whether nothing of the day is to be kept; it was measured. */
static bool is_all_expired(
    const struct vd_duckdb *store, const struct vd_duckdb_day *day, int64_t now_ms)
{
    bool any = false;

    for (size_t k = 0; k < VD_ANALYTICS_KINDS; k++) {
        const bool expired = is_expired(store, day, (enum vd_analytics_kind)k, now_ms);

        if (!expired && (day->is_damaged || day->amounts[k].rows > 0)) {
            return false;
        }
        any = any || expired;
    }
    return any && day->is_measured;
}

/* The current day stays: it says how far the rows are. */
static int drop_expired(struct vd_duckdb *store, int64_t now_ms, char *text, size_t text_size)
{
    int error = VD_OK;

    for (size_t i = 0; error == VD_OK && i < store->day_count;) {
        const struct vd_duckdb_day day = store->days[i];

        if (i == vd_duckdb_day_current(store) || !is_all_expired(store, &day, now_ms)) {
            i++;
            continue;
        }
        error = vd_duckdb_day_drop(store, i, text, text_size);
        if (error == VD_OK) {
            tell_dropped(VD_LOG_INFO, "age", &day);
        }
    }
    return error;
}

static uint64_t all_bytes(const struct vd_duckdb *store)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < store->day_count; i++) {
        bytes += vd_duckdb_day_bytes(store, &store->days[i]);
    }
    return bytes;
}

static int drop_for_size(struct vd_duckdb *store, char *text, size_t text_size)
{
    int error = VD_OK;

    while (error == VD_OK && store->keep.max_bytes > 0 && store->day_count > 1 &&
        all_bytes(store) > store->keep.max_bytes) {
        const size_t oldest = vd_duckdb_day_current(store) == 0 ? 1 : 0;
        const struct vd_duckdb_day day = store->days[oldest];

        error = vd_duckdb_day_drop(store, oldest, text, text_size);
        if (error == VD_OK) {
            tell_dropped(VD_LOG_WARN, "size", &day);
            pthread_mutex_lock(&store->stats_mutex);
            store->stats.days_for_size++;
            store->stats.last_for_size_ms = day.day * VD_DAY_MS;
            pthread_mutex_unlock(&store->stats_mutex);
        }
    }
    return error;
}

/* ---- Packing ---- */

/* Which kinds a day keeps; true: it is to be written anew. */
static bool needs_rewrite(const struct vd_duckdb *store, const struct vd_duckdb_day *day,
    int64_t now_ms, bool keeps[VD_ANALYTICS_KINDS])
{
    bool needs = day->generation == 0 && !day->is_damaged;

    for (size_t k = 0; k < VD_ANALYTICS_KINDS; k++) {
        keeps[k] = !is_expired(store, day, (enum vd_analytics_kind)k, now_ms);
        needs = needs || (!keeps[k] && day->amounts[k].rows > 0);
    }
    return needs;
}

static int rewrite_next(struct vd_duckdb *store, int64_t now_ms)
{
    bool keeps[VD_ANALYTICS_KINDS];

    if (store->rewrite.is_under_way || vd_clock_monotonic_ms() < store->rewrite_again_ms) {
        return VD_OK;
    }
    for (size_t i = 0; i < store->day_count; i++) {
        if (i != vd_duckdb_day_current(store) && store->days[i].is_measured &&
            needs_rewrite(store, &store->days[i], now_ms, keeps)) {
            return vd_duckdb_rewrite_start(store, &store->days[i], keeps);
        }
    }
    return VD_OK;
}

static void publish(struct vd_duckdb *store, int64_t now_ms)
{
    struct vd_analytics_stats stats = {.max_bytes = store->keep.max_bytes};

    for (size_t i = store->day_count; i > 0; i--) {
        const struct vd_duckdb_day *day = &store->days[i - 1];
        bool keeps[VD_ANALYTICS_KINDS];

        stats.days_to_pack +=
            i - 1 != vd_duckdb_day_current(store) && needs_rewrite(store, day, now_ms, keeps) ? 1
                                                                                              : 0;
        stats.bytes += day->bytes;
        for (size_t k = 0; k < VD_ANALYTICS_KINDS; k++) {
            stats.amounts[k].rows += day->amounts[k].rows;
            stats.amounts[k].bytes += day->amounts[k].bytes;
            if (day->amounts[k].rows > 0) {
                stats.oldest_ms[k] = day->day * VD_DAY_MS;
            }
        }
    }
    pthread_mutex_lock(&store->stats_mutex);
    for (size_t k = 0; k < VD_ANALYTICS_KINDS; k++) {
        stats.keep_days[k] = store->keep.days[k];
    }
    stats.days_for_size = store->stats.days_for_size;
    stats.last_for_size_ms = store->stats.last_for_size_ms;
    store->stats = stats;
    pthread_mutex_unlock(&store->stats_mutex);
}

int vd_duckdb_maintain(struct vd_duckdb *store, int64_t now_ms, char *text, size_t text_size)
{
    int error;

    if (vd_duckdb_copy_is_under_way(store)) {
        return VD_OK; /* what is copied stays in its place */
    }
    error = vd_duckdb_rewrite_collect(store, text, text_size);
    if (error == VD_E_CORRUPT && !store->broken) {
        mark_damaged(store, store->rewrite.from.day, text);
        error = VD_OK;
    } else if (error != VD_OK && !store->broken) {
        /* The day stays as it is, for now. */
        vd_log(VD_LOG_WARN, "analytics.packing_failed", "problem=\"%.300s\"", text);
        store->rewrite_again_ms = vd_clock_monotonic_ms() + AGAIN_MS;
        error = VD_OK;
    }
    if (error == VD_OK) {
        error = measure(store, text, text_size);
    }
    if (error == VD_OK) {
        error = drop_expired(store, now_ms, text, text_size);
    }
    if (error == VD_OK) {
        error = drop_for_size(store, text, text_size);
    }
    if (error == VD_OK) {
        error = rewrite_next(store, now_ms);
    }
    if (error == VD_OK) {
        publish(store, now_ms);
    }
    return error;
}
