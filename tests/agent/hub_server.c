/* SPDX-License-Identifier: MIT */
/* One thread that serves one connection at a time, with blocking TLS made stoppable by poll. */

#include "tests/agent/hub_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKET_MAX_BYTES (300u << 10)

struct hub_server {
    SSL_CTX *context;
    int listener;
    int stop; /* eventfd */
    int drop; /* eventfd */
    int push; /* eventfd: `desired` is to be sent */
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below */
    pthread_cond_t pushed; /* `pushing` has become false */
    enum hub_server_mode mode;
    uint8_t refuse_code;
    unsigned accepted;
    unsigned connection_count;
    unsigned message_count;
    struct hub_server_connection connections[HUB_SERVER_CONNECTIONS_MAX];
    struct hub_server_message messages[HUB_SERVER_MESSAGES_MAX];
    bool has_twin;
    bool pushing;
    uint8_t push_qos;
    unsigned twin_status;
    unsigned reads, reports, acknowledged;
    char report[HUB_SERVER_TEXT_BYTES];
    char desired[HUB_SERVER_TWIN_BYTES];
    char twin[HUB_SERVER_TWIN_BYTES];
};

/* A connection being served. */
struct peer {
    struct hub_server *server;
    SSL *ssl;
    int fd;
    unsigned index; /* in connections */
    bool subscribed;
};

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "hub_server: %s\n", what);
        abort();
    }
}

static enum hub_server_mode mode_of(struct hub_server *s, uint8_t *code)
{
    enum hub_server_mode mode;

    pthread_mutex_lock(&s->mutex);
    mode = s->mode;
    *code = s->refuse_code;
    pthread_mutex_unlock(&s->mutex);
    return mode;
}

static void answer(struct peer *p, const uint8_t *data, size_t length)
{
    (void)SSL_write(p->ssl, data, (int)length);
}

/* A PUBLISH of the hub's. */
static void publish(struct peer *p, const char *topic, const char *payload, uint8_t qos)
{
    static uint8_t out[HUB_SERVER_TWIN_BYTES + HUB_SERVER_TEXT_BYTES];
    size_t topic_length = strlen(topic), length = strlen(payload), n = 0;
    size_t remaining = 2 + topic_length + (qos > 0 ? 2 : 0) + length;

    out[n++] = (uint8_t)(0x30 | qos << 1);
    do {
        out[n++] = (uint8_t)((remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0));
        remaining >>= 7;
    } while (remaining > 0);
    out[n++] = (uint8_t)(topic_length >> 8);
    out[n++] = (uint8_t)topic_length;
    memcpy(out + n, topic, topic_length);
    n += topic_length;
    if (qos > 0) {
        out[n++] = 0x12;
        out[n++] = 0x34;
    }
    memcpy(out + n, payload, length);
    answer(p, out, n + length);
}

/* Sends the change that a test wants sent. */
static void push(struct peer *p)
{
    struct hub_server *s = p->server;
    uint64_t count;

    must(read(s->push, &count, sizeof count) == (ssize_t)sizeof count, "eventfd");
    pthread_mutex_lock(&s->mutex);
    publish(p, "$iothub/twin/PATCH/properties/desired/?$version=9", s->desired, s->push_qos);
    s->pushing = false;
    pthread_cond_signal(&s->pushed);
    pthread_mutex_unlock(&s->mutex);
}

/* Waits until the peer can be read; false: the server stops, or the connection is to be dropped. */
static bool readable(struct peer *p)
{
    struct hub_server *s = p->server;
    struct pollfd fds[] = {{.fd = s->stop, .events = POLLIN}, {.fd = s->drop, .events = POLLIN},
        {.fd = p->fd, .events = POLLIN}, {.fd = s->push, .events = POLLIN}};
    uint64_t count;

    do {
        must(poll(fds, p->ssl != NULL ? 4 : 3, -1) > 0, "poll");
        if (fds[3].revents != 0) {
            push(p);
        }
    } while (fds[0].revents == 0 && fds[1].revents == 0 && fds[2].revents == 0);
    if (fds[1].revents != 0) {
        must(read(s->drop, &count, sizeof count) == (ssize_t)sizeof count, "eventfd");
        return false;
    }
    return fds[0].revents == 0;
}

