/* SPDX-License-Identifier: MIT */
/* From the tables of a security message to arrays of plain structs, with the place of the first fault. */

#include "center/decode/security_message.h"

#include <stddef.h>

#include "center/decode/flatbuffer.h"
#include "center/limits.h"

/* Field ids of the wire page. */
enum {
    MESSAGE_MODULE_ID = 0,
    MESSAGE_MODULE_VERSION = 1,
    MESSAGE_TIMEZONE = 2,
    MESSAGE_EVENTS = 3,
    MESSAGE_LEDGER = 4,

    EVENT_ID = 0,
    EVENT_TIME = 1,
    EVENT_INTERVAL = 2,
    EVENT_PAYLOAD_TYPE = 3,
    EVENT_PAYLOAD = 4,

    NETWORK_IPV4 = 0,
    NETWORK_IPV6 = 1,
    NETWORK_OVERFLOW_PACKETS = 2,
    NETWORK_OVERFLOW_BYTES_IN = 3,
    NETWORK_OVERFLOW_BYTES_OUT = 4,
    NETWORK_OVERFLOW_FLOWS = 5,
    FLOW_ADDRESSES = 0,
    FLOW_COMMON = 1,
    COMMON_LOCAL_PORT = 0,
    COMMON_REMOTE_PORT = 1,
    COMMON_BYTES_IN = 2,
    COMMON_BYTES_OUT = 3,
    COMMON_PROTOCOL = 4,
    COMMON_PROCESS_ID = 5,
    COMMON_USER_ID = 6,
    COMMON_EXECUTABLE = 7,
    COMMON_COMMANDLINE = 8,
    COMMON_PACKETS_IN = 9,
    COMMON_PACKETS_OUT = 10,
    COMMON_OPENED_BY = 11,

    SYSTEM_OS = 0,
    SYSTEM_KERNEL = 1,
    SYSTEM_HARDWARE = 2,

    PORTS_IPV4 = 0,
    PORTS_IPV6 = 1,

    BASELINE_CHECKS = 0,
    CHECK_ID = 0,
    CHECK_RESULT = 1,
    CHECK_ERROR = 2,
    CHECK_DESCRIPTION = 3,
    CHECK_SEVERITY = 4,
    CHECK_REMEDIATION = 5,

    PROCESS_EXECUTABLE = 0,
    PROCESS_ID = 1,
    PROCESS_PARENT_ID = 2,
    PROCESS_USER_ID = 3,
    PROCESS_USER_NAME = 4,
    PROCESS_COMMANDLINE = 5,
    PROCESS_EVENT_TYPE = 6,
    PROCESS_HIT_COUNT = 7,

    LOG_RECORDS = 0,
    RECORD_MESSAGE = 0,
    RECORD_LEVEL = 1,
    RECORD_TIMESTAMP = 2,
    RECORD_LINE = 3,
    RECORD_FILENAME = 4,
};

#define UUID_BYTES          16
#define ADDRESSES_V4_BYTES  8
#define ADDRESSES_V6_BYTES  32
#define PORT_V4_BYTES       8
#define PORT_V6_BYTES       20
#define LEDGER_BYTES        44
#define VECTOR_OFFSET_BYTES 4
#define PATH_DEPTH          6
#define PATH_INDEX_NONE     UINT32_MAX

/* Where the decoder stands, for the reason of a fault. */
struct path_step {
    const char *name;
    uint32_t index;
};

struct decoder {
    struct vd_fb fb;
    struct vd_security_message *message;
    struct path_step path[PATH_DEPTH];
    unsigned depth;
    uint32_t items_left;
    bool out_of_memory;
};

static void step_in(struct decoder *d, const char *name, uint32_t index)
{
    d->path[d->depth++] = (struct path_step){name, index};
}

static void step_out(struct decoder *d)
{
    d->depth--;
}

/* Names the field at which it failed and passes the failure on. */
static bool at_field(struct decoder *d, const char *name, bool ok)
{
    if (!ok) {
        step_in(d, name, PATH_INDEX_NONE);
    }
    return ok;
}

static bool fault(struct decoder *d, const char *problem)
{
    d->fb.problem = problem;
    return false;
}

static bool missing(struct decoder *d, const char *name)
{
    fault(d, "required but absent");
    return at_field(d, name, false);
}

/* A zeroed new element; NULL with the reason set when there may be none. */
static void *array_add(struct decoder *d, struct vd_decoded_array *array, size_t element_size)
{
    void *element;

    if (d->items_left == 0) {
        fault(d, "too many items");
        return NULL;
    }
    element = vd_decoded_array_add(array, element_size);
    d->out_of_memory = element == NULL;
    d->items_left--;
    return element;
}

