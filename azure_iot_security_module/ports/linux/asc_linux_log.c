/* SPDX-License-Identifier: MIT */
/* Formats a log line into one buffer and writes it at once, so that lines of threads do not mix. */

#include "azure_iot_security_module/ports/linux/asc_linux_log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1000u

struct line {
    char text[LINE_MAX_BYTES];
    size_t length;
    bool full; /* something did not fit: nothing more is put */
};

static enum asc_linux_log_level limit = ASC_LINUX_LOG_INFO;
static bool to_journal;

void asc_linux_log_level(enum asc_linux_log_level level)
{
    limit = level;
}

void asc_linux_log_find_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    if (stream != NULL && fstat(STDERR_FILENO, &status) == 0) {
        snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
        to_journal = strcmp(stream, own) == 0;
    }
}

/* Whole or not at all; the last byte is kept for the end of the line. */
static void put(struct line *l, const char *text, size_t length)
{
    l->full = l->full || length >= sizeof l->text - l->length;
    if (!l->full) {
        memcpy(l->text + l->length, text, length);
        l->length += length;
    }
}

/* A value's text: what could end the value or the line is escaped. */
static void put_value(struct line *l, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        char escape[8];

        if (c == '"' || c == '\\') {
            put(l, (const char[]){'\\', *text}, 2);
        } else if (c < ' ' || c == 0x7f) {
            put(l, escape, (size_t)snprintf(escape, sizeof escape, "\\x%02x", c));
        } else {
            put(l, text, 1);
        }
    }
}

/* One conversion at `format`, behind its '%'; returns what follows it. */
static const char *put_conversion(struct line *l, const char *format, va_list *args)
{
    char number[32] = "";
    unsigned longs = 0;

    for (; *format == 'l'; format++) {
        longs++;
    }
    if (*format == 's') {
        put_value(l, va_arg(*args, const char *));
    } else if (*format == 'd') {
        snprintf(number, sizeof number, "%d", va_arg(*args, int));
    } else if (longs == 2) {
        snprintf(number, sizeof number, "%llu", va_arg(*args, unsigned long long));
    } else if (longs == 1) {
        snprintf(number, sizeof number, "%lu", va_arg(*args, unsigned long));
    } else {
        snprintf(number, sizeof number, "%u", va_arg(*args, unsigned));
    }
    put(l, number, strlen(number));
    return format + 1;
}

/* Start of the line: time, level and event. The journal has a time of its own. */
static void put_head(struct line *l, enum asc_linux_log_level level, const char *event)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    static const char *const priorities[] = {"<3>", "<4>", "<6>", "<7>"};
    struct timespec now;
    struct tm utc;
    char head[160];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    if (to_journal) {
        snprintf(head, sizeof head, "%slevel=%s event=%s", priorities[level], names[level], event);
    } else {
        snprintf(head, sizeof head, "time=%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ level=%s event=%s",
            utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
            now.tv_nsec / 1000000, names[level], event);
    }
    put(l, head, strlen(head));
}

void asc_linux_log(enum asc_linux_log_level level, const char *event, const char *format, ...)
{
    struct line l = {.length = 0};
    va_list args;

    if (level > limit) {
        return;
    }
    put_head(&l, level, event);
    put(&l, " ", 1);
    va_start(args, format);
    while (*format != '\0') {
        const size_t plain = strcspn(format, "%");

        put(&l, format, plain);
        format += plain;
        if (*format == '%') {
            format = put_conversion(&l, format + 1, &args);
        }
    }
    va_end(args);
    l.text[l.length++] = '\n';
    /* A log that cannot be written is no reason to stop. */
    if (write(STDERR_FILENO, l.text, l.length) < 0) {
        return;
    }
}
