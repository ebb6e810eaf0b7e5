/* SPDX-License-Identifier: MIT */
/* TLS under evhttp, which knows idle times only: here are the bounds that hold against slow and greedy clients. */

#include "api/http_tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/limiter.h"
#include "hub/limits.h"
#include "lib/clock.h"
#include "lib/log.h"

/* How often deadlines are looked at. */
#define SWEEP_MS 250

/* Log lines of one kind that peers can cause, in 10 s. */
#define LOG_BURST 20

struct connection {
    struct connection *next;
    struct connection **link; /* what points here */
    struct vd_http_tls *tls;
    struct bufferevent *stream;
    size_t pending;                  /* bytes of a request that is not whole yet */
    int64_t deadline_ms;             /* monotonic; 0: a request is being answered */
    int64_t login_ms;                /* monotonic: when somebody last logged in, or it began */
    struct sockaddr_storage address; /* of no family where it was gone already */
    struct peer_key peer;
    bool has_address; /* both were set */
    bool has_greeted; /* its handshake was counted */
    bool is_open;     /* its handshake is over */
    bool is_cut;      /* shut down: evhttp is about to hear of it */
};

struct vd_http_tls {
    struct vd_tls_server server;
    struct evconnlistener *listener; /* NULL once it is freed */
    struct event *sweep;
    struct event *arrival; /* connections have come whose address is not known yet */
    struct connection *connections;
    unsigned count;
    size_t pending; /* of all connections */
    size_t read_max_bytes;
    int request_deadline_ms;
    struct vd_limiter *handshakes; /* by address */
    atomic_uint address_connects_per_s;
    struct vd_log_limit log_rate;
    struct vd_log_limit log_slow;
    struct vd_log_limit log_full;
    struct vd_log_limit log_crowded;
    struct vd_log_limit log_broken;
};

/* ---- A connection ends with its SSL, whoever frees that ---- */

static int connection_index = -1;
static pthread_once_t connection_index_once = PTHREAD_ONCE_INIT;

static void connection_end(struct connection *connection)
{
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    connection->tls->pending -= connection->pending;
    if (connection->tls->count-- == VD_HTTP_TLS_CONNECTIONS_MAX &&
        connection->tls->listener != NULL) {
        evconnlistener_enable(connection->tls->listener);
    }
    free(connection);
}

/* Empty if it is not known. */
static void address_of(const struct connection *connection, char out[INET6_ADDRSTRLEN])
{
    out[0] = '\0';
    (void)getnameinfo((const struct sockaddr *)&connection->address, sizeof connection->address,
        out, INET6_ADDRSTRLEN, NULL, 0, NI_NUMERICHOST);
}

/* Of what evhttp says nothing: no TLS came in, or no request; it has answered that itself, or the client has gone. */
static void log_broken(const struct connection *connection, const char *event)
{
    char address[INET6_ADDRSTRLEN];
    uint32_t held_back;

    if (vd_log_allowed(&connection->tls->log_broken, vd_clock_monotonic_ms(), &held_back)) {
        address_of(connection, address);
        vd_log(VD_LOG_INFO, event, "address=%s pending_bytes=%zu held_back=%u", address,
            connection->pending, held_back);
    }
}

static void on_ssl_end(
    void *ssl, void *data, CRYPTO_EX_DATA *ex_data, int index, long number, void *pointer)
{
    struct connection *connection = data;

    (void)ssl;
    (void)ex_data;
    (void)index;
    (void)number;
    (void)pointer;
    if (connection == NULL) {
        return;
    }
    if (!connection->is_cut && connection->tls->listener != NULL) {
        if (!connection->is_open) {
            log_broken(connection, "api.tls_failed");
        } else if (connection->pending > 0) {
            log_broken(connection, "api.request_broken");
        }
    }
    connection_end(connection);
}

/* SSL_is_init_finished does not tell: it is false again after an end without a word. */
static void on_ssl_state(const SSL *ssl, int where, int result)
{
    struct connection *connection = SSL_get_ex_data(ssl, connection_index);

    (void)result;
    if (connection != NULL && (where & SSL_CB_HANDSHAKE_DONE) != 0) {
        connection->is_open = true;
    }
}

