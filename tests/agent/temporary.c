/* SPDX-License-Identifier: MIT */
/* Makes temporary files and reads them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/agent/temporary.h"

void temporary_file(char *path, size_t size, const char *what)
{
    int fd;

    snprintf(path, size, "/tmp/vedette-%s-XXXXXX", what);
    fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
}

int temporary_log(char *path, size_t size)
{
    int before = dup(STDERR_FILENO), fd;

    temporary_file(path, size, "log");
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(before >= 0 && fd >= 0);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    close(fd);
    return before;
}

void temporary_end_log(int before, const char *path)
{
    dup2(before, STDERR_FILENO);
    close(before);
    unlink(path);
}

unsigned temporary_count(const char *path, const char *text)
{
    static char data[1 << 20];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned count = 0;
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, data, sizeof data - 1);
    close(fd);
    data[n > 0 ? n : 0] = '\0';
    for (const char *at = data; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

void temporary_await(const char *path, const char *text)
{
    while (temporary_count(path, text) == 0) {
        poll(NULL, 0, 5);
    }
}