static bool read_exactly(struct peer *p, uint8_t *out, size_t length)
{
    while (length > 0) {
        int n;

        if (SSL_pending(p->ssl) == 0 && !readable(p)) {
            return false;
        }
        n = SSL_read(p->ssl, out, (int)length);
        if (n > 0) {
            out += n;
            length -= (size_t)n;
        } else if (SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ) {
            return false;
        }
    }
    return true;
}

/* One packet: its first byte and its body. */
static bool read_packet(struct peer *p, uint8_t *type, uint8_t *body, uint32_t *length)
{
    uint8_t byte = 0x80;

    *length = 0;
    if (!read_exactly(p, type, 1)) {
        return false;
    }
    for (unsigned shift = 0; (byte & 0x80) != 0; shift += 7) {
        if (!read_exactly(p, &byte, 1)) {
            return false;
        }
        must(shift <= 21, "a length of more than four bytes");
        *length |= (uint32_t)(byte & 0x7f) << shift;
    }
    must(*length <= PACKET_MAX_BYTES, "a packet that is too long");
    return read_exactly(p, body, *length);
}

/* A string with its length before it; returns what follows. */
static const uint8_t *take_text(const uint8_t *at, const uint8_t *end, char *out)
{
    size_t length;

    must(end - at >= 2, "a string is cut");
    length = (size_t)(at[0] << 8 | at[1]);
    must((size_t)(end - at) >= 2 + length && length < HUB_SERVER_TEXT_BYTES, "a string is cut");
    memcpy(out, at + 2, length);
    out[length] = '\0';
    return at + 2 + length;
}

static void on_connect(struct peer *p, const uint8_t *body, uint32_t length)
{
    static const uint8_t head[] = {0, 4, 'M', 'Q', 'T', 'T', 4};
    struct hub_server *s = p->server;
    struct hub_server_connection c = {.flags = 0};
    const char *name = SSL_get_servername(p->ssl, TLSEXT_NAMETYPE_host_name);
    const uint8_t *at = body + 10, *end = body + length;

    must(length > 10 && memcmp(body, head, sizeof head) == 0, "not a CONNECT of MQTT 3.1.1");
    c.flags = body[7];
    c.keep_alive_s = (uint16_t)(body[8] << 8 | body[9]);
    at = take_text(at, end, c.client_id);
    at = take_text(at, end, c.user_name);
    at = take_text(at, end, c.password);
    must(at == end, "a CONNECT with more than its strings");
    snprintf(c.server_name, sizeof c.server_name, "%s", name != NULL ? name : "");
    pthread_mutex_lock(&s->mutex);
    must(s->connection_count < HUB_SERVER_CONNECTIONS_MAX, "too many connections");
    p->index = s->connection_count++;
    s->connections[p->index] = c;
    pthread_mutex_unlock(&s->mutex);
}

static struct hub_server_message *on_publish(
    struct peer *p, uint8_t type, const uint8_t *body, uint32_t length)
{
    struct hub_server *s = p->server;
    struct hub_server_message *m;
    const uint8_t *at, *end = body + length;

    must(type == 0x32, "a PUBLISH that is not QoS 1, new and unretained");
    pthread_mutex_lock(&s->mutex);
    must(s->message_count < HUB_SERVER_MESSAGES_MAX, "too many messages");
    m = &s->messages[s->message_count];
    at = take_text(body, end, m->topic);
    must(end - at >= 2, "a PUBLISH without an id");
    m->packet_id = (uint16_t)(at[0] << 8 | at[1]);
    must(m->packet_id != 0, "a PUBLISH with id 0");
    m->length = (uint32_t)(end - at - 2);
    m->payload = malloc(m->length > 0 ? m->length : 1);
    if (m->payload == NULL) {
        abort();
    }
    memcpy(m->payload, at + 2, m->length);
    m->connection = p->index;
    s->message_count++;
    pthread_mutex_unlock(&s->mutex);
    return m;
}

