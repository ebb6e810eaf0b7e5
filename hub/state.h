/* SPDX-License-Identifier: MIT */
/* The writer of the hub's durable state: requests from all threads run in one thread, many in one transaction. */

#ifndef VEDETTE_HUB_STATE_H
#define VEDETTE_HUB_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "hub/state_store.h"
#include "lib/error.h"
#include "lib/sqlite.h"

struct vd_state;

/*
 * What the writer runs: reads and changes by the functions of hub/state_store.h, all or nothing.
 * In the writer's thread: no waiting, no call of the functions below. It runs once, and what it put into `context` counts
 * only if the request's result is VD_OK: the commit comes later and may fail.
 * Anything but VD_OK undoes what it changed and becomes the request's result.
 */
typedef int vd_state_run(void *context, struct vd_state_store *store);

/*
 * Called after the commit of a request whose result is VD_OK, before it is given back, in the order of the changes: the place
 * to tell others of it. In the writer's thread: no waiting, no call of the functions below.
 */
typedef void vd_state_committed(void *context);

/* Owned by the caller, who leaves it and its context alone from submitting until it is given back. */
struct vd_state_request {
    vd_state_run *run;
    vd_state_committed *committed; /* NULL: nobody is told */
    void *context;
    int error; /* the result: of `run`, or why nothing was stored */
    /* The writer's: */
    struct vd_state_request *next;
    bool is_waited_for;
    bool is_done;
};

/*
 * Opens the SQLite file `path` (made, mode 0600, if absent), which is this process's alone, and starts the thread.
 * As vd_state_store_open; VD_E_NOMEM, VD_E_IO.
 */
VD_NODISCARD int vd_state_open(const char *path, struct vd_state **out);

/* The eventfd that is written when submitted requests are complete; open until vd_state_completed has given all back. Any
 * thread, before the first vd_state_submit. */
void vd_state_set_wake(struct vd_state *state, int wake_fd);

/* Any thread, never blocks for the disk. It comes back from vd_state_completed, whatever becomes of it, unless this
 * returns VD_E_LIMIT (VD_HUB_STATE_WAITING_MAX wait) or VD_E_CLOSED (stopped). */
VD_NODISCARD int vd_state_submit(struct vd_state *state, struct vd_state_request *request);

/* The next submitted request that is complete, in the order of submission; NULL: none now. One thread, does not block. */
struct vd_state_request *vd_state_completed(struct vd_state *state);

/* Runs and waits until it is complete. Not from the loop. The result is the request's, or as of vd_state_submit. */
VD_NODISCARD int vd_state_do(struct vd_state *state, vd_state_run *run, void *context);
/* The same, and `committed` is called with the context. */
VD_NODISCARD int vd_state_do_and_tell(
    struct vd_state *state, vd_state_run *run, vd_state_committed *committed, void *context);

/* Any thread: transactions that failed, and whether the last one did. */
uint64_t vd_state_failures(const struct vd_state *state);
bool vd_state_is_unwritable(const struct vd_state *state);

/* Runs what waits, refuses what comes, ends the thread. Then vd_state_completed has all that was submitted. Once. */
void vd_state_stop(struct vd_state *state);

/* After vd_state_stop, and when no thread is in a function above. What was not collected is let go. */
void vd_state_close(struct vd_state *state);

/* Of its file. */
extern const struct vd_sqlite_format vd_state_format;

#endif
