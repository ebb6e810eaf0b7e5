/* SPDX-License-Identifier: MIT */
/* The demo's programs: started, watched and ended, so that none outlives it. */

#ifndef VEDETTE_CLI_DEMO_PROCESS_H
#define VEDETTE_CLI_DEMO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "lib/str.h"

/* Services, agents and one download a device at a time. */
#define VD_CHILDREN_MAX 128

struct vd_children {
    pid_t list[VD_CHILDREN_MAX]; /* 0: a free place */
};

/* How to start a program. */
struct vd_spawn {
    const char *const *argv; /* argv[0] is looked up in PATH */
    int netns;               /* file descriptor of the network namespace to run in; -1: this one */
    const char *log;         /* file for stdout and stderr, appended to; NULL: both are inherited */
    int out;                 /* instead of stdout; -1: as above */
};

/*
 * Starts a program in a process group of its own, which gets SIGTERM if the demo dies. Returns its process id;
 * 0 (said on stderr) if that fails.
 */
pid_t vd_children_start(struct vd_children *children, const struct vd_spawn *spawn);

/* True while the program runs; reaps it when it has ended. False for 0. */
bool vd_child_runs(struct vd_children *children, pid_t pid);

/* Runs a program to its end, for at most timeout_ms; takes its stdout if `output` is not NULL. True if it ended with 0. */
bool vd_children_run(struct vd_children *children, const struct vd_spawn *spawn,
    struct vd_buf *output, int timeout_ms);

/* Asks a child to end, without waiting. */
void vd_child_ask(struct vd_children *children, pid_t pid);

/* Asks a child to end, kills it after timeout_ms, and reaps it. */
void vd_child_end(struct vd_children *children, pid_t pid, int timeout_ms);

/* Ends all of them likewise, at the same time. */
void vd_children_end(struct vd_children *children, int timeout_ms);

/* Sleeps for so long, or until a signal comes. */
void vd_pause_ms(int ms);

#endif
