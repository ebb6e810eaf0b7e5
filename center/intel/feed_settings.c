/* SPDX-License-Identifier: MIT */
/* Settings of feeds as JSON, member by member. */

#include "center/intel/feed_settings.h"

#include "lib/clock.h"
#include "lib/http_get.h"

#define TEXT_MAX          1024
#define LIFETIME_DAYS_MAX 3650
#define MINUTE_MS         60000

/* What the members are read into. */
struct raw {
    const char *kind;
    const char *format;
    const char *delimiter;
    const char *wanted;
    const char *url;
    const char *taxii;
    bool allows_http;
    int64_t interval_minutes;
    int64_t confidence;
    int64_t confidence_min;
    int64_t lifetime_days;
};

static int fault(char *problem, const char *member, const char *text)
{
    snprintf(problem, VD_FEED_PROBLEM_SIZE, "%.64s: %s", member, text);
    return VD_E_INVALID;
}

static int read_text(const char *member, const json_t *value, const char **out, char *problem)
{
    if (!json_is_string(value) || json_string_length(value) == 0 ||
        json_string_length(value) > TEXT_MAX) {
        return fault(problem, member, "is to be text of 1 to 1024 bytes");
    }
    *out = json_string_value(value);
    return VD_OK;
}

static int read_number(
    const char *member, const json_t *value, int64_t min, int64_t max, int64_t *out, char *problem)
{
    char text[64];

    if (!json_is_integer(value) || json_integer_value(value) < min ||
        json_integer_value(value) > max) {
        snprintf(
            text, sizeof text, "is to be a number of %lld to %lld", (long long)min, (long long)max);
        return fault(problem, member, text);
    }
    *out = json_integer_value(value);
    return VD_OK;
}

static int read_switch(const char *member, const json_t *value, bool *out, char *problem)
{
    if (!json_is_boolean(value)) {
        return fault(problem, member, "is to be true or false");
    }
    *out = json_is_true(value);
    return VD_OK;
}

/* A member that is no text. */
static int read_value(struct vd_feed_settings *s, struct raw *raw, const char *member,
    const json_t *value, char *problem)
{
    if (strcmp(member, "confidence") == 0) {
        return read_number(member, value, 0, VD_CONFIDENCE_MAX, &raw->confidence, problem);
    }
    if (strcmp(member, "minimumConfidence") == 0) {
        return read_number(member, value, 0, VD_CONFIDENCE_MAX, &raw->confidence_min, problem);
    }
    if (strcmp(member, "lifetimeDays") == 0) {
        return read_number(member, value, 1, LIFETIME_DAYS_MAX, &raw->lifetime_days, problem);
    }
    if (strcmp(member, "intervalMinutes") == 0) {
        return read_number(
            member, value, 1, VD_FEED_INTERVAL_MAX_MINUTES, &raw->interval_minutes, problem);
    }
    if (strcmp(member, "enabled") == 0) {
        return read_switch(member, value, &s->is_enabled, problem);
    }
    if (strcmp(member, "allowHttp") == 0) {
        return read_switch(member, value, &raw->allows_http, problem);
    }
    return fault(problem, member, "there is no such setting");
}

static int read_member(struct vd_feed_settings *s, struct raw *raw, const char *member,
    const json_t *value, char *problem)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"kind", &raw->kind},
        {"file", &s->file},
        {"url", &raw->url},
        {"taxii", &raw->taxii},
        {"caFile", &s->ca_file},
        {"format", &raw->format},
        {"column", &s->parse.column},
        {"descriptionColumn", &s->parse.description_column},
        {"confidenceColumn", &s->parse.confidence_column},
        {"untilColumn", &s->parse.until_column},
        {"delimiter", &raw->delimiter},
        {"wantedCategories", &raw->wanted},
        {"severity", &s->severity},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(member, texts[i].name) == 0) {
            return read_text(member, value, texts[i].text, problem);
        }
    }
    return read_value(s, raw, member, value, problem);
}

