/* SPDX-License-Identifier: MIT */
/* Looks up the remote address of every flow among the indicators. */

#include "center/detect/ti_connection.h"

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

static const char *flow_direction(const struct vd_flow *flow)
{
    if (flow->bytes_in > 0 && flow->bytes_out > 0) {
        return "Both";
    }
    return flow->bytes_out > 0 ? "Out" : flow->bytes_in > 0 ? "In" : "None";
}

static void describe(struct vd_buf *out, const struct vd_detect_input *input,
    const struct vd_flow *flow, const char *remote, const struct vd_indicator *indicator)
{
    char start[VD_TIME_TEXT_SIZE];
    char end[VD_TIME_TEXT_SIZE];
    char scratch[4];

    vd_time_format(input->time.start_ms, start);
    vd_time_format(input->time.end_ms, end);
    vd_buf_printf(out, "Device %.*s", VD_STR_ARG(input->device_id));
    if (input->module_id.length > 0) {
        vd_buf_printf(out, " (module %.*s)", VD_STR_ARG(input->module_id));
    }
    vd_buf_printf(
        out, " exchanged %s traffic with %s", vd_protocol_name(flow->protocol, scratch), remote);
    if (flow->remote_port != 0) {
        vd_buf_printf(out, " port %u", flow->remote_port);
    }
    vd_buf_printf(out,
        " between %s and %s: %u bytes out, %u bytes in. The address is on the list \"%s\" as %s.",
        start, end, flow->bytes_out, flow->bytes_in, indicator->feed, indicator->text);
    if (!input->time.trusted) {
        vd_buf_append_text(out, " The device's clock is off: the hub's time is given.");
    }
}

static void write_evidence(struct vd_buf *out, const struct vd_detect_input *input,
    const struct vd_flow *flow, const char *remote, const struct vd_indicator *indicator)
{
    char local[VD_ADDRESS_TEXT_SIZE];
    char id[VD_UUID_TEXT_SIZE];
    char time[VD_TIME_TEXT_SIZE];
    char scratch[4];

    vd_address_format(&flow->local, flow->ipv6, local);
    vd_uuid_format(&input->event->id, id);
    vd_time_format(input->time.end_ms, time);
    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "rawEventId", vd_str_from(id));
    vd_json_append_text_member(out, "time", vd_str_from(time));
    if (!input->time.trusted) {
        vd_time_format(input->time.device_ms, time);
        vd_json_append_text_member(out, "deviceTime", vd_str_from(time));
    }
    vd_json_append_number_member(out, "collectionIntervalSeconds", input->event->interval_s);
    vd_json_append_text_member(
        out, "protocol", vd_str_from(vd_protocol_name(flow->protocol, scratch)));
    vd_json_append_text_member(out, "direction", vd_str_from(flow_direction(flow)));
    vd_json_append_text_member(out, "localAddress", vd_str_from(local));
    vd_json_append_number_member(out, "localPort", flow->local_port);
    vd_json_append_text_member(out, "remoteAddress", vd_str_from(remote));
    vd_json_append_number_member(out, "remotePort", flow->remote_port);
    vd_json_append_number_member(out, "bytesIn", flow->bytes_in);
    vd_json_append_number_member(out, "bytesOut", flow->bytes_out);
    if (flow->packets_in != 0 || flow->packets_out != 0) {
        vd_json_append_number_member(out, "packetsIn", flow->packets_in);
        vd_json_append_number_member(out, "packetsOut", flow->packets_out);
    }
    if (flow->opened_by == 1 || flow->opened_by == 2) {
        vd_json_append_text_member(
            out, "openedBy", vd_str_from(flow->opened_by == 1 ? "Device" : "Remote"));
    }
    vd_json_append_text_member(out, "indicator", vd_str_from(indicator->text));
    vd_json_append_text_member(out, "source", vd_str_from(indicator->feed));
    vd_buf_append(out, "}", 1);
}

static int report(const struct vd_rule *rule, const struct vd_detect_input *input,
    const struct vd_flow *flow, const struct vd_indicator *indicator, struct vd_findings *findings)
{
    struct vd_finding finding = {
        .rule = rule,
        .device_id = input->device_id,
        .module_id = input->module_id,
        .start_ms = input->time.start_ms,
        .end_ms = input->time.end_ms,
        .indicator_value = indicator->text,
        .indicator_source = indicator->feed,
    };
    /* An IPv6 report of a mapped address is about the same peer as an IPv4 report of it. */
    bool ipv6 = !vd_address_is_ipv4(&flow->remote);
    struct vd_buf description = {0};
    struct vd_buf evidence = {0};
    char remote[VD_ADDRESS_TEXT_SIZE];
    int error;

    vd_address_format(&flow->remote, ipv6, remote);
    memcpy(finding.subject, remote, sizeof remote);
    describe(&description, input, flow, remote, indicator);
    write_evidence(&evidence, input, flow, remote, indicator);
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

static int examine(
    const struct vd_rule *rule, const struct vd_detect_input *input, struct vd_findings *findings)
{
    if (input->event->payload != VD_PAYLOAD_NETWORK_ACTIVITY) {
        return VD_OK;
    }
    for (uint32_t i = 0; i < input->event->count; i++) {
        const struct vd_flow *flow =
            vd_security_message_flow(input->message, input->event->first + i);
        const struct vd_indicator *indicator =
            vd_indicator_set_find(input->indicators, &flow->remote);
        int error;

        if (indicator != NULL) {
            error = report(rule, input, flow, indicator, findings);
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
    .examine = examine,
};
