/* SPDX-License-Identifier: MIT */
/* lwIP's view of this compiler and board. */

#ifndef LWIP_ARCH_CC_H
#define LWIP_ARCH_CC_H

#include <stdint.h>

#include "tests/firmware/log.h"

#if defined(__arm__)
#define LWIP_NO_UNISTD_H 1
#endif

#define LWIP_PLATFORM_DIAG(x)   ((void)0)
#define LWIP_PLATFORM_ASSERT(x) firmware_fatal("lwip", x)

#define LWIP_RAND() firmware_random_u32()

#endif
