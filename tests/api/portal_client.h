/* SPDX-License-Identifier: MIT */
/* For tests of the portal: it over TLS on a real registry, its folder, and a browser of sorts. */

#ifndef VEDETTE_TESTS_API_PORTAL_CLIENT_H
#define VEDETTE_TESTS_API_PORTAL_CLIENT_H

#include "api/portal/portal.h"
#include "tests/api/management_fixture.h"
#include "tests/hub/tls_client.h"

extern struct vd_api portal_api;
extern struct vd_http *portal_http;
extern char portal_certificate[96];

/* The last record of any kind; empty: there is none. */
extern char portal_recorded[4096];

/* An answer: its status, all that stands before its body, and that. */
struct portal_answer {
    int status;
    char headers[4096];
    char body[8192];
};

extern struct portal_answer portal_got; /* of the last request */

/* Of a browser: what it remembers of a session. */
struct portal_session {
    char cookie[256];
    char csrf[64];
};

/* As cmocka calls them, for a test: with pages, or (portal_set_up_bare) without any. */
int portal_set_up(void **state);
int portal_set_up_bare(void **state);
int portal_tear_down(void **state);
/* And for all of them. */
int portal_make_scene(void **state);
int portal_remove_scene(void **state);

/* Ends the server and the portal, and begins both again on the same stores. */
void portal_restart(void);

/* Sends a request on a connection of its own; headers: lines with \r\n, or NULL. Returns the status. */
int portal_ask(const char *method, const char *path, const char *headers, const char *body);
/* The same with the session's cookie and, unless it is GET, its header. */
int portal_ask_as(
    const struct portal_session *session, const char *method, const char *path, const char *body);
/* Signs in with the token of that role. */
void portal_sign_in(enum vd_role role, struct portal_session *out);

/* The value of a header of the last answer; NULL: it has none. Valid until the next call. */
const char *portal_header(const char *name);
/* The code of the fault of the last answer; "": it is none. Likewise. */
const char *portal_fault(void);

#endif