static bool required_string(struct decoder *d, const struct vd_fb_table *table, unsigned id,
    const char *name, struct vd_str *out)
{
    if (!at_field(d, name, vd_fb_string(&d->fb, table, id, out))) {
        return false;
    }
    return out->data != NULL ? true : missing(d, name);
}

static bool optional_string(struct decoder *d, const struct vd_fb_table *table, unsigned id,
    const char *name, struct vd_str *out)
{
    return at_field(d, name, vd_fb_string(&d->fb, table, id, out));
}

static bool u8_field(
    struct decoder *d, const struct vd_fb_table *table, unsigned id, const char *name, uint8_t *out)
{
    return at_field(d, name, vd_fb_u8(&d->fb, table, id, 0, out));
}

static bool u16_field(struct decoder *d, const struct vd_fb_table *table, unsigned id,
    const char *name, uint16_t *out)
{
    return at_field(d, name, vd_fb_u16(&d->fb, table, id, out));
}

static bool u32_field(struct decoder *d, const struct vd_fb_table *table, unsigned id,
    const char *name, uint32_t *out)
{
    return at_field(d, name, vd_fb_u32(&d->fb, table, id, 0, out));
}

/* ---- NetworkActivity ---- */

static bool decode_common(struct decoder *d, const struct vd_fb_table *table, struct vd_flow *flow)
{
    return u16_field(d, table, COMMON_LOCAL_PORT, "local_port", &flow->local_port) &&
        u16_field(d, table, COMMON_REMOTE_PORT, "remote_port", &flow->remote_port) &&
        u32_field(d, table, COMMON_BYTES_IN, "bytes_in", &flow->bytes_in) &&
        u32_field(d, table, COMMON_BYTES_OUT, "bytes_out", &flow->bytes_out) &&
        u8_field(d, table, COMMON_PROTOCOL, "protocol", &flow->protocol) &&
        u16_field(d, table, COMMON_PROCESS_ID, "process_id", &flow->process_id) &&
        u16_field(d, table, COMMON_USER_ID, "user_id", &flow->user_id) &&
        optional_string(d, table, COMMON_EXECUTABLE, "executable", &flow->executable) &&
        optional_string(d, table, COMMON_COMMANDLINE, "commandline", &flow->commandline) &&
        u32_field(d, table, COMMON_PACKETS_IN, "packets_in", &flow->packets_in) &&
        u32_field(d, table, COMMON_PACKETS_OUT, "packets_out", &flow->packets_out) &&
        u8_field(d, table, COMMON_OPENED_BY, "opened_by", &flow->opened_by);
}

static bool decode_addresses(
    struct decoder *d, const struct vd_fb_table *table, bool ipv6, struct vd_flow *flow)
{
    const uint8_t *addresses = NULL;
    uint32_t size = ipv6 ? ADDRESSES_V6_BYTES : ADDRESSES_V4_BYTES;

    if (!at_field(
            d, "addresses", vd_fb_struct(&d->fb, table, FLOW_ADDRESSES, size, 4, &addresses))) {
        return false;
    }
    if (addresses == NULL) {
        return missing(d, "addresses");
    }
    flow->ipv6 = ipv6;
    if (ipv6) {
        memcpy(flow->local.bytes, addresses, 16);
        memcpy(flow->remote.bytes, addresses + 16, 16);
    } else {
        flow->local = vd_address_from_ipv4(addresses);
        flow->remote = vd_address_from_ipv4(addresses + 4);
    }
    return true;
}

static bool decode_flow(struct decoder *d, const struct vd_fb_table *table, bool ipv6)
{
    struct vd_flow *flow = array_add(d, &d->message->flows, sizeof *flow);
    struct vd_fb_table common;
    bool present;

    if (flow == NULL || !decode_addresses(d, table, ipv6, flow) ||
        !at_field(d, "common", vd_fb_table(&d->fb, table, FLOW_COMMON, &common, &present))) {
        return false;
    }
    if (!present) {
        return missing(d, "common");
    }
    step_in(d, "common", PATH_INDEX_NONE);
    if (!decode_common(d, &common, flow)) {
        return false;
    }
    step_out(d);
    return true;
}

