/* SPDX-License-Identifier: MIT */
/* Starting and stopping the hub, its listener, its loop, and the way in for other threads. */

#include "hub/hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/arrivals.h"
#include "hub/calls.h"
#include "hub/commands.h"
#include "hub/connection.h"
#include "hub/delivery.h"
#include "hub/jobs.h"
#include "hub/paces.h"
#include "hub/posts.h"
#include "lib/clock.h"
#include "lib/listen.h"

#define NO_SLOT UINT32_MAX

static struct timeval timeval_of(int ms)
{
    return (struct timeval){ms / 1000, ms % 1000 * 1000L};
}

bool vd_hub_slot_take(struct vd_hub *hub, struct connection *connection, uint32_t *slot)
{
    struct slot *taken;

    if (hub->first_free == NO_SLOT) {
        return false;
    }
    *slot = hub->first_free;
    taken = &hub->slots[*slot];
    hub->first_free = taken->next_free;
    taken->connection = connection;
    return true;
}

void vd_hub_slot_release(struct vd_hub *hub, uint32_t slot)
{
    hub->slots[slot].connection = NULL;
    hub->slots[slot].generation++;
    hub->slots[slot].next_free = hub->first_free;
    hub->first_free = slot;
}

void vd_hub_settle(struct vd_hub *hub)
{
    struct connection *c;

    /* Each round takes one off the list, or frees it; flushing may put it back only once, when it closes. */
    while ((c = TAILQ_FIRST(&hub->dirty)) != NULL) {
        TAILQ_REMOVE(&hub->dirty, c, dirty);
        c->is_dirty = false;
        if (c->session.state != VD_SESSION_CLOSED) {
            vd_connection_flush(c);
        }
        if (c->session.state == VD_SESSION_CLOSED) {
            vd_connection_free(c);
        }
    }
}

static void resume_paused(struct vd_hub *hub)
{
    struct connection *c;

    /* Whoever finds no room again goes to the end, so that each has its turn. */
    while (vd_committer_has_room(hub->committer) && (c = TAILQ_FIRST(&hub->paused)) != NULL) {
        vd_connection_resume(c);
    }
}

/* Gives the committer what there is; whoever waited for room goes on. Connections and posts can each fill a batch alone, so they
 * take turns in going first. */
static void hand_over(struct vd_hub *hub)
{
    while (vd_committer_hand_over(hub->committer)) {
        hub->posts_go_first = !hub->posts_go_first;
        if (hub->posts_go_first) {
            vd_posts_take(hub);
            resume_paused(hub);
        } else {
            resume_paused(hub);
            vd_posts_take(hub);
        }
    }
}

static void acknowledge(struct vd_hub *hub)
{
    size_t count = 0;
    const struct vd_ack *acks = vd_committer_durable(hub->committer, &count);

    for (size_t i = 0; i < count; i++) {
        const struct slot *slot;

        if (acks[i].slot == VD_POST_SLOT) {
            vd_posts_durable(hub);
            continue;
        }
        slot = &hub->slots[acks[i].slot];
        if (slot->connection != NULL && slot->generation == acks[i].generation) {
            vd_connection_acknowledge(slot->connection, acks[i].packet_id);
        }
    }
}

/* Something that was taken in is not durable, or not answered. */
static bool is_busy(struct vd_hub *hub)
{
    return vd_committer_is_busy(hub->committer) || hub->jobs > 0 || vd_posts_are_busy(hub);
}

static void end_all(struct vd_hub *hub)
{
    for (uint32_t i = 0; i < hub->max_connections; i++) {
        if (hub->slots[i].connection != NULL) {
            vd_session_apply(&hub->slots[i].connection->session, VD_SESSION_STOPPING);
        }
    }
    vd_hub_settle(hub);
    vd_record_take(hub);
    hub->is_ended = true;
    hand_over(hub);
    if (!is_busy(hub)) {
        event_base_loopbreak(hub->base);
    }
}

static void begin_stop(struct vd_hub *hub)
{
    struct timeval wait = timeval_of(hub->times.stop_ms);

    hub->is_draining = true;
    vd_calls_end_all(hub);
    vd_delivery_stop(hub);
    evconnlistener_disable(hub->listener);
    event_del(&hub->accept_again);
    for (uint32_t i = 0; i < hub->max_connections; i++) {
        if (hub->slots[i].connection != NULL) {
            event_del(&hub->slots[i].connection->readable);
        }
    }
    event_add(&hub->stop_deadline, &wait);
}

