/* SPDX-License-Identifier: MIT */
/* The Linux port's log: one `key=value` line an event, on standard error. */

#ifndef ASC_LINUX_LOG_H
#define ASC_LINUX_LOG_H

enum asc_linux_log_level {
    ASC_LINUX_LOG_ERROR,
    ASC_LINUX_LOG_WARN,
    ASC_LINUX_LOG_INFO,
    ASC_LINUX_LOG_DEBUG
};

/* The most talkative level that is written; INFO until told otherwise. Before any thread starts. */
void asc_linux_log_level(enum asc_linux_log_level level);

/* Where standard error is the journal of systemd (JOURNAL_STREAM), lines get its priorities in place
   of a time. Before any thread starts. */
void asc_linux_log_find_journal(void);

/* Writes one line with one write call, cut at 1,000 bytes. `event`: stable name; `format`: further
   `key=value` or `key="value"` pairs, with no conversions but %s, %d, %u, %lu and %llu.
   In the text of %s quotes, backslashes and control characters are escaped. From any thread.
   Never give it a key, a token or a payload. */
void asc_linux_log(enum asc_linux_log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
