/* SPDX-License-Identifier: MIT */
/* The sweeper's thread, its list of devices, and its steps. */

#include "hub/sweeper.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/log.h"
#include "lib/secret.h"

struct vd_sweeper {
    struct vd_state *state;
    struct vd_registry *registry;
    pthread_t thread;

    pthread_mutex_t lock; /* for all below */
    pthread_cond_t changed;
    char (*devices)[VD_ID_MAX + 1]; /* a ring of VD_HUB_SWEEPS_WAITING_MAX */
    uint32_t first;
    uint32_t count;
    bool all; /* a sweep of all is wanted */
    bool stopping;
    struct vd_sweeper_stats stats;
};

/* A few owners: looked at, judged, removed. */
struct step {
    const char *device_id; /* NULL: of all */
    int64_t from;
    int64_t next; /* 0: all were seen */
    struct {
        struct vd_state_key key;
        bool is_gone;
    } owners[VD_HUB_SWEEP_STEP];
    uint32_t count;
    uint32_t removed;
};

/* ---- In the writer's thread ---- */

static bool note_owner(void *context, const struct vd_state_key *key)
{
    struct step *step = context;

    step->owners[step->count].is_gone = false;
    step->owners[step->count++].key = *key;
    return true;
}

static int run_look(void *context, struct vd_state_store *store)
{
    struct step *step = context;

    step->count = 0;
    step->next = step->from;
    return vd_state_sweep(
        store, step->device_id, note_owner, step, VD_HUB_SWEEP_STEP, &step->next, NULL);
}

static bool is_kept(void *context, const struct vd_state_key *key)
{
    const struct step *step = context;

    for (uint32_t i = 0; i < step->count; i++) {
        const struct vd_state_key *owner = &step->owners[i].key;

        if (step->owners[i].is_gone && strcmp(owner->generation_id, key->generation_id) == 0 &&
            strcmp(owner->device_id, key->device_id) == 0 &&
            strcmp(owner->module_id, key->module_id) == 0) {
            return false;
        }
    }
    return true; /* or came meanwhile, and was not judged */
}

static int run_remove(void *context, struct vd_state_store *store)
{
    struct step *step = context;
    int64_t cursor = step->from;

    return vd_state_sweep(
        store, step->device_id, is_kept, step, step->count, &cursor, &step->removed);
}

/* ---- Steps ---- */

/* Not in the writer's thread: the registry may wait for its disk. A generation that is gone never comes back. */
static bool is_gone(const struct vd_sweeper *self, const struct vd_state_key *key)
{
    struct vd_identity identity = {0};
    int error = vd_registry_get(self->registry, key->device_id, key->module_id, &identity);
    bool gone = error == VD_E_NOT_FOUND ||
        (error == VD_OK && strcmp(identity.generation_id, key->generation_id) != 0);

    vd_secret_wipe(&identity, sizeof identity);
    return gone; /* what cannot be told stays */
}

static int take_step(struct vd_sweeper *self, struct step *step)
{
    bool any = false;
    int error = vd_state_do(self->state, run_look, step);

    step->removed = 0;
    if (error != VD_OK) {
        return error;
    }
    for (uint32_t i = 0; i < step->count; i++) {
        step->owners[i].is_gone = is_gone(self, &step->owners[i].key);
        any = any || step->owners[i].is_gone;
    }
    return any ? vd_state_do(self->state, run_remove, step) : VD_OK;
}

/* With the lock: rests, unless the sweeper is to stop. */
static void rest(struct vd_sweeper *self, uint32_t ms)
{
    struct timespec until;
    int result = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (!self->stopping && result == 0) {
        result = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    }
}

/* With the lock, which is given up for each step. Until all were seen, or the sweeper is to stop. */
static void sweep(struct vd_sweeper *self, const char *device_id)
{
    struct step step = {.device_id = device_id};
    bool has_more = true;

    while (has_more && !self->stopping) {
        int error;

        pthread_mutex_unlock(&self->lock);
        error = take_step(self, &step);
        pthread_mutex_lock(&self->lock);
        if (error == VD_OK) {
            self->stats.removed += step.removed;
            step.from = step.next;
            has_more = step.next != 0;
        } else {
            self->stats.failures++;
        }
        if (has_more) {
            rest(self, error == VD_OK ? VD_HUB_SWEEP_REST_MS : VD_HUB_SWEEP_RETRY_MS);
        }
    }
    self->stats.sweeps += has_more ? 0 : 1;
}

static void sweep_all(struct vd_sweeper *self)
{
    uint64_t before = self->stats.removed;

    self->all = false;
    sweep(self, NULL);
    if (self->stats.removed != before) {
        vd_log(VD_LOG_INFO, "hub.state_swept", "removed=%llu",
            (unsigned long long)(self->stats.removed - before));
    }
}

static void sweep_next_device(struct vd_sweeper *self)
{
    char device_id[VD_ID_MAX + 1];

    memcpy(device_id, self->devices[self->first], sizeof device_id);
    self->first = (self->first + 1) % VD_HUB_SWEEPS_WAITING_MAX;
    self->count--;
    sweep(self, device_id);
}

static void *sweeper_run(void *argument)
{
    struct vd_sweeper *self = argument;

    pthread_mutex_lock(&self->lock);
    while (!self->stopping) {
        if (self->count > 0) {
            sweep_next_device(self);
        } else if (self->all) {
            sweep_all(self);
        } else {
            pthread_cond_wait(&self->changed, &self->lock);
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- For the callers ---- */

static void sweeper_free(struct vd_sweeper *self)
{
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self->devices);
    free(self);
}

int vd_sweeper_start(struct vd_state *state, struct vd_registry *registry, struct vd_sweeper **out)
{
    struct vd_sweeper *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;
    int error = VD_OK;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->state = state;
    self->registry = registry;
    self->all = true;
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    self->devices = calloc(VD_HUB_SWEEPS_WAITING_MAX, sizeof *self->devices);
    if (self->devices == NULL) {
        error = VD_E_NOMEM;
    } else if (pthread_create(&self->thread, NULL, sweeper_run, self) != 0) {
        error = VD_E_IO;
    }
    if (error != VD_OK) {
        sweeper_free(self);
        return error;
    }
    *out = self;
    return VD_OK;
}

void vd_sweeper_notice(struct vd_sweeper *self, const char *device_id)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    if (self->count < VD_HUB_SWEEPS_WAITING_MAX &&
        vd_text_copy(device_id,
            self->devices[(self->first + self->count) % VD_HUB_SWEEPS_WAITING_MAX],
            sizeof self->devices[0]) == VD_OK) {
        self->count++;
    } else {
        self->all = true;
    }
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void vd_sweeper_stats_get(struct vd_sweeper *self, struct vd_sweeper_stats *out)
{
    pthread_mutex_lock(&self->lock);
    *out = self->stats;
    pthread_mutex_unlock(&self->lock);
}

void vd_sweeper_stop(struct vd_sweeper *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    sweeper_free(self);
}
