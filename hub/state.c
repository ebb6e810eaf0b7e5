/* SPDX-License-Identifier: MIT */
/* The writer of the hub's state: its queue, its thread, its transactions. */

#include "hub/state.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/damage.h"
#include "lib/log.h"

/* Requests in their order. */
struct list {
    struct vd_state_request *first;
    struct vd_state_request *last;
};

struct vd_state {
    struct vd_state_store *store; /* the thread's */
    pthread_t thread;

    pthread_mutex_t lock; /* for all below */
    int wake_fd;
    pthread_cond_t arrived;
    pthread_cond_t done;
    struct list waiting;
    struct list completed;
    uint32_t outstanding; /* accepted and not yet given back */
    bool stopping;

    _Atomic uint64_t failures;
    _Atomic bool unwritable;
};

static void list_append(struct list *list, struct vd_state_request *request)
{
    request->next = NULL;
    if (list->last != NULL) {
        list->last->next = request;
    } else {
        list->first = request;
    }
    list->last = request;
}

static struct vd_state_request *list_take(struct list *list)
{
    struct vd_state_request *request = list->first;

    if (request != NULL) {
        list->first = request->next;
        if (list->first == NULL) {
            list->last = NULL;
        }
        request->next = NULL;
    }
    return request;
}

/* ---- A transaction ---- */

static void note_failure(struct vd_state *self, int error)
{
    atomic_fetch_add(&self->failures, 1);
    (void)vd_damage_note(VD_DAMAGE_STATE, error);
    if (!atomic_exchange(&self->unwritable, true)) {
        vd_log(VD_LOG_ERROR, "hub.state_unwritable",
            "reason=\"%s\" effect=\"changes of twins, commands and subscriptions are refused\"",
            vd_error_text(error));
    }
}

static void note_success(struct vd_state *self)
{
    if (atomic_exchange(&self->unwritable, false)) {
        vd_log(VD_LOG_WARN, "hub.state_writable",
            "effect=\"changes are taken again\" failed_transactions=%llu",
            (unsigned long long)atomic_load(&self->failures));
    }
}

/* Runs them; not VD_OK if a fault took the transaction with it. */
static int run_all(struct vd_state *self, const struct list *batch)
{
    for (struct vd_state_request *request = batch->first; request != NULL;
         request = request->next) {
        request->error = vd_damage_note(
            VD_DAMAGE_STATE, vd_state_store_attempt(self->store, request->run, request->context));
        if (!vd_state_store_is_open(self->store)) {
            return request->error != VD_OK ? request->error : VD_E_IO;
        }
    }
    return VD_OK;
}

static void tell(const struct list *batch)
{
    for (struct vd_state_request *request = batch->first; request != NULL;
         request = request->next) {
        if (request->error == VD_OK && request->committed != NULL) {
            request->committed(request->context);
        }
    }
}

/* One transaction for all. Nothing of a request whose result is not VD_OK is stored. */
static void run_batch(struct vd_state *self, const struct list *batch)
{
    bool has_changes = false;
    int error = vd_state_store_begin(self->store);

    if (error == VD_OK) {
        error = run_all(self, batch);
    }
    if (error == VD_OK) {
        has_changes = vd_state_store_has_changes(self->store);
        error = vd_state_store_commit(self->store);
    }
    if (error == VD_OK) {
        if (has_changes) {
            note_success(self);
        }
        tell(batch);
        return;
    }
    note_failure(self, error);
    for (struct vd_state_request *request = batch->first; request != NULL;
         request = request->next) {
        request->error = error;
    }
}

/* ---- The thread; with the lock but for the transaction itself ---- */

static void take_batch(struct vd_state *self, struct list *batch)
{
    for (uint32_t i = 0; i < VD_HUB_STATE_BATCH_MAX && self->waiting.first != NULL; i++) {
        list_append(batch, list_take(&self->waiting));
    }
}

static void give_back(struct vd_state *self, struct list *batch)
{
    const uint64_t one = 1;
    bool is_awaited = false;
    bool is_submitted = false;

    for (struct vd_state_request *request; (request = list_take(batch)) != NULL;) {
        if (request->is_waited_for) {
            request->is_done = true;
            self->outstanding--;
            is_awaited = true;
        } else {
            list_append(&self->completed, request);
            is_submitted = true;
        }
    }
    if (is_awaited) {
        pthread_cond_broadcast(&self->done);
    }
    /* An eventfd takes it unless its count is near 2^64: the loop is awake then anyway. */
    if (is_submitted && write(self->wake_fd, &one, sizeof one) < 0) {
        vd_log(VD_LOG_ERROR, "hub.wake_failed", "effect=\"answers wait\"");
    }
}

