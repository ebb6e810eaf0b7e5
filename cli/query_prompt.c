/* SPDX-License-Identifier: MIT */
/* A prompt by libedit. */

#include "cli/query_prompt.h"

#include <editline/readline.h>
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "center/kql/functions.h"
#include "center/kql/tables.h"
#include "center/kql/words.h"

#define HISTORY_MAX 1000
#define PATH_SIZE   512
#define WORD_BREAKS " \t\n\"\\'`@$><=;|&{}()[],+-*/%!~"

/* ---- Completion ---- */

struct words {
    char **items;
    size_t count;
    size_t capacity;
};

/* Adds a copy; without memory the word is left out. */
static void add(struct words *words, const char *text)
{
    if (words->count + 2 > words->capacity) {
        const size_t capacity = words->capacity > 0 ? words->capacity * 2 : 32;
        char **items = realloc(words->items, capacity * sizeof(char *));

        if (items == NULL) {
            return;
        }
        words->items = items;
        words->capacity = capacity;
    }
    words->items[words->count] = strdup(text);
    words->count += words->items[words->count] != NULL ? 1 : 0;
    words->items[words->count] = NULL;
}

static void add_fitting(struct words *words, const char *word, const char *candidate)
{
    if (strncasecmp(word, candidate, strlen(word)) != 0) {
        return;
    }
    for (size_t i = 1; i < words->count; i++) {
        if (strcmp(words->items[i], candidate) == 0) {
            return;
        }
    }
    add(words, candidate);
}

/* Functions, with the parenthesis that follows. */
static void add_functions(struct words *words, const char *word, const char *const *names)
{
    char call[80];

    for (; *names != NULL; names++) {
        snprintf(call, sizeof call, "%s(", *names);
        add_fitting(words, word, call);
    }
}

static void add_list(struct words *words, const char *word, const char *const *list)
{
    for (; *list != NULL; list++) {
        add_fitting(words, word, *list);
    }
}

/* Columns of the tables that the line names, or of all. */
static void add_columns(struct words *words, const char *line, const char *word)
{
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);
    bool is_any_named = false;

    for (uint32_t i = 0; i < count; i++) {
        is_any_named = is_any_named || strstr(line, tables[i].name) != NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t c = 0;
             (!is_any_named || strstr(line, tables[i].name) != NULL) && c < tables[i].column_count;
             c++) {
            add_fitting(words, word, tables[i].columns[c].name);
        }
    }
}

/* Whether what the word begins is an operator: the last sign before it is a '|'. */
static bool is_behind_pipe(const char *line, const char *word)
{
    size_t length = strlen(line);
    const size_t word_length = strlen(word);

    length = length >= word_length ? length - word_length : 0;
    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\n')) {
        length--;
    }
    return length > 0 && line[length - 1] == '|';
}

/* What all but the first have in common, put first, as readline wants it. */
static void set_common(struct words *words)
{
    size_t common = strlen(words->items[1]);
    char *text;

    for (size_t i = 2; i < words->count; i++) {
        size_t same = 0;

        while (same < common && words->items[i][same] == words->items[1][same]) {
            same++;
        }
        common = same;
    }
    text = strndup(words->items[1], common);
    if (text != NULL) {
        free(words->items[0]);
        words->items[0] = text;
    }
}

char **vd_query_completions(const char *line, const char *word)
{
    struct words words = {0};
    uint32_t count;
    const struct vd_kql_table *tables = vd_kql_tables(&count);

    add(&words, word);
    if (is_behind_pipe(line, word)) {
        add_list(&words, word, vd_kql_operator_words());
    } else {
        for (uint32_t i = 0; i < count; i++) {
            add_fitting(&words, word, tables[i].name);
        }
        add_columns(&words, line, word);
        add_list(&words, word, vd_kql_keyword_words());
        add_functions(&words, word, vd_kql_function_names(VD_KQL_SCALAR));
        add_functions(&words, word, vd_kql_function_names(VD_KQL_AGGREGATE));
    }
    if (words.count < 2) {
        for (size_t i = 0; i < words.count; i++) {
            free(words.items[i]);
        }
        free(words.items);
        return NULL;
    }
    set_common(&words);
    return words.items;
}

/* What was typed before this line, for completion. */
static char *typed;

static char **complete(const char *word, int start, int end)
{
    const size_t before = typed != NULL ? strlen(typed) : 0;
    char *line = malloc(before + (size_t)end + 2);
    char **words;

    (void)start;
    rl_attempted_completion_over = 1;
    if (line == NULL) {
        return NULL;
    }
    snprintf(
        line, before + (size_t)end + 2, "%s %.*s", typed != NULL ? typed : "", end, rl_line_buffer);
    words = vd_query_completions(line, word);
    free(line);
    /* A space follows what is whole, but not within parentheses. */
    rl_completion_append_character =
        words != NULL && words[0][0] != '\0' && words[0][strlen(words[0]) - 1] == '(' ? '\0' : ' ';
    return words;
}

/* ---- History ---- */

