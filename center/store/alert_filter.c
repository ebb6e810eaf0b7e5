/* SPDX-License-Identifier: MIT */
/* A filter of alerts as SQL. */

#include "center/limits.h"
#include "center/store/alert_internal.h"

/* So many devices are gone through one by one; of a larger group alerts are met soon enough among all. */
#define SMALL_GROUP 5000

/* Parameters of the text, by what they are bound to. */
enum parameter {
    AFTER = 1,
    DEVICE,
    TYPE,
    CAUSE,
    SEVERITY,
    STATE,
    BEFORE,
    FROM,
    TO,
    TEXT,
    DAY,
    GROUP,
};

static bool is_open(const struct vd_alert_filter *filter)
{
    return filter->state != NULL && strcmp(filter->state, VD_ALERT_OPEN) == 0;
}

/* The planner would rather sort all open alerts, or read all of the severity, also for one device. "": it knows best. */
static const char *index_of(const struct vd_alert_filter *filter)
{
    const bool is_of_device =
        filter->device_id != NULL && filter->changed_after == 0 && filter->day == 0;
    const bool is_plain = is_open(filter) && filter->changed_after == 0 &&
        filter->device_id == NULL && filter->type == NULL && filter->cause == NULL &&
        filter->day == 0;

    if (is_of_device) {
        return " INDEXED BY alerts_by_device";
    }
    if (!is_plain) {
        return "";
    }
    return filter->severity != NULL ? " INDEXED BY alerts_open_by_severity"
                                    : " INDEXED BY alerts_open";
}

/* What is appended, and what comes before its next condition. */
struct where {
    struct vd_buf *sql;
    const char *mark;
    const char *next_mark;
};

static void condition(struct where *where, bool wanted, const char *text)
{
    if (wanted) {
        vd_buf_append_text(where->sql, where->mark);
        vd_buf_append_text(where->sql, text);
        where->mark = where->next_mark;
    }
}

/* Whether the alerts of the group's devices are looked for device by device. */
static int group_is_small(sqlite3 *db, const char *group, bool *is_small)
{
    sqlite3_stmt *s = NULL;
    int code = sqlite3_prepare_v2(db,
        "SELECT count(*) FROM (SELECT 1 FROM device_states WHERE group_name = ?1 LIMIT ?2)", -1, &s,
        NULL);

    if (code == SQLITE_OK) {
        sqlite3_bind_text(s, 1, group, -1, SQLITE_STATIC);
        sqlite3_bind_int(s, 2, SMALL_GROUP + 1);
        code = sqlite3_step(s);
        *is_small = code == SQLITE_ROW && sqlite3_column_int(s, 0) <= SMALL_GROUP;
    }
    sqlite3_finalize(s);
    return vd_sqlite_error(code);
}

int vd_alert_where(sqlite3 *db, const struct vd_alert_filter *filter, struct vd_buf *sql)
{
    const bool open = is_open(filter);
    bool by_members = false;
    const int error =
        filter->group != NULL && filter->device_id == NULL && filter->changed_after == 0
        ? group_is_small(db, filter->group, &by_members)
        : VD_OK;
    /* Who follows changes asks for the last few: behind a + no other index is gone by. */
    struct where where = {sql, " WHERE ", filter->changed_after > 0 ? " AND +" : " AND "};

    vd_buf_append_text(sql, by_members ? " INDEXED BY alerts_by_device" : index_of(filter));
    condition(&where, filter->changed_after > 0, "change > ?1");
    condition(&where, filter->device_id != NULL, "device_id = ?2");
    condition(&where, filter->type != NULL, "type = ?3");
    condition(&where, filter->cause != NULL, "cause = ?4");
    condition(&where, filter->severity != NULL, "severity = ?5");
    /* As the partial index has it. */
    condition(&where, open, "status IN ('New', 'InProgress')");
    condition(&where, filter->state != NULL && !open, "status = ?6");
    condition(&where, filter->before > 0, "number < ?7");
    /* Later alerts have larger numbers: a stretch of time is one of numbers. */
    condition(&where, filter->from_ms > 0,
        "number >= (SELECT number FROM alerts WHERE generated_ms >= ?8"
        " ORDER BY generated_ms, number LIMIT 1)");
    condition(&where, filter->to_ms > 0,
        "number <= (SELECT number FROM alerts WHERE generated_ms < ?9"
        " ORDER BY generated_ms DESC, number DESC LIMIT 1)");
    condition(&where, filter->text != NULL,
        "instr(lower(display_name || ' ' || device_id || ' ' || subject || ' ' || description),"
        " lower(?10)) > 0");
    condition(&where, filter->day != 0, "day = ?11");
    condition(&where, by_members,
        "device_id IN (SELECT d.device_id FROM device_states AS d WHERE d.group_name = ?12)");
    condition(&where, filter->group != NULL && !by_members,
        "EXISTS (SELECT 1 FROM device_states AS d WHERE d.device_id = alerts.device_id"
        " AND d.group_name = ?12)");
    return error != VD_OK ? error : sql->error;
}

/* A parameter that the text does not name is not one of the statement's. */
static void bind_text(sqlite3_stmt *s, int index, const char *text)
{
    if (text != NULL) {
        sqlite3_bind_text(s, index, text, -1, SQLITE_STATIC);
    }
}

static void bind_number(sqlite3_stmt *s, int index, int64_t number)
{
    if (number != 0) {
        sqlite3_bind_int64(s, index, number);
    }
}

void vd_alert_bind_filter(const struct vd_alert_filter *filter, sqlite3_stmt *s)
{
    bind_number(s, AFTER, filter->changed_after);
    bind_text(s, DEVICE, filter->device_id);
    bind_text(s, TYPE, filter->type);
    bind_text(s, CAUSE, filter->cause);
    bind_text(s, SEVERITY, filter->severity);
    bind_text(s, STATE, is_open(filter) ? NULL : filter->state);
    bind_number(s, BEFORE, filter->before);
    bind_number(s, FROM, filter->from_ms);
    bind_number(s, TO, filter->to_ms);
    bind_text(s, TEXT, filter->text);
    bind_number(s, DAY, filter->day);
    bind_text(s, GROUP, filter->group);
}

bool vd_alert_is_id_prefix(const char *text)
{
    const size_t length = strnlen(text, VD_UUID_TEXT_SIZE);

    return length >= VD_ALERT_ID_PREFIX_MIN && length < VD_UUID_TEXT_SIZE &&
        strspn(text, "0123456789abcdef-") == length;
}
