/* SPDX-License-Identifier: MIT */
/* Rows back to flows. */

#include "center/stored_flow.h"

#include <stdlib.h>
#include <string.h>

#include "center/decode/json_message.h"
#include "center/detect/address_text.h"
#include "lib/clock.h"

const char *vd_row_text(const json_t *row, size_t i)
{
    const char *text = json_string_value(json_array_get(row, i));

    return text != NULL ? text : "";
}

int64_t vd_row_ms(const json_t *row, size_t i)
{
    int64_t ms = 0;

    (void)!vd_time_parse(vd_row_text(row, i), &ms);
    return ms;
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

/* Of a row from a FlatBuffers message. */
static struct vd_flow reported_flow(const json_t *details)
{
    const char *protocol = member(details, "Protocol");
    const char *opened = member(details, "OpenedBy");
    struct vd_flow flow = {
        .bytes_in = (uint32_t)json_integer_value(json_object_get(details, "BytesIn")),
        .bytes_out = (uint32_t)json_integer_value(json_object_get(details, "BytesOut")),
        .packets_in = (uint32_t)json_integer_value(json_object_get(details, "PacketsIn")),
        .packets_out = (uint32_t)json_integer_value(json_object_get(details, "PacketsOut")),
        .local_port = (uint16_t)json_integer_value(json_object_get(details, "LocalPort")),
        .remote_port = (uint16_t)json_integer_value(json_object_get(details, "RemotePort")),
        .protocol = (uint8_t)(strcmp(protocol, "UDP") == 0 ? 1
                : strcmp(protocol, "ICMP") == 0            ? 2
                : strcmp(protocol, "TCP") == 0             ? 0
                                                           : strtoul(protocol, NULL, 10)),
        .opened_by = (uint8_t)(strcmp(opened, "Device") == 0 ? 1
                : strcmp(opened, "Remote") == 0              ? 2
                                                             : 0),
    };

    vd_address_read(vd_str_from(member(details, "LocalAddress")), &flow.local);
    vd_address_read(vd_str_from(member(details, "RemoteAddress")), &flow.remote);
    flow.ipv6 = strchr(member(details, "RemoteAddress"), ':') != NULL;
    return flow;
}

bool vd_stored_flow_is_item(const json_t *details)
{
    /* Only items of JSON messages have a direction. */
    return json_object_get(details, "Direction") != NULL;
}

bool vd_stored_flow_read(const json_t *details, struct vd_flow *flow)
{
    if (json_object_get(details, "RemoteAddress") == NULL) {
        return false;
    }
    if (!vd_stored_flow_is_item(details)) {
        *flow = reported_flow(details);
        return true;
    }
    vd_json_flow_read(details, flow);
    flow->executable = (struct vd_str){NULL, 0};
    flow->commandline = (struct vd_str){NULL, 0};
    return true;
}
