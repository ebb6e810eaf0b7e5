/* SPDX-License-Identifier: MIT */
/* Alerts: raised once for a key, then counted; with bounded evidence and a number for every change. */

#include "center/limits.h"
#include "center/store/alert_internal.h"
#include "center/store/outbox.h"
#include "lib/clock.h"

int vd_alert_next_change(struct vd_alert_store *store, int64_t *change)
{
    int error = vd_alert_meta_get(store, "last_change", change);

    if (error == VD_OK) {
        ++*change;
        error = vd_alert_meta_set(store, "last_change", *change);
    }
    return error;
}

/* An alert that is there already. */
struct known {
    int64_t number;
    uint64_t count;
    enum vd_alert_state state;
};

static int find_alert(struct vd_alert_store *store, const char *id, struct known *known)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_FIND);
    int code;
    int state = 0;

    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        known->number = sqlite3_column_int64(s, 0);
        known->count = (uint64_t)sqlite3_column_int64(s, 1);
        state = vd_alert_state_parse((const char *)sqlite3_column_text(s, 2));
        known->state = (enum vd_alert_state)state;
    }
    sqlite3_reset(s);
    if (state < 0) {
        return VD_E_CORRUPT;
    }
    return code == SQLITE_DONE ? VD_E_NOT_FOUND : vd_sqlite_error(code);
}

/* The alert whose dismissal holds for this one now; empty text: none does. */
static int find_suppression(
    struct vd_alert_store *store, const struct vd_alert_update *u, char alert[VD_UUID_TEXT_SIZE])
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_SUPPRESSION_GET);
    int code;

    alert[0] = '\0';
    sqlite3_bind_text(s, 1, u->type, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 2, u->device_id);
    vd_sqlite_bind_str(s, 3, u->module_id);
    sqlite3_bind_text(s, 4, u->subject, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 5, u->generated_ms);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        snprintf(alert, VD_UUID_TEXT_SIZE, "%s", (const char *)sqlite3_column_text(s, 0));
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

static int add_alert(struct vd_alert_store *store, const struct vd_alert_update *u, const char *id,
    int64_t change, int64_t *number)
{
    char suppressed_by[VD_UUID_TEXT_SIZE];
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_ADD);
    int error = find_suppression(store, u, suppressed_by);
    const bool is_suppressed = suppressed_by[0] != '\0';

    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_text(s, 3, u->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, u->display_name, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, u->severity, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 6, u->device_id);
    vd_sqlite_bind_str(s, 7, u->module_id);
    sqlite3_bind_text(s, 8, u->subject, -1, SQLITE_STATIC);
    sqlite3_bind_int(s, 9, u->day);
    sqlite3_bind_int64(s, 10, u->start_ms);
    sqlite3_bind_int64(s, 11, u->end_ms);
    sqlite3_bind_int64(s, 12, u->generated_ms);
    sqlite3_bind_int64(s, 13, (int64_t)u->count);
    sqlite3_bind_text(s, 14, u->description, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 15, u->remediation_json, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 16, u->techniques_json, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 17, u->indicator_value, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 18, u->indicator_source, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 19, u->cause);
    sqlite3_bind_text(s, 20,
        u->repeated != NULL && u->count >= u->repeated_from ? u->repeated : u->assessment, -1,
        SQLITE_STATIC);
    sqlite3_bind_text(s, 21, vd_alert_state_text(is_suppressed ? VD_ALERT_DISMISSED : VD_ALERT_NEW),
        -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 22, is_suppressed ? suppressed_by : NULL, -1, SQLITE_STATIC);
    error = vd_alert_sql_run(store, VD_SQL_ALERT_ADD);
    if (error == VD_OK) {
        *number = sqlite3_last_insert_rowid(store->writer);
    }
    return error;
}

static int repeat_alert(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, int64_t change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_REPEAT);

    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_int64(s, 3, (int64_t)u->count);
    sqlite3_bind_int64(s, 4, u->start_ms);
    sqlite3_bind_int64(s, 5, u->end_ms);
    sqlite3_bind_text(s, 6, u->assessment, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 7, u->repeated_from);
    sqlite3_bind_text(s, 8, u->repeated, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_ALERT_REPEAT);
}

/* Keeps of the `before` + count findings the first and the latest. */
static int add_evidence(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, uint64_t before)
{
    uint64_t total = before + u->count;
    uint64_t late = total > VD_ALERT_EVIDENCE_LAST ? total - VD_ALERT_EVIDENCE_LAST : 0;
    int64_t key = 0;
    sqlite3_stmt *s;
    int error = VD_OK;

    for (uint64_t i = 0; i < u->count && error == VD_OK; i++) {
        if (before + i >= VD_ALERT_EVIDENCE_FIRST && before + i < late) {
            i = late - before - 1; /* on to the latest ones */
            continue;
        }
        s = vd_alert_sql(store, VD_SQL_EVIDENCE_ADD);
        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, (int64_t)(before + i));
        sqlite3_bind_text(s, 3, u->evidence(u, i, &key), -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, key);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_ADD);
    }
    if (error == VD_OK && late > VD_ALERT_EVIDENCE_FIRST) {
        s = vd_alert_sql(store, VD_SQL_EVIDENCE_PRUNE);
        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, VD_ALERT_EVIDENCE_FIRST);
        sqlite3_bind_int64(s, 3, (int64_t)late);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_PRUNE);
    }
    return error;
}

