/* SPDX-License-Identifier: MIT */
/* A hash table of the alerts of a batch, each with its count and bounded evidence. */

#include "center/detect/findings.h"

#include "center/detect/attack.h"
#include "center/detect/rule.h"
#include "center/store/alert_store_internal.h"
#include "lib/clock.h"

#define INDEX_MIN 64

#define OTHERS_DESCRIPTION                                                                                       \
    "There are more alerts of this kind about the device, or the hub, on this day than are kept apart. What is " \
    "found beyond them is counted here, whatever it is about: its evidence says it."

int vd_finding_alert_id(const struct vd_finding *finding, struct vd_uuid *id)
{
    struct vd_buf key = {0};
    int error;

    /* None of the parts holds a NUL, so the key is unambiguous. */
    vd_buf_append(&key, finding->rule->alert_type, strlen(finding->rule->alert_type) + 1);
    vd_buf_append(&key, finding->device_id.data, finding->device_id.length);
    vd_buf_append(&key, "", 1);
    vd_buf_append(&key, finding->module_id.data, finding->module_id.length);
    vd_buf_append(&key, "", 1);
    if (finding->apart.length > 0) {
        vd_buf_append(&key, finding->apart.data, finding->apart.length);
    } else {
        vd_buf_append(&key, finding->subject, strlen(finding->subject));
    }
    vd_buf_append(&key, "", 1);
    vd_buf_printf(
        &key, "%d", (int)vd_time_day(finding->day_ms != 0 ? finding->day_ms : finding->end_ms));
    error = key.error != VD_OK ? key.error : vd_uuid_derived(key.data, key.length, id);
    vd_buf_release(&key);
    return error;
}

static size_t index_slot(const struct vd_findings *f, const struct vd_uuid *id)
{
    size_t slot = 0;

    /* The id is a digest already. */
    memcpy(&slot, id->bytes + 8, sizeof slot);
    for (slot &= f->index_size - 1; f->index[slot] != 0; slot = (slot + 1) & (f->index_size - 1)) {
        if (memcmp(&f->alerts[f->index[slot] - 1]->id, id, sizeof *id) == 0) {
            break;
        }
    }
    return slot;
}

/* Room for one more alert, in the list and in the index (at most half full). */
static int findings_grow(struct vd_findings *f)
{
    size_t capacity = f->capacity != 0 ? f->capacity * 2 : INDEX_MIN / 2;
    struct vd_pending_alert **alerts;
    uint32_t *index;

    if (f->count < f->capacity) {
        return VD_OK;
    }
    alerts = realloc(f->alerts, capacity * sizeof(struct vd_pending_alert *));
    if (alerts == NULL) {
        return VD_E_NOMEM;
    }
    f->alerts = alerts;
    index = calloc(capacity * 2, sizeof *index);
    if (index == NULL) {
        return VD_E_NOMEM;
    }
    free(f->index);
    f->index = index;
    f->index_size = capacity * 2;
    f->capacity = capacity;
    for (size_t i = 0; i < f->count; i++) {
        f->index[index_slot(f, &f->alerts[i]->id)] = (uint32_t)i + 1;
    }
    return VD_OK;
}

static const char *keep_text(struct vd_findings *f, struct vd_str text)
{
    char *copy = vd_arena_alloc(&f->memory, text.length + 1);

    if (copy != NULL) {
        if (text.length > 0) {
            memcpy(copy, text.data, text.length);
        }
        copy[text.length] = '\0';
    }
    return copy;
}

/* A copy of the finding with its own texts; NULL without memory. */
static struct vd_pending_alert *pending_new(
    struct vd_findings *f, const struct vd_finding *finding, const struct vd_uuid *id)
{
    struct vd_pending_alert *alert = vd_arena_alloc(&f->memory, sizeof *alert);

