/* SPDX-License-Identifier: MIT */
/* What this Linux system is: distribution, kernel and hardware, in words. */

#ifndef ASC_LINUX_SYSTEM_H
#define ASC_LINUX_SYSTEM_H

#include <stddef.h>

#define ASC_LINUX_SYSTEM_BYTES 256u

/* "" where the system does not say. */
struct asc_linux_system {
    char os[ASC_LINUX_SYSTEM_BYTES];     /* PRETTY_NAME of os-release */
    char kernel[ASC_LINUX_SYSTEM_BYTES]; /* name and release */
    char hw[ASC_LINUX_SYSTEM_BYTES];     /* machine, board and processor */
};

/* Reads small files below /etc, /sys and /proc, 64 KiB of each at most. */
void asc_linux_system_read(struct asc_linux_system *s);

/* The value of `name=value` in os-release text, quotes and backslashes taken off as os-release(5)
   says; "" when it is not there. Cut to fit `size`. */
void asc_linux_os_release(const char *text, const char *name, char *out, size_t size);

#endif
