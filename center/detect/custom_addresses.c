/* SPDX-License-Identifier: MIT */
/* Custom alerts about single reports: addresses outside of an allow list or in a deny list, and flows in one report. */

#include <inttypes.h>

#include "center/detect/custom_rules.h"
#include "center/detect/flow_evidence.h"
#include "lib/clock.h"
#include "lib/json_text.h"

static const char *const address_steps[] = {
    "Find out which program on the device talks to this address, and whether it has a reason to.",
    "If it has one, add the address to the list of the device's group; a backtest shows what else the list would let pass.",
    "If it has none, block the address at the network's edge, and examine the device.",
    NULL,
};

static const char *const threshold_steps[] = {
    "Look at the flows of the report: which of them are new for this device?",
    "If the number is right, change the group's rule; a backtest shows what other limits would have done.",
    NULL,
};

/* Application Layer Protocol; ICS: Connection Proxy's neighbours are left out: nothing here tells a proxy. */
static const char *const address_techniques[] = {"T1071", "T0885", NULL};
static const char *const threshold_techniques[] = {"T1046", "T0846", NULL};

/* Who opened it, where the report says so, else whether the device sent anything. */
static bool is_outbound(const struct vd_flow *flow)
{
    return flow->opened_by == 1 || (flow->opened_by != 2 && flow->bytes_out > 0);
}

static int report_flow(const struct vd_rule *rule, const struct vd_detect_input *input,
    const struct vd_flow *flow, const char *says, struct vd_findings *findings)
{
    struct vd_flow_finding flow_finding = {.rule = rule, .seen = input->seen, .flow = flow};
    struct vd_buf description = {0};
    int error;

    vd_flow_finding_begin(&flow_finding);
    vd_flow_describe(&flow_finding, &description);
    vd_buf_printf(&description, " %s group %s.", says, input->device->group);
    flow_finding.finding.cause = vd_str_from(input->device->group);
    vd_json_append_text_member(&flow_finding.evidence, "group", vd_str_from(input->device->group));
    error = vd_flow_finding_add(&flow_finding, &description, findings);
    vd_buf_release(&description);
    return error;
}

static int examine_allowed(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    const struct vd_group_rules *rules = input->device != NULL ? input->device->rules : NULL;
    int error = VD_OK;

    if (rules == NULL || !rules->allowed.is_enabled ||
        seen->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY) {
        return VD_OK;
    }
    for (uint32_t i = 0; i < seen->event->count && error == VD_OK; i++) {
        const struct vd_flow *flow =
            vd_security_message_flow(seen->message, seen->event->first + i);

        if (is_outbound(flow) && !vd_rule_addresses_hold(&rules->allowed, &flow->remote)) {
            error = report_flow(rule, input, flow,
                "The address is not in the list of what is allowed for", findings);
        }
    }
    return error;
}

static int examine_denied(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    const struct vd_group_rules *rules = input->device != NULL ? input->device->rules : NULL;
    int error = VD_OK;

    if (rules == NULL || !rules->denied.is_enabled ||
        seen->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY) {
        return VD_OK;
    }
    for (uint32_t i = 0; i < seen->event->count && error == VD_OK; i++) {
        const struct vd_flow *flow =
            vd_security_message_flow(seen->message, seen->event->first + i);

        if (vd_rule_addresses_hold(&rules->denied, &flow->remote)) {
            error = report_flow(
                rule, input, flow, "The address is in the list of what is denied for", findings);
        }
    }
    return error;
}

static void write_threshold(
    struct vd_buf *out, const struct vd_detect_input *input, const struct vd_window_rule *rule)
{
    char id[VD_UUID_TEXT_SIZE];
    char time[VD_TIME_TEXT_SIZE];

    vd_uuid_format(&input->seen->event->id, id);
    vd_time_format(input->seen->time.end_ms, time);
    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "rawEventId", vd_str_from(id));
    vd_json_append_text_member(out, "time", vd_str_from(time));
    vd_json_append_text_member(out, "group", vd_str_from(input->device->group));
    vd_json_append_number_member(out, "count", input->seen->event->count);
    vd_json_append_number_member(out, "minimum", rule->min);
    vd_json_append_number_member(out, "maximum", rule->max);
    vd_buf_append(out, "}", 1);
}

static int report_threshold(const struct vd_rule *rule, const struct vd_detect_input *input,
    const struct vd_window_rule *limits, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    struct vd_finding finding = {
        .rule = rule,
        .device_id = seen->device_id,
        .start_ms = seen->time.start_ms,
        .end_ms = seen->time.end_ms,
        .cause = vd_str_from(input->device->group),
    };
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    int error;

    snprintf(finding.subject, sizeof finding.subject, "%s", input->device->group);
    vd_buf_printf(&description,
        "Device %s reported %" PRIu32 " flows at once. The rule of its group %s allows %" PRIu32
        " to %" PRIu32 ".",
        input->device->device_id, seen->event->count, input->device->group, limits->min,
        limits->max);
    write_threshold(&evidence, input, limits);
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

static int examine_threshold(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    const struct vd_observation *seen = input->seen;
    const struct vd_window_rule *limits;

    if (input->device == NULL || input->device->rules == NULL ||
        seen->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY) {
        return VD_OK;
    }
    limits = &input->device->rules->connections_in_report;
    if (!limits->is_enabled ||
        (seen->event->count >= limits->min && seen->event->count <= limits->max)) {
        return VD_OK;
    }
    return report_threshold(rule, input, limits, findings);
}

const struct vd_rule vd_rule_custom_allowed = {
    .alert_type = VD_CUSTOM_ALERT_PREFIX "ConnectionToIpNotAllowed",
    .display_name = "Outbound connection to an ip that isn't allowed",
    .severity = "Low",
    .remediation_steps = address_steps,
    .techniques = address_techniques,
    .observes = VD_OBSERVED_EVENT,
    .examine = examine_allowed,
};

const struct vd_rule vd_rule_custom_denied = {
    .alert_type = VD_CUSTOM_ALERT_PREFIX "DenylistCustomAlertRule",
    .display_name = "Connection with an ip that is denied",
    .severity = "Low",
    .remediation_steps = address_steps,
    .techniques = address_techniques,
    .observes = VD_OBSERVED_EVENT,
    .examine = examine_denied,
};

const struct vd_rule vd_rule_custom_threshold = {
    .alert_type = VD_CUSTOM_ALERT_PREFIX "ThresholdCustomAlertRule",
    .display_name = "Number of connections in one report is not in allowed range",
    .severity = "Low",
    .remediation_steps = threshold_steps,
    .techniques = threshold_techniques,
    .observes = VD_OBSERVED_EVENT,
    .examine = examine_threshold,
};