    if (alert == NULL) {
        return NULL;
    }
    memset(alert, 0, sizeof *alert);
    alert->id = *id;
    alert->first = *finding;
    alert->start_ms = finding->start_ms;
    alert->end_ms = finding->end_ms;
    alert->first.apart = (struct vd_str){"", 0};
    alert->first.device_id.data = keep_text(f, finding->device_id);
    alert->first.module_id.data = keep_text(f, finding->module_id);
    alert->first.cause.data = keep_text(f, finding->cause);
    alert->description = keep_text(f, finding->description);
    if (finding->severity != NULL) {
        alert->first.severity = keep_text(f, vd_str_from(finding->severity));
    }
    if (finding->indicator_value != NULL) {
        alert->first.indicator_value = keep_text(f, vd_str_from(finding->indicator_value));
        alert->first.indicator_source = keep_text(f, vd_str_from(finding->indicator_source));
    }
    if (alert->first.device_id.data == NULL || alert->first.module_id.data == NULL ||
        alert->first.cause.data == NULL || alert->description == NULL ||
        (finding->severity != NULL && alert->first.severity == NULL) ||
        (finding->indicator_value != NULL &&
            (alert->first.indicator_value == NULL || alert->first.indicator_source == NULL))) {
        return NULL;
    }
    return alert;
}

/* Where finding `i` of an alert is kept, once `i` is among those that are. */
static size_t evidence_slot(uint64_t i)
{
    if (i < VD_ALERT_EVIDENCE_FIRST) {
        return (size_t)i;
    }
    return VD_ALERT_EVIDENCE_FIRST +
        (size_t)((i - VD_ALERT_EVIDENCE_FIRST) % VD_ALERT_EVIDENCE_LAST);
}

/* Among the evidence of this batch; NULL: it came before, or was given up. */
static struct vd_pending_evidence *evidence_of_key(struct vd_pending_alert *alert, int64_t key)
{
    const uint64_t kept = VD_ALERT_EVIDENCE_FIRST + VD_ALERT_EVIDENCE_LAST;

    for (uint64_t i = 0; i < alert->count && i < kept; i++) {
        if (alert->evidence[i].key == key) {
            return &alert->evidence[i];
        }
    }
    for (uint32_t i = 0; i < alert->replacement_count; i++) {
        if (alert->replacements[i].key == key) {
            return &alert->replacements[i];
        }
    }
    return NULL;
}

static int replace(
    struct vd_findings *f, struct vd_pending_alert *alert, int64_t key, const char *body)
{
    struct vd_pending_evidence *evidence = evidence_of_key(alert, key);
    const uint32_t capacity = alert->replacement_capacity > 0 ? alert->replacement_capacity * 2 : 4;
    struct vd_pending_evidence *larger;

    if (evidence != NULL) {
        evidence->body = body;
        return VD_OK;
    }
    if (alert->replacement_count == alert->replacement_capacity) {
        larger = vd_arena_alloc(&f->memory, capacity * sizeof *larger);
        if (larger == NULL) {
            return VD_E_NOMEM;
        }
        if (alert->replacement_count > 0) {
            memcpy(larger, alert->replacements, alert->replacement_count * sizeof *larger);
        }
        alert->replacements = larger;
        alert->replacement_capacity = capacity;
    }
    alert->replacements[alert->replacement_count++] = (struct vd_pending_evidence){body, key};
    return VD_OK;
}

/* ---- The bound of alerts apart ---- */

static struct vd_apart *apart_place(struct vd_apart *aparts, size_t size, const struct vd_uuid *id)
{
    size_t place = 0;

    memcpy(&place, id->bytes + 8, sizeof place);
    for (place &= size - 1; aparts[place].count != 0; place = (place + 1) & (size - 1)) {
        if (memcmp(&aparts[place].id, id, sizeof *id) == 0) {
            break;
        }
    }
    return &aparts[place];
}

static int aparts_grow(struct vd_findings *f)
{
    const size_t size = f->aparts_size > 0 ? f->aparts_size * 2 : INDEX_MIN;
    struct vd_apart *larger;

    if (f->aparts_count * 2 < f->aparts_size) {
        return VD_OK;
    }
    larger = calloc(size, sizeof *larger);
    if (larger == NULL) {
        return VD_E_NOMEM;
    }
    for (size_t i = 0; i < f->aparts_size; i++) {
        if (f->aparts[i].count != 0) {
            *apart_place(larger, size, &f->aparts[i].id) = f->aparts[i];
        }
    }
    free(f->aparts);
    f->aparts = larger;
    f->aparts_size = size;
    return VD_OK;
}

static int others_id(
    const struct vd_finding *finding, struct vd_finding *others, struct vd_uuid *id)
{
    *others = *finding;
    snprintf(others->subject, sizeof others->subject, "%s", finding->others);
    others->apart = (struct vd_str){"", 0};
    others->description = VD_STR_LITERAL(OTHERS_DESCRIPTION);
    return vd_finding_alert_id(others, id);
}

