/* SPDX-License-Identifier: MIT */
/* Security solutions: how their documents are kept, and what they switch here. */

#ifndef VEDETTE_API_SOLUTION_H
#define VEDETTE_API_SOLUTION_H

#include <jansson.h>

#include "hub/registry.h"

/* The registry's setting with all of them, see api/management/named_list.h. */
#define VD_SOLUTIONS_SETTING "security-solutions"
#define VD_SOLUTIONS_MAX     10

/* What solutions with the status Enabled switch. */
struct vd_solution_switches {
    bool unmasked_addresses; /* one has unmaskedIpLoggingStatus Enabled */
    bool stores_raw_events;  /* there is none, or one exports RawEvents */
    /* Types of recommendations that every one of them has disabled, ["IoT_SharedCredentials"...]; the caller's. */
    json_t *disabled_recommendations;
};

/* VD_E_CORRUPT, VD_E_NOMEM, or the registry's. */
VD_NODISCARD int vd_solution_switches_read(
    struct vd_registry *registry, struct vd_solution_switches *out);

#endif
