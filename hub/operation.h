/* SPDX-License-Identifier: MIT */
/* What the hub records about itself: one operation, as its resource log has it. */

#ifndef VEDETTE_HUB_OPERATION_H
#define VEDETTE_HUB_OPERATION_H

#include "hub/auth.h"
#include "hub/session.h"

/* X(name, text): the categories of resource logs. */
#define VD_OPERATION_CATEGORIES(X)             \
    X(VD_OPERATION_CONNECTIONS, "Connections") \
    X(VD_OPERATION_TELEMETRY, "DeviceTelemetry")

enum vd_operation_category {
#define VD_OPERATION_CATEGORY_ENUM(name, text) name,
    VD_OPERATION_CATEGORIES(VD_OPERATION_CATEGORY_ENUM)
#undef VD_OPERATION_CATEGORY_ENUM
};

/* The result of an operation: six digits, of which the first three are those of HTTP, and what they mean. */
struct vd_result {
    uint32_t code; /* 0: it went well */
    const char *text;
};

struct vd_operation {
    enum vd_operation_category category;
    const char *name; /* deviceConnect ... */
    struct vd_result result;
    const char *reason; /* the log's word for it; NULL: none */
    int64_t time_ms;    /* UTC */
    int64_t duration_ms;
    const struct vd_principal *principal;
    const char *address; /* the peer's; masked where it is written */
    struct vd_str
        client_type; /* what the client says it is, URL-encoded; empty if it says nothing */
};

struct vd_result vd_result_of_refusal(enum vd_refusal refusal);

/* What ended a connection, as an operation's result. */
struct vd_result vd_result_of_event(enum vd_session_event event);

/*
 * Appends the record as JSON: time, resourceId, operationName, category, level, resultType, resultDescription, durationMs,
 * properties (JSON in a string), location. Text of the peer that is not UTF-8 is left out. VD_E_NOMEM.
 */
VD_NODISCARD int vd_operation_write(
    const struct vd_operation *operation, const char *hub_name, struct vd_buf *out);

/* The address with its last part hidden: "192.0.2.XXX", "2001:db8::XXX". */
void vd_address_mask(const char *address, char *out, size_t size);

#endif
