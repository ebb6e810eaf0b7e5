/* SPDX-License-Identifier: MIT */
/* Between the files of alerts: what a filter is in SQL, and how a state is set. */

#ifndef VEDETTE_CENTER_STORE_ALERT_INTERNAL_H
#define VEDETTE_CENTER_STORE_ALERT_INTERNAL_H

#include "center/store/alert_act.h"
#include "center/store/alert_store_internal.h"

/* The number of the next change of an alert, within the open transaction. */
VD_NODISCARD int vd_alert_next_change(struct vd_alert_store *store, int64_t *change);

/* The alert as vd_alert_store_list gives it, within the open transaction; the caller's. VD_E_NOT_FOUND. */
VD_NODISCARD int vd_alert_snapshot(struct vd_alert_store *store, int64_t number, json_t **alert);

/* An entry of an alert's history. What it points to is read while it is added only. */
struct vd_alert_entry {
    int64_t number; /* of the alert */
    int64_t time_ms;
    const char *actor;
    enum vd_alert_event event;
    enum vd_alert_state from;
    enum vd_alert_state to;
    const char *reason; /* NULL: none */
    const char *text;   /* NULL: none */
    int64_t until_ms;   /* of a dismissal; 0: it has no end */
};

/* Sets the entry's state, and writes the entry. suppressed_by: id of the alert that dismisses this one; NULL: none does. */
VD_NODISCARD int vd_alert_set_state(struct vd_alert_store *store,
    const struct vd_alert_entry *entry, const char *suppressed_by, int64_t change);

/* The highest severity of a group as a number, in SQL, and its text. */
#define VD_ALERT_SEVERITY_RANK                                                          \
    "max(CASE severity WHEN 'High' THEN 3 WHEN 'Medium' THEN 2 WHEN 'Low' THEN 1 ELSE " \
    "0 END)"
const char *vd_alert_severity_of_rank(int rank);
#define VD_ALERT_RANKS 4

/* Lower-case hexadecimal digits and hyphens as ids are written, 4 of them at least. */
bool vd_alert_is_id_prefix(const char *text);

/* Appends " WHERE ..." for the filter, but for its limit, right behind "FROM alerts"; `db` tells how large its group is. */
VD_NODISCARD int vd_alert_where(
    sqlite3 *db, const struct vd_alert_filter *filter, struct vd_buf *sql);
/* Binds what that text names; the filter must outlive the statement's run. */
void vd_alert_bind_filter(const struct vd_alert_filter *filter, sqlite3_stmt *statement);

#endif
