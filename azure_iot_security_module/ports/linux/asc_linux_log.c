/* SPDX-License-Identifier: MIT */
/* Formats a log line into one buffer and writes it at once, so that lines of threads do not mix. */

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"

#include <stdarg.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1000

static enum asc_linux_log_level limit = ASC_LINUX_LOG_INFO;

void asc_linux_log_level(enum asc_linux_log_level level)
{
    limit = level;
}

/* Start of the line: time, level and event; returns its length. */
static size_t line_head(char *line, size_t size, enum asc_linux_log_level level, const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    struct tm utc;
    int n;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    n = snprintf(line, size, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s event=%s",
        utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
        now.tv_nsec / 1000000, names[level], event);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

void asc_linux_log(enum asc_linux_log_level level, const char *event, const char *format, ...)
{
    char line[LINE_MAX_BYTES + 1];
    size_t length;
    va_list args;
    int n;

    if (level > limit) {
        return;
    }
    length = line_head(line, LINE_MAX_BYTES, level, event);
    if (format[0] != '\0' && length + 2 < LINE_MAX_BYTES) {
        line[length++] = ' ';
        va_start(args, format);
        n = vsnprintf(line + length, LINE_MAX_BYTES - length, format, args);
        va_end(args);
        length += n < 0                           ? 0
            : (size_t)n < LINE_MAX_BYTES - length ? (size_t)n
                                                  : LINE_MAX_BYTES - length - 1;
    }
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[length++] = '\n';
    /* A log that cannot be written is no reason to stop. */
    if (write(STDERR_FILENO, line, length) < 0) {
        return;
    }
}
