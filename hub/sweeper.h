/* SPDX-License-Identifier: MIT */
/* Removes from the state what removed identities left behind: of all at the start, then of whoever is removed. */

#ifndef VEDETTE_HUB_SWEEPER_H
#define VEDETTE_HUB_SWEEPER_H

#include "hub/registry.h"
#include "hub/state.h"

/*
 * A thread that looks at a few owners of state at a time, asks the registry for them, and has the state's writer remove
 * those that are gone. Nothing depends on when it does: nobody sees the state of another generation. What a request that was
 * under way during a removal writes later is for the next start.
 */
struct vd_sweeper;

/* Counters since the start. */
struct vd_sweeper_stats {
    uint64_t sweeps;   /* that ended: the first one, and of devices */
    uint64_t removed;  /* owners: devices and modules in one generation */
    uint64_t failures; /* steps that failed, each to be tried again */
};

/* Starts with a sweep of all. Both must outlive the sweeper. VD_E_NOMEM, VD_E_IO. */
VD_NODISCARD int vd_sweeper_start(
    struct vd_state *state, struct vd_registry *registry, struct vd_sweeper **out);

/* The device, or a module of it, was removed from the registry. Any thread, does not wait. NULL: the next start sweeps. */
void vd_sweeper_notice(struct vd_sweeper *sweeper, const char *device_id);

/* Any thread. */
void vd_sweeper_stats_get(struct vd_sweeper *sweeper, struct vd_sweeper_stats *out);

/* Ends after the step under way: what is left is for the next start. NULL is allowed. */
void vd_sweeper_stop(struct vd_sweeper *sweeper);

#endif
