/* SPDX-License-Identifier: MIT */
/* What people and programs do with alerts: take up, dismiss, resolve, reopen, note; and how old ones go. */

#ifndef VEDETTE_CENTER_STORE_ALERT_ACT_H
#define VEDETTE_CENTER_STORE_ALERT_ACT_H

#include "center/store/alert_state.h"
#include "center/store/alert_store.h"

/* Who reopens and suppresses by himself, in histories. */
#define VD_ALERT_ACTOR_CENTER "vedette"

#define VD_ALERT_SUPPRESS_NONE (-1)

struct vd_alert_act {
    enum vd_alert_event event;   /* VD_ALERT_START to VD_ALERT_NOTE */
    const char *actor;           /* "local:root", the name of a token */
    enum vd_alert_reason reason; /* of VD_ALERT_DISMISS */
    const char *text;            /* up to 4,096 bytes of UTF-8; NULL: none; a note has one */
    /* Of VD_ALERT_DISMISS: alerts of the same type, device, module and subject that are raised before this time of UTC are
     * dismissed too. 0: for ever; VD_ALERT_SUPPRESS_NONE: none are. */
    int64_t until_ms;
    int64_t if_change; /* only if the alert has this change number; 0: whatever it has */
    int64_t now_ms;
};

/*
 * Does it to one alert, by its id or a prefix as vd_alert_store_get. One that leaves the state Dismissed suppresses no more.
 * *alert: as it is then, with its history; the caller's.
 * Any thread; waits for the center's batch. VD_E_NOT_FOUND, VD_E_INVALID (ambiguous prefix), VD_E_CHANGED, VD_E_EXISTS (it is
 * not for an alert in this state), VD_E_LIMIT (the text, or an end that is over).
 */
VD_NODISCARD int vd_alert_act(
    struct vd_alert_store *store, const char *id, const struct vd_alert_act *act, json_t **alert);

/* Does it to all alerts of the filter that are in a state for it, 500 a transaction; the filter's limit and pages do not
 * count. *changed: how many, also after a failure. As above. */
VD_NODISCARD int vd_alert_act_all(struct vd_alert_store *store,
    const struct vd_alert_filter *filter, const struct vd_alert_act *act, uint64_t *changed);

/*
 * Removes alerts that were raised before `before_ms`, and the oldest beyond `max`, with evidence and history, and dismissals
 * that are over at `now_ms`. At most 500 alerts a call. *removed: how many. Any thread.
 */
VD_NODISCARD int vd_alert_store_prune(struct vd_alert_store *store, int64_t before_ms, uint64_t max,
    int64_t now_ms, uint64_t *removed);

/*
 * The clock was set back to now_ms: alerts that were raised later are taken as raised now, or those that follow, which are
 * never before them, would bear a time to come for as long; events seen are forgotten day by day again. Any thread.
 */
VD_NODISCARD int vd_alert_store_set_back(struct vd_alert_store *store, int64_t now_ms);

#endif
