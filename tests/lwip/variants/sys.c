/* SPDX-License-Identifier: MIT */
/* lwIP's system layer where all runs in one thread: its lock must be given up as it was taken. */

#include <stdio.h>
#include <stdlib.h>

#include "lwip/sys.h"

u32_t sys_now(void)
{
    static u32_t now;

    return now++;
}

#if SYS_LIGHTWEIGHT_PROT
static sys_prot_t depth;

sys_prot_t sys_arch_protect(void)
{
    return depth++;
}

void sys_arch_unprotect(sys_prot_t level)
{
    if (depth != level + 1) {
        fprintf(stderr, "the lock of depth %u is given up at %u\n", level, depth);
        abort();
    }
    depth = level;
}
#endif
