/* SPDX-License-Identifier: MIT */
/* From JSON text to arrays of plain structs, with the place of the first fault. */

#include "center/decode/json_message.h"

#include <strings.h>

#include "center/decode/json_schema.h"
#include "center/limits.h"
#include "lib/clock.h"
#include "lib/url.h"
#include "proto/protocol.h"

#define PLACE_NONE     UINT32_MAX
#define MEMBER_MAX     48 /* bytes of a name that the sender chose, in a reason */
#define PROTOCOL_OTHER 255

/* Where the decoder stands. */
struct decoder {
    struct vd_security_message *message;
    char *reason; /* of VD_DECODE_REASON_SIZE bytes */
    uint32_t event;
    uint32_t item;
    uint32_t items_left;
    int error;
};

/* Writes the place of `member` (NULL: of what it would be in) and what is wrong there. */
static bool fault_at(struct decoder *d, const char *member, const char *inner, const char *text)
{
    char place[64] = "";
    size_t length = 0;
    const char *dot = "";

    if (d->event != PLACE_NONE) {
        length = (size_t)snprintf(place, sizeof place, "Events[%u]", d->event);
        dot = ".";
    }
    if (d->item != PLACE_NONE) {
        snprintf(place + length, sizeof place - length, ".Payload[%u]", d->item);
    }
    if (member == NULL) {
        snprintf(d->reason, VD_DECODE_REASON_SIZE, "%s: %s",
            place[0] != '\0' ? place : "the message", text);
    } else {
        snprintf(d->reason, VD_DECODE_REASON_SIZE, "%s%s%.*s%s%.*s: %s", place, dot, MEMBER_MAX,
            member, inner != NULL ? "." : "", MEMBER_MAX, inner != NULL ? inner : "", text);
    }
    d->error = VD_E_INVALID;
    return false;
}

static bool fault(struct decoder *d, const char *member, const char *text)
{
    return fault_at(d, member, NULL, text);
}

static bool check_object(
    struct decoder *d, json_t *value, const struct vd_json_field *fields, bool has_extra)
{
    struct vd_json_problem problem;

    return vd_json_object_check(value, fields, has_extra, &problem) ||
        fault_at(d, problem.member, problem.inner, problem.text);
}

/* A zeroed new element; NULL with the reason set when there may be none. */
static void *element_add(struct decoder *d, struct vd_decoded_array *array, size_t size)
{
    void *element;

    if (d->items_left == 0) {
        fault(d, NULL, "too many items");
        return NULL;
    }
    d->items_left--;
    element = vd_decoded_array_add(array, size);
    d->error = element != NULL ? VD_OK : VD_E_NOMEM;
    return element;
}

/* ---- Members of a checked object ---- */

/* data is NULL where it is absent. */
static struct vd_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return (struct vd_str){json_string_value(value), json_string_length(value)};
}

/* 0 where it is absent or does not fit. */
static uint32_t number_of(const json_t *object, const char *name, uint32_t max)
{
    const json_int_t value = json_integer_value(json_object_get(object, name));

    return value >= 0 && value <= (json_int_t)max ? (uint32_t)value : 0;
}

/* A user's id that is a number; else 0. */
static uint32_t user_of(const json_t *object, uint32_t max)
{
    const char *text = json_string_value(json_object_get(object, "UserId"));
    uint64_t value = 0;

    for (; text != NULL && *text >= '0' && *text <= '9' && value <= max; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
    }
    return text != NULL && *text == '\0' && value <= max ? (uint32_t)value : 0;
}

/* The place of the text among `names`, as the table of the schema has them. */
static uint8_t place_of(const json_t *object, const char *name, const char *const *names)
{
    const char *text = json_string_value(json_object_get(object, name));
    uint8_t i = 0;

    while (names[i] != NULL && (text == NULL || strcmp(names[i], text) != 0)) {
        i++;
    }
    return i;
}

/* A single port; 0 for more of them, and where it is absent. */
static uint16_t port_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    uint16_t first = 0;
    uint16_t last = 0;

    return vd_json_port_next(&text, &first, &last) && *text == '\0' && first == last ? first : 0;
}

static uint8_t protocol_of(const json_t *object)
{
    static const struct {
        const char *name;
        uint8_t protocol;
    } protocols[] = {{"tcp", 0}, {"udp", 1}, {"icmp", 2}, {"tcp6", 0}, {"udp6", 1}, {"icmp6", 2},
        {"icmpv6", 2}, {"ipv6-icmp", 2}};
    const char *text = json_string_value(json_object_get(object, "Protocol"));

    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (text != NULL && strcasecmp(text, protocols[i].name) == 0) {
            return protocols[i].protocol;
        }
    }
    return PROTOCOL_OTHER;
}

