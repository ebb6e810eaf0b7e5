/* SPDX-License-Identifier: MIT */
/* What the loop has the writer of the state do, and what comes of it, back on the loop. */

#ifndef VEDETTE_HUB_JOBS_H
#define VEDETTE_HUB_JOBS_H

#include "hub/server.h"
#include "hub/state.h"

/* Part of what its owner allocates. */
struct vd_job {
    struct vd_state_request request; /* the owner sets `run` and `context` */
    struct vd_hub *hub;
    uint32_t slot; /* of the connection that it is for, VD_JOB_NO_SLOT: none */
    uint32_t generation;
    size_t bytes; /* that it keeps; the owner sets it */
    struct vd_state_key key;
    struct vd_c2d_endings endings; /* recorded if it went well, then released */
    /*
     * The end, on the loop: frees the job. request.error is the result.
     * connection  NULL: it has none, or that is gone; the hub may be stopping
     */
    void (*done)(struct vd_job *job, struct connection *connection);
};

#define VD_JOB_NO_SLOT UINT32_MAX

/* For the identity of the connection: sets the fields for it. */
void vd_job_init(struct vd_job *job, struct connection *connection);

/* Hands it to the writer; `done` is called later. Else it stays the caller's: VD_E_CLOSED (there is no state), VD_E_LIMIT
 * (VD_HUB_JOBS_MAX_BYTES, or as vd_state_submit). */
VD_NODISCARD int vd_job_submit(struct vd_hub *hub, struct vd_job *job);

/* Ends those that the writer is done with. */
void vd_jobs_collect(struct vd_hub *hub);

/* Waits for all that were submitted. The loop and the committer have ended: nothing is recorded any more. */
void vd_jobs_drain(struct vd_hub *hub);

#endif
