/* SPDX-License-Identifier: MIT */
/* Other programs, as the tests run them. */

#include "tests/e2e/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/e2e/harness.h"

#define POLL_MS        20
#define LOG_TAIL_BYTES 6000
#define STATUS_KILLED  124

struct child {
    pid_t pid; /* 0: free */
    bool ended;
    int status;
};

static struct child children[E2E_PROCESSES_MAX];
static char *logs[E2E_PROCESSES_MAX];
static size_t log_count;

int64_t e2e_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void e2e_pause(void)
{
    const struct timespec step = {.tv_nsec = POLL_MS * 1000000L};
    nanosleep(&step, NULL);
}

bool e2e_wait(int64_t timeout_ms, bool (*done)(void *context), void *context)
{
    int64_t deadline = e2e_now_ms() + timeout_ms;
    for (;;) {
        if (done(context)) {
            return true;
        }
        if (e2e_now_ms() >= deadline) {
            return false;
        }
        e2e_pause();
    }
}

static void register_log(const char *path)
{
    for (size_t i = 0; i < log_count; i++) {
        if (strcmp(logs[i], path) == 0) {
            return;
        }
    }
    if (log_count < E2E_PROCESSES_MAX) {
        logs[log_count++] = strdup(path);
    }
}

static struct child *free_slot(void)
{
    for (size_t i = 0; i < E2E_PROCESSES_MAX; i++) {
        if (children[i].pid == 0 || children[i].ended) {
            return &children[i];
        }
    }
    return NULL;
}

static struct child *find_child(pid_t pid)
{
    for (size_t i = 0; i < E2E_PROCESSES_MAX; i++) {
        if (children[i].pid == pid) {
            return &children[i];
        }
    }
    return NULL;
}

static int open_output(const char *path)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    return open(path != NULL ? path : "/dev/null", flags, 0600);
}

/* Between fork and exec; what fails shows as exit status 127. */
static void become(const struct e2e_start *start, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127);
    }
    int out = open_output(start->stdout_path);
    int err = start->stderr_path != NULL ? open_output(start->stderr_path) : out;
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    signal(SIGPIPE, SIG_DFL); /* the test ignores it; a program under test must cope by itself */
    if (out < 0 || err < 0 || in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        _exit(127);
    }
    if (start->netns != NULL) {
        char path[128];
        snprintf(path, sizeof(path), "/run/netns/%s", start->netns);
        int ns = open(path, O_RDONLY | O_CLOEXEC);
        if (ns < 0 || setns(ns, CLONE_NEWNET) != 0) {
            _exit(127);
        }
    }
    for (size_t i = 0; start->env != NULL && start->env[i] != NULL; i++) {
        if (putenv((char *)(uintptr_t)start->env[i]) != 0) {
            _exit(127);
        }
    }
    execvp(start->argv[0], (char *const *)(uintptr_t)start->argv);
    dprintf(2, "cannot run %s: %s\n", start->argv[0], strerror(errno));
    _exit(127);
}

pid_t e2e_start(const struct e2e_start *start)
{
    struct child *slot = free_slot();
    if (slot == NULL) {
        fail_msg("more than %d programs", E2E_PROCESSES_MAX);
        return -1; /* not reached: the failure has left */
    }
    const char *log = start->stderr_path != NULL ? start->stderr_path : start->stdout_path;
    if (log != NULL) {
        register_log(log);
    }
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        become(start, parent);
    }
    if (pid < 0) {
        fail_msg("fork: %s", strerror(errno));
    }
    *slot = (struct child){.pid = pid};
    return pid;
}

static int status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool e2e_ended(pid_t pid, int *status)
{
    struct child *child = find_child(pid);
    if (child == NULL) {
        fail_msg("process %d is none of the test's", (int)pid);
        return false;
    }
    int wait_status = 0;
    if (!child->ended && waitpid(pid, &wait_status, WNOHANG) == pid) {
        child->ended = true;
        child->status = status_of(wait_status);
    }
    if (child->ended && status != NULL) {
        *status = child->status;
    }
    return child->ended;
}

static bool ended_silently(void *context)
{
    return e2e_ended(*(pid_t *)context, NULL);
}

