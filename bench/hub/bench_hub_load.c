/* SPDX-License-Identifier: MIT */
/* Load for an MQTT server over TLS: N connections with QoS 1 messages in a window each, or N idle connections. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/mqtt.h"
#include "hub/sas.h"
#include "lib/clock.h"

#define READ_BYTES 65536
#define EVENTS     256
/* What one machine's ephemeral ports allow. */
#define CLIENTS_MAX 28000

struct options {
    uint16_t port;
    unsigned connections;
    unsigned window;
    unsigned body_bytes;
    unsigned seconds;
    bool is_hub; /* device ids, user names and tokens; else anonymous */
    bool idle;
};

/* Every message is a TLS record of its own, as devices send them; what is written in one turn is sent at once. */
struct client {
    SSL *ssl;
    BIO *from_peer; /* owned by ssl, as is to_peer */
    BIO *to_peer;
    struct vd_buf connect;
    struct vd_buf publish;
    size_t id_at; /* where the packet id stands in `publish` */
    size_t ack_length;
    uint8_t ack[4];
    unsigned in_flight;
    uint16_t next_id;
    bool connected;
    bool wants_write;
    int fd;
};

static struct options options = {.connections = 50, .window = 64, .body_bytes = 500, .seconds = 5};
static struct client clients[CLIENTS_MAX];
static uint64_t acknowledged;
static unsigned connected;

static void die(const char *what)
{
    fprintf(stderr, "bench_hub_load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

static void put_u16(struct vd_buf *out, size_t value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};

    vd_buf_append(out, bytes, 2);
}

static void put_text(struct vd_buf *out, const char *text)
{
    put_u16(out, strlen(text));
    vd_buf_append_text(out, text);
}

static void put_header(struct vd_buf *out, uint8_t first, size_t remaining)
{
    vd_buf_append(out, &first, 1);
    do {
        uint8_t byte = (uint8_t)((remaining & 0x7f) | (remaining > 0x7f ? 0x80 : 0));

        vd_buf_append(out, &byte, 1);
        remaining >>= 7;
    } while (remaining > 0);
}

static void make_connect(struct client *client, unsigned number)
{
    struct vd_key key = {.length = 32};
    struct vd_buf body = {0};
    char id[64];
    char text[512];
    uint8_t flags = options.is_hub ? 0xc2 : 0x02;

    memset(key.bytes, 'k', 32);
    snprintf(id, sizeof id, "bench%u", number);
    put_text(&body, "MQTT");
    vd_buf_append(&body, "\x04", 1);
    vd_buf_append(&body, &flags, 1);
    put_u16(&body, 600);
    put_text(&body, id);
    if (options.is_hub) {
        snprintf(text, sizeof text, "localhost/%s/?api-version=2021-04-12", id);
        put_text(&body, text);
        snprintf(text, sizeof text, "localhost/devices/%s", id);
        if (vd_sas_make(text, &key, vd_clock_utc_ms() / 1000 + 3600, NULL, text, sizeof text) !=
            VD_OK) {
            die("token");
        }
        put_text(&body, text);
    }
    put_header(&client->connect, VD_MQTT_CONNECT << 4, body.length);
    vd_buf_append(&client->connect, body.data, body.length);
    vd_buf_release(&body);
}

static void make_publish(struct client *client, unsigned number)
{
    char topic[128];

    if (options.is_hub) {
        snprintf(topic, sizeof topic, "devices/bench%u/messages/events/%%24.ct=text", number);
    } else {
        snprintf(topic, sizeof topic, "devices/bench%u/messages/events/ct=text", number);
    }
    put_header(
        &client->publish, (VD_MQTT_PUBLISH << 4) | 2, 2 + strlen(topic) + 2 + options.body_bytes);
    put_text(&client->publish, topic);
    client->id_at = client->publish.length;
    put_u16(&client->publish, 0);
    for (unsigned i = 0; i < options.body_bytes; i++) {
        vd_buf_append(&client->publish, "x", 1);
    }
}

static void watch(int epoll, struct client *client, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    if (epoll_ctl(epoll, operation, client->fd, &event) != 0) {
        die("epoll_ctl");
    }
}

/* Sends what TLS has put out. */
static void flush(int epoll, struct client *client)
{
    char *data = NULL;
    long length = BIO_get_mem_data(client->to_peer, &data);
    ssize_t n = 0;
    char drop[READ_BYTES];
    bool wants_write;

    if (length > 0) {
        n = send(client->fd, data, (size_t)length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            die("send");
        }
    }
    for (ssize_t left = n; left > 0;) {
        int taken = BIO_read(client->to_peer, drop, left < READ_BYTES ? (int)left : READ_BYTES);

        left -= taken;
    }
    wants_write = n < length;
    if (wants_write != client->wants_write) {
        client->wants_write = wants_write;
        watch(epoll, client, EPOLLIN | (wants_write ? (uint32_t)EPOLLOUT : 0u), EPOLL_CTL_MOD);
    }
}

static void write_tls(struct client *client, const struct vd_buf *data)
{
    if (SSL_write(client->ssl, data->data, (int)data->length) != (int)data->length) {
        die("SSL_write");
    }
}

static void fill_window(struct client *client)
{
    while (!options.idle && client->in_flight < options.window && !client->wants_write) {
        client->next_id = client->next_id == 0xffff ? 1 : (uint16_t)(client->next_id + 1);
        client->publish.data[client->id_at] = (uint8_t)(client->next_id >> 8);
        client->publish.data[client->id_at + 1] = (uint8_t)client->next_id;
        write_tls(client, &client->publish);
        client->in_flight++;
    }
}

static void on_ack(struct client *client)
{
    if (client->ack[0] == VD_MQTT_CONNACK << 4) {
        if (client->ack[3] != 0) {
            fprintf(stderr, "bench_hub_load: CONNACK %u\n", client->ack[3]);
            exit(1);
        }
        client->connected = true;
        connected++;
    } else if (client->ack[0] == VD_MQTT_PUBACK << 4) {
        client->in_flight--;
        acknowledged++;
    } else {
        fprintf(stderr, "bench_hub_load: unexpected packet %02x\n", client->ack[0]);
        exit(1);
    }
}

static void read_acks(struct client *client)
{
    static uint8_t plain[SSL3_RT_MAX_PLAIN_LENGTH];
    int n;

    while ((n = SSL_read(client->ssl, plain, sizeof plain)) > 0) {
        for (int i = 0; i < n; i++) {
            client->ack[client->ack_length++] = plain[i];
            if (client->ack_length == sizeof client->ack) {
                client->ack_length = 0;
                on_ack(client);
            }
        }
    }
    if (SSL_get_error(client->ssl, n) != SSL_ERROR_WANT_READ) {
        die("the server closed the connection");
    }
}

static void on_ready(int epoll, struct client *client)
{
    static uint8_t cipher[READ_BYTES];
    ssize_t n = recv(client->fd, cipher, sizeof cipher, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        die("the server closed the connection");
    }
    if (n > 0 && BIO_write(client->from_peer, cipher, (int)n) != (int)n) {
        die("BIO_write");
    }
    if (!SSL_is_init_finished(client->ssl)) {
        if (SSL_do_handshake(client->ssl) == 1) {
            write_tls(client, &client->connect);
        }
    } else {
        read_acks(client);
        if (client->connected) {
            fill_window(client);
        }
    }
    flush(epoll, client);
}

static void open_client(int epoll, SSL_CTX *context, struct client *client, unsigned number)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    const int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0) {
        die("connect");
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->ssl = SSL_new(context);
    client->from_peer = BIO_new(BIO_s_mem());
    client->to_peer = BIO_new(BIO_s_mem());
    if (client->ssl == NULL || client->from_peer == NULL || client->to_peer == NULL) {
        die("memory");
    }
    BIO_set_mem_eof_return(client->from_peer, -1);
    SSL_set_bio(client->ssl, client->from_peer, client->to_peer);
    SSL_set_connect_state(client->ssl);
    make_connect(client, number);
    make_publish(client, number);
    watch(epoll, client, EPOLLIN, EPOLL_CTL_ADD);
    SSL_do_handshake(client->ssl);
    flush(epoll, client);
}

