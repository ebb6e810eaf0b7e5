/* SPDX-License-Identifier: MIT */
/* The way through the socket: recvmmsg copies a batch of frames, as much of each as is wanted. */

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <arpa/inet.h>

#include "azure_iot_security_module/ports/linux/asc_linux_capture_way.h"

/* Frames taken by one system call. */
#define BATCH 64u
/* At most this many batches before the other descriptors get a look. */
#define ROUNDS_MAX 16u
/* What the kernel may hold for us: some 2,000 full frames, or 0.1 s of 200 Mbit/s. */
#define RECEIVE_BUFFER_BYTES (4 << 20)

struct slot {
    struct iovec vectors[2];
    struct sockaddr_ll address;
    struct virtio_net_hdr segments;
    union {
        size_t align; /* as struct cmsghdr */
        uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
    uint8_t data[ASC_LINUX_FRAME_SNAP_BYTES];
};

struct socket_way {
    int fd;
    bool segments;
    struct mmsghdr headers[BATCH];
    struct slot slots[BATCH];
};

static void *socket_open(int fd, bool segments)
{
    struct socket_way *w = calloc(1, sizeof *w);
    int bytes = RECEIVE_BUFFER_BYTES;
    int on = 1;

    if (w == NULL) {
        return NULL;
    }
    w->fd = fd;
    w->segments = segments;
    for (unsigned i = 0; i < BATCH; i++) {
        struct slot *s = &w->slots[i];

        s->vectors[0] = (struct iovec){&s->segments, sizeof s->segments};
        s->vectors[1] = (struct iovec){s->data, sizeof s->data};
        w->headers[i].msg_hdr.msg_name = &s->address;
        w->headers[i].msg_hdr.msg_iov = segments ? s->vectors : s->vectors + 1;
        w->headers[i].msg_hdr.msg_iovlen = segments ? 2 : 1;
        w->headers[i].msg_hdr.msg_control = &s->control;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    }
    if (setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) != 0) {
        free(w);
        return NULL;
    }
    return w;
}

static const struct tpacket_auxdata *auxiliary(struct msghdr *header)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(header);

    return c != NULL && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA
        ? (const struct tpacket_auxdata *)(const void *)CMSG_DATA(c)
        : NULL;
}

static void give(struct socket_way *w, unsigned i, struct asc_linux_taken *taken)
{
    const struct slot *s = &w->slots[i];
    const struct tpacket_auxdata *aux = auxiliary(&w->headers[i].msg_hdr);
    const uint32_t before = w->segments ? sizeof s->segments : 0;
    struct asc_linux_frame frame = {.data = s->data,
        .captured = w->headers[i].msg_len > before ? w->headers[i].msg_len - before : 0,
        .protocol = ntohs(s->address.sll_protocol),
        .hardware = s->address.sll_hatype,
        .type = s->address.sll_pkttype,
        .segment_bytes = w->segments ? s->segments.gso_size : 0};

    if (aux == NULL) {
        taken->refused++;
        return;
    }
    frame.length = aux->tp_len;
    frame.network = aux->tp_net;
    asc_linux_frame_give(&frame, &taken->sink);
    taken->frames++;
}

/* Takes one batch. Returns how many frames; -1: an error, that of one frame excepted. */
static int take_batch(struct socket_way *w, struct asc_linux_taken *taken)
{
    int n;

    for (unsigned i = 0; i < BATCH; i++) {
        w->headers[i].msg_hdr.msg_namelen = sizeof w->slots[i].address;
        w->headers[i].msg_hdr.msg_controllen = sizeof w->slots[i].control;
    }
    n = recvmmsg(w->fd, w->headers, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        give(w, (unsigned)i, taken);
    }
    if (n < 0 && errno == EINVAL) { /* a super-packet of a kind that its header has no name for */
        taken->refused++;
        return BATCH;
    }
    return n >= 0 || errno == EAGAIN || errno == EINTR ? n : -1;
}

static bool socket_take(void *state, struct asc_linux_taken *taken)
{
    int n = (int)BATCH;

    for (unsigned round = 0; round < ROUNDS_MAX && n == (int)BATCH; round++) {
        n = take_batch(state, taken);
    }
    return n >= 0;
}

static void socket_close(void *state)
{
    free(state);
}

const struct asc_linux_way asc_linux_way_socket = {
    .name = "socket", .open = socket_open, .take = socket_take, .close = socket_close};
