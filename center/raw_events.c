/* SPDX-License-Identifier: MIT */
/* EventDetails of each kind of event, in PascalCase as the table's users know it. */

#include "center/raw_events.h"

#include "lib/clock.h"
#include "lib/json_text.h"

#define VERSION_TEXT_SIZE 16

/* As the schema writes them: queries of the service of old ask for "FAIL" and "ERROR". */
static const char *const check_results[] = {"PASS", "FAIL", "ERROR"};
static const char *const check_severities[] = {"Critical", "Important", "Warning", "Informational"};
static const char *const process_types[] = {"Fork", "Exec", "Exit"};
static const char *const record_levels[] = {"NotSet", "Fatal", "Error", "Warn", "Info", "Debug"};

#define NAMES(table) table, sizeof table / sizeof table[0]

/* A value of an enumeration by its name, or as its number where a later version added one. */
static void append_enum(
    struct vd_buf *out, const char *name, const char *const *names, size_t count, uint8_t value)
{
    if (value < count) {
        vd_json_append_text_member(out, name, vd_str_from(names[value]));
    } else {
        vd_json_append_number_member(out, name, value);
    }
}

static void append_optional(struct vd_buf *out, const char *name, struct vd_str value)
{
    if (value.data != NULL) {
        vd_json_append_text_member(out, name, value);
    }
}

static void append_address(
    struct vd_buf *out, const char *name, const struct vd_address *address, bool ipv6)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(address, ipv6, text);
    vd_json_append_text_member(out, name, vd_str_from(text));
}

static void append_protocol(struct vd_buf *out, uint8_t protocol)
{
    char scratch[4];

    vd_json_append_text_member(out, "Protocol", vd_str_from(vd_protocol_name(protocol, scratch)));
}

static void details_system(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_system_information *s = vd_security_message_system(m, i);

    append_optional(out, "OSInfo", s->os_info);
    append_optional(out, "KernelInfo", s->kernel_info);
    append_optional(out, "HardwareInfo", s->hw_info);
}

static void details_port(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_listening_port *port = vd_security_message_port(m, i);

    append_address(out, "LocalAddress", &port->local, port->ipv6);
    vd_json_append_number_member(out, "LocalPort", port->port);
    append_protocol(out, port->protocol);
}

static void details_check(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_baseline_check *c = vd_security_message_check(m, i);

    vd_json_append_text_member(out, "Id", c->id);
    append_enum(out, "Result", NAMES(check_results), c->result);
    append_enum(out, "Severity", NAMES(check_severities), c->severity);
    append_optional(out, "Error", c->error);
    append_optional(out, "Description", c->description);
    append_optional(out, "Remediation", c->remediation);
}

static void details_process(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_process *p = vd_security_message_process(m, i);

    append_optional(out, "Executable", p->executable);
    append_optional(out, "CommandLine", p->commandline);
    vd_json_append_number_member(out, "ProcessId", p->process_id);
    vd_json_append_number_member(out, "ParentProcessId", p->parent_process_id);
    vd_json_append_number_member(out, "UserId", p->user_id);
    append_optional(out, "UserName", p->user_name);
    append_enum(out, "EventType", NAMES(process_types), p->event_type);
    vd_json_append_number_member(out, "HitCount", p->hit_count);
}

static void details_record(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_log_record *r = vd_security_message_record(m, i);

    vd_json_append_text_member(out, "Message", r->message);
    append_enum(out, "Level", NAMES(record_levels), r->level);
    vd_json_append_number_member(out, "Timestamp", r->timestamp);
    vd_json_append_text_member(out, "FileName", r->filename);
    vd_json_append_number_member(out, "Line", r->line);
}

/* `i`: the event's place in the message. */
static void details_overflow(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_overflow *overflow = &vd_security_message_event(m, i)->overflow;

    vd_json_append_number_member(out, "OverflowPackets", overflow->packets);
    vd_json_append_number_member(out, "OverflowBytesIn", overflow->bytes_in);
    vd_json_append_number_member(out, "OverflowBytesOut", overflow->bytes_out);
    vd_json_append_number_member(out, "OverflowFlows", overflow->flows);
}

