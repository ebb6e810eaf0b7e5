/* SPDX-License-Identifier: MIT */
/* What others see of a process. */

#ifndef VEDETTE_TESTS_LIB_PROC_H
#define VEDETTE_TESTS_LIB_PROC_H

#include <stdbool.h>
#include <sys/types.h>

/* True if /proc/PID/NAME holds `text` anywhere; while the program is only being started it is empty. Fails the test if it cannot
 * be read. */
bool proc_holds(pid_t pid, const char *name, const char *text);

#endif
