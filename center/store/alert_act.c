/* SPDX-License-Identifier: MIT */
/* Acts on alerts: one transaction each, with the state, its history and what a dismissal holds for. */

#include "center/store/alert_act.h"

#include "center/limits.h"
#include "center/store/alert_internal.h"
#include "center/store/outbox.h"

/* The end of a dismissal that has none. */
#define FOR_EVER INT64_MAX

/* ---- History ---- */

int vd_alert_set_state(struct vd_alert_store *store, const struct vd_alert_entry *entry,
    const char *suppressed_by, int64_t change)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_STATE);
    int error;

    sqlite3_bind_int64(s, 1, entry->number);
    sqlite3_bind_text(s, 2, vd_alert_state_text((int)entry->to), -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, suppressed_by, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 4, change);
    error = vd_alert_sql_run(store, VD_SQL_ALERT_STATE);
    if (error != VD_OK) {
        return error;
    }
    s = vd_alert_sql(store, VD_SQL_HISTORY_ADD);
    sqlite3_bind_int64(s, 1, entry->number);
    sqlite3_bind_int64(s, 2, entry->time_ms);
    sqlite3_bind_text(s, 3, entry->actor, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, vd_alert_event_text((int)entry->event), -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, vd_alert_state_text((int)entry->from), -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 6, vd_alert_state_text((int)entry->to), -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 7, entry->reason, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 8, entry->text, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 9, entry->until_ms);
    error = vd_alert_sql_run(store, VD_SQL_HISTORY_ADD);
    if (error == VD_OK) {
        s = vd_alert_sql(store, VD_SQL_HISTORY_PRUNE);
        sqlite3_bind_int64(s, 1, entry->number);
        sqlite3_bind_int64(s, 2, VD_ALERT_HISTORY_MAX);
        error = vd_alert_sql_run(store, VD_SQL_HISTORY_PRUNE);
    }
    return error;
}

/* ---- One alert ---- */

struct target {
    int64_t number;
    int64_t change;
    char id[VD_UUID_TEXT_SIZE];
    enum vd_alert_state state;
};

static int read_target(sqlite3_stmt *s, struct target *target)
{
    const int state = vd_alert_state_parse((const char *)sqlite3_column_text(s, 3));

    target->number = sqlite3_column_int64(s, 0);
    snprintf(target->id, sizeof target->id, "%s", (const char *)sqlite3_column_text(s, 1));
    target->change = sqlite3_column_int64(s, 2);
    target->state = (enum vd_alert_state)state;
    return state >= 0 ? VD_OK : VD_E_CORRUPT;
}

static int find_target(struct vd_alert_store *store, const char *id, struct target *target)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_BY_PREFIX);
    int error = VD_E_NOT_FOUND;
    int code;

    if (!vd_alert_is_id_prefix(id)) {
        return VD_E_NOT_FOUND;
    }
    sqlite3_bind_text(s, 1, id, -1, SQLITE_STATIC);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW) {
        error = read_target(s, target);
        code = sqlite3_step(s);
        error = code == SQLITE_ROW ? VD_E_INVALID : error;
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code) != VD_OK ? vd_sqlite_error(code) : error;
}

/* What a dismissal holds for begins with it, and ends when its alert is in another state. */
static int set_suppression(struct vd_alert_store *store, const struct vd_alert_entry *entry)
{
    sqlite3_stmt *s;

    if (entry->event == VD_ALERT_DISMISS) {
        s = vd_alert_sql(store, VD_SQL_SUPPRESSION_PUT);
        sqlite3_bind_int64(s, 1, entry->number);
        sqlite3_bind_int64(s, 2, entry->until_ms != 0 ? entry->until_ms : FOR_EVER);
        return vd_alert_sql_run(store, VD_SQL_SUPPRESSION_PUT);
    }
    if (entry->from == VD_ALERT_DISMISSED && entry->to != VD_ALERT_DISMISSED) {
        s = vd_alert_sql(store, VD_SQL_SUPPRESSION_LIFT);
        sqlite3_bind_int64(s, 1, entry->number);
        return vd_alert_sql_run(store, VD_SQL_SUPPRESSION_LIFT);
    }
    return VD_OK;
}

