/* SPDX-License-Identifier: MIT */
/* Runs the program by a shell, and judges what it said. */

#include "tests/cli/program.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

char output[65536];

static int run(const char *command)
{
    FILE *stream = popen(command, "r");
    int status;

    assert_non_null(stream);
    output[fread(output, 1, sizeof output - 1, stream)] = '\0';
    status = pclose(stream);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

int shell(const char *format, ...)
{
    char command[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(command, sizeof command, format, args);
    va_end(args);
    assert_in_range(length, 1, sizeof command - 1);
    return run(command);
}

int vedette(const char *format, ...)
{
    char words[512];
    char command[1024];
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(words, sizeof words, format, args);
    va_end(args);
    assert_in_range(length, 0, sizeof words - 1);
    length = snprintf(command, sizeof command, "'%s' %s 2>&1", VD_PROGRAM, words);
    assert_in_range(length, 1, sizeof command - 1);
    return run(command);
}

void assert_said(const char *text)
{
    if (strstr(output, text) == NULL) {
        fail_msg("no \"%s\" in: %s", text, output);
    }
}

size_t entries(const char *path)
{
    struct dirent *entry;
    size_t count = 0;
    DIR *dir = opendir(path);

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL) {
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(dir);
    return count;
}