static void details_ledger(struct vd_buf *out, const struct vd_security_message *m, uint32_t i)
{
    const struct vd_ledger *ledger = &m->ledger;

    (void)i;
    vd_json_append_number_member(out, "BootId", ledger->boot_id);
    vd_json_append_number_member(out, "Sequence", ledger->sequence);
    vd_json_append_number_member(out, "PacketsSeen", ledger->packets_seen);
    vd_json_append_number_member(out, "PacketsCounted", ledger->packets_counted);
    vd_json_append_number_member(out, "PacketsOverflowed", ledger->packets_overflowed);
    vd_json_append_number_member(out, "PacketsMalformed", ledger->packets_malformed);
    vd_json_append_number_member(out, "PacketsGivenUp", ledger->packets_given_up);
    vd_json_append_number_member(out, "PacketsWithheld", ledger->packets_withheld);
    vd_json_append_number_member(out, "MessagesKept", ledger->messages_kept);
    vd_json_append_number_member(out, "MessagesSent", ledger->messages_sent);
    vd_json_append_number_member(out, "MessagesGivenUp", ledger->messages_given_up);
}

typedef void (*details_fn)(struct vd_buf *, const struct vd_security_message *, uint32_t);

static details_fn details_of(enum vd_payload payload)
{
    switch (payload) {
    case VD_PAYLOAD_SYSTEM_INFORMATION:
        return details_system;
    case VD_PAYLOAD_LISTENING_PORTS:
        return details_port;
    case VD_PAYLOAD_BASELINE:
        return details_check;
    case VD_PAYLOAD_PROCESS:
        return details_process;
    case VD_PAYLOAD_LOG:
        return details_record;
    case VD_PAYLOAD_NETWORK_ACTIVITY:
    case VD_PAYLOAD_HEARTBEAT:
    case VD_PAYLOAD_ITEMS:
    case VD_PAYLOAD_UNKNOWN:
        break;
    }
    return NULL;
}

static int append_dumped(const char *text, size_t length, void *out)
{
    vd_buf_append(out, text, length);
    return 0;
}

/* Members of an object as it was sent. */
static bool details_item(struct vd_buf *out, const json_t *item)
{
    return json_dump_callback(item, append_dumped, out, JSON_COMPACT | JSON_EMBED) == 0;
}

/* So many stay from batch to batch in any case. */
#define KEEP_ROWS 1024

/* Room for one element more; NULL without memory. */
static void *grow(void *array, size_t count, size_t *capacity, size_t size)
{
    const size_t larger = *capacity != 0 ? *capacity * 2 : 256;

    if (count < *capacity) {
        return array;
    }
    array = realloc(array, larger * size);
    *capacity = array != NULL ? larger : *capacity;
    return array;
}

static struct vd_raw_event *raw_events_grow(struct vd_raw_events *out)
{
    struct vd_raw_event *rows = grow(out->rows, out->count, &out->capacity, sizeof *rows);

    if (rows == NULL) {
        return NULL;
    }
    out->rows = rows;
    return &rows[out->count];
}

static struct vd_flow_row *flows_grow(struct vd_raw_events *out)
{
    struct vd_flow_row *flows =
        grow(out->flows, out->flow_count, &out->flow_capacity, sizeof *flows);

    if (flows == NULL) {
        return NULL;
    }
    out->flows = flows;
    return &flows[out->flow_count];
}

/* The rows of one event under way. */
struct event_rows {
    struct vd_raw_events *out;
    const struct vd_raw_source *source;
    const struct vd_security_event *event;
    const struct vd_event_time *time;
    struct vd_raw_event row; /* what they share, and the kind of the next one */
};

/* What every row of the event says. */
static void append_others(const struct event_rows *rows, struct vd_buf *out)
{
    char text[VD_TIME_TEXT_SIZE];

    if (rows->source->module_id.length > 0) {
        vd_json_append_text_member(out, "ModuleId", rows->source->module_id);
    }
    append_optional(out, "TimestampLocal", rows->event->time_local);
    if (!rows->time->trusted) {
        vd_time_format(rows->time->device_ms, text);
        vd_json_append_text_member(out, "DeviceTime", vd_str_from(text));
    }
}

/* Writes to the scratch buffer what `details` (NULL: nothing) or the item sent says of item `i`, and what every row says. */
static void write_details(const struct event_rows *rows, details_fn details, uint32_t i)
{
    const json_t *item = json_array_get(rows->event->items, i);
    struct vd_buf *out = &rows->out->scratch;

    vd_buf_clear(out);
    vd_buf_append(out, "{", 1);
    if (details != NULL) {
        details(out, rows->source->message, i);
    }
    if (item != NULL && !details_item(out, item)) {
        out->error = VD_E_NOMEM;
    }
    if (rows->event->payload == VD_PAYLOAD_UNKNOWN && details == NULL) {
        vd_json_append_number_member(out, "PayloadType", rows->event->payload_type);
    }
    append_others(rows, out);
    vd_buf_append(out, "}", 1);
}