/* Counts one more alert apart; where there are enough of them, *finding and *id become those of all others. */
static int bound(struct vd_findings *f, struct vd_finding *finding, struct vd_uuid *id)
{
    struct vd_finding others;
    struct vd_uuid gathered;
    struct vd_apart *apart;
    int error = others_id(finding, &others, &gathered);

    if (error != VD_OK || (error = aparts_grow(f)) != VD_OK) {
        return error;
    }
    apart = apart_place(f->aparts, f->aparts_size, &gathered);
    if (apart->count == VD_ALERTS_APART_MAX) {
        *finding = others;
        *id = gathered;
        return VD_OK;
    }
    f->aparts_count += apart->count == 0 ? 1 : 0;
    apart->id = gathered;
    apart->count++;
    return VD_OK;
}

/* The alert that the finding belongs to, made if it is new. VD_E_NOMEM. */
static int pending_of(
    struct vd_findings *f, const struct vd_finding *finding, struct vd_pending_alert **alert)
{
    struct vd_finding as = *finding;
    struct vd_uuid id;
    size_t slot;
    int error = vd_finding_alert_id(finding, &id);

    if (error != VD_OK || (error = findings_grow(f)) != VD_OK) {
        return error;
    }
    slot = index_slot(f, &id);
    if (f->index[slot] == 0 && finding->others != NULL) {
        error = bound(f, &as, &id);
        if (error != VD_OK) {
            return error;
        }
        slot = index_slot(f, &id);
    }
    if (f->index[slot] == 0) {
        *alert = pending_new(f, &as, &id);
        if (*alert == NULL) {
            return VD_E_NOMEM;
        }
        f->alerts[f->count++] = *alert;
        f->index[slot] = (uint32_t)f->count;
    }
    *alert = f->alerts[f->index[slot] - 1];
    return VD_OK;
}

int vd_findings_add(struct vd_findings *f, const struct vd_finding *finding)
{
    struct vd_pending_alert *alert = NULL;
    const char *evidence = keep_text(f, finding->evidence);
    int error = evidence != NULL ? pending_of(f, finding, &alert) : VD_E_NOMEM;

    if (error != VD_OK) {
        return error;
    }
    if (finding->assessment.length > 0) {
        alert->assessment = keep_text(f, finding->assessment);
        alert->repeated = finding->repeated.length > 0 ? keep_text(f, finding->repeated) : NULL;
        alert->repeated_from = finding->repeated_from;
        if (alert->assessment == NULL ||
            (finding->repeated.length > 0 && alert->repeated == NULL)) {
            return VD_E_NOMEM;
        }
    }
    if (finding->is_update && finding->evidence.length > 0) {
        error = replace(f, alert, finding->evidence_key, evidence);
        if (error != VD_OK) {
            return error;
        }
    } else if (!finding->is_update) {
        alert->evidence[evidence_slot(alert->count++)] =
            (struct vd_pending_evidence){evidence, finding->evidence_key};
    }
    if (finding->start_ms < alert->start_ms) {
        alert->start_ms = finding->start_ms;
    }
    if (finding->end_ms > alert->end_ms) {
        alert->end_ms = finding->end_ms;
    }
    return VD_OK;
}

int vd_findings_mark(struct vd_findings *f, const struct vd_indicator_mark *mark)
{
    const size_t capacity = f->mark_capacity != 0 ? f->mark_capacity * 2 : INDEX_MIN;
    struct vd_indicator_mark *marks;

    if (f->mark_count == f->mark_capacity) {
        marks = realloc(f->marks, capacity * sizeof *marks);
        if (marks == NULL) {
            return VD_E_NOMEM;
        }
        f->marks = marks;
        f->mark_capacity = capacity;
    }
    f->marks[f->mark_count++] = *mark;
    return VD_OK;
}

static const char *update_evidence(const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    const struct vd_pending_alert *alert = update->evidence_context;
    const struct vd_pending_evidence *evidence = &alert->evidence[evidence_slot(i)];

    *key = evidence->key;
    return evidence->body;
}

static const char *update_replacement(
    const struct vd_alert_update *update, uint64_t i, int64_t *key)
{
    const struct vd_pending_alert *alert = update->evidence_context;

    *key = alert->replacements[i].key;
    return alert->replacements[i].body;
}

