/* SPDX-License-Identifier: MIT */
/* Settings of feeds as JSON, member by member. */

#include "center/intel/feed_settings.h"

#include "lib/clock.h"

#define TEXT_MAX          1024
#define LIFETIME_DAYS_MAX 3650

/* What the members are read into. */
struct raw {
    const char *kind;
    const char *format;
    const char *delimiter;
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

static int read_member(struct vd_feed_settings *s, struct raw *raw, const char *member,
    const json_t *value, char *problem)
{
    const struct {
        const char *name;
        const char **text;
    } texts[] = {
        {"kind", &raw->kind},
        {"file", &s->file},
        {"format", &raw->format},
        {"column", &s->parse.column},
        {"descriptionColumn", &s->parse.description_column},
        {"confidenceColumn", &s->parse.confidence_column},
        {"untilColumn", &s->parse.until_column},
        {"delimiter", &raw->delimiter},
        {"severity", &s->severity},
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(member, texts[i].name) == 0) {
            return read_text(member, value, texts[i].text, problem);
        }
    }
    if (strcmp(member, "confidence") == 0) {
        return read_number(member, value, 0, VD_CONFIDENCE_MAX, &raw->confidence, problem);
    }
    if (strcmp(member, "minimumConfidence") == 0) {
        return read_number(member, value, 0, VD_CONFIDENCE_MAX, &raw->confidence_min, problem);
    }
    if (strcmp(member, "lifetimeDays") == 0) {
        return read_number(member, value, 1, LIFETIME_DAYS_MAX, &raw->lifetime_days, problem);
    }
    if (strcmp(member, "enabled") == 0 && json_is_boolean(value)) {
        s->is_enabled = json_is_true(value);
        return VD_OK;
    }
    return fault(problem, member,
        strcmp(member, "enabled") == 0 ? "is to be true or false" : "there is no such setting");
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
    if (s->severity != NULL && strcmp(s->severity, "High") != 0 &&
        strcmp(s->severity, "Medium") != 0 && strcmp(s->severity, "Low") != 0) {
        return fault(problem, "severity", "is to be High, Medium or Low");
    }
    if (s->file != NULL && s->file[0] != '/') {
        return fault(problem, "file", "is to be a path that begins with /");
    }
    s->is_exception = raw->kind != NULL && strcmp(raw->kind, "exceptions") == 0;
    s->parse.delimiter = raw->delimiter != NULL ? raw->delimiter[0] : '\0';
    s->parse.confidence = (uint8_t)raw->confidence;
    s->parse.confidence_min = (uint8_t)raw->confidence_min;
    s->parse.lifetime_ms = raw->lifetime_days * VD_DAY_MS;
    return VD_OK;
}

int vd_feed_settings_read(
    const json_t *json, struct vd_feed_settings *out, char problem[VD_FEED_PROBLEM_SIZE])
{
    struct vd_feed_settings s = {.is_enabled = true};
    struct raw raw = {.confidence = VD_CONFIDENCE_UNKNOWN};
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
