/* SPDX-License-Identifier: MIT */
/* Writes what is installed beside the programs, from the tables by which they parse: the manual pages and the completion. */
/* usage: manual vedette.1|vedette.conf.5|vedette-agent.8|completion FILE */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "center/store/alert_state.h"
#include "cli/cmd_agent.h"
#include "cli/commands.h"
#include "cli/prove/proof.h"
#include "cli/root.h"
#include "hub/registry.h"
#include "lib/config.h"

#define PATH_SIZE 128

/* Text for troff: no dash becomes typography, no line begins a request. With `code`, what stands in backticks is bold. */
static void put_text(const char *text, bool code)
{
    bool line_begins = true;
    bool bold = false;

    for (const char *at = text; *at != '\0'; at++) {
        if (line_begins && (*at == '.' || *at == '\'')) {
            fputs("\\&", stdout);
        }
        line_begins = *at == '\n';
        if (*at == '\\') {
            fputs("\\e", stdout);
        } else if (*at == '-') {
            fputs("\\-", stdout);
        } else if (*at == '`' && code) {
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fP", stdout);
        } else if (*at == '`') {
            fputs("\\(ga", stdout);
        } else {
            putchar(*at);
        }
    }
}

static void put_title(const char *name, int section)
{
    printf(".TH %s %d \"\" \"vedette %s\" \"Vedette\"\n", name, section, VD_VERSION);
}

/* A paragraph with its term in bold, its value (NULL: none) in italics. */
static void put_term(const char *term, const char *value)
{
    fputs(".TP\n\\fB", stdout);
    put_text(term, false);
    fputs("\\fP", stdout);
    if (value != NULL) {
        fputs(" \\fI", stdout);
        put_text(value, false);
        fputs("\\fP", stdout);
    }
    putchar('\n');
}

/* ---- vedette(1) ---- */

static void put_options(const struct vd_command *command)
{
    struct vd_option options[VD_OPTIONS_MAX];
    size_t count = vd_command_options(command, options);

    for (size_t i = 0; i < count; i++) {
        char name[64];

        if (strcmp(options[i].name, "help") == 0 || strcmp(options[i].name, "version") == 0 ||
            strcmp(options[i].name, "data-dir") == 0) {
            continue; /* said once, for all */
        }
        snprintf(name, sizeof name, "--%s", options[i].name);
        put_term(name, options[i].value);
        put_text(options[i].text, false);
        putchar('\n');
    }
}

static void put_command(const struct vd_command *command, const char *path)
{
    if (command->children != NULL) {
        for (const struct vd_command *c = command->children; c->name != NULL; c++) {
            char below[PATH_SIZE];

            snprintf(below, sizeof below, "%s%s%s", path, path[0] != '\0' ? " " : "", c->name);
            put_command(c, below);
        }
        return;
    }
    fputs(".SS ", stdout);
    put_text(path, false);
    if (command->raw == NULL) {
        fputs(" [\\fIOPTION\\fP]...", stdout);
    }
    if (command->arguments != NULL) {
        fputs(" \\fI", stdout);
        put_text(command->arguments, false);
        fputs("\\fP", stdout);
    }
    putchar('\n');
    put_text(command->summary, false);
    putchar('\n');
    if (command->raw != NULL) {
        fputs("Its options: \\fBvedette\\-agent\\fP(8).\n", stdout);
        return;
    }
    put_options(command);
    if (command->details != NULL) {
        fputs(".PP\n.nf\n", stdout);
        put_text(command->details, false);
        fputs(".fi\n", stdout);
    }
}