/* Answers a PUBLISH as the mode says; false: close. */
static bool acknowledge(struct peer *p, struct hub_server_message *m)
{
    static const uint8_t garbage[] = {0xff, 0xff, 0xff, 0xff};
    uint8_t puback[] = {0x40, 2, (uint8_t)(m->packet_id >> 8), (uint8_t)m->packet_id};
    uint8_t code;

    switch (mode_of(p->server, &code)) {
    case HUB_SERVER_SILENT_PUBACK:
        return true;
    case HUB_SERVER_DROP_PUBLISH:
        return false;
    case HUB_SERVER_GARBAGE:
        answer(p, garbage, sizeof garbage);
        return true;
    case HUB_SERVER_WRONG_ID:
        puback[3] ^= 1;
        answer(p, puback, sizeof puback);
        return true;
    default:
        pthread_mutex_lock(&p->server->mutex);
        m->acknowledged = true;
        pthread_mutex_unlock(&p->server->mutex);
        answer(p, puback, sizeof puback);
        return true;
    }
}

/* Answers a SUBSCRIBE, which can only be for the twin's filters; false: close. */
static bool on_subscribe(struct peer *p, uint8_t type, const uint8_t *body, uint32_t length)
{
    static const char *const filters[] = {
        "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#"};
    uint8_t suback[] = {0x90, 4, 0, 0, 0x80, 0x80};
    const uint8_t *at = body + 2, *end = body + length;
    uint8_t code;

    must(type == 0x82 && length > 2, "a SUBSCRIBE of the wrong form");
    for (size_t i = 0; i < 2; i++) {
        char filter[HUB_SERVER_TEXT_BYTES];

        at = take_text(at, end, filter);
        must(at < end && *at == 0, "a filter that is not wanted at QoS 0");
        must(strcmp(filter, filters[i]) == 0, "another filter");
        at++;
    }
    must(at == end, "more filters");
    if (mode_of(p->server, &code) == HUB_SERVER_DROP_SUBSCRIBE) {
        return false;
    }
    memcpy(suback + 2, body, 2);
    pthread_mutex_lock(&p->server->mutex);
    if (p->server->has_twin) {
        suback[4] = suback[5] = 0;
        p->subscribed = true;
    }
    pthread_mutex_unlock(&p->server->mutex);
    answer(p, suback, sizeof suback);
    return true;
}

/* A PUBLISH of QoS 0: the device reads its twin or reports. */
static void on_twin(struct peer *p, const uint8_t *body, uint32_t length)
{
    static const char read_topic[] = "$iothub/twin/GET/?$rid=";
    static const char report_topic[] = "$iothub/twin/PATCH/properties/reported/?$rid=";
    struct hub_server *s = p->server;
    char topic[HUB_SERVER_TEXT_BYTES], reply[HUB_SERVER_TEXT_BYTES + 64];
    const uint8_t *at = take_text(body, body + length, topic);
    size_t rest = (size_t)(body + length - at);
    bool reads = strncmp(topic, read_topic, sizeof read_topic - 1) == 0;
    uint8_t code;
    bool silent = mode_of(s, &code) == HUB_SERVER_SILENT_TWIN;

    must(p->subscribed, "a question about the twin, whose filters were not granted");
    pthread_mutex_lock(&s->mutex);
    if (reads) {
        must(rest == 1 && *at == ' ', "a read of the twin that is not one blank");
        s->reads++;
        snprintf(reply, sizeof reply, "$iothub/twin/res/%u/?$rid=%s", s->twin_status,
            topic + sizeof read_topic - 1);
    } else {
        must(strncmp(topic, report_topic, sizeof report_topic - 1) == 0, "another topic");
        must(rest < sizeof s->report, "a report that is too long");
        memcpy(s->report, at, rest);
        s->report[rest] = '\0';
        s->reports++;
        snprintf(reply, sizeof reply, "$iothub/twin/res/204/?$rid=%s&$version=%u",
            topic + sizeof report_topic - 1, s->reports);
    }
    if (!silent) {
        publish(p, reply, reads ? s->twin : "", 0);
    }
    pthread_mutex_unlock(&s->mutex);
}

static void on_acknowledge(struct peer *p, const uint8_t *body, uint32_t length)
{
    must(length == 2 && body[0] == 0x12 && body[1] == 0x34, "a PUBACK of another message");
    pthread_mutex_lock(&p->server->mutex);
    p->server->acknowledged++;
    pthread_mutex_unlock(&p->server->mutex);
}

