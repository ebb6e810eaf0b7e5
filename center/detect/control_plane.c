/* SPDX-License-Identifier: MIT */
/* Six alerts about the hub itself, from its activity log. */

#include "center/detect/control_plane.h"

#include <string.h>
#include <strings.h>

#include "center/detect/address_text.h"
#include "lib/clock.h"
#include "lib/event.h"
#include "lib/json_text.h"

#define CERTIFICATE_WRITE  "Microsoft.Devices/IotHubs/certificates/write"
#define CERTIFICATE_DELETE "Microsoft.Devices/IotHubs/certificates/delete"
#define SETTING_WRITE      "Microsoft.Insights/diagnosticSettings/write"
#define SETTING_DELETE     "Microsoft.Insights/diagnosticSettings/delete"

enum outcome {
    DONE,
    REFUSED,
    EITHER,
};

/* What each row looks for, and the verb of its text. */
static const struct act {
    const char *operation;
    enum outcome outcome;
    const char *says;
} acts[VD_CONTROL_PLANE_RULES] = {
    {CERTIFICATE_WRITE, DONE, "added or replaced the CA certificate"},
    {CERTIFICATE_DELETE, DONE, "deleted the CA certificate"},
    {CERTIFICATE_WRITE, REFUSED, "tried to add the CA certificate"},
    {CERTIFICATE_DELETE, REFUSED, "tried to delete the CA certificate"},
    {SETTING_WRITE, EITHER, "asked to add or edit the diagnostic setting"},
    {SETTING_DELETE, EITHER, "asked to delete the diagnostic setting"},
};

static const char *property(const struct vd_activity_seen *activity, const char *name)
{
    const char *text = json_string_value(json_object_get(activity->properties, name));

    return text != NULL ? text : "";
}

/* Deleting what is not there succeeds, and changes nothing. */
static bool changed_nothing(const struct vd_activity_seen *activity)
{
    return strcmp(property(activity, "details"), VD_EVENT_NOTHING_THERE) == 0;
}

static bool fits(const struct act *act, const struct vd_activity_seen *activity)
{
    const bool is_done = vd_str_equal_text(activity->status, "Succeeded");

    if (activity->operation_name.length != strlen(act->operation) ||
        strncasecmp(
            activity->operation_name.data, act->operation, activity->operation_name.length) != 0) {
        return false;
    }
    return act->outcome == EITHER ||
        (act->outcome == DONE ? is_done && !changed_nothing(activity) : !is_done);
}

/* The last part of the resource's id. */
static struct vd_str name_of(struct vd_str resource_id)
{
    struct vd_str name = resource_id;

    for (size_t i = 0; i < resource_id.length; i++) {
        if (resource_id.data[i] == '/') {
            name = (struct vd_str){resource_id.data + i + 1, resource_id.length - i - 1};
        }
    }
    return name;
}

static void write_evidence(struct vd_buf *out, const struct vd_observation *seen,
    const struct vd_detect_settings *settings, const char *address)
{
    const struct vd_activity_seen *activity = seen->activity;
    char id[VD_RECORD_ID_SIZE];
    char time[VD_TIME_TEXT_SIZE];

    vd_time_format(seen->enqueued_ms, time);
    vd_buf_append(out, "{", 1);
    vd_record_id_format(settings->log_epoch, seen->offset, id);
    vd_json_append_text_member(out, "recordId", vd_str_from(id));
    vd_json_append_text_member(out, "time", vd_str_from(time));
    vd_json_append_text_member(out, "operation", activity->operation_name);
    vd_json_append_text_member(out, "caller", activity->caller);
    if (address[0] != '\0') {
        vd_json_append_text_member(out, "callerAddress", vd_str_from(address));
    }
    vd_json_append_text_member(out, "resourceId", activity->resource_id);
    vd_json_append_text_member(out, "outcome", activity->status);
    if (property(activity, "reason")[0] != '\0') {
        vd_json_append_text_member(out, "reason", vd_str_from(property(activity, "reason")));
    }
    if (property(activity, "details")[0] != '\0') {
        vd_json_append_text_member(out, "details", vd_str_from(property(activity, "details")));
    }
    vd_buf_append(out, "}", 1);
}

static void describe(struct vd_buf *out, const struct act *act, const struct vd_observation *seen,
    struct vd_str name, const char *address)
{
    const struct vd_activity_seen *activity = seen->activity;

    vd_buf_printf(out, "%.*s %s %.*s", VD_STR_ARG(activity->caller), act->says, VD_STR_ARG(name));
    if (address[0] != '\0') {
        vd_buf_printf(out, " from %s", address);
    } else {
        vd_buf_append_text(out, " on the hub's own machine");
    }
    if (changed_nothing(activity)) {
        vd_buf_append_text(out, ". There was none of that name.");
    } else if (vd_str_equal_text(activity->status, "Succeeded")) {
        vd_buf_append_text(out, act->outcome == EITHER ? ". It was done." : ".");
    } else {
        vd_buf_printf(out, ". It was refused%s%s.",
            property(activity, "reason")[0] != '\0' ? ": " : "", property(activity, "reason"));
    }
}