/* VD_E_EXISTS: it is not for an alert in this state. */
static int act_on(
    struct vd_alert_store *store, const struct target *target, const struct vd_alert_act *act)
{
    struct vd_alert_entry entry = {
        .number = target->number,
        .time_ms = act->now_ms,
        .actor = act->actor,
        .event = act->event,
        .from = target->state,
        .text = act->text,
    };
    int64_t change = 0;
    int error;

    if (!vd_alert_state_next(entry.from, entry.event, &entry.to)) {
        return VD_E_EXISTS;
    }
    if (act->event == VD_ALERT_DISMISS) {
        entry.reason = vd_alert_reason_text((int)act->reason);
        /* One that ends as it begins holds for nothing. */
        entry.until_ms = act->until_ms != VD_ALERT_SUPPRESS_NONE ? act->until_ms : act->now_ms;
    }
    error = vd_alert_next_change(store, &change);
    if (error == VD_OK) {
        error = vd_alert_set_state(store, &entry, NULL, change);
    }
    if (error == VD_OK) {
        error = set_suppression(store, &entry);
    }
    if (error == VD_OK && entry.to != entry.from) {
        error = vd_outbox_add(store, entry.number,
            entry.event == VD_ALERT_REOPEN ? VD_OUTBOX_REOPENED : VD_OUTBOX_CHANGED, act->now_ms);
    }
    return error;
}

static int check_act(const struct vd_alert_act *act)
{
    const size_t length = act->text != NULL ? strnlen(act->text, VD_ALERT_NOTE_MAX + 1) : 0;

    if (length > VD_ALERT_NOTE_MAX || (act->event == VD_ALERT_NOTE && length == 0) ||
        (act->event == VD_ALERT_DISMISS && act->until_ms > 0 && act->until_ms <= act->now_ms)) {
        return VD_E_LIMIT;
    }
    return VD_OK;
}

int vd_alert_act(
    struct vd_alert_store *store, const char *id, const struct vd_alert_act *act, json_t **alert)
{
    struct target target = {0};
    int error = check_act(act);

    if (error != VD_OK || (error = vd_alert_store_begin(store)) != VD_OK) {
        return error;
    }
    error = find_target(store, id, &target);
    if (error == VD_OK && act->if_change != 0 && act->if_change != target.change) {
        error = VD_E_CHANGED;
    }
    if (error == VD_OK) {
        error = act_on(store, &target, act);
    }
    error = vd_alert_store_end(store, error);
    return error == VD_OK ? vd_alert_store_get(store, target.id, alert) : error;
}

/* ---- Many alerts ---- */

/* The next alerts of the filter, `targets` of VD_ALERT_BULK_STEP. */
static int find_targets(struct vd_alert_store *store, const struct vd_alert_filter *filter,
    struct target *targets, size_t *count)
{
    struct vd_buf sql = {0};
    sqlite3_stmt *s = NULL;
    int code = SQLITE_ROW;
    int error;

    *count = 0;
    vd_buf_append_text(&sql, "SELECT number, id, change, status FROM alerts");
    error = vd_alert_where(store->writer, filter, &sql);
    vd_buf_printf(&sql, " ORDER BY number DESC LIMIT %d", VD_ALERT_BULK_STEP);
    error = error == VD_OK ? sql.error : error;
    if (error == VD_OK) {
        error = vd_sqlite_error(
            sqlite3_prepare_v2(store->writer, (const char *)sql.data, (int)sql.length, &s, NULL));
    }
    if (error == VD_OK) {
        vd_alert_bind_filter(filter, s);
        while (error == VD_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
            error = read_target(s, &targets[(*count)++]);
        }
        error = error == VD_OK ? vd_sqlite_error(code) : error;
    }
    sqlite3_finalize(s);
    vd_buf_release(&sql);
    return error;
}

