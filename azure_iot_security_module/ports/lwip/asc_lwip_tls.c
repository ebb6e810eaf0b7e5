/* SPDX-License-Identifier: MIT */
/* Moves bytes between mbed TLS and lwIP's raw TCP; lwIP's callbacks only note what came. */

#include "azure_iot_security_module/ports/lwip/asc_lwip_tls.h"

#include <mbedtls/error.h>
#include <string.h>

/* mbed TLS asks for no longer fragments than fit either of its buffers. */
#if MBEDTLS_SSL_IN_CONTENT_LEN < MBEDTLS_SSL_OUT_CONTENT_LEN
#define RECORD_BYTES MBEDTLS_SSL_IN_CONTENT_LEN
#else
#define RECORD_BYTES MBEDTLS_SSL_OUT_CONTENT_LEN
#endif
#if RECORD_BYTES >= 4096
#define FRAGMENT_CODE MBEDTLS_SSL_MAX_FRAG_LEN_4096
#elif RECORD_BYTES >= 2048
#define FRAGMENT_CODE MBEDTLS_SSL_MAX_FRAG_LEN_2048
#else
#error "mbed TLS needs records of 2048 bytes at least: a hub's certificate must fit one"
#endif

static enum asc_lwip_tls_result fail(struct asc_lwip_tls *t, const char *problem, int code)
{
    t->problem = problem;
    t->code = code;
    return ASC_LWIP_TLS_FAILED;
}

/* ---- lwIP's callbacks, from within its input and timers. ---- */

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t error)
{
    struct asc_lwip_tls *t = arg;

    (void)pcb;
    t->connected = error == ERR_OK;
    return ERR_OK;
}

static err_t on_received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
    struct asc_lwip_tls *t = arg;

    (void)pcb;
    (void)error;
    if (p == NULL) {
        t->ended = true;
    } else if (t->received == NULL) {
        t->received = p;
    } else {
        pbuf_cat(t->received, p);
    }
    return ERR_OK;
}

/* lwIP has freed the connection by the time it tells. */
static void on_error(void *arg, err_t error)
{
    struct asc_lwip_tls *t = arg;

    t->pcb = NULL;
    t->ended = true;
    t->code = (int)error;
}

/* ---- mbed TLS's transport. ---- */

static int transport_send(void *context, const unsigned char *data, size_t length)
{
    struct asc_lwip_tls *t = context;
    u16_t n;

    if (t->pcb == NULL) {
        return MBEDTLS_ERR_SSL_CONN_EOF;
    }
    n = (u16_t)LWIP_MIN(length, tcp_sndbuf(t->pcb));
    if (n == 0 || tcp_write(t->pcb, data, n, TCP_WRITE_FLAG_COPY) != ERR_OK) {
        return MBEDTLS_ERR_SSL_WANT_WRITE; /* until TCP has been acknowledged something */
    }
    (void)tcp_output(t->pcb); /* what it cannot send now its timer will */
    return n;
}

static int transport_receive(void *context, unsigned char *out, size_t size)
{
    struct asc_lwip_tls *t = context;
    u16_t n;

    if (t->received == NULL) {
        return t->ended ? MBEDTLS_ERR_SSL_CONN_EOF : MBEDTLS_ERR_SSL_WANT_READ;
    }
    n = pbuf_copy_partial(t->received, out, (u16_t)LWIP_MIN(size, UINT16_MAX), 0);
    t->received = pbuf_free_header(t->received, n);
    if (t->pcb != NULL) {
        tcp_recved(t->pcb, n);
    }
    return n;
}

/* ---- What is offered. ---- */

static int configure(struct asc_lwip_tls *t, const char *host,
    int (*random)(void *context, unsigned char *out, size_t length), void *context)
{
    int error = mbedtls_ssl_config_defaults(&t->config, MBEDTLS_SSL_IS_CLIENT,
        MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);

    if (error != 0) {
        return error;
    }
    mbedtls_ssl_conf_rng(&t->config, random, context);
    mbedtls_ssl_conf_authmode(&t->config, MBEDTLS_SSL_VERIFY_REQUIRED);
    mbedtls_ssl_conf_ca_chain(&t->config, &t->ca, NULL);
    mbedtls_ssl_conf_min_version(
        &t->config, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3); /* TLS 1.2 */
#if defined(MBEDTLS_SSL_MAX_FRAGMENT_LENGTH) && RECORD_BYTES < 16384
    /* The buffers are smaller than what a server may send unasked. */
    error = mbedtls_ssl_conf_max_frag_len(&t->config, FRAGMENT_CODE);
#endif
    if (error == 0) {
        error = mbedtls_ssl_setup(&t->ssl, &t->config);
    }
    return error != 0 ? error : mbedtls_ssl_set_hostname(&t->ssl, host);
}

