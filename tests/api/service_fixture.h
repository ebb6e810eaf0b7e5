/* SPDX-License-Identifier: MIT */
/* For tests of the service API: a service on a real registry and state, a bus that notes, and requests. */

#ifndef VEDETTE_TESTS_API_SERVICE_FIXTURE_H
#define VEDETTE_TESTS_API_SERVICE_FIXTURE_H

#include "api/service/service.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define HOST "hub.test"

/* A bus that notes what it was asked for: the hub's side is tested with the hub. */
struct noting_bus {
    struct vd_bus base;
    char disconnected[300];
    const char *connected;
    int method_error; /* what a call ends with */
    const char *method_payload;
    char called[300];
    char desired[1024]; /* "device/module version change" of the last one, */
    unsigned changes;   /* and how many there were, */
    bool in_order;      /* each of a later version than the one before */
    int64_t version;
    char waiting[300];
    unsigned wakes;
    char recorded[2048]; /* the last record, JSON, */
    unsigned records;    /* and how many there were, */
    unsigned expired;    /* of them of messages that were over by time */
};

extern const char *peer; /* whose address requests come from */
extern struct vd_registry *registry;
extern struct vd_state *hub_state;
extern struct vd_sweeper *sweeper;
extern struct noting_bus bus;
extern struct vd_service *service;
extern struct vd_http_answer answer; /* to the last request */

/* As cmocka calls them. */
int set_up(void **unused);
int tear_down(void **unused);

/* Another service on the same stores: counts of refusals begin anew. */
void service_again(void);
extern struct vd_hub *service_hub;     /* what it is started with; NULL: none */
extern struct vd_audit *service_audit; /* likewise */

int64_t in_an_hour(void);

/* A token for `resource`, signed with that policy's primary or secondary key. */
void make_token(const char *resource, const char *policy_name, bool secondary, int64_t expiry_s,
    char *out, size_t size);

struct header {
    const char *name; /* NULL: the end */
    const char *value;
};

/* A request as a thread of a server would make it; the answer is the caller's. */
void service_call(const struct vd_http_face *face, const char *authorization, const char *method,
    const char *target, const struct header *headers, struct vd_str body,
    struct vd_http_answer *made);

/* The status of a request with these headers (NULL: none) and that Authorization (NULL: none). */
int call_with_headers(const char *authorization, const char *method, const char *target,
    const struct header *headers, struct vd_str body);
int call_with(const char *authorization, const char *method, const char *target,
    const char *if_match, const char *body);
int call_as(const char *policy, const char *method, const char *target, const char *if_match,
    const char *body);
int call(const char *method, const char *target, const char *if_match, const char *body);

/* As call, and the status must be that one. */
void expect(
    int status, const char *method, const char *target, const char *if_match, const char *body);
void expect_with(int status, const char *method, const char *target, const struct header *headers,
    struct vd_str body);

/* Of the answer's body; outer and inner may be NULL. */
const char *text_at(const char *outer, const char *inner, const char *name);
int64_t number_at(const char *name);

/* A header of the answer; NULL: it has none. */
const char *answer_header(const char *name);

/* The answer is a fault of that name, in all places where a client looks for it. */
void assert_fault(const char *name);

#endif
