/* SPDX-License-Identifier: MIT */
/* Calls of direct methods that have not ended: found by identity, by request id, and by deadline. Pure data, no clock. */

#ifndef VEDETTE_HUB_METHODS_H
#define VEDETTE_HUB_METHODS_H

#include <sys/queue.h>

#include "lib/bus.h"
#include "proto/protocol.h"

/* One call. Its owner allocates it and sets the first part before vd_methods_add; the second is the table's. */
struct vd_method_request {
    char device_id[VD_ID_MAX + 1];
    char module_id[VD_ID_MAX + 1]; /* empty for a device */
    char name[VD_METHOD_NAME_MAX + 1];
    struct vd_buf payload;
    size_t payload_bytes; /* what it was, once `payload` is given up */
    uint32_t response_timeout_ms;
    uint32_t connect_timeout_ms;
    int64_t begun_ms;
    vd_method_done *done;
    void *context;
    struct vd_method_request *next; /* in a queue of the owner's */

    uint64_t rid; /* not 0 */
    int64_t due_ms;
    bool is_sent;
    size_t place; /* in the heap of deadlines */
    TAILQ_ENTRY(vd_method_request) bucket;
};

struct vd_methods;

/* NULL: no memory or no random bytes. */
struct vd_methods *vd_methods_new(void);
/* The requests are not its own: take all out before. NULL is allowed. */
void vd_methods_free(struct vd_methods *methods);

size_t vd_methods_count(const struct vd_methods *methods);

/*
 * Takes a request in, as not sent, and gives it its rid, which no other has had. It is due at due_ms. VD_E_LIMIT: the
 * identity has VD_HUB_METHODS_PER_IDENTITY, or there are VD_HUB_METHODS_MAX.
 */
VD_NODISCARD int vd_methods_add(
    struct vd_methods *methods, struct vd_method_request *request, int64_t due_ms);

/* The identity's oldest request that was not sent; NULL: none. It stays in the table. */
struct vd_method_request *vd_methods_unsent(
    struct vd_methods *methods, const char *device_id, const char *module_id);

/* It was sent, and is due at due_ms now. */
void vd_methods_sent(struct vd_methods *methods, struct vd_method_request *request, int64_t due_ms);

/* The functions below take a request out, and return NULL if there is none of the kind. */

/* The one with that rid, if it is the identity's and was sent. */
struct vd_method_request *vd_methods_take_answered(
    struct vd_methods *methods, uint64_t rid, const char *device_id, const char *module_id);
/* One of the identity's that were sent. */
struct vd_method_request *vd_methods_take_sent(
    struct vd_methods *methods, const char *device_id, const char *module_id);
/* One that is due at now_ms or before, the earliest first. */
struct vd_method_request *vd_methods_take_due(struct vd_methods *methods, int64_t now_ms);
struct vd_method_request *vd_methods_take_any(struct vd_methods *methods);

/* Takes out a request that is in the table. */
void vd_methods_take(struct vd_methods *methods, struct vd_method_request *request);

/* When the next is due; INT64_MAX: there is none. */
int64_t vd_methods_next_due(const struct vd_methods *methods);

#endif
