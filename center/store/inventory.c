/* SPDX-License-Identifier: MIT */
/* A page's ids are picked off an index where there is one for the order, and then their rows are read; counts are of indexes alone. */

#include "center/store/inventory.h"

#include "center/store/alert_store_internal.h"

/* An order: where it is read from, what a row is sorted by, which rows come behind a place (?5) with its id (?6). */
static const struct {
    const char *pick;
    const char *behind;
    const char *order;
    const char *outer;
} sorts[] = {
    [VD_INVENTORY_BY_ID] = {"0 AS place FROM device_states AS d", "device_id > ?6", "device_id",
        "p.device_id"},
    [VD_INVENTORY_BY_HEARD] = {"heard_slot AS place FROM device_states AS d",
        "(heard_slot, device_id) > (?5, ?6)", "heard_slot, device_id", "p.place, p.device_id"},
    [VD_INVENTORY_BY_HEARD_DOWN] = {"heard_slot AS place FROM device_states AS d",
        "(heard_slot, device_id) < (?5, ?6)", "heard_slot DESC, device_id DESC",
        "p.place DESC, p.device_id DESC"},
    [VD_INVENTORY_BY_OPEN_ALERTS] =
        {"rank AS place FROM device_alerts CROSS JOIN device_states AS d USING(device_id)",
            "(rank < ?5 OR (rank = ?5 AND device_id > ?6))", "rank DESC, device_id",
            "p.place DESC, p.device_id"},
};

static bool has_prefix(const struct vd_inventory_filter *filter)
{
    return filter->prefix != NULL && filter->prefix[0] != '\0';
}

/* `plus` "+" keeps the planner from the rows themselves, which are long. Ids are ASCII, and '' is the engine's own row. */
static void append_where(
    const struct vd_inventory_filter *filter, const char *plus, struct vd_buf *sql)
{
    vd_buf_printf(sql, " WHERE %sdevice_id > ''", plus);
    if (has_prefix(filter)) {
        vd_buf_printf(sql, " AND %sdevice_id >= ?1 AND %sdevice_id < ?1 || char(127)", plus, plus);
    }
    if (filter->group != NULL) {
        vd_buf_append_text(sql, " AND d.group_name = ?2");
    }
}

static void bind_where(const struct vd_inventory_filter *filter, sqlite3_stmt *s)
{
    if (has_prefix(filter)) {
        sqlite3_bind_text(s, 1, filter->prefix, -1, SQLITE_STATIC);
    }
    if (filter->group != NULL) {
        sqlite3_bind_text(s, 2, filter->group, -1, SQLITE_STATIC);
    }
}

/* ---- Pages ---- */

static void append_page(const struct vd_inventory_filter *filter, struct vd_buf *sql)
{
    vd_buf_printf(sql,
        "SELECT d.device_id, d.group_name, d.presence, d.body, coalesce(o.high, 0),"
        " coalesce(o.medium, 0), coalesce(o.low, 0), p.place FROM (SELECT device_id, %s",
        sorts[filter->sort].pick);
    append_where(filter, "", sql);
    if (filter->has_presence) {
        vd_buf_append_text(sql, " AND d.presence = ?3");
    }
    if (filter->sort == VD_INVENTORY_BY_OPEN_ALERTS) {
        vd_buf_append_text(sql, " AND rank > 0");
    }
    if (filter->after_id != NULL) {
        vd_buf_printf(sql, " AND %s", sorts[filter->sort].behind);
    }
    vd_buf_printf(sql,
        " ORDER BY %s LIMIT ?4) AS p CROSS JOIN device_states AS d USING(device_id)"
        " LEFT JOIN device_alerts AS o USING(device_id) ORDER BY %s",
        sorts[filter->sort].order, sorts[filter->sort].outer);
}

static void bind_page(const struct vd_inventory_filter *filter, sqlite3_stmt *s)
{
    bind_where(filter, s);
    if (filter->has_presence) {
        sqlite3_bind_int(s, 3, (int)filter->presence);
    }
    sqlite3_bind_int64(s, 4, filter->limit);
    if (filter->after_id != NULL && filter->sort != VD_INVENTORY_BY_ID) {
        sqlite3_bind_int64(s, 5, filter->after_place);
    }
    if (filter->after_id != NULL) {
        sqlite3_bind_text(s, 6, filter->after_id, -1, SQLITE_STATIC);
    }
}