/* Decodes each table of the vector in field `id` with `element`. */
static bool decode_tables(struct decoder *d, const struct vd_fb_table *table, unsigned id,
    const char *name, bool (*element)(struct decoder *, const struct vd_fb_table *, bool),
    bool flag)
{
    struct vd_fb_vector vector;
    struct vd_fb_table child;
    bool present;

    if (!at_field(
            d, name, vd_fb_vector(&d->fb, table, id, VECTOR_OFFSET_BYTES, &vector, &present))) {
        return false;
    }
    for (uint32_t i = 0; i < vector.count; i++) {
        step_in(d, name, i);
        if (!vd_fb_vector_table(&d->fb, &vector, i, &child) || !element(d, &child, flag)) {
            return false;
        }
        step_out(d);
    }
    return true;
}

static bool decode_network_activity(struct decoder *d, const struct vd_fb_table *table)
{
    return decode_tables(d, table, NETWORK_IPV4, "ipv4_activity", decode_flow, false) &&
        decode_tables(d, table, NETWORK_IPV6, "ipv6_activity", decode_flow, true);
}

static bool decode_overflow(
    struct decoder *d, const struct vd_fb_table *table, struct vd_overflow *out)
{
    return u32_field(d, table, NETWORK_OVERFLOW_PACKETS, "overflow_packets", &out->packets) &&
        u32_field(d, table, NETWORK_OVERFLOW_BYTES_IN, "overflow_bytes_in", &out->bytes_in) &&
        u32_field(d, table, NETWORK_OVERFLOW_BYTES_OUT, "overflow_bytes_out", &out->bytes_out) &&
        u32_field(d, table, NETWORK_OVERFLOW_FLOWS, "overflow_flows", &out->flows);
}

/* ---- The other payloads ---- */

static bool decode_system(struct decoder *d, const struct vd_fb_table *table)
{
    struct vd_system_information *s = array_add(d, &d->message->systems, sizeof *s);

    return s != NULL && optional_string(d, table, SYSTEM_OS, "os_info", &s->os_info) &&
        optional_string(d, table, SYSTEM_KERNEL, "kernel_info", &s->kernel_info) &&
        optional_string(d, table, SYSTEM_HARDWARE, "hw_info", &s->hw_info);
}

static bool decode_ports_of(struct decoder *d, const struct vd_fb_table *table, bool ipv6)
{
    const char *name = ipv6 ? "ipv6_ports" : "ipv4_ports";
    uint32_t size = ipv6 ? PORT_V6_BYTES : PORT_V4_BYTES;
    uint32_t address_bytes = ipv6 ? 16 : 4;
    struct vd_fb_vector vector;
    bool present;

    if (!at_field(d, name,
            vd_fb_vector(&d->fb, table, ipv6 ? PORTS_IPV6 : PORTS_IPV4, size, &vector, &present))) {
        return false;
    }
    for (uint32_t i = 0; i < vector.count; i++) {
        struct vd_listening_port *port = array_add(d, &d->message->ports, sizeof *port);
        const uint8_t *at = vd_fb_vector_struct(&d->fb, &vector, i, size);

        if (port == NULL) {
            return at_field(d, name, false);
        }
        port->ipv6 = ipv6;
        if (ipv6) {
            memcpy(port->local.bytes, at, 16);
        } else {
            port->local = vd_address_from_ipv4(at);
        }
        port->port = vd_fb_load_u16(at + address_bytes);
        port->port_last = port->port;
        port->protocol = at[address_bytes + 2];
    }
    return true;
}

static bool decode_ports(struct decoder *d, const struct vd_fb_table *table)
{
    return decode_ports_of(d, table, false) && decode_ports_of(d, table, true);
}

static bool decode_check(struct decoder *d, const struct vd_fb_table *table, bool unused)
{
    struct vd_baseline_check *c = array_add(d, &d->message->checks, sizeof *c);

    (void)unused;
    return c != NULL && required_string(d, table, CHECK_ID, "id", &c->id) &&
        u8_field(d, table, CHECK_RESULT, "result", &c->result) &&
        optional_string(d, table, CHECK_ERROR, "error", &c->error) &&
        optional_string(d, table, CHECK_DESCRIPTION, "description", &c->description) &&
        u8_field(d, table, CHECK_SEVERITY, "severity", &c->severity) &&
        optional_string(d, table, CHECK_REMEDIATION, "remediation", &c->remediation);
}

static bool decode_baseline(struct decoder *d, const struct vd_fb_table *table)
{
    return decode_tables(d, table, BASELINE_CHECKS, "baseline_checks", decode_check, false);
}

