/* SPDX-License-Identifier: MIT */
/* Commands as tables: what parses a command line by them and writes their help. */

#ifndef VEDETTE_CLI_COMMAND_H
#define VEDETTE_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#define VD_EXIT_OK        0
#define VD_EXIT_FAILURE   1
#define VD_EXIT_USAGE     2
#define VD_EXIT_CUT       3 /* of a query: what came was printed, and there is more */
#define VD_EXIT_NOT_READY 3 /* of health: the service lives and is not ready */
#define VD_EXIT_STUCK     4 /* of health: it does not live */

/* Options that several commands share: a bit mask. */
#define VD_TAKES_DATA_DIR 1U
#define VD_TAKES_OUTPUT   2U /* table or json */
#define VD_TAKES_CSV      4U /* table, json, csv or tsv */
#define VD_TAKES_LINES    8U /* json, a line each, or csv */

struct vd_option {
    const char *name;
    const char *value; /* its name in the help; NULL: the option takes none */
    const char *text;
};

enum vd_output {
    VD_OUTPUT_TABLE,
    VD_OUTPUT_JSON,
    VD_OUTPUT_CSV,
    VD_OUTPUT_TSV
};

#define VD_GIVEN_MAX   64
#define VD_OPTIONS_MAX 40

/* A command line taken apart; points into argv. */
struct vd_invocation {
    const char *command; /* "vedette device show" */
    const char *data_dir;
    enum vd_output output;
    struct {
        const char *name;
        char *value; /* in argv; "" for an option without one */
    } given[VD_GIVEN_MAX];
    size_t given_count;
    char **arguments;
    int argument_count;
};

struct vd_command {
    const char *name;
    const char *summary;
    const char *arguments; /* as the usage shows them; NULL: none */
    int min_arguments;
    int max_arguments;
    unsigned takes;
    const struct vd_option *options; /* up to one without a name; NULL: none */
    const char *details;             /* more for the help; NULL: nothing */
    int (*run)(const struct vd_invocation *invocation);
    int (*raw)(
        int argc, char **argv); /* instead of run: parses its arguments itself, but for --version */
    const struct vd_command *children; /* instead of both: up to one without a name */
};

/* Finds the command that argv names below `root`, parses its options and runs it. Returns the exit status. */
int vd_command_main(const struct vd_command *root, int argc, char **argv);

/* All options of a command, its own first, then those that several share. Returns how many. */
size_t vd_command_options(const struct vd_command *command, struct vd_option out[VD_OPTIONS_MAX]);

/* The value of option `name` where it was given last; NULL if it was not. */
const char *vd_invocation_value(const struct vd_invocation *invocation, const char *name);

/* Overwrites what was given for option `name` where it stands, in argv: the process list shows it no more. */
void vd_invocation_wipe(const struct vd_invocation *invocation, const char *name);

/* Says on stderr what went wrong. Returns VD_EXIT_FAILURE. */
int vd_cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Likewise for wrong usage, and where the help is. Returns VD_EXIT_USAGE. */
int vd_cli_usage(const struct vd_invocation *invocation, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