static void on_stop_deadline(evutil_socket_t fd, short what, void *argument)
{
    (void)fd;
    (void)what;
    vd_log(VD_LOG_ERROR, "hub.stop_incomplete",
        "effect=\"messages that the event log did not take were not acknowledged\"");
    end_all(argument);
    event_base_loopbreak(((struct vd_hub *)argument)->base);
}

static void on_wake(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN) {
        vd_log(VD_LOG_ERROR, "hub.wake_failed", "errno=%d", errno);
    }
    vd_commands_run(hub);
    if (vd_commands_stop_asked(hub) && !hub->is_draining) {
        begin_stop(hub);
    }
    vd_arrivals_take(hub);
    vd_calls_take(hub);
    acknowledge(hub);
    vd_jobs_collect(hub);
    vd_record_take(hub);
    vd_posts_take(hub);
    hand_over(hub);
    vd_hub_settle(hub);
    if (hub->is_draining && !is_busy(hub)) {
        if (hub->is_ended) {
            event_base_loopbreak(hub->base);
        } else {
            end_all(hub);
        }
    }
}

static void on_hand_over(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;

    (void)fd;
    (void)what;
    hand_over(hub);
    vd_hub_settle(hub);
}

static void on_beat(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;

    (void)fd;
    (void)what;
    vd_pulse_beat(&hub->pulse);
}

static void on_accept_again(evutil_socket_t fd, short what, void *argument)
{
    struct vd_hub *hub = argument;

    (void)fd;
    (void)what;
    evconnlistener_enable(hub->listener);
}

/* Out of descriptors or memory: the waiting connection stays readable, so accepting rests instead of spinning. */
static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    struct vd_hub *hub = argument;
    struct timeval pause = timeval_of(VD_HUB_ACCEPT_PAUSE_MS);
    int error = errno;
    uint32_t held_back;

    evconnlistener_disable(listener);
    event_add(&hub->accept_again, &pause);
    if (!hub->accept_fails &&
        vd_log_allowed(&hub->log_accept, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_ERROR, "hub.accept_failed",
            "errno=%d held_back=%u effect=\"new connections wait\"", error, held_back);
    }
    hub->accept_fails = true;
}

static void note_accepted(struct vd_hub *hub)
{
    if (hub->accept_fails) {
        hub->accept_fails = false;
        vd_log(VD_LOG_WARN, "hub.accept_resumed", "effect=\"connections are taken again\"");
    }
}

/* An IPv4 address that came in over an IPv6 socket is written as IPv4. */
static void address_text(const struct sockaddr *address, char *out, size_t size)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    const void *from = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    int family = AF_INET;

    if (address->sa_family == AF_INET6) {
        from = &six->sin6_addr;
        family = AF_INET6;
        if (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
            from = six->sin6_addr.s6_addr + 12;
            family = AF_INET;
        }
    }
    if (inet_ntop(family, from, out, (socklen_t)size) == NULL) {
        out[0] = '\0';
    }
}

/* A connection is closed before anything is spent on it. */
static void turn_away(struct vd_hub *hub, const char *event, const char *address, uint32_t limit)
{
    uint32_t held_back;

    atomic_fetch_add(&hub->connects_refused, 1);
    if (vd_log_allowed(&hub->log_accept, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_WARN, event, "address=%s limit=%u held_back=%u", address, limit, held_back);
    }
}

bool vd_hub_admits(
    struct vd_hub *hub, const struct sockaddr *address, char *text, struct peer_key *peer)
{
    *peer = vd_peer_key_of(address);
    address_text(address, text, INET6_ADDRSTRLEN);
    if (hub->first_free == NO_SLOT) {
        turn_away(hub, "hub.connection_limit", text, hub->max_connections);
        return false;
    }
    if (!vd_limiter_take(
            hub->connects_by_address, peer->bytes, peer->length, vd_clock_monotonic_ms())) {
        atomic_fetch_add(&hub->connects_limited, 1);
        turn_away(hub, "hub.connect_rate", text, hub->address_connects_per_s);
        return false;
    }
    return true;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
    int length, void *argument)
{
    struct vd_hub *hub = argument;
    struct peer_key peer;
    char text[INET6_ADDRSTRLEN];

    (void)listener;
    (void)length;
    note_accepted(hub);
    if (vd_hub_admits(hub, address, text, &peer)) {
        vd_connection_open(hub, fd, text, &peer);
    } else {
        close(fd);
    }
}

static int fail(char *error_text, size_t error_size, int error, const char *what, const char *why)
{
    snprintf(error_text, error_size, "%s: %s", what, why);
    return error;
}

static int open_listener(
    struct vd_hub *hub, const struct vd_hub_config *config, char *error_text, size_t error_size)
{
    int fd = -1;
    int error = vd_listen_bind(
        config->listen_address, config->port, &fd, &hub->port, error_text, error_size);

