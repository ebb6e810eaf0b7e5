/* SPDX-License-Identifier: MIT */
/* Parsing of command lines by the tables, and the help that is written from them. */

#include "cli/command.h"

#include <assert.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "cli/data_dir.h"
#include "lib/secret.h"

#define PATH_MAX_BYTES 96

static const struct vd_option common_options[] = {
    {"data-dir", "DIR", "the data directory; default: $VEDETTE_DATA_DIR, or " VD_DATA_DIR_DEFAULT},
    {"output", "FORM", "table or json; default: table"},
    {"output", "FORM", "table, json, csv or tsv; default: table"},
    {"output", "FORM", "json, an object a line, or csv; default: json"},
    {"help", NULL, "this text"},
    {"version", NULL, "the version"},
};

static bool option_is_taken(const struct vd_command *command, size_t common)
{
    switch (common) {
    case 0:
        return (command->takes & VD_TAKES_DATA_DIR) != 0;
    case 1:
        return (command->takes & VD_TAKES_OUTPUT) != 0;
    case 2:
        return (command->takes & VD_TAKES_CSV) != 0;
    case 3:
        return (command->takes & VD_TAKES_LINES) != 0;
    default:
        return true;
    }
}

size_t vd_command_options(const struct vd_command *command, struct vd_option out[VD_OPTIONS_MAX])
{
    size_t count = 0;

    for (const struct vd_option *o = command->options; o != NULL && o->name != NULL; o++) {
        assert(count < VD_OPTIONS_MAX);
        out[count++] = *o;
    }
    for (size_t i = 0; i < sizeof common_options / sizeof common_options[0]; i++) {
        if (option_is_taken(command, i)) {
            assert(count < VD_OPTIONS_MAX);
            out[count++] = common_options[i];
        }
    }
    return count;
}

/* ---- Help ---- */

static void print_options(const struct vd_command *command)
{
    struct vd_option options[VD_OPTIONS_MAX];
    size_t count = vd_command_options(command, options);
    char left[64];

    printf("\nOptions:\n");
    for (size_t i = 0; i < count; i++) {
        snprintf(left, sizeof left, "--%s%s%s", options[i].name,
            options[i].value != NULL ? " " : "", options[i].value != NULL ? options[i].value : "");
        printf("  %-26s %s\n", left, options[i].text);
    }
}

static void print_help(const struct vd_command *command, const char *path)
{
    if (command->children != NULL) {
        printf("Usage: %s COMMAND\n\n%s\n\nCommands:\n", path, command->summary);
        for (const struct vd_command *c = command->children; c->name != NULL; c++) {
            printf("  %-14s %s\n", c->name, c->summary);
        }
        printf("\n`%s COMMAND --help` tells more of each.\n", path);
        return;
    }
    printf("Usage: %s [OPTION]...%s%s\n\n%s\n", path, command->arguments != NULL ? " " : "",
        command->arguments != NULL ? command->arguments : "", command->summary);
    print_options(command);
    if (command->details != NULL) {
        printf("\n%s", command->details);
    }
}

/* ---- Faults ---- */

int vd_cli_fail(const char *format, ...)
{
    va_list args;

    fflush(stdout);
    fputs("vedette: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return VD_EXIT_FAILURE;
}

int vd_cli_usage(const struct vd_invocation *invocation, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", invocation->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry `%s --help`.\n", invocation->command);
    return VD_EXIT_USAGE;
}

/* ---- Parsing ---- */

static bool output_parse(const struct vd_command *command, const char *text, enum vd_output *output)
{
    static const struct {
        const char *name;
        enum vd_output output;
        unsigned of; /* the commands that have it */
    } forms[] = {
        {"table", VD_OUTPUT_TABLE, VD_TAKES_OUTPUT | VD_TAKES_CSV},
        {"json", VD_OUTPUT_JSON, VD_TAKES_OUTPUT | VD_TAKES_CSV | VD_TAKES_LINES},
        {"csv", VD_OUTPUT_CSV, VD_TAKES_CSV | VD_TAKES_LINES},
        {"tsv", VD_OUTPUT_TSV, VD_TAKES_CSV},
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(text, forms[i].name) == 0 && (command->takes & forms[i].of) != 0) {
            *output = forms[i].output;
            return true;
        }
    }
    return false;
}

/* Keeps an option that was given. Returns false (said on stderr) if it is wrong. */
static bool take_option(const struct vd_command *command, struct vd_invocation *invocation,
    const char *name, char *value)
{
    static char none[] = "";

    if (strcmp(name, "data-dir") == 0) {
        invocation->data_dir = value;
        return true;
    }
    if (strcmp(name, "output") == 0) {
        if (!output_parse(command, value, &invocation->output)) {
            vd_cli_usage(invocation, "--output %s: not a form that there is", value);
            return false;
        }
        return true;
    }
    if (invocation->given_count == VD_GIVEN_MAX) {
        vd_cli_usage(invocation, "more than %d options", VD_GIVEN_MAX);
        return false;
    }
    invocation->given[invocation->given_count].name = name;
    invocation->given[invocation->given_count++].value = value != NULL ? value : none;
    return true;
}

