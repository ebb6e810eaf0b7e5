/* SPDX-License-Identifier: MIT */
/* The committer's two batches and its thread. */

#include "hub/committer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "hub/limits.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/pulse.h"

struct half {
    struct vd_event_batch batch;
    struct vd_ack *acks;
    size_t ack_count;
};

/* Whose the half that is written is; `lock` guards it. */
enum turn {
    TURN_IDLE,    /* the loop's, nothing in it */
    TURN_WRITING, /* the thread's */
    TURN_DURABLE, /* the loop's again, its acknowledgements not yet sent */
};

struct vd_committer {
    struct vd_event_log *log;
    int wake_fd;
    pthread_t thread;

    struct half *filling; /* the loop's alone */
    struct half *writing; /* as `turn` says */
    struct half halves[2];
    bool collected; /* the loop's: the acknowledgements of the durable half were given out */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    enum turn turn;
    bool stopping;

    _Atomic uint64_t failures;
    _Atomic bool unwritable;
    struct vd_pulse pulse;
};

static void half_clear(struct half *half)
{
    vd_event_batch_clear(&half->batch);
    half->ack_count = 0;
}

static bool half_is_empty(const struct half *half)
{
    return half->batch.count == 0 && half->ack_count == 0;
}

static struct timespec time_in(int delay_ms)
{
    const int64_t until_ms = vd_clock_monotonic_ms() + delay_ms;

    return (struct timespec){until_ms / 1000, until_ms % 1000 * 1000000L};
}

/* Sleeps until the time is over; false if the committer is stopping. Called with the lock. */
static bool wait_to_retry(struct vd_committer *self, int delay_ms)
{
    const struct timespec until = time_in(delay_ms);
    int rc = 0;

    while (!self->stopping && rc == 0) {
        rc = pthread_cond_timedwait(&self->changed, &self->lock, &until);
    }
    return !self->stopping;
}

/* Waits for something to write, or the end. Called with the lock. */
static void wait_for_turn(struct vd_committer *self)
{
    while (self->turn != TURN_WRITING && !self->stopping) {
        const struct timespec until = time_in(VD_PULSE_MS);

        pthread_cond_timedwait(&self->changed, &self->lock, &until);
        vd_pulse_beat(&self->pulse);
    }
}

static void note_failure(struct vd_committer *self, int error)
{
    atomic_fetch_add(&self->failures, 1);
    if (!atomic_exchange(&self->unwritable, true)) {
        vd_log(VD_LOG_ERROR, "hub.log_unwritable",
            "reason=\"%s\" effect=\"no message is acknowledged until the event log can be written\"",
            vd_error_text(error));
    }
}

static void note_success(struct vd_committer *self)
{
    if (atomic_exchange(&self->unwritable, false)) {
        vd_log(VD_LOG_WARN, "hub.log_writable",
            "effect=\"messages are acknowledged again\" failed_tries=%llu",
            (unsigned long long)atomic_load(&self->failures));
    }
}

/* Appends until it succeeds; false if the committer stops first. Called with the lock, which it lets go meanwhile. */
static bool write_half(struct vd_committer *self)
{
    int delay_ms = VD_HUB_RETRY_FIRST_MS;
    uint64_t first = 0;
    int error;

    for (;;) {
        pthread_mutex_unlock(&self->lock);
        vd_pulse_beat(&self->pulse);
        error = self->writing->batch.count > 0
            ? vd_event_log_append(self->log, 0, &self->writing->batch, &first)
            : VD_OK;
        pthread_mutex_lock(&self->lock);
        if (error == VD_OK) {
            note_success(self);
            return true;
        }
        note_failure(self, error);
        if (!wait_to_retry(self, delay_ms)) {
            return false;
        }
        delay_ms = delay_ms * 2 < VD_HUB_RETRY_MAX_MS ? delay_ms * 2 : VD_HUB_RETRY_MAX_MS;
    }
}

