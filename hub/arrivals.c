/* SPDX-License-Identifier: MIT */
/* The queue of connections that another thread accepted, and their way in. */

#include "hub/arrivals.h"

#include <netinet/in.h>
#include <unistd.h>

#include "hub/connection.h"

struct arrival {
    STAILQ_ENTRY(arrival) next;
    int fd;
    SSL *ssl;
    size_t answer_length;
    size_t early_length;
    char bytes[]; /* the answer, and what came early */
};

_Static_assert(VD_HUB_EARLY_MAX_BYTES <= sizeof((struct vd_hub *)NULL)->plaintext,
    "what came early is read like what comes later");

/* ---- Any thread ---- */

/* NULL: out of memory, or it brings too much. */
static struct arrival *arrival_new(const struct vd_hub_arrival *from)
{
    struct arrival *arrival = NULL;

    if (from->early.length <= VD_HUB_EARLY_MAX_BYTES) {
        arrival = malloc(sizeof *arrival + from->answer.length + from->early.length);
    }
    if (arrival == NULL) {
        return NULL;
    }
    arrival->fd = from->fd;
    arrival->ssl = from->ssl;
    arrival->answer_length = from->answer.length;
    arrival->early_length = from->early.length;
    memcpy(arrival->bytes, from->answer.data, from->answer.length);
    memcpy(arrival->bytes + from->answer.length, from->early.data, from->early.length);
    return arrival;
}

static void hang_up(SSL *ssl, int fd)
{
    SSL_free(ssl);
    close(fd);
}

void vd_hub_adopt(struct vd_hub *hub, const struct vd_hub_arrival *from)
{
    struct arrival *arrival = arrival_new(from);
    bool is_taken = false;

    if (arrival != NULL) {
        pthread_mutex_lock(&hub->lock);
        is_taken = hub->arrival_count < VD_HUB_ARRIVALS_MAX;
        if (is_taken) {
            hub->arrival_count++;
            STAILQ_INSERT_TAIL(&hub->arrivals, arrival, next);
        }
        pthread_mutex_unlock(&hub->lock);
    }
    if (is_taken) {
        vd_hub_wake(hub);
    } else {
        atomic_fetch_add(&hub->connects_refused, 1);
        hang_up(from->ssl, from->fd);
        free(arrival);
    }
}

/* ---- The loop ---- */

static void take(struct vd_hub *hub, const struct arrival *arrival)
{
    const struct vd_hub_arrival taken = {arrival->fd, arrival->ssl,
        {arrival->bytes, arrival->answer_length},
        {arrival->bytes + arrival->answer_length, arrival->early_length}};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    const struct sockaddr *from = (const struct sockaddr *)&address;
    struct peer_key peer;
    char text[INET6_ADDRSTRLEN];

    /* A peer that is gone already has no address any more. */
    if (!hub->is_draining && getpeername(arrival->fd, (struct sockaddr *)&address, &length) == 0 &&
        vd_hub_admits(hub, from, text, &peer)) {
        vd_connection_adopt(hub, &taken, text, &peer);
    } else {
        hang_up(arrival->ssl, arrival->fd);
    }
}

void vd_arrivals_take(struct vd_hub *hub)
{
    struct arrival_list arrivals = STAILQ_HEAD_INITIALIZER(arrivals);
    struct arrival *arrival;

    pthread_mutex_lock(&hub->lock);
    STAILQ_CONCAT(&arrivals, &hub->arrivals);
    hub->arrival_count = 0;
    pthread_mutex_unlock(&hub->lock);
    while ((arrival = STAILQ_FIRST(&arrivals)) != NULL) {
        STAILQ_REMOVE_HEAD(&arrivals, next);
        take(hub, arrival);
        free(arrival);
    }
}

void vd_arrivals_release(struct vd_hub *hub)
{
    struct arrival *arrival;

    while ((arrival = STAILQ_FIRST(&hub->arrivals)) != NULL) {
        STAILQ_REMOVE_HEAD(&hub->arrivals, next);
        hang_up(arrival->ssl, arrival->fd);
        free(arrival);
    }
}