static bool decode_process(struct decoder *d, const struct vd_fb_table *table)
{
    struct vd_process *p = array_add(d, &d->message->processes, sizeof *p);

    return p != NULL &&
        optional_string(d, table, PROCESS_EXECUTABLE, "executable", &p->executable) &&
        u32_field(d, table, PROCESS_ID, "process_id", &p->process_id) &&
        u32_field(d, table, PROCESS_PARENT_ID, "parent_process_id", &p->parent_process_id) &&
        u32_field(d, table, PROCESS_USER_ID, "user_id", &p->user_id) &&
        optional_string(d, table, PROCESS_USER_NAME, "user_name", &p->user_name) &&
        optional_string(d, table, PROCESS_COMMANDLINE, "commandline", &p->commandline) &&
        u8_field(d, table, PROCESS_EVENT_TYPE, "event_type", &p->event_type) &&
        at_field(d, "hit_count", vd_fb_u32(&d->fb, table, PROCESS_HIT_COUNT, 1, &p->hit_count));
}

static bool decode_record(struct decoder *d, const struct vd_fb_table *table, bool unused)
{
    struct vd_log_record *r = array_add(d, &d->message->records, sizeof *r);

    (void)unused;
    return r != NULL && required_string(d, table, RECORD_MESSAGE, "message", &r->message) &&
        u8_field(d, table, RECORD_LEVEL, "level", &r->level) &&
        at_field(d, "timestamp", vd_fb_u64(&d->fb, table, RECORD_TIMESTAMP, &r->timestamp)) &&
        u32_field(d, table, RECORD_LINE, "line", &r->line) &&
        required_string(d, table, RECORD_FILENAME, "filename", &r->filename);
}

static bool decode_log(struct decoder *d, const struct vd_fb_table *table)
{
    return decode_tables(d, table, LOG_RECORDS, "logs", decode_record, false);
}

static bool decode_heartbeat(struct decoder *d, const struct vd_fb_table *table)
{
    (void)d;
    (void)table;
    return true;
}

/* ---- Events and the message ---- */

struct payload_kind {
    bool (*decode)(struct decoder *, const struct vd_fb_table *);
    size_t array; /* offset of its items' array in the message; 0: it has none */
};

/* Indexed by the union's type on the wire. */
static const struct payload_kind payload_kinds[] = {
    [VD_PAYLOAD_NETWORK_ACTIVITY] = {decode_network_activity,
        offsetof(struct vd_security_message, flows)},
    [VD_PAYLOAD_SYSTEM_INFORMATION] = {decode_system,
        offsetof(struct vd_security_message, systems)},
    [VD_PAYLOAD_LISTENING_PORTS] = {decode_ports, offsetof(struct vd_security_message, ports)},
    [VD_PAYLOAD_HEARTBEAT] = {decode_heartbeat, 0},
    [VD_PAYLOAD_BASELINE] = {decode_baseline, offsetof(struct vd_security_message, checks)},
    [VD_PAYLOAD_PROCESS] = {decode_process, offsetof(struct vd_security_message, processes)},
    [VD_PAYLOAD_LOG] = {decode_log, offsetof(struct vd_security_message, records)},
};

#define PAYLOAD_KINDS (sizeof payload_kinds / sizeof payload_kinds[0])

static uint32_t items_of(const struct decoder *d, const struct payload_kind *kind)
{
    const struct vd_decoded_array *array;

    if (kind->array == 0) {
        return 0;
    }
    array = (const struct vd_decoded_array *)(const void *)((const char *)d->message + kind->array);
    return array->count;
}

static bool decode_payload(
    struct decoder *d, const struct vd_fb_table *table, struct vd_security_event *event)
{
    const struct payload_kind *kind = &payload_kinds[event->payload_type];
    struct vd_fb_table payload;
    bool present;

    if (!at_field(d, "payload", vd_fb_table(&d->fb, table, EVENT_PAYLOAD, &payload, &present))) {
        return false;
    }
    if (!present) {
        return missing(d, "payload");
    }
    event->payload = (enum vd_payload)event->payload_type;
    event->first = items_of(d, kind);
    step_in(d, "payload", PATH_INDEX_NONE);
    if (!kind->decode(d, &payload) ||
        (event->payload == VD_PAYLOAD_NETWORK_ACTIVITY &&
            !decode_overflow(d, &payload, &event->overflow))) {
        return false;
    }
    step_out(d);
    event->count = items_of(d, kind) - event->first;
    return true;
}

