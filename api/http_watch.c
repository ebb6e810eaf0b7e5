/* SPDX-License-Identifier: MIT */
/* A copy of the connection's descriptor, for libevent tells a reset as something to read, and only to one who reads edges. */

#include "api/http_watch.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct vd_http_watch {
    struct event *event;
    int fd;
    void (*gone)(void *context);
    void *context;
};

/* Without taking the error off the socket, which the connection is to see. */
static bool is_reset(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_CLOSE;
}

static void on_edge(evutil_socket_t fd, short what, void *context)
{
    struct vd_http_watch *watch = context;

    if ((what & EV_CLOSED) != 0 || is_reset(fd)) {
        event_del(watch->event);
        watch->gone(watch->context);
    }
}

struct vd_http_watch *vd_http_watch_begin(struct event_base *base,
    struct evhttp_connection *connection, void (*gone)(void *context), void *context)
{
    struct vd_http_watch *watch = calloc(1, sizeof *watch);

    if (watch == NULL) {
        return NULL;
    }
    *watch = (struct vd_http_watch){.gone = gone, .context = context};
    watch->fd =
        fcntl(bufferevent_getfd(evhttp_connection_get_bufferevent(connection)), F_DUPFD_CLOEXEC, 0);
    if (watch->fd >= 0) {
        watch->event =
            event_new(base, watch->fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_edge, watch);
    }
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        vd_http_watch_end(watch);
        watch = NULL;
    }
    return watch;
}

void vd_http_watch_end(struct vd_http_watch *watch)
{
    if (watch != NULL) {
        if (watch->event != NULL) {
            event_free(watch->event);
        }
        if (watch->fd >= 0) {
            close(watch->fd);
        }
        free(watch);
    }
}
