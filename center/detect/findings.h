/* SPDX-License-Identifier: MIT */
/* What the rules found in a batch, gathered by alert, so that a repeat costs no write of its own. */

#ifndef VEDETTE_CENTER_DETECT_FINDINGS_H
#define VEDETTE_CENTER_DETECT_FINDINGS_H

#include "center/arena.h"
#include "center/limits.h"
#include "center/store/indicator_marks.h"
#include "lib/uuid.h"

struct vd_rule;
struct vd_alert_store;

/* Letters of what an alert is about, such as an address. */
#define VD_SUBJECT_SIZE 160

/* One thing that a rule found. */
struct vd_finding {
    const struct vd_rule *rule;
    struct vd_str device_id;
    struct vd_str module_id;
    char subject[VD_SUBJECT_SIZE];
    /* What tells alerts apart in place of the subject, which may be masked; not stored. Empty: the subject does. */
    struct vd_str apart;
    /* Subject of the one alert for all that is beyond VD_ALERTS_APART_MAX of rule, device and day; static. NULL: no bound. */
    const char *others;
    int64_t start_ms;
    int64_t end_ms;
    int64_t day_ms;       /* its UTC day is part of the alert's key; 0: that of end_ms */
    struct vd_str cause;  /* what alerts of many devices have in common; empty: the subject */
    int64_t evidence_key; /* tells its evidence from others of the alert; 0: it has no key */
    bool is_update;       /* of evidence with that key that came before: no repeat */
    const char *severity; /* NULL: the rule's; copied, as all text is */
    const char *indicator_value; /* NULL: none */
    const char *indicator_source;
    struct vd_str description; /* of the alert, should this be its first finding */
    struct vd_str evidence;    /* JSON object; empty, with is_update: none */
    struct vd_str assessment;  /* JSON object: what it looks like; empty: nothing is said */
    struct vd_str repeated; /* likewise, once the alert counts `repeated_from`; empty: the same */
    uint32_t repeated_from;
};

struct vd_pending_alert {
    struct vd_uuid id;
    struct vd_finding first;
    const char *description;
    const char *assessment; /* the latest; NULL: none was given */
    const char *repeated;   /* that of the latest; NULL: the same */
    uint32_t repeated_from;
    int64_t start_ms;
    int64_t end_ms;
    uint64_t count; /* without updates */
    /* The first findings, and behind them a ring of the latest. */
    struct vd_pending_evidence {
        const char *body;
        int64_t key;
    } evidence[VD_ALERT_EVIDENCE_FIRST + VD_ALERT_EVIDENCE_LAST];
    /* Updates of evidence from before this batch; the latest of a key. */
    struct vd_pending_evidence *replacements;
    uint32_t replacement_count;
    uint32_t replacement_capacity;
};

/* How many alerts a batch has apart that may be gathered in the one with this id. */
struct vd_apart {
    struct vd_uuid id;
    uint32_t count; /* 0: an empty place */
};

/* All zero is an empty one. */
struct vd_findings {
    struct vd_pending_alert **alerts; /* in the order of their first findings */
    size_t count;
    size_t capacity;
    uint32_t *index; /* open hash table of positions + 1 */
    size_t index_size;
    struct vd_apart *aparts; /* open hash table, at most half full */
    size_t aparts_size;
    size_t aparts_count;
    struct vd_indicator_mark *marks; /* to be written with the alerts */
    size_t mark_count;
    size_t mark_capacity;
    struct vd_arena memory;
};

/* The id of the alert that a finding belongs to. VD_E_NOMEM. */
VD_NODISCARD int vd_finding_alert_id(const struct vd_finding *finding, struct vd_uuid *id);

/* Adds a finding, or with `is_update` replaces the evidence of its key, in this batch or before it. VD_E_NOMEM. */
VD_NODISCARD int vd_findings_add(struct vd_findings *findings, const struct vd_finding *finding);

/* Notes that an indicator was found for it. VD_E_NOMEM. */
VD_NODISCARD int vd_findings_mark(
    struct vd_findings *findings, const struct vd_indicator_mark *mark);

/* How often an alert was raised and repeated. */
struct vd_findings_tally {
    uint64_t raised;
    uint64_t repeated;
};

/* Writes all of it within the store's open transaction. `now_ms`: when the alerts are made. */
VD_NODISCARD int vd_findings_store(const struct vd_findings *findings, struct vd_alert_store *store,
    int64_t now_ms, struct vd_findings_tally *tally);

void vd_findings_clear(struct vd_findings *findings);
void vd_findings_release(struct vd_findings *findings);

#endif
