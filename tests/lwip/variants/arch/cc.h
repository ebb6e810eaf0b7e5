/* SPDX-License-Identifier: MIT */
/* What lwIP wants to know of the host's compiler. */

#ifndef VEDETTE_TESTS_LWIP_CC_H
#define VEDETTE_TESTS_LWIP_CC_H

#include <stdio.h>
#include <stdlib.h>

typedef unsigned sys_prot_t;

#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x)                   \
    do {                                          \
        fprintf(stderr, "lwIP asserts: %s\n", x); \
        abort();                                  \
    } while (0)

#endif
