/* SPDX-License-Identifier: MIT */
/* Runs the program by a shell, and judges what it said. Each fails the test if it cannot. */

#ifndef VEDETTE_TESTS_CLI_PROGRAM_H
#define VEDETTE_TESTS_CLI_PROGRAM_H

#include <stddef.h>

/* What the last run wrote, cut at its size. */
extern char output[65536];

/* Runs a command of at most 1023 bytes; its exit status. */
int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs `vedette WORDS` (at most 511 bytes), both streams into `output`; its exit status. */
int vedette(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails unless `text` stands in `output`. */
void assert_said(const char *text);

/* How many entries the folder has, but for itself and the one above. */
size_t entries(const char *path);

#endif
