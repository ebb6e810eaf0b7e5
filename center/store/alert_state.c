/* SPDX-License-Identifier: MIT */
/* The table of an alert's states. */

#include "center/store/alert_state.h"

#include <strings.h>

#define TEXT(name, text) text,
static const char *const state_texts[] = {VD_ALERT_STATES(TEXT)};
static const char *const event_texts[] = {VD_ALERT_EVENTS(TEXT)};
static const char *const reason_texts[] = {VD_ALERT_REASONS(TEXT)};
#undef TEXT

#define NONE VD_ALERT_STATE_COUNT

/* By state and event. */
static const enum vd_alert_state transitions[VD_ALERT_STATE_COUNT][VD_ALERT_EVENT_COUNT] = {
    [VD_ALERT_NEW] =
        {
            [VD_ALERT_START] = VD_ALERT_IN_PROGRESS,
            [VD_ALERT_DISMISS] = VD_ALERT_DISMISSED,
            [VD_ALERT_RESOLVE] = VD_ALERT_RESOLVED,
            [VD_ALERT_REOPEN] = NONE,
            [VD_ALERT_NOTE] = VD_ALERT_NEW,
            [VD_ALERT_REPEATED] = VD_ALERT_NEW,
            [VD_ALERT_SUPPRESSED] = VD_ALERT_NEW,
        },
    [VD_ALERT_IN_PROGRESS] =
        {
            [VD_ALERT_START] = NONE,
            [VD_ALERT_DISMISS] = VD_ALERT_DISMISSED,
            [VD_ALERT_RESOLVE] = VD_ALERT_RESOLVED,
            [VD_ALERT_REOPEN] = VD_ALERT_NEW,
            [VD_ALERT_NOTE] = VD_ALERT_IN_PROGRESS,
            [VD_ALERT_REPEATED] = VD_ALERT_IN_PROGRESS,
            [VD_ALERT_SUPPRESSED] = VD_ALERT_IN_PROGRESS,
        },
    [VD_ALERT_DISMISSED] =
        {
            [VD_ALERT_START] = VD_ALERT_IN_PROGRESS,
            [VD_ALERT_DISMISS] = VD_ALERT_DISMISSED, /* for another reason, or another time */
            [VD_ALERT_RESOLVE] = VD_ALERT_RESOLVED,
            [VD_ALERT_REOPEN] = VD_ALERT_NEW,
            [VD_ALERT_NOTE] = VD_ALERT_DISMISSED,
            [VD_ALERT_REPEATED] = VD_ALERT_NEW, /* the dismissal is over */
            [VD_ALERT_SUPPRESSED] = VD_ALERT_DISMISSED,
        },
    [VD_ALERT_RESOLVED] =
        {
            [VD_ALERT_START] = VD_ALERT_IN_PROGRESS,
            [VD_ALERT_DISMISS] = VD_ALERT_DISMISSED,
            [VD_ALERT_RESOLVE] = NONE,
            [VD_ALERT_REOPEN] = VD_ALERT_NEW,
            [VD_ALERT_NOTE] = VD_ALERT_RESOLVED,
            [VD_ALERT_REPEATED] = VD_ALERT_NEW,
            [VD_ALERT_SUPPRESSED] = VD_ALERT_DISMISSED,
        },
};

bool vd_alert_state_next(
    enum vd_alert_state state, enum vd_alert_event event, enum vd_alert_state *next)
{
    if (transitions[state][event] == NONE) {
        return false;
    }
    *next = transitions[state][event];
    return true;
}

static int parse(const char *const *texts, int count, const char *text)
{
    for (int i = 0; i < count; i++) {
        if (strcasecmp(texts[i], text) == 0) {
            return i;
        }
    }
    return -1;
}

const char *vd_alert_state_text(int state)
{
    return state >= 0 && state < VD_ALERT_STATE_COUNT ? state_texts[state] : NULL;
}

const char *vd_alert_event_text(int event)
{
    return event >= 0 && event < VD_ALERT_EVENT_COUNT ? event_texts[event] : NULL;
}

const char *vd_alert_reason_text(int reason)
{
    return reason >= 0 && reason < VD_ALERT_REASON_COUNT ? reason_texts[reason] : NULL;
}

int vd_alert_state_parse(const char *text)
{
    return parse(state_texts, VD_ALERT_STATE_COUNT, text);
}

int vd_alert_event_parse(const char *text)
{
    return parse(event_texts, VD_ALERT_EVENT_COUNT, text);
}

int vd_alert_reason_parse(const char *text)
{
    return parse(reason_texts, VD_ALERT_REASON_COUNT, text);
}
