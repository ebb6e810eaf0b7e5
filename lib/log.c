/* SPDX-License-Identifier: MIT */
/* The service's log on stderr. */

#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/str.h"
#include "lib/url.h"

#define LOG_LINE_MAX  1024
#define LOG_WINDOW_MS 10000

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static atomic_int max_level = VD_LOG_INFO;
static atomic_bool writes_json;

void vd_log_set_level(enum vd_log_level level)
{
    atomic_store(&max_level, (int)level);
}

void vd_log_set_json(bool json)
{
    atomic_store(&writes_json, json);
}

bool vd_log_level_from_text(const char *text, enum vd_log_level *level)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *level = (enum vd_log_level)i;
            return true;
        }
    }
    return false;
}

/* ---- A line ---- */

/* What is always left for the end: a quote, a brace and the newline. */
#define LOG_LINE_END 3

struct line {
    bool is_json;
    size_t at;
    char text[LOG_LINE_MAX + 1];
};

/* False, and nothing is added: it does not fit. */
static bool put(struct line *line, const char *text, size_t length)
{
    if (line->at + length > LOG_LINE_MAX - LOG_LINE_END) {
        return false;
    }
    memcpy(line->text + line->at, text, length);
    line->at += length;
    return true;
}

/* Bytes of the character that `text` begins with; 0: it is not UTF-8. */
static size_t character_length(struct vd_str text)
{
    const unsigned char first = (unsigned char)text.data[0];
    const size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    return length <= text.length && vd_utf8_is_valid((struct vd_str){text.data, length}) ? length
                                                                                         : 0;
}

/* A value between quotes, cut where the line is full. */
static void put_quoted(struct line *line, struct vd_str value)
{
    bool fits = put(line, "\"", 1);

    while (fits && value.length > 0) {
        const unsigned char c = (unsigned char)value.data[0];
        const size_t length = character_length(value);
        char escape[8];

        if (c == '"' || c == '\\') {
            fits = put(line, (char[]){'\\', (char)c}, 2);
        } else if (c < 0x20 || c == 0x7f || length == 0) {
            snprintf(escape, sizeof escape, line->is_json ? "\\u%04x" : "\\x%02x",
                line->is_json && length == 0 ? 0xfffdU : c);
            fits = put(line, escape, strlen(escape));
        } else {
            fits = put(line, value.data, length);
        }
        value.data += length > 0 ? length : 1;
        value.length -= length > 0 ? length : 1;
    }
    line->text[line->at++] = '"';
}

/* True for what may stand without quotes: in a line of text a word, in JSON a number. */
static bool is_bare(bool is_json, struct vd_str value)
{
    const size_t sign = value.length > 1 && value.data[0] == '-' ? 1 : 0;

    if (value.length == 0 ||
        (is_json &&
            (value.length - sign > 15 || (value.data[sign] == '0' && value.length > sign + 1)))) {
        return false;
    }
    for (size_t i = is_json ? sign : 0; i < value.length; i++) {
        const unsigned char c = (unsigned char)value.data[i];

        if (is_json ? c < '0' || c > '9'
                    : c <= 0x20 || c >= 0x7f || strchr("\"=\\", (int)c) != NULL) {
            return false;
        }
    }
    return true;
}

/* One whose name does not fit is left out. */
static void put_field(struct line *line, struct vd_str name, struct vd_str value, bool wants_quotes)
{
    const size_t before = line->at;
    bool fits = (line->at == 0 ? !line->is_json || put(line, "{", 1)
                               : put(line, line->is_json ? "," : " ", 1)) &&
        (!line->is_json || put(line, "\"", 1)) && put(line, name.data, name.length) &&
        put(line, line->is_json ? "\":" : "=", line->is_json ? 2 : 1);

    if (fits && !wants_quotes && is_bare(line->is_json, value)) {
        fits = put(line, value.data, value.length);
    } else if (fits && put(line, "\"", 1)) {
        line->at--;
        put_quoted(line, value);
    } else {
        fits = false;
    }
    line->at = fits ? line->at : before;
}

/* ---- The fields of a format ---- */

/* How long the text of the format's first `length` bytes is: where a field lies is asked of the format, since values may hold
 * anything that looks like one. */
static size_t text_length(const char *format, size_t length, va_list args)
{
    char piece[LOG_LINE_MAX];
    va_list again;
    int n;

    if (length >= sizeof piece) {
        return LOG_LINE_MAX;
    }
    memcpy(piece, format, length);
    piece[length] = '\0';
    va_copy(again, args);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = vsnprintf(NULL, 0, piece, again); /* the beginning of a format that was checked */
#pragma GCC diagnostic pop
    va_end(again);
    return n > 0 ? (size_t)n : 0;
}

static struct vd_str part_of(const char *text, size_t from, size_t to)
{
    const size_t length = strlen(text);

    from = from < length ? from : length;
    to = to < length ? to : length;
    return (struct vd_str){text + from, to - from};
}

static void put_fields(struct line *line, const char *text, const char *format, va_list args)
{
    size_t at = 0;

    while (format[at] != '\0') {
        const size_t name = at;
        const size_t name_length = strcspn(format + at, "=");
        const bool is_quoted =
            format[at + name_length] == '=' && format[at + name_length + 1] == '"';
        size_t from = at + name_length + (is_quoted ? 2 : 1);
        size_t to;

        if (format[at + name_length] == '\0') {
            return; /* no field */
        }
        to = from + strcspn(format + from, is_quoted ? "\"" : " ");
        put_field(line, (struct vd_str){format + name, name_length},
            part_of(text, text_length(format, from, args), text_length(format, to, args)),
            is_quoted);
        at = to + (is_quoted && format[to] == '"' ? 1 : 0);
        at += strspn(format + at, " ");
    }
}

void vd_log(enum vd_log_level level, const char *event, const char *format, ...)
{
    char text[LOG_LINE_MAX];
    char when[VD_TIME_TEXT_SIZE];
    struct line line = {.is_json = atomic_load_explicit(&writes_json, memory_order_relaxed)};
    va_list args;

    if (level > (enum vd_log_level)atomic_load_explicit(&max_level, memory_order_relaxed)) {
        return;
    }
    vd_time_format(vd_clock_utc_ms(), when);
    put_field(&line, vd_str_from("time"), vd_str_from(when), false);
    put_field(&line, vd_str_from("level"), vd_str_from(level_names[level]), false);
    put_field(&line, vd_str_from("event"), vd_str_from(event), false);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    va_start(args, format);
    put_fields(&line, text, format, args);
    va_end(args);
    if (line.is_json) {
        line.text[line.at++] = '}';
    }
    line.text[line.at++] = '\n';
    /* One write, so that lines of several threads do not mix; if stderr is gone there is nowhere to say so. */
    while (write(STDERR_FILENO, line.text, line.at) < 0 && errno == EINTR) {
    }
}

bool vd_log_allowed(struct vd_log_limit *limit, int64_t now_ms, uint32_t *held_back)
{
    if (limit->window_start_ms == 0 || now_ms - limit->window_start_ms >= LOG_WINDOW_MS) {
        limit->window_start_ms = now_ms;
        limit->used = 0;
    }
    if (limit->used >= limit->burst) {
        limit->held_back++;
        return false;
    }
    limit->used++;
    *held_back = limit->held_back;
    limit->held_back = 0;
    return true;
}
