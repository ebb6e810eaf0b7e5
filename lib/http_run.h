/* SPDX-License-Identifier: MIT */
/* One transfer of libcurl at a time, which another thread can end. */

#ifndef VEDETTE_LIB_HTTP_RUN_H
#define VEDETTE_LIB_HTTP_RUN_H

#include <curl/curl.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lib/error.h"

struct vd_http_run {
    CURLM *multi;
    atomic_bool is_interrupted;
    bool is_barred; /* the latest transfer was to go where none may */
};

/* VD_E_NOMEM. Released also after a failure. */
VD_NODISCARD int vd_http_run_init(struct vd_http_run *run);
void vd_http_run_release(struct vd_http_run *run);
/* Runs the transfer to its end; CURLE_ABORTED_BY_CALLBACK: it was interrupted. Blocks. */
CURLcode vd_http_run_transfer(struct vd_http_run *run, CURL *easy);
/* Ends the transfer under way, and all later ones. Any thread. */
void vd_http_run_interrupt(struct vd_http_run *run);

/* Sets what all our requests have in common: no environment's proxies, no signals, TLS 1.2 at least, our name, and what
 * vd_http_run_bar does. False: no memory. */
bool vd_http_run_set_up(struct vd_http_run *run, CURL *easy, const char *ca_file);

/*
 * Has no connection be made to link-local addresses (169.254.0.0/16, fe80::/10), whatever name led there: clouds tell machines
 * their secrets there. *is_barred, which must outlive `easy`, says whether one was to be. Takes CURLOPT_PRIVATE. False: no memory.
 */
bool vd_http_run_bar(CURL *easy, bool *is_barred);

/* Says for people why a transfer of `easy` failed, in at most `size` bytes, without URL, file or address. */
void vd_http_run_reason(CURL *easy, CURLcode code, char *reason, size_t size);

#endif
