/* SPDX-License-Identifier: MIT */
/* Reads a twin's document: once to judge it, and if all of it is good once more to put it in force. */

#include "azure_iot_security_module/inc/asc_twin.h"

#include <string.h>

#include "azure_iot_security_module/src/asc_twin_allow.h"
#include "azure_iot_security_module/src/asc_twin_json.h"
#include "azure_iot_security_module/src/asc_twin_members.h"

/* Bytes of the longest text of ours: an IPv6 address in full with its prefix; names are shorter. */
#define TEXT_BYTES (39u + 4u + 1u)

#if ASC_TWIN_ALLOW_MAX > 0
/* The members of one entry, as bits of `seen`. */
#define ENTRY_MEMBERS (UINT32_MAX << ASC_TWIN_MEMBER_REMOTE)
#endif

/* One pass over a document. No recursion: what is open is on a stack of its own. What is used most comes
 * first, where small machines reach it with short instructions. */
struct walk {
    struct asc_json json;
    struct asc_twin *twin;
    uint8_t depth;   /* of `open` */
    uint8_t member;  /* whose value is next, or was read last */
    uint8_t entries; /* that are complete */
    uint8_t ignored;
    bool fresh;  /* the innermost container has no member yet */
    bool commit; /* write entries to the twin */

    /* The first fault of a value; the rest is read all the same, for the version may come last. */
    uint8_t fault;
    uint8_t fault_member;
    uint8_t fault_entry;
    uint32_t fault_offset;

    const char *start;
    uint32_t version;
    uint32_t seen;                 /* bits by member: to refuse a second one */
    struct asc_twin_values values; /* with what was read so far */
#if ASC_TWIN_ALLOW_MAX > 0
    struct asc_twin_entry scratch;
#endif
    uint8_t open[ASC_TWIN_DEPTH_MAX]; /* enum asc_twin_container */
};

/* What a value of the wrong type or range is. */
static enum asc_twin_fault kind_fault(const struct asc_twin_member *m)
{
    return (enum asc_twin_fault)m->fault;
}

static enum asc_twin_container innermost(const struct walk *w)
{
    return (enum asc_twin_container)w->open[w->depth - 1u];
}

/* Keeps the first. */
static void note(struct walk *w, enum asc_twin_fault fault, unsigned member)
{
    if (w->fault == ASC_TWIN_FAULT_NONE) {
        w->fault = (uint8_t)fault;
        w->fault_member = (uint8_t)member;
        w->fault_entry = w->entries;
        w->fault_offset = (uint32_t)(w->json.cur - w->start);
    }
}

/* --- Values --------------------------------------------------------------------------------------- */

static void set_collectors(struct walk *w, uint32_t which, uint32_t values)
{
    w->values.collectors = (w->values.collectors & ~which) | (values & which);
}

#if ASC_TWIN_ALLOW_MAX > 0
/* The entry that is being read. */
static struct asc_twin_entry *entry(struct walk *w)
{
    return w->commit ? &w->twin->entries[w->entries] : &w->scratch;
}
#endif

/* null: as if the member were not there, which in a patch takes it away. */
static enum asc_twin_fault read_null(struct walk *w, const struct asc_twin_member *m)
{
    const struct asc_twin_values *defaults = &w->twin->defaults;

    switch (m->kind) {
    case ASC_TWIN_KIND_OBJECT:
        if (m->argument == ASC_TWIN_COLLECTORS) {
            w->values.collectors = defaults->collectors;
        } else if (m->argument == ASC_TWIN_VEDETTE) {
            w->values = *defaults;
            w->entries = 0;
        } else {
            return ASC_TWIN_FAULT_OBJECT;
        }
        break;
#if ASC_TWIN_ALLOW_MAX > 0
    case ASC_TWIN_KIND_ALLOW:
        w->entries = 0;
        break;
    case ASC_TWIN_KIND_PORT:
    case ASC_TWIN_KIND_PROTOCOL:
        break;
#endif
    case ASC_TWIN_KIND_INTERVAL:
        w->values.interval_s[m->argument] = defaults->interval_s[m->argument];
        break;
    case ASC_TWIN_KIND_COLLECTOR:
        set_collectors(w, m->argument, defaults->collectors);
        break;
    default:
        return kind_fault(m);
    }
    return ASC_TWIN_FAULT_NONE;
}