static bool decode_event(struct decoder *d, const struct vd_fb_table *table, bool unused)
{
    struct vd_security_event event = {.payload = VD_PAYLOAD_UNKNOWN};
    struct vd_security_event *kept;
    const uint8_t *id = NULL;

    (void)unused;
    if (!at_field(d, "id", vd_fb_struct(&d->fb, table, EVENT_ID, UUID_BYTES, 1, &id))) {
        return false;
    }
    if (id == NULL) {
        return missing(d, "id");
    }
    memcpy(event.id.bytes, id, UUID_BYTES);
    if (!u32_field(d, table, EVENT_TIME, "time", &event.time_s) ||
        !u32_field(d, table, EVENT_INTERVAL, "collection_interval", &event.interval_s) ||
        !u8_field(d, table, EVENT_PAYLOAD_TYPE, "payload_type", &event.payload_type)) {
        return false;
    }
    if (event.payload_type == 0) {
        return missing(d, "payload");
    }
    /* A type of a later version: nothing is known of what it points at, so that is left alone. */
    if (event.payload_type < PAYLOAD_KINDS && !decode_payload(d, table, &event)) {
        return false;
    }
    kept = array_add(d, &d->message->events, sizeof *kept);
    if (kept == NULL) {
        return false;
    }
    *kept = event;
    return true;
}

static bool decode_ledger(struct decoder *d, const struct vd_fb_table *root)
{
    struct vd_ledger *ledger = &d->message->ledger;
    /* In the order of the wire. */
    uint32_t *const words[LEDGER_BYTES / 4] = {&ledger->boot_id, &ledger->sequence,
        &ledger->packets_seen, &ledger->packets_counted, &ledger->packets_overflowed,
        &ledger->packets_malformed, &ledger->packets_given_up, &ledger->packets_withheld,
        &ledger->messages_kept, &ledger->messages_sent, &ledger->messages_given_up};
    const uint8_t *at = NULL;

    if (!at_field(d, "ledger", vd_fb_struct(&d->fb, root, MESSAGE_LEDGER, LEDGER_BYTES, 4, &at))) {
        return false;
    }
    for (size_t i = 0; at != NULL && i < LEDGER_BYTES / 4; i++) {
        *words[i] = vd_fb_load_u32(at + 4 * i);
    }
    d->message->has_ledger = at != NULL;
    return true;
}

static bool decode_message(struct decoder *d, struct vd_str body)
{
    struct vd_security_message *m = d->message;
    struct vd_fb_table root;
    struct vd_fb_vector events;
    uint8_t zone;
    bool present;

    if (!vd_fb_init(
            &d->fb, body, VD_SECURITY_MESSAGE_TABLES_MAX, VD_SECURITY_MESSAGE_STRING_BYTES_MAX) ||
        !vd_fb_root(&d->fb, &root) ||
        !required_string(d, &root, MESSAGE_MODULE_ID, "security_module_id", &m->module_id) ||
        !u32_field(d, &root, MESSAGE_MODULE_VERSION, "security_module_version", &m->version) ||
        !u8_field(d, &root, MESSAGE_TIMEZONE, "timezone", &zone)) {
        return false;
    }
    m->timezone = (int8_t)zone;
    if (!decode_ledger(d, &root) ||
        !at_field(d, "events",
            vd_fb_vector(&d->fb, &root, MESSAGE_EVENTS, VECTOR_OFFSET_BYTES, &events, &present))) {
        return false;
    }
    if (!present) {
        return missing(d, "events");
    }
    return decode_tables(d, &root, MESSAGE_EVENTS, "events", decode_event, false);
}

static void write_reason(const struct decoder *d, char reason[VD_DECODE_REASON_SIZE])
{
    struct vd_buf text = {.max = VD_DECODE_REASON_SIZE * 4};

    for (unsigned i = 0; i < d->depth; i++) {
        vd_buf_printf(&text, i == 0 ? "%s" : ".%s", d->path[i].name);
        if (d->path[i].index != PATH_INDEX_NONE) {
            vd_buf_printf(&text, "[%u]", d->path[i].index);
        }
    }
    snprintf(reason, VD_DECODE_REASON_SIZE, "%.*s%s%s", (int)text.length,
        text.length > 0 ? (const char *)text.data : "",
        d->depth > 0 ? ": " : "not a message: ", d->fb.problem != NULL ? d->fb.problem : "");
    vd_buf_release(&text);
}

int vd_security_message_decode(
    struct vd_security_message *message, struct vd_str body, char reason[VD_DECODE_REASON_SIZE])
{
    struct decoder d = {.message = message, .items_left = VD_SECURITY_MESSAGE_ITEMS_MAX};

    vd_security_message_clear(message);
    if (decode_message(&d, body)) {
        return VD_OK;
    }
    vd_security_message_clear(message);
    if (d.out_of_memory) {
        return VD_E_NOMEM;
    }
    if (body.length == 0) {
        snprintf(reason, VD_DECODE_REASON_SIZE, "empty body");
    } else {
        write_reason(&d, reason);
    }
    return VD_E_INVALID;
}
