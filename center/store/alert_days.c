/* SPDX-License-Identifier: MIT */
/* Alerts in numbers, off the indexes of days and of open alerts. */

#include "center/store/alert_days.h"

#include "center/store/alert_internal.h"
#include "center/store/rows.h"
#include "lib/clock.h"

#define TOP_MAX "10"
#define OPEN    "status IN ('New', 'InProgress')"

static json_t *day_text(int64_t day)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_day_format((int32_t)day, text);
    return json_string(text);
}

static json_t *end_text(sqlite3_stmt *s, int column)
{
    char text[VD_TIME_TEXT_SIZE];

    vd_time_format(sqlite3_column_int64(s, column), text);
    return json_string(text);
}

/* ---- Days ---- */

static json_t *day_device(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:I, s:o}", "deviceId", vd_sqlite_json_text(s, 0), "count",
        (json_int_t)sqlite3_column_int64(s, 1), "endTime", end_text(s, 2));
}

/* Of the day and type in columns 0 and 1; NULL: it failed. */
static json_t *top_devices(sqlite3_stmt *day)
{
    sqlite3 *db = sqlite3_db_handle(day);
    json_t *devices = json_array();
    sqlite3_stmt *s = NULL;

    (void)sqlite3_prepare_v2(db,
        "SELECT device_id, sum(count) AS n, max(end_ms) FROM alerts WHERE day = ?1 AND type = ?2"
        " GROUP BY device_id ORDER BY n DESC, device_id LIMIT " TOP_MAX,
        -1, &s, NULL);
    sqlite3_bind_int64(s, 1, sqlite3_column_int64(day, 0));
    sqlite3_bind_text(s, 2, (const char *)sqlite3_column_text(day, 1), -1, SQLITE_TRANSIENT);
    if (vd_rows_append(db, s, day_device, devices) != VD_OK) {
        json_decref(devices);
        return NULL;
    }
    return devices;
}

static json_t *day_row(sqlite3_stmt *s)
{
    json_t *steps = json_loads((const char *)sqlite3_column_text(s, 5), 0, NULL);

    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:I, s:o}", "day",
        day_text(sqlite3_column_int64(s, 0)), "alertType", vd_sqlite_json_text(s, 1), "displayName",
        vd_sqlite_json_text(s, 2), "severity", vd_alert_severity_of_rank(sqlite3_column_int(s, 3)),
        "description", vd_sqlite_json_text(s, 4), "remediationSteps",
        steps != NULL ? steps : json_array(), "alerts", (json_int_t)sqlite3_column_int64(s, 6),
        "open", (json_int_t)sqlite3_column_int64(s, 7), "count",
        (json_int_t)sqlite3_column_int64(s, 8), "topDevices", top_devices(s));
}

int vd_alert_store_days(
    struct vd_alert_store *store, const struct vd_alert_days *which, json_t **days)
{
    static const char sql[] =
        "SELECT g.day, g.type, a.display_name, g.severity, a.description, a.remediation, g.alerts,"
        " g.open, g.count FROM (SELECT day, type, " VD_ALERT_SEVERITY_RANK " AS severity,"
        " count(*) AS alerts, count(*) FILTER (WHERE " OPEN ") AS open, sum(count) AS count,"
        " max(number) AS number FROM alerts WHERE day >= ?1"
        " AND (?2 IS NULL OR (day = ?1 AND type = ?2))"
        " AND (?4 IS NULL OR day < ?3 OR (day = ?3 AND type > ?4)) GROUP BY day, type"
        " ORDER BY day DESC, type LIMIT ?5) AS g JOIN alerts AS a USING(number)"
        " ORDER BY g.day DESC, g.type";
    sqlite3_stmt *s = vd_rows_begin(store, sql);

    sqlite3_bind_int(s, 1, which->from_day);
    sqlite3_bind_text(s, 2, which->type, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 3, which->after_day);
    sqlite3_bind_text(s, 4, which->after_type, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 5, which->limit);
    return vd_rows_end(store, s, day_row, days);
}

