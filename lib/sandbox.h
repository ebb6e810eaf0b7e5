/* SPDX-License-Identifier: MIT */
/* What a process gives up for good once it has begun: so that whoever takes it over gets little. Linux; best effort. */

#ifndef VEDETTE_LIB_SANDBOX_H
#define VEDETTE_LIB_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* What `tracing` has to be in a program: AddressSanitizer looks for leaks by it. */
#ifdef __SANITIZE_ADDRESS__
#define VD_SANDBOX_TRACING true
#else
#define VD_SANDBOX_TRACING false
#endif

/* What is to remain possible. */
struct vd_sandbox_wish {
    const char *const
        *writes; /* folders to read and write below; one that is not there is left out */
    size_t write_count;
    const char *const *reads; /* folders and files to read, beside those of the system; likewise */
    size_t read_count;
    bool all_files; /* files are not restricted */
    bool packets;   /* sockets of packets remain */
    bool tracing;   /* ptrace remains */
};

/* What holds; all false before vd_sandbox_enter, and where the kernel or the architecture has not got it. */
struct vd_sandbox {
    bool is_on;             /* vd_sandbox_enter was called */
    bool no_new_privileges; /* no program that is started gets more rights */
    bool no_core;           /* memory is neither dumped nor read by others of that user */
    bool calls;             /* seccomp: no programs, tracing, mounts, modules ... */
    bool files;             /* Landlock */
};

/*
 * To be called once, before any other thread starts: it holds for the caller and what it starts. Files that are open stay so.
 * Restricted files: the wished ones, and to read /usr, /lib*, /etc, /proc, /sys, /dev and /run.
 */
void vd_sandbox_enter(const struct vd_sandbox_wish *wish);

/* Any thread. */
const struct vd_sandbox *vd_sandbox_state(void);

/*
 * Whether files beside `path` can be reached: false only if Landlock keeps the caller from the folder it stands in. To say so when
 * a path is named; no check. Any thread.
 */
bool vd_sandbox_reaches(const char *path);

/* What is said of a path that is not reached; follows the path in a sentence. */
#define VD_SANDBOX_OUTSIDE \
    "is outside of what the service may use: name its folder in security.folders, and start the service again"

#endif