static void poll_once(int epoll)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(epoll, events, EVENTS, 1000);

    for (int i = 0; i < n; i++) {
        on_ready(epoll, events[i].data.ptr);
    }
}

static void run_until(int epoll, int64_t end_ms)
{
    while (vd_clock_monotonic_ms() < end_ms) {
        poll_once(epoll);
    }
}

static void parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'c'},
        {"window", required_argument, NULL, 'w'},
        {"bytes", required_argument, NULL, 'b'},
        {"seconds", required_argument, NULL, 's'},
        {"hub", no_argument, NULL, 'h'},
        {"idle", no_argument, NULL, 'i'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        unsigned value = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;

        switch (c) {
        case 'p':
            options.port = (uint16_t)value;
            break;
        case 'c':
            options.connections = value;
            break;
        case 'w':
            options.window = value;
            break;
        case 'b':
            options.body_bytes = value;
            break;
        case 's':
            options.seconds = value;
            break;
        case 'h':
            options.is_hub = true;
            break;
        case 'i':
            options.idle = true;
            break;
        default:
            exit(2);
        }
    }
}

/* Prints messages a second; with --idle "connects a second", then waits for the end of its input. */
int main(int argc, char **argv)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    struct rlimit files = {0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int64_t start;
    uint64_t before;

    parse_options(argc, argv);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (context == NULL || epoll < 0 || options.connections == 0 ||
        options.connections > CLIENTS_MAX) {
        die("start");
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    start = vd_clock_monotonic_ms();
    for (unsigned i = 0; i < options.connections; i++) {
        open_client(epoll, context, &clients[i], i);
        while (i + 1 - connected > 16) {
            poll_once(epoll);
        }
    }
    while (connected < options.connections) {
        poll_once(epoll);
    }
    if (options.idle) {
        int64_t took = vd_clock_monotonic_ms() - start;
        char byte;

        printf("%.0f\n", options.connections * 1000.0 / (double)(took > 0 ? took : 1));
        fflush(stdout);
        return read(STDIN_FILENO, &byte, 1) < 0;
    }
    run_until(epoll, vd_clock_monotonic_ms() + 1000);
    before = acknowledged;
    start = vd_clock_monotonic_ms();
    run_until(epoll, start + 1000 * (int64_t)options.seconds);
    printf("%.0f\n",
        (double)(acknowledged - before) * 1000.0 / (double)(vd_clock_monotonic_ms() - start));
    return 0;
}