/* ---- All of them ---- */

static json_t *open_row(sqlite3_stmt *s)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "High", (json_int_t)sqlite3_column_int64(s, 0),
        "Medium", (json_int_t)sqlite3_column_int64(s, 1), "Low",
        (json_int_t)sqlite3_column_int64(s, 2), "devices", (json_int_t)sqlite3_column_int64(s, 3));
}

static json_t *devices_row(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:I, s:I, s:I}", "day", day_text(sqlite3_column_int64(s, 0)), "High",
        (json_int_t)sqlite3_column_int64(s, 1), "Medium", (json_int_t)sqlite3_column_int64(s, 2),
        "Low", (json_int_t)sqlite3_column_int64(s, 3));
}

static json_t *device_row(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:I}", "deviceId", vd_sqlite_json_text(s, 0), "alerts",
        (json_int_t)sqlite3_column_int64(s, 1));
}

static json_t *type_row(sqlite3_stmt *s)
{
    return json_pack("{s:o, s:s, s:I}", "displayName", vd_sqlite_json_text(s, 0), "severity",
        vd_alert_severity_of_rank(sqlite3_column_int(s, 1)), "alerts",
        (json_int_t)sqlite3_column_int64(s, 2));
}

#define OF(severity, what) what " FILTER (WHERE severity = '" severity "')"
#define BY_SEVERITY(what)  OF("High", what) ", " OF("Medium", what) ", " OF("Low", what)

/* What a summary is made of: a member each. */
static const struct part {
    const char *name;
    const char *sql; /* ?1: the first day, where it counts */
    vd_row_json *make;
} parts[] = {
    {"open",
        "SELECT " BY_SEVERITY("count(*)") ", count(DISTINCT nullif(device_id, ''))"
                                          " FROM alerts WHERE " OPEN,
        open_row},
    {"days",
        "SELECT day, " BY_SEVERITY(
            "count(DISTINCT nullif(device_id, ''))") " FROM alerts WHERE day >= ?1 GROUP BY day ORDER BY day",
        devices_row},
    {"topDevices",
        "SELECT device_id, count(*) AS n FROM alerts WHERE " OPEN " AND device_id <> ''"
        " GROUP BY device_id ORDER BY n DESC, device_id LIMIT " TOP_MAX,
        device_row},
    {"topAlerts",
        "SELECT max(display_name), " VD_ALERT_SEVERITY_RANK
        ", count(*) AS n FROM alerts WHERE " OPEN
        " AND device_id <> '' GROUP BY type ORDER BY n DESC, type LIMIT " TOP_MAX,
        type_row},
};

static int add_part(
    struct vd_alert_store *store, const struct part *part, int32_t from_day, json_t *summary)
{
    json_t *rows = json_array();
    sqlite3_stmt *s = NULL;

    if (json_object_set_new(summary, part->name, rows) != 0) {
        return VD_E_NOMEM;
    }
    (void)sqlite3_prepare_v2(store->reader, part->sql, -1, &s, NULL);
    if (sqlite3_bind_parameter_count(s) > 0) {
        sqlite3_bind_int(s, 1, from_day);
    }
    return vd_rows_append(store->reader, s, part->make, rows);
}

int vd_alert_store_summary(struct vd_alert_store *store, int32_t from_day, json_t **summary)
{
    json_t *made = json_object();
    json_t *open;
    int error = made != NULL ? VD_OK : VD_E_NOMEM;

    pthread_mutex_lock(&store->read_mutex);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && error == VD_OK; i++) {
        error = add_part(store, &parts[i], from_day, made);
    }
    pthread_mutex_unlock(&store->read_mutex);
    open = json_array_get(json_object_get(made, "open"), 0);
    if (error == VD_OK &&
        (json_object_set(made, "devices", json_object_get(open, "devices")) != 0 ||
            json_object_set(made, "open", open) != 0)) {
        error = VD_E_NOMEM;
    }
    if (error != VD_OK) {
        json_decref(made);
        return error;
    }
    *summary = made;
    return VD_OK;
}
