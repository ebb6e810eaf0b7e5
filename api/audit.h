/* SPDX-License-Identifier: MIT */
/* What requests of all faces leave in the audit trail (lib/audit.h). */

#ifndef VEDETTE_API_AUDIT_H
#define VEDETTE_API_AUDIT_H

#include "api/http.h"
#include "lib/audit.h"

#define VD_AUDIT_UNAVAILABLE_CODE "AuditUnavailable"
#define VD_AUDIT_UNAVAILABLE_TEXT \
    "the audit trail cannot be written, and nothing is changed without it: see the service's log"

/* A request that changes something, or that signs in. Texts that are absent may be NULL. */
struct vd_audit_request {
    const char *kind; /* NULL: VD_AUDIT_CHANGE */
    const char *who;
    const char *role;
    const char *address;
    const char *via;
    const char *method;
    const char *path; /* of the route */
    const char *resource;
    const char *query;
    struct vd_str body; /* names of its members, and values of a few, are kept; and a digest */
};

/* The id of the request, which its answer gives in this header. */
#define VD_AUDIT_REQUEST_HEADER "X-Vedette-Request-Id"

/* An act under way; all zero: none. */
struct vd_audit_act {
    struct vd_audit *audit; /* NULL: nothing is recorded */
    int64_t id;
    char request[VD_UUID_TEXT_SIZE];
};

/* An act begins; blocks for the disk. audit NULL: nothing is recorded. Any error: it must not be done. */
VD_NODISCARD int vd_audit_act_begin(
    struct vd_audit *audit, const struct vd_audit_request *request, struct vd_audit_act *act);

/* It has ended with a status of HTTP, and a note: the code of its fault, or words (NULL: none); blocks for the disk. */
void vd_audit_act_end(struct vd_audit_act *act, int status, const char *note);

/* The same once the request is answered, if that comes later (see vd_http_later; NULL: it does not). False: it is answered
 * already. */
bool vd_audit_act_end_later(struct vd_audit_act *act, struct vd_http_later *later);

/* A request that was refused before it could change anything: written at once, if not too many are. */
void vd_audit_refused(
    struct vd_audit *audit, const struct vd_audit_request *request, int status, const char *code);

/* Something that is done already, as a sign-in. */
void vd_audit_done(struct vd_audit *audit, const struct vd_audit_request *request, int status);

/* What of a body may be told: names of members of two levels, and values of names that are never secret. Appends; never
 * more than VD_AUDIT_TEXT_MAX in all. */
void vd_audit_describe(struct vd_str body, struct vd_buf *out);

/* Of a query's parameters, those that are known to hold no secret. */
void vd_audit_describe_query(const char *query, struct vd_buf *out);

#endif
