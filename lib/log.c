/* SPDX-License-Identifier: MIT */
/* The service's log on stderr. */

#include "lib/log.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "lib/clock.h"

#define LOG_LINE_MAX  1024
#define LOG_WINDOW_MS 10000

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static enum vd_log_level max_level = VD_LOG_INFO;

void vd_log_set_level(enum vd_log_level level)
{
    max_level = level;
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

/* Appends `in` to `out` (of which `at` bytes are used) with control characters made visible. */
static size_t append_visible(char *out, size_t at, size_t size, const char *in)
{
    for (; *in != '\0' && at + 5 < size; in++) {
        unsigned char c = (unsigned char)*in;

        if (c >= 0x20 && c != 0x7f) {
            out[at++] = (char)c;
        } else {
            at += (size_t)snprintf(out + at, 5, "\\x%02x", c);
        }
    }
    return at;
}

void vd_log(enum vd_log_level level, const char *event, const char *format, ...)
{
    char fields[LOG_LINE_MAX];
    char line[LOG_LINE_MAX + 1];
    char when[VD_TIME_TEXT_SIZE];
    va_list args;
    size_t at;
    int n;

    if (level > max_level) {
        return;
    }
    va_start(args, format);
    vsnprintf(fields, sizeof fields, format, args);
    va_end(args);
    vd_time_format(vd_clock_utc_ms(), when);
    n = snprintf(line, LOG_LINE_MAX, "time=%s level=%s event=%s ", when, level_names[level], event);
    at = n > 0 ? (size_t)n : 0;
    if (at > LOG_LINE_MAX - 1) {
        at = LOG_LINE_MAX - 1;
    }
    at = append_visible(line, at, LOG_LINE_MAX, fields);
    line[at++] = '\n';
    /* One write, so that lines of several threads do not mix; if stderr is gone there is nowhere to say so. */
    while (write(STDERR_FILENO, line, at) < 0 && errno == EINTR) {
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
