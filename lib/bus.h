/* SPDX-License-Identifier: MIT */
/* The bus: requests to a connected device, whichever hub has it. The one way from API and center to the hub. */

#ifndef VEDETTE_LIB_BUS_H
#define VEDETTE_LIB_BUS_H

#include "lib/event.h"
#include "lib/str.h"

/* A method's name: one level of a topic, which is to stay short on small devices. */
#define VD_METHOD_NAME_MAX 100
/* What goes to the device and what comes back, each: as the service of old allows. */
#define VD_METHOD_PAYLOAD_MAX_BYTES (128u << 10)
/* The longest that a caller may wait for a connection, and again for an answer: as the service of old allows. */
#define VD_METHOD_TIMEOUT_MAX_MS 300000u

/* One call of a direct method. */
struct vd_method_call {
    const char *device_id;
    const char *module_id; /* NULL or empty: the device itself */
    const char *name;      /* see vd_method_name_is_valid */
    struct vd_str
        payload; /* JSON, handed on as it is; empty: none; at most VD_METHOD_PAYLOAD_MAX_BYTES */
    uint32_t
        response_timeout_ms; /* 1 to VD_METHOD_TIMEOUT_MAX_MS, from when the device was sent the call */
    uint32_t connect_timeout_ms; /* 0 to VD_METHOD_TIMEOUT_MAX_MS: so long it may be away */
};

/*
 * How a call ended. `error`:
 * VD_OK           the device answered: `status` and `payload` are its (the payload is not checked to be JSON)
 * VD_E_NOT_FOUND  it was not connected and subscribed to methods within the connect timeout, or its connection
 *                 ended before it answered
 * VD_E_TIMEOUT    no answer within the response timeout
 * VD_E_LIMIT      too many calls of this identity are under way, or it does not read what it was sent
 * VD_E_CLOSED     the hub is stopping
 * VD_E_NOMEM
 */
struct vd_method_answer {
    int error;
    int status; /* 0 but with VD_OK */
    struct vd_str payload;
};

/* Called on the hub's loop thread; must not block. `answer` is valid until it returns. */
typedef void vd_method_done(void *context, const struct vd_method_answer *answer);

struct vd_bus;

/* Any thread; none of them waits for a device. module_id NULL: the device itself. */
struct vd_bus_ops {
    /* Ends the connections of a device with all its modules, or of one module. */
    void (*disconnect)(struct vd_bus *bus, const char *device_id, const char *module_id);
    bool (*is_connected)(struct vd_bus *bus, const char *device_id, const char *module_id);
    /*
     * Calls a method; what `call` points to is copied. VD_OK: `done` is called exactly once, whatever happens, maybe
     * before this returns. Else it is never called: VD_E_INVALID (a value out of the range above), VD_E_LIMIT (too
     * many calls are under way in all), VD_E_CLOSED (the hub is stopping), VD_E_NOMEM.
     * NULL where there is no hub to call through.
     */
    int (*call_method)(
        struct vd_bus *bus, const struct vd_method_call *call, vd_method_done *done, void *context);
    /*
     * A back end's change of desired properties is durable: the identity is told if it is connected and subscribed, in the
     * order of the calls, which is to be that of the changes.
     * version  of the desired properties, as `change` has it
     * change   the patch with its `$version`, JSON; copied
     */
    void (*desired_changed)(struct vd_bus *bus, const char *device_id, const char *module_id,
        int64_t version, struct vd_str change);
    /* A message waits in the device's C2D queue. */
    void (*c2d_waiting)(struct vd_bus *bus, const char *device_id);
    /*
     * Puts an event into the event log, behind what is there: for what API and center record. It is copied, and durable a
     * moment later. VD_E_LIMIT (too many wait), VD_E_NOMEM: it is lost, and counted.
     * NULL where there is no hub whose log it is.
     */
    int (*record)(struct vd_bus *bus, const struct vd_event *event);
};

struct vd_bus {
    const struct vd_bus_ops *ops;
};

/* 1 to VD_METHOD_NAME_MAX letters, digits and - . _ ~ * ! ( ) , : = @ $ ' : what needs no encoding in a topic. */
bool vd_method_name_is_valid(struct vd_str name);

/* Whether all of the call is in its range. */
bool vd_method_call_is_valid(const struct vd_method_call *call);

/*
 * Calls a method and waits for its end, up to both timeouts together. Not on the hub's loop thread.
 * Returns vd_method_answer's error, or what call_method refused it for; VD_E_CLOSED without a hub. With VD_OK
 * *status is set and `payload` (empty before) holds what the device sent: vd_buf_release it.
 */
VD_NODISCARD int vd_bus_call_method(
    struct vd_bus *bus, const struct vd_method_call *call, int *status, struct vd_buf *payload);

#endif