static void *state_run(void *argument)
{
    struct vd_state *self = argument;

    pthread_mutex_lock(&self->lock);
    for (;;) {
        struct list batch = {0};

        while (self->waiting.first == NULL && !self->stopping) {
            pthread_cond_wait(&self->arrived, &self->lock);
        }
        if (self->waiting.first == NULL) {
            break;
        }
        take_batch(self, &batch);
        pthread_mutex_unlock(&self->lock);
        run_batch(self, &batch);
        pthread_mutex_lock(&self->lock);
        give_back(self, &batch);
    }
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ---- For the callers ---- */

static void state_free(struct vd_state *self)
{
    vd_state_store_close(self->store);
    pthread_cond_destroy(&self->done);
    pthread_cond_destroy(&self->arrived);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

int vd_state_open(const char *path, struct vd_state **out)
{
    struct vd_state *self = calloc(1, sizeof *self);
    int error;

    if (self == NULL) {
        return VD_E_NOMEM;
    }
    self->wake_fd = -1;
    pthread_mutex_init(&self->lock, NULL);
    pthread_cond_init(&self->arrived, NULL);
    pthread_cond_init(&self->done, NULL);
    error = vd_state_store_open(path, &self->store);
    if (error == VD_OK && pthread_create(&self->thread, NULL, state_run, self) != 0) {
        error = VD_E_IO;
    }
    if (error != VD_OK) {
        state_free(self);
        return error;
    }
    *out = self;
    return VD_OK;
}

void vd_state_set_wake(struct vd_state *self, int wake_fd)
{
    pthread_mutex_lock(&self->lock);
    self->wake_fd = wake_fd;
    pthread_mutex_unlock(&self->lock);
}

/* With the lock. */
static int accept_request(struct vd_state *self, struct vd_state_request *request)
{
    if (self->stopping) {
        return VD_E_CLOSED;
    }
    if (self->outstanding >= VD_HUB_STATE_WAITING_MAX) {
        return VD_E_LIMIT;
    }
    self->outstanding++;
    list_append(&self->waiting, request);
    pthread_cond_signal(&self->arrived);
    return VD_OK;
}

int vd_state_submit(struct vd_state *self, struct vd_state_request *request)
{
    int error;

    pthread_mutex_lock(&self->lock);
    request->is_waited_for = false;
    error = accept_request(self, request);
    pthread_mutex_unlock(&self->lock);
    return error;
}

struct vd_state_request *vd_state_completed(struct vd_state *self)
{
    struct vd_state_request *request;

    pthread_mutex_lock(&self->lock);
    request = list_take(&self->completed);
    if (request != NULL) {
        self->outstanding--;
    }
    pthread_mutex_unlock(&self->lock);
    return request;
}

int vd_state_do(struct vd_state *self, vd_state_run *run, void *context)
{
    return vd_state_do_and_tell(self, run, NULL, context);
}

int vd_state_do_and_tell(
    struct vd_state *self, vd_state_run *run, vd_state_committed *committed, void *context)
{
    struct vd_state_request request = {
        .run = run, .committed = committed, .context = context, .is_waited_for = true};
    int error;

    pthread_mutex_lock(&self->lock);
    error = accept_request(self, &request);
    while (error == VD_OK && !request.is_done) {
        pthread_cond_wait(&self->done, &self->lock);
    }
    pthread_mutex_unlock(&self->lock);
    return error != VD_OK ? error : request.error;
}

uint64_t vd_state_failures(const struct vd_state *self)
{
    return atomic_load(&self->failures);
}

bool vd_state_is_unwritable(const struct vd_state *self)
{
    return atomic_load(&self->unwritable);
}

void vd_state_stop(struct vd_state *self)
{
    pthread_mutex_lock(&self->lock);
    self->stopping = true;
    pthread_cond_broadcast(&self->arrived);
    pthread_mutex_unlock(&self->lock);
    pthread_join(self->thread, NULL);
}

void vd_state_close(struct vd_state *self)
{
    state_free(self);
}
