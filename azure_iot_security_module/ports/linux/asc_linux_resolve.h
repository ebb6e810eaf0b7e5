/* SPDX-License-Identifier: MIT */
/* Looks a host name up without blocking the caller. */

#ifndef ASC_LINUX_RESOLVE_H
#define ASC_LINUX_RESOLVE_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

/* One look-up, in a thread of its own; shared by caller and thread until both let go. */
typedef struct asc_linux_resolve asc_linux_resolve;

/* Starts looking `host` up for TCP to `port`. NULL: out of memory, descriptors or threads.
   Release with asc_linux_resolve_free. Does not block. */
asc_linux_resolve *asc_linux_resolve_start(const char *host, uint16_t port);

/* A descriptor, owned by `r`, that turns readable when the answer is there. */
int asc_linux_resolve_fd(const asc_linux_resolve *r);

/* Takes the answer, once. False: it is not there yet. True: `error` is 0 and `addresses` the caller's,
   to release with freeaddrinfo, or `error` is an EAI_ code for gai_strerror. */
bool asc_linux_resolve_take(asc_linux_resolve *r, int *error, struct addrinfo **addresses);

/* Lets go of it, answered or not; NULL is allowed. Does not block: a thread that still waits for a
   name server ends by itself. */
void asc_linux_resolve_free(asc_linux_resolve *r);

#endif
