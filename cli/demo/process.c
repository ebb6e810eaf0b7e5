/* SPDX-License-Identifier: MIT */
/* Children of the demo. */

#include "cli/demo/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/clock.h"

#define WAIT_STEP_MS 20
#define OUTPUT_MAX   (1 << 20)

void vd_pause_ms(int ms)
{
    const struct timespec time = {ms / 1000, (ms % 1000) * 1000000L};

    nanosleep(&time, NULL);
}

/* In the child: everything up to exec. Never returns. */
__attribute__((noreturn)) static void become(const struct vd_spawn *spawn, pid_t parent)
{
    static const int reset[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE};
    int out = spawn->out;
    int null;
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(127); /* the demo died before it was asked to tell */
    }
    setpgid(0, 0); /* Ctrl-C goes to the demo alone: it ends the others in order */
    for (size_t i = 0; i < sizeof reset / sizeof reset[0]; i++) {
        signal(reset[i], SIG_DFL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    null = open("/dev/null", O_RDONLY);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
    }
    if (spawn->log != NULL) {
        int log = open(spawn->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

        dup2(log, STDERR_FILENO);
        out = out >= 0 ? out : log;
    }
    if (out >= 0) {
        dup2(out, STDOUT_FILENO);
    }
    if (spawn->netns >= 0 && setns(spawn->netns, CLONE_NEWNET) != 0) {
        fprintf(stderr, "cannot enter the network namespace: %s\n", strerror(errno));
        _exit(126);
    }
    /* execvp takes char *const[] and changes nothing in it */
    execvp(spawn->argv[0], (char *const *)(uintptr_t)spawn->argv);
    fprintf(stderr, "%s: %s\n", spawn->argv[0], strerror(errno));
    _exit(127);
}

/* The place of a child, or with 0 a free one; NULL if there is none. */
static pid_t *place_of(struct vd_children *children, pid_t pid)
{
    for (size_t i = 0; i < VD_CHILDREN_MAX; i++) {
        if (children->list[i] == pid) {
            return &children->list[i];
        }
    }
    return NULL;
}

pid_t vd_children_start(struct vd_children *children, const struct vd_spawn *spawn)
{
    pid_t *place = place_of(children, 0);
    pid_t parent = getpid();
    sigset_t all;
    sigset_t before;
    pid_t pid;

    if (place == NULL) {
        fprintf(stderr, "vedette demo: more than %d programs\n", VD_CHILDREN_MAX);
        return 0;
    }
    fflush(stdout);
    /* A signal that came to the child while it still has the demo's handlers would be lost: it waits until it has not. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        become(spawn, parent);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0) {
        fprintf(stderr, "vedette demo: %s: %s\n", spawn->argv[0], strerror(errno));
        return 0;
    }
    setpgid(pid, pid); /* here too: a signal may come before the child gets that far */
    *place = pid;
    return pid;
}

/* True once the child has ended (*status says how); then its place is free. False for one that is not ours. */
static bool reap(struct vd_children *children, pid_t pid, int flags, int *status)
{
    pid_t *place = pid > 0 ? place_of(children, pid) : NULL;

    if (place == NULL || waitpid(pid, status, flags) != pid) {
        return false;
    }
    kill(-pid, SIGKILL); /* what it started and left behind */
    *place = 0;
    return true;
}

bool vd_child_runs(struct vd_children *children, pid_t pid)
{
    int status;

    return pid > 0 && place_of(children, pid) != NULL && !reap(children, pid, WNOHANG, &status);
}

/* Reads from fd until the end, or until the time is over. */
static void collect(int fd, struct vd_buf *output, int64_t until)
{
    int64_t left;

    while ((left = until - vd_clock_monotonic_ms()) > 0) {
        struct pollfd ready = {fd, POLLIN, 0};
        uint8_t *room = vd_buf_reserve(output, 4096);
        ssize_t n;

        if (room == NULL || (poll(&ready, 1, (int)left) < 0 && errno != EINTR)) {
            return;
        }
        n = ready.revents != 0 ? read(fd, room, 4096) : -1;
        if (n == 0) {
            return;
        }
        output->length += n > 0 ? (size_t)n : 0;
    }
}

bool vd_children_run(struct vd_children *children, const struct vd_spawn *spawn,
    struct vd_buf *output, int timeout_ms)
{
    int64_t until = vd_clock_monotonic_ms() + timeout_ms;
    struct vd_spawn own = *spawn;
    int ends[2] = {-1, -1};
    int status = 0;
    pid_t pid;

    if (output != NULL) {
        if (pipe2(ends, O_CLOEXEC) != 0) {
            return false;
        }
        own.out = ends[1];
    }
    pid = vd_children_start(children, &own);
    if (output != NULL) {
        close(ends[1]);
        if (pid != 0) {
            collect(ends[0], output, until);
        }
        close(ends[0]);
    }
    while (pid != 0 && !reap(children, pid, WNOHANG, &status)) {
        if (vd_clock_monotonic_ms() > until) {
            vd_child_end(children, pid, 0);
            return false;
        }
        vd_pause_ms(WAIT_STEP_MS);
    }
    return pid != 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void vd_child_ask(struct vd_children *children, pid_t pid)
{
    if (pid > 0 && place_of(children, pid) != NULL) {
        kill(-pid, SIGTERM);
    }
}

void vd_child_end(struct vd_children *children, pid_t pid, int timeout_ms)
{
    int64_t until = vd_clock_monotonic_ms() + timeout_ms;
    int status;

    vd_child_ask(children, pid);
    while (vd_child_runs(children, pid)) {
        if (vd_clock_monotonic_ms() >= until) {
            kill(-pid, SIGKILL);
            reap(children, pid, 0, &status);
        } else {
            vd_pause_ms(WAIT_STEP_MS);
        }
    }
}

void vd_children_end(struct vd_children *children, int timeout_ms)
{
    for (size_t i = 0; i < VD_CHILDREN_MAX; i++) {
        vd_child_ask(children, children->list[i]);
    }
    for (size_t i = 0; i < VD_CHILDREN_MAX; i++) {
        vd_child_end(children, children->list[i], timeout_ms);
    }
}
