/* SPDX-License-Identifier: MIT */
/* The prompt of `vedette query`: lines with history and completion. */

#ifndef VEDETTE_CLI_QUERY_PROMPT_H
#define VEDETTE_CLI_QUERY_PROMPT_H

#include <stdatomic.h>

#include "cli/command.h"

/* Runs a query that was typed, and prints what comes of it; ends it once *interrupted is true. */
typedef void vd_query_run_text(
    const struct vd_invocation *invocation, const char *text, const atomic_bool *interrupted);

/*
 * Reads queries until the end of the input. A query may have several lines: it ends with ';' or an empty line. The history is
 * kept in $XDG_STATE_HOME/vedette/query-history (else ~/.local/state/...), mode 0600.
 */
int vd_query_prompt(const struct vd_invocation *invocation, vd_query_run_text *run);

/* The words that could stand at the end of the line: tables, columns, operators, functions that begin with `word`. The list ends
 * with NULL, its texts are malloc's as readline wants them. NULL: none. */
char **vd_query_completions(const char *line, const char *word);

#endif
