/* SPDX-License-Identifier: MIT */
/* The prompt of `vedette query` at a terminal: keys that end a line, a query, the program. */

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/cli/folder.h"

#define WAIT_MS   30000
#define INTERRUPT "\x03"
#define END       "\x04"

static struct {
    pid_t pid;
    int terminal;
    char shown[65536]; /* what came and was not looked for yet */
    size_t length;
} prompt;

static void run_program(const char *terminal, const char *data)
{
    const int file = setsid() >= 0 ? open(terminal, O_RDWR) : -1;

    if (file >= 0 && ioctl(file, TIOCSCTTY, 0) == 0) {
        dup2(file, STDIN_FILENO);
        dup2(file, STDOUT_FILENO);
        dup2(file, STDERR_FILENO);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("XDG_STATE_HOME", data, 1);
        setenv("TERM", "dumb", 1);
        execl(VD_PROGRAM, "vedette", "query", "--data-dir", data, (char *)NULL);
    }
    _exit(127);
}

static void start(const struct folder *folder)
{
    char command[512];

    snprintf(command, sizeof command, "'%s' init --hub-name h --data-dir %s >/dev/null", VD_PROGRAM,
        folder->data);
    assert_int_equal(system(command), 0);
    memset(&prompt, 0, sizeof prompt);
    prompt.terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(prompt.terminal >= 0);
    assert_int_equal(grantpt(prompt.terminal), 0);
    assert_int_equal(unlockpt(prompt.terminal), 0);
    prompt.pid = fork();
    assert_true(prompt.pid >= 0);
    if (prompt.pid == 0) {
        run_program(ptsname(prompt.terminal), folder->data);
    }
}

/* False: nothing more comes. */
static bool take(void)
{
    struct pollfd ready = {.fd = prompt.terminal, .events = POLLIN};
    ssize_t got;

    if (poll(&ready, 1, WAIT_MS) <= 0) {
        return false;
    }
    got = read(
        prompt.terminal, prompt.shown + prompt.length, sizeof prompt.shown - 1 - prompt.length);
    prompt.length += got > 0 ? (size_t)got : 0;
    prompt.shown[prompt.length] = '\0';
    return got > 0;
}

/* Waits until the text is shown, and looks behind it from then on. */
static void await(const char *text)
{
    char *found;

    while ((found = strstr(prompt.shown, text)) == NULL) {
        if (!take()) {
            kill(prompt.pid, SIGKILL);
            fail_msg("no \"%s\" in: %s", text, prompt.shown);
        }
    }
    found += strlen(text);
    prompt.length -= (size_t)(found - prompt.shown);
    memmove(prompt.shown, found, prompt.length + 1);
}

/* Waits for the prompt, and until it has the terminal give it each key: before that Ctrl-D would be the terminal's. */
static void await_prompt(const char *text)
{
    const struct timespec pause = {0, 1000000};
    struct termios mode = {.c_lflag = ICANON};

    await(text);
    for (int i = 0; (mode.c_lflag & ICANON) != 0; i++) {
        assert_int_equal(tcgetattr(prompt.terminal, &mode), 0);
        if (i > WAIT_MS) {
            kill(prompt.pid, SIGKILL);
            fail_msg("the prompt does not read keys");
        }
        nanosleep(&pause, NULL);
    }
}

static void type(const char *keys)
{
    assert_int_equal(write(prompt.terminal, keys, strlen(keys)), strlen(keys));
}

/* Its exit status, or that of the signal. */
static int end(void)
{
    int status = 0;

    while (take()) {
    }
    assert_int_equal(waitpid(prompt.pid, &status, 0), prompt.pid);
    close(prompt.terminal);
    return status;
}

/* A line, and all lines of a query that has begun; the next one is as if it had not been. */
static void test_prompt__interrupt_forgets(void **state)
{
    start(*state);
    await_prompt("> ");
    type("print 1 +");
    await("1 +");
    type(INTERRUPT);
    await_prompt("> ");
    type("print a = 40 + 2;\r");
    await("42");
    await("(1 row)");
    await_prompt("> ");
    type("print 7,\r");
    await_prompt(". ");
    type("garbage" INTERRUPT);
    await_prompt("> ");
    type("print b = strlen('\xc3\xa4\xe2\x82\xac');\r"); /* two characters */
    await("(1 row)");
    await_prompt("> ");
    type(INTERRUPT INTERRUPT);
    await_prompt("> ");
    type(END);
    assert_int_equal(end(), 0);
}

/* What the program has computed, in ticks of the clock: fields 14 and 15 of its stat. */
static unsigned long computed(void)
{
    unsigned long user;
    char path[64];
    char line[512] = "";
    char *at;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)prompt.pid);
    file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    fclose(file);
    at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 14; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at == NULL) {
        fail_msg("%s: %s", path, line);
        return 0;
    }
    user = strtoul(at, &at, 10);
    return user + strtoul(at, NULL, 10);
}

/* Waits until the query runs: nothing else takes the program two seconds of a processor. */
static void await_run(void)
{
    const struct timespec pause = {0, 10000000};
    const unsigned long until = computed() + 2 * (unsigned long)sysconf(_SC_CLK_TCK);

    for (int i = 0; computed() < until; i++) {
        if (i > WAIT_MS) {
            kill(prompt.pid, SIGKILL);
            fail_msg("the query does not run");
        }
        nanosleep(&pause, NULL);
    }
}

/* One that would take days ends, and the prompt goes on. */
static void test_prompt__interrupt_ends_the_query(void **state)
{
    start(*state);
    await_prompt("> ");
    type(
        "range a from 1 to 1000000 step 1 | extend k = 1 | join kind=inner (range b from 1 to 1000000 step 1 "
        "| extend k = 1) on k | summarize sum(a * b % 7);\r");
    await_run();
    type(INTERRUPT);
    await("the query was ended");
    await_prompt("> ");
    type("print a = 40 + 2;\r");
    await("(1 row)");
    await_prompt("> ");
    type(END);
    assert_int_equal(end(), 0);
}

/* Thousands of rows, for which the terminal has no room while nobody reads. */
static void test_prompt__interrupt_ends_the_printing(void **state)
{
    static const char *const queries[] = {"range a from 100001 to 110000 step 1;\r",
        "range a from 100001 to 110000 step 1 | extend b = strcat('row ', a);\r"};

    start(*state);
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        await_prompt("> ");
        type(queries[i]);
        await("100012");
        type(INTERRUPT);
        await("the query was ended");
    }
    await_prompt("> ");
    type(END);
    assert_int_equal(end(), 0);
}

static void test_prompt__completes_calls(void **state)
{
    start(*state);
    await_prompt("> ");
    type("print a = strle\t'abc');\r");
    await("strlen('abc')");
    await("(1 row)");
    await_prompt("> ");
    type(END);
    assert_int_equal(end(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_prompt__interrupt_forgets, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_prompt__interrupt_ends_the_query, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_prompt__interrupt_ends_the_printing, folder_set_up, folder_tear_down),
        cmocka_unit_test_setup_teardown(
            test_prompt__completes_calls, folder_set_up, folder_tear_down),
    };

    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
