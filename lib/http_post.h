/* SPDX-License-Identifier: MIT */
/* POST to a receiver that somebody else runs: bounded, interruptible, without telling its URL. */

#ifndef VEDETTE_LIB_HTTP_POST_H
#define VEDETTE_LIB_HTTP_POST_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

#define VD_HTTP_POST_REASON_SIZE 128

struct vd_http_post_config {
    const char *url;     /* http or https; may hold secrets */
    const char *ca_file; /* PEM: the only authorities; NULL: the system's */
    int timeout_ms;      /* of one request */
};

/* Why it was not taken. */
struct vd_http_post_failure {
    char reason[VD_HTTP_POST_REASON_SIZE]; /* without the URL */
    bool is_refused;                       /* the receiver will hardly take it later either */
    bool is_too_large;                     /* it may take less */
    uint32_t
        retry_after_s; /* at the earliest, as the receiver says, at most an hour; 0: it does not */
};

struct vd_http_post;

/* Redirections are not followed, the environment's proxies not used, TLS is verified. VD_E_NOMEM. */
VD_NODISCARD int vd_http_post_new(
    const struct vd_http_post_config *config, struct vd_http_post **out);

/*
 * Sends the body with these headers ("Name: value", NULL-terminated). VD_OK: a 2xx answered. Else *failure (zeroed before)
 * says why: VD_E_DENIED (another status), VD_E_CLOSED (interrupted), VD_E_IO, VD_E_NOMEM. Blocks; one thread at a time.
 */
VD_NODISCARD int vd_http_post_send(struct vd_http_post *post, const char *const *headers,
    struct vd_str body, struct vd_http_post_failure *failure);

/* Ends a request under way, and all later ones. Any thread. */
void vd_http_post_interrupt(struct vd_http_post *post);
/* NULL is allowed. */
void vd_http_post_free(struct vd_http_post *post);

#endif
