/* SPDX-License-Identifier: MIT */
/* Makes connections of sockets, and frees them. */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/connection.h"
#include "lib/clock.h"

/* A dead peer that sends no keep-alive is found by TCP; small packets are not held back. */
static void set_socket_options(int fd)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 300},
        {IPPROTO_TCP, TCP_KEEPINTVL, 30},
        {IPPROTO_TCP, TCP_KEEPCNT, 4},
    };

    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        /* Where one is not to be had the connection works without it. */
        (void)setsockopt(
            fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
    }
}

/* `ssl` is the caller's until it succeeds; NULL: it makes one. NULL if there is no memory. */
static struct connection *begin(
    struct vd_hub *hub, int fd, SSL *ssl, const char *address, const struct peer_key *peer)
{
    struct connection *c = calloc(1, sizeof *c);
    SSL *made = NULL;

    if (c == NULL) {
        return NULL;
    }
    if (ssl == NULL) {
        ssl = made = vd_tls_new(&hub->tls, &c->wire);
    } else if (!vd_tls_move(ssl, &c->wire)) {
        ssl = NULL;
    }
    if (ssl == NULL || !vd_hub_slot_take(hub, c, &c->slot)) {
        SSL_free(made);
        free(c);
        return NULL;
    }
    c->ssl = ssl;
    c->hub = hub;
    c->wire.fd = fd;
    c->peer = *peer;
    c->out.max = VD_HUB_OUTPUT_MAX_BYTES;
    c->opened_ms = vd_clock_monotonic_ms();
    c->progress_ms = c->opened_ms;
    vd_session_init(&c->session, &hub->session_host, address);
    set_socket_options(fd);
    vd_connection_watch(c);
    atomic_fetch_add(&hub->connections, 1);
    return c;
}

void vd_connection_open(
    struct vd_hub *hub, int fd, const char *address, const struct peer_key *peer)
{
    if (begin(hub, fd, NULL, address, peer) == NULL) {
        close(fd);
    }
}

void vd_connection_adopt(struct vd_hub *hub, const struct vd_hub_arrival *arrival,
    const char *address, const struct peer_key *peer)
{
    struct vd_websocket *websocket = calloc(1, sizeof *websocket);
    struct connection *c = NULL;

    if (websocket != NULL) {
        c = begin(hub, arrival->fd, arrival->ssl, address, peer);
    }
    if (c == NULL) {
        free(websocket);
        SSL_free(arrival->ssl);
        close(arrival->fd);
        return;
    }
    vd_buf_append(&c->out, arrival->answer.data, arrival->answer.length);
    vd_connection_check_queue(c);
    c->websocket = websocket;
    vd_connection_is_secured(c, arrival->early);
}

void vd_connection_free(struct connection *c)
{
    struct vd_hub *hub = c->hub;

    if (c->is_dirty) {
        TAILQ_REMOVE(&hub->dirty, c, dirty);
    }
    vd_connection_leave_paused(c);
    vd_presence_remove(hub->presence, &c->presence);
    event_del(&c->readable);
    if (c->writable != NULL) {
        event_free(c->writable);
    }
    event_del(&c->timer);
    vd_hub_slot_release(hub, c->slot);
    vd_buf_release(&c->in);
    vd_buf_release(&c->out);
    free(c->delivery);
    free(c->websocket);
    vd_connection_drop_certificate(c);
    SSL_free(c->ssl);
    close(c->wire.fd);
    free(c);
    atomic_fetch_sub(&hub->connections, 1);
}
