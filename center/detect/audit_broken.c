/* SPDX-License-Identifier: MIT */
/* Raises the alert that the audit trail does not verify. */

#include "center/detect/audit_broken.h"

#include "center/store/alert_store_internal.h"
#include "lib/json_text.h"

static const char *const steps[] = {
    "Find out who could write the service's data directory, or restored an older copy of it, since the trail last verified.",
    "Run `vedette audit verify`: it names the first record that is wrong. Compare with an export that is kept elsewhere.",
    "Make keys, policies and tokens anew if the change cannot be explained.",
    NULL,
};

/* Indicator Removal; ICS: Indicator Removal on Host. */
static const char *const techniques[] = {"T1070", "T0872", NULL};

const struct vd_rule vd_rule_audit_broken = {
    .alert_type = "Vedette_AuditTrailBroken",
    .display_name = "Audit trail does not verify",
    .severity = "High",
    .remediation_steps = steps,
    .techniques = techniques,
};

static int add(struct vd_findings *findings, const char *problem, int64_t now_ms)
{
    struct vd_finding finding = {
        .rule = &vd_rule_audit_broken,
        .subject = "audit.db",
        .start_ms = now_ms,
        .end_ms = now_ms,
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    int error;

    vd_buf_printf(&description,
        "The audit trail is not as the service wrote it: %s. Somebody may have changed it to hide "
        "what was done.",
        problem);
    vd_buf_append(&evidence, "{", 1);
    vd_json_append_text_member(&evidence, "problem", vd_str_from(problem));
    vd_buf_append(&evidence, "}", 1);
    finding.description = (struct vd_str){(const char *)description.data, description.length};
    finding.evidence = (struct vd_str){(const char *)evidence.data, evidence.length};
    error = description.error != VD_OK ? description.error : evidence.error;
    error = error == VD_OK ? vd_findings_add(findings, &finding) : error;
    vd_buf_release(&description);
    vd_buf_release(&evidence);
    return error;
}

int vd_audit_broken_raise(struct vd_alert_store *store, const char *problem, int64_t now_ms)
{
    struct vd_findings findings = {0};
    struct vd_findings_tally tally = {0};
    int error = add(&findings, problem, now_ms);

    if (error == VD_OK) {
        error = vd_alert_store_begin(store);
    }
    if (error == VD_OK) {
        error = vd_findings_store(&findings, store, now_ms, &tally);
        error = vd_alert_store_end(store, error);
    }
    vd_findings_release(&findings);
    return error;
}