    if (error != VD_OK) {
        return error;
    }
    hub->listener = evconnlistener_new(
        hub->base, on_accept, hub, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 1024, fd);
    if (hub->listener == NULL) {
        close(fd);
        return fail(error_text, error_size, VD_E_BUSY, config->listen_address, "cannot listen");
    }
    evconnlistener_set_error_cb(hub->listener, on_accept_error);
    return VD_OK;
}

static int open_tls(
    struct vd_hub *hub, const struct vd_hub_config *config, char *error_text, size_t error_size)
{
    SSL_CTX *context = NULL;
    const int error = vd_tls_context_new(
        config->certificate_file, config->private_key_file, true, &context, error_text, error_size);

    if (error == VD_OK) {
        (void)vd_tls_server_put(&hub->tls, context);
    }
    return error;
}

bool vd_hub_set_tls(struct vd_hub *hub, SSL_CTX *context)
{
    return vd_tls_server_put(&hub->tls, context);
}

/* Room for all connections and the rest of the process. Where the system refuses, accepting rests when they run out. */
static void raise_file_limit(uint32_t connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + 256;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
            vd_log(VD_LOG_WARN, "hub.file_limit", "limit=%llu wanted=%llu",
                (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
        }
    }
}

static int make_slots(struct vd_hub *hub)
{
    hub->slots = calloc(hub->max_connections, sizeof *hub->slots);
    hub->presence = vd_presence_new(hub->max_connections);
    if (hub->slots == NULL || hub->presence == NULL) {
        return VD_E_NOMEM;
    }
    for (uint32_t i = 0; i < hub->max_connections; i++) {
        hub->slots[i].next_free = i + 1 < hub->max_connections ? i + 1 : NO_SLOT;
    }
    return VD_OK;
}

static void begin_state(struct vd_hub *hub, struct vd_state *state)
{
    hub->state = state;
    if (state != NULL) {
        vd_state_set_wake(state, hub->wake_fd);
    }
    vd_delivery_start(hub);
}

static int make_loop(struct vd_hub *hub)
{
    const struct timeval beat = timeval_of(VD_PULSE_MS);

    hub->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    hub->base = event_base_new();
    if (hub->wake_fd < 0 || hub->base == NULL) {
        return VD_E_IO;
    }
    event_assign(&hub->wake, hub->base, hub->wake_fd, EV_READ | EV_PERSIST, on_wake, hub);
    event_assign(&hub->hand_over, hub->base, -1, 0, on_hand_over, hub);
    evtimer_assign(&hub->accept_again, hub->base, on_accept_again, hub);
    evtimer_assign(&hub->stop_deadline, hub->base, on_stop_deadline, hub);
    event_assign(&hub->beat, hub->base, -1, EV_PERSIST, on_beat, hub);
    vd_pulse_beat(&hub->pulse);
    return event_add(&hub->wake, NULL) == 0 && event_add(&hub->beat, &beat) == 0 ? VD_OK : VD_E_IO;
}

static void *hub_run(void *argument)
{
    struct vd_hub *hub = argument;

    event_base_loop(hub->base, EVLOOP_NO_EXIT_ON_EMPTY);
    return NULL;
}

static void free_connections(struct vd_hub *hub)
{
    for (uint32_t i = 0; hub->slots != NULL && i < hub->max_connections; i++) {
        if (hub->slots[i].connection != NULL) {
            vd_connection_free(hub->slots[i].connection);
        }
    }
}

static void hub_free(struct vd_hub *hub)
{
    vd_committer_stop(hub->committer);
    vd_jobs_drain(hub);
    vd_posts_release(hub);
    free_connections(hub);
    if (hub->listener != NULL) {
        evconnlistener_free(hub->listener);
    }
    if (hub->base != NULL) {
        event_base_free(hub->base);
    }
    if (hub->state != NULL) {
        vd_state_set_wake(hub->state, -1);
    }
    if (hub->wake_fd >= 0) {
        close(hub->wake_fd);
    }
    vd_tls_server_release(&hub->tls);
    vd_calls_release(hub);
    vd_presence_free(hub->presence);
    vd_paces_release(hub);
    vd_arrivals_release(hub);
    vd_commands_release(hub);
    vd_record_queue_release(&hub->record_queue);
    pthread_mutex_destroy(&hub->lock);
    free(hub->slots);
    free(hub->host_name);
    free(hub->resource_id);
    free(hub);
}

static struct vd_hub *hub_new(const struct vd_hub_config *config, const struct vd_hub_times *times)
{
    struct vd_hub *hub = calloc(1, sizeof *hub);

