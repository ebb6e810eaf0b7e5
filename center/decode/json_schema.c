/* SPDX-License-Identifier: MIT */
/* The schema of JSON security messages (docs/json-messages.md) as tables, and the forms of texts in it. */

#include "center/decode/json_schema.h"

#include <arpa/inet.h>

#include "lib/clock.h"

#define PORT_MAX 65535U

static const char *const categories[] = {"Periodic", "Triggered", NULL};
static const char *const event_types[] = {"Security", "Operational", "Diagnostic", NULL};
static const char *const directions[] = {"In", "Out", NULL};
static const char *const login_results[] = {"Fail", "Success", NULL};
static const char *const firewall_actions[] = {"Allow", "Deny", "Other", NULL};
static const char *const check_results[] = {"Pass", "Fail", "Err", NULL};
static const char *const check_severities[] = {
    "Critical", "Important", "Warning", "Informational", NULL};
static const char *const record_severities[] = {
    "Fatal", "Error", "Warning", "Information", "Debug", NULL};
static const char *const configuration_errors[] = {"TypeMismatch", "NotOptimal", "Conflict", NULL};
static const char *const queues[] = {"High", "Low", NULL};
static const char *const schema_versions[] = {"1.0", NULL};

#define NEEDS(member, kind)                 \
    {                                       \
#member, VD_JSON_##kind, true, NULL \
    }
#define MAY(member, kind)                    \
    {                                        \
#member, VD_JSON_##kind, false, NULL \
    }
#define NEEDS_ONE(member, list)             \
    {                                       \
#member, VD_JSON_CHOICE, true, list \
    }
#define END                             \
    {                                   \
        NULL, VD_JSON_TEXT, false, NULL \
    }

const struct vd_json_field vd_json_message_fields[] = {
    NEEDS(AgentVersion, TEXT),
    NEEDS(AgentId, GUID),
    NEEDS_ONE(MessageSchemaVersion, schema_versions),
    NEEDS(Events, ARRAY),
    END,
};

const struct vd_json_field vd_json_event_fields[] = {
    NEEDS(Id, GUID),
    NEEDS(TimestampLocal, TIME),
    NEEDS(TimestampUTC, TIME),
    NEEDS_ONE(Category, categories),
    NEEDS(Name, TEXT),
    NEEDS_ONE(EventType, event_types),
    NEEDS(IsEmpty, BOOL),
    NEEDS(PayloadSchemaVersion, TEXT),
    NEEDS(Payload, ARRAY),
    END,
};

static const struct vd_json_field connection_fields[] = {
    NEEDS(RemoteAddress, ADDRESS),
    NEEDS(RemotePort, PORT),
    MAY(LocalAddress, ADDRESS),
    MAY(LocalPort, PORT),
    NEEDS_ONE(Direction, directions),
    NEEDS(Protocol, TEXT),
    NEEDS(ProcessId, WHOLE),
    MAY(UserId, TEXT),
    NEEDS(Executable, TEXT),
    MAY(CommandLine, TEXT),
    END,
};

static const struct vd_json_field port_fields[] = {
    MAY(RemoteAddress, ADDRESS),
    MAY(RemotePort, PORT),
    MAY(LocalAddress, ADDRESS),
    NEEDS(LocalPort, PORT),
    NEEDS(Protocol, TEXT),
    END,
};

static const struct vd_json_field login_fields[] = {
    NEEDS(ProcessId, WHOLE),
    MAY(UserId, TEXT),
    MAY(UserName, TEXT),
    NEEDS(Operation, TEXT),
    NEEDS(Executable, TEXT),
    MAY(RemoteAddress, ADDRESS),
    MAY(RemotePort, PORT),
    MAY(LocalPort, PORT),
    NEEDS_ONE(Result, login_results),
    END,
};

