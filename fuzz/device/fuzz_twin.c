/* SPDX-License-Identifier: MIT */
/* Gives any bytes as twin documents: whole, patch, in turn; nothing is half applied, reports are whole. */

#include <string.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "fuzz/device/input.h"
#include "fuzz/replay.h"
#include "tests/device/device_test.h"

/* Ends one document and begins the next; no byte of JSON. */
#define NEXT_PATCH '\x01'
#define NEXT_WHOLE '\x02'

static struct device_port port;
static struct asc_module module;
static struct asc_twin twin;

/* What an entry names is let through. */
static void check_allowed(const struct asc_twin_entry *entry)
{
    const struct asc_flow_view flow = {
        .remote = entry->remote,
        .address_bytes = entry->address_bytes,
        .remote_port = entry->port[0],
        .local_port = entry->port[1],
        .protocol = entry->protocol == ASC_TWIN_ANY_PROTOCOL ? ASC_PROTOCOL_UDP
                                                             : (enum asc_protocol)entry->protocol,
    };
    const struct asc_flow_view other = {.remote = entry->remote, .address_bytes = 0};

    require(twin.allow.allows(&twin.allow, &flow), "an entry that does not allow what it names");
    require(!twin.allow.allows(&twin.allow, &other), "an address of no family that is allowed");
}

static void check_values(const struct asc_settings *s)
{
    const uint32_t intervals[] = {s->high_interval_s, s->medium_interval_s, s->low_interval_s};

    for (unsigned i = 0; i < 3; i++) {
        require(intervals[i] >= 1 && intervals[i] <= ASC_INTERVAL_MAX, "an interval out of range");
    }
    require((s->collectors & ~ASC_COLLECT_ALL) == 0, "a collector that there is not");
    require(twin.entry_count <= ASC_TWIN_ALLOW_MAX, "too many entries");
    for (unsigned i = 0; i < twin.entry_count; i++) {
        const struct asc_twin_entry *e = &twin.entries[i];

        require(e->address_bytes == 4 || e->address_bytes == 16, "an address of no family");
        require(e->prefix_bits <= e->address_bytes * 8u, "a prefix longer than its address");
        require(e->protocol <= ASC_PROTOCOL_ICMP || e->protocol == ASC_TWIN_ANY_PROTOCOL,
            "an unknown protocol");
        check_allowed(e);
    }
}

/* The report of what is in force, given back as a document, changes nothing. */
static void check_report(void)
{
    char text[ASC_TWIN_REPORT_MAX];
    char again[ASC_TWIN_REPORT_MAX + 64];
    const struct asc_settings settings = module.settings;
    struct asc_twin copy = twin;
    const size_t length = asc_twin_report(&twin, text, sizeof text);
    int n;

    require(length > 0 && strlen(text) == length, "a report that is not whole");
    n = snprintf(again, sizeof again, "{\"desired\":%s}", text);
    require(asc_twin_apply(&copy, again, (size_t)n, false) == ASC_TWIN_APPLIED,
        "a report that is no document");
    require(memcmp(&settings, &module.settings, sizeof settings) == 0 &&
            copy.entry_count == twin.entry_count &&
            memcmp(copy.entries, twin.entries, twin.entry_count * sizeof twin.entries[0]) == 0,
        "a report that is not what is in force");
}

static void give(const uint8_t *data, size_t length, bool patch)
{
    const struct asc_settings settings = module.settings;
    const struct asc_twin before = twin;
    const enum asc_twin_result result = asc_twin_apply(&twin, (const char *)data, length, patch);

    if (result != ASC_TWIN_APPLIED) {
        require(memcmp(&settings, &module.settings, sizeof settings) == 0 &&
                memcmp(before.entries, twin.entries, sizeof before.entries) == 0 &&
                before.entry_count == twin.entry_count,
            "half applied");
        require(result == ASC_TWIN_REFUSED || patch, "the whole is neither applied nor refused");
        require(twin.behind || result == ASC_TWIN_STALE, "not applied and not behind");
    }
    require((twin.fault == ASC_TWIN_FAULT_NONE) == (result == ASC_TWIN_APPLIED) ||
            result == ASC_TWIN_STALE || result == ASC_TWIN_BEHIND,
        "a fault without a refusal");
    require(twin.fault < ASC_TWIN_FAULT_COUNT && twin.offset <= ASC_TWIN_DOCUMENT_MAX,
        "a fault that is none");
    check_values(&module.settings);
    check_report();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct asc_settings settings = device_settings();
    size_t start = 0;
    bool patch = false;

    memset(&port, 0, sizeof port);
    device_start(&module, &port, &settings);
    asc_twin_init(&twin, &module);
    for (size_t i = 0; i <= size; i++) {
        if (i == size || data[i] == NEXT_PATCH || data[i] == NEXT_WHOLE) {
            give(data + start, i - start, patch);
            patch = i < size && data[i] == NEXT_PATCH;
            start = i + 1;
        }
    }
    return 0;
}
