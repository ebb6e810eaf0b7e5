/* SPDX-License-Identifier: MIT */
/* What a way of capturing does; the rest of the capture is the same for all. */

#ifndef ASC_LINUX_CAPTURE_WAY_H
#define ASC_LINUX_CAPTURE_WAY_H

#include "azure_iot_security_module/ports/linux/asc_linux_capture_frame.h"

/* What a way has taken so far. */
struct asc_linux_taken {
    struct asc_linux_sink sink;
    uint64_t frames;  /* given to the sink */
    uint64_t refused; /* that the kernel counts as taken and could not hand over */
};

/* All functions from one thread at a time. */
struct asc_linux_way {
    const char *name;

    /* Prepares an AF_PACKET socket of type SOCK_RAW that is not bound yet; `segments`: each frame has
     * a struct virtio_net_hdr before it. Returns its own state, or NULL with errno. */
    void *(*open)(int fd, bool segments);

    /* Takes what is there, but not for ever. Returns whether the socket had no error: after false
     * the interface may have changed. Does not block. */
    bool (*take)(void *state, struct asc_linux_taken *taken);

    /* Releases the state; NULL is allowed. Before the socket is closed. */
    void (*close)(void *state);
};

extern const struct asc_linux_way asc_linux_way_ring;
extern const struct asc_linux_way asc_linux_way_socket;

#endif