static int await_end(pid_t pid, int64_t timeout_ms)
{
    int status = 0;
    if (!e2e_wait(timeout_ms, ended_silently, &pid)) {
        kill(pid, SIGKILL);
        if (!e2e_wait(5000, ended_silently, &pid)) {
            fail_msg("process %d does not end even by SIGKILL", (int)pid);
        }
        return STATUS_KILLED;
    }
    e2e_ended(pid, &status);
    return status;
}

int e2e_stop(pid_t pid, int signal, int64_t timeout_ms)
{
    if (!e2e_ended(pid, NULL)) {
        kill(pid, signal);
    }
    return await_end(pid, timeout_ms);
}

struct e2e_result e2e_run(const struct e2e_start *start, int64_t timeout_ms)
{
    static unsigned serial;
    char out[128];
    char err[128];
    snprintf(out, sizeof(out), "%s/run-%u.out", e2e_folder(), serial);
    snprintf(err, sizeof(err), "%s/run-%u.err", e2e_folder(), serial);
    serial++;

    struct e2e_start captured = *start;
    captured.stdout_path = out;
    captured.stderr_path = err;
    size_t registered = log_count;
    pid_t pid = e2e_start(&captured);
    struct e2e_result result = {.status = await_end(pid, timeout_ms)};
    result.out = e2e_read_file(out, NULL);
    result.err = e2e_read_file(err, NULL);
    while (log_count > registered) {
        free(logs[--log_count]); /* what it printed is in the caller's hands */
    }
    unlink(out);
    unlink(err);
    return result;
}

void e2e_result_release(struct e2e_result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct e2e_result){0};
}

void e2e_shell(const char *format, ...)
{
    char script[8192];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(script, sizeof(script), format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof(script)) {
        fail_msg("script too long");
    }
    struct e2e_start start = {.argv = E2E_ARGS("sh", "-e", "-c", script)};
    struct e2e_result result = e2e_run(&start, 30000);
    if (result.status != 0) {
        print_error("script: %s\n%s%s\n", script, result.out, result.err);
        fail_msg("script ended with %d", result.status);
    }
    e2e_result_release(&result);
}

char *e2e_read_file(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        return NULL;
    }
    char *data = NULL;
    size_t used = 0;
    size_t got = 0;
    do {
        char *larger = realloc(data, used + 65536 + 1);
        if (larger == NULL) {
            break;
        }
        data = larger;
        got = fread(data + used, 1, 65536, file);
        used += got;
    } while (got > 0);
    fclose(file);
    if (data != NULL) {
        data[used] = '\0';
    }
    if (length != NULL) {
        *length = used;
    }
    return data;
}

void e2e_write_file(const char *path, const void *data, size_t length)
{
    FILE *file = fopen(path, "wbe");
    if (file == NULL || fwrite(data, 1, length, file) != length || fclose(file) != 0) {
        fail_msg("cannot write %s: %s", path, strerror(errno));
    }
}

struct text_in_file {
    const char *path;
    const char *text;
};

static bool text_is_there(void *context)
{
    const struct text_in_file *wanted = context;
    char *text = e2e_read_file(wanted->path, NULL);
    bool found = text != NULL && strstr(text, wanted->text) != NULL;
    free(text);
    return found;
}

bool e2e_wait_text(const char *path, const char *text, int64_t timeout_ms)
{
    struct text_in_file wanted = {path, text};
    return e2e_wait(timeout_ms, text_is_there, &wanted);
}

static void print_tail(const char *path)
{
    size_t length = 0;
    char *text = e2e_read_file(path, &length);
    if (text == NULL) {
        return;
    }
    size_t from = length > LOG_TAIL_BYTES ? length - LOG_TAIL_BYTES : 0;
    fprintf(stderr, "---- the end of %s:\n%s\n", path, text + from);
    free(text);
}

void e2e_processes_end(bool failed)
{
    for (size_t i = 0; i < E2E_PROCESSES_MAX; i++) {
        if (children[i].pid != 0 && !children[i].ended) {
            kill(children[i].pid, SIGKILL);
            waitpid(children[i].pid, NULL, 0);
            children[i].ended = true;
        }
    }
    for (size_t i = 0; i < log_count; i++) {
        if (failed) {
            print_tail(logs[i]);
        }
        free(logs[i]);
    }
    log_count = 0;
}