static void on_ping(struct peer *p)
{
    static const uint8_t pong[] = {0xd0, 0};
    uint8_t code;

    pthread_mutex_lock(&p->server->mutex);
    p->server->connections[p->index].pings++;
    pthread_mutex_unlock(&p->server->mutex);
    if (mode_of(p->server, &code) != HUB_SERVER_SILENT_PING) {
        answer(p, pong, sizeof pong);
    }
}

static void on_disconnect(struct peer *p)
{
    pthread_mutex_lock(&p->server->mutex);
    p->server->connections[p->index].disconnected = true;
    pthread_mutex_unlock(&p->server->mutex);
}

/* Takes packets until the device, the mode or the test ends the connection. */
static void converse(struct peer *p, uint8_t *body)
{
    uint8_t type;
    uint32_t length;

    while (read_packet(p, &type, body, &length)) {
        switch (type & 0xf0) {
        case 0x30:
            if (type == 0x30) {
                on_twin(p, body, length);
            } else if (!acknowledge(p, on_publish(p, type, body, length))) {
                return;
            }
            break;
        case 0x40:
            on_acknowledge(p, body, length);
            break;
        case 0x80:
            if (!on_subscribe(p, type, body, length)) {
                return;
            }
            break;
        case 0xc0:
            on_ping(p);
            break;
        case 0xe0:
            on_disconnect(p);
            return;
        default:
            must(0, "a packet that a device module does not send");
        }
    }
}

static void greet(struct peer *p, uint8_t *body)
{
    uint8_t connack[] = {0x20, 2, 0, 0};
    uint8_t type, code;
    uint32_t length;
    enum hub_server_mode mode;

    if (!read_packet(p, &type, body, &length)) {
        return;
    }
    must(type == 0x10, "the first packet is not CONNECT");
    on_connect(p, body, length);
    mode = mode_of(p->server, &code);
    if (mode == HUB_SERVER_SILENT_CONNACK) {
        (void)read_packet(p, &type, body, &length);
        return;
    }
    connack[3] = mode == HUB_SERVER_REFUSE ? code : 0;
    answer(p, connack, sizeof connack);
    if (connack[3] == 0) {
        converse(p, body);
    }
}

static void serve_peer(struct hub_server *s, int fd)
{
    struct peer p = {.server = s, .fd = fd};
    struct timeval limit = {.tv_sec = 10};
    uint8_t *body = malloc(PACKET_MAX_BYTES);
    uint8_t code;

    must(body != NULL, "memory");
    if (mode_of(s, &code) == HUB_SERVER_SILENT_TLS) {
        uint8_t some[256];

        while (readable(&p) && recv(fd, some, sizeof some, 0) > 0) {
        }
        goto out;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    p.ssl = SSL_new(s->context);
    must(p.ssl != NULL && SSL_set_fd(p.ssl, fd) == 1, "SSL_new");
    if (SSL_accept(p.ssl) == 1) {
        greet(&p, body);
    }
    SSL_free(p.ssl);
out:
    free(body);
    close(fd);
}

static void *serve(void *context)
{
    struct hub_server *s = context;
    uint64_t count;

    for (;;) {
        struct pollfd fds[] = {
            {.fd = s->stop, .events = POLLIN}, {.fd = s->listener, .events = POLLIN}};
        int fd;

        must(poll(fds, 2, -1) > 0, "poll");
        if (fds[0].revents != 0) {
            return NULL;
        }
        fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        /* A wish to drop that came when nobody was connected is not meant for this one. */
        (void)!read(s->drop, &count, sizeof count);
        pthread_mutex_lock(&s->mutex);
        s->accepted++;
        pthread_mutex_unlock(&s->mutex);
        serve_peer(s, fd);
    }
}

struct hub_server *hub_server_start(SSL_CTX *context, const char *address)
{
    struct hub_server *s = calloc(1, sizeof *s);
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t size = sizeof a;

    must(s != NULL && inet_pton(AF_INET, address, &a.sin_addr) == 1, address);
    signal(SIGPIPE, SIG_IGN);
    s->context = context;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    s->stop = eventfd(0, EFD_CLOEXEC);
    s->drop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->push = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->pushed, NULL);
    must(s->listener >= 0 && bind(s->listener, (struct sockaddr *)&a, sizeof a) == 0 &&
            listen(s->listener, 8) == 0 &&
            getsockname(s->listener, (struct sockaddr *)&a, &size) == 0,
        "listen");
    s->port = ntohs(a.sin_port);
    must(pthread_create(&s->thread, NULL, serve, s) == 0, "pthread_create");
    return s;
}

