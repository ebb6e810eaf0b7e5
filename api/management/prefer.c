/* SPDX-License-Identifier: MIT */
/* Preferences one by one: a name, its value, nothing else of interest. */

#include "api/management/prefer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "center/limits.h"
#include "lib/str.h"

#define SPACE " \t"

/* Characters of a value that a problem names. */
#define SHOWN_MAX 40

static struct vd_str trim(const char *text, size_t length)
{
    while (length > 0 && strchr(SPACE, text[0]) != NULL) {
        text++;
        length--;
    }
    while (length > 0 && strchr(SPACE, text[length - 1]) != NULL) {
        length--;
    }
    return (struct vd_str){text, length};
}

/* What stands before `end` outside of quotes. */
static size_t length_to(const char *text, size_t length, char end)
{
    bool is_quoted = false;
    size_t i = 0;

    while (i < length && (is_quoted || text[i] != end)) {
        if (text[i] == '\\' && is_quoted && i + 1 < length) {
            i++;
        } else if (text[i] == '"') {
            is_quoted = !is_quoted;
        }
        i++;
    }
    return i;
}

static struct vd_str unquote(struct vd_str value)
{
    if (value.length >= 2 && value.data[0] == '"' && value.data[value.length - 1] == '"') {
        return (struct vd_str){value.data + 1, value.length - 2};
    }
    return value;
}

static bool is_word(struct vd_str value, const char *word)
{
    return value.length == strlen(word) && strncasecmp(value.data, word, value.length) == 0;
}

/* Seconds, as milliseconds, up to the most there may be; false: it is no number, or 0. */
static bool read_wait(struct vd_str value, uint32_t *ms)
{
    uint32_t seconds = 0;

    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return false;
        }
        seconds = seconds * 10 + (uint32_t)(value.data[i] - '0');
        seconds =
            seconds > VD_QUERY_TIMEOUT_MAX_MS / 1000 ? VD_QUERY_TIMEOUT_MAX_MS / 1000 : seconds;
    }
    *ms = seconds * 1000;
    return seconds > 0;
}

static bool read_bool(struct vd_str value, bool *out)
{
    *out = is_word(value, "true");
    return *out || is_word(value, "false");
}

/* The three that count, and whether each was there. */
struct reading {
    struct vd_prefer found;
    bool has_wait;
    bool has_statistics;
    bool has_render;
};

/* What the value is to be; NULL: it is, or the name is another. */
static const char *take(struct reading *reading, struct vd_str name, struct vd_str value)
{
    struct vd_prefer *found = &reading->found;
    struct vd_prefer read = *found;

    if (is_word(name, "wait")) {
        if (!read_wait(value, &read.timeout_ms)) {
            return "a number of seconds, 1 to 600";
        }
        found->timeout_ms = reading->has_wait ? found->timeout_ms : read.timeout_ms;
        reading->has_wait = true;
    } else if (is_word(name, "include-statistics")) {
        if (!read_bool(value, &read.statistics)) {
            return "true or false";
        }
        found->statistics = reading->has_statistics ? found->statistics : read.statistics;
        reading->has_statistics = true;
    } else if (is_word(name, "include-render")) {
        if (!read_bool(value, &read.render)) {
            return "true or false";
        }
        found->render = reading->has_render ? found->render : read.render;
        reading->has_render = true;
    }
    return NULL;
}

int vd_prefer_read(const char *text, struct vd_prefer *out, char problem[VD_PREFER_PROBLEM_SIZE])
{
    struct reading reading = {.found = {.timeout_ms = VD_QUERY_TIMEOUT_DEFAULT_MS}};
    size_t left = text != NULL ? strlen(text) : 0;

    while (left > 0) {
        const size_t length = length_to(text, left, ',');
        const size_t preference = length_to(text, length, ';');
        const size_t name_length = length_to(text, preference, '=');
        const bool has_value = name_length < preference;
        const struct vd_str name = trim(text, name_length);
        const struct vd_str value = unquote(trim(text + name_length + (has_value ? 1 : 0),
            preference - name_length - (has_value ? 1 : 0)));
        const char *wanted = take(&reading, name, value);

        if (wanted != NULL) {
            snprintf(problem, VD_PREFER_PROBLEM_SIZE, "Prefer: %.*s is to be %s, not '%.*s'",
                VD_STR_ARG(name), wanted,
                (int)(value.length < SHOWN_MAX ? value.length : SHOWN_MAX), value.data);
            return VD_E_INVALID;
        }
        text += length;
        left -= length;
        if (left > 0) {
            text++;
            left--;
        }
    }
    *out = reading.found;
    return VD_OK;
}
