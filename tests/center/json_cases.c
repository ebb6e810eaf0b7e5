/* SPDX-License-Identifier: MIT */
/* The reference's table of kinds, written once more for the tests. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "center/decode/json_message.h"
#include "tests/center/json_cases.h"

#define NEEDS true
#define MAY   false

const struct json_kind json_kinds[JSON_KINDS] = {
    {"ConnectionCreate", "Triggered", "Security",
        {{"RemoteAddress", NEEDS, "ip"}, {"RemotePort", NEEDS, "port"}, {"LocalAddress", MAY, "ip"},
            {"LocalPort", MAY, "port"}, {"Direction", NEEDS, "In|Out"}, {"Protocol", NEEDS, "text"},
            {"ProcessId", NEEDS, "int"}, {"UserId", MAY, "text"}, {"Executable", NEEDS, "text"},
            {"CommandLine", MAY, "text"}}},
    {"ListeningPorts", "Periodic", "Security",
        {{"RemoteAddress", MAY, "ip"}, {"RemotePort", MAY, "port"}, {"LocalAddress", MAY, "ip"},
            {"LocalPort", NEEDS, "port"}, {"Protocol", NEEDS, "text"}}},
    {"Login", "Triggered", "Security",
        {{"ProcessId", NEEDS, "int"}, {"UserId", MAY, "text"}, {"UserName", MAY, "text"},
            {"Operation", NEEDS, "text"}, {"Executable", NEEDS, "text"},
            {"RemoteAddress", MAY, "ip"}, {"RemotePort", MAY, "port"}, {"LocalPort", MAY, "port"},
            {"Result", NEEDS, "Fail|Success"}}},
    {"ProcessCreate", "Triggered", "Security",
        {{"Executable", NEEDS, "text"}, {"ProcessId", NEEDS, "int"},
            {"ParentProcessId", NEEDS, "int"}, {"UserId", NEEDS, "text"}, {"UserName", MAY, "text"},
            {"CommandLine", NEEDS, "text"}}},
    {"ProcessTerminate", "Triggered", "Security",
        {{"Executable", NEEDS, "text"}, {"ProcessId", NEEDS, "int"}, {"ExitStatus", NEEDS, "int"}}},
    {"SystemInformation", "Periodic", "Security",
        {{"OSName", MAY, "text"}, {"OSVersion", MAY, "text"}, {"OSVendor", MAY, "text"},
            {"OsArchitecture", MAY, "text"}, {"HostName", MAY, "text"},
            {"BIOSVersion", MAY, "text"}, {"BootDevice", MAY, "text"},
            {"TotalPhysicalMemoryInKB", MAY, "int"}, {"FreePhysicalMemoryInKB", MAY, "int"},
            {"TotalVirtualMemoryInKB", MAY, "int"}, {"FreeVirtualMemoryInKB", MAY, "int"}}},
    {"LocalUsers", "Periodic", "Security",
        {{"GroupIds", NEEDS, "text"}, {"GroupNames", NEEDS, "text"}, {"UserId", NEEDS, "text"},
            {"UserName", NEEDS, "text"}}},
    {"FirewallConfiguration", "Periodic", "Security",
        {{"Enabled", NEEDS, "bool"}, {"Action", NEEDS, "Allow|Deny|Other"},
            {"Priority", MAY, "int"}, {"Direction", MAY, "text"}, {"ChainName", MAY, "text"},
            {"Application", MAY, "text"}, {"SourceAddress", MAY, "text"},
            {"SourcePort", MAY, "port"}, {"DestinationAddress", MAY, "text"},
            {"DestinationPort", MAY, "port"}, {"Protocol", MAY, "text"}}},
    {"ConnectedHardware", "Periodic", "Security",
        {{"HardwareCategory", NEEDS, "text"}, {"HardwareSubCategory", NEEDS, "text"},
            {"HardwareName", NEEDS, "text"}}},
    {"OSBaseline", "Periodic", "Security",
        {{"Description", NEEDS, "text"}, {"CceId", NEEDS, "text"},
            {"Result", NEEDS, "Pass|Fail|Err"}, {"Error", NEEDS, "text"},
            {"Severity", NEEDS, "Critical|Important|Warning|Informational"}}},
    {"Diagnostic", "Triggered", "Diagnostic",
        {{"Severity", NEEDS, "Fatal|Error|Warning|Information|Debug"}, {"Message", NEEDS, "text"},
            {"ProcessId", NEEDS, "int"}, {"ThreadId", NEEDS, "int"},
            {"CorrelationId", MAY, "guid"}}},
    {"ConfigurationError", "Triggered", "Operational",
        {{"ConfigurationName", NEEDS, "text"},
            {"ErrorType", NEEDS, "TypeMismatch|NotOptimal|Conflict"},
            {"UsedConfiguration", NEEDS, "text"}, {"Message", NEEDS, "text"}}},
    {"DroppedEventsStatistics", "Periodic", "Operational",
        {{"Queue", NEEDS, "High|Low"}, {"CollectedEvents", NEEDS, "int"},
            {"DroppedEvents", NEEDS, "int"}}},
    {"MessageStatistics", "Periodic", "Operational",
        {{"MessagesSent", NEEDS, "int"}, {"MessagesUnder4KB", NEEDS, "int"},
            {"TotalFailed", NEEDS, "int"}}},
};

const struct json_kind *json_kind_named(const char *name)
{
    for (size_t i = 0; i < JSON_KINDS; i++) {
        if (strcmp(json_kinds[i].name, name) == 0) {
            return &json_kinds[i];
        }
    }
    fail_msg("no kind is named %s", name);
    return NULL;
}

static json_t *value_new(const char *type)
{
    if (strcmp(type, "int") == 0) {
        return json_integer(7);
    }
    if (strcmp(type, "bool") == 0) {
        return json_true();
    }
    if (strcmp(type, "ip") == 0) {
        return json_string("192.0.2.7");
    }
    if (strcmp(type, "port") == 0) {
        return json_string("443");
    }
    if (strcmp(type, "guid") == 0) {
        return json_string("5f1d5b6c-8d6e-4a5e-9a39-3d5b8f5e0c11");
    }
    return strcmp(type, "text") == 0 ? json_string("a text")
                                     : json_stringn(type, strcspn(type, "|"));
}

json_t *json_item_new(const struct json_kind *kind, bool only_required)
{
    json_t *item = json_object();

    for (const struct json_member *m = kind->members; m->name != NULL; m++) {
        if (m->is_required || !only_required) {
            assert_int_equal(json_object_set_new(item, m->name, value_new(m->type)), 0);
        }
    }
    return item;
}

json_t *json_event_new(const struct json_kind *kind, unsigned id, json_t *items)
{
    char text[37];
    json_t *event;

    snprintf(text, sizeof text, "00000000-0000-4000-8000-%012x", id);
    event = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:o}", "Id", text, "TimestampLocal",
        "2025-11-24T17:00:00.000+01:00", "TimestampUTC", "2025-11-24T16:00:00.250Z", "Category",
        kind->category, "Name", kind->name, "EventType", kind->event_type, "IsEmpty", 0,
        "PayloadSchemaVersion", "1.0", "Payload",
        items != NULL ? items : json_pack("[o]", json_item_new(kind, false)));
    assert_non_null(event);
    return event;
}

json_t *json_message_new(json_t *events)
{
    json_t *message = json_pack("{s:s, s:s, s:s, s:o}", "AgentVersion", "1.2.3-beta", "AgentId",
        "6DFF0F76-4d4b-4b5e-8d3f-1d7a2c9e0b42", "MessageSchemaVersion", "1.0", "Events", events);

    assert_non_null(message);
    return message;
}

/* ---- Decoding ---- */

