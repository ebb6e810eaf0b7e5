/* SPDX-License-Identifier: MIT */
/* For tests of the HTTP server over TLS: one on faces of the test's, its certificate, and what clients do. */

#ifndef VEDETTE_TESTS_API_HTTPS_FIXTURE_H
#define VEDETTE_TESTS_API_HTTPS_FIXTURE_H

#include <stddef.h>

#include "api/http.h"
#include "tests/hub/tls_client.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* How long something may take that happens at once on a machine with nothing else to do. */
#define PATIENCE_MS 20000

extern struct vd_http *http; /* NULL: it does not run */
extern char certificate[96]; /* PEM files, both */
extern char key[96];

/* As cmocka calls them, for all tests. */
int make_scene(void **state);
int remove_scene(void **state);

/* On a free port of 127.0.0.1, with two workers. */
struct vd_http_config config_of(const struct vd_http_face *faces, size_t face_count);
/* Fails the test if it cannot. */
void start_server(const struct vd_http_config *config);
/* As cmocka calls it, after a test. */
int stop_server(void **state);

/* A face's refusals: {"refused": status}. */
void refuse(int status, struct vd_http_answer *answer);

/* ---- Clients; each fails the test if it cannot ---- */

void open_client(struct tls_client *client);
void send_text(struct tls_client *client, const char *text);

/* Up to the end of the headers, which is the end of `text`; then the next byte is the body's. Returns the status. */
int read_headers(struct tls_client *client, char *text, size_t size);

/* The same with a body of a length that is said. *body: the caller's; NULL: it is not JSON, or not asked for. */
int read_answer(struct tls_client *client, char *headers, size_t size, json_t **body);

/* The same, of an answer that nobody looks at: its status. */
int read_status(struct tls_client *client);

#endif
