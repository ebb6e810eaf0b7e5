/* SPDX-License-Identifier: MIT */
/* The TLS client of the hub's tests. */

#include "tests/hub/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_TIMEOUT_S 20

static bool write_files(
    X509 *certificate, EVP_PKEY *key, const char *certificate_file, const char *key_file)
{
    FILE *out = fopen(certificate_file, "w");
    bool written = out != NULL && PEM_write_X509(out, certificate) == 1;

    if (out != NULL) {
        fclose(out);
    }
    out = fopen(key_file, "w");
    written =
        out != NULL && PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 && written;
    if (out != NULL) {
        fclose(out);
    }
    return written;
}

bool tls_client_make_certificate(const char *certificate_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    bool made;

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, (const unsigned char *)"hub.example", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);
    made = key != NULL && X509_sign(certificate, key, EVP_sha256()) > 0 &&
        write_files(certificate, key, certificate_file, key_file);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return made;
}

/* From that address; NULL: from whatever the system takes. */
static int tcp_from(const char *from, uint16_t port)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = READ_TIMEOUT_S};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        return -1;
    }
    if ((from != NULL &&
            (inet_pton(AF_INET, from, &own.sin_addr) != 1 ||
                bind(fd, (struct sockaddr *)&own, sizeof own) != 0)) ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    return fd;
}

int tls_client_tcp(uint16_t port)
{
    return tcp_from(NULL, port);
}

static bool show(SSL *ssl, const struct tls_client_identity *identity)
{
    return (identity->certificate == NULL ||
               (SSL_use_certificate(ssl, identity->certificate) == 1 &&
                   SSL_use_PrivateKey(ssl, identity->key) == 1)) &&
        (identity->other == NULL || SSL_add1_chain_cert(ssl, identity->other) == 1) &&
        (identity->session == NULL || SSL_set_session(ssl, identity->session) == 1);
}

bool tls_client_open_as(struct tls_client *client, uint16_t port, const char *certificate_file,
    int version, const struct tls_client_identity *identity)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    client->fd = tcp_from(identity->address, port);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_load_verify_locations(context, certificate_file, NULL);
    SSL_CTX_set_max_proto_version(context, version);
    /* Tests show weak certificates too: what is to be judged is the hub's judgement. */
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    client->ssl = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set1_host(client->ssl, "hub.example");
    if (client->fd < 0 || SSL_set_fd(client->ssl, client->fd) != 1 ||
        !show(client->ssl, identity) || SSL_connect(client->ssl) != 1) {
        tls_client_close(client);
        return false;
    }
    return true;
}

bool tls_client_open(
    struct tls_client *client, uint16_t port, const char *certificate_file, int version)
{
    const struct tls_client_identity nobody = {NULL, NULL, NULL, NULL, NULL};

    return tls_client_open_as(client, port, certificate_file, version, &nobody);
}

bool tls_client_write(struct tls_client *client, const void *data, size_t length)
{
    return length == 0 || SSL_write(client->ssl, data, (int)length) == (int)length;
}

bool tls_client_read(struct tls_client *client, void *out, size_t length)
{
    uint8_t *at = out;

    while (length > 0) {
        int n = SSL_read(client->ssl, at, (int)length);

        if (n <= 0) {
            return false;
        }
        at += n;
        length -= (size_t)n;
    }
    return true;
}

bool tls_client_read_end(struct tls_client *client, size_t *length)
{
    char bytes[4096];
    int n;
    int error;

    *length = 0;
    while ((n = SSL_read(client->ssl, bytes, sizeof bytes)) > 0) {
        *length += (size_t)n;
    }
    error = SSL_get_error(client->ssl, n);
    ERR_clear_error();
    return error != SSL_ERROR_WANT_READ &&
        !(error == SSL_ERROR_SYSCALL && (errno == EAGAIN || errno == EWOULDBLOCK));
}

bool tls_client_is_silent(struct tls_client *client, int ms)
{
    struct pollfd ready = {.fd = client->fd, .events = POLLIN};
    char byte;

    /* Session tickets may lie there unread: they are no answer. */
    while (SSL_pending(client->ssl) == 0 && poll(&ready, 1, ms) == 1) {
        struct timeval brief = {.tv_usec = 1000};
        struct timeval timeout = {.tv_sec = READ_TIMEOUT_S};
        int n;

        setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof brief);
        n = SSL_peek(client->ssl, &byte, 1);
        setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        if (n > 0 || SSL_get_error(client->ssl, n) != SSL_ERROR_WANT_READ) {
            return false;
        }
    }
    return SSL_pending(client->ssl) == 0;
}

void tls_client_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    if (client->fd >= 0) {
        close(client->fd);
    }
    *client = (struct tls_client){.fd = -1};
}
