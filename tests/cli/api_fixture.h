/* SPDX-License-Identifier: MIT */
/* For tests of the API without a transport: real stores, and a bus that notes what it was asked for. */

#ifndef VEDETTE_TESTS_CLI_API_FIXTURE_H
#define VEDETTE_TESTS_CLI_API_FIXTURE_H

#include "api/api.h"
#include "tests/cli/folder.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The hub's side is tested with the hub. */
struct noting_bus {
    struct vd_bus base;
    char disconnected[64];
    const char *connected;
    struct vd_method_answer end; /* of a call, */
    char called[256];            /* and what it asked for */
    char desired[512];           /* "device/module change", of the last one */
    char waiting[64];            /* whose message waits, of the last one */
};

extern struct vd_stores stores;
extern struct noting_bus bus;
extern struct vd_api api;

/* As cmocka calls them. */
int set_up(void **state);
int tear_down(void **state);

/* The answer's JSON, the caller's to free; fails unless it has that status. */
json_t *call(int status, const char *method, const char *path, const char *query, const char *body);

/* Likewise, and nothing of it is wanted but the code of its fault (NULL: it is none). */
void expect(int status, const char *code, const char *method, const char *path, const char *query,
    const char *body);

/* `outer` may be NULL. */
const char *text_at(json_t *json, const char *outer, const char *name);

#endif