/* All zero where it is absent: any address, of the family that *ipv6 tells. */
static struct vd_address address_of(const json_t *object, const char *name, bool *ipv6)
{
    static const uint8_t any[4] = {0, 0, 0, 0};
    const char *text = json_string_value(json_object_get(object, name));
    struct vd_address address = {{0}};

    if ((text == NULL || !vd_json_address_read(text, &address, ipv6)) && !*ipv6) {
        address = vd_address_from_ipv4(any);
    }
    return address;
}

/* ---- Items ---- */

void vd_json_flow_read(const json_t *item, struct vd_flow *flow)
{
    bool local_ipv6;

    *flow = (struct vd_flow){.ipv6 = false};
    flow->remote = address_of(item, "RemoteAddress", &flow->ipv6);
    local_ipv6 = flow->ipv6;
    flow->local = address_of(item, "LocalAddress", &local_ipv6);
    flow->ipv6 = flow->ipv6 || local_ipv6;
    flow->remote_port = port_of(item, "RemotePort");
    flow->local_port = port_of(item, "LocalPort");
    flow->protocol = protocol_of(item);
    flow->opened_by = vd_str_equal_text(text_of(item, "Direction"), "Out") ? 1 : 2;
    flow->process_id = (uint16_t)number_of(item, "ProcessId", UINT16_MAX);
    flow->user_id = (uint16_t)user_of(item, UINT16_MAX);
    flow->executable = text_of(item, "Executable");
    flow->commandline = text_of(item, "CommandLine");
}

static bool take_flow(struct decoder *d, const json_t *item)
{
    struct vd_flow *flow = element_add(d, &d->message->flows, sizeof *flow);

    if (flow != NULL) {
        vd_json_flow_read(item, flow);
    }
    return flow != NULL;
}

static bool take_ports(struct decoder *d, const json_t *item)
{
    const char *text = text_of(item, "LocalPort").data;
    uint16_t first;
    uint16_t last;

    while (vd_json_port_next(&text, &first, &last)) {
        struct vd_listening_port *port = element_add(d, &d->message->ports, sizeof *port);

        if (port == NULL) {
            return false;
        }
        port->local = address_of(item, "LocalAddress", &port->ipv6);
        port->port = first;
        port->port_last = last;
        port->protocol = protocol_of(item);
    }
    return true;
}

static bool take_system(struct decoder *d, const json_t *item)
{
    struct vd_system_information *system = element_add(d, &d->message->systems, sizeof *system);

    if (system == NULL) {
        return false;
    }
    system->os_info = text_of(item, "OSName");
    system->kernel_info = text_of(item, "OSVersion");
    system->hw_info = text_of(item, "OsArchitecture");
    return true;
}

static bool take_check(struct decoder *d, const json_t *item)
{
    /* Their places are the numbers of FlatBuffers. */
    static const char *const results[] = {"Pass", "Fail", "Err", NULL};
    static const char *const severities[] = {
        "Critical", "Important", "Warning", "Informational", NULL};
    struct vd_baseline_check *check = element_add(d, &d->message->checks, sizeof *check);

    if (check == NULL) {
        return false;
    }
    check->id = text_of(item, "CceId");
    check->error = text_of(item, "Error");
    check->description = text_of(item, "Description");
    check->result = place_of(item, "Result", results);
    check->severity = place_of(item, "Severity", severities);
    return true;
}

static bool take_process(struct decoder *d, const json_t *item)
{
    struct vd_process *process = element_add(d, &d->message->processes, sizeof *process);

    if (process == NULL) {
        return false;
    }
    process->executable = text_of(item, "Executable");
    process->user_name = text_of(item, "UserName");
    process->commandline = text_of(item, "CommandLine");
    process->process_id = number_of(item, "ProcessId", UINT32_MAX);
    process->parent_process_id = number_of(item, "ParentProcessId", UINT32_MAX);
    process->user_id = user_of(item, UINT32_MAX);
    process->hit_count = 1;
    process->event_type = json_object_get(item, "ExitStatus") != NULL ? 2 : 1;
    return true;
}

