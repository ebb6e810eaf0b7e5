/* SPDX-License-Identifier: MIT */
/* Redirection of the standard streams for a moment. */

#include "tests/cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static void read_back(FILE *file, char *text, size_t size)
{
    rewind(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

void output_take(struct output *output, void (*run)(void *context), void *context)
{
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    int out_before = dup(STDOUT_FILENO);
    int err_before = dup(STDERR_FILENO);

    assert_true(out != NULL && err != NULL && out_before >= 0 && err_before >= 0);
    fflush(stdout);
    dup2(fileno(out), STDOUT_FILENO);
    dup2(fileno(err), STDERR_FILENO);
    run(context);
    fflush(stdout);
    dup2(out_before, STDOUT_FILENO);
    dup2(err_before, STDERR_FILENO);
    close(out_before);
    close(err_before);
    read_back(out, output->out, sizeof output->out);
    read_back(err, output->err, sizeof output->err);
}