static enum asc_twin_fault read_number(struct walk *w, const struct asc_twin_member *m)
{
    const uint32_t most = m->kind == ASC_TWIN_KIND_PORT ? UINT16_MAX
        : m->kind == ASC_TWIN_KIND_INTERVAL             ? ASC_INTERVAL_MAX
                                                        : UINT32_MAX;
    uint32_t value = 0;

    if (!asc_json_whole(&w->json, &value) || value < 1 || value > most) {
        return ASC_TWIN_FAULT_INTEGER;
    }
    if (m->kind == ASC_TWIN_KIND_VERSION) {
        w->version = value;
    } else if (m->kind == ASC_TWIN_KIND_INTERVAL) {
        w->values.interval_s[m->argument] = value;
    }
#if ASC_TWIN_ALLOW_MAX > 0
    if (m->kind == ASC_TWIN_KIND_PORT) {
        entry(w)->port[m->argument] = (uint16_t)value;
    }
#endif
    return ASC_TWIN_FAULT_NONE;
}

static enum asc_twin_fault read_collector(struct walk *w, const struct asc_twin_member *m)
{
    if (asc_json_word(&w->json, "false")) {
        set_collectors(w, m->argument, 0);
        return ASC_TWIN_FAULT_NONE;
    }
    if (!asc_json_word(&w->json, "true")) {
        return ASC_TWIN_FAULT_BOOLEAN;
    }
    set_collectors(w, m->argument, m->argument);
    return (ASC_COLLECT_ALL & m->argument) != 0 ? ASC_TWIN_FAULT_NONE : ASC_TWIN_FAULT_ABSENT;
}

#if ASC_TWIN_ALLOW_MAX > 0
static enum asc_twin_fault read_text(struct walk *w, const struct asc_twin_member *m)
{
    char text[TEXT_BYTES];

    if (!asc_json_string(&w->json, text, sizeof text) ||
        !(m->kind == ASC_TWIN_KIND_REMOTE ? asc_twin_read_remote(entry(w), text)
                                          : asc_twin_read_protocol(entry(w), text))) {
        return kind_fault(m);
    }
    return ASC_TWIN_FAULT_NONE;
}
#endif

static enum asc_twin_fault read_scalar(struct walk *w, const struct asc_twin_member *m)
{
    switch (m->kind) {
    case ASC_TWIN_KIND_VERSION:
    case ASC_TWIN_KIND_INTERVAL:
    case ASC_TWIN_KIND_PORT:
        return read_number(w, m);
    case ASC_TWIN_KIND_COLLECTOR:
        return read_collector(w, m);
#if ASC_TWIN_ALLOW_MAX > 0
    case ASC_TWIN_KIND_REMOTE:
    case ASC_TWIN_KIND_PROTOCOL:
        return read_text(w, m);
#endif
    default:
        return kind_fault(m);
    }
}

/* --- Containers ----------------------------------------------------------------------------------- */

/* Prepares for what the container holds. */
static enum asc_twin_fault begin_container(struct walk *w, uint8_t container)
{
#if ASC_TWIN_ALLOW_MAX > 0
    if (container == ASC_TWIN_ALLOW) {
        w->entries = 0;
    } else if (container == ASC_TWIN_ENTRY) {
        if (w->entries == ASC_TWIN_ALLOW_MAX) {
            return ASC_TWIN_FAULT_MANY;
        }
        w->seen &= ~ENTRY_MEMBERS;
        asc_twin_entry_clear(entry(w));
    }
#endif
    if (w->depth == ASC_TWIN_DEPTH_MAX) {
        return ASC_TWIN_FAULT_DEEP;
    }
    w->json.cur++;
    w->open[w->depth++] = container;
    w->fresh = true;
    return ASC_TWIN_FAULT_NONE;
}

/* Opens the object or array whose bracket is next. On a fault it is still next. */
static enum asc_twin_fault open_container(struct walk *w, const struct asc_twin_member *m)
{
    const bool array = asc_json_peek(&w->json) == '[';