static void *committer_run(void *argument)
{
    struct vd_committer *self = argument;
    const uint64_t one = 1;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        wait_for_turn(self);
        if (self->turn != TURN_WRITING || !write_half(self)) {
            break;
        }
        self->turn = TURN_DURABLE;
        /* An eventfd takes it unless its count is near 2^64: the loop is awake then anyway. */
        if (write(self->wake_fd, &one, sizeof one) < 0) {
            vd_log(VD_LOG_ERROR, "hub.wake_failed", "effect=\"acknowledgements wait\"");
        }
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

static void committer_free(struct vd_committer *self)
{
    for (size_t i = 0; i < 2; i++) {
        vd_event_batch_release(&self->halves[i].batch);
        free(self->halves[i].acks);
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

int vd_committer_start(struct vd_event_log *log, int wake_fd, struct vd_committer **committer)
{
    struct vd_committer *self = calloc(1, sizeof *self);
    pthread_condattr_t monotonic;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->log = log;
    self->wake_fd = wake_fd;
    self->filling = &self->halves[0];
    self->writing = &self->halves[1];
    pthread_mutex_init(&self->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (size_t i = 0; i < 2; i++) {
        self->halves[i].acks = calloc(VD_HUB_BATCH_MAX_RECORDS, sizeof *self->halves[i].acks);
        if (self->halves[i].acks == NULL) {
            committer_free(self);
            return VD_E_NOMEM;
        }
    }
    vd_pulse_beat(&self->pulse);
    if (pthread_create(&self->thread, NULL, committer_run, self) != 0) {
        committer_free(self);
        return VD_E_IO;
    }
    *committer = self;
    return VD_OK;
}

bool vd_committer_has_room(const struct vd_committer *self)
{
    return self->filling->batch.count < VD_HUB_BATCH_MAX_RECORDS &&
        self->filling->ack_count < VD_HUB_BATCH_MAX_RECORDS &&
        self->filling->batch.bytes.length < VD_HUB_BATCH_MAX_BYTES;
}

bool vd_committer_has_reserve(const struct vd_committer *self)
{
    return self->filling->batch.count < VD_HUB_BATCH_RESERVE * VD_HUB_BATCH_MAX_RECORDS &&
        self->filling->batch.bytes.length < (size_t)VD_HUB_BATCH_RESERVE * VD_HUB_BATCH_MAX_BYTES;
}

int vd_committer_add(
    struct vd_committer *self, const struct vd_event *event, const struct vd_ack *ack)
{
    int error = event != NULL ? vd_event_batch_add(&self->filling->batch, event) : VD_OK;

    if (error == VD_OK && ack != NULL) {
        self->filling->acks[self->filling->ack_count++] = *ack;
    }
    return error;
}

bool vd_committer_hand_over(struct vd_committer *self)
{
    struct half *full = self->filling;
    bool had_room = vd_committer_has_room(self);
    bool handed = false;

    if (half_is_empty(full)) {
        return false;
    }
    pthread_mutex_lock(&self->lock);
    if (self->turn == TURN_IDLE || (self->turn == TURN_DURABLE && self->collected)) {
        half_clear(self->writing);
        self->filling = self->writing;
        self->writing = full;
        self->collected = false;
        self->turn = TURN_WRITING;
        pthread_cond_broadcast(&self->changed);
        handed = true;
    }
    pthread_mutex_unlock(&self->lock);
    return handed && !had_room;
}

const struct vd_ack *vd_committer_durable(struct vd_committer *self, size_t *count)
{
    bool is_durable;

    *count = 0;
    if (self->collected) {
        return NULL;
    }
    pthread_mutex_lock(&self->lock);
    is_durable = self->turn == TURN_DURABLE;
    pthread_mutex_unlock(&self->lock);
    if (!is_durable) {
        return NULL;
    }
    self->collected = true;
    *count = self->writing->ack_count;
    return self->writing->acks;
}

bool vd_committer_is_busy(struct vd_committer *self)
{
    bool is_writing;

    pthread_mutex_lock(&self->lock);
    is_writing = self->turn == TURN_WRITING || (self->turn == TURN_DURABLE && !self->collected);
    pthread_mutex_unlock(&self->lock);
    return is_writing || !half_is_empty(self->filling);
}

uint64_t vd_committer_failures(const struct vd_committer *self)
{
    return atomic_load(&self->failures);
}

bool vd_committer_is_unwritable(const struct vd_committer *self)
{
    return atomic_load(&self->unwritable);
}

int64_t vd_committer_beat_ms(const struct vd_committer *self)
{
    return vd_pulse_last_ms(&self->pulse);
}

void vd_committer_stop(struct vd_committer *self)
{
    if (self == NULL) {
        return;
    }
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
    committer_free(self);
}
