/* SPDX-License-Identifier: MIT */
/* A receiver of webhooks on the loopback. */

#include <arpa/inet.h>
#include <event2/http.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/soak/fleet.h"

static uint64_t taken;
static uint64_t refused;
/* Of the last that was taken: they come in order, and one whose answer was late comes again. */
static char last_id[128];

static void on_request(struct evhttp_request *request, void *context)
{
    const bool fails = day_receiver_fails(fleet_at_s());
    const char *id = evhttp_find_header(evhttp_request_get_input_headers(request), "webhook-id");

    (void)context;
    if (fails) {
        refused++;
    } else if (id != NULL && strcmp(id, last_id) != 0) {
        taken++;
        snprintf(last_id, sizeof last_id, "%s", id);
    }
    evhttp_send_reply(request, fails ? 503 : 204, fails ? "broken" : "taken", NULL);
}

uint16_t receiver_start(void)
{
    struct evhttp *http = evhttp_new(fleet_base); /* for as long as the program runs */
    struct evhttp_bound_socket *bound =
        http != NULL ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;

    if (bound == NULL ||
        getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size) != 0) {
        fleet_die("receiver", "cannot listen");
    }
    evhttp_set_gencb(http, on_request, NULL);
    return ntohs(address.sin_port);
}

uint64_t receiver_taken(void)
{
    return taken;
}

uint64_t receiver_refused(void)
{
    return refused;
}