    if (m->kind == ASC_TWIN_KIND_OTHER) {
        return begin_container(w, array ? ASC_TWIN_OTHER_ARRAY : ASC_TWIN_OTHER_OBJECT);
    }
    if (m->kind != (array ? ASC_TWIN_KIND_ALLOW : ASC_TWIN_KIND_OBJECT)) {
        return kind_fault(m);
    }
    return begin_container(w, m->argument);
}

static void need(struct walk *w, unsigned member)
{
    if ((w->seen >> member & 1u) == 0) {
        note(w, ASC_TWIN_FAULT_MISSING, member);
    }
}

/* Ends the innermost container, whose bracket was taken. */
static void close_container(struct walk *w)
{
    const enum asc_twin_container container = innermost(w);

    if (container == ASC_TWIN_ROOT) {
        need(w, ASC_TWIN_MEMBER_DESIRED);
    }
#if ASC_TWIN_ALLOW_MAX > 0
    if (container == ASC_TWIN_ENTRY) {
        need(w, ASC_TWIN_MEMBER_REMOTE);
        w->entries++;
    }
#endif
    w->depth--;
    w->fresh = false;
}

static uint8_t find_member(struct walk *w, const char *name)
{
    const enum asc_twin_container container = innermost(w);

    for (unsigned i = ASC_TWIN_MEMBER_NAMED; i < ASC_TWIN_MEMBERS; i++) {
        if (asc_twin_members[i].container == container &&
            strcmp(asc_twin_members[i].name, name) == 0) {
            return (uint8_t)i;
        }
    }
    if (container >= ASC_TWIN_VEDETTE && container <= ASC_TWIN_ENTRY && w->ignored < UINT8_MAX) {
        w->ignored++;
    }
    return ASC_TWIN_MEMBER_OTHER;
}

/* Takes what stands before a value: a member's name, or nothing in an array. */
static bool read_name(struct walk *w)
{
    char name[TEXT_BYTES];

    w->member = ASC_TWIN_MEMBER_OTHER;
#if ASC_TWIN_ALLOW_MAX > 0
    if (innermost(w) == ASC_TWIN_ALLOW) {
        w->member = ASC_TWIN_MEMBER_ELEMENT;
    }
#endif
    if (innermost(w) >= ASC_TWIN_ALLOW) {
        return true;
    }
    if (!asc_json_string(&w->json, name, sizeof name) || !asc_json_take(&w->json, ':')) {
        return false;
    }
    w->member = find_member(w, name);
    if (w->member != ASC_TWIN_MEMBER_OTHER) {
        if ((w->seen >> w->member & 1u) != 0) {
            note(w, ASC_TWIN_FAULT_TWICE, w->member);
        }
        w->seen |= 1u << w->member;
    }
    return true;
}

/* --- The walk ------------------------------------------------------------------------------------- */

/* Reads the scalar that is next, or opens the container. A value that is not what it should be is noted
 * and read as one of no meaning. Returns what ends the walk, or none. */
static enum asc_twin_fault read_value(struct walk *w)
{
    const struct asc_twin_member *m = &asc_twin_members[w->member];
    const int byte = asc_json_peek(&w->json);
    const bool container = byte == '{' || byte == '[';
    const char *start = w->json.cur;
    enum asc_twin_fault fault;

    w->fresh = false;
    if (m->kind != ASC_TWIN_KIND_OTHER) {
        fault = container                     ? open_container(w, m)
            : asc_json_word(&w->json, "null") ? read_null(w, m)
                                              : read_scalar(w, m);
        if (fault == ASC_TWIN_FAULT_NONE) {
            return fault;
        }
        w->json.cur = start;
        note(w, fault, w->member);
        m = &asc_twin_members[ASC_TWIN_MEMBER_OTHER];
    }
    if (container) {
        return open_container(w, m);
    }
    return asc_json_skip(&w->json) ? ASC_TWIN_FAULT_NONE : ASC_TWIN_FAULT_JSON;
}

/* Goes on behind a value, or behind the bracket that began a container, to the next value. Returns false
 * at the end of the document and where it is not JSON. */
static bool next_value(struct walk *w)
{
    while (w->depth > 0) {
        const bool closes = asc_json_take(&w->json, innermost(w) >= ASC_TWIN_ALLOW ? ']' : '}');

        if (!closes) {
            return (w->fresh || asc_json_take(&w->json, ',')) && read_name(w);
        }
        close_container(w);
    }
    return false;
}

