/* SPDX-License-Identifier: MIT */
/* The table of formats, the guess among them, and what they share. */

#include <ctype.h>
#include <strings.h>
#include <time.h>

#include "center/intel/feed_format_internal.h"
#include "lib/clock.h"
#include "lib/json_text.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* Bytes that the guess looks at. */
#define GUESS_BYTES 65536

static const struct {
    const char *name;
    vd_format_reader *read;
    bool is_json;
} formats[] = {
    [VD_FEED_AUTO] = {"auto", NULL, false},
    [VD_FEED_LIST] = {"list", vd_format_list, false},
    [VD_FEED_CSV] = {"csv", vd_format_csv, false},
    [VD_FEED_STIX] = {"stix", vd_format_stix, true},
    [VD_FEED_MISP] = {"misp", vd_format_misp, true},
    [VD_FEED_SURICATA] = {"suricata", vd_format_suricata, false},
    [VD_FEED_ZEEK] = {"zeek", vd_format_zeek, false},
};

#define FORMAT_COUNT (sizeof formats / sizeof formats[0])

const char *vd_feed_format_name(enum vd_feed_format format)
{
    return (size_t)format < FORMAT_COUNT ? formats[format].name : NULL;
}

int vd_feed_format_find(const char *name, enum vd_feed_format *format)
{
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *format = (enum vd_feed_format)i;
            return VD_OK;
        }
    }
    return VD_E_INVALID;
}

/* ---- Text ---- */

struct vd_str vd_format_trim(struct vd_str s)
{
    while (s.length > 0 && isspace((unsigned char)s.data[0])) {
        s.data++;
        s.length--;
    }
    while (s.length > 0 && isspace((unsigned char)s.data[s.length - 1])) {
        s.length--;
    }
    return s;
}

struct vd_str vd_format_cut(struct vd_str *s, char delimiter)
{
    const char *end = s->length > 0 ? memchr(s->data, delimiter, s->length) : NULL;
    struct vd_str first = *s;

    if (end == NULL) {
        *s = (struct vd_str){NULL, 0};
        return first;
    }
    first.length = (size_t)(end - s->data);
    s->data += first.length + 1;
    s->length -= first.length + 1;
    return first;
}

bool vd_format_begins(struct vd_str s, const char *prefix)
{
    const size_t length = strlen(prefix);

    return s.length >= length && memcmp(s.data, prefix, length) == 0;
}

bool vd_format_next_line(struct vd_format_lines *lines, struct vd_str *out)
{
    if (lines->rest.length == 0) {
        return false;
    }
    *out = vd_format_cut(&lines->rest, '\n');
    lines->line++;
    return true;
}

int64_t vd_format_number(struct vd_str s, int64_t max)
{
    int64_t value = 0;

    if (s.length == 0 || s.length > 18) {
        return -1;
    }
    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            return -1;
        }
        value = value * 10 + (s.data[i] - '0');
    }
    return value <= max ? value : -1;
}

int vd_format_time(struct vd_str text, int64_t *utc_ms)
{
    const struct vd_str trimmed = vd_format_trim(text);
    const int64_t seconds = vd_format_number(trimmed, INT64_C(253402300799));
    char given[48];
    char iso[64];
    size_t length;

    if (seconds > 0 && trimmed.length >= 9) {
        *utc_ms = seconds * 1000;
        return VD_OK;
    }
    if (vd_str_copy(trimmed, given, sizeof given) != VD_OK) {
        return VD_E_INVALID;
    }
    length = strlen(given);
    if (length == 10) {
        snprintf(iso, sizeof iso, "%sT00:00:00Z", given);
        return vd_time_parse(iso, utc_ms);
    }
    if (length > 10 && given[10] == ' ') {
        given[10] = 'T';
    }
    if (length > 4 && strcmp(given + length - 4, " UTC") == 0) {
        given[length - 4] = '\0';
    }
    if (vd_time_parse(given, utc_ms) == VD_OK) {
        return VD_OK;
    }
    snprintf(iso, sizeof iso, "%sZ", given);
    return vd_time_parse(iso, utc_ms);
}

enum vd_tlp vd_format_tlp(struct vd_str text)
{
    static const struct {
        const char *name;
        enum vd_tlp tlp;
    } levels[] = {
        {"clear", VD_TLP_CLEAR},
        {"white", VD_TLP_CLEAR},
        {"green", VD_TLP_GREEN},
        {"amber", VD_TLP_AMBER},
        {"amber+strict", VD_TLP_AMBER_STRICT},
        {"red", VD_TLP_RED},
    };