struct vd_security_message json_decoded;
char json_reason[VD_DECODE_REASON_SIZE];

int json_teardown(void **state)
{
    (void)state;
    vd_security_message_release(&json_decoded);
    return 0;
}

int json_decode_text(const char *text, size_t length)
{
    char *copy = malloc(length > 0 ? length : 1);
    int error;

    assert_non_null(copy);
    memcpy(copy, text, length);
    json_reason[0] = '\0';
    error = vd_json_message_decode(&json_decoded, (struct vd_str){copy, length}, json_reason);
    free(copy);
    if (error != VD_OK) {
        assert_int_equal(json_decoded.events.count, 0);
        assert_null(json_decoded.document);
        assert_true(json_reason[0] != '\0');
    }
    return error;
}

int json_decode(json_t *message)
{
    char *text = json_dumps(message, 0);
    int error;

    assert_non_null(text);
    error = json_decode_text(text, strlen(text));
    free(text);
    json_decref(message);
    return error;
}

int json_decode_event(json_t *event)
{
    return json_decode(json_message_new(json_pack("[o]", event)));
}

int json_decode_item(const struct json_kind *kind, json_t *item)
{
    return json_decode_event(json_event_new(kind, 1, json_pack("[o]", item)));
}

/* `error` is to be VD_E_INVALID, with this place and fault. */
void json_check_refused(int error, const char *expected)
{
    if (error != VD_E_INVALID || strcmp(json_reason, expected) != 0) {
        fail_msg("wanted \"%s\", got %d \"%s\"", expected, error, json_reason);
    }
}

void json_check_accepted(int error)
{
    if (error != VD_OK) {
        fail_msg("refused: %s", json_reason);
    }
}
