/* SPDX-License-Identifier: MIT */
/* A store with one feed, `f`, whose URL is a server of the test: what is put, fetched and then known of it. */

#ifndef VEDETTE_TESTS_CENTER_FEED_FIXTURE_H
#define VEDETTE_TESTS_CENTER_FEED_FIXTURE_H

#include "center/feed_fetch.h"
#include "tests/center/feed_server.h"

#define OK(headers, body) "HTTP/1.1 200 OK\r\nConnection: close\r\n" headers "\r\n" body
#define STATUS(line, headers) \
    "HTTP/1.1 " line "\r\nConnection: close\r\nContent-Length: 0\r\n" headers "\r\n"
#define MINUTE 60000
/* An error in libcurl's words, which are not the same in all of its versions. */
#define ANY "any"

struct feed_fixture {
    char *folder;
    char path[600]; /* of the store */
    char url[64];   /* of the server */
    struct vd_alert_store *store;
    struct vd_http_get *get;
    struct feed_server server;
};

/* Requests of five seconds; back-off from a minute to an hour. */
extern const struct vd_feed_rhythm feed_rhythm;

int feed_setup(void **state);
int feed_teardown(void **state);

/* `settings`: {} with "%s" for the server; credential: JSON, NULL: not given. As vd_feeds_put. */
int feed_put(struct feed_fixture *f, const char *settings, const char *credential,
    char problem[VD_FEED_PROBLEM_SIZE]);
void feed_must_put(struct feed_fixture *f, const char *settings, const char *credential);
/* Fetches it; how that ended is in the store. */
void feed_fetch(struct feed_fixture *f);
/* As vd_feeds_list has it; the caller's. */
json_t *feed_read(struct feed_fixture *f);
/* Of the last attempt; NULL: there is none. */
void feed_expect_error(struct feed_fixture *f, const char *expected);
/* A member of "source"; "": null. */
void feed_expect_source(struct feed_fixture *f, const char *member, const char *expected);
int64_t feed_time(const json_t *object, const char *member);
/* The next fetch is so long after the last attempt. */
void feed_expect_wait(struct feed_fixture *f, int64_t min_ms, int64_t max_ms);
/* Whether a flow to the address would match now. */
bool feed_matches(struct feed_fixture *f, const char *address);
int64_t feed_generation(struct feed_fixture *f);

#endif