static bool take_record(struct decoder *d, const json_t *item)
{
    static const char *const severities[] = {
        "", "Fatal", "Error", "Warning", "Information", "Debug", NULL};
    struct vd_log_record *record = element_add(d, &d->message->records, sizeof *record);

    if (record == NULL) {
        return false;
    }
    record->message = text_of(item, "Message");
    record->filename = (struct vd_str){"", 0};
    record->level = place_of(item, "Severity", severities);
    return true;
}

/* What its items become; the count of the array's elements, NULL for a kind without one. */
struct form {
    bool (*take)(struct decoder *, const json_t *);
    const uint32_t *count;
};

static struct form form_of(const struct vd_security_message *m, enum vd_payload payload)
{
    switch (payload) {
    case VD_PAYLOAD_NETWORK_ACTIVITY:
        return (struct form){take_flow, &m->flows.count};
    case VD_PAYLOAD_LISTENING_PORTS:
        return (struct form){take_ports, &m->ports.count};
    case VD_PAYLOAD_SYSTEM_INFORMATION:
        return (struct form){take_system, &m->systems.count};
    case VD_PAYLOAD_BASELINE:
        return (struct form){take_check, &m->checks.count};
    case VD_PAYLOAD_PROCESS:
        return (struct form){take_process, &m->processes.count};
    case VD_PAYLOAD_LOG:
        return (struct form){take_record, &m->records.count};
    case VD_PAYLOAD_HEARTBEAT:
    case VD_PAYLOAD_ITEMS:
    case VD_PAYLOAD_UNKNOWN:
        break;
    }
    return (struct form){NULL, NULL};
}

static bool take_items(
    struct decoder *d, const struct vd_json_kind *kind, struct vd_security_event *event)
{
    const struct form form = form_of(d->message, kind->payload);
    json_t *item;
    size_t i;

    event->first = form.count != NULL ? *form.count : 0;
    json_array_foreach(event->items, i, item)
    {
        d->item = (uint32_t)i;
        if (!check_object(d, item, kind->fields, true) ||
            (form.take != NULL && !form.take(d, item))) {
            return false;
        }
    }
    d->item = PLACE_NONE;
    event->count = form.count != NULL ? *form.count - event->first : 0;
    return true;
}

/* ---- Events and the message ---- */

/* Seconds since 1970; 0 where they are not of these years. */
static uint32_t seconds_of(const json_t *object, const char *name)
{
    int64_t ms = 0;

    if (vd_time_parse(text_of(object, name).data, &ms) != VD_OK || ms < 0 ||
        ms / 1000 > UINT32_MAX) {
        return 0;
    }
    return (uint32_t)(ms / 1000);
}

/* What the members of an event say of each other. */
static bool check_rules(
    struct decoder *d, const struct vd_json_kind *kind, const struct vd_security_event *event)
{
    char text[96];

    if (!vd_str_equal_text(event->category, kind->category)) {
        snprintf(text, sizeof text, "of a %s is to be %s", kind->name, kind->category);
        return fault(d, "Category", text);
    }
    if (!vd_str_equal_text(event->type, kind->event_type)) {
        snprintf(text, sizeof text, "of a %s is to be %s", kind->name, kind->event_type);
        return fault(d, "EventType", text);
    }
    if (event->is_empty && strcmp(kind->category, "Triggered") == 0) {
        return fault(d, "IsEmpty", "is to be false for a triggered event");
    }
    if (!event->is_empty && json_array_size(event->items) == 0) {
        return fault(d, "Payload", "holds no item, and IsEmpty is false");
    }
    return true;
}

static bool take_event(struct decoder *d, json_t *object)
{
    const struct vd_json_kind *kind;
    struct vd_security_event event = {0};
    struct vd_security_event *kept;
    struct vd_str id;

    if (!check_object(d, object, vd_json_event_fields, false)) {
        return false;
    }
    id = text_of(object, "Id");
    event.name = text_of(object, "Name");
    event.type = text_of(object, "EventType");
    event.category = text_of(object, "Category");
    event.is_empty = json_is_true(json_object_get(object, "IsEmpty"));
    event.items = json_object_get(object, "Payload");
    event.time_s = seconds_of(object, "TimestampUTC");
    event.time_local = text_of(object, "TimestampLocal");
    kind = vd_json_kind_find(event.name.data);
    if (vd_uuid_parse(id.data, id.length, &event.id) != VD_OK) {
        return fault(d, "Id", "is to be a GUID of 36 characters");
    }
    if (kind == NULL) {
        return fault(d, "Name", "is the name of no kind of event");
    }
    event.payload = kind->payload;
    if (!check_rules(d, kind, &event) || !take_items(d, kind, &event)) {
        return false;
    }
    kept = element_add(d, &d->message->events, sizeof *kept);
    if (kept != NULL) {
        *kept = event;
    }
    return kept != NULL;
}

