/* SPDX-License-Identifier: MIT */
/* The service's log: one line an event on stderr, `key=value`, levelled. Never a key, token or payload. */

#ifndef VEDETTE_LIB_LOG_H
#define VEDETTE_LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum vd_log_level {
    VD_LOG_ERROR,
    VD_LOG_WARN,
    VD_LOG_INFO,
    VD_LOG_DEBUG,
};

/* Lines above `level` are left out. Any thread. Default: VD_LOG_INFO. */
void vd_log_set_level(enum vd_log_level level);

/* Lines are JSON objects instead. Any thread. Default: false. */
void vd_log_set_json(bool json);

/* "error", "warn", "info" or "debug" to its level; false for anything else. */
bool vd_log_level_from_text(const char *text, enum vd_log_level *level);

/*
 * Writes `time=... level=... event=<event> <fields>` as one line with one write.
 * event   stable id, `area.what`, lower case
 * format  the fields, `key=value key="with spaces"`: names and quotes stand in the format. Values may be anything: one that is no
 *         plain word is quoted, `"` and `\` get a backslash, control characters and bytes that are not UTF-8 become \xNN
 * As JSON: {"time","level","event", fields}, a value without quotes in the format that is a whole number as such, all else as text.
 * Any thread. A line is whole within 1,024 bytes: the value that does not fit is cut, the fields behind it are left out.
 */
void vd_log(enum vd_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A limit for lines that a peer can cause: `burst` lines a window of 10 s, the rest counted and told in
 * the next line that is let through. Zero-initialised but for `burst`. One thread each. */
struct vd_log_limit {
    uint32_t burst;
    uint32_t used;
    uint32_t held_back;
    int64_t window_start_ms;
};

/* True if a line may be written now (monotonic ms); *held_back is then how many were not. */
bool vd_log_allowed(struct vd_log_limit *limit, int64_t now_ms, uint32_t *held_back);

#endif
