/* SPDX-License-Identifier: MIT */
/* Requests to the writer of the state that nobody waits for. */

#include "hub/activity.h"

#include "hub/jobs.h"
#include "lib/clock.h"

struct noting {
    struct vd_job job; /* first */
    struct vd_state_activity activity;
    bool make;
};

static int run(void *context, struct vd_state_store *store)
{
    const struct noting *noting = context;

    return vd_state_activity_put(store, &noting->job.key, &noting->activity, noting->make);
}

static void done(struct vd_job *job, struct connection *c)
{
    (void)c;
    free(job);
}

/* One that finds no room is let go: the next says more. */
static void note(struct connection *c, struct vd_state_activity activity, bool make)
{
    struct noting *noting = c->hub->state != NULL && c->hub->jobs < VD_HUB_NOTES_JOBS_MAX
        ? calloc(1, sizeof *noting)
        : NULL;

    if (noting == NULL) {
        return;
    }
    vd_job_init(&noting->job, c);
    noting->job.request.run = run;
    noting->job.request.context = noting;
    noting->job.bytes = sizeof *noting;
    noting->job.done = done;
    noting->activity = activity;
    noting->make = make;
    if (vd_job_submit(c->hub, &noting->job) != VD_OK) {
        free(noting);
    }
}

void vd_activity_connected(struct connection *c)
{
    const int64_t now_ms = c->session.host->utc_ms();

    note(c, (struct vd_state_activity){.seen_ms = now_ms, .connection_ms = now_ms}, true);
}

void vd_activity_seen(struct connection *c)
{
    note(c, (struct vd_state_activity){.seen_ms = c->session.host->utc_ms()}, false);
}

void vd_activity_left(struct connection *c)
{
    const int64_t now_ms = c->session.host->utc_ms();
    const int64_t silent_ms = vd_clock_monotonic_ms() - c->progress_ms;

    note(c,
        (struct vd_state_activity){
            .seen_ms = now_ms - (silent_ms > 0 ? silent_ms : 0), .connection_ms = now_ms},
        false);
}
