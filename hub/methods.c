/* SPDX-License-Identifier: MIT */
/* A hash table of requests by identity and a heap of them by deadline. */

#include "hub/methods.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hub/limits.h"
#include "hub/siphash.h"

#define BUCKETS 1024u

TAILQ_HEAD(bucket, vd_method_request);

struct vd_methods {
    uint64_t key[2]; /* ids are chosen by others: it must not be theirs to guess */
    uint64_t last_rid;
    size_t count;
    struct bucket buckets[BUCKETS];
    struct vd_method_request *heap[VD_HUB_METHODS_MAX];
};

struct vd_methods *vd_methods_new(void)
{
    struct vd_methods *self = calloc(1, sizeof *self);
    uint32_t start = 0;

    if (self == NULL || getrandom(self->key, sizeof self->key, 0) != (ssize_t)sizeof self->key ||
        getrandom(&start, sizeof start, 0) != (ssize_t)sizeof start) {
        free(self);
        return NULL;
    }
    /* A device may answer what a hub asked that was here before: its rids must not come again soon. */
    self->last_rid = start;
    for (size_t i = 0; i < BUCKETS; i++) {
        TAILQ_INIT(&self->buckets[i]);
    }
    return self;
}

void vd_methods_free(struct vd_methods *methods)
{
    free(methods);
}

size_t vd_methods_count(const struct vd_methods *methods)
{
    return methods->count;
}

/* ---- The heap: none is due before the one above it ---- */

static void put(struct vd_methods *self, size_t place, struct vd_method_request *request)
{
    self->heap[place] = request;
    request->place = place;
}

static void sift_up(struct vd_methods *self, struct vd_method_request *request)
{
    size_t place = request->place;

    while (place > 0 && self->heap[(place - 1) / 2]->due_ms > request->due_ms) {
        put(self, place, self->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(self, place, request);
}

static void sift_down(struct vd_methods *self, struct vd_method_request *request)
{
    size_t place = request->place;
    size_t below;

    while ((below = 2 * place + 1) < self->count) {
        if (below + 1 < self->count && self->heap[below + 1]->due_ms < self->heap[below]->due_ms) {
            below++;
        }
        if (self->heap[below]->due_ms >= request->due_ms) {
            break;
        }
        put(self, place, self->heap[below]);
        place = below;
    }
    put(self, place, request);
}

static void heap_remove(struct vd_methods *self, struct vd_method_request *request)
{
    struct vd_method_request *last = self->heap[--self->count];

    if (last != request) {
        put(self, request->place, last);
        sift_up(self, last);
        sift_down(self, last);
    }
}

/* ---- The identities ---- */

static struct bucket *bucket_of(struct vd_methods *self, const char *device_id)
{
    return &self->buckets[vd_siphash(self->key, device_id, strlen(device_id)) % BUCKETS];
}

static bool is_of(
    const struct vd_method_request *request, const char *device_id, const char *module_id)
{
    return strcmp(request->device_id, device_id) == 0 && strcmp(request->module_id, module_id) == 0;
}

static size_t count_of(struct vd_methods *self, const char *device_id, const char *module_id)
{
    const struct vd_method_request *request;
    size_t count = 0;

    TAILQ_FOREACH(request, bucket_of(self, device_id), bucket)
    {
        count += is_of(request, device_id, module_id) ? 1 : 0;
    }
    return count;
}

/* The identity's oldest that was sent, or was not. */
static struct vd_method_request *find(
    struct vd_methods *self, const char *device_id, const char *module_id, bool is_sent)
{
    struct vd_method_request *request;

    TAILQ_FOREACH(request, bucket_of(self, device_id), bucket)
    {
        if (request->is_sent == is_sent && is_of(request, device_id, module_id)) {
            return request;
        }
    }
    return NULL;
}

int vd_methods_add(struct vd_methods *methods, struct vd_method_request *request, int64_t due_ms)
{
    if (methods->count == VD_HUB_METHODS_MAX ||
        count_of(methods, request->device_id, request->module_id) >= VD_HUB_METHODS_PER_IDENTITY) {
        return VD_E_LIMIT;
    }
    request->rid = ++methods->last_rid;
    request->due_ms = due_ms;
    request->is_sent = false;
    TAILQ_INSERT_TAIL(bucket_of(methods, request->device_id), request, bucket);
    put(methods, methods->count++, request);
    sift_up(methods, request);
    return VD_OK;
}

struct vd_method_request *vd_methods_unsent(
    struct vd_methods *methods, const char *device_id, const char *module_id)
{
    return find(methods, device_id, module_id, false);
}

void vd_methods_sent(struct vd_methods *methods, struct vd_method_request *request, int64_t due_ms)
{
    request->is_sent = true;
    request->due_ms = due_ms;
    sift_up(methods, request);
    sift_down(methods, request);
}

void vd_methods_take(struct vd_methods *methods, struct vd_method_request *request)
{
    heap_remove(methods, request);
    TAILQ_REMOVE(bucket_of(methods, request->device_id), request, bucket);
}

static struct vd_method_request *take(struct vd_methods *methods, struct vd_method_request *request)
{
    if (request != NULL) {
        vd_methods_take(methods, request);
    }
    return request;
}

struct vd_method_request *vd_methods_take_answered(
    struct vd_methods *methods, uint64_t rid, const char *device_id, const char *module_id)
{
    struct vd_method_request *request;

    TAILQ_FOREACH(request, bucket_of(methods, device_id), bucket)
    {
        if (request->rid == rid && request->is_sent && is_of(request, device_id, module_id)) {
            return take(methods, request);
        }
    }
    return NULL;
}

struct vd_method_request *vd_methods_take_sent(
    struct vd_methods *methods, const char *device_id, const char *module_id)
{
    return take(methods, find(methods, device_id, module_id, true));
}

struct vd_method_request *vd_methods_take_due(struct vd_methods *methods, int64_t now_ms)
{
    return vd_methods_next_due(methods) <= now_ms ? vd_methods_take_any(methods) : NULL;
}

struct vd_method_request *vd_methods_take_any(struct vd_methods *methods)
{
    return take(methods, methods->count > 0 ? methods->heap[0] : NULL);
}

int64_t vd_methods_next_due(const struct vd_methods *methods)
{
    return methods->count > 0 ? methods->heap[0]->due_ms : INT64_MAX;
}