    if (text.length > 4 && strncasecmp(text.data, "tlp:", 4) == 0) {
        text.data += 4;
        text.length -= 4;
    }
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (text.length == strlen(levels[i].name) &&
            strncasecmp(text.data, levels[i].name, text.length) == 0) {
            return levels[i].tlp;
        }
    }
    return VD_TLP_NONE;
}

/* ---- Entries ---- */

static void note(struct vd_feed_problem *problem, struct vd_format_at at, const char *reason)
{
    problem->line = at.line;
    snprintf(problem->place, sizeof problem->place, "%s", at.place != NULL ? at.place : "");
    snprintf(problem->reason, sizeof problem->reason, "%s", reason);
}

static void note_problem(struct vd_format_run *run, struct vd_format_at at, const char *reason)
{
    struct vd_feed_report *report = run->report;

    if (report->problem_count < VD_FEED_PROBLEMS_MAX) {
        note(&report->problems[report->problem_count], at, reason);
        report->problem_count++;
    }
}

void vd_format_refuse(struct vd_format_run *run, struct vd_format_at at, const char *reason)
{
    note_problem(run, at, reason);
    run->report->read++;
    run->report->refused++;
}

void vd_format_ignore(struct vd_format_run *run)
{
    run->report->read++;
    run->report->ignored++;
}

int vd_format_fault(struct vd_format_run *run, struct vd_format_at at, const char *reason)
{
    note(&run->report->fault, at, reason);
    return VD_E_INVALID;
}

/* Copies a description: one line, cut at the limit. */
static void describe(struct vd_str text, char out[VD_INDICATOR_DESCRIPTION_MAX + 1])
{
    const size_t length =
        text.length < VD_INDICATOR_DESCRIPTION_MAX ? text.length : VD_INDICATOR_DESCRIPTION_MAX;

    for (size_t i = 0; i < length; i++) {
        const bool is_control = (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f;

        out[i] = (char)(is_control ? ' ' : text.data[i]);
    }
    out[length] = '\0';
}

static int64_t end_of(const struct vd_feed_parse *parse, const struct vd_format_entry *entry)
{
    const int64_t since = entry->seen_ms != 0 ? entry->seen_ms : parse->fetched_ms;

    if (entry->valid_until_ms != 0 || parse->lifetime_ms == 0) {
        return entry->valid_until_ms;
    }
    /* What is not valid yet lives from then on. */
    return (entry->valid_from_ms > since ? entry->valid_from_ms : since) + parse->lifetime_ms;
}

int vd_format_give(struct vd_format_run *run, const struct vd_format_entry *entry, bool *used)
{
    const struct vd_feed_parse *parse = run->parse;
    char description[VD_INDICATOR_DESCRIPTION_MAX + 1];
    struct vd_indicator_line line = {0};
    const char *problem = vd_indicator_parse(entry->address, &line);
    struct vd_indicator indicator = {
        .range = line.range,
        .text = line.text,
        .description = description,
        .valid_from_ms = entry->valid_from_ms,
        .valid_until_ms = end_of(parse, entry),
        .confidence =
            entry->confidence != VD_CONFIDENCE_UNKNOWN ? entry->confidence : parse->confidence,
        .tlp = entry->tlp,
        .line = entry->at.line,
    };

    *used = false;
    if (problem == NULL && indicator.valid_until_ms != 0 &&
        indicator.valid_until_ms <= indicator.valid_from_ms) {
        problem = "its validity ends before it begins";
    }
    if (problem != NULL) {
        note_problem(run, entry->at, problem);
        return VD_E_INVALID;
    }
    if (indicator.confidence != VD_CONFIDENCE_UNKNOWN &&
        indicator.confidence < parse->confidence_min) {
        return VD_OK;
    }
    describe(entry->description, description);
    *used = true;
    if (indicator.valid_until_ms != 0 && indicator.valid_until_ms <= parse->now_ms) {
        run->report->expired++;
    }
    return parse->take != NULL ? parse->take(&indicator, parse->context) : VD_OK;
}

int vd_format_entry_give(struct vd_format_run *run, const struct vd_format_entry *entry)
{
    bool used = false;
    const int error = vd_format_give(run, entry, &used);

    run->report->read++;
    if (used) {
        run->report->used++;
        return error;
    }
    if (error == VD_OK) {
        run->report->ignored++;
    } else {
        run->report->refused++;
    }
    return VD_OK;
}

/* ---- JSON ---- */

json_t *vd_format_json(struct vd_format_run *run, struct vd_str text, int *error)
{
    json_error_t fault;
    json_t *root;

    if (vd_json_memory(text) > VD_FEED_JSON_MEMORY_MAX) {
        *error = vd_format_fault(run, (struct vd_format_at){0, "JSON"}, "it has too many parts");
        return NULL;
    }
    root = json_loadb(text.data, text.length, JSON_ALLOW_NUL, &fault);
    if (root != NULL) {
        return root;
    }
    if (json_error_code(&fault) == json_error_out_of_memory) {
        *error = VD_E_NOMEM;
    } else {
        const uint32_t line = fault.line > 0 ? (uint32_t)fault.line : 1;

        *error = vd_format_fault(run, (struct vd_format_at){line, NULL}, fault.text);
    }
    return NULL;
}

struct vd_str vd_format_member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_string(value)
        ? (struct vd_str){json_string_value(value), json_string_length(value)}
        : (struct vd_str){"", 0};
}