static void signal_fd(int fd)
{
    uint64_t one = 1;

    must(write(fd, &one, sizeof one) == (ssize_t)sizeof one, "eventfd");
}

void hub_server_stop(struct hub_server *s)
{
    signal_fd(s->stop);
    pthread_join(s->thread, NULL);
    for (unsigned i = 0; i < s->message_count; i++) {
        free(s->messages[i].payload);
    }
    close(s->listener);
    close(s->stop);
    close(s->drop);
    close(s->push);
    pthread_cond_destroy(&s->pushed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

uint16_t hub_server_port(const struct hub_server *s)
{
    return s->port;
}

void hub_server_set(struct hub_server *s, enum hub_server_mode mode, uint8_t refuse_code)
{
    pthread_mutex_lock(&s->mutex);
    s->mode = mode;
    s->refuse_code = refuse_code;
    pthread_mutex_unlock(&s->mutex);
}

void hub_server_drop(struct hub_server *s)
{
    signal_fd(s->drop);
}

static unsigned locked(struct hub_server *s, const unsigned *value)
{
    unsigned copy;

    pthread_mutex_lock(&s->mutex);
    copy = *value;
    pthread_mutex_unlock(&s->mutex);
    return copy;
}

void hub_server_twin(struct hub_server *s, unsigned status, const char *body)
{
    pthread_mutex_lock(&s->mutex);
    s->has_twin = body != NULL;
    s->twin_status = status;
    must(body == NULL || strlen(body) < sizeof s->twin, "a twin that is too long");
    snprintf(s->twin, sizeof s->twin, "%s", body != NULL ? body : "");
    pthread_mutex_unlock(&s->mutex);
}

void hub_server_desired(struct hub_server *s, const char *body, uint8_t qos)
{
    pthread_mutex_lock(&s->mutex);
    snprintf(s->desired, sizeof s->desired, "%s", body);
    s->push_qos = qos;
    s->pushing = true;
    signal_fd(s->push);
    while (s->pushing) {
        pthread_cond_wait(&s->pushed, &s->mutex);
    }
    pthread_mutex_unlock(&s->mutex);
}

unsigned hub_server_reads(struct hub_server *s)
{
    return locked(s, &s->reads);
}

unsigned hub_server_reports(struct hub_server *s)
{
    return locked(s, &s->reports);
}

unsigned hub_server_acknowledged(struct hub_server *s)
{
    return locked(s, &s->acknowledged);
}

void hub_server_report(struct hub_server *s, char out[HUB_SERVER_TEXT_BYTES])
{
    pthread_mutex_lock(&s->mutex);
    memcpy(out, s->report, sizeof s->report);
    pthread_mutex_unlock(&s->mutex);
}

unsigned hub_server_accepted(struct hub_server *s)
{
    return locked(s, &s->accepted);
}

unsigned hub_server_connections(struct hub_server *s)
{
    return locked(s, &s->connection_count);
}

unsigned hub_server_messages(struct hub_server *s)
{
    return locked(s, &s->message_count);
}

struct hub_server_connection hub_server_connection(struct hub_server *s, unsigned index)
{
    struct hub_server_connection copy;

    pthread_mutex_lock(&s->mutex);
    must(index < s->connection_count, "no such connection");
    copy = s->connections[index];
    pthread_mutex_unlock(&s->mutex);
    return copy;
}

struct hub_server_message hub_server_message(struct hub_server *s, unsigned index)
{
    struct hub_server_message copy;

    pthread_mutex_lock(&s->mutex);
    must(index < s->message_count, "no such message");
    copy = s->messages[index];
    pthread_mutex_unlock(&s->mutex);
    return copy;
}