/* False: there is no place for it. */
static bool history_path(char path[PATH_SIZE])
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    int length;

    if (state != NULL && state[0] == '/') {
        length = snprintf(path, PATH_SIZE, "%s/vedette", state);
    } else if (home != NULL && home[0] == '/') {
        length = snprintf(path, PATH_SIZE, "%s/.local/state/vedette", home);
    } else {
        return false;
    }
    if (length < 0 || length + 16 >= PATH_SIZE) {
        return false;
    }
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    (void)mkdir(path, 0700);
    snprintf(path + length, PATH_SIZE - (size_t)length, "/query-history");
    return true;
}

static void remember(const char *path, const char *text)
{
    char *line = strdup(text);

    if (line == NULL) {
        return;
    }
    for (char *c = line; *c != '\0'; c++) {
        *c = (char)(*c == '\n' ? ' ' : *c);
    }
    add_history(line);
    free(line);
    if (path[0] != '\0' && write_history(path) == 0) {
        (void)chmod(path, 0600);
    }
}

/* ---- Keys ---- */

static atomic_bool is_interrupted; /* Ctrl-C came since the last line was begun */
static sigset_t while_waiting;     /* the signals that are blocked while a key is waited for */

static void interrupt(int number)
{
    (void)number;
    atomic_store(&is_interrupted, true);
}

/* The next byte; 0: there is none; -1: Ctrl-C came. */
static ssize_t read_byte(int file, char *byte)
{
    struct pollfd ready = {.fd = file, .events = POLLIN};
    ssize_t got = -1;

    while (got < 0 && !atomic_load(&is_interrupted)) {
        if (ppoll(&ready, 1, NULL, &while_waiting) > 0) {
            got = read(file, byte, 1);
        }
        if (got < 0 && errno != EINTR) {
            return 0;
        }
    }
    return got;
}

/* The next character, for libedit; -1: there is none. Ctrl-C ends the line, which is forgotten then. */
static int read_key(FILE *stream)
{
    mbstate_t state = {0};
    wchar_t key = 0;
    char byte = 0;

    for (;;) {
        const ssize_t got = read_byte(fileno(stream), &byte);
        size_t length;

        if (got <= 0) {
            return got == 0 ? -1 : '\n';
        }
        length = mbrtowc(&key, &byte, 1, &state);
        if (length == (size_t)-1) {
            state = (mbstate_t){0}; /* what is no character is left out */
        } else if (length != (size_t)-2) {
            return (int)key;
        }
    }
}

/* A line, the caller's; NULL at the end of input. */
static char *read_line(const char *prompt)
{
    sigset_t blocked;
    char *line;

    atomic_store(&is_interrupted, false);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    line = readline(prompt);
    sigprocmask(SIG_SETMASK, &while_waiting, NULL);
    return line;
}

/* ---- Reading ---- */

/* Appends the line behind a line end; false: without memory. */
static bool append_line(const char *line)
{
    const size_t before = typed != NULL ? strlen(typed) : 0;
    char *longer = realloc(typed, before + strlen(line) + 2);

    if (longer == NULL) {
        return false;
    }
    snprintf(longer + before, strlen(line) + 2, "%s%s", before > 0 ? "\n" : "", line);
    typed = longer;
    return true;
}

static bool ends_query(const char *line)
{
    size_t length = strlen(line);

    while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t')) {
        length--;
    }
    return length == 0 || line[length - 1] == ';';
}

static void forget(void)
{
    free(typed);
    typed = NULL;
}

int vd_query_prompt(const struct vd_invocation *invocation, vd_query_run_text *run)
{
    /* Writing goes on: nothing of what is printed gets lost. */
    const struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    struct sigaction before;
    char path[PATH_SIZE] = "";
    char *line;

    sigaction(SIGINT, &action, &before); /* it ends lines and queries, not the prompt */
    setlocale(LC_CTYPE, "");
    rl_getc_function = read_key;
    rl_attempted_completion_function = complete;
    rl_basic_word_break_characters = WORD_BREAKS;
    using_history();
    stifle_history(HISTORY_MAX);
    if (history_path(path)) {
        (void)read_history(path);
    } else {
        path[0] = '\0';
    }
    puts(
        "A query ends with ';' or an empty line; Tab completes; Ctrl-C forgets it, or ends it where it runs; Ctrl-D leaves.");
    while ((line = read_line(typed == NULL ? "> " : ". ")) != NULL) {
        const bool is_over = ends_query(line);
        const bool is_forgotten = atomic_load(&is_interrupted);
        const bool is_kept = is_forgotten || line[0] == '\0' || append_line(line);

        free(line);
        if (is_forgotten) {
            forget();
        } else if (!is_kept) {
            fputs("vedette: out of memory\n", stderr);
            forget();
        } else if (is_over && typed != NULL) {
            remember(path, typed);
            run(invocation, typed, &is_interrupted);
            forget();
        }
    }
    putchar('\n');
    forget();
    sigaction(SIGINT, &before, NULL);
    return VD_EXIT_OK;
}