const char *asc_lwip_tls_init(struct asc_lwip_tls *t, const char *host, const uint8_t *ca,
    size_t ca_bytes, int (*random)(void *context, unsigned char *out, size_t length), void *context)
{
    *t = (struct asc_lwip_tls){.pcb = NULL};
    mbedtls_x509_crt_init(&t->ca);
    mbedtls_ssl_config_init(&t->config);
    mbedtls_ssl_init(&t->ssl);
    if (mbedtls_x509_crt_parse(&t->ca, ca, ca_bytes) != 0) {
        asc_lwip_tls_release(t);
        return "the CA certificate cannot be read";
    }
    if (configure(t, host, random, context) != 0) {
        asc_lwip_tls_release(t);
        return "mbed TLS lacks memory or an algorithm";
    }
    mbedtls_ssl_set_bio(&t->ssl, t, transport_send, transport_receive, NULL);
    return NULL;
}

void asc_lwip_tls_release(struct asc_lwip_tls *t)
{
    asc_lwip_tls_close(t);
    mbedtls_ssl_free(&t->ssl);
    mbedtls_ssl_config_free(&t->config);
    mbedtls_x509_crt_free(&t->ca);
}

enum asc_lwip_tls_result asc_lwip_tls_open(
    struct asc_lwip_tls *t, const ip_addr_t *address, uint16_t port)
{
    err_t error;

    t->problem = NULL;
    t->code = 0;
    if (mbedtls_ssl_session_reset(&t->ssl) != 0) {
        return fail(t, "mbed TLS lacks memory", 0);
    }
    t->pcb = tcp_new_ip_type(IP_GET_TYPE(address));
    if (t->pcb == NULL) {
        return fail(t, "lwIP has no TCP connection left", ERR_MEM);
    }
    t->connected = t->ended = t->secured = false;
    tcp_arg(t->pcb, t);
    tcp_recv(t->pcb, on_received);
    tcp_err(t->pcb, on_error);
    error = tcp_connect(t->pcb, address, port, on_connected);
    return error == ERR_OK ? ASC_LWIP_TLS_WAIT : fail(t, "no route to the hub", error);
}

static const char *verify_problem(uint32_t flags)
{
    if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
        return "the hub's certificate is not signed by the CA";
    }
    if ((flags & MBEDTLS_X509_BADCERT_CN_MISMATCH) != 0) {
        return "the hub's certificate is for another name";
    }
    if ((flags & (MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE)) != 0) {
        return "the hub's certificate is not valid at this time";
    }
    return "the hub's certificate is refused";
}

enum asc_lwip_tls_result asc_lwip_tls_handshake(struct asc_lwip_tls *t)
{
    int error;

    if (!t->connected) {
        return t->ended ? fail(t, "the hub takes no connection", t->code) : ASC_LWIP_TLS_WAIT;
    }
    error = mbedtls_ssl_handshake(&t->ssl);
    if (error == MBEDTLS_ERR_SSL_WANT_READ || error == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return ASC_LWIP_TLS_WAIT;
    }
    if (error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
        return fail(t, verify_problem(mbedtls_ssl_get_verify_result(&t->ssl)), error);
    }
    if (error != 0) {
        return fail(t, "the TLS handshake failed", error);
    }
    t->secured = true;
    return ASC_LWIP_TLS_DONE;
}

/* What mbed TLS returned for `length` bytes moved, or why none were. */
static enum asc_lwip_tls_result moved(struct asc_lwip_tls *t, int returned, size_t *length)
{
    if (returned > 0) {
        *length = (size_t)returned;
        return ASC_LWIP_TLS_DONE;
    }
    if (returned == MBEDTLS_ERR_SSL_WANT_READ || returned == MBEDTLS_ERR_SSL_WANT_WRITE) {
        return ASC_LWIP_TLS_WAIT;
    }
    if (returned == 0 || returned == MBEDTLS_ERR_SSL_CONN_EOF ||
        returned == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        return fail(t, "the hub closed the connection", t->code);
    }
    return fail(t, "TLS failed", returned);
}

enum asc_lwip_tls_result asc_lwip_tls_read(
    struct asc_lwip_tls *t, uint8_t *out, size_t size, size_t *length)
{
    return moved(t, mbedtls_ssl_read(&t->ssl, out, size), length);
}

enum asc_lwip_tls_result asc_lwip_tls_write(
    struct asc_lwip_tls *t, const uint8_t *data, size_t size, size_t *length)
{
    return moved(t, mbedtls_ssl_write(&t->ssl, data, size), length);
}

void asc_lwip_tls_close(struct asc_lwip_tls *t)
{
    if (t->secured && t->pcb != NULL) {
        (void)mbedtls_ssl_close_notify(&t->ssl);
    }
    if (t->pcb != NULL) {
        tcp_arg(t->pcb, NULL);
        tcp_recv(t->pcb, NULL);
        tcp_err(t->pcb, NULL);
        if (tcp_close(t->pcb) != ERR_OK) {
            tcp_abort(t->pcb);
        }
        t->pcb = NULL;
    }
    if (t->received != NULL) {
        pbuf_free(t->received);
        t->received = NULL;
    }
    t->connected = t->secured = false;
    t->ended = true;
}