static void write_program(void)
{
    put_title("VEDETTE", 1);
    fputs(
        ".SH NAME\nvedette \\- the security of an IoT fleet: hub and security center\n"
        ".SH SYNOPSIS\n\\fBvedette\\fP \\fICOMMAND\\fP [\\fIOPTION\\fP]... [\\fIARGUMENT\\fP]...\n"
        ".SH DESCRIPTION\n",
        stdout);
    put_text(vd_root_command.summary, false);
    fputs(
        "\nEvery command says by \\fB\\-\\-help\\fP what it takes.\n"
        ".SH COMMANDS\n"
        "Each takes \\fB\\-\\-help\\fP and \\fB\\-\\-version\\fP, and where it works on a service\n"
        "\\fB\\-\\-data\\-dir\\fP \\fIDIR\\fP too.\n",
        stdout);
    put_command(&vd_root_command, "");
    fputs(
        ".SH EXIT STATUS\n0: done. 1: it failed, and why is on standard error. 2: wrong usage.\n"
        "3: of a query, that rows were left out for a limit that is named on standard error; of\n"
        "\\fBhealth\\fP, that the service lives and is not ready; of \\fBaudit verify\\fP, that the trail is not whole.\n"
        "4: of \\fBhealth\\fP, that a part is stuck, or that there was no answer.\n"
        ".SH ENVIRONMENT\n"
        ".TP\nVEDETTE_DATA_DIR\nThe data directory where \\fB\\-\\-data\\-dir\\fP is not given.\n"
        ".SH FILES\n"
        ".TP\n/var/lib/vedette\nThe data directory where neither is given.\n"
        ".TP\n/var/lib/vedette/vedette.conf\nThe configuration: \\fBvedette.conf\\fP(5).\n"
        ".SH SEE ALSO\n\\fBvedette.conf\\fP(5), \\fBvedette\\-agent\\fP(8)\n",
        stdout);
}

/* ---- vedette.conf(5) ---- */

static void write_configuration(void)
{
    struct vd_config_property p;

    put_title("VEDETTE.CONF", 5);
    fputs(
        ".SH NAME\nvedette.conf \\- configuration of vedette\n"
        ".SH DESCRIPTION\n"
        "Lies in the data directory and holds one \\fIkey\\fP = \\fIvalue\\fP a line; lines that start with # are comments.\n"
        "\\fBvedette serve \\-\\-set\\fP \\fIkey\\fP=\\fIvalue\\fP overrides it. An unknown key, or a value that is not\n"
        "allowed, stops the start. \\fBvedette reload\\fP has a running service read it again.\n.SH KEYS\n",
        stdout);
    for (size_t i = 0; vd_config_property_at(i, &p); i++) {
        put_term(p.name, p.initial);
        put_text(p.text, true);
        fputs("\nAllowed: ", stdout);
        put_text(p.allowed, true);
        printf(". Takes effect on %s.\n", p.is_live ? "reload" : "the next start");
    }
    fputs(".SH SEE ALSO\n\\fBvedette\\fP(1)\n", stdout);
}

/* ---- vedette-agent(8): its help, as it is ---- */

static void write_agent(void)
{
    char *help = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&help, &size);

    if (stream == NULL) {
        perror("manual");
        exit(1);
    }
    vd_cmd_agent_help(stream, "vedette-agent");
    fclose(stream);
    put_title("VEDETTE\\-AGENT", 8);
    fputs(".SH NAME\nvedette\\-agent \\- the security module of a Linux device\n"
          ".SH DESCRIPTION\n.nf\n",
        stdout);
    put_text(help, false);
    free(help);
    fputs(
        ".fi\n.SH FILES\n"
        ".TP\n/etc/vedette/agent.connection\nThe connection string, for the service (root, mode 0600).\n"
        ".TP\n/etc/default/vedette\\-agent\nThe options of the service, in VEDETTE_AGENT_OPTIONS.\n"
        ".SH SEE ALSO\n\\fBvedette\\fP(1)\n",
        stdout);
}

/* ---- Completion for bash ---- */

/* Does that for every command, the ones above before those below. */
static void each_command(const struct vd_command *command, const char *path,
    void (*put)(const struct vd_command *command, const char *path))
{
    put(command, path);
    for (const struct vd_command *c = command->children; c != NULL && c->name != NULL; c++) {
        char below[PATH_SIZE];

        snprintf(below, sizeof below, "%s %s", path, c->name);
        each_command(c, below, put);
    }
}

/* The words of which the first argument is one, as "webhook|syslog|file NAME" says them; nothing where it is another one. */
static void put_argument_words(const struct vd_command *command)
{
    const char *text = command->arguments != NULL ? command->arguments : "";
    const size_t length = strcspn(text, " ");

    if (strspn(text, "[]|abcdefghijklmnopqrstuvwxyz-") < length) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] != '[' && text[i] != ']') {
            putchar(text[i] == '|' ? ' ' : text[i]);
        }
    }
    if (length > 0) {
        putchar(' ');
    }
}

