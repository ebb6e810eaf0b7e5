/* SPDX-License-Identifier: MIT */
/* Calling a direct method for a request of HTTP: from its body to the call, from the call's end to its answer. */

#ifndef VEDETTE_API_METHOD_CALL_H
#define VEDETTE_API_METHOD_CALL_H

#include "api/http.h"
#include "lib/bus.h"

/* Seconds that a body may ask for, and gets if it does not. Of the service of old. */
#define VD_METHOD_RESPONSE_MIN_S     5
#define VD_METHOD_RESPONSE_DEFAULT_S 30
#define VD_METHOD_TIMEOUT_MAX_S      300

/*
 * Reads {"methodName"[,"payload","responseTimeoutInSeconds","connectTimeoutInSeconds"]} into *call, but for its ids; a
 * payload that is absent is null. *payload is the caller's to free and backs the call, as `body` does. Other members are
 * left alone. Returns NULL, or what is wrong (static).
 */
const char *vd_method_read(const json_t *body, struct vd_method_call *call, char **payload);

/*
 * Gives the answer in the form of a face. error: as vd_bus_call_method, or VD_E_CORRUPT: what the device sent is no
 * JSON. With VD_OK `status` and `payload` are the device's; `payload` becomes the function's.
 */
typedef void vd_method_reply(int error, int status, json_t *payload, struct vd_http_answer *answer);

/*
 * Calls the method and has `reply` give the answer: now or, where the request can be answered later, when the call has ended,
 * so that no thread of the server waits for a device.
 */
void vd_method_run(struct vd_bus *bus, const struct vd_method_call *call,
    struct vd_http_later *later, vd_method_reply *reply, struct vd_http_answer *answer);

#endif