/* Parses what follows the command's name and runs it. */
static int command_run(
    const struct vd_command *command, struct vd_invocation *invocation, int argc, char **argv)
{
    struct vd_option options[VD_OPTIONS_MAX];
    struct option forms[VD_OPTIONS_MAX + 1] = {{NULL, 0, NULL, 0}};
    size_t count = vd_command_options(command, options);
    int index = 0;
    int c;

    for (size_t i = 0; i < count; i++) {
        forms[i].name = options[i].name;
        forms[i].has_arg = options[i].value != NULL ? required_argument : no_argument;
    }
    opterr = 0;
    optind = 0; /* forgets an earlier parse */
    while ((c = getopt_long(argc, argv, ":h", forms, &index)) != -1) {
        const char *name = c == 0 && index < (int)count ? options[index].name : "";

        if (c == 'h' || strcmp(name, "help") == 0) {
            print_help(command, invocation->command);
            return VD_EXIT_OK;
        }
        if (c != 0) {
            return vd_cli_usage(invocation,
                c == ':' ? "%s: its value is missing" : "%s: no such option", argv[optind - 1]);
        }
        if (strcmp(name, "version") == 0) {
            printf("vedette %s\n", VD_VERSION);
            return VD_EXIT_OK;
        }
        if (!take_option(command, invocation, name, optarg)) {
            return VD_EXIT_USAGE;
        }
    }
    invocation->arguments = argv + optind;
    invocation->argument_count = argc - optind;
    if (invocation->argument_count < command->min_arguments) {
        return vd_cli_usage(invocation, "%s is missing", command->arguments);
    }
    if (invocation->argument_count > command->max_arguments) {
        return vd_cli_usage(
            invocation, "%s: one argument too many", invocation->arguments[command->max_arguments]);
    }
    return command->run(invocation);
}

/* NULL if there is none of that name. */
static const struct vd_command *child_find(const struct vd_command *command, const char *name)
{
    for (const struct vd_command *c = command->children; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_help(const char *text)
{
    return strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0 || strcmp(text, "help") == 0;
}

int vd_command_main(const struct vd_command *root, int argc, char **argv)
{
    const struct vd_command *command = root;
    struct vd_invocation invocation = {.data_dir = getenv("VEDETTE_DATA_DIR")};
    char path[PATH_MAX_BYTES];
    int depth = 0; /* argv[depth] is the name of `command` */

    if (invocation.data_dir == NULL || invocation.data_dir[0] == '\0') {
        invocation.data_dir = VD_DATA_DIR_DEFAULT;
    }
    snprintf(path, sizeof path, "%s", root->name);
    invocation.command = path;
    while (command->children != NULL) {
        const struct vd_command *child;

        if (++depth >= argc) {
            return vd_cli_usage(&invocation, "which command?");
        }
        if (is_help(argv[depth])) {
            print_help(command, path);
            return VD_EXIT_OK;
        }
        if (strcmp(argv[depth], "--version") == 0) {
            printf("vedette %s\n", VD_VERSION);
            return VD_EXIT_OK;
        }
        child = child_find(command, argv[depth]);
        if (child == NULL) {
            return vd_cli_usage(&invocation, "%s: no such command", argv[depth]);
        }
        command = child;
        snprintf(path + strlen(path), sizeof path - strlen(path), " %s", command->name);
    }
    if (command->raw != NULL) {
        if (argc == depth + 2 && strcmp(argv[depth + 1], "--version") == 0) {
            printf("vedette %s\n", VD_VERSION);
            return VD_EXIT_OK;
        }
        return command->raw(argc - depth, argv + depth);
    }
    return command_run(command, &invocation, argc - depth, argv + depth);
}

const char *vd_invocation_value(const struct vd_invocation *invocation, const char *name)
{
    for (size_t i = invocation->given_count; i > 0; i--) {
        if (strcmp(invocation->given[i - 1].name, name) == 0) {
            return invocation->given[i - 1].value;
        }
    }
    return NULL;
}

void vd_invocation_wipe(const struct vd_invocation *invocation, const char *name)
{
    for (size_t i = 0; i < invocation->given_count; i++) {
        if (strcmp(invocation->given[i].name, name) == 0) {
            vd_secret_wipe(invocation->given[i].value, strlen(invocation->given[i].value));
        }
    }
}