static const struct vd_json_field process_create_fields[] = {
    NEEDS(Executable, TEXT),
    NEEDS(ProcessId, WHOLE),
    NEEDS(ParentProcessId, WHOLE),
    NEEDS(UserId, TEXT),
    MAY(UserName, TEXT),
    NEEDS(CommandLine, TEXT),
    END,
};

static const struct vd_json_field process_terminate_fields[] = {
    NEEDS(Executable, TEXT),
    NEEDS(ProcessId, WHOLE),
    NEEDS(ExitStatus, WHOLE),
    END,
};

static const struct vd_json_field system_fields[] = {
    MAY(OSName, TEXT),
    MAY(OSVersion, TEXT),
    MAY(OSVendor, TEXT),
    MAY(OsArchitecture, TEXT),
    MAY(HostName, TEXT),
    MAY(BIOSVersion, TEXT),
    MAY(BootDevice, TEXT),
    MAY(TotalPhysicalMemoryInKB, WHOLE),
    MAY(FreePhysicalMemoryInKB, WHOLE),
    MAY(TotalVirtualMemoryInKB, WHOLE),
    MAY(FreeVirtualMemoryInKB, WHOLE),
    END,
};

static const struct vd_json_field user_fields[] = {
    NEEDS(GroupIds, TEXT),
    NEEDS(GroupNames, TEXT),
    NEEDS(UserId, TEXT),
    NEEDS(UserName, TEXT),
    END,
};

/* Addresses are those of a rule: networks, names and the like. */
static const struct vd_json_field firewall_fields[] = {
    NEEDS(Enabled, BOOL),
    NEEDS_ONE(Action, firewall_actions),
    MAY(Priority, WHOLE),
    MAY(Direction, TEXT),
    MAY(ChainName, TEXT),
    MAY(Application, TEXT),
    MAY(SourceAddress, TEXT),
    MAY(SourcePort, PORT),
    MAY(DestinationAddress, TEXT),
    MAY(DestinationPort, PORT),
    MAY(Protocol, TEXT),
    END,
};

static const struct vd_json_field hardware_fields[] = {
    NEEDS(HardwareCategory, TEXT),
    NEEDS(HardwareSubCategory, TEXT),
    NEEDS(HardwareName, TEXT),
    END,
};

static const struct vd_json_field baseline_fields[] = {
    NEEDS(Description, TEXT),
    NEEDS(CceId, TEXT),
    NEEDS_ONE(Result, check_results),
    NEEDS(Error, TEXT),
    NEEDS_ONE(Severity, check_severities),
    END,
};

static const struct vd_json_field diagnostic_fields[] = {
    NEEDS_ONE(Severity, record_severities),
    NEEDS(Message, TEXT),
    NEEDS(ProcessId, WHOLE),
    NEEDS(ThreadId, WHOLE),
    MAY(CorrelationId, GUID),
    END,
};

static const struct vd_json_field configuration_fields[] = {
    NEEDS(ConfigurationName, TEXT),
    NEEDS_ONE(ErrorType, configuration_errors),
    NEEDS(UsedConfiguration, TEXT),
    NEEDS(Message, TEXT),
    END,
};

static const struct vd_json_field dropped_fields[] = {
    NEEDS_ONE(Queue, queues),
    NEEDS(CollectedEvents, WHOLE),
    NEEDS(DroppedEvents, WHOLE),
    END,
};

static const struct vd_json_field statistics_fields[] = {
    NEEDS(MessagesSent, WHOLE),
    NEEDS(MessagesUnder4KB, WHOLE),
    NEEDS(TotalFailed, WHOLE),
    END,
};