/* Evidence that was given up meanwhile stays so. */
static int replace_evidence(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number)
{
    int error = VD_OK;

    for (uint64_t i = 0; i < u->replacement_count && error == VD_OK; i++) {
        sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_EVIDENCE_REPLACE);
        int64_t key = 0;
        const char *body = u->replacement(u, i, &key);

        sqlite3_bind_int64(s, 1, number);
        sqlite3_bind_int64(s, 2, key);
        sqlite3_bind_text(s, 3, body, -1, SQLITE_STATIC);
        error = vd_alert_sql_run(store, VD_SQL_EVIDENCE_REPLACE);
    }
    return error;
}

static int change_alert(
    struct vd_alert_store *store, const struct vd_alert_update *u, int64_t number, int64_t change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_CHANGE);

    sqlite3_bind_int64(s, 1, number);
    sqlite3_bind_int64(s, 2, change);
    sqlite3_bind_int64(s, 3, u->start_ms);
    sqlite3_bind_int64(s, 4, u->end_ms);
    sqlite3_bind_text(s, 5, u->assessment, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 6, u->repeated_from);
    sqlite3_bind_text(s, 7, u->repeated, -1, SQLITE_STATIC);
    return vd_alert_sql_run(store, VD_SQL_ALERT_CHANGE);
}

/* An alert that was done with is not, now that it has happened again, unless a dismissal still holds. */
static int happened_again(struct vd_alert_store *store, const struct vd_alert_update *u,
    const struct known *known, int64_t change, bool *is_reopened)
{
    struct vd_alert_entry entry = {
        .number = known->number,
        .time_ms = u->generated_ms,
        .actor = VD_ALERT_ACTOR_CENTER,
        .event = VD_ALERT_REPEATED,
        .from = known->state,
    };
    char suppressed_by[VD_UUID_TEXT_SIZE] = "";
    int error = VD_OK;

    if (known->state != VD_ALERT_DISMISSED && known->state != VD_ALERT_RESOLVED) {
        return VD_OK;
    }
    error = find_suppression(store, u, suppressed_by);
    if (suppressed_by[0] != '\0') {
        entry.event = VD_ALERT_SUPPRESSED;
    }
    if (error != VD_OK || !vd_alert_state_next(entry.from, entry.event, &entry.to) ||
        entry.to == entry.from) {
        return error;
    }
    *is_reopened = entry.to == VD_ALERT_NEW || entry.to == VD_ALERT_IN_PROGRESS;
    return vd_alert_set_state(
        store, &entry, suppressed_by[0] != '\0' ? suppressed_by : NULL, change);
}

/* Whether it would be one more than there may be of its type, device and day. */
static int is_beyond(struct vd_alert_store *store, const struct vd_alert_update *u, bool *beyond)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_APART);
    int code;

    sqlite3_bind_int(s, 1, u->day);
    sqlite3_bind_text(s, 2, u->type, -1, SQLITE_STATIC);
    vd_sqlite_bind_str(s, 3, u->device_id);
    sqlite3_bind_int(s, 4, VD_ALERTS_APART_MAX);
    code = sqlite3_step(s);
    *beyond = code == SQLITE_ROW && sqlite3_column_int64(s, 0) >= VD_ALERTS_APART_MAX;
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

/* The same as part of the alert that stands for all that is beyond the bound. */
static struct vd_alert_update as_others(const struct vd_alert_update *update)
{
    struct vd_alert_update others = *update;

    others.id = update->others_id;
    others.subject = update->others;
    others.description = update->others_description;
    return others;
}

static int apply(struct vd_alert_store *store, const struct vd_alert_update *update, bool *raised)
{
    struct known known = {0};
    char id[VD_UUID_TEXT_SIZE];
    int64_t change;
    bool is_new;
    bool is_reopened = false;
    int error;

    vd_uuid_format(&update->id, id);
    error = find_alert(store, id, &known);
    is_new = error == VD_E_NOT_FOUND;
    if (is_new && update->count == 0) {
        *raised = false;
        return VD_OK;
    }
    if (error == VD_OK || is_new) {
        error = vd_alert_next_change(store, &change);
    }
    if (error == VD_OK) {
        error = is_new          ? add_alert(store, update, id, change, &known.number)
            : update->count > 0 ? repeat_alert(store, update, known.number, change)
                                : change_alert(store, update, known.number, change);
    }
    if (error == VD_OK && !is_new && update->count > 0) {
        error = happened_again(store, update, &known, change, &is_reopened);
    }
    if (error == VD_OK) {
        error = add_evidence(store, update, known.number, known.count);
    }
    if (error == VD_OK) {
        error = replace_evidence(store, update, known.number);
    }
    if (error == VD_OK && (is_new || is_reopened)) {
        error = vd_outbox_add(store, known.number, is_new ? VD_OUTBOX_RAISED : VD_OUTBOX_REOPENED,
            update->generated_ms);
    }
    if (error == VD_OK) {
        *raised = is_new;
    }
    return error;
}

int vd_alert_store_apply(
    struct vd_alert_store *store, const struct vd_alert_update *update, bool *raised)
{
    struct vd_alert_update others;
    struct known known;
    char id[VD_UUID_TEXT_SIZE];
    bool beyond = false;
    int error = VD_OK;

    if (update->others != NULL) {
        vd_uuid_format(&update->id, id);
        error = find_alert(store, id, &known);
        error = error == VD_E_NOT_FOUND ? is_beyond(store, update, &beyond) : error;
    }
    if (error != VD_OK || !beyond) {
        return error == VD_OK ? apply(store, update, raised) : error;
    }
    others = as_others(update);
    return apply(store, &others, raised);
}
