/* SPDX-License-Identifier: MIT */
/* What the parts of the simulated stack share among themselves. */

#ifndef VEDETTE_TESTS_NETXDUO_SIM_INTERNAL_H
#define VEDETTE_TESTS_NETXDUO_SIM_INTERNAL_H

#include "nx_api.h"

/* Ends the program, saying `what`. */
_Noreturn void sim_fail(const char *what);

static inline void sim_require(int condition, const char *what)
{
    if (!condition) {
        sim_fail(what);
    }
}

/* Allocates and releases an NX_PACKET with `length` bytes of room, all of them empty. */
NX_PACKET *sim_packet_new(size_t length);
void sim_packet_free(NX_PACKET *packet);

#endif