static void connection_index_make(void)
{
    connection_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_end);
}

/* evhttp hears of the end as if the client had gone: it has no call to close a connection under a request. */
static void connection_cut(
    struct connection *connection, struct vd_log_limit *limit, const char *event)
{
    char address[INET6_ADDRSTRLEN];
    uint32_t held_back;

    if (vd_log_allowed(limit, vd_clock_monotonic_ms(), &held_back)) {
        address_of(connection, address);
        vd_log(VD_LOG_WARN, event, "address=%s pending_bytes=%zu held_back=%u", address,
            connection->pending, held_back);
    }
    connection->is_cut = true;
    shutdown(bufferevent_getfd(connection->stream), SHUT_RDWR);
}

/* ---- Bounds ---- */

static void cut_the_greediest(struct vd_http_tls *tls)
{
    struct connection *greediest = NULL;

    for (struct connection *at = tls->connections; at != NULL; at = at->next) {
        if (!at->is_cut && (greediest == NULL || at->pending > greediest->pending)) {
            greediest = at;
        }
    }
    if (greediest != NULL) {
        connection_cut(greediest, &tls->log_full, "api.requests_too_large");
        /* What it holds is freed in this turn of the loop: it no longer counts, or the next would have to go too. */
        tls->pending -= greediest->pending;
        greediest->pending = 0;
    }
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *change, void *context)
{
    struct connection *connection = context;
    struct vd_http_tls *tls = connection->tls;

    (void)input;
    if (change->n_added == 0 || connection->is_cut) {
        return;
    }
    connection->pending += change->n_added;
    tls->pending += change->n_added;
    if (tls->pending > VD_HTTP_TLS_PENDING_MAX_BYTES) {
        cut_the_greediest(tls);
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *context)
{
    struct vd_http_tls *tls = context;
    int64_t now_ms = vd_clock_monotonic_ms();

    (void)fd;
    (void)what;
    for (struct connection *at = tls->connections; at != NULL; at = at->next) {
        if (!at->is_cut && at->deadline_ms != 0 && now_ms >= at->deadline_ms) {
            connection_cut(at, &tls->log_slow, "api.client_too_slow");
        }
    }
    if (tls->listener != NULL && tls->count < VD_HTTP_TLS_CONNECTIONS_MAX) {
        evconnlistener_enable(tls->listener); /* if it rests after an error */
    }
}

/* Out of descriptors or memory: the waiting connection stays readable, so accepting rests until the next sweep. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct vd_http_tls *tls = context;
    const int error = errno;
    uint32_t held_back;

    evconnlistener_disable(listener);
    if (vd_log_allowed(&tls->log_full, vd_clock_monotonic_ms(), &held_back)) {
        vd_log(VD_LOG_ERROR, "api.accept_failed", "errno=%d held_back=%u", error, held_back);
    }
}

/* Of that peer; those that are cut off are as good as gone. */
static unsigned count_of(const struct vd_http_tls *tls, const struct peer_key *peer)
{
    unsigned count = 0;

    for (const struct connection *at = tls->connections; at != NULL; at = at->next) {
        if (at->has_address && !at->is_cut && at->peer.length == peer->length &&
            memcmp(at->peer.bytes, peer->bytes, peer->length) == 0) {
            count++;
        }
    }
    return count;
}

/* evhttp gives a stream its socket only after it was made; the newest stand in front. Who says nothing counts too. */
static void on_arrival(evutil_socket_t fd, short what, void *context)
{
    struct vd_http_tls *tls = context;

    (void)fd;
    (void)what;
    for (struct connection *at = tls->connections; at != NULL && !at->has_address; at = at->next) {
        socklen_t length = sizeof at->address;

        (void)getpeername(bufferevent_getfd(at->stream), (struct sockaddr *)&at->address, &length);
        at->peer = vd_peer_key_of((const struct sockaddr *)&at->address);
        at->has_address = true;
        if (count_of(tls, &at->peer) > VD_HTTP_TLS_ADDRESS_CONNECTIONS_MAX) {
            connection_cut(at, &tls->log_crowded, "api.address_connections");
        }
    }
}

/* Called when a handshake has begun and nothing dear was done for it: a signature costs more than all else. */
static int on_hello(SSL *ssl, int *alert, void *context)
{
    struct vd_http_tls *tls = context;
    struct connection *connection = SSL_get_ex_data(ssl, connection_index);
    const int64_t now_ms = vd_clock_monotonic_ms();
    const unsigned limit = atomic_load(&tls->address_connects_per_s);
    const struct vd_rate rate = vd_rate_by_second(limit);
    char address[INET6_ADDRSTRLEN];
    uint32_t held_back;

    if (connection == NULL || connection->has_greeted) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    connection->has_greeted = true;
    *alert = SSL_AD_USER_CANCELLED;
    if (connection->is_cut) { /* what came before is still there to be read */
        return SSL_CLIENT_HELLO_ERROR;
    }
    vd_limiter_set_rate(tls->handshakes, &rate);
    if (vd_limiter_take(tls->handshakes, connection->peer.bytes, connection->peer.length, now_ms)) {
        return SSL_CLIENT_HELLO_SUCCESS;
    }
    if (vd_log_allowed(&tls->log_rate, now_ms, &held_back)) {
        address_of(connection, address);
        vd_log(VD_LOG_WARN, "api.connect_rate", "address=%s limit=%u held_back=%u", address, limit,
            held_back);
    }
    return SSL_CLIENT_HELLO_ERROR;
}

/* ---- A connection's life ---- */

static struct connection *connection_of(struct evhttp_request *request)
{
    struct evhttp_connection *http = evhttp_request_get_connection(request);
    struct bufferevent *stream = http != NULL ? evhttp_connection_get_bufferevent(http) : NULL;
    SSL *ssl = stream != NULL ? bufferevent_openssl_get_ssl(stream) : NULL;

    return ssl != NULL ? SSL_get_ex_data(ssl, connection_index) : NULL;
}

static void connection_begins(
    struct vd_http_tls *tls, struct connection *connection, struct bufferevent *stream)
{
    connection->tls = tls;
    connection->stream = stream;
    connection->login_ms = vd_clock_monotonic_ms();
    connection->deadline_ms = connection->login_ms + tls->request_deadline_ms;
    connection->next = tls->connections;
    connection->link = &tls->connections;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    tls->connections = connection;
    if (++tls->count == VD_HTTP_TLS_CONNECTIONS_MAX) {
        evconnlistener_disable(tls->listener);
    }
}

/* NULL (no memory) makes evhttp take the connection without TLS: vd_http_tls_begin tells such a one. */
static struct bufferevent *stream_new(struct event_base *base, void *context)
{
    struct vd_http_tls *tls = context;
    struct connection *connection = calloc(1, sizeof *connection);
    SSL *ssl = vd_tls_server_ssl(&tls->server);
    struct bufferevent *stream = NULL;

    if (connection != NULL && ssl != NULL) {
        stream = bufferevent_openssl_socket_new(
            base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    }
    if (stream == NULL) {
        SSL_free(ssl);
        free(connection);
        return NULL;
    }
    /* Clients that close without a word in TLS are common, and a length says where a request ends. */
    bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
    bufferevent_setwatermark(stream, EV_READ, 0, tls->read_max_bytes);
    connection_begins(tls, connection, stream);
    if (SSL_set_ex_data(ssl, connection_index, connection) != 1) {
        connection_end(connection);
        bufferevent_free(stream);
        return NULL;
    }
    SSL_set_info_callback(ssl, on_ssl_state);
    if (evbuffer_add_cb(bufferevent_get_input(stream), on_input, connection) == NULL) {
        bufferevent_free(stream);
        return NULL;
    }
    event_active(tls->arrival, 0, 0);
    return stream;
}

bool vd_http_tls_begin(struct evhttp_request *request)
{
    struct connection *connection = connection_of(request);

    if (connection == NULL) {
        return false;
    }
    connection->tls->pending -= connection->pending;
    connection->pending = 0;
    connection->deadline_ms = 0;
    return true;
}

void vd_http_tls_login(struct evhttp_request *request)
{
    struct connection *connection = connection_of(request);

    if (connection != NULL) {
        connection->login_ms = vd_clock_monotonic_ms();
    }
}

void vd_http_tls_end(struct evhttp_request *request)
{
    struct connection *connection = connection_of(request);
    const int64_t now_ms = vd_clock_monotonic_ms();

    if (connection == NULL) {
        return;
    }
    connection->deadline_ms = now_ms + connection->tls->request_deadline_ms;
    if (now_ms - connection->login_ms >= connection->tls->request_deadline_ms) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Connection", "close");
    }
}

/* ---- A connection that leaves ---- */

struct departure {
    void (*taken)(void *context, const struct vd_http_tls_taken *what);
    void *context;
    int fd;
    SSL *ssl;
    size_t early_length;
    char early[];
};

/* Called where libevent frees the stream's input, which it does last: only then is its SSL nobody else's. */
static void on_departed(const void *data, size_t length, void *context)
{
    struct departure *departure = context;
    const struct vd_http_tls_taken what = {
        departure->fd, departure->ssl, {departure->early, departure->early_length}};

    (void)data;
    (void)length;
    departure->taken(departure->context, &what);
    free(departure);
}

/* All that can fail: the departure has a descriptor of its own, and waits at the end of the input. NULL: nothing is done. */
static struct departure *departure_new(struct bufferevent *stream, struct connection *connection)
{
    struct evbuffer *input = bufferevent_get_input(stream);
    const size_t length = evbuffer_get_length(input);
    struct departure *made =
        length <= VD_HUB_EARLY_MAX_BYTES ? malloc(sizeof *made + length) : NULL;

    if (made == NULL) {
        return NULL;
    }
    made->early_length = length;
    made->ssl = bufferevent_openssl_get_ssl(stream);
    made->fd = fcntl(bufferevent_getfd(stream), F_DUPFD_CLOEXEC, 0);
    evbuffer_copyout(input, made->early, length);
    evbuffer_remove_cb(input, on_input, connection);
    if (made->fd < 0 || evbuffer_add_reference(input, "", 1, on_departed, made) != 0) {
        evbuffer_add_cb(input, on_input, connection);
        if (made->fd >= 0) {
            close(made->fd);
        }
        free(made);
        return NULL;
    }
    return made;
}

bool vd_http_tls_take(struct evhttp_request *request,
    void (*taken)(void *context, const struct vd_http_tls_taken *what), void *context)
{
    struct connection *connection = connection_of(request);
    struct bufferevent *stream = connection->stream;
    SSL *ssl = bufferevent_openssl_get_ssl(stream);
    const int fd = bufferevent_getfd(stream);
    const int nothing = eventfd(0, EFD_CLOEXEC);
    struct departure *departure = NULL;

    /* TLS that waits to write would have libevent wait on. */
    if (nothing >= 0 && !SSL_want_write(ssl) &&
        evbuffer_get_length(bufferevent_get_output(stream)) == 0) {
        departure = departure_new(stream, connection);
    }
    if (departure == NULL) {
        close(nothing);
        return false;
    }
    departure->taken = taken;
    departure->context = context;
    bufferevent_disable(stream, EV_READ | EV_WRITE);
    SSL_up_ref(ssl);
    SSL_set_ex_data(ssl, connection_index, NULL);
    connection_end(connection);
    SSL_set_bio(ssl, NULL, NULL);
    /* evhttp shuts down what its number for the socket stands for: let that be something else. */
    dup3(nothing, fd, O_CLOEXEC);
    evhttp_connection_free(evhttp_request_get_connection(request));
    close(fd);
    close(nothing);
    return true;
}

/* ---- All of them ---- */

static int events_start(struct vd_http_tls *tls, struct event_base *base)
{
    const struct timeval every = {SWEEP_MS / 1000, SWEEP_MS % 1000 * 1000};

    tls->arrival = event_new(base, -1, 0, on_arrival, tls);
    tls->sweep = event_new(base, -1, EV_PERSIST, on_sweep, tls);
    return tls->arrival != NULL && tls->sweep != NULL && event_add(tls->sweep, &every) == 0
        ? VD_OK
        : VD_E_NOMEM;
}

static int context_start(struct vd_http_tls *tls, const struct vd_http_tls_config *config,
    char *error_text, size_t error_size)
{
    SSL_CTX *context = NULL;
    const int error = vd_tls_context_new(config->certificate_file, config->private_key_file,
        config->wants_certificates, &context, error_text, error_size);

    if (error == VD_OK) {
        (void)vd_http_tls_put(tls, context);
    }
    return error;
}

int vd_http_tls_new(const struct vd_http_tls_config *config, struct event_base *base,
    struct evhttp *server, struct evconnlistener *listener, struct vd_http_tls **out,
    char *error_text, size_t error_size)
{
    struct vd_http_tls *tls = calloc(1, sizeof *tls);
    const struct vd_rate any = {0, 1, 0}; /* until the first client greets */
    const int on = 1;
    int error;

    pthread_once(&connection_index_once, connection_index_make);
    if (tls == NULL || connection_index < 0) {
        free(tls);
        return VD_E_NOMEM;
    }
    tls->listener = listener;
    tls->read_max_bytes = config->read_max_bytes;
    tls->request_deadline_ms = config->request_deadline_ms > 0 ? config->request_deadline_ms
                                                               : VD_HTTP_TLS_REQUEST_DEADLINE_MS;
    tls->log_rate.burst = LOG_BURST;
    tls->log_slow.burst = LOG_BURST;
    tls->log_full.burst = LOG_BURST;
    tls->log_crowded.burst = LOG_BURST;
    tls->log_broken.burst = LOG_BURST;
    vd_tls_server_init(&tls->server);
    vd_http_tls_set_connects(tls, config->address_connects_per_s);
    tls->handshakes = vd_limiter_new(VD_HUB_LIMITER_PLACES, &any);
    error =
        tls->handshakes != NULL ? context_start(tls, config, error_text, error_size) : VD_E_NOMEM;
    if (error == VD_OK) {
        error = events_start(tls, base);
    }
    if (error != VD_OK) {
        vd_http_tls_free(tls);
        return error;
    }
    /* Connections inherit it. An answer goes out in several records, of which the second must not wait for the client's
     * acknowledgement of the first: 40 ms a request. */
    if (setsockopt(evconnlistener_get_fd(listener), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) !=
        0) {
        vd_log(VD_LOG_WARN, "api.no_delay_failed", "errno=%d", errno);
    }
    evhttp_set_bevcb(server, stream_new, tls);
    evconnlistener_set_error_cb(listener, on_accept_error);
    *out = tls;
    return VD_OK;
}

bool vd_http_tls_put(struct vd_http_tls *tls, SSL_CTX *context)
{
    SSL_CTX_set_client_hello_cb(context, on_hello, tls);
    return vd_tls_server_put(&tls->server, context);
}

void vd_http_tls_set_connects(struct vd_http_tls *tls, uint32_t address_connects_per_s)
{
    atomic_store(&tls->address_connects_per_s, address_connects_per_s);
}

static void events_end(struct vd_http_tls *tls)
{
    if (tls->arrival != NULL) {
        event_free(tls->arrival);
        tls->arrival = NULL;
    }
    if (tls->sweep != NULL) {
        event_free(tls->sweep);
        tls->sweep = NULL;
    }
}

void vd_http_tls_listener_gone(struct vd_http_tls *tls)
{
    if (tls != NULL) {
        tls->listener = NULL;
        events_end(tls);
    }
}

void vd_http_tls_free(struct vd_http_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    events_end(tls);
    vd_tls_server_release(&tls->server);
    vd_limiter_free(tls->handshakes);
    free(tls);
}
