/* SPDX-License-Identifier: MIT */
/* What others see of a process. */

#include "tests/lib/proc.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

bool proc_holds(pid_t pid, const char *name, const char *text)
{
    char path[64], data[8192];
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    n = read(fd, data, sizeof data);
    close(fd);
    assert_true(n >= 0);
    return memmem(data, (size_t)n, text, strlen(text)) != NULL;
}
