/* SPDX-License-Identifier: MIT */
/* Writes what came of a twin's document, and what is in force, as reported properties. */

#include <string.h>

#include "azure_iot_security_module/inc/asc_twin.h"
#include "azure_iot_security_module/src/asc_twin_allow.h"
#include "azure_iot_security_module/src/asc_twin_members.h"

#define ASC_TWIN_FAULT_TEXT(name, text) text "\0"

const char *asc_twin_fault_text(enum asc_twin_fault fault)
{
    /* One behind the other: a table of pointers would take more room than the texts save. */
    static const char texts[] = ASC_TWIN_FAULTS(ASC_TWIN_FAULT_TEXT) "unknown";
    const char *text = texts;

    for (unsigned i = 0; i < (unsigned)fault && i < ASC_TWIN_FAULT_COUNT; i++) {
        text += strlen(text) + 1;
    }
    return text;
}

/* Output that stops at its end; `cur` goes on to NULL there. */
struct text {
    char *cur;
    char *end;
};

static void put_char(struct text *t, char c)
{
    if (t->cur == t->end) {
        t->cur = NULL;
        t->end = NULL;
    }
    if (t->cur != NULL) {
        *t->cur++ = c;
    }
}

static void put(struct text *t, const char *text)
{
    for (; *text != '\0'; text++) {
        put_char(t, *text);
    }
}

static void put_number(struct text *t, uint32_t value, uint32_t base)
{
    char digits[10];
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    while (n > 0) {
        put_char(t, digits[--n]);
    }
}

static void put_decimal(struct text *t, const char *before, uint32_t value)
{
    put(t, before);
    put_number(t, value, 10);
}

static void put_name(struct text *t, char before, unsigned member)
{
    put_char(t, before);
    put_char(t, '"');
    put(t, asc_twin_members[member].name);
    put(t, "\":");
}

#if ASC_TWIN_ALLOW_MAX > 0
static void put_remote(struct text *t, const struct asc_twin_entry *entry)
{
    const uint8_t *remote = entry->remote;

    put(t, "{\"remote\":\"");
    for (unsigned i = 0; i < entry->address_bytes;) {
        if (entry->address_bytes == 4) {
            put_decimal(t, i > 0 ? "." : "", remote[i]);
            i++;
        } else {
            put(t, i > 0 ? ":" : "");
            put_number(t, (uint32_t)remote[i] << 8 | remote[i + 1], 16);
            i += 2;
        }
    }
    put_decimal(t, "/", entry->prefix_bits);
    put(t, "\"");
}

static void put_entry(struct text *t, const struct asc_twin_entry *entry)
{
    put_remote(t, entry);
    for (unsigned i = 0; i < 2; i++) {
        if (entry->port[i] != 0) {
            put_name(t, ',', ASC_TWIN_MEMBER_PORT + i);
            put_number(t, entry->port[i], 10);
        }
    }
    if (entry->protocol != ASC_TWIN_ANY_PROTOCOL) {
        put_name(t, ',', ASC_TWIN_MEMBER_PROTOCOL);
        put(t, "\"");
        put(t, asc_twin_protocols[entry->protocol]);
        put(t, "\"");
    }
    put(t, "}");
}

static void put_allow_list(struct text *t, const struct asc_twin *twin)
{
    put_name(t, ',', ASC_TWIN_MEMBER_ALLOW);
    for (unsigned i = 0; i < twin->entry_count; i++) {
        put(t, i > 0 ? "," : "[");
        put_entry(t, &twin->entries[i]);
    }
    put(t, twin->entry_count > 0 ? "]" : "[]");
}
#endif

/* Writes where in the document the fault is. */
static void put_path(struct text *t, const struct asc_twin *twin)
{
    static const char *const parents[] = {
        [ASC_TWIN_VEDETTE] = "vedette.",
        [ASC_TWIN_COLLECTORS] = "vedette.collectors.",
    };
    const struct asc_twin_member *m = &asc_twin_members[twin->member];

#if ASC_TWIN_ALLOW_MAX > 0
    if (twin->member >= ASC_TWIN_MEMBER_ELEMENT) {
        put_decimal(t, "vedette.allow[", twin->entry);
        put(t, twin->member > ASC_TWIN_MEMBER_ELEMENT ? "]." : "]");
    } else
#endif
        if (m->container == ASC_TWIN_VEDETTE || m->container == ASC_TWIN_COLLECTORS) {
        put(t, parents[m->container]);
    }
    put(t, m->name);
}

static void put_fault(struct text *t, const struct asc_twin *twin)
{
    if (twin->fault == ASC_TWIN_FAULT_NONE) {
        put(t, ",\"status\":\"ok\",\"path\":null,\"reason\":null,\"offset\":null");
        return;
    }
    put(t, ",\"status\":\"error\",\"path\":\"");
    put_path(t, twin);
    put(t, "\",\"reason\":\"");
    put(t, asc_twin_fault_text((enum asc_twin_fault)twin->fault));
    put_decimal(t, "\",\"offset\":", twin->offset);
}

static void put_values(struct text *t, const struct asc_twin_values *values)
{
    for (unsigned i = 0; i < 3; i++) {
        put_name(t, ',', ASC_TWIN_MEMBER_HIGH + i);
        put_number(t, values->interval_s[i], 10);
    }
    put_name(t, ',', ASC_TWIN_MEMBER_COLLECTORS);
    for (unsigned i = ASC_TWIN_MEMBER_NETWORK_ACTIVITY; i <= ASC_TWIN_MEMBER_SYSTEM_INFORMATION;
         i++) {
        put_name(t, i == ASC_TWIN_MEMBER_NETWORK_ACTIVITY ? '{' : ',', i);
        put(t, (values->collectors & asc_twin_members[i].argument) != 0 ? "true" : "false");
    }
    put_char(t, '}');
}

size_t asc_twin_report(const struct asc_twin *twin, char *out, size_t size)
{
    const struct asc_twin_values values = asc_twin_values(twin->module);
    struct text t = {out, size > 0 ? out + size : out};

    put_decimal(&t, "{\"vedette\":{\"version\":", twin->version);
    put_fault(&t, twin);
    put_decimal(&t, ",\"ignored\":", twin->ignored);
    put_values(&t, &values);
#if ASC_TWIN_ALLOW_MAX > 0
    put_allow_list(&t, twin);
#endif
    put(&t, "}}");
    put_char(&t, '\0');
    return t.cur != NULL ? (size_t)(t.cur - out) - 1u : 0;
}