/* What `vedette prove` can prove. */
static void put_proofs(void)
{
    const struct vd_proof_row *row;

    for (size_t i = 0; (row = vd_proof_row_at(i)) != NULL; i++) {
        printf("%s ", row->name);
    }
}

/* A line of the table: what may follow `path`. */
static void put_words(const struct vd_command *command, const char *path)
{
    struct vd_option options[VD_OPTIONS_MAX];
    const bool takes_options = command->children == NULL && command->raw == NULL;
    const size_t count = takes_options ? vd_command_options(command, options) : 0;

    printf("    ['%s']='", path);
    for (const struct vd_command *c = command->children; c != NULL && c->name != NULL; c++) {
        printf("%s ", c->name);
    }
    if (command->children != NULL) {
        fputs("--help --version", stdout);
    }
    put_argument_words(command);
    if (command->run == vd_cmd_prove) {
        put_proofs();
    }
    if (command->raw != NULL) {
        vd_cmd_agent_option_names(stdout);
    }
    for (size_t i = 0; i < count; i++) {
        printf("%s--%s", i > 0 ? " " : "", options[i].name);
    }
    fputs("'\n", stdout);
}

/* Options whose values are one of a few words, by what the help calls them. */
static const struct {
    const char *option;
    const char *value;
    const char *words;
} choices[] = {
#define WORD(name, text)             " " text
#define ROLE_WORD(name, value, text) " " text
    {"reason", "REASON", VD_ALERT_REASONS(WORD)},
    {"role", "ROLE", VD_ROLES(ROLE_WORD)},
    {"status", "STATUS", " enabled disabled"},
    {"state", "STATE", " Open" VD_ALERT_STATES(WORD)},
    {"severity", "LEVEL", " High Medium Low Informational"},
    {"severity", "SEVERITY", " High Medium Low"},
    {"state", "PRESENCE", " reporting late silent refused never disabled"},
    {"kind", "KIND", " Change SignIn Program"},
    {"outcome", "OUTCOME", " Done Refused Failed Unknown"},
#undef ROLE_WORD
#undef WORD
};

/* Lines of the table: what may follow such an option. */
static void put_values(const struct vd_command *command, const char *path)
{
    for (const struct vd_option *o = command->options; o != NULL && o->name != NULL; o++) {
        for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
            if (o->value != NULL && strcmp(o->name, choices[i].option) == 0 &&
                strcmp(o->value, choices[i].value) == 0) {
                printf("    ['%s --%s']='%s'\n", path, o->name, choices[i].words + 1);
            }
        }
    }
}

static void write_completion(void)
{
    fputs("# Completion of vedette(1) for bash.\ndeclare -gA _vedette_words=(\n", stdout);
    each_command(&vd_root_command, vd_root_command.name, put_words);
    fputs(")\ndeclare -gA _vedette_values=(\n", stdout);
    each_command(&vd_root_command, vd_root_command.name, put_values);
    fputs(
        ")\n"
        "_vedette() {\n"
        "    local path=vedette word words\n"
        "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
        "        [[ -n ${_vedette_words[$path $word]+known} ]] || break\n"
        "        path+=\" $word\"\n"
        "    done\n"
        "    words=${_vedette_values[$path ${COMP_WORDS[COMP_CWORD-1]}]-${_vedette_words[$path]}}\n"
        "    case ${COMP_WORDS[COMP_CWORD-1]} in\n"
        "    --output) words='table json csv tsv' ;;\n"
        "    --data-dir) words=$(compgen -d -- \"${COMP_WORDS[COMP_CWORD]}\") ;;\n"
        "    esac\n"
        "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\")\n"
        "}\n"
        "complete -o default -F _vedette vedette\n",
        stdout);
}

static const struct {
    const char *name;
    void (*write)(void);
} documents[] = {
    {"vedette.1", write_program},
    {"vedette.conf.5", write_configuration},
    {"vedette-agent.8", write_agent},
    {"completion", write_completion},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof documents / sizeof documents[0]; i++) {
        if (strcmp(argv[1], documents[i].name) == 0) {
            if (freopen(argv[2], "w", stdout) == NULL) {
                perror(argv[2]);
                return 1;
            }
            documents[i].write();
            return fclose(stdout) == 0 ? 0 : 1;
        }
    }
    fputs("usage: manual vedette.1|vedette.conf.5|vedette-agent.8|completion FILE\n", stderr);
    return 2;
}
