/* SPDX-License-Identifier: MIT */
/* What a function writes to stdout and stderr. */

#ifndef VEDETTE_TESTS_CLI_OUTPUT_H
#define VEDETTE_TESTS_CLI_OUTPUT_H

struct output {
    char out[16384];
    char err[4096];
};

/* Runs `run` with both streams going to files, and takes what was written. */
void output_take(struct output *output, void (*run)(void *context), void *context);

#endif
