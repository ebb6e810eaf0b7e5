/* SPDX-License-Identifier: MIT */
/* Submitting to the writer of the state, and collecting from it. */

#include "hub/jobs.h"

#include <poll.h>
#include <unistd.h>

#include "hub/connection.h"
#include "lib/clock.h"

void vd_job_init(struct vd_job *job, struct connection *c)
{
    const struct vd_principal *who = &c->session.principal;

    job->hub = c->hub;
    job->slot = c->slot;
    job->generation = c->hub->slots[c->slot].generation;
    memcpy(job->key.device_id, who->device_id, sizeof job->key.device_id);
    memcpy(job->key.module_id, who->module_id, sizeof job->key.module_id);
    memcpy(job->key.generation_id, who->generation_id, sizeof job->key.generation_id);
}

int vd_job_submit(struct vd_hub *hub, struct vd_job *job)
{
    int error;

    if (hub->state == NULL) {
        return VD_E_CLOSED;
    }
    if (job->bytes > VD_HUB_JOBS_MAX_BYTES - hub->job_bytes) {
        return VD_E_LIMIT;
    }
    job->hub = hub;
    error = vd_state_submit(hub->state, &job->request);
    if (error == VD_OK) {
        hub->jobs++;
        hub->job_bytes += job->bytes;
    }
    return error;
}

static struct vd_job *next_done(struct vd_hub *hub)
{
    struct vd_state_request *request = hub->jobs > 0 ? vd_state_completed(hub->state) : NULL;
    struct vd_job *job = (struct vd_job *)request; /* its first member */

    if (job != NULL) {
        hub->jobs--;
        hub->job_bytes -= job->bytes;
    }
    return job;
}

static struct connection *connection_of(const struct vd_job *job)
{
    const struct slot *slot = job->slot != VD_JOB_NO_SLOT ? &job->hub->slots[job->slot] : NULL;

    return slot != NULL && slot->generation == job->generation ? slot->connection : NULL;
}

void vd_jobs_collect(struct vd_hub *hub)
{
    struct vd_job *job;

    while ((job = next_done(hub)) != NULL) {
        for (size_t i = 0; job->request.error == VD_OK && i < job->endings.count; i++) {
            char expiry[VD_TIME_TEXT_SIZE];
            struct vd_operation operation;

            if (vd_operation_of_ending(&job->endings.items[i], expiry, &operation)) {
                /* What ends by itself came over nothing. */
                operation.protocol = job->slot != VD_JOB_NO_SLOT ? "Mqtt" : NULL;
                vd_record_now(hub, &operation);
            }
        }
        vd_c2d_endings_release(&job->endings);
        job->done(job, connection_of(job));
    }
}

void vd_jobs_drain(struct vd_hub *hub)
{
    struct pollfd wake = {.fd = hub->wake_fd, .events = POLLIN};
    struct vd_job *job;
    uint64_t count;

    while (hub->jobs > 0) {
        while ((job = next_done(hub)) != NULL) {
            vd_c2d_endings_release(&job->endings);
            job->done(job, NULL);
        }
        if (hub->jobs > 0 && poll(&wake, 1, -1) > 0) {
            (void)!read(hub->wake_fd, &count, sizeof count);
        }
    }
}
