/* SPDX-License-Identifier: MIT */
/* For tests of the management API: it on a real registry, a token of each role, and requests. */

#ifndef VEDETTE_TESTS_API_MANAGEMENT_FIXTURE_H
#define VEDETTE_TESTS_API_MANAGEMENT_FIXTURE_H

#include "api/management/management.h"
#include "hub/token.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define SUB   "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"
#define GROUP "/subscriptions/" SUB "/resourceGroups/fleet"
#define HUB   GROUP "/providers/Microsoft.Devices/IotHubs/hub"

extern const char *peer; /* whose address requests come from */
extern struct vd_registry *registry;
extern struct vd_alert_store *alerts;
extern struct vd_management *management;
extern struct vd_audit *management_audit;  /* the trail of all requests, made by the set-up */
extern struct vd_http_answer answer;       /* of the last request */
extern char tokens[4][VD_TOKEN_TEXT_SIZE]; /* by role */

/* The last record of the activity log; empty: there is none. */
extern char recorded[2048];

int management_set_up(void **state);
int management_tear_down(void **state);

void make_token(enum vd_role role, const char *name, int64_t expires_ms);

/* The status of a request with that Authorization (NULL: none); the answer stays in `answer`. */
int call_with(const char *authorization, const char *method, const char *target,
    const char *if_match, const char *body);
int call_as(enum vd_role role, const char *method, const char *target, const char *if_match,
    const char *body);

/* As the owner; the status must be that one, and an error's code too (NULL: it is none). */
void expect(int status, const char *code, const char *method, const char *target,
    const char *if_match, const char *body);

/* Of the answer; NULL: it has none. */
const char *header_of(const char *name);
/* The answer's member at `path`: names and numbers of places, parted by dots. NULL: there is none. */
const json_t *member(const char *path);
/* Its text; fails without one. */
const char *text_at(const char *path);
/* A member of `properties`. */
const json_t *property(const char *name);

#endif
