/* SPDX-License-Identifier: MIT */
/* The receiver's thread. */

#include "tests/center/syslog_receiver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/listen.h"

#define WAIT_S      20
#define MESSAGE_MAX (1 << 20)

struct receiver {
    struct receiver_plan plan;
    SSL_CTX *context; /* NULL: plain */
    int listen_fd;
    int stop_fd;
    uint16_t port;
    pthread_t thread;
    bool is_running;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t changed;
    size_t connections;
    size_t count;
    struct syslog_message messages[RECEIVER_MAX];
    const char *fault;
};

struct peer {
    int fd;
    SSL *ssl;
};

static void set_fault(struct receiver *r, const char *fault)
{
    pthread_mutex_lock(&r->mutex);
    r->fault = fault;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

/* False: it was stopped first. */
static bool wait_readable(struct receiver *r, int fd)
{
    struct pollfd fds[2] = {{.fd = r->stop_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    while (poll(fds, 2, -1) < 0) {
    }
    return fds[0].revents == 0;
}

/* One octet; -1: the end. */
static int read_octet(struct receiver *r, struct peer *peer)
{
    unsigned char octet;
    ssize_t n;

    if ((peer->ssl == NULL || SSL_pending(peer->ssl) == 0) && !wait_readable(r, peer->fd)) {
        return -1;
    }
    n = peer->ssl != NULL ? SSL_read(peer->ssl, &octet, 1) : recv(peer->fd, &octet, 1, 0);
    return n == 1 ? octet : -1;
}

/* MSG-LEN = NONZERO-DIGIT *DIGIT; -1: the end. */
static long read_length(struct receiver *r, struct peer *peer)
{
    long length = 0;
    int octet = read_octet(r, peer);

    if (octet < 0) {
        return -1;
    }
    if (octet < '1' || octet > '9') {
        set_fault(r, "a frame begins with no length");
        return -1;
    }
    while (octet >= '0' && octet <= '9' && length < MESSAGE_MAX) {
        length = length * 10 + (octet - '0');
        octet = read_octet(r, peer);
    }
    if (octet != ' ') {
        set_fault(r, octet < 0 ? "a frame ends in its length" : "no blank behind the length");
        return -1;
    }
    return length;
}

static void keep(struct receiver *r, struct vd_str octets)
{
    struct syslog_message message;
    const bool is_read = syslog_read(octets, &message);

    pthread_mutex_lock(&r->mutex);
    if (!is_read) {
        r->fault = "no message of RFC 5424";
    } else if (r->count == RECEIVER_MAX) {
        r->fault = "more messages than there is room for";
        free(message.text);
    } else {
        r->messages[r->count++] = message;
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
}

/* False: the connection has ended. A part of a message is dropped, as by any receiver. */
static bool read_message(struct receiver *r, struct peer *peer)
{
    const long length = read_length(r, peer);
    char *octets = length > 0 ? malloc((size_t)length) : NULL;
    long got = 0;

    while (octets != NULL && got < length) {
        const int octet = read_octet(r, peer);

        if (octet < 0) {
            break;
        }
        octets[got++] = (char)octet;
    }
    if (length > 0 && got == length) {
        keep(r, (struct vd_str){octets, (size_t)length});
    }
    free(octets);
    return length > 0 && got == length;
}

static void reset(const struct peer *peer)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool shake_hands(struct receiver *r, struct peer *peer)
{
    bool is_open = r->context == NULL;

    if (r->context != NULL) {
        const struct timeval patience = {.tv_sec = WAIT_S};

        (void)setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        peer->ssl = SSL_new(r->context);
        is_open =
            peer->ssl != NULL && SSL_set_fd(peer->ssl, peer->fd) == 1 && SSL_accept(peer->ssl) == 1;
    }
    pthread_mutex_lock(&r->mutex);
    r->connections += is_open ? 1 : 0;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->mutex);
    return is_open;
}

static void serve(struct receiver *r, int fd)
{
    struct peer peer = {fd, NULL};
    bool is_open = shake_hands(r, &peer);
    unsigned read = 0;

    while (is_open && (r->plan.end <= RECEIVER_DIES || read < r->plan.after)) {
        is_open = read_message(r, &peer);
        read += is_open ? 1 : 0;
    }
    if (is_open && r->plan.end == RECEIVER_IS_STUCK) {
        (void)wait_readable(r, -1);
        reset(&peer);
    } else if (is_open && r->plan.end == RECEIVER_RESETS) {
        reset(&peer);
    } else if (peer.ssl != NULL && r->plan.end != RECEIVER_DIES) {
        SSL_shutdown(peer.ssl);
    }
    SSL_free(peer.ssl);
    close(fd);
}

static void *receiver_main(void *argument)
{
    struct receiver *r = argument;

    while (wait_readable(r, r->listen_fd)) {
        const int fd = accept4(r->listen_fd, NULL, NULL, SOCK_CLOEXEC);

        if (fd >= 0) {
            serve(r, fd);
        }
    }
    return NULL;
}

static SSL_CTX *context_new(const struct receiver_plan *plan)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    assert_non_null(context);
    assert_int_equal(
        SSL_CTX_use_certificate_file(context, plan->certificate_file, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(context, plan->key_file, SSL_FILETYPE_PEM), 1);
    if (plan->client_ca_file != NULL) {
        assert_int_equal(SSL_CTX_load_verify_locations(context, plan->client_ca_file, NULL), 1);
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

struct receiver *receiver_start(const struct receiver_plan *plan, uint16_t port)
{
    struct receiver *r = calloc(1, sizeof *r);
    char problem[128];

    assert_non_null(r);
    r->plan = *plan;
    r->context = plan->certificate_file != NULL ? context_new(plan) : NULL;
    assert_int_equal(
        vd_listen_bind("127.0.0.1", port, &r->listen_fd, &r->port, problem, sizeof problem), VD_OK);
    assert_int_equal(listen(r->listen_fd, 8), 0);
    r->stop_fd = eventfd(0, EFD_CLOEXEC);
    assert_true(r->stop_fd >= 0);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_cond_init(&r->changed, NULL);
    assert_int_equal(pthread_create(&r->thread, NULL, receiver_main, r), 0);
    r->is_running = true;
    return r;
}

uint16_t receiver_port(const struct receiver *receiver)
{
    return receiver->port;
}

static void await(struct receiver *r, const size_t *value, size_t count)
{
    struct timespec until;
    const char *fault;
    bool has_come;
    int code = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    pthread_mutex_lock(&r->mutex);
    while (code == 0 && *value < count && r->fault == NULL) {
        code = pthread_cond_timedwait(&r->changed, &r->mutex, &until);
    }
    fault = r->fault;
    has_come = *value >= count;
    pthread_mutex_unlock(&r->mutex);
    if (fault != NULL) {
        fail_msg("%s", fault);
    }
    assert_true(has_come);
}

void receiver_await_messages(struct receiver *receiver, size_t count)
{
    await(receiver, &receiver->count, count);
}

void receiver_await_connections(struct receiver *receiver, size_t count)
{
    await(receiver, &receiver->connections, count);
}

static size_t read_value(struct receiver *r, const size_t *value)
{
    size_t now;

    pthread_mutex_lock(&r->mutex);
    now = *value;
    pthread_mutex_unlock(&r->mutex);
    return now;
}

size_t receiver_message_count(struct receiver *receiver)
{
    return read_value(receiver, &receiver->count);
}

size_t receiver_connection_count(struct receiver *receiver)
{
    return read_value(receiver, &receiver->connections);
}

const struct syslog_message *receiver_message(struct receiver *receiver, size_t i)
{
    assert_true(i < receiver_message_count(receiver));
    return &receiver->messages[i];
}

void receiver_stop(struct receiver *receiver)
{
    const uint64_t one = 1;

    if (receiver->is_running) {
        assert_int_equal(write(receiver->stop_fd, &one, sizeof one), sizeof one);
        pthread_join(receiver->thread, NULL);
        receiver->is_running = false;
        close(receiver->listen_fd);
        close(receiver->stop_fd);
    }
}

void receiver_free(struct receiver *receiver)
{
    if (receiver == NULL) {
        return;
    }
    receiver_stop(receiver);
    for (size_t i = 0; i < receiver->count; i++) {
        free(receiver->messages[i].text);
    }
    SSL_CTX_free(receiver->context);
    pthread_mutex_destroy(&receiver->mutex);
    pthread_cond_destroy(&receiver->changed);
    free(receiver);
}
