/* SPDX-License-Identifier: MIT */
/* Listening TCP sockets. */

#ifndef VEDETTE_LIB_LISTEN_H
#define VEDETTE_LIB_LISTEN_H

#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/*
 * Makes a socket bound to `address` (numeric IPv4 or IPv6; an IPv6 one takes IPv4 as well) and `port` (0: any free one),
 * non-blocking, closed on exec; listen(2) is the caller's to call. *fd is the caller's, *bound its port.
 * VD_E_INVALID (no such address), VD_E_BUSY (taken), VD_E_DENIED, VD_E_IO with the reason in error_text.
 */
VD_NODISCARD int vd_listen_bind(const char *address, uint16_t port, int *fd, uint16_t *bound,
    char *error_text, size_t error_size);

#endif