/* A NULL-terminated list as JSON text; the caller's, NULL without memory. */
static char *list_json(const char *const *list)
{
    json_t *array = json_array();
    char *text;

    for (; *list != NULL; list++) {
        json_array_append_new(array, json_string(*list));
    }
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return text;
}

/* The rule's techniques as JSON text; the caller's, NULL without memory. */
static char *techniques_json(const struct vd_rule *rule)
{
    json_t *array = json_array();
    char *text;

    for (const char *const *id = rule->techniques; *id != NULL; id++) {
        const struct vd_attack_technique *technique = vd_attack_technique(*id);

        json_array_append_new(array,
            json_pack("{s:s, s:s*, s:s, s:s}", "id", *id, "name",
                technique != NULL ? technique->name : NULL, "matrix", vd_attack_matrix(*id),
                "version", VD_ATTACK_VERSION));
    }
    text = json_dumps(array, JSON_COMPACT);
    json_decref(array);
    return text;
}

static int store_alert(const struct vd_pending_alert *alert, struct vd_alert_store *store,
    int64_t now_ms, bool *raised)
{
    const struct vd_rule *rule = alert->first.rule;
    char *remediation = list_json(rule->remediation_steps);
    char *techniques = techniques_json(rule);
    struct vd_alert_update update = {
        .id = alert->id,
        .type = rule->alert_type,
        .display_name = rule->display_name,
        .severity = alert->first.severity != NULL ? alert->first.severity : rule->severity,
        .device_id = alert->first.device_id,
        .module_id = alert->first.module_id,
        .subject = alert->first.subject,
        .others = alert->first.others,
        .others_description = OTHERS_DESCRIPTION,
        .cause =
            alert->first.cause.length > 0 ? alert->first.cause : vd_str_from(alert->first.subject),
        .day = vd_time_day(alert->first.day_ms != 0 ? alert->first.day_ms : alert->first.end_ms),
        .start_ms = alert->start_ms,
        .end_ms = alert->end_ms,
        .generated_ms = now_ms,
        .description = alert->description,
        .remediation_json = remediation,
        .techniques_json = techniques,
        .indicator_value = alert->first.indicator_value,
        .indicator_source = alert->first.indicator_source,
        .assessment = alert->assessment,
        .repeated = alert->repeated,
        .repeated_from = alert->repeated_from,
        .count = alert->count,
        .evidence = update_evidence,
        .replacement_count = alert->replacement_count,
        .replacement = update_replacement,
        .evidence_context = alert,
    };
    struct vd_finding others;
    int error = remediation != NULL && techniques != NULL ? VD_OK : VD_E_NOMEM;

    if (error == VD_OK && alert->first.others != NULL) {
        error = others_id(&alert->first, &others, &update.others_id);
    }
    if (error == VD_OK) {
        error = vd_alert_store_apply(store, &update, raised);
    }
    free(remediation);
    free(techniques);
    return error;
}

int vd_findings_store(const struct vd_findings *findings, struct vd_alert_store *store,
    int64_t now_ms, struct vd_findings_tally *tally)
{
    *tally = (struct vd_findings_tally){0};
    for (size_t i = 0; i < findings->count; i++) {
        const struct vd_pending_alert *alert = findings->alerts[i];
        bool raised = false;
        int error = store_alert(alert, store, now_ms, &raised);

        if (error != VD_OK) {
            return error;
        }
        tally->raised += raised ? 1 : 0;
        tally->repeated += alert->count - (raised ? 1 : 0);
    }
    for (size_t i = 0; i < findings->mark_count; i++) {
        int error = vd_indicator_mark_add(store, &findings->marks[i]);

        if (error != VD_OK) {
            return error;
        }
    }
    return VD_OK;
}

void vd_findings_clear(struct vd_findings *findings)
{
    findings->count = 0;
    findings->mark_count = 0;
    if (findings->index != NULL) {
        memset(findings->index, 0, findings->index_size * sizeof *findings->index);
    }
    if (findings->aparts != NULL) {
        memset(findings->aparts, 0, findings->aparts_size * sizeof *findings->aparts);
    }
    findings->aparts_count = 0;
    vd_arena_reset(&findings->memory);
}

void vd_findings_release(struct vd_findings *findings)
{
    free(findings->alerts);
    free(findings->index);
    free(findings->aparts);
    free(findings->marks);
    vd_arena_release(&findings->memory);
    *findings = (struct vd_findings){0};
}
