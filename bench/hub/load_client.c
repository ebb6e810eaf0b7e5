/* SPDX-License-Identifier: MIT */
/* One client of the load: TLS over memory, CONNECT, and what the mode asks for. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/hub/devices.h"
#include "bench/hub/load.h"
#include "hub/mqtt.h"

#define READ_BYTES 65536
/* One device after the other by such a step, that neighbours do not lie on one page of the registry. */
#define DEVICE_STEP 7919u

static SSL_CTX *context;
static X509 *certificate; /* the clients', or their CA's */
static EVP_PKEY *private_key;
static X509 *issued[LOAD_CLIENTS_MAX]; /* by device */

void load_die(const char *what)
{
    fprintf(stderr, "bench_hub_load: %s: %s\n", what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* ---- Packets ---- */

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

static void write_tls(struct load_client *client, const struct vd_buf *data)
{
    if (SSL_write(client->ssl, data->data, (int)data->length) != (int)data->length) {
        load_die("SSL_write");
    }
}

static void send_connect(struct load_client *client)
{
    const bool has_token = load_options.is_hub && load_options.certificate == NULL;
    const uint8_t flags =
        (uint8_t)(0x02 | (load_options.is_hub ? 0x80 : 0) | (has_token ? 0x40 : 0));
    struct vd_buf body = {0};
    struct vd_buf packet = {0};
    char id[64];
    char text[512];

    bench_device_id(client->device, id, sizeof id);
    put_text(&body, "MQTT");
    vd_buf_append(&body, "\x04", 1);
    vd_buf_append(&body, &flags, 1);
    put_u16(&body, 600);
    put_text(&body, id);
    if (load_options.is_hub) {
        snprintf(text, sizeof text, "localhost/%s/?api-version=2021-04-12", id);
        put_text(&body, text);
    }
    if (has_token) {
        if (bench_device_token(client->device, text, sizeof text) != VD_OK) {
            load_die("token");
        }
        put_text(&body, text);
    }
    put_header(&packet, VD_MQTT_CONNECT << 4, body.length);
    vd_buf_append(&packet, body.data, body.length);
    write_tls(client, &packet);
    vd_buf_release(&packet);
    vd_buf_release(&body);
}

static void make_publish(struct load_client *client)
{
    char topic[128];

    snprintf(topic, sizeof topic, "devices/bench%u/messages/events/%sct=text", client->device,
        load_options.is_hub ? "%24." : "");
    put_header(&client->publish, (VD_MQTT_PUBLISH << 4) | 2,
        2 + strlen(topic) + 2 + load_options.body_bytes);
    put_text(&client->publish, topic);
    client->id_at = client->publish.length;
    put_u16(&client->publish, 0);
    for (unsigned i = 0; i < load_options.body_bytes; i++) {
        vd_buf_append(&client->publish, "x", 1);
    }
}

/* ---- The connection ---- */

static void watch(int epoll, struct load_client *client, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    if (epoll_ctl(epoll, operation, client->fd, &event) != 0) {
        load_die("epoll_ctl");
    }
}

/* Sends what TLS has put out. */
static void flush(int epoll, struct load_client *client)
{
    char *data = NULL;
    long length = BIO_get_mem_data(client->to_peer, &data);
    ssize_t n = 0;
    char drop[READ_BYTES];
    bool wants_write;

    if (length > 0) {
        n = send(client->fd, data, (size_t)length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) {
            load_die("send");
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

static void show_certificate(struct load_client *client)
{
    X509 *shown = certificate;

    if (load_options.issues) {
        X509 **own = &issued[client->device];
        char name[64];

        bench_device_id(client->device, name, sizeof name);
        if (*own == NULL) {
            *own = bench_certificate_make(name, private_key, certificate, private_key);
        }
        shown = *own;
    }
    if (shown == NULL || SSL_use_certificate(client->ssl, shown) != 1 ||
        SSL_use_PrivateKey(client->ssl, private_key) != 1) {
        load_die("certificate");
    }
}

static EVP_PKEY *read_private_key(const char *path)
{
    FILE *file = fopen(path, "r");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

    if (key == NULL) {
        load_die(path);
    }
    fclose(file);
    return key;
}

void load_clients_prepare(void)
{
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        load_die("TLS");
    }
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    if (load_options.certificate != NULL) {
        certificate = bench_certificate_read(load_options.certificate);
        private_key = read_private_key(load_options.private_key);
        if (certificate == NULL) {
            load_die(load_options.certificate);
        }
    }
}

void load_client_open(int epoll, struct load_client *client, unsigned device)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(load_options.port)};
    const int on = 1;

    *client = (struct load_client){.device = device};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        fcntl(client->fd, F_SETFL, O_NONBLOCK) != 0) {
        load_die("connect");
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    client->ssl = SSL_new(context);
    client->from_peer = BIO_new(BIO_s_mem());
    client->to_peer = BIO_new(BIO_s_mem());
    if (client->ssl == NULL || client->from_peer == NULL || client->to_peer == NULL) {
        load_die("memory");
    }
    BIO_set_mem_eof_return(client->from_peer, -1);
    SSL_set_bio(client->ssl, client->from_peer, client->to_peer);
    SSL_set_connect_state(client->ssl);
    if (certificate != NULL) {
        show_certificate(client);
    }
    watch(epoll, client, EPOLLIN, EPOLL_CTL_ADD);
    SSL_do_handshake(client->ssl);
    flush(epoll, client);
}

/* Says goodbye and comes back as another device. */
static void reopen(int epoll, struct load_client *client)
{
    static const uint8_t disconnect[2] = {VD_MQTT_DISCONNECT << 4, 0};
    const unsigned next = (client->device + DEVICE_STEP) % load_options.devices;

    SSL_write(client->ssl, disconnect, sizeof disconnect);
    SSL_shutdown(client->ssl);
    flush(epoll, client);
    SSL_free(client->ssl);
    close(client->fd);
    load_client_open(epoll, client, next);
}

/* ---- What comes ---- */

static void fill_window(struct load_client *client)
{
    if (client->publish.length == 0) {
        make_publish(client);
    }
    while (client->in_flight < load_options.window && !client->wants_write) {
        client->next_id = client->next_id == 0xffff ? 1 : (uint16_t)(client->next_id + 1);
        client->publish.data[client->id_at] = (uint8_t)(client->next_id >> 8);
        client->publish.data[client->id_at + 1] = (uint8_t)client->next_id;
        write_tls(client, &client->publish);
        client->in_flight++;
    }
}

static void on_ack(struct load_client *client)
{
    if (client->ack[0] == VD_MQTT_CONNACK << 4) {
        if (client->ack[3] != 0) {
            fprintf(stderr, "bench_hub_load: CONNACK %u\n", client->ack[3]);
            exit(1);
        }
        client->is_connected = true;
        load_counts.connected++;
    } else if (client->ack[0] == VD_MQTT_PUBACK << 4) {
        client->in_flight--;
        load_counts.acknowledged++;
    } else {
        fprintf(stderr, "bench_hub_load: unexpected packet %02x\n", client->ack[0]);
        exit(1);
    }
}

static void read_acks(struct load_client *client)
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
        load_die("the server closed the connection");
    }
}

void load_client_serve(int epoll, struct load_client *client)
{
    static uint8_t cipher[READ_BYTES];
    ssize_t n = recv(client->fd, cipher, sizeof cipher, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        load_die("the server closed the connection");
    }
    if (n > 0 && BIO_write(client->from_peer, cipher, (int)n) != (int)n) {
        load_die("BIO_write");
    }
    if (!SSL_is_init_finished(client->ssl)) {
        if (SSL_do_handshake(client->ssl) == 1) {
            send_connect(client);
        }
    } else {
        read_acks(client);
        if (client->is_connected && load_options.mode == LOAD_CHURN) {
            reopen(epoll, client);
            return;
        }
        if (client->is_connected && load_options.mode == LOAD_PUBLISH) {
            fill_window(client);
        }
    }
    flush(epoll, client);
}
