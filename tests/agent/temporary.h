/* SPDX-License-Identifier: MIT */
/* Temporary files, such as the log of a process: made, searched, and waited for. */

#ifndef VEDETTE_TESTS_AGENT_TEMPORARY_H
#define VEDETTE_TESTS_AGENT_TEMPORARY_H

#include <stddef.h>

/* Makes an empty file with `what` in its name, and writes its path; the caller removes it. */
void temporary_file(char *path, size_t size, const char *what);

/* Makes standard error end in such a file; returns what temporary_end_log gives back and removes. */
int temporary_log(char *path, size_t size);
void temporary_end_log(int before, const char *path);

/* Returns how often the file holds `text`, of its first MiB. */
unsigned temporary_count(const char *path, const char *text);

/* Returns once it holds it, bounded by the test's time-out. */
void temporary_await(const char *path, const char *text);

#endif
