/* SPDX-License-Identifier: MIT */
/* OpenSSL over a non-blocking socket, with its many results turned into four. */

#include "azure_iot_security_module/ports/linux/asc_linux_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The reason of OpenSSL's oldest queued error, or errno's. */
static void say_reason(char error[ASC_LINUX_TLS_ERROR_BYTES], const char *what)
{
    int saved = errno;
    unsigned long code = ERR_peek_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

    if (code != 0 && ERR_SYSTEM_ERROR(code)) {
        reason = strerror(ERR_GET_REASON(code));
    }
    snprintf(error, ASC_LINUX_TLS_ERROR_BYTES, "%s: %s", what,
        reason != NULL   ? reason
            : saved != 0 ? strerror(saved)
                         : "connection closed");
    ERR_clear_error();
}

SSL_CTX *asc_linux_tls_context(const char *ca_file, char error[ASC_LINUX_TLS_ERROR_BYTES])
{
    SSL_CTX *context;

    ERR_clear_error();
    errno = 0;
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        say_reason(error, "TLS cannot start");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
            SSL_MODE_RELEASE_BUFFERS);
    if (ca_file != NULL ? SSL_CTX_load_verify_file(context, ca_file) != 1
                        : SSL_CTX_set_default_verify_paths(context) != 1) {
        say_reason(error, ca_file != NULL ? "the CA file cannot be read" : "no system CAs");
        SSL_CTX_free(context);
        return NULL;
    }
    return context;
}

/* An address is verified as an address and not sent as a server name (RFC 6066, 3). */
static bool expect_host(SSL *ssl, const char *host)
{
    struct in6_addr address;

    if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static SSL *new_session(SSL_CTX *context, int fd, const char *host)
{
    SSL *ssl = SSL_new(context);

    if (ssl != NULL && (SSL_set_fd(ssl, fd) != 1 || !expect_host(ssl, host))) {
        SSL_free(ssl);
        ssl = NULL;
    }
    return ssl;
}

enum asc_linux_tls_result asc_linux_tls_open(
    struct asc_linux_tls *t, SSL_CTX *context, const struct addrinfo *address, const char *host)
{
    int on = 1;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ERR_clear_error();
    if (fd < 0 ||
        (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)) {
        say_reason(t->error, "connect");
        goto failed;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    errno = 0;
    t->ssl = new_session(context, fd, host);
    if (t->ssl == NULL) {
        say_reason(t->error, "TLS");
        goto failed;
    }
    t->fd = fd;
    t->connected = false;
    t->events = POLLOUT;
    return ASC_LINUX_TLS_WAIT;
failed:
    if (fd >= 0) {
        close(fd);
    }
    return ASC_LINUX_TLS_FAILED;
}

/* DONE once TCP stands. */
static enum asc_linux_tls_result tcp_connected(struct asc_linux_tls *t)
{
    struct pollfd p = {.fd = t->fd, .events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof error;

    if (poll(&p, 1, 0) <= 0) {
        t->events = POLLOUT;
        return ASC_LINUX_TLS_WAIT;
    }
    if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        snprintf(t->error, sizeof t->error, "connect: %s", strerror(error));
        return ASC_LINUX_TLS_FAILED;
    }
    t->connected = true;
    return ASC_LINUX_TLS_DONE;
}

/* What a call that returned `n` (not success) means. */
static enum asc_linux_tls_result outcome(struct asc_linux_tls *t, int n, const char *what)
{
    long verified = SSL_get_verify_result(t->ssl);

    switch (SSL_get_error(t->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        t->events = POLLIN;
        return ASC_LINUX_TLS_WAIT;
    case SSL_ERROR_WANT_WRITE:
        t->events = POLLOUT;
        return ASC_LINUX_TLS_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        snprintf(t->error, sizeof t->error, "%s: the server closed the connection", what);
        return ASC_LINUX_TLS_END;
    default:
        if (verified != X509_V_OK) {
            snprintf(t->error, sizeof t->error, "server certificate refused: %s",
                X509_verify_cert_error_string(verified));
            ERR_clear_error();
        } else {
            say_reason(t->error, what);
        }
        return ASC_LINUX_TLS_FAILED;
    }
}

enum asc_linux_tls_result asc_linux_tls_handshake(struct asc_linux_tls *t)
{
    int n;

    if (!t->connected) {
        enum asc_linux_tls_result r = tcp_connected(t);

        if (r != ASC_LINUX_TLS_DONE) {
            return r;
        }
    }
    ERR_clear_error();
    errno = 0;
    n = SSL_connect(t->ssl);
    if (n == 1) {
        return ASC_LINUX_TLS_DONE;
    }
    return outcome(t, n, "TLS handshake") == ASC_LINUX_TLS_WAIT ? ASC_LINUX_TLS_WAIT
                                                                : ASC_LINUX_TLS_FAILED;
}

static int clamp(size_t size)
{
    return size > INT_MAX ? INT_MAX : (int)size;
}

enum asc_linux_tls_result asc_linux_tls_read(
    struct asc_linux_tls *t, uint8_t *out, size_t size, size_t *length)
{
    int n;

    ERR_clear_error();
    errno = 0;
    n = SSL_read(t->ssl, out, clamp(size));
    if (n <= 0) {
        return outcome(t, n, "read");
    }
    *length = (size_t)n;
    return ASC_LINUX_TLS_DONE;
}

enum asc_linux_tls_result asc_linux_tls_write(
    struct asc_linux_tls *t, const uint8_t *data, size_t size, size_t *length)
{
    int n;

    ERR_clear_error();
    errno = 0;
    n = SSL_write(t->ssl, data, clamp(size));
    if (n <= 0) {
        return outcome(t, n, "write");
    }
    *length = (size_t)n;
    return ASC_LINUX_TLS_DONE;
}

void asc_linux_tls_close(struct asc_linux_tls *t)
{
    if (t->ssl == NULL) {
        return;
    }
    if (SSL_is_init_finished(t->ssl)) {
        (void)SSL_shutdown(t->ssl);
    }
    ERR_clear_error();
    SSL_free(t->ssl);
    close(t->fd);
    t->ssl = NULL;
}
