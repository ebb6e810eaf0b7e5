/* SPDX-License-Identifier: MIT */
/* Other programs, as the tests run them: started, watched, captured, ended; none outlives the test. */

#ifndef VEDETTE_TESTS_E2E_PROCESS_H
#define VEDETTE_TESTS_E2E_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* At most this many programs at a time. */
#define E2E_PROCESSES_MAX 64

/* The arguments of a program: E2E_ARGS("ip", "link"). */
#define E2E_ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* How a program is started; fields that are NULL do not apply. */
struct e2e_start {
    const char *const *argv; /* argv[0] is searched in PATH */
    const char *netns;       /* name of the network namespace that it runs in */
    const char *const *env;  /* "NAME=value" in addition to the test's own */
    const char *stdout_path; /* its output; NULL: /dev/null */
    const char *stderr_path; /* NULL: with stdout */
};

/* What a program that has ended left. Released with e2e_result_release. */
struct e2e_result {
    int status; /* exit status, 128 + signal number, or 124 if it had to be killed at the deadline */
    char *out;  /* NUL-terminated */
    char *err;
};

/* Milliseconds of a clock that never goes back. */
int64_t e2e_now_ms(void);

/* Sleeps for one step of polling. */
void e2e_pause(void);

/* Asks `done` again and again until it says true or `timeout_ms` have passed; returns what it said last. */
bool e2e_wait(int64_t timeout_ms, bool (*done)(void *context), void *context);

/* Starts a program that is killed when the test ends, however it ends. Fails the test if it cannot be started.
 * stderr of the two paths is registered: its tail is printed if the test fails. */
pid_t e2e_start(const struct e2e_start *start);

/* True, and *status as in struct e2e_result, once the program has ended. */
bool e2e_ended(pid_t pid, int *status);

/* Sends `signal` and waits for the end; returns the status as in struct e2e_result; 124 (and SIGKILL) after the deadline. */
int e2e_stop(pid_t pid, int signal, int64_t timeout_ms);

/* Runs a program to its end and captures what it prints. */
struct e2e_result e2e_run(const struct e2e_start *start, int64_t timeout_ms);
void e2e_result_release(struct e2e_result *result);

/* Runs a shell script (sh -e) in the test's own namespaces; fails the test unless it ends with 0. */
void e2e_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The whole of a file, NUL-terminated, the caller's to free; *length without the NUL (NULL is allowed). NULL if absent. */
char *e2e_read_file(const char *path, size_t *length);
/* Writes a file or fails the test. */
void e2e_write_file(const char *path, const void *data, size_t length);

/* Waits until the file holds `text`; false after the deadline. */
bool e2e_wait_text(const char *path, const char *text, int64_t timeout_ms);

/* Kills what still runs; prints the end of every registered log if `failed`. For the harness. */
void e2e_processes_end(bool failed);

#endif