static const struct vd_json_kind kinds[] = {
    {"ConnectionCreate", "Triggered", "Security", VD_PAYLOAD_NETWORK_ACTIVITY, connection_fields},
    {"ListeningPorts", "Periodic", "Security", VD_PAYLOAD_LISTENING_PORTS, port_fields},
    {"Login", "Triggered", "Security", VD_PAYLOAD_ITEMS, login_fields},
    {"ProcessCreate", "Triggered", "Security", VD_PAYLOAD_PROCESS, process_create_fields},
    {"ProcessTerminate", "Triggered", "Security", VD_PAYLOAD_PROCESS, process_terminate_fields},
    {"SystemInformation", "Periodic", "Security", VD_PAYLOAD_SYSTEM_INFORMATION, system_fields},
    {"LocalUsers", "Periodic", "Security", VD_PAYLOAD_ITEMS, user_fields},
    {"FirewallConfiguration", "Periodic", "Security", VD_PAYLOAD_ITEMS, firewall_fields},
    {"ConnectedHardware", "Periodic", "Security", VD_PAYLOAD_ITEMS, hardware_fields},
    {"OSBaseline", "Periodic", "Security", VD_PAYLOAD_BASELINE, baseline_fields},
    {"Diagnostic", "Triggered", "Diagnostic", VD_PAYLOAD_LOG, diagnostic_fields},
    {"ConfigurationError", "Triggered", "Operational", VD_PAYLOAD_ITEMS, configuration_fields},
    {"DroppedEventsStatistics", "Periodic", "Operational", VD_PAYLOAD_ITEMS, dropped_fields},
    {"MessageStatistics", "Periodic", "Operational", VD_PAYLOAD_ITEMS, statistics_fields},
};

const struct vd_json_kind *vd_json_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

/* ---- Forms of text ---- */

bool vd_json_address_read(const char *text, struct vd_address *address, bool *ipv6)
{
    uint8_t bytes[4];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        *address = vd_address_from_ipv4(bytes);
        *ipv6 = false;
        return true;
    }
    if (inet_pton(AF_INET6, text, address->bytes) == 1) {
        *ipv6 = true;
        return true;
    }
    return false;
}

/* Up to five digits, at most 65535. */
static bool read_port(const char **text, uint16_t *port)
{
    const char *at = *text;
    uint32_t value = 0;

    while (*at >= '0' && *at <= '9' && at - *text < 5) {
        value = value * 10 + (uint32_t)(*at++ - '0');
    }
    if (at == *text || value > PORT_MAX) {
        return false;
    }
    *text = at;
    *port = (uint16_t)value;
    return true;
}

bool vd_json_port_next(const char **text, uint16_t *first, uint16_t *last)
{
    const char *at = *text;
    uint16_t from = 0;
    uint16_t to = PORT_MAX;

    if (at == NULL) {
        return false;
    }
    if (strcmp(at, "*") == 0) {
        at++;
    } else if (!read_port(&at, &from)) {
        return false;
    } else if (*at == '-') {
        at++;
        if (!read_port(&at, &to) || to < from) {
            return false;
        }
    } else {
        to = from;
    }
    if (*at != '\0' && (*at != ',' || at[1] == '\0')) {
        return false;
    }
    *text = *at == ',' ? at + 1 : at;
    *first = from;
    *last = to;
    return true;
}

static bool is_port(const char *text)
{
    uint16_t first;
    uint16_t last;

    do {
        if (!vd_json_port_next(&text, &first, &last)) {
            return false;
        }
    } while (*text != '\0');
    return true;
}

static bool is_address(const char *text)
{
    struct vd_address address;
    bool ipv6;

    return vd_json_address_read(text, &address, &ipv6);
}

static bool is_guid(const char *text)
{
    struct vd_uuid id;

    return vd_uuid_parse(text, strlen(text), &id) == VD_OK;
}

static bool is_time(const char *text)
{
    int64_t ms;

    return vd_time_parse(text, &ms) == VD_OK;
}

static bool is_one_of(const char *text, const char *const *choices)
{
    while (*choices != NULL && strcmp(*choices, text) != 0) {
        choices++;
    }
    return *choices != NULL;
}

/* ---- Objects ---- */

