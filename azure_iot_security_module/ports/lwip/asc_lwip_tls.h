/* SPDX-License-Identifier: MIT */
/* One TLS connection over lwIP's raw TCP by mbed TLS, which never goes on with a server that it cannot prove. */

#ifndef ASC_LWIP_TLS_H
#define ASC_LWIP_TLS_H

#include <lwip/ip_addr.h>
#include <lwip/tcp.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* lwIP's own TLS layer (altcp_tls) is not used: of 2.1.3 it goes on with any certificate, and has no way to give a
 * host name. LWIP_ALTCP is not needed. */

enum asc_lwip_tls_result {
    ASC_LWIP_TLS_DONE,
    ASC_LWIP_TLS_WAIT,  /* nothing to be had now; ask again after lwIP has taken a packet */
    ASC_LWIP_TLS_FAILED /* see `problem` and `code`; only asc_lwip_tls_close() may follow */
};

/* The caller owns the memory; the fields are for reading. */
struct asc_lwip_tls {
    struct tcp_pcb *pcb;   /* NULL: closed, also by the other side */
    struct pbuf *received; /* not decrypted yet; bounded by TCP_WND */
    bool connected;        /* TCP is */
    bool ended;            /* the other side sends no more */
    bool secured;          /* the handshake is done: the end is said to the other side */
    const char *problem;   /* what went wrong, for a log; static text */
    int code;              /* lwIP's (err_t) or mbed TLS's number for it, 0: none */
    mbedtls_x509_crt ca;
    mbedtls_ssl_config config;
    mbedtls_ssl_context ssl;
};

/*
 * Prepares for connections to the server of one name.
 * host: DNS name that the server's certificate must have; copied.
 * ca, ca_bytes: the one or more certificates to trust: PEM with its NUL counted, or DER; not needed afterwards.
 * random: fills `length` bytes and returns 0, as mbed TLS wants it; kept, with `context`.
 * Returns NULL, or in words what is wrong. Allocates through mbed TLS; once, before any other call.
 */
const char *asc_lwip_tls_init(struct asc_lwip_tls *t, const char *host, const uint8_t *ca,
    size_t ca_bytes, int (*random)(void *context, unsigned char *out, size_t length),
    void *context);

/* Gives back what asc_lwip_tls_init() allocated; closes first. */
void asc_lwip_tls_release(struct asc_lwip_tls *t);

/* Starts TCP towards the address. WAIT or FAILED. The connection must be closed. */
enum asc_lwip_tls_result asc_lwip_tls_open(
    struct asc_lwip_tls *t, const ip_addr_t *address, uint16_t port);

/* Goes on with TCP's and TLS's handshakes; DONE once the server has proved that it is the host. The
 * public-key work is done inside: some tens of millions of cycles for P-256 without an accelerator. */
enum asc_lwip_tls_result asc_lwip_tls_handshake(struct asc_lwip_tls *t);

/* Decrypts up to `size` bytes; *length is at least 1 after DONE. The end of the connection is FAILED. */
enum asc_lwip_tls_result asc_lwip_tls_read(
    struct asc_lwip_tls *t, uint8_t *out, size_t size, size_t *length);

/* Encrypts and hands to TCP; *length may be less than `size`. After WAIT the same bytes must come again. */
enum asc_lwip_tls_result asc_lwip_tls_write(
    struct asc_lwip_tls *t, const uint8_t *data, size_t size, size_t *length);

/* Closes what is open; TCP delivers what it has been handed in the background. */
void asc_lwip_tls_close(struct asc_lwip_tls *t);

#endif
