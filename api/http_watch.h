/* SPDX-License-Identifier: MIT */
/* Hears at once that a client goes: evhttp itself hears of it when it reads or writes only. */

#ifndef VEDETTE_API_HTTP_WATCH_H
#define VEDETTE_API_HTTP_WATCH_H

#include <event2/http.h>

struct event_base;
struct vd_http_watch;

/*
 * Calls `gone` once when the client of the connection has closed its end or reset it. The loop's thread; so is the call.
 * NULL without memory or descriptors: then nobody hears of it.
 */
struct vd_http_watch *vd_http_watch_begin(struct event_base *base,
    struct evhttp_connection *connection, void (*gone)(void *context), void *context);

/* The loop's thread, also from within `gone`. NULL is allowed. */
void vd_http_watch_end(struct vd_http_watch *watch);

#endif