/* NULL: `value` is of the field's type; else what it is to be. */
static const char *expected(const struct vd_json_field *field, const json_t *value)
{
    const char *text = json_string_value(value);

    switch (field->type) {
    case VD_JSON_TEXT:
        return text != NULL ? NULL : "text";
    case VD_JSON_WHOLE:
        return json_is_integer(value) ? NULL : "a whole number";
    case VD_JSON_BOOL:
        return json_is_boolean(value) ? NULL : "true or false";
    case VD_JSON_ARRAY:
        return json_is_array(value) ? NULL : "an array";
    case VD_JSON_ADDRESS:
        return text != NULL && is_address(text) ? NULL : "an IPv4 or IPv6 address as text";
    case VD_JSON_PORT:
        return text != NULL && is_port(text)
            ? NULL
            : "text with ports, as \"22\", \"1-1024\", \"22,53\" or \"*\"";
    case VD_JSON_GUID:
        return text != NULL && is_guid(text) ? NULL : "a GUID of 36 characters";
    case VD_JSON_TIME:
        return text != NULL && is_time(text) ? NULL : "a date-time, as 2026-11-24T07:44:03Z";
    case VD_JSON_CHOICE:
        return text != NULL && is_one_of(text, field->choices) ? NULL : "one of";
    }
    return "of a known type";
}

static bool fail(struct vd_json_problem *problem, const char *member, const char *text)
{
    problem->member = member;
    problem->inner = NULL;
    snprintf(problem->text, sizeof problem->text, "%s", text);
    return false;
}

static bool fail_value(
    struct vd_json_problem *problem, const struct vd_json_field *field, const char *what)
{
    struct vd_buf text = {0};

    vd_buf_printf(&text, "is to be %s", what);
    for (size_t i = 0; field->type == VD_JSON_CHOICE && field->choices[i] != NULL; i++) {
        vd_buf_printf(&text, "%s%s", i == 0 ? " " : ", ", field->choices[i]);
    }
    vd_buf_append(&text, "", 1);
    fail(
        problem, field->name, text.error == VD_OK ? (const char *)text.data : "is not of its type");
    vd_buf_release(&text);
    return false;
}

static bool check_extra(json_t *extra, struct vd_json_problem *problem)
{
    const char *name;
    const json_t *value;

    if (!json_is_object(extra)) {
        return fail(problem, "ExtraDetails", "is to be an object");
    }
    json_object_foreach(extra, name, value)
    {
        if (!json_is_string(value)) {
            fail(problem, "ExtraDetails", "is to be text");
            problem->inner = name;
            return false;
        }
    }
    return true;
}

static const struct vd_json_field *find_field(const struct vd_json_field *fields, const char *name)
{
    while (fields->name != NULL && strcmp(fields->name, name) != 0) {
        fields++;
    }
    return fields->name != NULL ? fields : NULL;
}

static bool check_members(json_t *object, const struct vd_json_field *fields, bool has_extra,
    struct vd_json_problem *problem)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        const struct vd_json_field *field = find_field(fields, name);
        const char *what = field != NULL ? expected(field, value) : NULL;

        if (what != NULL) {
            return fail_value(problem, field, what);
        }
        if (field == NULL && has_extra && strcmp(name, "ExtraDetails") == 0) {
            if (!check_extra(value, problem)) {
                return false;
            }
        } else if (field == NULL) {
            return fail(problem, name, "is nothing that may be here");
        }
    }
    return true;
}

bool vd_json_object_check(json_t *value, const struct vd_json_field *fields, bool has_extra,
    struct vd_json_problem *problem)
{
    if (!json_is_object(value)) {
        return fail(problem, NULL, "is to be an object");
    }
    if (!check_members(value, fields, has_extra, problem)) {
        return false;
    }
    for (; fields->name != NULL; fields++) {
        if (fields->is_required && json_object_get(value, fields->name) == NULL) {
            return fail(problem, fields->name, "required but absent");
        }
    }
    return true;
}
