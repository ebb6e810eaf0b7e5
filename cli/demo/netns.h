/* SPDX-License-Identifier: MIT */
/* The demo's networks: namespaces without names, held by file descriptors, which end with the process. */

#ifndef VEDETTE_CLI_DEMO_NETNS_H
#define VEDETTE_CLI_DEMO_NETNS_H

#include "cli/demo/process.h"

/*
 * Moves this process into a network namespace of its own, as root or by a user namespace. Before any thread starts.
 * 0, or errno: then nothing was changed.
 */
int vd_netns_enter(void);

/* A further network namespace, while this process stays where it is: its file descriptor, or -1 with errno set. */
int vd_netns_new(void);

/* Runs `ip` with the words of `format` in the namespace `netns` (-1: this process's). False (said in `log`) if it fails. */
bool vd_netns_ip(struct vd_children *children, int netns, const char *log, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
