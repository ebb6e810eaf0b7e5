/* SPDX-License-Identifier: MIT */
/* Calls of direct methods as every bus takes them, and waiting for one. */

#include "lib/bus.h"

#include <pthread.h>
#include <string.h>

bool vd_method_name_is_valid(struct vd_str name)
{
    static const char others[] = "-._~*!(),:=@$'";

    if (name.length == 0 || name.length > VD_METHOD_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.length; i++) {
        const char c = name.data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            memchr(others, c, sizeof others - 1) == NULL) {
            return false;
        }
    }
    return true;
}

bool vd_method_call_is_valid(const struct vd_method_call *call)
{
    return vd_method_name_is_valid(vd_str_from(call->name)) &&
        call->payload.length <= VD_METHOD_PAYLOAD_MAX_BYTES && call->response_timeout_ms > 0 &&
        call->response_timeout_ms <= VD_METHOD_TIMEOUT_MAX_MS &&
        call->connect_timeout_ms <= VD_METHOD_TIMEOUT_MAX_MS;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool has_ended;
    int error;
    int status;
    struct vd_buf *payload;
};

static void wake_waiter(void *context, const struct vd_method_answer *answer)
{
    struct waiter *waiter = context;

    pthread_mutex_lock(&waiter->lock);
    waiter->error = answer->error;
    waiter->status = answer->status;
    if (answer->error == VD_OK) {
        vd_buf_append(waiter->payload, answer->payload.data, answer->payload.length);
        waiter->error = waiter->payload->error;
    }
    waiter->has_ended = true;
    /* Signalled with the lock held: once it is free the waiter, which lies on a stack, may be gone. */
    pthread_cond_signal(&waiter->ended);
    pthread_mutex_unlock(&waiter->lock);
}

int vd_bus_call_method(
    struct vd_bus *bus, const struct vd_method_call *call, int *status, struct vd_buf *payload)
{
    struct waiter waiter = {.payload = payload};
    int error;

    if (bus == NULL || bus->ops->call_method == NULL) {
        return VD_E_CLOSED;
    }
    pthread_mutex_init(&waiter.lock, NULL);
    pthread_cond_init(&waiter.ended, NULL);
    error = bus->ops->call_method(bus, call, wake_waiter, &waiter);
    if (error == VD_OK) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.has_ended) {
            pthread_cond_wait(&waiter.ended, &waiter.lock);
        }
        pthread_mutex_unlock(&waiter.lock);
        error = waiter.error;
    }
    if (error == VD_OK) {
        *status = waiter.status;
    }
    pthread_cond_destroy(&waiter.ended);
    pthread_mutex_destroy(&waiter.lock);
    return error;
}