    if (hub == NULL) {
        return NULL;
    }
    hub->wake_fd = -1;
    hub->times = *times;
    TAILQ_INIT(&hub->dirty);
    TAILQ_INIT(&hub->paused);
    hub->max_connections =
        config->max_connections != 0 ? config->max_connections : VD_HUB_CONNECTIONS_DEFAULT;
    if (config->ip_filter != NULL) {
        hub->ip_filter = *config->ip_filter;
    } else {
        vd_ip_filter_init(&hub->ip_filter);
    }
    hub->log_refused.burst = VD_HUB_LOG_BURST;
    hub->log_protocol.burst = VD_HUB_LOG_BURST;
    hub->log_tls.burst = VD_HUB_LOG_BURST;
    hub->log_accept.burst = VD_HUB_LOG_BURST;
    hub->log_connection.burst = VD_HUB_LOG_BURST;
    hub->log_limited.burst = VD_HUB_LOG_BURST;
    hub->log_methods.burst = VD_HUB_LOG_BURST;
    vd_tls_server_init(&hub->tls);
    pthread_mutex_init(&hub->lock, NULL);
    STAILQ_INIT(&hub->commands);
    STAILQ_INIT(&hub->posts);
    STAILQ_INIT(&hub->posted);
    STAILQ_INIT(&hub->arrivals);
    vd_record_queue_init(&hub->record_queue);
    hub->host_name = strdup(config->host_name);
    hub->resource_id =
        strdup(config->resource_id != NULL ? config->resource_id : config->host_name);
    return hub;
}

int vd_hub_start_timed(const struct vd_hub_config *config, const struct vd_hub_times *times,
    struct vd_event_log *log, struct vd_registry *registry, struct vd_hub **hub, char *error_text,
    size_t error_size)
{
    struct vd_hub *self = hub_new(config, times);
    int error;

    snprintf(error_text, error_size, "%s", vd_error_text(VD_E_NOMEM));
    if (self == NULL) {
        return VD_E_NOMEM;
    }
    error = self->host_name != NULL && self->resource_id != NULL ? make_slots(self) : VD_E_NOMEM;
    if (error == VD_OK) {
        error = vd_paces_start(self, &config->rates);
    }
    if (error == VD_OK) {
        error = make_loop(self);
    }
    if (error == VD_OK) {
        error = vd_calls_start(self);
    }
    if (error == VD_OK) {
        error = open_tls(self, config, error_text, error_size);
    }
    if (error == VD_OK) {
        error = open_listener(self, config, error_text, error_size);
    }
    if (error == VD_OK) {
        raise_file_limit(self->max_connections);
        self->session_host.hub_name = self->host_name;
        self->session_host.registry = registry;
        vd_connection_session_host(&self->session_host);
        begin_state(self, config->state);
        error = vd_committer_start(log, self->wake_fd, &self->committer);
    }
    if (error == VD_OK && pthread_create(&self->thread, NULL, hub_run, self) != 0) {
        error = fail(error_text, error_size, VD_E_IO, "hub", "cannot start a thread");
    }
    if (error != VD_OK) {
        hub_free(self);
        return error;
    }
    error_text[0] = '\0';
    *hub = self;
    return VD_OK;
}

int vd_hub_start(const struct vd_hub_config *config, struct vd_event_log *log,
    struct vd_registry *registry, struct vd_hub **hub, char *error_text, size_t error_size)
{
    static const struct vd_hub_times times = {
        .connect_ms = VD_HUB_CONNECT_DEADLINE_MS,
        .packet_ms = VD_HUB_PACKET_DEADLINE_MS,
        .write_ms = VD_HUB_WRITE_DEADLINE_MS,
        .linger_ms = VD_HUB_LINGER_MS,
        .stop_ms = VD_HUB_STOP_WAIT_MS,
        .c2d_expire_ms = VD_HUB_C2D_EXPIRE_MS,
    };

    return vd_hub_start_timed(config, &times, log, registry, hub, error_text, error_size);
}

uint16_t vd_hub_port(const struct vd_hub *hub)
{
    return hub->port;
}

void vd_hub_wake(struct vd_hub *hub)
{
    const uint64_t one = 1;

    if (write(hub->wake_fd, &one, sizeof one) < 0) {
        vd_log(VD_LOG_ERROR, "hub.wake_failed", "errno=%d", errno);
    }
}

bool vd_hub_is_connected(struct vd_hub *hub, const char *device_id, const char *module_id)
{
    return vd_presence_has(hub->presence, device_id, module_id);
}

void vd_hub_stop(struct vd_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    vd_commands_ask_stop(hub);
    pthread_join(hub->thread, NULL);
    hub_free(hub);
}