static int examine(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    const struct act *act = &acts[rule - vd_rules_control_plane];
    struct vd_finding finding = {
        .rule = rule,
        .start_ms = seen->enqueued_ms,
        .end_ms = seen->enqueued_ms,
        .cause = seen->activity->caller,
        .others = "other names",
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    char address[VD_ADDRESS_TEXT_SIZE];
    struct vd_str name;
    int error;

    if (!fits(act, seen->activity)) {
        return VD_OK;
    }
    name = name_of(seen->activity->resource_id);
    vd_address_show_text(
        seen->activity->caller_address, input->settings->unmasked_addresses, address);
    snprintf(finding.subject, sizeof finding.subject, "%.*s", VD_STR_ARG(name));
    describe(&description, act, seen, name, address);
    write_evidence(&evidence, seen, input->settings, address);
    finding.description = (struct vd_str){(const char *)description.data, description.length};
    finding.evidence = (struct vd_str){(const char *)evidence.data, evidence.length};
    error = description.error != VD_OK ? description.error : evidence.error;
    if (error == VD_OK) {
        error = vd_findings_add(findings, &finding);
    }
    vd_buf_release(&description);
    vd_buf_release(&evidence);
    return error;
}

static const char *const added_steps[] = {
    "Ask whoever did it: a CA certificate lets its owner make devices that the hub lets in.",
    "If nobody meant to, delete the certificate, take the caller's token or account away, and look for devices that came by it.",
    NULL,
};
static const char *const deleted_steps[] = {
    "Ask whoever did it: devices whose certificates lead to this one can no longer connect.",
    "If nobody meant to, add the certificate again and take the caller's token or account away.",
    NULL,
};
static const char *const not_added_steps[] = {
    "See why it was refused, and ask whoever tried: a mistake, or somebody looking for a way in.",
    "If nobody meant to, take the caller's token or account away.",
    NULL,
};
static const char *const not_deleted_steps[] = {
    "See why it was refused, and ask whoever tried: a mistake, or an attempt to cut devices off.",
    "If nobody meant to, take the caller's token or account away.",
    NULL,
};
static const char *const setting_steps[] = {
    "Compare the setting with what it should be: which categories go where decides what can be investigated later.",
    "If nobody meant to change it, set it back and take the caller's token or account away.",
    NULL,
};
static const char *const setting_gone_steps[] = {
    "See whether what the setting exported is still exported by another one: without it the records end up in the hub alone.",
    "If nobody meant to delete it, make it again and take the caller's token or account away.",
    NULL,
};

/* Account Manipulation; Subvert Trust Controls: Install Root Certificate. */
static const char *const added_techniques[] = {"T1098", "T1553.004", NULL};
/* Account Access Removal; ICS: Loss of Control has no technique of its own for it: Denial of Service. */
static const char *const deleted_techniques[] = {"T1531", "T0814", NULL};
/* Impair Defenses: Disable or Modify Cloud Logs. */
static const char *const setting_techniques[] = {"T1562.008", NULL};

#define CONTROL_RULE(type, name, level, steps, ids)                                              \
    {                                                                                            \
        .alert_type = type, .display_name = name, .severity = level, .remediation_steps = steps, \
        .techniques = ids, .observes = VD_OBSERVED_ACTIVITY, .examine = examine,                 \
    }

const struct vd_rule vd_rules_control_plane[VD_CONTROL_PLANE_RULES] = {
    CONTROL_RULE("IoT_CertificateSuccessfullyAddedToHub",
        "Detected addition of new certificate to an IoT Hub", "Medium", added_steps,
        added_techniques),
    CONTROL_RULE("IoT_CertificateSuccessfullyDeletedFromHub",
        "Detected deletion of a certificate from an IoT Hub", "Medium", deleted_steps,
        deleted_techniques),
    CONTROL_RULE("Hub_CertificateFailedToBeAddedToHub",
        "Detected unsuccessful attempt to add a certificate to an IoT Hub", "Medium",
        not_added_steps, added_techniques),
    CONTROL_RULE("IoT.Hub_CertificateFailedToBeDeletedFromHub",
        "Detected unsuccessful attempt to delete a certificate from an IoT Hub", "Medium",
        not_deleted_steps, deleted_techniques),
    CONTROL_RULE("IoT_DiagnosticSettingAddedOrEditedOnHub",
        "Detected an attempt to add or edit a diagnostic setting of an IoT Hub", "Low",
        setting_steps, setting_techniques),
    CONTROL_RULE("IoT_DiagnosticSettingDeletedFromHub",
        "Detected attempt to delete a diagnostic setting from an IoT Hub", "Low",
        setting_gone_steps, setting_techniques),
};