static struct vd_inventory_row row_of(sqlite3_stmt *s)
{
    struct vd_inventory_row row = {
        .device_id = (const char *)sqlite3_column_text(s, 0),
        .group = (const char *)sqlite3_column_text(s, 1),
        .presence = (enum vd_presence)sqlite3_column_int(s, 2),
        .body = {sqlite3_column_blob(s, 3), (size_t)sqlite3_column_bytes(s, 3)},
        .place = sqlite3_column_int64(s, 4 + VD_OPEN_SEVERITIES),
    };

    for (int i = 0; i < VD_OPEN_SEVERITIES; i++) {
        row.open[i] = sqlite3_column_int64(s, 4 + i);
    }
    return row;
}

int vd_inventory_each(struct vd_alert_store *store, const struct vd_inventory_filter *filter,
    bool (*each)(void *context, const struct vd_inventory_row *row), void *context)
{
    struct vd_buf sql = {0};
    sqlite3_stmt *s = NULL;
    bool goes_on = true;
    int code = SQLITE_NOMEM;

    append_page(filter, &sql);
    pthread_mutex_lock(&store->read_mutex);
    if (sql.error == VD_OK) {
        code = sqlite3_prepare_v2(store->reader, (const char *)sql.data, (int)sql.length, &s, NULL);
    }
    if (code == SQLITE_OK) {
        bind_page(filter, s);
    }
    while (code == SQLITE_OK && goes_on && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const struct vd_inventory_row row = row_of(s);

        goes_on = each(context, &row);
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    vd_buf_release(&sql);
    return vd_sqlite_error(code);
}

/* ---- Numbers ---- */

int vd_inventory_count(struct vd_alert_store *store, const struct vd_inventory_filter *filter,
    int64_t counts[VD_PRESENCES_END])
{
    struct vd_buf sql = {0};
    sqlite3_stmt *s = NULL;
    int code = SQLITE_NOMEM;

    memset(counts, 0, VD_PRESENCES_END * sizeof counts[0]);
    vd_buf_append_text(&sql, "SELECT presence, count(*) FROM device_states AS d");
    append_where(filter, "+", &sql);
    vd_buf_append_text(&sql, " GROUP BY presence");
    pthread_mutex_lock(&store->read_mutex);
    if (sql.error == VD_OK) {
        code = sqlite3_prepare_v2(store->reader, (const char *)sql.data, (int)sql.length, &s, NULL);
    }
    if (code == SQLITE_OK) {
        bind_where(filter, s);
    }
    while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        const int presence = sqlite3_column_int(s, 0);

        if (presence >= 0 && presence < VD_PRESENCES_END) {
            counts[presence] = sqlite3_column_int64(s, 1);
        }
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    vd_buf_release(&sql);
    return vd_sqlite_error(code);
}

int vd_inventory_groups(struct vd_alert_store *store,
    bool (*each)(void *context, const char *group, int64_t devices), void *context)
{
    sqlite3_stmt *s = NULL;
    bool goes_on = true;
    int code;

    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT group_name, count(*) FROM device_states WHERE +device_id > '' GROUP BY group_name",
        -1, &s, NULL);
    while (code == SQLITE_OK && goes_on && (code = sqlite3_step(s)) == SQLITE_ROW) {
        goes_on =
            each(context, (const char *)sqlite3_column_text(s, 0), sqlite3_column_int64(s, 1));
        code = SQLITE_OK;
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}

int vd_inventory_open(
    struct vd_alert_store *store, const char *device_id, int64_t open[VD_OPEN_SEVERITIES])
{
    sqlite3_stmt *s = NULL;
    int code;

    memset(open, 0, VD_OPEN_SEVERITIES * sizeof open[0]);
    pthread_mutex_lock(&store->read_mutex);
    code = sqlite3_prepare_v2(store->reader,
        "SELECT high, medium, low FROM device_alerts WHERE device_id = ?1", -1, &s, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(s, 1, device_id, -1, SQLITE_STATIC);
        code = sqlite3_step(s);
    }
    for (int i = 0; i < VD_OPEN_SEVERITIES && code == SQLITE_ROW; i++) {
        open[i] = sqlite3_column_int64(s, i);
    }
    sqlite3_finalize(s);
    pthread_mutex_unlock(&store->read_mutex);
    return vd_sqlite_error(code);
}
