/* SPDX-License-Identifier: MIT */
/* GET from a server that somebody else runs: bounded, interruptible, without telling the URL or a credential. */

#ifndef VEDETTE_LIB_HTTP_GET_H
#define VEDETTE_LIB_HTTP_GET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

#define VD_HTTP_GET_REDIRECTS_MAX 5
#define VD_HTTP_GET_REASON_SIZE   128
/* A longer ETag is passed over: the next request is then not conditional. */
#define VD_HTTP_ETAG_SIZE 256
#define VD_HTTP_DATE_SIZE 64

enum vd_http_credential {
    VD_HTTP_CREDENTIAL_NONE,
    VD_HTTP_CREDENTIAL_BASIC,  /* "user:password" */
    VD_HTTP_CREDENTIAL_BEARER, /* the token */
    VD_HTTP_CREDENTIAL_HEADER, /* "Name: value" */
};

struct vd_http_get_request {
    const char *url;
    const char *ca_file; /* PEM; NULL: the system's */
    const char *accept;  /* NULL: anything */
    /* What the answer that is at hand had; "": it had none, or there is none. */
    const char *etag;
    const char *last_modified;
    /* Goes to the URL's scheme, host and port only. */
    enum vd_http_credential credential_kind;
    const char *credential; /* without control characters */
    const char *wanted;     /* a header whose value is wanted; NULL: none */
    size_t body_max_bytes;  /* decompressed */
    int timeout_ms;         /* of all, with redirections */
};

struct vd_http_get_answer {
    int status;         /* with VD_OK: 200, or 304 if the request had etag or last_modified */
    struct vd_buf body; /* the caller's; of 200 only */
    char etag[VD_HTTP_ETAG_SIZE];
    char last_modified[VD_HTTP_DATE_SIZE];
    char wanted[VD_HTTP_DATE_SIZE];
    char reason[VD_HTTP_GET_REASON_SIZE]; /* without VD_OK: why, for people */
    uint32_t retry_after_s; /* at the earliest, as the server says, at most a day; 0: it does not */
};

struct vd_http_get;

/* VD_E_NOMEM. */
VD_NODISCARD int vd_http_get_new(struct vd_http_get **out);

/*
 * Gets it. Redirections are followed to https only; TLS is verified; the environment's proxies are not used. *answer (zeroed
 * before) is released by the caller's vd_buf_release of its body in any case.
 * VD_E_DENIED (another status), VD_E_LIMIT (the body is too long), VD_E_TIMEOUT, VD_E_CLOSED (interrupted), VD_E_IO,
 * VD_E_NOMEM. Blocks; one thread at a time.
 */
VD_NODISCARD int vd_http_get(struct vd_http_get *get, const struct vd_http_get_request *request,
    struct vd_http_get_answer *answer);

/* Ends a request under way, and all later ones. Any thread. */
void vd_http_get_interrupt(struct vd_http_get *get);
/* NULL is allowed. */
void vd_http_get_free(struct vd_http_get *get);

/* NULL if it is an absolute URL of https, or of http (allows_http, or to this machine), without user and password; else
 * what is wrong, for people. */
const char *vd_http_url_problem(const char *url, bool allows_http);

/* Whether it is of http and to another machine: who is on the way reads what is sent. */
bool vd_http_is_in_the_clear(const char *url);

/* Whether scheme, host and port are the same. */
bool vd_http_same_origin(const char *a, const char *b);

#endif