static bool add_row(struct event_rows *rows, details_fn details, uint32_t i)
{
    struct vd_raw_events *out = rows->out;
    struct vd_raw_event *slot = raw_events_grow(out);

    write_details(rows, details, i);
    rows->row.details = vd_arena_copy(&out->text, out->scratch.data, out->scratch.length);
    if (slot == NULL || out->scratch.error != VD_OK || rows->row.details.data == NULL ||
        rows->row.agent_version.data == NULL) {
        return false;
    }
    *slot = rows->row;
    out->count++;
    return true;
}

/* ---- Flows ---- */

static struct vd_str copy_address(
    struct vd_arena *arena, const struct vd_address *address, bool ipv6)
{
    char text[VD_ADDRESS_TEXT_SIZE];

    vd_address_format(address, ipv6, text);
    return vd_arena_copy(arena, text, strlen(text));
}

/* As JSON writes it; empty where it is absent. */
static struct vd_str copy_quoted(struct vd_raw_events *out, struct vd_str text)
{
    vd_buf_clear(&out->scratch);
    if (text.data != NULL) {
        vd_json_append_string(&out->scratch, text);
    }
    return vd_arena_copy(&out->text, out->scratch.data, out->scratch.length);
}

static struct vd_str copy_others(const struct event_rows *rows)
{
    struct vd_buf *scratch = &rows->out->scratch;

    vd_buf_clear(scratch);
    vd_buf_append(scratch, "{", 1); /* no comma comes before the first */
    append_others(rows, scratch);
    return scratch->error == VD_OK
        ? vd_arena_copy(&rows->out->text, scratch->data + 1, scratch->length - 1)
        : (struct vd_str){NULL, 0};
}

static bool add_flow(struct event_rows *rows, uint32_t i)
{
    const struct vd_flow *flow = vd_security_message_flow(rows->source->message, i);
    struct vd_arena *text = &rows->out->text;
    struct vd_flow_row *slot = flows_grow(rows->out);
    const bool has_process =
        flow->process_id != 0 || flow->user_id != 0 || flow->executable.data != NULL;
    char scratch[4];
    const char *protocol = vd_protocol_name(flow->protocol, scratch);
    const struct vd_flow_row row = {
        .time_generated_ms = rows->row.time_generated_ms,
        .timestamp_ms = rows->row.timestamp_ms,
        .id = rows->row.id,
        .device_id = rows->row.device_id,
        .agent_version = rows->row.agent_version,
        .local_address = copy_address(text, &flow->local, flow->ipv6),
        .remote_address = copy_address(text, &flow->remote, flow->ipv6),
        .protocol = vd_arena_copy(text, protocol, strlen(protocol)),
        .bytes_in = flow->bytes_in,
        .bytes_out = flow->bytes_out,
        .packets_in = flow->packets_in,
        .packets_out = flow->packets_out,
        .process_id = has_process ? flow->process_id : VD_FLOW_NONE,
        .user_id = has_process ? flow->user_id : VD_FLOW_NONE,
        .local_port = flow->local_port,
        .remote_port = flow->remote_port,
        .opened_by = flow->opened_by,
        .executable = copy_quoted(rows->out, flow->executable),
        .command_line = copy_quoted(rows->out, flow->commandline),
        .others = copy_others(rows),
    };

    if (slot == NULL || rows->out->scratch.error != VD_OK || row.agent_version.data == NULL ||
        row.local_address.data == NULL || row.remote_address.data == NULL ||
        row.protocol.data == NULL || row.executable.data == NULL || row.command_line.data == NULL ||
        row.others.data == NULL) {
        return false;
    }
    *slot = row;
    rows->out->flow_count++;
    return true;
}