static void walk(struct walk *w)
{
    enum asc_twin_fault fault;

    do {
        fault = read_value(w);
    } while (fault == ASC_TWIN_FAULT_NONE && next_value(w));
    if (fault == ASC_TWIN_FAULT_NONE && (w->depth > 0 || asc_json_peek(&w->json) >= 0)) {
        fault = ASC_TWIN_FAULT_JSON;
    }
    if (fault != ASC_TWIN_FAULT_NONE) {
        /* Of what is no document nothing else is worth telling. */
        w->fault = ASC_TWIN_FAULT_NONE;
        note(w, fault, ASC_TWIN_MEMBER_OTHER);
    }
}

/* --- Putting in force ----------------------------------------------------------------------------- */

struct asc_twin_values asc_twin_values(const struct asc_module *m)
{
    const struct asc_settings *s = &m->settings;
    const struct asc_twin_values values = {
        {s->high_interval_s, s->medium_interval_s, s->low_interval_s}, s->collectors};

    return values;
}

static void begin(
    struct walk *w, struct asc_twin *twin, const char *json, size_t length, bool patch)
{
    memset(w, 0, sizeof *w);
    w->json.cur = json;
    w->json.end = json + length;
    w->start = json;
    w->twin = twin;
    w->member = patch ? ASC_TWIN_MEMBER_PATCH : ASC_TWIN_MEMBER_WHOLE;
    w->values = patch ? asc_twin_values(twin->module) : twin->defaults;
    w->entries = patch ? twin->entry_count : 0;
}

static bool configure(struct asc_module *m, const struct asc_twin_values *values)
{
    struct asc_settings settings = m->settings;

    settings.high_interval_s = values->interval_s[0];
    settings.medium_interval_s = values->interval_s[1];
    settings.low_interval_s = values->interval_s[2];
    settings.collectors = (uint8_t)values->collectors;
    return asc_module_configure(m, &settings) == ASC_OK;
}

static void commit_entries(
    struct asc_twin *twin, struct walk *w, const char *json, size_t length, bool patch)
{
    begin(w, twin, json, length, patch);
    w->commit = true;
    walk(w);
    twin->entry_count = w->entries;
}

/* Remembers what came of a document, for the report. */
static void judge(struct asc_twin *twin, const struct walk *w)
{
    twin->version = w->version;
    twin->fault = w->fault;
    twin->member = w->fault_member;
    twin->entry = w->fault_entry;
    twin->offset = w->fault_offset;
    twin->ignored = w->ignored;
    twin->behind = w->fault != ASC_TWIN_FAULT_NONE;
}

enum asc_twin_result asc_twin_apply(
    struct asc_twin *twin, const char *json, size_t length, bool patch)
{
    struct walk w;

    begin(&w, twin, json, length <= ASC_TWIN_DOCUMENT_MAX ? length : 0, patch);
    if (length > ASC_TWIN_DOCUMENT_MAX) {
        note(&w, ASC_TWIN_FAULT_LONG, ASC_TWIN_MEMBER_OTHER);
    } else {
        walk(&w);
    }
    if (patch && w.version != 0 && w.version <= twin->version) {
        return ASC_TWIN_STALE;
    }
    if (patch && (twin->behind || (w.version != 0 && w.version != twin->version + 1u))) {
        twin->behind = true;
        return ASC_TWIN_BEHIND;
    }
    if (w.fault == ASC_TWIN_FAULT_NONE && !configure(twin->module, &w.values)) {
        note(&w, ASC_TWIN_FAULT_MODULE, ASC_TWIN_MEMBER_VEDETTE);
    }
    judge(twin, &w);
    if (w.fault != ASC_TWIN_FAULT_NONE) {
        return ASC_TWIN_REFUSED;
    }
    commit_entries(twin, &w, json, length, patch);
    return ASC_TWIN_APPLIED;
}

void asc_twin_init(struct asc_twin *twin, struct asc_module *m)
{
    memset(twin, 0, sizeof *twin);
    twin->module = m;
    twin->defaults = asc_twin_values(m);
    /* A patch has nothing to stand on yet. */
    twin->behind = true;
#if ASC_TWIN_ALLOW_MAX > 0
    twin->allow.allows = asc_twin_allows;
    asc_module_allow(m, &twin->allow);
#endif
}
