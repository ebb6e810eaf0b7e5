/* SPDX-License-Identifier: MIT */
/* flatc turns a message into JSON, jansson reads that. */

#include "tests/agent/decode.h"

#include <jansson.h>
#include <unistd.h>

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "decode: %s\n", what);
        abort();
    }
}

static json_t *to_json(const uint8_t *message, uint32_t length)
{
    char folder[] = "/tmp/vedette-decode-XXXXXX";
    char path[64], text[64], command[1024];
    json_error_t error;
    json_t *json;
    FILE *file;

    must(mkdtemp(folder) != NULL, "mkdtemp");
    snprintf(path, sizeof path, "%s/message.bin", folder);
    snprintf(text, sizeof text, "%s/message.json", folder);
    file = fopen(path, "wb");
    must(file != NULL && fwrite(message, 1, length, file) == length, "write");
    must(fclose(file) == 0, "write");
    snprintf(command, sizeof command,
        "flatc --json --strict-json --defaults-json --raw-binary -o %s "
        "%s/proto/security_message.fbs -- %s",
        folder, VD_SOURCE_DIR, path);
    must(system(command) == 0, "flatc refuses the message");
    json = json_load_file(text, 0, &error);
    must(json != NULL, error.text);
    unlink(path);
    unlink(text);
    rmdir(folder);
    return json;
}

static uint64_t number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    must(json_is_integer(value) && json_integer_value(value) >= 0, name);
    return (uint64_t)json_integer_value(value);
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

/* The four bytes of a word as they lie in the little-endian message. */
static void word_bytes(const json_t *word, uint8_t out[4])
{
    uint64_t value = (uint64_t)json_integer_value(word);

    must(json_is_integer(word), "an address word");
    for (int i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> 8 * i);
    }
}

static void address_bytes(const json_t *object, const char *name, bool ipv6, uint8_t out[16])
{
    const json_t *value = json_object_get(object, name);

    memset(out, 0, 16);
    if (!ipv6) {
        word_bytes(value, out);
        return;
    }
    must(json_array_size(value) == 4, name);
    for (size_t i = 0; i < 4; i++) {
        word_bytes(json_array_get(value, i), out + 4 * i);
    }
}

static bool same_ends(const struct decode_flow *a, const struct decode_flow *b)
{
    return a->ipv6 == b->ipv6 && a->protocol == b->protocol && a->local_port == b->local_port &&
        a->remote_port == b->remote_port && memcmp(a->local, b->local, 16) == 0 &&
        memcmp(a->remote, b->remote, 16) == 0;
}

const struct decode_flow *decode_find(const struct decode_sum *sum, const struct decode_flow *like)
{
    for (unsigned i = 0; i < sum->flow_count; i++) {
        if (same_ends(&sum->flows[i], like)) {
            return &sum->flows[i];
        }
    }
    return NULL;
}

static enum decode_protocol protocol_of(const json_t *common)
{
    static const char *const names[] = {"TCP", "UDP", "ICMP"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(text(common, "protocol"), names[i]) == 0) {
            return (enum decode_protocol)i;
        }
    }
    must(false, "protocol");
    return DECODE_TCP;
}

static void add_flow(struct decode_sum *sum, const json_t *item, bool ipv6)
{
    const json_t *addresses = json_object_get(item, "addresses");
    const json_t *common = json_object_get(item, "common");
    struct decode_flow flow = {.ipv6 = ipv6, .protocol = protocol_of(common)};
    struct decode_flow *known;

    address_bytes(addresses, "local_address", ipv6, flow.local);
    address_bytes(addresses, "remote_address", ipv6, flow.remote);
    flow.local_port = (uint16_t)number(common, "local_port");
    flow.remote_port = (uint16_t)number(common, "remote_port");
    known = (struct decode_flow *)(uintptr_t)decode_find(sum, &flow);
    if (known == NULL) {
        must(sum->flow_count < DECODE_FLOWS_MAX, "too many flows");
        known = &sum->flows[sum->flow_count++];
        *known = flow;
    }
    known->bytes_in += number(common, "bytes_in");
    known->bytes_out += number(common, "bytes_out");
    known->packets_in += number(common, "packets_in");
    known->packets_out += number(common, "packets_out");
}

static void add_network(struct decode_sum *sum, const json_t *payload)
{
    static const char *const lists[] = {"ipv4_activity", "ipv6_activity"};

    sum->network++;
    for (int family = 0; family < 2; family++) {
        const json_t *list = json_object_get(payload, lists[family]);

        for (size_t i = 0; i < json_array_size(list); i++) {
            add_flow(sum, json_array_get(list, i), family == 1);
        }
    }
}

/* True if the event was there before, as when a message is sent again. */
static bool is_repeated(struct decode_sum *sum, const json_t *event)
{
    const json_t *bytes = json_object_get(json_object_get(event, "id"), "bytes");
    uint8_t id[16];

    must(json_array_size(bytes) == sizeof id, "an event's id");
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)json_integer_value(json_array_get(bytes, i));
    }
    for (unsigned i = 0; i < sum->events; i++) {
        if (memcmp(sum->ids[i], id, sizeof id) == 0) {
            return true;
        }
    }
    must(sum->events < DECODE_EVENTS_MAX, "too many events");
    memcpy(sum->ids[sum->events++], id, sizeof id);
    return false;
}

static void add_event(struct decode_sum *sum, const json_t *event)
{
    const json_t *payload = json_object_get(event, "payload");
    const char *type = text(event, "payload_type");

    if (is_repeated(sum, event)) {
        sum->repeated++;
    } else if (strcmp(type, "NetworkActivity") == 0) {
        add_network(sum, payload);
    } else if (strcmp(type, "Heartbeat") == 0) {
        sum->heartbeat++;
    } else if (strcmp(type, "SystemInformation") == 0) {
        sum->system++;
        snprintf(sum->os, sizeof sum->os, "%s", text(payload, "os_info"));
        snprintf(sum->kernel, sizeof sum->kernel, "%s", text(payload, "kernel_info"));
        snprintf(sum->hw, sizeof sum->hw, "%s", text(payload, "hw_info"));
    } else {
        must(false, type);
    }
}

/* A message that was sent again has the ledger that it had. */
static void add_ledger(struct decode_ledger *sum, const json_t *ledger)
{
    const uint64_t sequence = number(ledger, "sequence");

    if (sequence > sum->sequence) {
        sum->sequence = sequence;
        sum->seen += number(ledger, "packets_seen");
        sum->counted += number(ledger, "packets_counted");
        sum->overflowed += number(ledger, "packets_overflowed");
    }
}

void decode_add(struct decode_sum *sum, const uint8_t *message, uint32_t length)
{
    json_t *json = to_json(message, length);
    const json_t *events = json_object_get(json, "events");

    snprintf(sum->module_id, sizeof sum->module_id, "%s", text(json, "security_module_id"));
    must(json_array_size(events) > 0, "a message without events");
    add_ledger(&sum->ledger, json_object_get(json, "ledger"));
    for (size_t i = 0; i < json_array_size(events); i++) {
        add_event(sum, json_array_get(events, i));
    }
    json_decref(json);
}
