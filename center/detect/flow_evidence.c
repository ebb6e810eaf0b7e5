/* SPDX-License-Identifier: MIT */
/* Text and evidence of findings about flows. */

#include "center/detect/flow_evidence.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/json_text.h"

static const char *flow_direction(const struct vd_flow *flow)
{
    if (flow->bytes_in > 0 && flow->bytes_out > 0) {
        return "Both";
    }
    return flow->bytes_out > 0 ? "Out" : flow->bytes_in > 0 ? "In" : "None";
}

/* JSON messages may leave an address out: no flow is of the one that stands for none. */
static bool is_said(const char *address)
{
    return strcmp(address, "0.0.0.0") != 0 && strcmp(address, "::") != 0;
}

static void begin_evidence(struct vd_flow_finding *f)
{
    const struct vd_observation *seen = f->seen;
    const struct vd_flow *flow = f->flow;
    struct vd_buf *out = &f->evidence;
    char local[VD_ADDRESS_TEXT_SIZE];
    char id[VD_UUID_TEXT_SIZE];
    char time[VD_TIME_TEXT_SIZE];
    char scratch[4];

    vd_address_format(&flow->local, flow->ipv6, local);
    vd_uuid_format(&seen->event->id, id);
    vd_time_format(seen->time.end_ms, time);
    vd_buf_append(out, "{", 1);
    vd_json_append_text_member(out, "rawEventId", vd_str_from(id));
    vd_json_append_text_member(out, "time", vd_str_from(time));
    if (!seen->time.trusted) {
        vd_time_format(seen->time.device_ms, time);
        vd_json_append_text_member(out, "deviceTime", vd_str_from(time));
    }
    if (seen->hunted_ms == 0) { /* else it is not known any more */
        vd_json_append_number_member(out, "collectionIntervalSeconds", seen->event->interval_s);
    }
    vd_json_append_text_member(
        out, "protocol", vd_str_from(vd_protocol_name(flow->protocol, scratch)));
    vd_json_append_text_member(out, "direction", vd_str_from(flow_direction(flow)));
    if (is_said(local)) {
        vd_json_append_text_member(out, "localAddress", vd_str_from(local));
    }
    vd_json_append_number_member(out, "localPort", flow->local_port);
    vd_json_append_text_member(out, "remoteAddress", vd_str_from(f->remote));
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
}

void vd_flow_finding_begin(struct vd_flow_finding *f)
{
    /* An IPv6 report of a mapped address is about the same peer as an IPv4 report of it. */
    vd_address_format(&f->flow->remote, !vd_address_is_ipv4(&f->flow->remote), f->remote);
    f->finding = (struct vd_finding){
        .rule = f->rule,
        .device_id = f->seen->device_id,
        .module_id = f->seen->module_id,
        .others = "other addresses",
        .start_ms = f->seen->time.start_ms,
        .end_ms = f->seen->time.end_ms,
    };
    memcpy(f->finding.subject, f->remote, sizeof f->remote);
    begin_evidence(f);
}

void vd_flow_describe(const struct vd_flow_finding *f, struct vd_buf *out)
{
    const struct vd_observation *seen = f->seen;
    const struct vd_flow *flow = f->flow;
    char start[VD_TIME_TEXT_SIZE];
    char end[VD_TIME_TEXT_SIZE];
    char scratch[4];
    /* JSON messages report that a connection was made, and not what went over it. */
    const bool is_single = seen->event->items != NULL;
    const char *protocol = vd_protocol_name(flow->protocol, scratch);

    vd_time_format(seen->time.start_ms, start);
    vd_time_format(seen->time.end_ms, end);
    vd_buf_printf(out, "Device %.*s", VD_STR_ARG(seen->device_id));
    if (seen->module_id.length > 0) {
        vd_buf_printf(out, " (module %.*s)", VD_STR_ARG(seen->module_id));
    }
    if (!is_single) {
        vd_buf_printf(out, " exchanged %s traffic with", protocol);
    } else if (flow->opened_by == 1) {
        vd_buf_printf(out, " opened a %s connection to", protocol);
    } else {
        vd_buf_printf(out, " took a %s connection from", protocol);
    }
    vd_buf_printf(out, " %s", f->remote);
    if (flow->remote_port != 0) {
        vd_buf_printf(out, " port %u", flow->remote_port);
    }
    if (is_single) {
        vd_buf_printf(out, " at %s.", end);
    } else if (seen->time.start_ms == seen->time.end_ms) { /* how long is not known */
        vd_buf_printf(
            out, " until %s: %u bytes out, %u bytes in.", end, flow->bytes_out, flow->bytes_in);
    } else {
        vd_buf_printf(out, " between %s and %s: %u bytes out, %u bytes in.", start, end,
            flow->bytes_out, flow->bytes_in);
    }
    if (!seen->time.trusted) {
        vd_buf_append_text(out, " The device's clock is off: the hub's time is given.");
    }
}

int vd_flow_finding_add(
    struct vd_flow_finding *f, const struct vd_buf *description, struct vd_findings *findings)
{
    int error;

    vd_buf_append(&f->evidence, "}", 1);
    f->finding.description = (struct vd_str){(const char *)description->data, description->length};
    f->finding.evidence = (struct vd_str){(const char *)f->evidence.data, f->evidence.length};
    error = description->error != VD_OK ? description->error : f->evidence.error;
    if (error == VD_OK) {
        error = vd_findings_add(findings, &f->finding);
    }
    vd_buf_release(&f->evidence);
    return error;
}
