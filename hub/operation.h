/* SPDX-License-Identifier: MIT */
/* What the hub records about itself: one operation, as its resource log has it. */

#ifndef VEDETTE_HUB_OPERATION_H
#define VEDETTE_HUB_OPERATION_H

#include "hub/auth.h"
#include "hub/session.h"
#include "hub/state_store.h"
#include "lib/clock.h"
#include "lib/event.h"

/* X(name, text): the categories of resource logs. Of the last six the hub has nothing to record. */
#define VD_OPERATION_CATEGORIES(X)                         \
    X(VD_OPERATION_CONNECTIONS, "Connections")             \
    X(VD_OPERATION_TELEMETRY, "DeviceTelemetry")           \
    X(VD_OPERATION_C2D, "C2DCommands")                     \
    X(VD_OPERATION_IDENTITIES, "DeviceIdentityOperations") \
    X(VD_OPERATION_D2C_TWIN, "D2CTwinOperations")          \
    X(VD_OPERATION_C2D_TWIN, "C2DTwinOperations")          \
    X(VD_OPERATION_TWIN_QUERIES, "TwinQueries")            \
    X(VD_OPERATION_METHODS, "DirectMethods")               \
    X(VD_OPERATION_FILE_UPLOAD, "FileUploadOperations")    \
    X(VD_OPERATION_ROUTES, "Routes")                       \
    X(VD_OPERATION_JOBS, "JobsOperations")                 \
    X(VD_OPERATION_TRACING, "DistributedTracing")          \
    X(VD_OPERATION_CONFIGURATIONS, "Configurations")       \
    X(VD_OPERATION_STREAMS, "DeviceStreams")

enum vd_operation_category {
#define VD_OPERATION_CATEGORY_ENUM(name, text) name,
    VD_OPERATION_CATEGORIES(VD_OPERATION_CATEGORY_ENUM)
#undef VD_OPERATION_CATEGORY_ENUM
    VD_OPERATION_CATEGORIES_END,
};

const char *vd_operation_category_text(enum vd_operation_category category);

/* The result of an operation: six digits, of which the first three are those of HTTP, and what they mean. */
struct vd_result {
    uint32_t code; /* 0: it went well */
    const char *text;
};

/* A property that the operation has beside the usual ones: text or, where that is NULL, a number. */
struct vd_operation_property {
    const char *name; /* static */
    const char *text;
    int64_t number;
};

#define VD_OPERATION_PROPERTIES_MAX 10

/* The longest text of a property that is written whole; of a longer one the beginning is. A query is cut so. */
#define VD_OPERATION_TEXT_MAX 4096

/*
 * One operation. All zero is one of which nothing is known; what it points to is read while it is written only. Text that is
 * not UTF-8 is left out.
 */
struct vd_operation {
    enum vd_operation_category category;
    const char *name; /* deviceConnect ... */
    struct vd_result result;
    const char *reason; /* the log's word for it; NULL: none */
    int64_t time_ms;    /* UTC; 0: now */
    int64_t duration_ms;
    const char *device_id; /* NULL or empty: it is not about one */
    const char *module_id; /* likewise */
    const char *protocol;  /* Mqtt, MqttWs, Https; NULL: none */
    const char *auth_type; /* see vd_operation_auth_type; NULL: none */
    const char *address;   /* the peer's, masked where it is written; NULL: none */
    struct vd_str
        client_type; /* what the client says it is, URL-encoded; empty if it says nothing */
    struct vd_operation_property
        properties[VD_OPERATION_PROPERTIES_MAX]; /* up to the first without a name */
};

struct vd_result vd_result_of_refusal(enum vd_refusal refusal);

/* What ended a connection, as an operation's result. */
struct vd_result vd_result_of_event(enum vd_session_event event);

/* What became of a message to a device, as an operation without protocol; `expiry` is its time as text. False: a purge, which
 * is one operation for all. */
bool vd_operation_of_ending(const struct vd_c2d_ending *ending, char expiry[VD_TIME_TEXT_SIZE],
    struct vd_operation *operation);

/* How whoever connected proved himself: JSON, as records have it. Static. */
const char *vd_operation_auth_type(const struct vd_principal *principal);

/*
 * Makes the event that records the operation: `body` (empty before, the caller's to release) is filled with the record as
 * JSON: time, resourceId (in capitals), operationName, category, level, resultType, resultDescription, durationMs (a number
 * as text), properties (JSON in a string), location. *event points into `operation` and `body`. Any thread. VD_E_NOMEM.
 */
VD_NODISCARD int vd_operation_event(const struct vd_operation *operation, const char *resource_id,
    struct vd_buf *body, struct vd_event *event);

/* The address with its last part hidden: "192.0.2.XXX", "2001:db8::XXX". */
void vd_address_mask(const char *address, char *out, size_t size);

#endif