bool vd_format_member_time(const json_t *object, const char *name, int64_t *utc_ms)
{
    const json_t *value = json_object_get(object, name);

    return value == NULL || json_is_null(value) ||
        vd_format_time(vd_format_member(object, name), utc_ms) == VD_OK;
}

/* ---- The guess ---- */

static bool is_address(struct vd_str text)
{
    struct vd_indicator_line line;

    return vd_indicator_parse(vd_format_trim(text), &line) == NULL;
}

static enum vd_feed_format guess_line(struct vd_str line)
{
    struct vd_str rest = line;
    const struct vd_str first = vd_format_cut(&rest, ',');

    if (rest.data != NULL) {
        const struct vd_str category = vd_format_trim(vd_format_cut(&rest, ','));
        const struct vd_str score = vd_format_trim(rest);

        if (is_address(first) && vd_format_number(category, 60) >= 0 &&
            vd_format_number(score, 127) >= 0) {
            return VD_FEED_SURICATA;
        }
    }
    for (size_t i = 0; i < line.length; i++) {
        if (memchr(" \t,;#", line.data[i], 5) != NULL) {
            return is_address((struct vd_str){line.data, i}) ? VD_FEED_LIST : VD_FEED_CSV;
        }
    }
    return VD_FEED_LIST;
}

static enum vd_feed_format guess(struct vd_str text)
{
    const struct vd_str head = vd_format_trim(
        (struct vd_str){text.data, text.length < GUESS_BYTES ? text.length : GUESS_BYTES});
    struct vd_format_lines lines = {head, 0};
    struct vd_str line;

    if (vd_format_begins(head, "{") || vd_format_begins(head, "[")) {
        for (size_t i = 0; i + 9 <= head.length; i++) {
            if (memcmp(head.data + i, "\"objects\"", 9) == 0) {
                return VD_FEED_STIX;
            }
        }
        return VD_FEED_MISP;
    }
    while (vd_format_next_line(&lines, &line)) {
        if (vd_format_begins(line, "#fields")) {
            return VD_FEED_ZEEK;
        }
        line = vd_format_trim(line);
        if (line.length > 0 && line.data[0] != '#' && line.data[0] != ';' &&
            !vd_format_begins(line, "//")) {
            return guess_line(line);
        }
    }
    return VD_FEED_LIST;
}

int vd_feed_parse(
    const struct vd_feed_parse *parse, struct vd_str text, struct vd_feed_report *report)
{
    struct vd_format_run run = {parse, report};
    int error;

    *report = (struct vd_feed_report){.format = parse->format};
    if (vd_format_begins(text, BYTE_ORDER_MARK)) {
        text.data += 3;
        text.length -= 3;
    }
    if (report->format == VD_FEED_AUTO) {
        report->format = parse->column != NULL ? VD_FEED_CSV : guess(text);
    }
    if (text.length >
        (formats[report->format].is_json ? VD_FEED_JSON_BYTES_MAX : VD_FEED_BYTES_MAX)) {
        return VD_E_LIMIT;
    }
    error = formats[report->format].read(&run, text);
    if (error == VD_OK && report->used == 0 && report->ignored == 0 && report->refused > 0) {
        report->fault = report->problems[0];
        return VD_E_INVALID;
    }
    return error;
}