/* What the event itself says: its items, then what overflowed; a row without either where there is none. */
static bool add_event_rows(struct event_rows *rows, uint32_t place)
{
    const struct vd_security_event *event = rows->event;
    const bool has_flows = event->payload == VD_PAYLOAD_NETWORK_ACTIVITY;
    details_fn details = details_of(event->payload);

    for (uint32_t i = event->first; i < event->first + event->count; i++) {
        if (!(has_flows ? add_flow(rows, i) : add_row(rows, details, i))) {
            return false;
        }
    }
    if (event->overflow.packets != 0) {
        return add_row(rows, details_overflow, place);
    }
    rows->row.is_empty = event->count == 0 && (has_flows || details != NULL);
    return event->count != 0 || add_row(rows, NULL, 0);
}

/* A row for each item as it was sent; a row without any where there is none. */
static bool add_sent_rows(struct event_rows *rows)
{
    const struct vd_security_event *event = rows->event;
    const size_t count = json_array_size(event->items);

    rows->row.name = vd_arena_copy(&rows->out->text, event->name.data, event->name.length);
    rows->row.type = vd_arena_copy(&rows->out->text, event->type.data, event->type.length);
    rows->row.category =
        vd_arena_copy(&rows->out->text, event->category.data, event->category.length);
    rows->row.is_empty = event->is_empty;
    if (rows->row.name.data == NULL || rows->row.type.data == NULL ||
        rows->row.category.data == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!add_row(rows, NULL, (uint32_t)i)) {
            return false;
        }
    }
    return count != 0 || add_row(rows, NULL, 0);
}

/* The first event carries the message's ledger: it is new exactly once. */
static bool add_ledger_row(struct event_rows *rows, uint32_t place)
{
    if (place != 0 || !rows->source->message->has_ledger) {
        return true;
    }
    rows->row.name = VD_STR_LITERAL("Ledger");
    rows->row.type = VD_STR_LITERAL("Diagnostic");
    rows->row.category = VD_STR_LITERAL("Periodic");
    rows->row.is_empty = false;
    return add_row(rows, details_ledger, 0);
}

static struct vd_str version_text(
    struct vd_raw_events *out, const struct vd_security_message *message)
{
    const uint32_t version = message->version;
    char text[VERSION_TEXT_SIZE];
    int length;

    if (message->version_text.data != NULL) {
        return vd_arena_copy(&out->text, message->version_text.data, message->version_text.length);
    }
    length = snprintf(
        text, sizeof text, "%u.%u.%u", version >> 24, version >> 16 & 0xff, version & 0xffff);

    return vd_arena_copy(&out->text, text, (size_t)length);
}

int vd_raw_events_add(struct vd_raw_events *out, const struct vd_raw_source *source,
    const struct vd_security_event *event, const struct vd_event_time *time)
{
    const size_t count_before = out->count;
    const size_t flows_before = out->flow_count;
    const uint32_t place = (uint32_t)(event - vd_security_message_event(source->message, 0));
    struct event_rows rows = {
        .out = out,
        .source = source,
        .event = event,
        .time = time,
        .row =
            {
                .time_generated_ms = source->enqueued_ms,
                .timestamp_ms = time->end_ms,
                .id = event->id,
                .device_id = source->device_id,
                .agent_version = version_text(out, source->message),
                .name = vd_str_from(vd_payload_name(event->payload)),
                .type = VD_STR_LITERAL("Security"),
                .category = event->payload == VD_PAYLOAD_PROCESS ? VD_STR_LITERAL("Triggered")
                                                                 : VD_STR_LITERAL("Periodic"),
            },
    };

    if (!(event->items != NULL ? add_sent_rows(&rows) : add_event_rows(&rows, place)) ||
        !add_ledger_row(&rows, place)) {
        out->count = count_before;
        out->flow_count = flows_before;
        return VD_E_NOMEM;
    }
    return VD_OK;
}

/* Gives an array back of which less than a quarter was used, if it is a large one: a burst has made it so. */
static void *settle(void *array, size_t count, size_t *capacity)
{
    if (*capacity <= KEEP_ROWS || count >= *capacity / 4) {
        return array;
    }
    free(array);
    *capacity = 0;
    return NULL;
}

void vd_raw_events_clear(struct vd_raw_events *out)
{
    out->rows = settle(out->rows, out->count, &out->capacity);
    out->flows = settle(out->flows, out->flow_count, &out->flow_capacity);
    out->count = 0;
    out->flow_count = 0;
    vd_arena_reset(&out->text);
}

void vd_raw_events_release(struct vd_raw_events *out)
{
    free(out->rows);
    free(out->flows);
    vd_arena_release(&out->text);
    vd_buf_release(&out->scratch);
    *out = (struct vd_raw_events){0};
}
