/* SPDX-License-Identifier: MIT */
/* Looks up the remote address of every flow among the indicators. */

#include "center/detect/ti_connection.h"

#include <string.h>

#include "center/detect/flow_evidence.h"
#include "lib/clock.h"
#include "lib/json_text.h"

static const char *const remediation_steps[] = {
    "Find out which program on the device talks to this address, and whether it has a reason to.",
    "If it has none, block the address at the network's edge and keep the device from the network "
    "while you examine it.",
    "Look at the device's other connections around this time, and for the same address at other "
    "devices.",
    "Change the credentials that were on the device and restore its firmware from a trusted image.",
    "If the connection is legitimate, remove the indicator from its feed.",
    NULL,
};

/* Application Layer Protocol; Exfiltration Over C2 Channel; ICS: Commonly Used Port, Standard Application Layer
 * Protocol. */
static const char *const techniques[] = {"T1071", "T1041", "T0885", "T0869", NULL};

/* " The address is on the list "l" as 192.0.2.0/24 with confidence 80: what the list says of it." */
static void describe(const struct vd_indicator_match *match, struct vd_buf *out)
{
    vd_buf_printf(out, " The address is on the list \"%s\" as %s", match->feed, match->text);
    if (match->confidence != VD_CONFIDENCE_UNKNOWN) {
        vd_buf_printf(out, " with confidence %u", (unsigned)match->confidence);
    }
    if (match->description[0] == '\0') {
        vd_buf_append_text(out, ".");
        return;
    }
    vd_buf_append_text(out, ": ");
    vd_buf_append_text(out, match->description);
    if (match->description[strlen(match->description) - 1] != '.') {
        vd_buf_append_text(out, ".");
    }
}

static void append_evidence(const struct vd_indicator_match *match, struct vd_buf *out)
{
    vd_json_append_text_member(out, "indicator", vd_str_from(match->text));
    vd_json_append_text_member(out, "source", vd_str_from(match->feed));
    if (match->confidence != VD_CONFIDENCE_UNKNOWN) {
        vd_buf_printf(out, ",\"confidence\":%u", (unsigned)match->confidence);
    }
    if (match->description[0] != '\0') {
        vd_json_append_text_member(out, "indicatorDescription", vd_str_from(match->description));
    }
}

/* A flow that was stored before anybody knew. */
static void describe_hunt(const struct vd_observation *seen, struct vd_buf *out)
{
    char flow[VD_TIME_TEXT_SIZE];
    char known[VD_TIME_TEXT_SIZE];

    if (seen->hunted_ms != 0) {
        vd_time_format(seen->time.end_ms, flow);
        vd_time_format(seen->hunted_ms, known);
        vd_buf_printf(out, " Found afterwards: the flow was at %s, and the indicator came by %s.",
            flow, known);
    }
}

static int mark(
    const struct vd_observation *seen, const struct vd_flow *flow, struct vd_findings *findings)
{
    struct vd_indicator_mark m;
    int error = vd_indicator_mark_of(seen, &flow->remote, &m);

    return error == VD_OK ? vd_findings_mark(findings, &m) : error;
}

static int report(const struct vd_rule *rule, const struct vd_detect_input *input,
    const struct vd_flow *flow, const struct vd_indicator_match *match,
    struct vd_findings *findings)
{
    struct vd_flow_finding f = {.rule = rule, .seen = input->seen, .flow = flow};
    struct vd_buf description = {0};
    int error;

    vd_flow_finding_begin(&f);
    vd_flow_describe(&f, &description);
    describe(match, &description);
    describe_hunt(input->seen, &description);
    f.finding.severity = match->severity[0] != '\0' ? match->severity : NULL;
    f.finding.indicator_value = match->text;
    f.finding.indicator_source = match->feed;
    f.finding.cause = vd_str_from(match->text);
    append_evidence(match, &f.evidence);
    if (input->seen->hunted_ms != 0) {
        char known[VD_TIME_TEXT_SIZE];

        vd_time_format(input->seen->hunted_ms, known);
        vd_json_append_text_member(&f.evidence, "foundAfterwardsBy", vd_str_from(known));
    }
    error = vd_flow_finding_add(&f, &description, findings);
    vd_buf_release(&description);
    return error == VD_OK ? mark(input->seen, flow, findings) : error;
}

static int examine(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    if (input->seen->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY) {
        return VD_OK;
    }
    for (uint32_t i = 0; i < input->seen->event->count; i++) {
        const struct vd_flow *flow =
            vd_security_message_flow(input->seen->message, input->seen->event->first + i);
        struct vd_indicator_match match;

        if (vd_indicator_set_match(
                input->indicators, &flow->remote, input->seen->time.end_ms, &match)) {
            int error = report(rule, input, flow, &match, findings);

            if (error != VD_OK) {
                return error;
            }
        }
    }
    return VD_OK;
}

const struct vd_rule vd_rule_ti_connection = {
    .alert_type = "IoT_TiConnection",
    .display_name = "Communication with a suspicious IP address detected",
    .severity = "Medium",
    .remediation_steps = remediation_steps,
    .techniques = techniques,
    .observes = VD_OBSERVED_EVENT,
    .examine = examine,
};
