/* SPDX-License-Identifier: MIT */
/* Queries for those who look into a device, or into the fleet. */

#include <strings.h>

#include "center/saved_query.h"

/* What a device tells late it did earlier: that is TimeStamp. A span is of when it came, for by that the tables are kept. */

/* Flows of a device: reports of its collector, and connections that JSON messages tell of. */
#define FLOWS               \
    "SecurityIoTRawEvent\n" \
    "| where RawEventName in ('NetworkActivity', 'ConnectionCreate')\n"

#define REMOTE "Remote = tostring(parse_json(EventDetails).RemoteAddress)"

#define DEVICE_AND_SPAN "declare query_parameters(device: string, span: timespan = 7d);\n"

static const struct vd_delivered_query delivered[] = {
    {"device-alerts", "Alerts of a device",
        "Its alerts, the latest first, with how often each was repeated.", "Device",
        DEVICE_AND_SPAN
        "SecurityAlert\n"
        "| where TimeGenerated > ago(span)\n"
        "| where CompromisedEntity == device\n"
        "| project StartTime, EndTime, AlertSeverity, DisplayName, Status, Description,\n"
        "    Count = tolong(parse_json(ExtendedProperties).Count), SystemAlertId\n"
        "| sort by EndTime desc"},
    {"device-connections", "Connections of a device over time",
        "Bytes in and out and distinct remote addresses, by hour.", "Device",
        DEVICE_AND_SPAN FLOWS
        "| where TimeGenerated > ago(span) and DeviceId == device\n"
        "| extend d = parse_json(EventDetails)\n"
        "| summarize Flows = count(), RemoteAddresses = dcount(tostring(d.RemoteAddress)),\n"
        "    BytesIn = sum(tolong(d.BytesIn)), BytesOut = sum(tolong(d.BytesOut))\n"
        "    by Time = bin(TimeStamp, 1h)\n"
        "| sort by Time asc\n"
        "| render timechart"},
    {"device-talkers", "Whom a device talks to",
        "Its remote addresses by bytes, with when each was seen first and last.", "Device",
        DEVICE_AND_SPAN FLOWS
        "| where TimeGenerated > ago(span) and DeviceId == device\n"
        "| extend d = parse_json(EventDetails)\n"
        "| summarize Flows = count(), Bytes = sum(tolong(d.BytesIn) + tolong(d.BytesOut)),\n"
        "    FirstSeen = min(TimeStamp), LastSeen = max(TimeStamp)\n"
        "    by Remote = tostring(d.RemoteAddress), Port = tostring(d.RemotePort),\n"
        "    Protocol = tostring(d.Protocol)\n"
        "| sort by Bytes desc, Flows desc"},
    {"device-first-seen", "Addresses that are new for a device",
        "Remote addresses that it had not talked to before, within the days that are kept.",
        "Device",
        "declare query_parameters(device: string, span: timespan = 1d);\n" FLOWS
        "| where DeviceId == device\n"
        "| extend " REMOTE "\n"
        "| summarize FirstSeen = min(TimeStamp), Flows = count() by Remote\n"
        "| where FirstSeen > ago(span)\n"
        "| sort by FirstSeen desc"},
    {"device-refused-logins", "Refused logins of a device",
        "What the hub refused, why, and from which address.", "Device",
        DEVICE_AND_SPAN
        "AzureDiagnostics\n"
        "| where TimeGenerated > ago(span) and Category == 'Connections'\n"
        "| where Level == 'Error' or isnotempty(ResultType)\n"
        "| extend p = parse_json(properties_s)\n"
        "| where tostring(p.deviceId) == device\n"
        "| project TimeGenerated, OperationName, ResultType, ResultDescription,\n"
        "    Address = tostring(p.maskedIpAddress), Protocol = tostring(p.protocol)\n"
        "| sort by TimeGenerated desc"},
    {"device-unlike-its-group", "What a device does that its group does not, and the other way",
        "Remote address and port of the device alone, or of at least half of the others; "
        "groupMembers is filled in with the devices of its security group.",
        "Device",
        "declare query_parameters(device: string, groupMembers: dynamic = dynamic([]),\n"
        "    span: timespan = 7d);\n"
        "let flows = " FLOWS "| where TimeGenerated > ago(span)\n"
        "| extend d = parse_json(EventDetails)\n"
        "| project DeviceId, Remote = tostring(d.RemoteAddress), Port = tostring(d.RemotePort);\n"
        "let others = flows\n"
        "| where DeviceId != device\n"
        "| where array_length(groupMembers) == 0 or set_has_element(groupMembers, DeviceId);\n"
        "let many = toscalar(others | summarize dcount(DeviceId));\n"
        "let own = flows | where DeviceId == device | summarize OwnFlows = count() by Remote, Port;\n"
        "let theirs = others | summarize Devices = dcount(DeviceId) by Remote, Port;\n"
        "own\n"
        "| join kind=fullouter theirs on Remote, Port\n"
        "| project Remote = iff(isempty(Remote), Remote1, Remote),\n"
        "    Port = iff(isempty(Remote), Port1, Port),\n"
        "    Flows = coalesce(OwnFlows, 0), Devices = coalesce(Devices, 0), Others = many\n"
        "| where Devices == 0 or (Flows == 0 and Devices * 2 >= Others)\n"
        "| extend What = iff(Devices == 0, 'only this device', 'the group, not this device')\n"
        "| sort by What asc, Flows desc, Devices desc"},
    {"fleet-top-talkers", "Devices by bytes", "Who sent and received most.", "Fleet",
        "declare query_parameters(span: timespan = 1d);\n" FLOWS
        "| where TimeGenerated > ago(span)\n"
        "| extend d = parse_json(EventDetails)\n"
        "| summarize Bytes = sum(tolong(d.BytesIn) + tolong(d.BytesOut)), Flows = count(),\n"
        "    RemoteAddresses = dcount(tostring(d.RemoteAddress)) by DeviceId\n"
        "| top 50 by Bytes desc"},
    {"fleet-rare-addresses", "Remote addresses that few devices talk to",
        "New within the span, and of at most three devices.", "Fleet",
        "declare query_parameters(span: timespan = 1d);\n" FLOWS "| extend " REMOTE "\n"
        "| summarize FirstSeen = min(TimeStamp), Flows = count(),\n"
        "    Devices = dcount(DeviceId), Who = make_set(DeviceId, 3) by Remote\n"
        "| where FirstSeen > ago(span) and Devices <= 3\n"
        "| sort by FirstSeen desc"},
    {"fleet-refused-logins", "Refused logins by device", "How many, why, and over how long.",
        "Fleet",
        "declare query_parameters(span: timespan = 1d);\n"
        "AzureDiagnostics\n"
        "| where TimeGenerated > ago(span) and Category == 'Connections'\n"
        "| where Level == 'Error' or isnotempty(ResultType)\n"
        "| extend DeviceId = tostring(parse_json(properties_s).deviceId)\n"
        "| summarize Refused = count(), First = min(TimeGenerated), Last = max(TimeGenerated)\n"
        "    by DeviceId, ResultType\n"
        "| sort by Refused desc"},
    {"fleet-open-alerts", "Open alerts by what they are", "With the devices concerned.", "Fleet",
        "SecurityAlert\n"
        "| where Status in ('New', 'InProgress')\n"
        "| summarize Alerts = count(), Devices = dcount(CompromisedEntity),\n"
        "    Latest = max(EndTime) by AlertSeverity, DisplayName\n"
        "| sort by Latest desc"},
    {"control-plane-changes", "What was changed, and by whom",
        "Acts on the hub and the security center.", "Service",
        "declare query_parameters(span: timespan = 7d);\n"
        "AzureActivity\n"
        "| where TimeGenerated > ago(span)\n"
        "| summarize Acts = count(), Last = max(TimeGenerated)\n"
        "    by Caller, CallerIpAddress, OperationNameValue, ActivityStatusValue\n"
        "| sort by Last desc"},
};

const struct vd_delivered_query *vd_delivered_query_at(size_t i)
{
    return i < sizeof delivered / sizeof delivered[0] ? &delivered[i] : NULL;
}

const struct vd_delivered_query *vd_delivered_query_of(const char *name)
{
    for (size_t i = 0; i < sizeof delivered / sizeof delivered[0]; i++) {
        if (strcasecmp(delivered[i].name, name) == 0) {
            return &delivered[i];
        }
    }
    return NULL;
}