static bool take_message(struct decoder *d, json_t *root)
{
    const json_t *events;
    json_t *event;
    size_t i;

    if (!check_object(d, root, vd_json_message_fields, false)) {
        return false;
    }
    events = json_object_get(root, "Events");
    if (json_array_size(events) == 0) {
        return fault(d, "Events", "is to hold one event at least");
    }
    d->message->version_text = text_of(root, "AgentVersion");
    d->message->module_id = text_of(root, "AgentId");
    json_array_foreach(events, i, event)
    {
        d->event = (uint32_t)i;
        if (!take_event(d, event)) {
            return false;
        }
    }
    return true;
}

/* ---- Text ---- */

/* NULL: neither too deep nor too many objects and arrays for the parser, which takes memory for each. */
static const char *bounds_problem(struct vd_str body)
{
    uint32_t depth = 0;
    uint32_t containers = 0;
    bool in_text = false;

    for (size_t i = 0; i < body.length; i++) {
        const char c = body.data[i];

        if (in_text) {
            i += c == '\\' ? 1 : 0;
            in_text = c != '"';
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{' || c == '[') {
            if (++depth > VD_JSON_MESSAGE_DEPTH_MAX) {
                return "nested too deep";
            }
            if (++containers > VD_SECURITY_MESSAGE_ITEMS_MAX) {
                return "too many objects and arrays";
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return NULL;
}

static json_t *parse(struct decoder *d, struct vd_str body)
{
    const char *problem =
        body.length > VD_MESSAGE_BODY_MAX_BYTES ? "longer than 256 KiB" : bounds_problem(body);
    json_error_t where;
    json_t *root;

    if (problem != NULL) {
        fault(d, NULL, problem);
        return NULL;
    }
    root = json_loadb(body.data, body.length, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL && json_error_code(&where) == json_error_out_of_memory) {
        d->error = VD_E_NOMEM;
    } else if (root == NULL) {
        snprintf(d->reason, VD_DECODE_REASON_SIZE, "line %d, column %d: not JSON: %s", where.line,
            where.column, where.text);
        d->error = VD_E_INVALID;
    }
    return root;
}

bool vd_json_message_is(struct vd_str body)
{
    size_t i = 0;

    while (i < body.length && body.data[i] != '\0' && strchr(" \t\r\n", body.data[i]) != NULL) {
        i++;
    }
    return i < body.length && (body.data[i] == '{' || body.data[i] == '[') &&
        (body.length < 4 || body.data[3] != '\0');
}

int vd_json_message_decode(
    struct vd_security_message *message, struct vd_str body, char reason[VD_DECODE_REASON_SIZE])
{
    struct decoder d = {
        .message = message,
        .reason = reason,
        .event = PLACE_NONE,
        .item = PLACE_NONE,
        .items_left = VD_SECURITY_MESSAGE_ITEMS_MAX,
        .error = VD_OK,
    };

    vd_security_message_clear(message);
    message->document = parse(&d, body);
    if (message->document == NULL || !take_message(&d, message->document)) {
        vd_security_message_clear(message);
        return d.error;
    }
    return VD_OK;
}

/* Whether the media type is application/json, whatever its parameters. */
static bool is_json_type(const char *type)
{
    static const char json[] = "application/json";

    return strncasecmp(type, json, sizeof json - 1) == 0 &&
        (type[sizeof json - 1] == '\0' || strchr("; \t", type[sizeof json - 1]) != NULL);
}

int vd_device_message_decode(struct vd_security_message *message, struct vd_str properties,
    struct vd_str body, char reason[VD_DECODE_REASON_SIZE])
{
    char type[128] = "";
    int error;

    if (!vd_json_message_is(body)) {
        return vd_security_message_decode(message, body, reason);
    }
    error = vd_bag_find(properties, VD_PROPERTY_CONTENT_TYPE, type, sizeof type);
    if (error == VD_OK ? !is_json_type(type) : error != VD_E_NOT_FOUND) {
        vd_security_message_clear(message);
        snprintf(reason, VD_DECODE_REASON_SIZE,
            "the body is JSON, and its content type is not application/json");
        return VD_E_INVALID;
    }
    return vd_json_message_decode(message, body, reason);
}