static int interpret_source(struct vd_feed_settings *s, const struct raw *raw, char *problem)
{
    const char *member = raw->taxii != NULL ? "taxii" : "url";
    const char *wrong;

    if ((s->file != NULL) + (raw->url != NULL) + (raw->taxii != NULL) > 1) {
        return fault(problem, member, "a feed has one of file, url and taxii");
    }
    if (s->file != NULL && s->file[0] != '/') {
        return fault(problem, "file", "is to be a path that begins with /");
    }
    if (s->ca_file != NULL && s->ca_file[0] != '/') {
        return fault(problem, "caFile", "is to be a path that begins with /");
    }
    s->is_taxii = raw->taxii != NULL;
    s->url = s->is_taxii ? raw->taxii : raw->url;
    s->interval_ms = raw->interval_minutes * MINUTE_MS;
    wrong = s->url != NULL ? vd_http_url_problem(s->url, raw->allows_http) : NULL;
    if (wrong != NULL) {
        return fault(problem, member, wrong);
    }
    if (s->is_taxii && strpbrk(s->url, "?#") != NULL) {
        return fault(problem, member, "is to be without ? and #");
    }
    if (s->is_taxii && s->parse.format != VD_FEED_AUTO && s->parse.format != VD_FEED_STIX) {
        return fault(problem, "format", "is stix with TAXII");
    }
    if (s->is_taxii) {
        s->parse.format = VD_FEED_STIX;
    }
    return VD_OK;
}

/* What the words and numbers mean. */
static int interpret(struct vd_feed_settings *s, const struct raw *raw, char *problem)
{
    if (raw->kind != NULL && strcmp(raw->kind, "indicators") != 0 &&
        strcmp(raw->kind, "exceptions") != 0) {
        return fault(problem, "kind", "is to be indicators or exceptions");
    }
    if (raw->format != NULL && vd_feed_format_find(raw->format, &s->parse.format) != VD_OK) {
        return fault(problem, "format", "is to be auto, list, csv, stix, misp, suricata or zeek");
    }
    if (raw->delimiter != NULL && strlen(raw->delimiter) != 1) {
        return fault(problem, "delimiter", "is to be one character");
    }
    if (raw->wanted != NULL && vd_feed_wanted_read(raw->wanted, &s->parse) != VD_OK) {
        return fault(problem, "wantedCategories",
            "are to be numbers of 0 to 60, with or without a score of 1 to 127: 1,5:40");
    }
    if (s->severity != NULL && strcmp(s->severity, "High") != 0 &&
        strcmp(s->severity, "Medium") != 0 && strcmp(s->severity, "Low") != 0) {
        return fault(problem, "severity", "is to be High, Medium or Low");
    }
    s->is_exception = raw->kind != NULL && strcmp(raw->kind, "exceptions") == 0;
    s->parse.delimiter = *(raw->delimiter != NULL ? raw->delimiter : "");
    s->parse.confidence = (uint8_t)raw->confidence;
    s->parse.confidence_min = (uint8_t)raw->confidence_min;
    s->parse.lifetime_ms = raw->lifetime_days * VD_DAY_MS;
    return interpret_source(s, raw, problem);
}

int vd_feed_settings_read(
    const json_t *json, struct vd_feed_settings *out, char problem[VD_FEED_PROBLEM_SIZE])
{
    struct vd_feed_settings s = {.is_enabled = true};
    struct raw raw = {
        .confidence = VD_CONFIDENCE_UNKNOWN, .interval_minutes = VD_FEED_INTERVAL_DEFAULT_MINUTES};
    const char *member;
    json_t *value;
    int error = VD_OK;

    if (!json_is_object(json)) {
        return fault(problem, "settings", "are to be a JSON object");
    }
    s.json = json_deep_copy(json);
    if (s.json == NULL) {
        return VD_E_NOMEM;
    }
    json_object_foreach(s.json, member, value)
    {
        if (error == VD_OK && !json_is_null(value)) {
            error = read_member(&s, &raw, member, value, problem);
        }
    }
    if (error == VD_OK) {
        error = interpret(&s, &raw, problem);
    }
    if (error != VD_OK) {
        vd_feed_settings_release(&s);
        return error;
    }
    *out = s;
    return VD_OK;
}

void vd_feed_settings_release(struct vd_feed_settings *settings)
{
    json_decref(settings->json);
    *settings = (struct vd_feed_settings){0};
}

bool vd_feed_name_is_valid(const char *name)
{
    const size_t length = strnlen(name, VD_FEED_NAME_MAX + 1);

    return length >= 1 && length <= VD_FEED_NAME_MAX &&
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._ ") ==
        length;
}
