/* SPDX-License-Identifier: MIT */
/* A connection that only sends, to a receiver that somebody else runs: by TLS or plain TCP, bounded, interruptible. */

#ifndef VEDETTE_LIB_STREAM_H
#define VEDETTE_LIB_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/str.h"

#define VD_STREAM_REASON_SIZE 128

/* Copied. */
struct vd_stream_config {
    const char *host; /* a name, or an address; IPv6 in brackets */
    uint16_t port;
    bool is_plain;                /* TCP without TLS */
    const char *ca_file;          /* PEM: the only authorities; NULL: the system's */
    const char *certificate_file; /* PEM, with its chain; NULL: none is shown */
    const char *key_file;         /* PEM */
    int open_timeout_ms;          /* for name, connection and handshake together */
    int send_timeout_ms;          /* until the peer's kernel has it all */
};

/* How the last connection ended. */
enum vd_stream_end {
    VD_STREAM_NONE,   /* none has, or it was closed here */
    VD_STREAM_CLOSED, /* the peer closed it in order (close_notify; FIN of plain TCP) */
    VD_STREAM_TORN,   /* anything else: what was sent last may not have been read */
};

struct vd_stream;

/* The peer is verified: its chain and its name. Proxies of the environment are not used. VD_E_NOMEM, VD_E_INVALID. */
VD_NODISCARD int vd_stream_new(const struct vd_stream_config *config, struct vd_stream **out);

/*
 * Connects; a connection that is open is closed before. Else `reason` says why not: VD_E_IO, VD_E_TIMEOUT, VD_E_CLOSED
 * (interrupted), VD_E_NOMEM. Blocks; one thread at a time for this and the next two.
 */
VD_NODISCARD int vd_stream_open(struct vd_stream *stream, char reason[VD_STREAM_REASON_SIZE]);

/* Whether it is open as far as can be known now: looks whether the peer has closed it, and discards what it sent. */
bool vd_stream_is_open(struct vd_stream *stream);

/*
 * Sends all of it on an open connection. VD_OK: the peer's kernel has acknowledged it, and the connection had not ended then;
 * the first time on a connection also a while later. Whether the peer has read it, no one knows. Else the connection is
 * closed, and it is as vd_stream_open says. The process is to ignore SIGPIPE.
 */
VD_NODISCARD int vd_stream_send(
    struct vd_stream *stream, struct vd_str data, char reason[VD_STREAM_REASON_SIZE]);

enum vd_stream_end vd_stream_last_end(const struct vd_stream *stream);

/* Ends what waits, now and later. Any thread. */
void vd_stream_interrupt(struct vd_stream *stream);
/* Closes it in order. NULL is allowed. */
void vd_stream_free(struct vd_stream *stream);

#endif