/* One transaction; *count: alerts looked at, *changed: those that it was for. */
static int act_step(struct vd_alert_store *store, struct vd_alert_filter *filter,
    const struct vd_alert_act *act, struct target *targets, size_t *count, uint64_t *changed)
{
    uint64_t done = 0;
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    error = find_targets(store, filter, targets, count);
    for (size_t i = 0; i < *count && error == VD_OK; i++) {
        error = act_on(store, &targets[i], act);
        if (error == VD_OK) {
            done++;
        } else if (error == VD_E_EXISTS) {
            error = VD_OK;
        }
        filter->before = targets[i].number;
    }
    error = vd_alert_store_end(store, error);
    *changed += error == VD_OK ? done : 0;
    return error;
}

int vd_alert_act_all(struct vd_alert_store *store, const struct vd_alert_filter *filter,
    const struct vd_alert_act *act, uint64_t *changed)
{
    struct vd_alert_filter step = *filter;
    struct target *targets;
    size_t count = VD_ALERT_BULK_STEP;
    int error = check_act(act);

    *changed = 0;
    if (error != VD_OK) {
        return error;
    }
    targets = calloc(VD_ALERT_BULK_STEP, sizeof *targets);
    if (targets == NULL) {
        return VD_E_NOMEM;
    }
    step.before = 0;
    step.changed_after = 0;
    while (error == VD_OK && count == VD_ALERT_BULK_STEP) {
        error = act_step(store, &step, act, targets, &count, changed);
    }
    free(targets);
    return error;
}

/* ---- Old ones ---- */

static int remove_alert(struct vd_alert_store *store, int64_t number)
{
    static const enum vd_alert_statement statements[] = {
        VD_SQL_EVIDENCE_DELETE, VD_SQL_HISTORY_DELETE, VD_SQL_ALERT_DELETE};
    int error = VD_OK;

    for (size_t i = 0; i < sizeof statements / sizeof statements[0] && error == VD_OK; i++) {
        sqlite3_bind_int64(vd_alert_sql(store, statements[i]), 1, number);
        error = vd_alert_sql_run(store, statements[i]);
    }
    return error;
}

/* *number: of the oldest alert if it is to go; 0: it stays. Numbers have no holes but at their beginning. */
static int oldest_to_go(
    struct vd_alert_store *store, int64_t before_ms, uint64_t max, int64_t *number)
{
    sqlite3_stmt *s = vd_alert_sql(store, VD_SQL_ALERT_OLDEST);
    const int code = sqlite3_step(s);

    *number = 0;
    if (code == SQLITE_ROW &&
        (sqlite3_column_int64(s, 1) < before_ms ||
            (uint64_t)(sqlite3_column_int64(s, 2) - sqlite3_column_int64(s, 0)) >= max)) {
        *number = sqlite3_column_int64(s, 0);
    }
    sqlite3_reset(s);
    return vd_sqlite_error(code);
}

int vd_alert_store_prune(struct vd_alert_store *store, int64_t before_ms, uint64_t max,
    int64_t now_ms, uint64_t *removed)
{
    uint64_t done = 0;
    int64_t number = 1;
    int error = vd_alert_store_begin(store);

    *removed = 0;
    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(vd_alert_sql(store, VD_SQL_SUPPRESSION_PRUNE), 1, now_ms);
    error = vd_alert_sql_run(store, VD_SQL_SUPPRESSION_PRUNE);
    while (error == VD_OK && number != 0 && done < VD_ALERT_BULK_STEP) {
        error = oldest_to_go(store, before_ms, max, &number);
        if (error == VD_OK && number != 0) {
            error = remove_alert(store, number);
            done++;
        }
    }
    error = vd_alert_store_end(store, error);
    *removed = error == VD_OK ? done : 0;
    return error;
}

int vd_alert_store_set_back(struct vd_alert_store *store, int64_t now_ms)
{
    int error = vd_alert_store_begin(store);

    if (error != VD_OK) {
        return error;
    }
    sqlite3_bind_int64(vd_alert_sql(store, VD_SQL_ALERT_SET_BACK), 1, now_ms);
    error = vd_alert_sql_run(store, VD_SQL_ALERT_SET_BACK);
    if (error == VD_OK) {
        error = vd_event_seen_set_back(store, now_ms);
    }
    return vd_alert_store_end(store, error);
}
